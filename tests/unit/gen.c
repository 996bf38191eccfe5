/*
 * gen.c - random events. Numbers are drawn in statements of their own where their order would
 * otherwise be the compiler's choice: a seed gives the same events everywhere.
 */
#include "unit/gen.h"

static const int64_t time_max = (int64_t)1 << 53;
static const int64_t spend_max = (int64_t)1 << 60;

unsigned gen_below(struct random *random, unsigned n)
{
    return (unsigned)random_below(random, n);
}

int gen_chance(struct random *random, unsigned percent)
{
    return gen_below(random, 100) < percent;
}

/* Every size of number is as likely as any other, and the ends of the range turn up often. */
static int64_t amount(struct random *random, int64_t max)
{
    unsigned shift = 1 + gen_below(random, 63);
    int64_t value = (int64_t)(random_u64(random) >> shift);

    if (gen_chance(random, 10))
        return 0;
    return value > max || gen_chance(random, 5) ? max : value;
}

static struct spend any_spend(struct random *random)
{
    int64_t tokens = amount(random, spend_max);

    return (struct spend){ tokens, amount(random, spend_max) };
}

static uint32_t any_u32(struct random *random)
{
    return (uint32_t)amount(random, UINT32_MAX);
}

static struct call_decl any_decl(struct random *random)
{
    struct call_decl decl;

    memset(&decl, 0, sizeof(decl));
    decl.type = (enum call_type)gen_below(random, CALL_TYPE_COUNT);
    decl.is_refused = (uint8_t)gen_below(random, 2);
    decl.is_once = (uint8_t)gen_below(random, 2);
    decl.has_reconcile = (uint8_t)gen_below(random, 2);
    if (decl.is_refused || decl.type == CALL_TOOL || decl.type == CALL_CHILD)
        decl.approvals_needed = (uint8_t)gen_below(random, 256);
    decl.on_expiry = (enum expiry_action)gen_below(random, EXPIRY_ACTION_COUNT);
    decl.due_ms = 1 + amount(random, time_max - 1);
    if (decl.type != CALL_SLEEP && gen_chance(random, 50))
        decl.due_ms = 0;
    decl.signal_hash = gen_chance(random, 30) ? 0 : random_u64(random);
    decl.reserved = any_spend(random);
    return decl;
}

static void any_limits(struct random *random, struct session_limits *limits)
{
    limits->steps = any_u32(random);
    limits->wall_ms = amount(random, time_max);
    limits->tokens = amount(random, spend_max);
    limits->nanousd = amount(random, spend_max);
    limits->crashes = any_u32(random);
}

static void any_model_body(struct random *random, struct session_event *event)
{
    if (event->kind == EV_MODEL_STARTED) {
        event->model_started.reserved = any_spend(random);
        event->model_started.deadline_ms = amount(random, time_max);
    } else if (event->kind == EV_MODEL_ANSWERED) {
        event->model_answered.used = any_spend(random);
        event->model_answered.finish = (enum answer_finish)gen_below(random, FINISH_COUNT);
        event->model_answered.calls_n = gen_below(random, SESSION_CALLS_MAX + 1);
        event->model_answered.unplaced = gen_below(random, 2) ? gen_below(random, 1000) : 0;
        if (event->model_answered.calls_n > 0)
            event->model_answered.first_call = 1 + gen_below(random, 1000000);
        for (uint32_t i = 0; i < event->model_answered.calls_n; i++)
            event->model_answered.calls[i] = any_decl(random);
    } else if (event->kind == EV_MODEL_FAILED) {
        event->model_failed.charged = any_spend(random);
        event->model_failed.retry_at_ms = amount(random, time_max);
    } else {
        event->model_usage.used = any_spend(random);
    }
}

static void any_tool_body(struct random *random, struct session_event *event)
{
    if (event->kind == EV_TOOL_SENT) {
        event->tool_sent.deadline_ms = amount(random, time_max);
    } else if (event->kind == EV_TOOL_FAILED) {
        event->tool_failed.retry_at_ms = amount(random, time_max);
    } else if (event->kind == EV_TOOL_IN_DOUBT) {
        event->tool_in_doubt.reconcile_at_ms = amount(random, time_max);
        event->tool_in_doubt.counts = (uint8_t)gen_below(random, 2);
    } else {
        event->tool_reconciled.outcome = (enum reconcile_outcome)gen_below(random, OUTCOME_COUNT);
    }
}

