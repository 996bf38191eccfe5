/*
 * tick.c - one tick of a session: events gathered, committed together, then carried out.
 *
 * While a tick is on its way to the store the session takes up nothing else; what comes meanwhile
 * goes into the next one. So there is one writer, and one version to name.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

/* An input adds at most an answer with 32 refused calls and the end of a turn. */
enum {
    TICK_INPUT_ROOM = SESSION_CALLS_MAX * 2 + 8,
    TICK_EVENTS_FEW = 8,
    BODY_BYTES_MAX = 256 * 1024 * 1024,
    /* An input adds at most an answer, its wire, the same text as an output or as what people are
     * asked, and short events. */
    TICK_BYTES_MAX = STORE_COMMIT_BYTES_MAX - 3 * STORE_BODY_MAX - 8 * 1024 * 1024,
    TICK_BLOB_BYTES_MAX = 8 * 1024 * 1024, /* and with them one more, of any size */
    ESCAPED_BYTES_MAX = 6,                 /* a byte of text as JSON: \u0001 */
    FRAME_BYTES_MAX =
        64 * 1024, /* what stands in a body, or in that of the turn's end, beside it */
};

static struct tick *tick_new(struct live *live)
{
    struct tick *tick = xcalloc(1, sizeof(*tick));

    tick->live = live;
    tick->arena = engine_arena(live->engine);
    tick->state = *live_state(live);
    tick->inputs_last = &tick->inputs;
    tick->ends_last = &tick->ends;
    tick->notices_last = &tick->notices;
    tick->signals_last = &tick->signals;
    tick->now_ms = loop_wall_ms(live->engine->deps.loop);
    if (tick->now_ms < live->waited_ms) /* the clock was set back: see timed.c */
        tick->now_ms = live->waited_ms;
    return tick;
}

/* The store refused: what was taken up goes back to the front of the line. */
static void give_back_inputs(struct tick *tick)
{
    struct live *live = tick->live;

    if (!tick->inputs)
        return;
    *tick->inputs_last = live->inputs;
    if (!live->inputs)
        live->inputs_last = tick->inputs_last;
    live->inputs = tick->inputs;
    tick->inputs = NULL;
}

void tick_free(struct tick *tick)
{
    give_back_inputs(tick);
    engine_arena_done(tick->live->engine, tick->arena);
    free(tick->commands);
    free(tick);
}

struct slice tick_text(struct tick *tick, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return arena_slice(tick->arena,
                       (struct slice){ text, n < 0                      ? 0
                                             : (size_t)n < sizeof(text) ? (size_t)n
                                                                        : sizeof(text) - 1 });
}

static void keep_commands(struct tick *tick, const struct session_commands *commands)
{
    if (tick->commands_n + commands->n > tick->commands_cap) {
        tick->commands_cap = (tick->commands_n + commands->n) * 2;
        tick->commands = xrealloc(tick->commands, tick->commands_cap * sizeof(*tick->commands));
    }
    for (unsigned i = 0; i < commands->n; i++)
        tick->commands[tick->commands_n++] = commands->at[i];
}

static enum session_status ended_as(const struct session_event *event)
{
    if (event->kind == EV_CANCELLED)
        return STATUS_CANCELLED;
    return event->turn_ended.cause == END_COMPLETED ? STATUS_COMPLETED : STATUS_FAILED;
}

static void note_end(struct tick *tick, const struct session_event *event,
                     const struct session_state *before)
{
    struct tick_end *end = arena_alloc(tick->arena, sizeof(*end));

    *end = (struct tick_end){ .status = ended_as(event),
                              .turn = before->turn,
                              .steps = before->steps,
                              .spent = tick->state.spent,
                              .code = tick->reason.code,
                              .message = tick->reason.message };
    *tick->ends_last = end;
    tick->ends_last = &end->next;
    tick->end_seq = event->seq;
}

static void note_event(struct tick *tick, const struct session_event *event,
                       const struct session_state *before)
{
    if (event->kind == EV_CREATED || event->kind == EV_CONTEXT_CHANGED)
        tick->context_seq = event->seq;
    if (event->kind == EV_TURN_ENDED || event->kind == EV_CANCELLED)
        note_end(tick, event, before);
}

