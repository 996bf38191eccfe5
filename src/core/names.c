/* names.c - the names of everything that is stored, logged or shown. They never change. */
#include "core/approval.h"
#include "core/session.h"

/* A value beyond the table is a bug or a corrupt store; it gets a name that nobody mistakes. */
#define NAME_OF(names, value)                                                                      \
    ((size_t)(value) < ARRAY_LEN(names) && (names)[value] ? (names)[value] : "invalid")

/* Which of n names it is; n: none of them. */
static unsigned value_of(const char *const *names, unsigned n, struct slice name)
{
    unsigned i = 0;

    while (i < n && !slice_is(name, names[i]))
        i++;
    return i;
}

static const char *const event_kinds[EV_KIND_COUNT] = {
    [EV_CREATED] = "created",
    [EV_MESSAGE] = "message",
    [EV_MODEL_STARTED] = "model_started",
    [EV_MODEL_ANSWERED] = "model_answered",
    [EV_MODEL_FAILED] = "model_failed",
    [EV_MODEL_USAGE] = "model_usage",
    [EV_TOOL_SENT] = "tool_sent",
    [EV_TOOL_FINISHED] = "tool_finished",
    [EV_TOOL_FAILED] = "tool_failed",
    [EV_TOOL_IN_DOUBT] = "tool_in_doubt",
    [EV_TOOL_RECONCILED] = "tool_reconciled",
    [EV_APPROVAL_DECIDED] = "approval_decided",
    [EV_APPROVAL_EXPIRED] = "approval_expired",
    [EV_INPUT_ANSWERED] = "input_answered",
    [EV_TIMER_FIRED] = "timer_fired",
    [EV_SIGNAL] = "signal",
    [EV_CHILD_ENDED] = "child_ended",
    [EV_INTERRUPTED] = "interrupted",
    [EV_TURN_ENDED] = "turn_ended",
    [EV_BUDGET_CHANGED] = "budget_changed",
    [EV_CONTEXT_CHANGED] = "context_changed",
    [EV_PAUSED] = "paused",
    [EV_RESUMED] = "resumed",
    [EV_CANCELLED] = "cancelled",
    [EV_RETRIED] = "retried",
    [EV_FORKED] = "forked",
};

const char *event_kind_name(enum event_kind kind)
{
    return NAME_OF(event_kinds, kind);
}

enum event_kind event_kind_of(struct slice name)
{
    return (enum event_kind)value_of(event_kinds, EV_KIND_COUNT, name);
}

const char *end_cause_name(enum end_cause cause)
{
    static const char *const names[END_CAUSE_COUNT] = {
        [END_NONE] = "none",
        [END_COMPLETED] = "completed",
        [END_MODEL] = "model_failed",
        [END_TRUNCATED] = "output_truncated",
        [END_FILTERED] = "output_filtered",
        [END_STEPS] = "step_limit",
        [END_WALL] = "wall_limit",
        [END_BUDGET] = "budget_reached",
        [END_CONFIG] = "model_not_configured",
        [END_POISON] = "poison",
        [END_APPROVAL] = "approval_expired",
    };
    return NAME_OF(names, cause);
}

const char *call_type_name(enum call_type type)
{
    static const char *const names[CALL_TYPE_COUNT] = {
        [CALL_TOOL] = "tool",     [CALL_QUESTION] = "question", [CALL_SLEEP] = "sleep",
        [CALL_SIGNAL] = "signal", [CALL_CHILD] = "child",
    };
    return NAME_OF(names, type);
}

const char *timer_kind_name(enum timer_kind kind)
{
    static const char *const names[TIMER_KIND_COUNT] = {
        [TIMER_RETRY] = "retry", [TIMER_DEADLINE] = "deadline", [TIMER_WALL] = "wall",
        [TIMER_SLEEP] = "sleep", [TIMER_EXPIRY] = "expiry",     [TIMER_RECONCILE] = "reconcile",
    };
    return NAME_OF(names, kind);
}

static const char *const expiry_actions[EXPIRY_ACTION_COUNT] = {
    [EXPIRY_REJECT] = "reject",
    [EXPIRY_FAIL] = "fail",
    [EXPIRY_ESCALATE] = "escalate",
};

const char *expiry_action_name(enum expiry_action action)
{
    return NAME_OF(expiry_actions, action);
}

enum expiry_action expiry_action_of(struct slice name)
{
    return (enum expiry_action)value_of(expiry_actions, EXPIRY_ACTION_COUNT, name);
}

static const char *const approval_kinds[APPROVAL_KIND_COUNT] = {
    [APPROVAL_CALL] = "approval",
    [APPROVAL_QUESTION] = "question",
    [APPROVAL_IN_DOUBT] = "in_doubt",
};

const char *approval_kind_name(enum approval_kind kind)
{
    return NAME_OF(approval_kinds, kind);
}

enum approval_kind approval_kind_of(struct slice name)
{
    return (enum approval_kind)value_of(approval_kinds, APPROVAL_KIND_COUNT, name);
}

static const char *const approval_statuses[APPROVAL_STATUS_COUNT] = {
    [APPROVAL_PENDING] = "pending",   [APPROVAL_APPROVED] = "approved",
    [APPROVAL_REJECTED] = "rejected", [APPROVAL_EXPIRED] = "expired",
    [APPROVAL_SETTLED] = "settled",   [APPROVAL_CANCELLED] = "cancelled",
    [APPROVAL_ANSWERED] = "answered",
};

const char *approval_status_name(enum approval_status status)
{
    return NAME_OF(approval_statuses, status);
}

