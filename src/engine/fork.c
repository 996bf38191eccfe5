/*
 * fork.c - a new session that begins where another one was at some event, and stands still there.
 *
 * An input of the source takes down what is committed of it. Where the copy is to end earlier, the
 * source's journal is folded up to there, a page at a time; then the answer is read whose calls are
 * open at that point, as the model must be told of each of them. The new session is created by a
 * tick like any other, with `forked` as its only event: those before it are copied by the store.
 *
 * A copy never ends between an event and one that is due with it (a last answer and its turn_ended,
 * a call that was no good and its error): what is due is copied, too.
 */
#include <stdlib.h>

#include "engine/engine_internal.h"
#include "engine/kept.h"

enum { FOLD_PAGE = 100 }; /* each event is read as JSON: others want the loop, too */

struct fork {
    struct id from;
    int64_t source; /* its key */
    uint32_t seq;   /* its last event that counts here */
    uint32_t at;    /* the copy has at least so many events */
    const struct model_format *format;
    struct revision *revision;
    char *tenant, *agent, *metadata;
    struct session_state state; /* after the events so far */
    struct kept kept;           /* signals, the same */
    uint32_t context_seq, end_seq;
    struct buf wire; /* what the model is told of the calls that are open */
};

void fork_free(struct fork *fork)
{
    if (!fork)
        return;
    revision_unref(fork->revision);
    free(fork->tenant);
    free(fork->agent);
    free(fork->metadata);
    buf_release(&fork->wire);
    free(fork);
}

/* ---- the source, as it is committed ---- */

static struct fork *fork_new(struct live *live, uint32_t at)
{
    struct fork *fork = xcalloc(1, sizeof(*fork));

    fork->from = live->id;
    fork->source = live->row.key;
    fork->seq = live_state(live)->seq;
    fork->at = at == 0 ? fork->seq : at;
    fork->format = engine_format(live);
    fork->revision = revision_ref(live->revision);
    fork->tenant = xstrdup(live->tenant);
    fork->agent = xstrdup(live->agent);
    fork->wire.max = HISTORY_BYTES_MAX;
    if (fork->at < fork->seq) {
        fork->metadata = xstrdup("{}");
        return fork; /* the rest is folded */
    }
    fork->metadata = xstrdup(live->metadata);
    fork->state = *live_state(live);
    fork->context_seq = live->row.context_seq;
    fork->end_seq = live->row.end_seq;
    for (size_t i = 0; i < live->signals_n; i++)
        fork->kept.seqs[fork->kept.n++] = live->signals[i].seq;
    return fork;
}

/* Called for an input that is alone: what the tick is built on is what is committed. */
void fork_look(struct live *live, struct tick *tick, struct input *input)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);
    struct engine_request *request = request_anew(input);

    if (request->at > tick->state.seq) {
        request->code = "event_not_found";
        (void)err_set(&request->err, ERR_INVALID, "session %s has no event %u; its last is %u",
                      live->id.text, request->at, tick->state.seq);
        return;
    }
    fork_free(asked->fork);
    asked->fork = fork_new(live, request->at);
}

static void fold_next(struct asked *asked);

void fork_looked(struct live *live, struct input *input, const struct err *err)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);

    if (err->code != ERR_NONE)
        asked_set_err(asked, live, err);
    if (asked->request->err.code != ERR_NONE) {
        asked_refused(asked);
        return;
    }
    list_add(&asked->engine->asked, &asked->aside);
    fold_next(asked);
}

/* ---- reading ---- */

static void refuse(struct asked *asked, enum err_code code, const struct err *err)
{
    struct engine *engine = asked->engine;

    list_remove(&engine->asked, &asked->aside);
    asked->request->err = *err;
    asked->request->err.code = code;
    asked_refused(asked);
    drain_check(engine);
}

/* Whatever failed: it was only read. */
static int has_failed(struct asked *asked, const struct store_op *op)
{
    if (op->err.code == ERR_NONE)
        return 0;
    refuse(asked, op->err.code == ERR_CORRUPT ? ERR_CORRUPT : ERR_UNAVAILABLE, &op->err);
    return 1;
}

