/*
 * session_calls.c - the table of legal moves of one tool call, and what each does.
 *
 * A call that was handed out while it may be run again harmlessly (RUNNING) is simply run again
 * after a crash. One that must not be (`effects: once`) passes through SENT, and whatever ends it
 * there without proof puts it in DOUBT. An orphan is a call that outlived its turn: it is settled
 * for the record, but never started again.
 */
#include "core/session_internal.h"

typedef enum verdict call_fn(struct step *step, struct session_call *call);

static void call_move(struct step *step, struct session_call *call, enum call_phase phase,
                      int64_t due_ms)
{
    call->phase = (uint8_t)phase;
    call->due_ms = due_ms;
    call->since_ms = step->event->at_ms;
}

static void call_close(struct session_call *call)
{
    *call = (struct session_call){ .phase = CALL_FREE };
}

/* What was asked of the outside for this call is no longer wanted. */
static void call_withdraw(struct step *step, const struct session_call *call)
{
    switch ((enum call_phase)call->phase) {
    case CALL_RUNNING:
    case CALL_SENT:
    case CALL_RECONCILE: command_add(step, CMD_STOP_TOOL, call->number, call->attempt); break;
    case CALL_APPROVAL:
    case CALL_EXPIRED:
    case CALL_PERSON: command_add(step, CMD_WITHDRAW, call->number, call->attempt); break;
    case CALL_WAITING:
        if (call->type == CALL_QUESTION)
            command_add(step, CMD_WITHDRAW, call->number, call->attempt);
        if (call->type == CALL_CHILD)
            command_add(step, CMD_CANCEL_CHILD, call->number, call->attempt);
        break;
    case CALL_FREE:
    case CALL_REFUSED:
    case CALL_HELD:
    case CALL_OVERDUE:
    case CALL_BACKOFF:
    case CALL_DOUBT:
    case CALL_ANSWERED:
    case CALL_PHASE_COUNT: break;
    }
}

/*
 * Paused, nothing is asked of the outside. A time and a signal ask nothing, so they are waited for
 * all the same: a signal that comes meanwhile must find its wait.
 */
static int is_held(const struct session_state *state, const struct session_call *call)
{
    return state->is_paused && call->type != CALL_SLEEP && call->type != CALL_SIGNAL;
}

/* Hands a call out, or holds it. */
static void call_dispatch(struct step *step, struct session_call *call)
{
    if (is_held(step->state, call)) {
        call_move(step, call, CALL_HELD, call->type == CALL_QUESTION ? call->due_ms : 0);
        return;
    }
    switch ((enum call_type)call->type) {
    case CALL_TOOL:
        call_move(step, call, CALL_RUNNING, 0);
        command_add(step, CMD_RUN_TOOL, call->number, call->attempt);
        break;
    case CALL_QUESTION:
        call_move(step, call, CALL_WAITING, call->due_ms);
        command_add(step, CMD_ASK, call->number, call->attempt);
        break;
    case CALL_CHILD:
        call_move(step, call, CALL_WAITING, 0);
        command_add(step, CMD_START_CHILD, call->number, call->attempt);
        break;
    case CALL_SLEEP:
    case CALL_SIGNAL: call_move(step, call, CALL_WAITING, call->due_ms); break;
    case CALL_TYPE_COUNT: break;
    }
}

void call_open(struct step *step, const struct call_decl *decl, uint32_t number)
{
    struct session_call *call = step->state->calls;
    int has_budget = decl->type == CALL_CHILD;

    while (call->phase != CALL_FREE)
        call++;
    ASSERT(call < step->state->calls + SESSION_CALLS_MAX);
    *call = (struct session_call){ .phase = decl->is_refused ? CALL_REFUSED : CALL_HELD,
                                   .type = (uint8_t)decl->type,
                                   .is_once = decl->is_once != 0,
                                   .has_reconcile = decl->has_reconcile != 0,
                                   .on_expiry = (uint8_t)decl->on_expiry,
                                   .approvals_needed = decl->approvals_needed,
                                   .number = number,
                                   .attempt = 1,
                                   .source = step->event->seq,
                                   .since_ms = step->event->at_ms,
                                   .due_ms = decl->due_ms,
                                   .signal_hash = decl->signal_hash,
                                   .reserved = has_budget ? decl->reserved : (struct spend){ 0 } };
}

