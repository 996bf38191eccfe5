/* session_query.c - what can be read off a state: status, dues, timers, waits. */
#include "core/session_internal.h"

struct session_call *call_find(struct session_state *state, uint32_t number)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (state->calls[i].phase != CALL_FREE && state->calls[i].number == number)
            return &state->calls[i];
    }
    return NULL;
}

const struct session_call *session_call(const struct session_state *state, uint32_t number)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (state->calls[i].phase != CALL_FREE && state->calls[i].number == number)
            return &state->calls[i];
    }
    return NULL;
}

unsigned session_free_slots(const struct session_state *state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        n += state->calls[i].phase == CALL_FREE;
    return n;
}

/* Machines work on it: the turn's clock runs. People and times are waited for without it. */
int call_is_working(const struct session_call *call)
{
    if (call->is_orphan)
        return 0;
    switch ((enum call_phase)call->phase) {
    case CALL_REFUSED:
    case CALL_EXPIRED:
    case CALL_HELD:
    case CALL_RUNNING:
    case CALL_SENT:
    case CALL_OVERDUE:
    case CALL_BACKOFF:
    case CALL_DOUBT:
    case CALL_RECONCILE:
    case CALL_ANSWERED: return 1;
    case CALL_WAITING: return call->type == CALL_CHILD;
    case CALL_FREE:
    case CALL_APPROVAL:
    case CALL_PERSON:
    case CALL_PHASE_COUNT: break;
    }
    return 0;
}

int64_t wall_due_ms(const struct session_state *state)
{
    if (state->limits.wall_ms == 0 || state->wall_since_ms == 0)
        return 0;
    if (state->wall_used_ms >= state->limits.wall_ms)
        return state->wall_since_ms;
    return state->wall_since_ms + (state->limits.wall_ms - state->wall_used_ms);
}

/* ---- dues ---- */

static enum event_kind due_of(const struct session_call *call)
{
    switch ((enum call_phase)call->phase) {
    case CALL_REFUSED: return EV_TOOL_FAILED;
    case CALL_EXPIRED: return EV_APPROVAL_EXPIRED;
    case CALL_OVERDUE: return call->is_once ? EV_TOOL_IN_DOUBT : EV_TOOL_FAILED;
    case CALL_ANSWERED: return EV_TOOL_FINISHED;
    case CALL_FREE:
    case CALL_APPROVAL:
    case CALL_HELD:
    case CALL_RUNNING:
    case CALL_SENT:
    case CALL_BACKOFF:
    case CALL_DOUBT:
    case CALL_RECONCILE:
    case CALL_PERSON:
    case CALL_WAITING:
    case CALL_PHASE_COUNT: break;
    }
    return EV_KIND_COUNT;
}

int session_due(const struct session_state *state, struct session_due *ret_due)
{
    const struct session_call *first = NULL;

    if (state->mode == SESSION_ENDING) {
        *ret_due =
            (struct session_due){ .kind = EV_TURN_ENDED, .cause = (enum end_cause)state->end };
        return 1;
    }
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];

        if (due_of(call) != EV_KIND_COUNT && (!first || call->number < first->number))
            first = call;
    }
    if (!first)
        return 0;
    *ret_due = (struct session_due){ .kind = due_of(first),
                                     .call = first->number,
                                     .attempt = first->attempt };
    return 1;
}

/* ---- money ---- */

struct spend session_committed_spend(const struct session_state *state)
{
    struct spend sum = state->spent;

    spend_add(&sum, state->model.reserved);
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        spend_add(&sum, state->calls[i].reserved);
    return sum;
}

int session_can_reserve(const struct session_state *state, struct spend reservation)
{
    struct spend sum = session_committed_spend(state);

    spend_add(&sum, reservation);
    return (state->limits.tokens == 0 || sum.tokens <= state->limits.tokens) &&
           (state->limits.nanousd == 0 || sum.nanousd <= state->limits.nanousd);
}

/* ---- what is in flight ---- */

int session_wants_model(const struct session_state *state)
{
    return state->mode == SESSION_ACTIVE && state->model.phase == MODEL_WANTED && !state->is_paused;
}

/* SENT with a due time is an executor's, elsewhere: its lease says when to give it up. */
static int call_in_flight(const struct session_call *call)
{
    return call->phase == CALL_RUNNING || call->phase == CALL_RECONCILE ||
           (call->phase == CALL_SENT && call->due_ms == 0);
}

int session_is_in_flight(const struct session_state *state)
{
    if (state->model.phase == MODEL_RUNNING)
        return 1;
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (call_in_flight(&state->calls[i]))
            return 1;
    }
    return 0;
}

