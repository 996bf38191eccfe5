/*
 * Random lives of a session: likely events, late, doubled, early and spoiled ones, crashes.
 *
 * After every event the state is checked against itself, against its stored form, against the fold
 * of the journal's JSON, and against an observer who saw only events and commands. In the end
 * everything that is open gets an honest answer, and the session must end.
 *
 * Replay a seed that failed with: test_session_random SEED; try more with: ... FIRST LAST
 */
#include <inttypes.h>

#include "unit/gen.h"
#include "unit/play.h"
#include "unit/watch.h"

#include "core/event_json.h"

enum { SEEDS = 600, EVENTS = 250, HONEST_MAX = 400, BODY_BYTES_MAX = 65536 };

static struct {
    uint64_t seed;
    unsigned events; /* tried so far */
    struct random random;
    int64_t now_ms;
    struct session_state state;
    struct session_state folded; /* from the journal's JSON */
    struct session_event last;   /* that moved */
    struct watch watch;
    unsigned spoil_percent;
    unsigned moved[EV_KIND_COUNT]; /* over all seeds: is every kind reached? */
} sim;

static void check(int ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "FAIL seed=%" PRIu64 " event %u: %s\n", sim.seed, sim.events, what);
    abort();
}

static void check_stored_form(const struct session_state *state)
{
    unsigned char blob[SESSION_BLOB_MAX];
    struct session_state back;
    struct err err = { 0 };
    struct slice bytes = { (const char *)blob, session_encode(state, blob) };

    check(session_decode(&back, bytes, &err) == ERR_NONE, err.msg);
    check(play_same(&back, state), "the stored form reads back as another state");
}

static void check_fold(const struct session_event *event)
{
    static struct buf body = { .max = BODY_BYTES_MAX };
    struct session_commands commands;
    struct session_event read;
    struct err err = { 0 };

    buf_clear(&body);
    event_write(&body, event, NULL, NULL);
    check(event_read(&read, event->kind, buf_slice(&body), &err) == ERR_NONE, err.msg);
    read.seq = event->seq;
    read.at_ms = event->at_ms;
    check(session_step(&sim.folded, &read, &commands) == VERDICT_MOVED, "the journal is rejected");
    check(play_same(&sim.folded, &sim.state), "the journal folds to another state");
}

/* What is begun is begun for a call that is open and in the phase for it. */
static int command_fits(const struct session_state *state, const struct session_command *command)
{
    const struct session_call *call = session_call(state, command->call);
    unsigned phase = call ? call->phase : CALL_FREE;

    switch (command->kind) {
    case CMD_CALL_MODEL:
        return state->model.phase == MODEL_RUNNING && command->call == state->model.number &&
               command->attempt == state->model.attempt;
    case CMD_RUN_TOOL: return phase == CALL_RUNNING && command->attempt == call->attempt;
    case CMD_SEND_TOOL: return phase == CALL_SENT && command->attempt == call->attempt;
    case CMD_RECONCILE: return phase == CALL_RECONCILE && command->attempt == call->attempt;
    case CMD_START_CHILD: return phase == CALL_WAITING && call->type == CALL_CHILD;
    case CMD_ASK:
        return phase == CALL_APPROVAL || phase == CALL_PERSON ||
               (phase == CALL_WAITING && call->type == CALL_QUESTION);
    case CMD_STOP_MODEL:
    case CMD_STOP_TOOL:
    case CMD_WITHDRAW:
    case CMD_CANCEL_CHILD:
    case CMD_TURN_ENDED: return 1;
    case CMD_KIND_COUNT: break;
    }
    return 0;
}

/* A turn's time only grows, and never beyond the time that has passed. */
static void check_wall(const struct session_state *before, const struct session_event *event)
{
    const struct session_state *now = &sim.state;
    int is_restarted =
        event->kind == EV_RETRIED || event->kind == EV_FORKED || now->turn != before->turn;

    check(is_restarted || now->wall_used_ms >= before->wall_used_ms, "wall time ran backward");
    check(now->wall_used_ms <= sim.now_ms, "more wall time than has passed");
}

/* Every timer that is due moves the session when it fires, and soon there is none. */
static void check_timers(void)
{
    struct session_state state = sim.state;
    struct session_commands commands;
    struct session_event event;
    struct session_due due;
    unsigned fired = 0;

    while (!session_due(&state, &due) && session_timer(&state, sim.now_ms, &event)) {
        event.seq = state.seq + 1;
        event.at_ms = sim.now_ms;
        check(session_step(&state, &event, &commands) == VERDICT_MOVED, "a due timer did nothing");
        check(++fired <= 2 * SESSION_CALLS_MAX, "timers fire without end");
    }
}

