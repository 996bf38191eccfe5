/* book_model.c - the rules of a model call: its numbers, its attempts, its money. */
#include <stdio.h>

#include "sim/book.h"

static struct money add(struct money a, struct money b)
{
    return (struct money){ a.tokens + b.tokens, a.nanousd + b.nanousd };
}

static int is_same(struct money a, struct money b)
{
    return a.tokens == b.tokens && a.nanousd == b.nanousd;
}

/* prices x usage */
static struct money cost(const struct config_model *model, const struct usage *usage)
{
    int64_t fresh = usage->input_tokens - usage->cached_tokens;

    return (struct money){ usage->input_tokens + usage->output_tokens,
                           fresh * model->price.input +
                               usage->cached_tokens * model->price.cached_input +
                               usage->output_tokens * model->price.output };
}

int book_has_model(const struct world *world, const struct book_session *session)
{
    return config_model(&world->scene.config, slice_of(session->agent->model->name)) != NULL;
}

/* A call more, if the turn's steps allow. */
void book_wants_model(struct book_session *session)
{
    if (session->limits.steps && session->steps + 1 > session->limits.steps) {
        session->due = "step_limit";
        return;
    }
    session->steps++;
    session->last_call++;
    session->model.state = ASKING_WANTED;
    session->model.number = session->last_call;
    session->model.attempt = 1;
    session->model.failures = 0;
    session->model.due_ms = 0;
}

/* What may have been spent stays spent, until a late usage says better. */
void book_charge(struct book_session *session, struct money money)
{
    session->spent = add(session->spent, money);
    session->model.reserved = (struct money){ 0 };
    if (money.tokens == 0 && money.nanousd == 0)
        return;
    if (session->charges_n == CHARGES_MAX) {
        memmove(&session->charges[0], &session->charges[1],
                (CHARGES_MAX - 1) * sizeof(session->charges[0]));
        session->charges_n--;
    }
    session->charges[session->charges_n++] =
        (struct book_charge){ session->model.number, session->model.attempt, money };
}

static void check_current(struct book_event *e)
{
    const struct book_session *session = e->session;

    if (session->life != LIFE_ACTIVE || session->model.state != ASKING_RUNNING ||
        e->call != session->model.number || e->attempt != session->model.attempt)
        book_wrong(e, "this is not the attempt that is under way (%u/%u)", session->model.number,
                   session->model.attempt);
}

static void started(struct book_event *e)
{
    struct book_session *session = e->session;
    struct money reserved = book_money(e->body, "reserved");
    struct money sum = add(session->spent, reserved);
    int64_t wall_ms = book_wall_used_ms(session, e->event->at_ms);

    if (session->life != LIFE_ACTIVE || session->model.state != ASKING_WANTED)
        book_wrong(e, "no call is wanted");
    if (session->is_paused)
        book_wrong(e, "it is paused");
    if (!book_has_model(e->world, session))
        book_wrong(e, "its model is not configured");
    if (e->call != session->model.number || e->attempt != session->model.attempt)
        book_wrong(e, "the call wanted is %u, attempt %u", session->model.number,
                   session->model.attempt);
    if (book_open_calls(session) > 0)
        book_wrong(e, "a tool call is open");
    if ((session->limits.tokens && sum.tokens > session->limits.tokens) ||
        (session->limits.nanousd && sum.nanousd > session->limits.nanousd))
        book_wrong(e, "it could pass the ceiling");
    /* While a clock that was turned back is behind, no time passes and nothing is due. */
    if (session->limits.wall_ms && wall_ms >= session->limits.wall_ms &&
        e->event->at_ms >= session->wall_since_ms)
        book_wrong(e, "the turn's time is over: %lld ms", (long long)wall_ms);
    session->model.state = ASKING_RUNNING;
    session->model.is_asked = 0;
    session->model.reserved = reserved;
    session->model.started_seq = e->event->seq;
    session->model.process = e->world->process_n;
    session->is_turn_started = 1;
    session->unread = 0;
    session->unread_seq = 0;
}