void call_start(struct step *step, struct session_call *call)
{
    if (call->phase == CALL_REFUSED)
        return;
    if (call->approvals_needed > 0) {
        call_move(step, call, CALL_APPROVAL, call->due_ms);
        command_add(step, CMD_ASK, call->number, call->attempt);
        return;
    }
    call_dispatch(step, call);
}

/* ---- one handler an event ---- */

static enum verdict on_sent(struct step *step, struct session_call *call)
{
    if (step->event->attempt != call->attempt || step->state->is_paused)
        return VERDICT_REJECTED;
    call_move(step, call, CALL_SENT, step->event->tool_sent.deadline_ms);
    command_add(step, CMD_SEND_TOOL, call->number, call->attempt);
    return VERDICT_MOVED;
}

/* The present attempt has not begun in these phases, so only an earlier one can have succeeded. */
static int has_begun(const struct session_call *call)
{
    return call->phase != CALL_HELD && call->phase != CALL_BACKOFF;
}

static enum verdict on_finished(struct step *step, struct session_call *call)
{
    uint32_t attempt = step->event->attempt;

    if (attempt == 0 || attempt > call->attempt || (attempt == call->attempt && !has_begun(call)))
        return VERDICT_REJECTED;
    if (attempt != call->attempt || call->phase == CALL_RECONCILE || call->phase == CALL_PERSON)
        call_withdraw(step, call); /* the present attempt, or the question what became of it */
    step->state->crashes = 0;
    call_close(call);
    return VERDICT_MOVED;
}

static enum verdict on_failed(struct step *step, struct session_call *call)
{
    int64_t retry_at_ms = step->event->tool_failed.retry_at_ms;

    if (step->event->attempt != call->attempt)
        return step->event->attempt < call->attempt ? VERDICT_IGNORED : VERDICT_REJECTED;
    if (call->phase == CALL_REFUSED && retry_at_ms != 0)
        return VERDICT_REJECTED;
    if (call->phase == CALL_OVERDUE && call->is_once)
        return VERDICT_REJECTED; /* nothing proves that it did not happen */
    if (retry_at_ms == 0) {
        step->state->crashes = 0;
        call_close(call);
        return VERDICT_MOVED;
    }
    if (call->failures < UINT16_MAX)
        call->failures++;
    call->attempt++;
    call_move(step, call, CALL_BACKOFF, retry_at_ms);
    return VERDICT_MOVED;
}

static void call_doubt(struct step *step, struct session_call *call, int64_t reconcile_at_ms)
{
    if (call->has_reconcile && reconcile_at_ms > 0) {
        call_move(step, call, CALL_DOUBT, reconcile_at_ms);
        return;
    }
    call_move(step, call, CALL_PERSON, 0);
    command_add(step, CMD_ASK, call->number, call->attempt);
}

/* True if this crash was the last that the session may have: poison. */
static int crash_count(struct step *step)
{
    struct session_state *state = step->state;

    state->crashes++;
    if (state->limits.crashes == 0 || state->crashes < state->limits.crashes)
        return 0;
    turn_end(step, END_POISON);
    return 1;
}

static enum verdict on_in_doubt(struct step *step, struct session_call *call)
{
    if (!call->is_once || step->event->attempt != call->attempt)
        return step->event->attempt < call->attempt ? VERDICT_IGNORED : VERDICT_REJECTED;
    call_doubt(step, call, step->event->tool_in_doubt.reconcile_at_ms);
    if (step->event->tool_in_doubt.counts)
        (void)crash_count(step); /* somebody still finds out what happened */
    return VERDICT_MOVED;
}

/*
 * That an earlier attempt did not happen, or that nobody knows, says nothing about the one that is
 * in doubt now: taken for it, a doubled answer would send the call a second time.
 */
static enum verdict on_reconciled(struct step *step, struct session_call *call)
{
    uint32_t attempt = step->event->attempt;

