/* book.c - the sessions in the book, and what is written about them. */
#include "sim/book.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_TRY_AGAIN = 75 };

struct book *book_new(struct world *world)
{
    struct book *book = xcalloc(1, sizeof(*book));

    book->world = world;
    book->by_id = map_new();
    book->answers = map_new();
    book->results = map_new();
    return book;
}

static void session_free(struct book_session *session)
{
    for (size_t i = 0; i < session->items_n; i++)
        free(session->items[i].results);
    free(session->items);
    free(session->calls);
    free(session->signals);
    free(session->kinds);
    free(session->patches);
    free(session->past);
    free(session);
}

void book_free(struct book *book)
{
    void *value;

    for (size_t i = 0; i < book->sessions_n; i++)
        session_free(book->sessions[i]);
    for (size_t i = 0; i < book->answers_n; i++)
        free(book->answer_list[i]);
    for (size_t at = 0; map_each(book->results, &at, &value);)
        free(value);
    map_free(book->by_id);
    map_free(book->answers);
    map_free(book->results);
    free((void *)book->sessions);
    free((void *)book->answer_list);
    free(book);
}

struct book_session *book_find(const struct book *book, struct slice id)
{
    return map_get(book->by_id, id);
}

void book_wrong(const struct book_event *e, const char *fmt, ...)
{
    char what[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    fail(e->world, "ses%u event %u %s call %u attempt %u: %s", e->session->index, e->event->seq,
         event_kind_name(e->event->kind), e->call, e->attempt, what);
}

/* Where nothing fails, what the world has done is recorded soon, not at the next timer. */
void book_check_prompt(struct book_event *e, int64_t peace_ms)
{
    if (peace_ms != 0 && e->world->mono_ms > peace_ms + PROMPT_MS)
        book_wrong(e, "it was given to the engine %lld ms ago",
                   (long long)(e->world->mono_ms - peace_ms));
}

/* ---- small questions ---- */

struct money book_money(const struct json *body, const char *key)
{
    const struct json *node = json_get(body, key);

    return (struct money){ json_int(json_get(node, "tokens"), 0),
                           json_int(json_get(node, "nanousd"), 0) };
}

struct book_call *book_call(const struct book_session *session, uint32_t number)
{
    for (size_t i = session->calls_n; i-- > 0;) {
        if (session->calls[i].number == number)
            return &session->calls[i];
    }
    return NULL;
}

size_t book_open_calls(const struct book_session *session)
{
    size_t n = 0;

    for (size_t i = 0; i < session->calls_n; i++)
        n += session->calls[i].state != TOOLING_CLOSED && !session->calls[i].is_orphan;
    return n;
}

struct book_result *book_result_of(struct book_session *session, const struct book_call *call)
{
    struct book_item *item = &session->items[call->item];

    for (size_t i = 0; i < item->results_n; i++) {
        if (strcmp(item->results[i].id, call->id) == 0)
            return &item->results[i];
    }
    return NULL;
}

static uint64_t key_of(unsigned session, uint32_t call, uint32_t attempt)
{
    return (uint64_t)session << 48 | (uint64_t)call << 16 | attempt;
}

const struct given_answer *book_given(const struct book *book, const struct book_session *session,
                                      uint32_t call, uint32_t attempt)
{
    return map_get_u64(book->answers, key_of(session->index, call, attempt));
}

const struct given_result *book_run_of(const struct book *book, const struct book_session *session,
                                       uint32_t call, uint32_t attempt)
{
    return map_get_u64(book->results, key_of(session->index, call, attempt));
}

/* What the engine knows to be no longer wanted, it must have stopped. */
static void check_answer_wanted(struct book *book, const struct given_answer *answer)
{
    const struct book_session *session = book->sessions[answer->session];
    int is_wanted = session->model.state == ASKING_RUNNING &&
                    session->model.number == answer->call &&
                    session->model.attempt == answer->attempt;

    if (!is_wanted && !answer->is_stopped && session->known_seq == session->seq)
        fail(book->world, "ses%u call %u attempt %u is no longer wanted, and was not stopped",
             session->index, answer->call, answer->attempt);
}

static void check_result_wanted(struct book *book, const struct given_result *result)
{
    const struct book_session *session = book->sessions[result->session];
    const struct book_call *call = book_call(session, result->call);

    if (call && (call->state == TOOLING_CLOSED || call->is_orphan) && !result->is_look &&
        !result->is_stopped && session->known_seq >= call->closed_seq)
        fail(book->world, "ses%u call %u attempt %u has its answer, and was not stopped",
             session->index, result->call, result->attempt);
}

void book_answered(struct book *book, const struct given_answer *answer)
{
    struct given_answer *copy = xcalloc(1, sizeof(*copy));

    check_answer_wanted(book, answer);
    *copy = *answer;
    copy->peace_ms = book->world->is_peace ? book->world->mono_ms : 0;
    trace(book->world, "model  ses%u call %u attempt %u: %s %s, %zu calls", answer->session,
          answer->call, answer->attempt, model_error_name(answer->error), answer->say,
          answer->calls_n);
    if (map_put_u64(book->answers, key_of(answer->session, answer->call, answer->attempt), copy))
        fail(book->world, "ses%u call %u attempt %u was asked twice", answer->session, answer->call,
             answer->attempt);
    book->answer_list =
        xrealloc((void *)book->answer_list, (book->answers_n + 1) * sizeof(struct given_answer *));
    book->answer_list[book->answers_n++] = copy;
}

static int did_nothing(const struct given_result *result)
{
    return result->end == TOOL_NOT_STARTED ||
           (result->end == TOOL_EXITED && result->status == EXIT_TRY_AGAIN);
}

static void note_result(struct book_call *call, const struct given_result *result, int64_t peace_ms)
{
    if (did_nothing(result) && result->attempt > call->proven &&
        (!result->is_look || result->end == TOOL_EXITED))
        call->proven = result->attempt;
    if (!result->is_look)
        return;
    call->look.attempt = result->attempt;
    call->look.end = result->end;
    call->look.status = result->status;
    call->look.peace_ms = peace_ms;
    (void)snprintf(call->look.output, sizeof(call->look.output), "%s", result->output);
}

void book_result(struct book *book, const struct given_result *result)
{
    struct given_result *copy = xcalloc(1, sizeof(*copy));
    struct book_call *call = book_call(book->sessions[result->session], result->call);

    check_result_wanted(book, result);
    note_result(call, result, book->world->is_peace ? book->world->mono_ms : 0);
    *copy = *result;
    copy->peace_ms = book->world->is_peace ? book->world->mono_ms : 0;
    trace(book->world, "%s ses%u call %u attempt %u: %s %d %s",
          result->is_look ? "look  " : "tool  ", result->session, result->call, result->attempt,
          tool_end_name(result->end), result->status, result->output);
    if (result->is_look) {
        free(copy);
        return;
    }
    if (map_put_u64(book->results, key_of(result->session, result->call, result->attempt), copy))
        fail(book->world, "ses%u call %u attempt %u was run twice", result->session, result->call,
             result->attempt);
}

/* ---- sessions ---- */

static const struct config_agent *agent_of(const struct world *world, struct slice name)
{
    const struct config *config = &world->scene.config;

    for (size_t i = 0; i < config->agents_n; i++) {
        if (slice_is(name, config->agents[i].name))
            return &config->agents[i];
    }
    return NULL;
}

static struct book_session *session_add(struct book *book, const struct store_session *row)
{
    struct world *world = book->world;
    struct book_session *session = xcalloc(1, sizeof(*session));

    ASSERT(row->id.len < sizeof(session->id));
    memcpy(session->id, row->id.ptr, row->id.len);
    session->index = (unsigned)book->sessions_n;
    session->agent = agent_of(world, row->agent);
    session->is_pill = chance(world, world->weights.pill);
    if (!session->agent)
        fail(world, "a session of an agent that there is not");
    book->sessions =
        xrealloc((void *)book->sessions, (book->sessions_n + 1) * sizeof(struct book_session *));
    book->sessions[book->sessions_n++] = session;
    (void)map_put(book->by_id, row->id, session);
    return session;
}

void book_item_add(struct book_session *session, const struct book_item *item)
{
    if (session->items_n == session->items_cap) {
        session->items_cap = session->items_cap ? session->items_cap * 2 : 16;
        session->items = xrealloc(session->items, session->items_cap * sizeof(*session->items));
    }
    session->items[session->items_n++] = *item;
}

/* ---- a tick ---- */

static void apply(struct book_event *e)
{
    struct book_session *session = e->session;

    if (e->event->seq != session->seq + 1)
        book_wrong(e, "the journal has a gap, or a number twice");
    if (session->due && e->event->kind != EV_TURN_ENDED)
        book_wrong(e, "the turn must end first: %s", session->due);
    session->seq = e->event->seq;
    session->tick_ms = e->event->at_ms;
    session->kinds = xrealloc(session->kinds, session->seq);
    session->kinds[session->seq - 1] = (unsigned char)e->event->kind;
    switch (e->event->kind) {
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: book_model_event(e); break;
    case EV_TOOL_FINISHED:
    case EV_TOOL_FAILED: book_tool_event(e); break;
    case EV_BUDGET_CHANGED:
    case EV_CONTEXT_CHANGED: book_patch_event(e); break;
    case EV_TOOL_SENT:
    case EV_TOOL_IN_DOUBT:
    case EV_TOOL_RECONCILED: book_once_event(e); break;
    case EV_APPROVAL_DECIDED:
    case EV_APPROVAL_EXPIRED: book_approval_event(e); break;
    case EV_INPUT_ANSWERED:
    case EV_SIGNAL: book_wait_event(e); break;
    default: book_life_event(e); break;
    }
}

/* The turn's clock: it runs while a turn is under way, is not due to end, is not paused, and while
 * there is anything but people to wait for. */
static void run_clock(struct book_session *session)
{
    int is_running = session->life == LIFE_ACTIVE && !session->due && !session->is_paused &&
                     !book_asks_person(session);

    if (is_running && session->wall_since_ms == 0) {
        session->wall_since_ms = session->tick_ms;
    } else if (!is_running && session->wall_since_ms != 0) {
        session->wall_used_ms = book_wall_used_ms(session, session->tick_ms);
        session->wall_since_ms = 0;
    }
}

int64_t book_wall_used_ms(const struct book_session *session, int64_t now_ms)
{
    int64_t more_ms = session->wall_since_ms ? now_ms - session->wall_since_ms : 0;

    return session->wall_used_ms + (more_ms > 0 ? more_ms : 0);
}

static void written_event(struct book *book, struct book_session *session,
                          const struct store_event *event)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct book_event e = { .world = book->world, .session = session, .event = event };
    struct err err = { 0 };

    if (json_read(&body, event->body, (size_t)1024 * 1024, &err))
        book_wrong(&e, "its body is no JSON: %s", err.msg);
    e.body = body;
    e.call = (uint32_t)json_int(json_get(body, "call"), 0);
    e.attempt = (uint32_t)json_int(json_get(body, "attempt"), 0);
    trace(book->world, "disk   ses%u %u %s call %u attempt %u %s", session->index, event->seq,
          event_kind_name(event->kind), e.call, e.attempt,
          event->kind == EV_TURN_ENDED ? json_str(json_get(body, "cause")).ptr : "");
    apply(&e);
    run_clock(session);
    book_keep_past(session);
}

