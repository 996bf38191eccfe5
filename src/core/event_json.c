#include "core/event_json.h"

#include <stdio.h>

#include "base/json.h"

enum { EVENT_BODY_VERSION = 1 };

static void put_count(struct buf *body, const char *key, int64_t value)
{
    if (value == 0)
        return;
    json_key(body, key);
    json_put_int(body, value);
}

static void put_flag(struct buf *body, const char *key, int value)
{
    if (!value)
        return;
    json_key(body, key);
    json_put_bool(body, 1);
}

static void put_name(struct buf *body, const char *key, const char *name)
{
    json_key(body, key);
    json_put_str(body, slice_of(name));
}

static void put_spend(struct buf *body, const char *key, struct spend spend)
{
    if (spend.tokens == 0 && spend.nanousd == 0)
        return;
    json_key(body, key);
    json_begin(body, '{');
    put_count(body, "tokens", spend.tokens);
    if (spend.nanousd != 0) {
        json_key(body, "usd");
        json_put_usd(body, spend.nanousd);
        put_count(body, "nanousd", spend.nanousd);
    }
    json_end(body, '}');
}

static void put_limits(struct buf *body, const struct session_limits *limits)
{
    json_key(body, "limits");
    json_begin(body, '{');
    put_count(body, "steps", limits->steps);
    put_count(body, "wall_ms", limits->wall_ms);
    put_count(body, "tokens", limits->tokens);
    put_count(body, "nanousd", limits->nanousd);
    put_count(body, "crashes", limits->crashes);
    json_end(body, '}');
}

static void put_extras(struct buf *body, const struct event_extra *extra)
{
    for (; extra && extra->name; extra++) {
        int is_text = extra->kind == EXTRA_TEXT || extra->kind == EXTRA_JSON;

        if (is_text && !extra->text.ptr)
            continue;
        json_key(body, extra->name);
        switch (extra->kind) {
        case EXTRA_TEXT: json_put_str(body, extra->text); break;
        case EXTRA_JSON: json_put_raw(body, extra->text); break;
        case EXTRA_INT: json_put_int(body, extra->number); break;
        case EXTRA_BOOL: json_put_bool(body, extra->number != 0); break;
        }
    }
}

static void put_decl(struct buf *body, const struct call_decl *decl, uint32_t number,
                     const struct event_extra *extras)
{
    json_begin(body, '{');
    put_count(body, "call", number);
    put_name(body, "type", call_type_name(decl->type));
    put_flag(body, "refused", decl->is_refused);
    put_flag(body, "once", decl->is_once);
    put_flag(body, "reconcile", decl->has_reconcile);
    put_count(body, "approvals", decl->approvals_needed);
    if (decl->on_expiry != EXPIRY_REJECT)
        put_name(body, "on_expiry", expiry_action_name(decl->on_expiry));
    put_count(body, "due", decl->due_ms);
    if (decl->signal_hash != 0) { /* 64 bits do not fit a JSON number: hex */
        char hex[17];

        (void)snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)decl->signal_hash);
        put_name(body, "signal", hex);
    }
    put_spend(body, "reserved", decl->reserved);
    put_extras(body, extras);
    json_end(body, '}');
}

static void put_calls(struct buf *body, const struct session_event *event,
                      const struct event_extra *const *call_extras)
{
    uint32_t first = event->model_answered.first_call;

    if (event->model_answered.calls_n == 0)
        return;
    put_count(body, "first_call", first);
    json_key(body, "calls");
    json_begin(body, '[');
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++)
        put_decl(body, &event->model_answered.calls[i], first + i,
                 call_extras ? call_extras[i] : NULL);
    json_end(body, ']');
}

static void put_approval_expired(struct buf *body, const struct session_event *event)
{
    put_name(body, "outcome", expiry_action_name(event->approval_expired.outcome));
    put_count(body, "due", event->approval_expired.due_ms);
}

static void put_hash(struct buf *body, uint64_t hash)
{
    char hex[17];

    (void)snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash);
    put_name(body, "name_hash", hex);
}

static void put_interrupted(struct buf *body, const struct session_event *event)
{
    put_name(body, "by", interrupted_by_name(event->interrupted.by));
    put_flag(body, "counts", event->interrupted.counts);
    put_spend(body, "charged", event->interrupted.charged);
}

static void put_model_event(struct buf *body, const struct session_event *event,
                            const struct event_extra *const *call_extras)
{
    if (event->kind == EV_MODEL_STARTED) {
        put_spend(body, "reserved", event->model_started.reserved);
        put_count(body, "deadline", event->model_started.deadline_ms);
    } else if (event->kind == EV_MODEL_ANSWERED) {
        put_name(body, "finish", answer_finish_name(event->model_answered.finish));
        put_spend(body, "used", event->model_answered.used);
        put_calls(body, event, call_extras);
        put_count(body, "unplaced", event->model_answered.unplaced);
    } else if (event->kind == EV_MODEL_FAILED) {
        put_spend(body, "charged", event->model_failed.charged);
        put_count(body, "retry_at", event->model_failed.retry_at_ms);
    } else {
        put_spend(body, "used", event->model_usage.used);
    }
}

static void put_facts(struct buf *body, const struct session_event *event,
                      const struct event_extra *const *call_extras)
{
    switch (event->kind) {
    case EV_CREATED: put_limits(body, &event->created); break;
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: put_model_event(body, event, call_extras); break;
    case EV_TOOL_SENT: put_count(body, "deadline", event->tool_sent.deadline_ms); break;
    case EV_TOOL_FAILED: put_count(body, "retry_at", event->tool_failed.retry_at_ms); break;
    case EV_TOOL_IN_DOUBT:
        put_count(body, "reconcile_at", event->tool_in_doubt.reconcile_at_ms);
        put_flag(body, "counts", event->tool_in_doubt.counts);
        break;
    case EV_TOOL_RECONCILED:
        put_name(body, "outcome", reconcile_outcome_name(event->tool_reconciled.outcome));
        break;
    case EV_APPROVAL_DECIDED:
        put_name(body, "decision", decision_name(event->approval_decided.decision));
        put_count(body, "still_needed", event->approval_decided.still_needed);
        break;
    case EV_APPROVAL_EXPIRED: put_approval_expired(body, event); break;
    case EV_TIMER_FIRED: put_name(body, "which", timer_kind_name(event->timer_fired.which)); break;
    case EV_SIGNAL: put_hash(body, event->signal.name_hash); break;
    case EV_CHILD_ENDED: put_spend(body, "used", event->child_ended.used); break;
    case EV_INTERRUPTED: put_interrupted(body, event); break;
    case EV_TURN_ENDED:
        put_name(body, "cause", end_cause_name(event->turn_ended.cause));
        put_spend(body, "refused", event->turn_ended.refused);
        break;
    case EV_BUDGET_CHANGED:
        put_count(body, "tokens", event->budget_changed.tokens);
        put_count(body, "nanousd", event->budget_changed.nanousd);
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
}

void event_write(struct buf *body, const struct session_event *event,
                 const struct event_extra *extras, const struct event_extra *const *call_extras)
{
    json_begin(body, '{');
    json_key(body, "v");
    json_put_int(body, EVENT_BODY_VERSION);
    put_count(body, "call", event->call);
    put_count(body, "attempt", event->attempt);
    put_facts(body, event, call_extras);
    put_extras(body, extras);
    json_end(body, '}');
}