/* Mostly two or three, but an answer with many refused calls has as many events. */
static struct store_event *next_event(struct tick *tick)
{
    ASSERT(tick->events_n < TICK_EVENTS_MAX);
    if (tick->events_n == tick->events_cap) {
        const struct store_event *few = tick->events;

        tick->events_cap = tick->events_cap > 0 ? TICK_EVENTS_MAX : TICK_EVENTS_FEW;
        tick->events = arena_alloc(tick->arena, tick->events_cap * sizeof(*tick->events));
        for (size_t i = 0; i < tick->events_n; i++)
            tick->events[i] = few[i];
    }
    return &tick->events[tick->events_n++];
}

static size_t texts_bytes(const struct event_extra *extras)
{
    size_t bytes = 0;

    for (; extras && extras->name; extras++)
        bytes += extras->text.len;
    return bytes;
}

int tick_fits(const struct tick_event *add)
{
    CLEANUP(buf_release) struct buf body = { .max = BODY_BYTES_MAX };
    size_t bytes = texts_bytes(add->extras);

    if (add->wire.len > STORE_BODY_MAX)
        return 0;
    for (uint32_t i = 0; add->call_extras && i < add->event->model_answered.calls_n; i++)
        bytes += texts_bytes(add->call_extras[i]);
    if (bytes < (STORE_BODY_MAX - FRAME_BYTES_MAX) / ESCAPED_BYTES_MAX)
        return 1;
    event_write(&body, add->event, add->extras, add->call_extras);
    return body.len <= STORE_BODY_MAX - FRAME_BYTES_MAX;
}

static struct store_blob keep_blob(struct tick *tick, const struct store_blob *blob)
{
    struct store_blob kept = *blob;

    if (kept.hash.len > 0)
        kept.hash = arena_slice(tick->arena, blob->hash);
    tick->blob_bytes += blob->data.len;
    return kept;
}

enum verdict tick_add(struct tick *tick, const struct tick_event *add)
{
    CLEANUP(buf_release) struct buf body = { .max = BODY_BYTES_MAX };
    struct session_state before = tick->state;
    struct session_commands commands;

    add->event->seq = tick->state.seq + 1;
    add->event->at_ms = tick->now_ms;
    enum verdict verdict = session_step(&tick->state, add->event, &commands);
    if (verdict != VERDICT_MOVED)
        return verdict;
    keep_commands(tick, &commands);
    note_event(tick, add->event, &before);
    notices_note(tick, add->event);
    event_write(&body, add->event, add->extras, add->call_extras);
    tick->bytes += body.len + add->wire.len;
    *next_event(tick) =
        (struct store_event){ .seq = add->event->seq,
                              .kind = add->event->kind,
                              .at_ms = tick->now_ms,
                              .body = arena_slice(tick->arena, buf_slice(&body)),
                              .wire = add->wire.ptr ? arena_slice(tick->arena, add->wire)
                                                    : (struct slice){ 0 },
                              .blob = keep_blob(tick, &add->blob) };
    if (tick->live->has_history)
        history_add(&tick->live->history, add->event->kind, add->event->seq, add->wire);
    return VERDICT_MOVED;
}

/* ---- building ---- */

static void take_inputs(struct tick *tick)
{
    struct live *live = tick->live;

    while (live->inputs && tick->events_n + TICK_INPUT_ROOM < TICK_EVENTS_MAX &&
           tick->bytes < TICK_BYTES_MAX && tick->blob_bytes < TICK_BLOB_BYTES_MAX) {
        struct input *input = live->inputs;

        if (input->is_alone && tick->events_n > 0)
            break;
        live->inputs = input->next;
        if (!live->inputs)
            live->inputs_last = &live->inputs;
        input->next = NULL;
        *tick->inputs_last = input;
        tick->inputs_last = &input->next;
        input->apply(live, tick, input);
        follow_dues(tick);
        if (tick->keyed || tick->is_erasure)
            break; /* its key may refuse the whole tick: nothing else rides on it */
    }
}

static void take_timers(struct tick *tick)
{
    struct session_event event;

    if (tick->state.mode == SESSION_NEW || tick->live->engine->drain)
        return;
    while (tick->events_n + TICK_INPUT_ROOM < TICK_EVENTS_MAX &&
           session_timer(&tick->state, tick->now_ms, &event)) {
        if (tick_add(tick, &(struct tick_event){ .event = &event }) != VERDICT_MOVED)
            break;
        follow_dues(tick);
    }
}