/* Whatever is handed out is in the hands of the process that owns the session. */
static void claim(struct book *book, struct book_session *session)
{
    for (size_t i = 0; i < session->calls_n; i++) {
        if (session->calls[i].state == TOOLING_OUT || session->calls[i].state == TOOLING_LOOK)
            session->calls[i].out_process = book->world->process_n;
    }
}

void book_written(struct book *book, const struct store_commit *commit)
{
    struct book_session *session = book_find(book, commit->row.id);

    int is_new = !session;

    if (is_new)
        session = session_add(book, &commit->row);
    if (session->is_erased)
        fail(book->world, "ses%u was erased, and is written to", session->index);
    if (is_new && commit->copy_of != 0)
        book_copied(book, session, commit);
    else if (commit->copy_of != 0)
        fail(book->world, "ses%u is there, and becomes a copy", session->index);
    session->key = commit->row.key;
    session->tick_counts = 0;
    session->tick_interrupted = 0;
    session->version++;
    if (commit->events_n == 0)
        trace(book->world, "disk   ses%u changes hands", session->index);
    for (size_t i = 0; i < commit->events_n; i++)
        written_event(book, session, &commit->events[i]);
    if (commit->copy_of != 0 && session->forked_seq != commit->copy_n + 1)
        fail(book->world, "ses%u is a copy, and does not say so", session->index);
    if (session->tick_interrupted && !session->tick_counts)
        fail(book->world, "ses%u: a crash interrupted it, and was not counted", session->index);
    if (commit->row.metadata.ptr)
        (void)snprintf(session->row_metadata, sizeof(session->row_metadata), "%.*s",
                       (int)commit->row.metadata.len, commit->row.metadata.ptr);
    book_check_row(book, session, &commit->row);
    book_check_shown(book, commit);
    book_check_told(book, session, commit);
    if (commit->row.owner != 0)
        claim(book, session);
}