    if (attempt == 0 || attempt > call->attempt)
        return VERDICT_REJECTED;
    if (attempt < call->attempt && step->event->tool_reconciled.outcome != OUTCOME_HAPPENED)
        return VERDICT_IGNORED;
    switch (step->event->tool_reconciled.outcome) {
    case OUTCOME_UNKNOWN:
        if (call->phase == CALL_PERSON)
            return VERDICT_REJECTED; /* that is why a person was asked */
        call_move(step, call, CALL_PERSON, 0);
        command_add(step, CMD_ASK, call->number, call->attempt);
        return VERDICT_MOVED;
    case OUTCOME_NOT_HAPPENED:
        call_withdraw(step, call);
        if (call->is_orphan) {
            call_close(call);
            return VERDICT_MOVED;
        }
        call->attempt++;
        call_dispatch(step, call);
        return VERDICT_MOVED;
    case OUTCOME_HAPPENED:
    case OUTCOME_COUNT: break;
    }
    call_withdraw(step, call);
    call_close(call);
    return VERDICT_MOVED;
}

static enum verdict on_decided(struct step *step, struct session_call *call)
{
    if (step->event->approval_decided.decision == DECISION_REJECT) {
        call_close(call);
        return VERDICT_MOVED;
    }
    call->approvals_needed = step->event->approval_decided.still_needed;
    if (call->approvals_needed > 0)
        return VERDICT_MOVED;
    call_dispatch(step, call);
    return VERDICT_MOVED;
}

static enum verdict on_expired(struct step *step, struct session_call *call)
{
    if (step->event->approval_expired.outcome != (enum expiry_action)call->on_expiry)
        return VERDICT_REJECTED;
    switch (step->event->approval_expired.outcome) {
    case EXPIRY_ESCALATE: /* once: nobody in time again is a rejection */
        call->on_expiry = EXPIRY_REJECT;
        call_move(step, call, CALL_APPROVAL, step->event->approval_expired.due_ms);
        return VERDICT_MOVED;
    case EXPIRY_FAIL: turn_end(step, END_APPROVAL); return VERDICT_MOVED;
    case EXPIRY_REJECT:
    case EXPIRY_ACTION_COUNT: break;
    }
    call_withdraw(step, call);
    call_close(call);
    return VERDICT_MOVED;
}

/*
 * A wait that opened after its signal: the engine has found that one in the journal, and no other
 * is needed. Whatever else is waited for comes as an event of its own.
 */
static enum verdict on_kept_signal(struct step *step, struct session_call *call)
{
    return call->type == CALL_SIGNAL ? on_finished(step, call) : VERDICT_REJECTED;
}

static enum verdict on_answered(struct step *step, struct session_call *call)
{
    if (call->type != CALL_QUESTION)
        return VERDICT_REJECTED;
    call_move(step, call, CALL_ANSWERED, 0);
    return VERDICT_MOVED;
}

static enum verdict on_child_ended(struct step *step, struct session_call *call)
{
    if (call->type != CALL_CHILD)
        return VERDICT_REJECTED;
    spend_add(&step->state->spent, step->event->child_ended.used);
    call->reserved = (struct spend){ 0 };
    if (call->is_orphan)
        call_close(call);
    else
        call_move(step, call, CALL_ANSWERED, 0);
    return VERDICT_MOVED;
}

static enum verdict on_lost(struct step *step, struct session_call *call)
{
    if (step->event->attempt != call->attempt)
        return step->event->attempt < call->attempt ? VERDICT_IGNORED : VERDICT_REJECTED;
    if (call->phase == CALL_RECONCILE) {
        call_move(step, call, CALL_DOUBT, step->event->at_ms);
        return VERDICT_MOVED;
    }
    if (call->phase == CALL_SENT && call->is_once)
        return VERDICT_REJECTED; /* tool_in_doubt says that */
    call->attempt++;
    call_dispatch(step, call);
    return VERDICT_MOVED;
}