static void check_committable(void)
{
    struct session_wait waits[SESSION_WAITS_MAX];
    struct session_due due;
    const char *wrong;

    if (session_due(&sim.state, &due))
        return;
    check(sim.state.mode != SESSION_ENDING, "an end is not due");
    check(session_is_ended(&sim.state) || session_waits(&sim.state, waits) > 0,
          "a session waits for nothing");
    check(session_status(&sim.state) < STATUS_COUNT, "no status");
    wrong = watch_state(&sim.watch, &sim.state);
    check(!wrong, wrong);
    check_timers();
}

static void check_moved(const struct session_state *before, const struct session_event *event,
                        const struct session_commands *commands)
{
    struct session_due due;
    const char *wrong;

    check(session_is_valid(&sim.state), "the state is not valid");
    check(sim.state.seq == before->seq + 1, "an event was skipped");
    if (before->mode != SESSION_NEW && session_due(before, &due))
        check(event->kind == EV_FORKED || (event->kind == due.kind && event->call == due.call),
              "another event moved than the one that was due");
    for (unsigned i = 0; i < commands->n; i++)
        check(command_fits(&sim.state, &commands->at[i]), "a command fits no open call");
    wrong = watch_event(&sim.watch, event, commands);
    check(!wrong, wrong);
    check_wall(before, event);
    check_stored_form(&sim.state);
    check_fold(event);
    check_committable();
    sim.last = *event;
    sim.moved[event->kind]++;
}

static enum verdict deliver(const struct session_event *event)
{
    struct session_state before = sim.state;
    struct session_commands commands;

    memset(&commands, 0x5a, sizeof(commands));
    struct session_commands untouched = commands;

    sim.events++;
    enum verdict verdict = session_step(&sim.state, event, &commands);

    if (verdict == VERDICT_MOVED) {
        check_moved(&before, event, &commands);
        return verdict;
    }
    check(play_same(&before, &sim.state), "changed without moving");
    check(memcmp(&untouched, &commands, sizeof(commands)) == 0, "commands without moving");
    return verdict;
}

static struct session_event stamped(enum event_kind kind, uint32_t call, uint32_t attempt)
{
    return (struct session_event){ .kind = kind,
                                   .seq = sim.state.seq + 1,
                                   .at_ms = sim.now_ms,
                                   .call = call,
                                   .attempt = attempt };
}

/* The process dies and the next one takes up what was in flight. */
static void crash(void)
{
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];
    struct session_due due;
    int counts = gen_chance(&sim.random, 40);

    if (session_due(&sim.state, &due))
        return; /* nothing of this was committed */
    unsigned n = session_interruptions(&sim.state, at);
    for (unsigned i = 0; i < n && !session_due(&sim.state, &due); i++) {
        struct session_event event = stamped(at[i].kind, at[i].call, at[i].attempt);

        if (event.kind == EV_TOOL_IN_DOUBT) {
            event.tool_in_doubt.counts = counts && i == 0;
            event.tool_in_doubt.reconcile_at_ms = sim.now_ms + 30;
        } else {
            event.interrupted.counts = counts && i == 0;
            event.interrupted.charged = at[i].charged;
        }
        check(deliver(&event) == VERDICT_MOVED, "an interruption did not move");
    }
}

static void random_life(void)
{
    for (unsigned i = 0; i < EVENTS; i++) {
        struct session_event event;

        sim.now_ms += gen_chance(&sim.random, 70) ? 1 + gen_below(&sim.random, 60) : 0;
        if (gen_chance(&sim.random, 3)) {
            crash();
            continue;
        }
        event = gen_likely(&sim.random, &sim.state, sim.now_ms);
        if (gen_chance(&sim.random, 4)) { /* doubled: the same news under the next number */
            event = sim.last;
            event.seq = sim.state.seq + 1;
            event.at_ms = sim.now_ms;
        }
        if (gen_chance(&sim.random, sim.spoil_percent))
            gen_spoil(&sim.random, &event);
        if (event.at_ms > sim.now_ms)
            event.at_ms = sim.now_ms; /* time is the caller's: only that it goes on is sure */
        if (sim.state.last_call + 2 * SESSION_CALLS_MAX >= WATCH_CALLS_MAX)
            return;
        (void)deliver(&event);
    }
}

/* ---- the honest end ---- */

static struct session_event honest_due(const struct session_due *due)
{
    struct session_event event = stamped(due->kind, due->call, due->attempt);
    const struct session_call *call = session_call(&sim.state, due->call);

    if (due->kind == EV_TURN_ENDED)
        event.turn_ended.cause = due->cause;
    if (due->kind == EV_APPROVAL_EXPIRED)
        event.approval_expired.outcome = (enum expiry_action)call->on_expiry;
    return event;
}