/* Of all turns: one in doubt outlives its own. 0: none is open. */
static uint32_t open_call(const struct book_session *session)
{
    for (size_t k = 0; k < session->calls_n; k++) {
        if (session->calls[k].state != TOOLING_CLOSED)
            return session->calls[k].number;
    }
    return 0;
}

static int is_retained(const struct world *world, int64_t ended_at_ms, int64_t now_ms)
{
    int64_t age_ms = world->scene.config.retention.age_ms;

    return age_ms == 0 || now_ms - ended_at_ms < age_ms;
}

/* Of retention: it was old enough by any clock, or there was not enough place. */
static void check_reason(const struct book *book, const struct book_session *session,
                         const struct store_op *op)
{
    struct world *world = book->world;
    int64_t bytes = world->scene.config.retention.bytes;

    if (op->erase.why == STORE_ERASURE_RETENTION &&
        is_retained(world, session->ended_at_ms, world->latest_ms) &&
        (bytes == 0 || world->used_bytes <= bytes))
        fail(world, "ses%u is young, there is place enough, and it was removed", session->index);
}

void book_check_kept(const struct book *book)
{
    struct world *world = book->world;

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        if (!session->is_erased && session->life != LIFE_ACTIVE && open_call(session) == 0 &&
            !is_retained(world, session->ended_at_ms, world_wall_ms(world) - KEPT_SLACK_MS))
            fail(world, "ses%u is old, and it was not removed", session->index);
    }
}

