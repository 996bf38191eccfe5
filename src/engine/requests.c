/* requests.c - what people and programs ask of a session, as events. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_internal.h"

struct engine_request *request_of(struct input *input)
{
    return CONTAINER_OF(input, struct asked, input)->request;
}

void request_refuse(struct engine_request *request, const char *code, enum err_code err_code,
                    const char *message)
{
    request->code = code;
    (void)err_set(&request->err, err_code, "%s", message);
}

int request_fills(struct engine *engine, struct engine_request *request,
                  const struct revision *revision)
{
    size_t max = engine->deps.config->limits.instructions_bytes;
    CLEANUP(buf_release) struct buf text = { .max = max };

    if (request->context.len > STORE_BODY_MAX) {
        (void)err_set(&request->err, ERR_LIMIT, "a context of at most %d MiB is kept",
                      STORE_BODY_MAX / 1024 / 1024);
        return 0;
    }
    enum err_code code = revision_instructions(revision, request->context, &text, &request->err);

    if (code == ERR_LIMIT) {
        request->code = "instructions_too_large";
        (void)err_set(&request->err, ERR_INVALID,
                      "with this context the agent's instructions are larger than the %zu bytes "
                      "that limits.instructions allows",
                      max);
    } else if (code) {
        request->code = "context_incomplete";
    }
    return code == ERR_NONE;
}

int request_lacks_price(struct engine_request *request, const struct config_model *model)
{
    if (request->budget.nanousd == 0 || !model || model->has_price)
        return 0;
    request->code = "price_missing";
    (void)err_set(&request->err, ERR_INVALID,
                  "a budget in dollars needs the price of the model '%s'; add it to pawl.yaml",
                  model->name);
    return 1;
}

struct engine_request *request_anew(struct input *input)
{
    struct engine_request *request = request_of(input);

    request->err = (struct err){ 0 };
    request->code = NULL;
    return request;
}

struct slice request_by(const struct engine_request *request)
{
    return request->by.len > 0 ? request->by : SLICE_LIT("person");
}

int request_refuse_call(struct engine_request *request, const char *code, enum err_code err_code,
                        const char *fmt, ...)
{
    char what[ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    request->code = code;
    (void)err_set(&request->err, err_code, "call %u of session %.*s%s", request->call,
                  (int)request->session.len, request->session.ptr, what);
    return 0;
}

static void asked_answer(struct asked *asked)
{
    struct engine_request *request = asked->request;

    revision_unref(asked->revision);
    fork_free(asked->fork);
    free(asked);
    request->done(request, request->arg);
}

static void aside_answer(void *arg)
{
    struct asked *asked = arg;
    struct engine *engine = asked->engine;

    list_remove(&engine->asked, &asked->aside);
    asked_answer(asked);
    drain_check(engine);
}

static void set_replayed(struct engine_request *request, struct slice response)
{
    size_t most = sizeof(request->id.text) - 1;

    request->is_replay = 1;
    request->code = NULL;
    request->err = (struct err){ 0 };
    request->id = (struct id){ { 0 } };
    memcpy(request->id.text, response.ptr, response.len < most ? response.len : most);
}

static void set_reused(struct engine_request *request)
{
    request_refuse(
        request, "idempotency_key_reused", ERR_INVALID,
        "this Idempotency-Key was used with another body; use a new key for a new request");
}

/*
 * A session that refuses a request with a key may have taken the same request before: one cannot
 * cancel twice, but may well ask twice. Its key knows.
 */
static void on_key(struct store_op *op, void *arg)
{
    struct asked *asked = arg;
    struct engine_request *request = asked->request;

    if (op->err.code == ERR_NONE && slice_equal(op->key.body_hash, request->idempotency.body_hash))
        set_replayed(request, op->key.response);
    else if (op->err.code == ERR_NONE)
        set_reused(request);
    else if (op->err.code != ERR_NOT_FOUND)
        request_refuse(request, NULL, ERR_UNAVAILABLE,
                       op->err.msg); /* nothing was done, whatever failed */
    aside_answer(asked);
}