int session_is_live(const struct session_state *state)
{
    return session_is_in_flight(state) || session_wants_model(state);
}

unsigned session_interruptions(const struct session_state *state,
                               struct session_interruption ret_at[SESSION_INTERRUPTIONS_MAX])
{
    unsigned n = 0;

    if (state->model.phase == MODEL_RUNNING)
        ret_at[n++] = (struct session_interruption){ .kind = EV_INTERRUPTED,
                                                     .call = state->model.number,
                                                     .attempt = state->model.attempt,
                                                     .charged = state->model.reserved };
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];
        int in_doubt = call->phase == CALL_SENT && call->is_once;

        if (call_in_flight(call))
            ret_at[n++] =
                (struct session_interruption){ .kind = in_doubt ? EV_TOOL_IN_DOUBT : EV_INTERRUPTED,
                                               .call = call->number,
                                               .attempt = call->attempt };
    }
    return n;
}

static enum command_kind open_command(const struct session_call *call)
{
    if (call->phase == CALL_RUNNING)
        return CMD_RUN_TOOL;
    if (call->phase == CALL_RECONCILE)
        return CMD_RECONCILE;
    if (call->phase == CALL_SENT && call->due_ms == 0)
        return CMD_SEND_TOOL;
    return CMD_KIND_COUNT;
}

void session_open_commands(const struct session_state *state, struct session_commands *ret_commands)
{
    struct session_commands commands = { 0 };

    if (state->model.phase == MODEL_RUNNING)
        commands.at[commands.n++] =
            (struct session_command){ CMD_CALL_MODEL, state->model.number, state->model.attempt };
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];
        enum command_kind kind = open_command(call);

        if (kind != CMD_KIND_COUNT)
            commands.at[commands.n++] =
                (struct session_command){ kind, call->number, call->attempt };
    }
    *ret_commands = commands;
}

/* ---- timers ---- */

static enum timer_kind call_timer_kind(const struct session_call *call)
{
    switch ((enum call_phase)call->phase) {
    case CALL_APPROVAL: return TIMER_EXPIRY;
    case CALL_SENT: return TIMER_DEADLINE;
    case CALL_BACKOFF: return TIMER_RETRY;
    case CALL_DOUBT: return TIMER_RECONCILE;
    case CALL_WAITING: return TIMER_SLEEP;
    case CALL_FREE:
    case CALL_REFUSED:
    case CALL_EXPIRED:
    case CALL_HELD:
    case CALL_RUNNING:
    case CALL_OVERDUE:
    case CALL_RECONCILE:
    case CALL_PERSON:
    case CALL_ANSWERED:
    case CALL_PHASE_COUNT: break;
    }
    return TIMER_KIND_COUNT;
}

struct timer {
    int64_t due_ms; /* 0: none */
    enum timer_kind which;
    uint32_t call;
};

static void timer_sooner(struct timer *best, int64_t due_ms, enum timer_kind which, uint32_t call)
{
    if (due_ms != 0 && (best->due_ms == 0 || due_ms < best->due_ms))
        *best = (struct timer){ due_ms, which, call };
}

static struct timer first_timer(const struct session_state *state)
{
    struct timer best = { 0 };

    timer_sooner(&best, wall_due_ms(state), TIMER_WALL, 0);
    if (state->model.phase == MODEL_BACKOFF)
        timer_sooner(&best, state->model.due_ms, TIMER_RETRY, state->model.number);
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];
        enum timer_kind which = call_timer_kind(call);

        if (which != TIMER_KIND_COUNT)
            timer_sooner(&best, call->due_ms, which, call->number);
    }
    return best;
}

int64_t session_wake_at_ms(const struct session_state *state)
{
    return first_timer(state).due_ms;
}

int session_timer(const struct session_state *state, int64_t now_ms,
                  struct session_event *ret_event)
{
    struct timer timer = first_timer(state);

    if (timer.due_ms == 0 || timer.due_ms > now_ms)
        return 0;
    memset(ret_event, 0, sizeof(*ret_event));
    ret_event->kind = EV_TIMER_FIRED;
    ret_event->call = timer.call;
    ret_event->timer_fired.which = timer.which;
    return 1;
}

/* ---- status and waits ---- */

int session_is_ended(const struct session_state *state)
{
    return state->mode == SESSION_IDLE || state->mode == SESSION_CANCELLED;
}

/* What became of a sent `effects: once` call must not be forgotten with its session. */
int session_may_be_erased(const struct session_state *state)
{
    return session_is_ended(state) && session_free_slots(state) == SESSION_CALLS_MAX;
}