static struct session_event honest_model(void)
{
    const struct session_model *model = &sim.state.model;
    const struct spend nothing = { 0 };
    struct session_event event = stamped(EV_MODEL_STARTED, model->number, model->attempt);

    if (model->phase == MODEL_RUNNING) {
        event.kind = EV_MODEL_ANSWERED;
    } else if (model->phase == MODEL_BACKOFF) {
        event = stamped(EV_TIMER_FIRED, model->number, 0);
        event.timer_fired.which = TIMER_RETRY;
    } else if (!session_can_reserve(&sim.state, nothing)) {
        event = stamped(EV_TURN_ENDED, 0, 0);
        event.turn_ended.cause = END_BUDGET;
    }
    return event;
}

static struct session_event honest_waiting(const struct session_call *call)
{
    struct session_event event = stamped(EV_TIMER_FIRED, call->number, 0);

    switch ((enum call_type)call->type) {
    case CALL_QUESTION: event.kind = EV_INPUT_ANSWERED; break;
    case CALL_CHILD: event.kind = EV_CHILD_ENDED; break;
    case CALL_SIGNAL:
        event.kind = EV_SIGNAL;
        event.signal.name_hash = call->signal_hash;
        break;
    case CALL_TOOL:
    case CALL_SLEEP:
    case CALL_TYPE_COUNT: event.timer_fired.which = TIMER_SLEEP; break;
    }
    return event;
}

static struct session_event honest_call(const struct session_call *call)
{
    struct session_event event = stamped(EV_TOOL_FINISHED, call->number, call->attempt);

    switch ((enum call_phase)call->phase) {
    case CALL_APPROVAL: event.kind = EV_APPROVAL_DECIDED; break;
    case CALL_DOUBT:
    case CALL_RECONCILE:
    case CALL_PERSON: event.kind = EV_TOOL_RECONCILED; break;
    case CALL_WAITING: return honest_waiting(call);
    case CALL_BACKOFF:
        event = stamped(EV_TIMER_FIRED, call->number, 0);
        event.timer_fired.which = TIMER_RETRY;
        break;
    case CALL_FREE:
    case CALL_REFUSED:
    case CALL_EXPIRED:
    case CALL_HELD:
    case CALL_RUNNING:
    case CALL_SENT:
    case CALL_OVERDUE:
    case CALL_ANSWERED:
    case CALL_PHASE_COUNT: break;
    }
    return event;
}

static const struct session_call *first_open_call(void)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (sim.state.calls[i].phase != CALL_FREE)
            return &sim.state.calls[i];
    }
    return NULL;
}

/* Everybody answers, and nothing fails any more: it must end, and nothing may stay open. */
static void honest_end(void)
{
    for (unsigned i = 0;; i++) {
        const struct session_call *call = first_open_call();
        struct session_due due;
        struct session_event event;

        if (session_due(&sim.state, &due))
            event = honest_due(&due);
        else if (sim.state.is_paused && sim.state.mode != SESSION_CANCELLED)
            event = stamped(EV_RESUMED, 0, 0);
        else if (sim.state.model.phase != MODEL_NONE)
            event = honest_model();
        else if (call)
            event = honest_call(call);
        else
            break;
        check(i < HONEST_MAX, "no end although nothing fails any more");
        check(deliver(&event) == VERDICT_MOVED, "an honest answer did not move");
    }
    check(session_is_ended(&sim.state), "nothing is open, and it has not ended");
}

static void simulate(uint64_t seed)
{
    struct session_event created;

    sim.seed = seed;
    sim.events = 0;
    sim.now_ms = PLAY_START_MS;
    memset(&sim.state, 0, sizeof(sim.state));
    memset(&sim.folded, 0, sizeof(sim.folded));
    memset(&sim.watch, 0, sizeof(sim.watch));
    random_seed(&sim.random, seed);
    sim.spoil_percent = gen_below(&sim.random, 3) * 8;
    created = gen_likely(&sim.random, &sim.state, sim.now_ms);
    check(deliver(&created) == VERDICT_MOVED, "it was not created");
    random_life();
    sim.now_ms = (int64_t)1 << 53; /* the end of all times: everything is due */
    honest_end();
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    uint64_t last = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? first : SEEDS;

    for (uint64_t seed = first; seed <= last; seed++)
        simulate(seed);
    for (unsigned kind = 0; kind < EV_KIND_COUNT && argc == 1; kind++)
        check(sim.moved[kind] > 0, event_kind_name((enum event_kind)kind));
    printf("seeds %" PRIu64 " to %" PRIu64 " passed\n", first, last);
    return 0;
}