static void ask_key(struct asked *asked)
{
    const struct store_idempotency *given = &asked->request->idempotency;

    list_add(&asked->engine->asked, &asked->aside);
    asked->op = (struct store_op){
        .kind = STORE_KEY,
        .key = { .tenant = given->tenant, .route = given->route, .key = given->key },
        .done = on_key,
        .arg = asked,
    };
    store_submit(asked->engine->deps.store, &asked->op);
}

void requests_free(struct engine *engine)
{
    struct link *at;

    while ((at = list_take(&engine->asked))) {
        struct asked *asked = CONTAINER_OF(at, struct asked, aside);

        loop_post_cancel(engine->deps.loop, &asked->answer);
        if (asked->op.done)
            request_refuse(asked->request, NULL, ERR_UNAVAILABLE,
                           "the server stopped; nothing was done");
        asked_answer(asked);
    }
}

/* What a client is told of a session that is not there any more. */
static const char *erasure_code(enum store_erasure erasure)
{
    return erasure == STORE_ERASURE_RETENTION ? "removed" : "erased";
}

static int is_theirs(const struct engine_request *request, const struct live *live)
{
    return slice_equal(request->idempotency.tenant, slice_of(live->tenant ? live->tenant : ""));
}

void asked_set_err(struct asked *asked, const struct live *live, const struct err *err)
{
    asked->request->err = *err;
    asked->request->code = err->code != ERR_NOT_FOUND ? NULL
                           : live->is_erased && is_theirs(asked->request, live)
                               ? erasure_code(live->erasure)
                               : "session_not_found";
}

/* What it did before is there, even if what it asked of is not any more. */
void asked_refused(struct asked *asked)
{
    enum err_code code = asked->request->err.code;

    if (asked->request->idempotency.key.len > 0 &&
        (code == ERR_CONFLICT || code == ERR_NOT_FOUND || code == ERR_INVALID))
        ask_key(asked);
    else
        asked_answer(asked);
}

static void asked_end(struct live *live, struct input *input, const struct err *err)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);
    struct engine_request *request = asked->request;

    request->id = live->id;
    if (err->code != ERR_NONE)
        asked_set_err(asked, live, err);
    if (request->kind == ENGINE_ERASE && err->code == ERR_NOT_FOUND && live->is_erased &&
        is_theirs(request, live)) {
        request->err = (struct err){ 0 }; /* once more, or its first answer was lost */
        request->code = NULL;
    }
    if (err->code == ERR_NONE && request->err.code == ERR_CONFLICT &&
        request->idempotency.key.len > 0)
        ask_key(asked);
    else
        asked_answer(asked);
}

/*
 * A key that was seen before: the tick was refused and tells the former answer. It must be read
 * here, while the store's memory is valid.
 */
void asked_done(struct live *live, struct input *input, const struct err *err)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);
    struct engine_request *request = asked->request;
    const struct store_commit *commit = live->tick ? &live->tick->op.commit : NULL;

    if (!commit || err->code == ERR_NONE || !live->tick->keyed || live->tick->keyed != input) {
        asked_end(live, input, err);
        return;
    }
    request->id = live->id;
    if (commit->is_replay)
        set_replayed(request, commit->replay);
    else
        set_reused(request);
    asked_answer(asked);
}

/* ---- kinds ---- */

static input_apply_fn create_apply, change_apply;

static const struct request_kind {
    input_apply_fn *apply;
    input_end_fn *end;
    enum event_kind event; /* that records it */
    int is_alone;
} kinds[ENGINE_REQUEST_KIND_COUNT] = {
    [ENGINE_CREATE] = { create_apply, asked_done, EV_CREATED, 0 },
    [ENGINE_MESSAGE] = { change_apply, asked_done, EV_MESSAGE, 0 },
    [ENGINE_CANCEL] = { change_apply, asked_done, EV_CANCELLED, 0 },
    [ENGINE_PAUSE] = { change_apply, asked_done, EV_PAUSED, 0 },
    [ENGINE_RESUME] = { change_apply, asked_done, EV_RESUMED, 0 },
    [ENGINE_RETRY] = { change_apply, asked_done, EV_RETRIED, 0 },
    [ENGINE_PATCH] = { patch_apply, asked_done, EV_CONTEXT_CHANGED, 0 },
    [ENGINE_SETTLE] = { settle_apply, asked_done, EV_TOOL_RECONCILED, 0 },
    [ENGINE_FORK] = { fork_look, fork_looked, EV_FORKED, 1 },
    [ENGINE_DECIDE] = { decide_apply, asked_done, EV_APPROVAL_DECIDED, 0 },
    [ENGINE_ANSWER] = { question_apply, asked_done, EV_INPUT_ANSWERED, 0 },
    [ENGINE_SIGNAL] = { signal_apply, asked_done, EV_SIGNAL, 0 },
    [ENGINE_ERASE] = { erase_apply, asked_done, EV_KIND_COUNT, 1 }, /* no event tells of it */
};