struct session_event gen_sane(struct random *random, enum event_kind kind)
{
    struct session_event event;

    memset(&event, 0, sizeof(event));
    event.kind = kind;
    event.seq = 1 + gen_below(random, SESSION_EVENTS_MAX);
    event.at_ms = 1 + amount(random, time_max - 1);
    event.call = any_u32(random);
    event.attempt = any_u32(random);
    switch (kind) {
    case EV_CREATED: any_limits(random, &event.created); break;
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: any_model_body(random, &event); break;
    case EV_TOOL_SENT:
    case EV_TOOL_FAILED:
    case EV_TOOL_IN_DOUBT:
    case EV_TOOL_RECONCILED: any_tool_body(random, &event); break;
    case EV_APPROVAL_DECIDED:
        event.approval_decided.decision = (enum decision)gen_below(random, DECISION_COUNT);
        event.approval_decided.still_needed = (uint8_t)gen_below(random, 256);
        break;
    case EV_APPROVAL_EXPIRED:
        event.approval_expired.outcome = (enum expiry_action)gen_below(random, EXPIRY_ACTION_COUNT);
        event.approval_expired.due_ms = amount(random, time_max);
        break;
    case EV_TIMER_FIRED:
        event.timer_fired.which = (enum timer_kind)gen_below(random, TIMER_KIND_COUNT);
        break;
    case EV_SIGNAL: event.signal.name_hash = random_u64(random); break;
    case EV_CHILD_ENDED: event.child_ended.used = any_spend(random); break;
    case EV_INTERRUPTED:
        event.interrupted.by = (enum interrupted_by)gen_below(random, INTERRUPTED_BY_COUNT);
        event.interrupted.counts = (uint8_t)gen_below(random, 2);
        event.interrupted.charged = any_spend(random);
        break;
    case EV_TURN_ENDED:
        event.turn_ended.cause = (enum end_cause)gen_below(random, END_CAUSE_COUNT);
        event.turn_ended.refused = any_spend(random);
        break;
    case EV_BUDGET_CHANGED:
        event.budget_changed.tokens = amount(random, spend_max);
        event.budget_changed.nanousd = amount(random, spend_max);
        break;
    case EV_MESSAGE:
    case EV_TOOL_FINISHED:
    case EV_INPUT_ANSWERED:
    case EV_CONTEXT_CHANGED:
    case EV_PAUSED:
    case EV_RESUMED:
    case EV_CANCELLED:
    case EV_RETRIED:
    case EV_FORKED:
    case EV_KIND_COUNT: break;
    }
    return event;
}

/* ---- what fits a state ---- */

static struct spend small_spend(struct random *random)
{
    unsigned tokens = gen_below(random, 200);

    return (struct spend){ tokens, gen_below(random, 2000) };
}

/* Soon, at times never, at times long ago. */
static int64_t soon(struct random *random, int64_t now_ms)
{
    if (gen_chance(random, 15))
        return 0;
    if (gen_chance(random, 10))
        now_ms -= 400;
    return now_ms + gen_below(random, 500);
}

static struct call_decl likely_decl(struct random *random, int64_t now_ms)
{
    static const enum call_type types[] = { CALL_TOOL,  CALL_TOOL,   CALL_TOOL,  CALL_TOOL,
                                            CALL_SLEEP, CALL_SIGNAL, CALL_CHILD, CALL_QUESTION };
    struct call_decl decl;

    memset(&decl, 0, sizeof(decl));
    decl.type = types[gen_below(random, ARRAY_LEN(types))];
    decl.is_refused = (uint8_t)gen_chance(random, 8);
    decl.is_once = (uint8_t)gen_chance(random, 50);
    decl.has_reconcile = (uint8_t)gen_chance(random, 50);
    if ((decl.type == CALL_TOOL || decl.type == CALL_CHILD) && gen_chance(random, 30))
        decl.approvals_needed = (uint8_t)(1 + gen_below(random, 2));
    decl.on_expiry = (enum expiry_action)gen_below(random, EXPIRY_ACTION_COUNT);
    decl.due_ms = soon(random, now_ms);
    if (decl.type == CALL_SLEEP && decl.due_ms == 0)
        decl.due_ms = now_ms;
    decl.signal_hash = gen_below(random, 3);
    if (decl.type == CALL_CHILD)
        decl.reserved = small_spend(random);
    return decl;
}