void tick_end_inputs(struct tick *tick, const struct err *err)
{
    while (tick->inputs) {
        struct input *input = tick->inputs;

        tick->inputs = input->next;
        input->end(tick->live, input, err);
    }
}

static void release_permit(struct tick *tick)
{
    if (!tick->has_permit)
        return;
    tick->has_permit = 0;
    tick->live->engine->model_calls--;
    permits_changed(tick->live->engine);
    drain_check(tick->live->engine);
}

/* ---- committing ---- */

static void set_ended(struct store_session *row, const struct tick *tick)
{
    if (!session_is_ended(&tick->state))
        row->ended_at_ms = 0;
    else if (tick->end_seq != 0)
        row->ended_at_ms = tick->now_ms;
    if (tick->end_seq != 0)
        row->end_seq = tick->end_seq;
}

static void set_row(struct tick *tick, struct store_session *row)
{
    struct live *live = tick->live;
    struct engine *engine = live->engine;
    unsigned char blob[SESSION_BLOB_MAX];
    size_t len = session_encode(&tick->state, blob);
    int is_kept = !engine->is_handing_over && !suspect_is_held(live, &tick->state);
    /* A model call is never handed over: its attempt is asked once, and interrupted if lost. */
    int is_owned =
        tick->state.model.phase == MODEL_RUNNING || (is_kept && session_is_in_flight(&tick->state));

    row->revision = slice_of(live->revision->hash);
    row->status = session_status(&tick->state);
    row->is_paused = tick->state.is_paused;
    row->is_live = session_is_live(&tick->state);
    row->owner = is_owned ? engine->worker : 0;
    row->epoch = is_owned ? engine->epoch : 0;
    row->wake_at_ms = row->is_live ? 0 : session_wake_at_ms(&tick->state);
    row->updated_at_ms = tick->now_ms;
    row->turn = tick->state.turn;
    row->steps = tick->state.steps;
    row->spent = tick->state.spent;
    row->seq = tick->state.seq;
    row->task_seq = tick->state.turn_seq;
    if (tick->context_seq != 0)
        row->context_seq = tick->context_seq;
    set_ended(row, tick);
    row->state = arena_slice(tick->arena, (struct slice){ (const char *)blob, len });
}

static void on_commit(struct store_op *op, void *arg);

static void tick_submit(struct tick *tick)
{
    struct store_idempotency idempotency = tick->op.commit.idempotency;
    struct store_firing firing = tick->op.commit.firing;

    tick->op = (struct store_op){ .kind = STORE_COMMIT, .done = on_commit, .arg = tick };
    tick->op.commit.idempotency = idempotency;
    tick->op.commit.firing = firing;
    tick->row = tick->live->row;
    set_row(tick, &tick->row);
    tick->op.commit.row = tick->row;
    if (tick->live->row.version > 0)
        tick->op.commit.row.metadata = tick->metadata; /* NULL: unchanged */
    tick->op.commit.copy_of = tick->copy_of;
    tick->op.commit.copy_n = tick->copy_n;
    tick->op.audits = tick->audits;
    tick->op.audits_n = tick->audits_n;
    approvals_put(tick, &tick->op.commit);
    notices_put(tick, &tick->op.commit);
    signals_put(tick, &tick->op.commit);
    tick->op.commit.events = tick->events;
    tick->op.commit.events_n = tick->events_n;
    store_submit(tick->live->engine->deps.store, &tick->op);
}

/* Each end, although the next turn may have begun, and even ended, in the same tick. */
static void tell_ended(struct tick *tick)
{
    const struct engine_deps *deps = &tick->live->engine->deps;

    for (const struct tick_end *end = tick->ends; end; end = end->next) {
        struct store_session row = tick->live->row;

        row.status = end->status;
        row.turn = end->turn;
        row.steps = end->steps;
        row.spent = end->spent;
        row.ended_at_ms = tick->now_ms;
        tick->live->engine->stats.ended++;
        if (deps->on_ended)
            deps->on_ended(deps->arg, &row, end->code, end->message);
    }
}

static int is_of_this_tick(const struct tick *tick, const struct session_command *command)
{
    for (size_t i = 0; i < tick->commands_n; i++) {
        if (tick->commands[i].kind == command->kind && tick->commands[i].call == command->call)
            return 1;
    }
    return 0;
}