/* To another tenant it is as if there were no such session. */
static void asked_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_of(input);

    if (is_theirs(request, live))
        kinds[request->kind].apply(live, tick, input);
    else
        request_refuse(request, "session_not_found", ERR_NOT_FOUND, "there is no such session");
}

static void set_input(struct asked *asked)
{
    const struct request_kind *kind = &kinds[asked->request->kind];

    asked->input = (struct input){
        .apply = asked_apply, .end = kind->end, .is_request = 1, .is_alone = kind->is_alone
    };
}

/* ---- create ---- */

static int64_t lower(int64_t asked, int64_t agents)
{
    return asked > 0 && (agents == 0 || asked < agents) ? asked : agents;
}

static void create_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);
    const struct engine_request *request = asked->request;
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = EV_CREATED };
    const struct event_extra extras[] = {
        { .name = "agent", .kind = EXTRA_TEXT, .text = request->agent },
        { .name = "revision", .kind = EXTRA_TEXT, .text = slice_of(live->revision->hash) },
        { .name = "input", .kind = EXTRA_TEXT, .text = request->text },
        { .name = "context", .kind = EXTRA_JSON, .text = slice_or_null(request->context) },
        { .name = "metadata", .kind = EXTRA_JSON, .text = slice_or_null(request->metadata) },
        { .name = "tenant", .kind = EXTRA_TEXT, .text = slice_or_null(slice_of(live->tenant)) },
        { .name = "by", .kind = EXTRA_TEXT, .text = slice_or_null(request->by) },
        { 0 },
    };

    event.created = live->revision->limits;
    event.created.crashes = live->engine->deps.config->limits.crashes;
    event.created.tokens = lower(request->budget.tokens, event.created.tokens);
    event.created.nanousd = lower(request->budget.nanousd, event.created.nanousd);
    engine_format(live)->put_user(&wire, request->text);
    enum verdict verdict = tick_add(
        tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = buf_slice(&wire) });
    ASSERT(verdict == VERDICT_MOVED);
    live->row.created_at_ms = tick->now_ms;
    request_taken(tick, input, event.seq);
}

static void create(struct engine *engine, struct asked *asked)
{
    struct engine_request *request = asked->request;
    struct id id = id_make("ses_", loop_wall_ms(engine->deps.loop), &engine->random);
    struct slice metadata = request->metadata.len > 0 ? request->metadata : SLICE_LIT("{}");
    struct live *live = live_born(engine, &id, TAKE(asked->revision), request->idempotency.tenant,
                                  request->agent, metadata);

    live->context = request->context.len > 0 ? slice_dup(request->context) : NULL;
    set_input(asked);
    live_input(live, &asked->input);
}

static void check_create(struct engine *engine, struct asked *asked)
{
    struct engine_request *request = asked->request;
    const struct config_agent *agent = config_agent(engine->deps.config, request->agent);

    if (!agent) {
        request->code = "unknown_agent";
        (void)err_set(&request->err, ERR_NOT_FOUND,
                      "there is no agent '%.*s' in pawl.yaml; `pawl check` lists them",
                      (int)request->agent.len, request->agent.ptr);
        return;
    }
    if (request_lacks_price(request, agent->model))
        return;
    struct revision *revision = engine_revision(engine, slice_of(agent->revision));
    ASSERT(revision); /* engine_start() read all of them */
    if (request_fills(engine, request, revision))
        asked->revision = revision_ref(revision);
}

/* ---- messages and the rest ---- */