static void likely_answer(struct random *random, const struct session_state *state,
                          struct session_event *event, int64_t now_ms)
{
    event->model_answered.used = small_spend(random);
    if (gen_chance(random, 90))
        event->model_answered.finish = FINISH_STOP;
    else
        event->model_answered.finish = (enum answer_finish)gen_below(random, FINISH_COUNT);
    if (gen_chance(random, 30)) {
        event->model_answered.unplaced = gen_chance(random, 20) ? 1 + gen_below(random, 40) : 0;
        return;
    }
    event->model_answered.first_call = state->last_call + 1;
    event->model_answered.calls_n =
        1 + gen_below(random, gen_chance(random, 90) ? 4 : SESSION_CALLS_MAX);
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++)
        event->model_answered.calls[i] = likely_decl(random, now_ms);
}

static void likely_model(struct random *random, const struct session_state *state,
                         struct session_event *event, int64_t now_ms)
{
    static const enum event_kind running[] = { EV_MODEL_ANSWERED, EV_MODEL_ANSWERED,
                                               EV_MODEL_ANSWERED, EV_MODEL_FAILED, EV_INTERRUPTED };

    event->call = state->model.number;
    event->attempt = state->model.attempt;
    event->kind = EV_MODEL_STARTED;
    if (state->model.phase != MODEL_WANTED || gen_chance(random, 10))
        event->kind = running[gen_below(random, ARRAY_LEN(running))];
    if (event->kind == EV_MODEL_STARTED) {
        event->model_started.reserved = small_spend(random);
    } else if (event->kind == EV_MODEL_ANSWERED) {
        likely_answer(random, state, event, now_ms);
    } else if (event->kind == EV_MODEL_FAILED) {
        event->model_failed.charged =
            gen_chance(random, 50) ? state->model.reserved : (struct spend){ 0 };
        event->model_failed.retry_at_ms = gen_chance(random, 80) ? now_ms + 50 : 0;
    } else {
        event->interrupted.charged = state->model.reserved;
        event->interrupted.counts = (uint8_t)gen_below(random, 2);
        event->interrupted.by = (enum interrupted_by)gen_below(random, INTERRUPTED_BY_COUNT);
    }
}

static const struct session_call *any_open_call(struct random *random,
                                                const struct session_state *state)
{
    unsigned start = gen_below(random, SESSION_CALLS_MAX);

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[(start + i) % SESSION_CALLS_MAX];

        if (call->phase != CALL_FREE)
            return call;
    }
    return NULL;
}

/* The kinds that may be about a call; those that usually are come more than once. */
static const enum event_kind call_kinds[] = {
    EV_TOOL_SENT,      EV_TOOL_SENT,   EV_TOOL_FINISHED, EV_TOOL_FINISHED,    EV_TOOL_FINISHED,
    EV_TOOL_FAILED,    EV_TOOL_FAILED, EV_TOOL_IN_DOUBT, EV_TOOL_RECONCILED,  EV_APPROVAL_DECIDED,
    EV_INPUT_ANSWERED, EV_CHILD_ENDED, EV_INTERRUPTED,   EV_APPROVAL_EXPIRED,
};

/* What usually comes next for a call in its phase. */
static enum event_kind fitting_kind(struct random *random, const struct session_call *call)
{
    static const enum event_kind running[] = { EV_TOOL_FINISHED, EV_TOOL_FAILED, EV_INTERRUPTED };

