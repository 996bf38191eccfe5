/* event_check.c - the range of every value of an event, whatever the state of its session. */
#include "core/session_internal.h"

static int time_is_sane(int64_t ms)
{
    return ms >= 0 && ms <= EVENT_TIME_MAX;
}

static int spend_is_sane(struct spend spend)
{
    return spend.tokens >= 0 && spend.tokens <= SPEND_MAX && spend.nanousd >= 0 &&
           spend.nanousd <= SPEND_MAX;
}

static int limits_are_sane(const struct session_limits *limits)
{
    return time_is_sane(limits->wall_ms) &&
           spend_is_sane((struct spend){ limits->tokens, limits->nanousd });
}

static int decl_is_sane(const struct call_decl *decl)
{
    /* Its due time is either the expiry of an approval or the time it waits for, not both. */
    int may_ask = decl->type == CALL_TOOL || decl->type == CALL_CHILD;

    return decl->type < CALL_TYPE_COUNT && decl->on_expiry < EXPIRY_ACTION_COUNT &&
           time_is_sane(decl->due_ms) && spend_is_sane(decl->reserved) &&
           (decl->approvals_needed == 0 || may_ask || decl->is_refused) &&
           (decl->type != CALL_SLEEP || decl->due_ms > 0 || decl->is_refused);
}

static int answer_is_sane(const struct session_event *event)
{
    if (event->model_answered.finish >= FINISH_COUNT ||
        event->model_answered.calls_n > SESSION_CALLS_MAX ||
        !spend_is_sane(event->model_answered.used))
        return 0;
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++) {
        if (!decl_is_sane(&event->model_answered.calls[i]))
            return 0;
    }
    return 1;
}

static int model_is_sane(const struct session_event *event)
{
    switch (event->kind) {
    case EV_MODEL_STARTED:
        return spend_is_sane(event->model_started.reserved) &&
               time_is_sane(event->model_started.deadline_ms);
    case EV_MODEL_ANSWERED: return answer_is_sane(event);
    case EV_MODEL_FAILED:
        return spend_is_sane(event->model_failed.charged) &&
               time_is_sane(event->model_failed.retry_at_ms);
    default: return spend_is_sane(event->model_usage.used); /* EV_MODEL_USAGE */
    }
}

static int body_is_sane(const struct session_event *event)
{
    switch (event->kind) {
    case EV_CREATED: return limits_are_sane(&event->created);
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: return model_is_sane(event);
    case EV_TOOL_SENT: return time_is_sane(event->tool_sent.deadline_ms);
    case EV_TOOL_FAILED: return time_is_sane(event->tool_failed.retry_at_ms);
    case EV_TOOL_IN_DOUBT: return time_is_sane(event->tool_in_doubt.reconcile_at_ms);
    case EV_TOOL_RECONCILED: return event->tool_reconciled.outcome < OUTCOME_COUNT;
    case EV_APPROVAL_DECIDED: return event->approval_decided.decision < DECISION_COUNT;
    case EV_APPROVAL_EXPIRED:
        return event->approval_expired.outcome < EXPIRY_ACTION_COUNT &&
               time_is_sane(event->approval_expired.due_ms);
    case EV_TIMER_FIRED: return event->timer_fired.which < TIMER_KIND_COUNT;
    case EV_CHILD_ENDED: return spend_is_sane(event->child_ended.used);
    case EV_INTERRUPTED:
        return event->interrupted.by < INTERRUPTED_BY_COUNT &&
               spend_is_sane(event->interrupted.charged);
    case EV_TURN_ENDED:
        return event->turn_ended.cause < END_CAUSE_COUNT &&
               spend_is_sane(event->turn_ended.refused);
    case EV_BUDGET_CHANGED:
        return spend_is_sane(
            (struct spend){ event->budget_changed.tokens, event->budget_changed.nanousd });
    case EV_MESSAGE:
    case EV_TOOL_FINISHED:
    case EV_INPUT_ANSWERED:
    case EV_SIGNAL:
    case EV_CONTEXT_CHANGED:
    case EV_PAUSED:
    case EV_RESUMED:
    case EV_CANCELLED:
    case EV_RETRIED:
    case EV_FORKED: return 1;
    case EV_KIND_COUNT: break;
    }
    return 0;
}

int event_is_sane(const struct session_event *event)
{
    return event->kind < EV_KIND_COUNT && event->seq > 0 && event->seq <= SESSION_EVENTS_MAX &&
           event->at_ms > 0 && time_is_sane(event->at_ms) && body_is_sane(event);
}