/* Nothing of a session that was just claimed runs here yet: whatever is open now is begun. */
static void carry_out(struct tick *tick)
{
    struct session_commands open;

    if (!tick->is_claim) {
        commands_carry_out(tick->live, tick->commands, tick->commands_n);
        return;
    }
    session_open_commands(live_state(tick->live), &open);
    for (unsigned i = 0; i < open.n; i++) {
        /* By whom it was sent before, or not, nobody knows. */
        if (open.at[i].kind == CMD_SEND_TOOL && !is_of_this_tick(tick, &open.at[i]))
            lost_input(tick->live, open.at[i].call, open.at[i].attempt);
        else
            commands_carry_out(tick->live, &open.at[i], 1);
    }
}

/* What the tick changed of the texts that the session keeps. */
static void keep_texts(struct tick *tick)
{
    struct live *live = tick->live;

    if (tick->context.ptr)
        text_replace(&live->context, tick->context);
    if (tick->metadata.ptr) {
        text_replace(&live->metadata, tick->metadata);
        live->row.metadata = slice_of(live->metadata);
    }
}

/* The tick is in the store: the session is what it says, and its commands may be carried out. */
static void committed(struct tick *tick)
{
    struct live *live = tick->live;
    struct engine *engine = live->engine;
    uint64_t version = live->row.version + 1;
    int64_t key = tick->op.commit.row.key;
    struct slice metadata = live->row.metadata;

    live_state_set(live, &tick->state);
    live->row = tick->op.commit.row;
    live->row.metadata = metadata;
    keep_texts(tick);
    live->row.version = version;
    live->row.key = key;
    live->row.state = (struct slice){ 0 };
    live->retry_ms = 0;
    live->tick = NULL;
    engine->stats.ticks++;
    approvals_keep(tick);
    signals_keep(tick);
    live_drop_calls(live);
    suspect_committed(live);
    tell_ended(tick);
    tick_end_inputs(tick, &(struct err){ 0 });
    if (tick->has_permit)
        tick->has_permit = 0; /* the model job holds it from here */
    carry_out(tick);
    if (engine->deps.on_deliveries && tick->has_deliveries)
        engine->deps.on_deliveries(engine->deps.arg);
    if (engine->deps.on_commit && tick->events_n > 0)
        engine->deps.on_commit(engine->deps.arg, id_slice(&live->id), live->row.seq);
    tick_free(tick);
    live_pump(live);
}

/* It was not recorded. The history built on it is worth nothing any more. */
void tick_drop(struct tick *tick)
{
    struct live *live = tick->live;

    release_permit(tick);
    give_back_inputs(tick);
    live->tick = NULL;
    tick_free(tick);
    live_drop_calls(live);
    live_forget_history(live);
    live->has_history = live->row.version == 0; /* not created yet: an empty one */
    live_pump(live);
}

/* ---- the store could not say whether it happened: the row knows, and we are its only writer ----
 */

static void on_reread(struct store_op *op, void *arg);

static void reread(void *arg)
{
    struct tick *tick = arg;

    tick->op = (struct store_op){ .kind = STORE_LOAD,
                                  .load = { .id = id_slice(&tick->live->id) },
                                  .done = on_reread,
                                  .arg = tick };
    store_submit(tick->live->engine->deps.store, &tick->op);
}

static void on_reread(struct store_op *op, void *arg)
{
    struct tick *tick = arg;
    struct live *live = tick->live;
    uint64_t version = op->load.row.version;

    if (op->err.code != ERR_NONE && op->err.code != ERR_NOT_FOUND) {
        loop_timer_start(live->engine->deps.loop, &live->timer, 100, reread, tick);
        return;
    }
    if (op->err.code == ERR_NOT_FOUND)
        version = 0;
    if (version == live->row.version + 1) {
        int64_t key = op->load.row.key;

        tick->op = (struct store_op){ 0 };
        tick->op.commit.row = tick->row;
        tick->op.commit.row.key = key;
        committed(tick);
        return;
    }
    /* Its version is as we knew it, or somebody else's, or it is gone. */
    live->needs_row = version > 0 || live->row.version > 0;
    tick_drop(tick);
}