/* ---- answers ---- */

static int is_object(const char *text)
{
    return text[0] == 0 || strncmp(text, "{\"call\":", 8) == 0 || book_is_wait_text(text) ||
           strcmp(text, "{}") == 0 || strcmp(text, "{\"a\":1}") == 0 ||
           strcmp(text, "{\"a\":77}") == 0 || strcmp(text, "{\"b\":[1,2],\"a\":\"x\"}") == 0;
}

/* What the tool must get: none is {}; the canonical form has its keys sorted. */
static const char *canonical(const char *text)
{
    if (text[0] == 0)
        return "{}";
    return text[1] == '"' && text[2] == 'b' ? "{\"a\":\"x\",\"b\":[1,2]}" : text;
}

static const struct config_tool *tool_of(const struct book_session *session, const char *name)
{
    for (size_t i = 0; i < session->agent->tools_n; i++) {
        if (strcmp(session->agent->tools[i]->name, name) == 0)
            return session->agent->tools[i];
    }
    return NULL;
}

/* 77 is above the one maximum that a tool of these worlds may have. */
static int is_misfit(const struct config_tool *tool, const char *arguments)
{
    return strstr(tool->parameters, "maximum") && strcmp(arguments, "{\"a\":77}") == 0;
}

static void check_fits(struct book_event *e, const struct book_call *call, const struct json *decl,
                       const struct config_tool *tool, int is_good, int is_fit)
{
    const struct json *fits = json_get(decl, "fits");

    if (json_bool(json_get(decl, "refused"), 0) == is_good)
        book_wrong(e, "call %u is %s, and recorded otherwise", call->number,
                   is_good ? "good" : "no good");
    if (tool ? json_bool(fits, !is_fit) != is_fit : fits != NULL)
        book_wrong(e, "whether the arguments of call %u fit is recorded wrongly", call->number);
}

static int is_once(const struct book_session *session, const char *tool)
{
    for (size_t i = 0; i < session->agent->tools_n; i++) {
        if (strcmp(session->agent->tools[i]->name, tool) == 0)
            return session->agent->tools[i]->is_once;
    }
    return 0;
}

/* How many of an answer's calls are run. Those that are still in doubt, although their turn is
 * over, take the place of others. */
static size_t calls_room(const struct book_event *e)
{
    size_t most = e->world->scene.config.limits.tool_calls;
    size_t n = CALLS_MAX;

    for (size_t i = 0; i < e->session->calls_n; i++)
        n -= e->session->calls[i].state != TOOLING_CLOSED;
    return n < most ? n : most;
}

static void open_call(struct book_event *e, const struct given_answer *given, size_t i,
                      const struct json *decl)
{
    struct book_session *session = e->session;
    const struct config_tool *tool = tool_of(session, given->calls[i].tool);
    const char *arguments = given->calls[i].arguments;
    int is_fit = tool && is_object(arguments) && !is_misfit(tool, arguments);
    int is_good = is_fit && book_is_good_wait(tool, arguments);
    struct book_call *call;

    if (session->calls_n == session->calls_cap) {
        session->calls_cap = session->calls_cap ? session->calls_cap * 2 : 16;
        session->calls = xrealloc(session->calls, session->calls_cap * sizeof(*session->calls));
    }
    call = &session->calls[session->calls_n++];
    *call = (struct book_call){ .number = ++session->last_call,
                                .state = is_good ? TOOLING_HELD : TOOLING_REFUSED,
                                .attempt = 1,
                                .item = session->items_n - 1,
                                .is_misfit = tool && is_misfit(tool, arguments) };
    (void)snprintf(call->id, sizeof(call->id), "%s", given->calls[i].id);
    (void)snprintf(call->tool, sizeof(call->tool), "%s", given->calls[i].tool);
    (void)snprintf(call->arguments, sizeof(call->arguments), "%s", canonical(arguments));
    if ((uint32_t)json_int(json_get(decl, "call"), 0) != call->number ||
        !slice_is(json_str(json_get(decl, "id")), call->id) ||
        !slice_is(json_str(json_get(decl, "tool")), call->tool))
        book_wrong(e, "call %u is not the one that the model asked for", call->number);
    check_fits(e, call, decl, tool, is_good, is_fit);
    call->is_once = json_bool(json_get(decl, "once"), 0);
    call->has_reconcile = json_bool(json_get(decl, "reconcile"), 0);
    if (call->is_once != is_once(e->session, call->tool))
        book_wrong(e, "call %u is recorded as once, or not, and its tool is otherwise",
                   call->number);
    if (book_waits(tool))
        book_check_wait(e, call, tool, decl);
    else
        book_check_asked(e, call, decl);
}