/* The life of one call. An empty cell: the event has no meaning for a call in this phase. */
static call_fn *const call_moves[CALL_PHASE_COUNT][EV_KIND_COUNT] = {
    [CALL_REFUSED] = {
        [EV_TOOL_FAILED]      = on_failed,
    },
    [CALL_APPROVAL] = {
        [EV_APPROVAL_DECIDED] = on_decided,
    },
    [CALL_EXPIRED] = {
        [EV_APPROVAL_EXPIRED] = on_expired,
    },
    [CALL_HELD] = {
        [EV_TOOL_FINISHED]    = on_finished,
    },
    [CALL_RUNNING] = {
        [EV_TOOL_SENT]        = on_sent,
        [EV_TOOL_FINISHED]    = on_finished,
        [EV_TOOL_FAILED]      = on_failed,
        [EV_INTERRUPTED]      = on_lost,
    },
    [CALL_SENT] = {
        [EV_TOOL_FINISHED]    = on_finished,
        [EV_TOOL_FAILED]      = on_failed,
        [EV_TOOL_IN_DOUBT]    = on_in_doubt,
        [EV_INTERRUPTED]      = on_lost,
    },
    [CALL_OVERDUE] = {
        [EV_TOOL_FAILED]      = on_failed,
        [EV_TOOL_IN_DOUBT]    = on_in_doubt,
    },
    [CALL_BACKOFF] = {
        [EV_TOOL_FINISHED]    = on_finished,
    },
    [CALL_DOUBT] = {
        [EV_TOOL_FINISHED]    = on_finished,
        [EV_TOOL_RECONCILED]  = on_reconciled,
    },
    [CALL_RECONCILE] = {
        [EV_TOOL_FINISHED]    = on_finished,
        [EV_TOOL_RECONCILED]  = on_reconciled,
        [EV_INTERRUPTED]      = on_lost,
    },
    [CALL_PERSON] = {
        [EV_TOOL_FINISHED]    = on_finished,
        [EV_TOOL_RECONCILED]  = on_reconciled,
    },
    [CALL_WAITING] = {
        [EV_TOOL_FINISHED]    = on_kept_signal,
        [EV_INPUT_ANSWERED]   = on_answered,
        [EV_CHILD_ENDED]      = on_child_ended,
    },
    [CALL_ANSWERED] = {
        [EV_TOOL_FINISHED]    = on_finished,
    },
};

enum verdict on_call_event(struct step *step)
{
    enum event_kind kind = step->event->kind;
    struct session_call *call = call_find(step->state, step->event->call);

    if (!call)
        return VERDICT_IGNORED; /* it has its answer, or never was */
    if (call_moves[call->phase][kind])
        return call_moves[call->phase][kind](step, call);
    /* An attempt that was given up may still end; a person's word must find its call waiting. */
    return step->event->attempt != 0 && step->event->attempt < call->attempt ? VERDICT_IGNORED
                                                                             : VERDICT_REJECTED;
}

/* The longest waiting call takes it; if none waits for it, the journal keeps it. */
enum verdict on_signal(struct step *step)
{
    struct session_call *first = NULL;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        struct session_call *call = &step->state->calls[i];

        if (call->phase == CALL_WAITING && call->type == CALL_SIGNAL &&
            call->signal_hash == step->event->signal.name_hash &&
            (!first || call->number < first->number))
            first = call;
    }
    if (first)
        call_move(step, first, CALL_ANSWERED, 0);
    return VERDICT_MOVED;
}

/* The phase that each timer ends. */
static enum call_phase timer_phase(enum timer_kind which)
{
    switch (which) {
    case TIMER_RETRY: return CALL_BACKOFF;
    case TIMER_DEADLINE: return CALL_SENT;
    case TIMER_SLEEP: return CALL_WAITING;
    case TIMER_EXPIRY: return CALL_APPROVAL;
    case TIMER_RECONCILE: return CALL_DOUBT;
    case TIMER_WALL:
    case TIMER_KIND_COUNT: break;
    }
    return CALL_FREE;
}

static enum verdict call_timer(struct step *step, struct session_call *call)
{
    enum timer_kind which = step->event->timer_fired.which;