/* A key that was seen before: the one who sent it gets the former answer, all else goes on. */
static void refuse_keyed(struct tick *tick, const struct err *err)
{
    struct live *live = tick->live;
    struct input **at = &tick->inputs;

    while (*at != tick->keyed)
        at = &(*at)->next;
    *at = tick->keyed->next;
    if (!*at)
        tick->inputs_last = at;
    tick->keyed->end(live, tick->keyed, err);
    if (live->row.version == 0)
        live_gone(live, err->code, err); /* it was never created */
    tick_drop(tick);
}

/* Said once when it begins and once when it ends, however many writes were refused between. */
static void note_store(struct engine *engine, const struct err *err)
{
    int refuses = err->code == ERR_UNAVAILABLE;

    if (engine->stats.store_refuses == refuses || (err->code != ERR_NONE && !refuses))
        return;
    engine->stats.store_refuses = refuses;
    if (refuses)
        log_line(LOG_ERROR, "the store takes no writes; work waits until it does again", "error",
                 err->msg, NULL);
    else
        log_line(LOG_INFO, "the store takes writes again", NULL);
}

/*
 * What is stored of this session contradicts what was read of it: somebody wrote to the file. It
 * is this session's trouble alone, and stays as it is; whoever asks for it is told.
 */
static void leave_alone(struct tick *tick, const struct err *err)
{
    struct live *live = tick->live;

    log_line(LOG_ERROR, "a session cannot be stored and is left alone; see pawl verify", "session",
             live->id.text, "error", err->msg, NULL);
    live_gone(live, ERR_CORRUPT, err);
    model_jobs_stop(live);
    tool_jobs_stop(live);
    tick_drop(tick);
}

static void on_commit(struct store_op *op, void *arg)
{
    struct tick *tick = arg;
    struct live *live = tick->live;
    struct err err = op->err;

    note_store(live->engine, &err);

    switch (err.code) {
    case ERR_NONE: committed(tick); return;
    case ERR_TIMEOUT: reread(tick); return;
    case ERR_INVALID:
    case ERR_CONFLICT:
        if (tick->keyed && (op->commit.is_replay || err.code == ERR_INVALID)) {
            refuse_keyed(tick, &err);
            return;
        }
        if (err.code == ERR_INVALID)
            break;
        live->needs_row = live->row.version > 0; /* another wrote first: look again */
        tick_drop(tick);
        return;
    case ERR_UNAVAILABLE:
    case ERR_LIMIT:
        tick_drop(tick);
        if (live->row.version == 0) {
            live_gone(live, err.code, &err);
            return;
        }
        live_retry_later(live, &err);
        return;
    case ERR_NOT_FOUND:
        if (live->row.version > 0) { /* retention took it: its tombstone says so */
            live->needs_row = 1;
            tick_drop(tick);
            return;
        }
        tick_drop(tick);
        live->is_erased = 1; /* not it, but what it was to be a copy of */
        live_gone(live, err.code, &err);
        return;
    case ERR_CORRUPT: break;
    }
    if (err.code == ERR_INVALID && live->row.version == 0) { /* nobody but us has made it */
        (void)err_wrap(&err, "session %s cannot be stored", live->id.text);
        engine_fatal(live->engine, &err);
        return;
    }
    leave_alone(tick, &err);
}

/*
 * A session that a former process left in flight, without an owner, or one that was held back: this
 * process takes it, in the tick in which it is held back no more.
 */
static int is_to_be_claimed(const struct tick *tick)
{
    struct live *live = tick->live;

    return live->row.version > 0 && live->row.owner == 0 &&
           session_is_in_flight(live_state(live)) && !live->engine->drain &&
           !suspect_is_held(live, &tick->state);
}

void tick_run(struct live *live)
{
    struct tick *tick = tick_new(live);

    live->tick = tick;
    take_inputs(tick);
    if (tick->is_erasure) {
        erase_submit(tick);
        return;
    }
    take_timers(tick);
    if (!tick->keyed || tick->state.seq > 0)
        follow_model(tick);
    tick->is_claim = is_to_be_claimed(tick);
    if (tick->events_n > 0 || tick->is_claim) {
        tick_submit(tick);
        return;
    }
    int needs_history = tick->needs_history;

    live->tick = NULL;
    tick_end_inputs(tick, &(struct err){ 0 });
    tick_free(tick);
    if (needs_history)
        load_history(live);
}