static void add_answer(struct book_event *e, const struct given_answer *given)
{
    struct book_item item = { .is_answer = 1,
                              .seq = e->event->seq,
                              .started_seq = e->session->model.started_seq,
                              .results_n = given->calls_n };

    (void)snprintf(item.token, sizeof(item.token), "%s", given->say);
    if (given->calls_n > 0)
        item.results = xcalloc(given->calls_n, sizeof(*item.results));
    for (size_t i = 0; i < given->calls_n; i++) {
        (void)snprintf(item.results[i].id, sizeof(item.results[i].id), "%s", given->calls[i].id);
        item.results[i].is_there = i >= calls_room(e); /* answered at once: too many */
    }
    book_item_add(e->session, &item);
}

static void begin_calls(struct book_event *e, size_t first)
{
    struct book_session *session = e->session;
    uint32_t asked = (uint32_t)(session->calls_n - first);

    if (session->limits.steps && session->steps + asked > session->limits.steps) {
        session->due = "step_limit"; /* what is not begun is no step */
        return;
    }
    session->steps += asked;
    for (size_t i = first; i < session->calls_n; i++) {
        struct book_call *call = &session->calls[i];

        if (call->state == TOOLING_HELD && call->waits != WAITS_NOT)
            book_begin_wait(e, call);
        if (call->state != TOOLING_HELD || session->is_paused)
            continue;
        call->state = TOOLING_OUT;
        call->out_process = e->world->process_n;
        call->out_seq = e->event->seq;
    }
}

static const char *end_of(enum answer_finish finish)
{
    switch (finish) {
    case FINISH_LENGTH: return "output_truncated";
    case FINISH_FILTERED: return "output_filtered";
    case FINISH_STOP:
    case FINISH_COUNT: break;
    }
    return "completed";
}

static void answered(struct book_event *e)
{
    struct book_session *session = e->session;
    const struct given_answer *given = book_given(e->world->book, session, e->call, e->attempt);
    const struct json *calls = json_get(e->body, "calls");
    struct money used = book_money(e->body, "used");
    size_t first = session->calls_n;

    check_current(e);
    if (!given || given->error != MODEL_OK ||
        !slice_is(json_str(json_get(e->body, "text")), given->say))
        book_wrong(e, "the model did not say that");
    book_check_prompt(e, given->peace_ms);
    if (!is_same(used, given->has_usage ? cost(session->agent->model, &given->usage)
                                        : session->model.reserved))
        book_wrong(e, "it cost something else");
    if (json_count(calls) != (given->calls_n < calls_room(e) ? given->calls_n : calls_room(e)))
        book_wrong(e, "the model asked for %zu calls", given->calls_n);
    if (json_count(calls) + (size_t)json_int(json_get(e->body, "unplaced"), 0) != given->calls_n)
        book_wrong(e, "calls that are not run are counted wrongly");
    session->spent = add(session->spent, used);
    session->model.reserved = (struct money){ 0 };
    session->model.state = ASKING_NOT;
    session->crashes = 0;
    add_answer(e, given);
    for (size_t i = 0; i < json_count(calls); i++)
        open_call(e, given, i, json_at(calls, i));
    if (given->calls_n == 0)
        session->due = end_of(given->finish);
    else
        begin_calls(e, first);
}

/* ---- failures ---- */