/* What a call makes the session wait for, and until when. */
static enum wait_kind call_wait(const struct session_call *call)
{
    static const enum wait_kind waiting[CALL_TYPE_COUNT] = {
        [CALL_TOOL] = WAIT_TOOL,     [CALL_QUESTION] = WAIT_INPUT, [CALL_SLEEP] = WAIT_TIME,
        [CALL_SIGNAL] = WAIT_SIGNAL, [CALL_CHILD] = WAIT_CHILD,
    };

    switch ((enum call_phase)call->phase) {
    case CALL_APPROVAL:
    case CALL_EXPIRED: return WAIT_APPROVAL;
    case CALL_HELD: return WAIT_RESUME;
    case CALL_BACKOFF: return WAIT_RETRY;
    case CALL_DOUBT:
    case CALL_RECONCILE: return WAIT_RECONCILE;
    case CALL_PERSON: return WAIT_PERSON;
    case CALL_WAITING:
    case CALL_ANSWERED: return waiting[call->type];
    case CALL_FREE:
    case CALL_REFUSED:
    case CALL_RUNNING:
    case CALL_SENT:
    case CALL_OVERDUE:
    case CALL_PHASE_COUNT: break;
    }
    return WAIT_TOOL;
}

static enum status_rank {
    RANK_SLEEPING,
    RANK_TOOL,
    RANK_INPUT,
    RANK_APPROVAL
} wait_rank(enum wait_kind wait)
{
    switch (wait) {
    case WAIT_APPROVAL:
    case WAIT_PERSON: return RANK_APPROVAL;
    case WAIT_INPUT: return RANK_INPUT;
    case WAIT_TIME:
    case WAIT_SIGNAL: return RANK_SLEEPING;
    case WAIT_PERMIT:
    case WAIT_MODEL:
    case WAIT_RETRY:
    case WAIT_TOOL:
    case WAIT_CHILD:
    case WAIT_RECONCILE:
    case WAIT_RESUME:
    case WAIT_KIND_COUNT: break;
    }
    return RANK_TOOL;
}

static enum session_status status_of_calls(const struct session_state *state)
{
    static const enum session_status shown[] = {
        [RANK_SLEEPING] = STATUS_SLEEPING,
        [RANK_TOOL] = STATUS_AWAITING_TOOL,
        [RANK_INPUT] = STATUS_AWAITING_INPUT,
        [RANK_APPROVAL] = STATUS_AWAITING_HUMAN_APPROVAL,
    };
    enum status_rank highest = RANK_SLEEPING;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];

        if (call->phase == CALL_FREE || call->is_orphan)
            continue;
        if (wait_rank(call_wait(call)) > highest)
            highest = wait_rank(call_wait(call));
    }
    return shown[highest];
}

enum session_status session_status(const struct session_state *state)
{
    switch ((enum session_mode)state->mode) {
    case SESSION_IDLE: return state->end == END_COMPLETED ? STATUS_COMPLETED : STATUS_FAILED;
    case SESSION_CANCELLED: return STATUS_CANCELLED;
    case SESSION_NEW: return STATUS_PENDING;
    case SESSION_ACTIVE:
    case SESSION_ENDING:
    case SESSION_MODE_COUNT: break;
    }
    if (!state->is_turn_started)
        return STATUS_PENDING;
    if (state->model.phase != MODEL_NONE)
        return STATUS_RUNNING;
    return status_of_calls(state);
}

static enum wait_kind model_wait(const struct session_state *state)
{
    switch ((enum model_phase)state->model.phase) {
    case MODEL_RUNNING: return WAIT_MODEL;
    case MODEL_BACKOFF: return WAIT_RETRY;
    case MODEL_WANTED: return state->is_paused ? WAIT_RESUME : WAIT_PERMIT;
    case MODEL_NONE:
    case MODEL_PHASE_COUNT: break;
    }
    return WAIT_KIND_COUNT;
}

unsigned session_waits(const struct session_state *state,
                       struct session_wait ret_waits[SESSION_WAITS_MAX])
{
    unsigned n = 0;

    if (state->mode == SESSION_ACTIVE && model_wait(state) != WAIT_KIND_COUNT)
        ret_waits[n++] = (struct session_wait){ .on = model_wait(state),
                                                .call = state->model.number,
                                                .attempt = state->model.attempt,
                                                .since_ms = state->model.since_ms,
                                                .until_ms = state->model.due_ms };
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];

        if (call->phase != CALL_FREE)
            ret_waits[n++] = (struct session_wait){ .on = call_wait(call),
                                                    .call = call->number,
                                                    .attempt = call->attempt,
                                                    .since_ms = call->since_ms,
                                                    .until_ms = call->due_ms };
    }
    return n;
}