    switch ((enum call_phase)call->phase) {
    case CALL_APPROVAL: return EV_APPROVAL_DECIDED;
    case CALL_RUNNING:
        return call->is_once ? EV_TOOL_SENT : running[gen_below(random, ARRAY_LEN(running))];
    case CALL_SENT: return call->is_once ? EV_TOOL_IN_DOUBT : EV_TOOL_FAILED;
    case CALL_DOUBT:
    case CALL_RECONCILE:
    case CALL_PERSON: return EV_TOOL_RECONCILED;
    case CALL_WAITING: return call->type == CALL_CHILD ? EV_CHILD_ENDED : EV_INPUT_ANSWERED;
    case CALL_FREE:
    case CALL_REFUSED:
    case CALL_EXPIRED:
    case CALL_HELD:
    case CALL_OVERDUE:
    case CALL_BACKOFF:
    case CALL_ANSWERED:
    case CALL_PHASE_COUNT: break;
    }
    return EV_TOOL_FINISHED;
}

static void likely_call(struct random *random, const struct session_call *call,
                        struct session_event *event, int64_t now_ms)
{
    event->kind = call_kinds[gen_below(random, ARRAY_LEN(call_kinds))];
    if (gen_chance(random, 50))
        event->kind = fitting_kind(random, call);
    event->call = call->number;
    event->attempt = call->attempt;
    if (event->kind == EV_TOOL_SENT) {
        event->tool_sent.deadline_ms = gen_chance(random, 50) ? now_ms + 100 : 0;
    } else if (event->kind == EV_TOOL_FAILED) {
        event->tool_failed.retry_at_ms = gen_chance(random, 60) ? now_ms + 50 : 0;
    } else if (event->kind == EV_TOOL_IN_DOUBT) {
        event->tool_in_doubt.reconcile_at_ms = soon(random, now_ms);
        event->tool_in_doubt.counts = (uint8_t)gen_below(random, 2);
    } else if (event->kind == EV_TOOL_RECONCILED) {
        event->tool_reconciled.outcome = (enum reconcile_outcome)gen_below(random, OUTCOME_COUNT);
    } else if (event->kind == EV_APPROVAL_DECIDED) {
        event->approval_decided.decision =
            gen_chance(random, 75) ? DECISION_APPROVE : DECISION_REJECT;
        event->approval_decided.still_needed =
            (uint8_t)(call->approvals_needed > 0 ? call->approvals_needed - 1 : 0);
    } else if (event->kind == EV_CHILD_ENDED) {
        event->child_ended.used = small_spend(random);
    } else if (event->kind == EV_INTERRUPTED) {
        event->interrupted.counts = (uint8_t)gen_below(random, 2);
    } else if (event->kind == EV_APPROVAL_EXPIRED) {
        event->approval_expired.outcome = (enum expiry_action)call->on_expiry;
        event->approval_expired.due_ms = now_ms + 100;
    }
}

static void likely_due(struct random *random, const struct session_state *state,
                       const struct session_due *due, struct session_event *event, int64_t now_ms)
{
    const struct session_call *call = session_call(state, due->call);

    event->kind = due->kind;
    event->call = due->call;
    event->attempt = due->attempt;
    if (due->kind == EV_TURN_ENDED) {
        event->turn_ended.cause = due->cause;
    } else if (due->kind == EV_APPROVAL_EXPIRED) {
        event->approval_expired.outcome = (enum expiry_action)call->on_expiry;
        event->approval_expired.due_ms = now_ms + 100;
    } else if (due->kind == EV_TOOL_FAILED) {
        event->tool_failed.retry_at_ms =
            call->phase == CALL_REFUSED || gen_chance(random, 30) ? 0 : now_ms + 50;
    } else if (due->kind == EV_TOOL_IN_DOUBT) {
        event->tool_in_doubt.reconcile_at_ms = soon(random, now_ms);
    }
}

/* What people and programs do from outside, whatever the state is. */
static void likely_outside(struct random *random, const struct session_state *state,
                           struct session_event *event)
{
    static const enum event_kind kinds[] = {
        EV_MESSAGE,   EV_MESSAGE,        EV_MESSAGE,         EV_MESSAGE,    EV_SIGNAL,
        EV_SIGNAL,    EV_SIGNAL,         EV_PAUSED,          EV_PAUSED,     EV_RESUMED,
        EV_RESUMED,   EV_RESUMED,        EV_RETRIED,         EV_RETRIED,    EV_FORKED,
        EV_CANCELLED, EV_BUDGET_CHANGED, EV_CONTEXT_CHANGED, EV_TURN_ENDED,
    };