/* The provider may have made something of it. */
static int may_have_cost(enum model_error error)
{
    return error == MODEL_SERVER_ERROR || error == MODEL_TIMED_OUT || error == MODEL_BAD_ANSWER ||
           error == MODEL_CANCELLED;
}

static int is_passing(enum model_error error)
{
    return error == MODEL_RATE_LIMITED || error == MODEL_OVERLOADED ||
           error == MODEL_SERVER_ERROR || error == MODEL_UNREACHABLE || error == MODEL_TIMED_OUT ||
           error == MODEL_BAD_ANSWER;
}

void book_check_retry(struct book_event *e, const struct retry_policy *policy, uint32_t failures,
                      int64_t floor_ms, int is_final)
{
    int64_t retry_at_ms = json_int(json_get(e->body, "retry_at"), 0);
    int64_t most_ms = policy->first_ms;

    if (is_final || failures >= policy->attempts) {
        if (retry_at_ms != 0)
            book_wrong(e, "it is tried again after %u failures, against its policy", failures);
        return;
    }
    if (retry_at_ms == 0)
        book_wrong(e, "it is given up after %u failures, its policy allows %u", failures,
                   policy->attempts);
    for (uint32_t i = 1; i < failures && most_ms < policy->max_ms; i++)
        most_ms *= 2;
    if (most_ms > policy->max_ms)
        most_ms = policy->max_ms;
    if (retry_at_ms < e->event->at_ms + floor_ms ||
        retry_at_ms > e->event->at_ms + floor_ms + most_ms)
        book_wrong(e, "it waits %lld ms, its policy says %lld to %lld",
                   (long long)(retry_at_ms - e->event->at_ms), (long long)floor_ms,
                   (long long)(floor_ms + most_ms));
}

static void failed(struct book_event *e)
{
    struct book_session *session = e->session;
    const struct given_answer *given = book_given(e->world->book, session, e->call, e->attempt);
    struct money charged = book_money(e->body, "charged");

    check_current(e);
    if (!given || given->error == MODEL_OK)
        book_wrong(e, "the model did not fail");
    book_check_prompt(e, given->peace_ms);
    if (!is_same(charged,
                 may_have_cost(given->error) ? session->model.reserved : (struct money){ 0 }))
        book_wrong(e, "%s is charged wrongly", model_error_name(given->error));
    book_charge(session, charged);
    session->model.failures++;
    book_check_retry(e, &session->agent->model->retry, session->model.failures,
                     given->retry_after_ms, !is_passing(given->error));
    session->model.due_ms = json_int(json_get(e->body, "retry_at"), 0);
    if (session->model.due_ms == 0) {
        session->model.state = ASKING_NOT;
        session->due = "model_failed";
        (void)snprintf(session->error, sizeof(session->error), "model_%s",
                       model_error_name(given->error));
        return;
    }
    session->model.state = ASKING_BACKOFF;
    session->model.attempt++;
}

/* It replaces its own charge, and no other. */
static void usage_came(struct book_event *e)
{
    struct book_session *session = e->session;
    const struct given_answer *given = book_given(e->world->book, session, e->call, e->attempt);
    size_t i = 0;

    while (i < session->charges_n &&
           (session->charges[i].call != e->call || session->charges[i].attempt != e->attempt))
        i++;
    if (i == session->charges_n)
        book_wrong(e, "nothing was charged for it");
    if (!given || !given->has_usage ||
        !is_same(book_money(e->body, "used"), cost(session->agent->model, &given->usage)))
        book_wrong(e, "that is not what it used");
    session->spent.tokens -= session->charges[i].money.tokens;
    session->spent.nanousd -= session->charges[i].money.nanousd;
    session->spent = add(session->spent, book_money(e->body, "used"));
    session->charges[i] = session->charges[--session->charges_n];
}

void book_model_event(struct book_event *e)
{
    if (e->event->kind == EV_MODEL_STARTED)
        started(e);
    else if (e->event->kind == EV_MODEL_ANSWERED)
        answered(e);
    else if (e->event->kind == EV_MODEL_FAILED)
        failed(e);
    else
        usage_came(e);
}