    if (call->phase != timer_phase(which) || call->due_ms == 0 || step->event->at_ms < call->due_ms)
        return VERDICT_IGNORED;
    switch (which) {
    case TIMER_RETRY: call_dispatch(step, call); break;
    case TIMER_DEADLINE: call_move(step, call, CALL_OVERDUE, 0); break;
    case TIMER_SLEEP: call_move(step, call, CALL_ANSWERED, 0); break;
    case TIMER_EXPIRY: call_move(step, call, CALL_EXPIRED, 0); break;
    case TIMER_RECONCILE:
        call_move(step, call, CALL_RECONCILE, 0);
        command_add(step, CMD_RECONCILE, call->number, call->attempt);
        break;
    case TIMER_WALL:
    case TIMER_KIND_COUNT: return VERDICT_IGNORED;
    }
    return VERDICT_MOVED;
}

enum verdict on_timer_fired(struct step *step)
{
    const struct session_event *event = step->event;
    struct session_state *state = step->state;

    if (event->timer_fired.which == TIMER_WALL) {
        int64_t due_ms = wall_due_ms(state);

        if (state->mode != SESSION_ACTIVE || due_ms == 0 || event->at_ms < due_ms)
            return VERDICT_IGNORED;
        turn_end(step, END_WALL);
        return VERDICT_MOVED;
    }
    struct session_call *call = call_find(state, event->call);
    if (call)
        return call_timer(step, call);
    if (event->timer_fired.which == TIMER_RETRY && event->call == state->model.number)
        return model_retry(step);
    return VERDICT_IGNORED;
}

enum verdict on_interrupted(struct step *step)
{
    struct session_state *state = step->state;
    const struct session_event *event = step->event;
    struct session_call *call = call_find(state, event->call);
    enum verdict verdict;

    if (event->call == 0) {
        if (event->interrupted.by != INTERRUPTED_CRASH || state->crashes == 0)
            return VERDICT_IGNORED;
        state->crashes = 0;
        return VERDICT_MOVED;
    }
    if (!call && event->call != state->model.number)
        return VERDICT_IGNORED;
    verdict = call ? on_call_event(step) : model_interrupted(step);
    if (verdict != VERDICT_MOVED || event->interrupted.by != INTERRUPTED_CRASH ||
        !event->interrupted.counts || state->mode != SESSION_ACTIVE)
        return verdict;
    if (crash_count(step))
        step->commands->n = 0; /* not once more: the call that was just handed out again */
    return VERDICT_MOVED;
}

/* ---- the turn ends, pauses, goes on ---- */

static void call_end_turn(struct step *step, struct session_call *call)
{
    enum call_phase phase = (enum call_phase)call->phase;
    int is_sent = (phase == CALL_SENT || phase == CALL_OVERDUE) && call->is_once;
    int64_t now_ms = step->event->at_ms;
    int64_t lease_ms = call->due_ms; /* until then whoever claimed it may still be at it */

    if (phase == CALL_DOUBT || phase == CALL_RECONCILE || phase == CALL_PERSON) {
        call->is_orphan = 1; /* somebody finds out what happened */
        return;
    }
    call_withdraw(step, call);
    if (is_sent) {
        call->is_orphan = 1;
        call_doubt(step, call, lease_ms > now_ms ? lease_ms : now_ms);
    } else if (phase == CALL_WAITING && call->type == CALL_CHILD) {
        call->is_orphan = 1; /* its cost is still to come */
    } else {
        call_close(call);
    }
}

void calls_close(struct step *step)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        struct session_call *call = &step->state->calls[i];

        if (call->phase != CALL_FREE && !call->is_orphan)
            call_end_turn(step, call);
    }
}

void calls_hold(struct step *step)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        struct session_call *call = &step->state->calls[i];

        if (call->phase == CALL_RUNNING && call->is_once && !call->is_orphan) {
            command_add(step, CMD_STOP_TOOL, call->number, call->attempt);
            call_move(step, call, CALL_HELD, 0);
        }
    }
}

void calls_release(struct step *step)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        struct session_call *call = &step->state->calls[i];

        if (call->phase == CALL_HELD)
            call_dispatch(step, call);
    }
}