enum verdict request_add_budget(struct tick *tick, struct engine_request *request,
                                uint32_t *ret_seq)
{
    struct session_event event = { .kind = EV_BUDGET_CHANGED };
    const struct event_extra extras[] = {
        { .name = "by", .kind = EXTRA_TEXT, .text = slice_or_null(request->by) },
        { 0 },
    };

    if (request->budget.tokens == 0 && request->budget.nanousd == 0)
        return VERDICT_IGNORED;
    event.budget_changed.tokens =
        request->budget.tokens ? request->budget.tokens : tick->state.limits.tokens;
    event.budget_changed.nanousd =
        request->budget.nanousd ? request->budget.nanousd : tick->state.limits.nanousd;
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });

    *ret_seq = event.seq;
    return verdict;
}

static const char *state_text(const struct session_state *state)
{
    if (state->mode == SESSION_CANCELLED)
        return "it was cancelled, which is final";
    if (state->mode == SESSION_IDLE)
        return "its turn has ended";
    return state->is_paused ? "it is paused" : "it is at work";
}

void request_refuse_state(struct tick *tick, struct engine_request *request)
{
    request->code = "session_state";
    (void)err_set(&request->err, ERR_CONFLICT, "session %s cannot take '%s' now: %s",
                  tick->live->id.text, event_kind_name(kinds[request->kind].event),
                  state_text(&tick->state));
}

void request_taken(struct tick *tick, struct input *input, uint32_t seq)
{
    struct engine_request *request = request_of(input);

    request->seq = seq;
    audit_add(tick, request);
    tick->op.commit.firing = request->firing;
    if (request->firing.schedule.len > 0)
        tick->keyed = input;
    if (request->idempotency.key.len == 0)
        return;
    tick->op.commit.idempotency = request->idempotency;
    tick->op.commit.idempotency.at_ms = tick->now_ms;
    tick->op.commit.idempotency.response = id_slice(&tick->live->id);
    tick->keyed = input;
}

static void change_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = kinds[request->kind].event };
    int is_message = request->kind == ENGINE_MESSAGE;
    struct slice closed = { 0 };
    const struct event_extra extras[] = {
        { .name = is_message ? "content" : "reason",
          .kind = EXTRA_TEXT,
          .text = is_message ? request->text : slice_or_null(request->text) },
        { .name = "by", .kind = EXTRA_TEXT, .text = slice_or_null(request->by) },
        { 0 },
    };

    if (request_lacks_price(request, engine_model(live)))
        return;
    if (is_message)
        engine_format(live)->put_user(&wire, request->text);
    if (request->kind == ENGINE_CANCEL) {
        closed = answers_at_cancel(tick);
        tick->reason.code = SLICE_LIT("cancelled");
    }
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event,
                                             .extras = extras,
                                             .wire = is_message ? buf_slice(&wire) : closed });
    tick->reason = (struct tick_reason){ 0 };
    if (verdict != VERDICT_MOVED) {
        request_refuse_state(tick, request);
        return;
    }
    if (request->kind == ENGINE_RETRY) {
        uint32_t budget_seq;

        (void)request_add_budget(tick, request, &budget_seq);
    }
    request_taken(tick, input, event.seq);
}

/* ---- all of them ---- */

void engine_submit(struct engine *engine, struct engine_request *request)
{
    struct asked *asked = xcalloc(1, sizeof(*asked));

    asked->engine = engine;
    asked->request = request;
    request->err = (struct err){ 0 };
    request->code = NULL;
    request->is_replay = 0;
    request->seq = 0;
    if (engine->drain)
        request_refuse(request, "shutting_down", ERR_LIMIT,
                       "the server is shutting down; send this again in a moment");
    else if (request->kind == ENGINE_CREATE)
        check_create(engine, asked);
    if (request->err.code != ERR_NONE) {
        list_add(&engine->asked, &asked->aside);
        loop_post(engine->deps.loop, &asked->answer, aside_answer, asked);
        return;
    }
    if (request->kind == ENGINE_CREATE) {
        create(engine, asked);
        return;
    }
    set_input(asked);
    live_input(live_get(engine, request->session), &asked->input);
}