static void read_events(struct asked *asked, uint32_t after, uint32_t until, store_done_fn *done)
{
    asked->op = (struct store_op){ .kind = STORE_EVENTS,
                                   .events = { .session = asked->fork->source,
                                               .after = after,
                                               .until = until,
                                               .limit = FOLD_PAGE,
                                               .what = STORE_EVENTS_BODIES },
                                   .done = done,
                                   .arg = asked };
    store_submit(asked->engine->deps.store, &asked->op);
}

/* An event that was there is not: the session was erased meanwhile, or its journal is damaged. */
static void on_missing(struct store_op *op, void *arg)
{
    struct asked *asked = arg;
    struct err err;

    if (op->err.code == ERR_NOT_FOUND) {
        asked->request->code = "erased";
        (void)err_set(&err, ERR_NOT_FOUND, "session %s was erased", asked->fork->from.text);
        refuse(asked, ERR_NOT_FOUND, &err);
        return;
    }
    if (has_failed(asked, op))
        return;
    (void)err_set(&err, ERR_CORRUPT, "session %s lacks event %u or what must follow it",
                  asked->fork->from.text, asked->fork->at);
    refuse(asked, ERR_CORRUPT, &err);
}

static void missing(struct asked *asked)
{
    asked->op = (struct store_op){ .kind = STORE_LOAD,
                                   .load = { .id = id_slice(&asked->fork->from) },
                                   .done = on_missing,
                                   .arg = asked };
    store_submit(asked->engine->deps.store, &asked->op);
}

/* ---- the state at that event ---- */

static enum err_code take_metadata(struct fork *fork, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf text = { .max = body.len + 1 };

    if (json_read(&root, body, body.len, err))
        return err->code;
    if (json_kind(json_get(root, "metadata")) != JSON_KIND_OBJECT)
        return ERR_NONE;
    if (json_write(&text, json_get(root, "metadata"), err))
        return err->code;
    free(fork->metadata);
    fork->metadata = buf_detach(&text);
    return ERR_NONE;
}

static enum err_code fold(struct fork *fork, const struct store_event *event, struct err *err)
{
    struct session_commands commands;
    struct session_event read;

    if (event_read(&read, event->kind, event->body, err))
        return err_wrap(err, "event %u of session %s", event->seq, fork->from.text);
    read.seq = event->seq;
    read.at_ms = event->at_ms;
    if (session_step(&fork->state, &read, &commands) != VERDICT_MOVED)
        return err_set(err, ERR_CORRUPT, "event %u of session %s does not follow those before it",
                       event->seq, fork->from.text);
    kept_add(&fork->kept, event);
    if (event->kind == EV_TURN_ENDED || event->kind == EV_CANCELLED)
        fork->end_seq = event->seq;
    if (event->kind != EV_CREATED && event->kind != EV_CONTEXT_CHANGED)
        return ERR_NONE;
    fork->context_seq = event->seq;
    return take_metadata(fork, event->body, err);
}

static int is_folded(const struct fork *fork)
{
    struct session_due due;

    return fork->state.seq >= fork->at && !session_due(&fork->state, &due);
}

static void on_page(struct store_op *op, void *arg)
{
    struct asked *asked = arg;
    struct err err = { 0 };

    if (has_failed(asked, op))
        return;
    if (op->events.events_n == 0) {
        missing(asked);
        return;
    }
    for (size_t i = 0; i < op->events.events_n && !is_folded(asked->fork); i++) {
        if (fold(asked->fork, &op->events.events[i], &err)) {
            refuse(asked, ERR_CORRUPT, &err);
            return;
        }
    }
    fold_next(asked);
}

static void close_calls(struct asked *asked);

static void fold_next(struct asked *asked)
{
    struct fork *fork = asked->fork;

    if (is_folded(fork))
        close_calls(asked);
    else
        read_events(asked, fork->state.seq, fork->seq, on_page);
}

/* ---- the calls that are open there ---- */

static int is_open(const struct session_call *call)
{
    return call && call->phase != CALL_FREE && !call->is_orphan;
}

static void put_closed(struct fork *fork, const struct session_call *call, struct slice id)
{
    fork->format->put_tool_result(
        &fork->wire, id,
        call->is_once ? SLICE_LIT("It is not known whether this happened: the session is a copy, "
                                  "made while the call was open in the original. It is not run "
                                  "here.")
                      : SLICE_LIT("No result: the session is a copy, made while the call was open "
                                  "in the original."),
        1);
}