void book_erased(struct book *book, const struct store_op *op)
{
    int64_t key = op->erase.session;

    if (op->audits_n != 1 || !slice_is(op->audits[0].action, "session.erase"))
        fail(book->world, "a session was erased, and no row tells who did it");
    for (size_t i = 0; i < book->sessions_n; i++) {
        struct book_session *session = book->sessions[i];

        if (session->key != key)
            continue;
        trace(book->world, "disk   ses%u is erased", session->index);
        if (session->life == LIFE_ACTIVE)
            fail(book->world, "ses%u is at work, and was erased", session->index);
        if (open_call(session) != 0)
            fail(book->world, "call %u of ses%u is open, and it was erased", open_call(session),
                 session->index);
        check_reason(book, session, op);
        session->is_erased = 1;
        return;
    }
    fail(book->world, "what was erased is in no journal");
}

void book_known(struct book *book, struct slice id, uint32_t seq)
{
    struct book_session *session = book_find(book, id);

    ASSERT(session);
    session->known_seq = seq > session->known_seq ? seq : session->known_seq;
}

void book_restarted(struct book *book)
{
    for (size_t i = 0; i < book->sessions_n; i++)
        book->sessions[i]->known_seq = book->sessions[i]->seq;
}

/* ---- the end ---- */

int book_is_quiet(const struct book *book)
{
    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *session = book->sessions[i];

        if (session->life == LIFE_ACTIVE && !session->is_paused && !book_asks_person(session))
            return 0;
        for (size_t k = 0; k < session->calls_n; k++) {
            enum tooling state = session->calls[k].state;

            if (state == TOOLING_OUT || state == TOOLING_SENT || state == TOOLING_DOUBT ||
                state == TOOLING_LOOK ||
                ((state == TOOLING_APPROVAL || state == TOOLING_WAITING) &&
                 session->calls[k].due_ms != 0))
                return 0; /* paused, or over: but what is out will still come back */
        }
        if (session->model.state == ASKING_RUNNING || session->model.state == ASKING_BACKOFF)
            return 0;
    }
    return 1;
}

static size_t charges_of(const struct book_session *session, uint32_t call, uint32_t attempt)
{
    for (size_t i = 0; i < session->charges_n; i++) {
        if (session->charges[i].call == call && session->charges[i].attempt == attempt)
            return i + 1;
    }
    return 0;
}

/* A late answer that told what it cost, to a process that lived on, must have been paid. */
static void check_late(struct book *book)
{
    for (size_t i = 0; i < book->answers_n; i++) {
        const struct given_answer *answer = book->answer_list[i];
        const struct book_session *session = book->sessions[answer->session];

        if (answer->has_usage && !session->is_erased && answer->process == book->world->process_n &&
            session->charges_n <= 4 && charges_of(session, answer->call, answer->attempt))
            fail(book->world, "ses%u call %u attempt %u told its usage late, and it is not paid",
                 session->index, answer->call, answer->attempt);
    }
}

void book_close(struct book *book)
{
    if (!book_is_quiet(book))
        fail(book->world, "the engine stopped, and something is open");
    check_late(book);
    book_check_inbox(book);
    book_check_deliveries(book);
}

void book_print(const struct book *book, FILE *to)
{
    static const char *const lives[] = { "new", "active", "ended", "cancelled" };
    static const char *const asks[] = { "none", "wanted", "running", "backoff" };

    for (size_t i = 0; i < book->sessions_n; i++) {
        const struct book_session *s = book->sessions[i];

        (void)fprintf(to, "ses%u %s: %s%s turn %u seq %u model %s %u/%u, %zu tools open, %s\n",
                      s->index, s->id, lives[s->life], s->is_paused ? " paused" : "", s->turn,
                      s->seq, asks[s->model.state], s->model.number, s->model.attempt,
                      book_open_calls(s), s->is_pill ? "a pill" : "");
    }
}