    event->kind = kinds[gen_below(random, ARRAY_LEN(kinds))];
    if (state->is_paused && gen_chance(random, 50))
        event->kind = EV_RESUMED;
    if (state->mode == SESSION_CANCELLED && gen_chance(random, 20))
        event->kind = EV_FORKED; /* or nothing would ever happen again */
    if (event->kind == EV_SIGNAL)
        event->signal.name_hash = gen_below(random, 3);
    if (event->kind == EV_BUDGET_CHANGED) {
        event->budget_changed.tokens = gen_below(random, 4000);
        event->budget_changed.nanousd = gen_below(random, 40000);
    }
    if (event->kind == EV_TURN_ENDED) {
        event->turn_ended.cause = gen_below(random, 4) ? END_BUDGET : END_CONFIG;
        event->turn_ended.refused = (struct spend){ 100000, 100000 };
    }
}

static void likely_first(struct random *random, struct session_event *event)
{
    event->kind = EV_CREATED;
    event->created.steps = gen_chance(random, 50) ? gen_below(random, 40) : 0;
    event->created.wall_ms = gen_chance(random, 30) ? 1 + gen_below(random, 3000) : 0;
    event->created.tokens = gen_chance(random, 50) ? gen_below(random, 4000) : 0;
    event->created.nanousd = gen_chance(random, 50) ? gen_below(random, 40000) : 0;
    event->created.crashes = gen_below(random, 6);
}

/* Late usage, for an attempt that may be on record as charged. */
static void likely_usage(struct random *random, const struct session_state *state,
                         struct session_event *event)
{
    const struct session_unsettled *one = &state->unsettled[gen_below(random, 4)];

    event->kind = EV_MODEL_USAGE;
    event->call = one->call;
    event->attempt = one->attempt;
    event->model_usage.used = small_spend(random);
}

struct session_event gen_likely(struct random *random, const struct session_state *state,
                                int64_t now_ms)
{
    const struct session_call *call = any_open_call(random, state);
    struct session_event event;
    struct session_due due;

    memset(&event, 0, sizeof(event));
    if (state->mode == SESSION_NEW) {
        likely_first(random, &event);
    } else if (session_due(state, &due) && gen_chance(random, 90)) {
        likely_due(random, state, &due, &event, now_ms);
    } else if (gen_chance(random, 20) && session_timer(state, now_ms, &event)) {
        /* as it is */
    } else if (gen_chance(random, session_is_ended(state) ? 70 : 12)) {
        likely_outside(random, state, &event);
    } else if (gen_chance(random, 5)) {
        likely_usage(random, state, &event);
    } else if (call && gen_chance(random, state->model.phase == MODEL_NONE ? 90 : 30)) {
        likely_call(random, call, &event, now_ms);
    } else {
        likely_model(random, state, &event, now_ms);
    }
    if (gen_chance(random, 6) && event.attempt > 0)
        event.attempt -= 1;
    if (gen_chance(random, 2))
        event.attempt += 1;
    if (gen_chance(random, 2))
        event.call = gen_below(random, state->last_call + 2);
    event.seq = state->seq + 1;
    event.at_ms = now_ms;
    return event;
}

void gen_spoil(struct random *random, struct session_event *event)
{
    struct session_event any = gen_sane(random, (enum event_kind)gen_below(random, EV_KIND_COUNT));
    size_t at = sizeof(*event) / 64 + gen_below(random, sizeof(*event) * 63 / 64);

    switch (gen_below(random, 6)) {
    case 0: event->seq += gen_below(random, 3) - 1; break;
    case 1: event->at_ms = gen_chance(random, 50) ? -event->at_ms : INT64_MAX; break;
    case 2: event->kind = any.kind; break;
    case 3: /* another body under the same kind */
        any.kind = event->kind;
        any.seq = event->seq;
        any.at_ms = event->at_ms;
        *event = any;
        break;
    case 4: event->call = any.call; break;
    default: /* any byte behind the head */
        ((unsigned char *)event)[at] = (unsigned char)gen_below(random, 256);
        break;
    }
}