static void create_copy(struct asked *asked);

static void on_answer(struct store_op *op, void *arg)
{
    struct asked *asked = arg;
    struct fork *fork = asked->fork;
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    if (has_failed(asked, op))
        return;
    if (op->events.events_n != 1) {
        missing(asked);
        return;
    }
    if (json_read(&root, op->events.events[0].body, op->events.events[0].body.len, &err)) {
        refuse(asked, ERR_CORRUPT, &err);
        return;
    }
    const struct json *calls = json_get(root, "calls");

    for (size_t i = 0; i < json_count(calls); i++) {
        const struct json *call = json_at(calls, i);
        uint32_t number = (uint32_t)json_int(json_get(call, "call"), 0);
        const struct session_call *open = session_call(&fork->state, number);

        if (is_open(open))
            put_closed(fork, open, json_str(json_get(call, "id")));
    }
    create_copy(asked);
}

/* All of them are of one answer: the model is not asked again while a call of it is open. */
static void close_calls(struct asked *asked)
{
    const struct fork *fork = asked->fork;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (is_open(&fork->state.calls[i])) {
            uint32_t source = fork->state.calls[i].source;

            read_events(asked, source - 1, source, on_answer);
            return;
        }
    }
    create_copy(asked);
}

/* ---- the new session ---- */

static void copy_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct asked *asked = CONTAINER_OF(input, struct asked, input);
    const struct fork *fork = asked->fork;
    struct session_event event = { .kind = EV_FORKED };
    const struct event_extra extras[] = {
        { .name = "from", .kind = EXTRA_TEXT, .text = id_slice(&fork->from) },
        { .name = "from_seq", .kind = EXTRA_INT, .number = fork->state.seq },
        { .name = "by", .kind = EXTRA_TEXT, .text = slice_or_null(asked->request->by) },
        { 0 },
    };

    tick->state = fork->state;
    tick->copy_of = fork->source;
    tick->copy_n = fork->state.seq;
    tick->copy_signals = fork->kept.seqs;
    tick->copy_signals_n = fork->kept.n;
    live->has_history = 0; /* it is read when the model is to be asked */
    live->row.created_at_ms = tick->now_ms;
    /* What has ended has done so here when the copy was made: retention counts from then. */
    live->row.ended_at_ms = session_is_ended(&fork->state) ? tick->now_ms : 0;
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event,
                                             .extras = extras,
                                             .wire = slice_or_null(buf_slice(&fork->wire)) });

    ASSERT(verdict == VERDICT_MOVED);
    request_taken(tick, input, event.seq);
}

/* Its context is not here: whoever asks next finds the session as it is stored. */
static void copy_end(struct live *live, struct input *input, const struct err *err)
{
    live->needs_row = live->row.version > 0;
    asked_done(live, input, err);
}

static int is_legal(const struct fork *fork, int64_t now_ms)
{
    struct session_state state = fork->state;
    struct session_commands commands;
    const struct session_event event = { .kind = EV_FORKED, .seq = state.seq + 1, .at_ms = now_ms };

    return session_step(&state, &event, &commands) == VERDICT_MOVED;
}

static void create_copy(struct asked *asked)
{
    struct engine *engine = asked->engine;
    const struct fork *fork = asked->fork;
    int64_t now_ms = loop_wall_ms(engine->deps.loop);
    struct err err;

    if (!is_legal(fork, now_ms)) {
        (void)err_set(&err, ERR_CONFLICT, "session %s has no room for one more event",
                      fork->from.text);
        refuse(asked, ERR_CONFLICT, &err);
        return;
    }
    struct id id = id_make("ses_", now_ms, &engine->random);
    struct live *live = live_born(engine, &id, revision_ref(fork->revision), slice_of(fork->tenant),
                                  slice_of(fork->agent), slice_of(fork->metadata));

    live->row.context_seq = fork->context_seq;
    live->row.end_seq = fork->end_seq;
    list_remove(&engine->asked, &asked->aside);
    asked->input =
        (struct input){ .apply = copy_apply, .end = copy_end, .is_request = 1, .is_alone = 1 };
    live_input(live, &asked->input);
}