enum approval_status approval_status_of(struct slice name)
{
    return (enum approval_status)value_of(approval_statuses, APPROVAL_STATUS_COUNT, name);
}

const char *answer_finish_name(enum answer_finish finish)
{
    static const char *const names[FINISH_COUNT] = {
        [FINISH_STOP] = "stop",
        [FINISH_LENGTH] = "length",
        [FINISH_FILTERED] = "filtered",
    };
    return NAME_OF(names, finish);
}

const char *decision_name(enum decision decision)
{
    static const char *const names[DECISION_COUNT] = {
        [DECISION_APPROVE] = "approve",
        [DECISION_REJECT] = "reject",
    };
    return NAME_OF(names, decision);
}

const char *reconcile_outcome_name(enum reconcile_outcome outcome)
{
    static const char *const names[OUTCOME_COUNT] = {
        [OUTCOME_HAPPENED] = "happened",
        [OUTCOME_NOT_HAPPENED] = "not_happened",
        [OUTCOME_UNKNOWN] = "unknown",
    };
    return NAME_OF(names, outcome);
}

const char *interrupted_by_name(enum interrupted_by by)
{
    static const char *const names[INTERRUPTED_BY_COUNT] = {
        [INTERRUPTED_CRASH] = "crash",
        [INTERRUPTED_DRAIN] = "drain",
    };
    return NAME_OF(names, by);
}

const char *session_mode_name(enum session_mode mode)
{
    static const char *const names[SESSION_MODE_COUNT] = {
        [SESSION_NEW] = "new",   [SESSION_ACTIVE] = "active",       [SESSION_ENDING] = "ending",
        [SESSION_IDLE] = "idle", [SESSION_CANCELLED] = "cancelled",
    };
    return NAME_OF(names, mode);
}

static const char *const statuses[STATUS_COUNT] = {
    [STATUS_PENDING] = "PENDING",
    [STATUS_RUNNING] = "RUNNING",
    [STATUS_AWAITING_TOOL] = "AWAITING_TOOL",
    [STATUS_AWAITING_HUMAN_APPROVAL] = "AWAITING_HUMAN_APPROVAL",
    [STATUS_AWAITING_INPUT] = "AWAITING_INPUT",
    [STATUS_SLEEPING] = "SLEEPING",
    [STATUS_COMPLETED] = "COMPLETED",
    [STATUS_FAILED] = "FAILED",
    [STATUS_CANCELLED] = "CANCELLED",
};

const char *session_status_name(enum session_status status)
{
    return NAME_OF(statuses, status);
}

enum session_status session_status_of(struct slice name)
{
    return (enum session_status)value_of(statuses, STATUS_COUNT, name);
}

const char *model_phase_name(enum model_phase phase)
{
    static const char *const names[MODEL_PHASE_COUNT] = {
        [MODEL_NONE] = "none",
        [MODEL_WANTED] = "wanted",
        [MODEL_RUNNING] = "running",
        [MODEL_BACKOFF] = "backoff",
    };
    return NAME_OF(names, phase);
}

const char *call_phase_name(enum call_phase phase)
{
    static const char *const names[CALL_PHASE_COUNT] = {
        [CALL_FREE] = "free",       [CALL_REFUSED] = "refused",     [CALL_APPROVAL] = "approval",
        [CALL_EXPIRED] = "expired", [CALL_HELD] = "held",           [CALL_RUNNING] = "running",
        [CALL_SENT] = "sent",       [CALL_OVERDUE] = "overdue",     [CALL_BACKOFF] = "backoff",
        [CALL_DOUBT] = "doubt",     [CALL_RECONCILE] = "reconcile", [CALL_PERSON] = "person",
        [CALL_WAITING] = "waiting", [CALL_ANSWERED] = "answered",
    };
    return NAME_OF(names, phase);
}

const char *command_kind_name(enum command_kind kind)
{
    static const char *const names[CMD_KIND_COUNT] = {
        [CMD_CALL_MODEL] = "call_model",   [CMD_STOP_MODEL] = "stop_model",
        [CMD_RUN_TOOL] = "run_tool",       [CMD_SEND_TOOL] = "send_tool",
        [CMD_STOP_TOOL] = "stop_tool",     [CMD_ASK] = "ask",
        [CMD_WITHDRAW] = "withdraw",       [CMD_RECONCILE] = "reconcile",
        [CMD_START_CHILD] = "start_child", [CMD_CANCEL_CHILD] = "cancel_child",
        [CMD_TURN_ENDED] = "turn_ended",
    };
    return NAME_OF(names, kind);
}

const char *wait_kind_name(enum wait_kind kind)
{
    static const char *const names[WAIT_KIND_COUNT] = {
        [WAIT_PERMIT] = "permit",       [WAIT_MODEL] = "model",       [WAIT_RETRY] = "retry",
        [WAIT_TOOL] = "tool",           [WAIT_APPROVAL] = "approval", [WAIT_INPUT] = "input",
        [WAIT_TIME] = "time",           [WAIT_SIGNAL] = "signal",     [WAIT_CHILD] = "child",
        [WAIT_RECONCILE] = "reconcile", [WAIT_PERSON] = "person",     [WAIT_RESUME] = "resume",
    };
    return NAME_OF(names, kind);
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICT_COUNT] = {
        [VERDICT_MOVED] = "moved",
        [VERDICT_IGNORED] = "ignored",
        [VERDICT_REJECTED] = "rejected",
    };
    return NAME_OF(names, verdict);
}
