/* event_json_read.c - a stored body back into the event that it was. */
#include "base/json.h"
#include "core/event_json.h"

enum { BODY_BYTES_MAX = 64 * 1024 * 1024, EVENT_BODY_VERSION = 1 };

/* The first member that is wrong is remembered; the rest is read all the same. */
struct reader {
    const char *bad;
};

static int64_t read_count(struct reader *r, const struct json *node, const char *key, int64_t max)
{
    const struct json *value = json_get(node, key);
    int64_t number = json_int(value, 0);

    if ((value && json_kind(value) != JSON_KIND_INT) || number < 0 || number > max) {
        r->bad = r->bad ? r->bad : key;
        return 0;
    }
    return number;
}

static uint32_t read_u32(struct reader *r, const struct json *node, const char *key)
{
    return (uint32_t)read_count(r, node, key, UINT32_MAX);
}

static int64_t read_amount(struct reader *r, const struct json *node, const char *key)
{
    return read_count(r, node, key, INT64_MAX);
}

static uint8_t read_flag(struct reader *r, const struct json *node, const char *key)
{
    const struct json *value = json_get(node, key);

    if (value && json_kind(value) != JSON_KIND_BOOL)
        r->bad = r->bad ? r->bad : key;
    return (uint8_t)(json_bool(value, 0) != 0);
}

static struct spend read_spend(struct reader *r, const struct json *node, const char *key)
{
    const struct json *value = json_get(node, key);

    if (value && json_kind(value) != JSON_KIND_OBJECT)
        r->bad = r->bad ? r->bad : key;
    return (struct spend){ .tokens = read_amount(r, value, "tokens"),
                           .nanousd = read_amount(r, value, "nanousd") };
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 16 digits of hex. */
static uint64_t read_hash(struct reader *r, const struct json *node, const char *key)
{
    struct slice text = json_str(json_get(node, key));
    uint64_t hash = 0;
    size_t i = 0;

    for (; text.len == 16 && i < text.len && hex_digit(text.ptr[i]) >= 0; i++)
        hash = hash << 4 | (uint64_t)hex_digit(text.ptr[i]);
    if (i == 16)
        return hash;
    r->bad = r->bad ? r->bad : key;
    return 0;
}

/* Names by position, one function an enumeration, so that read_name() serves them all. */
typedef const char *name_fn(unsigned value);

static const char *type_at(unsigned value)
{
    return call_type_name((enum call_type)value);
}

static const char *expiry_at(unsigned value)
{
    return expiry_action_name((enum expiry_action)value);
}

static const char *finish_at(unsigned value)
{
    return answer_finish_name((enum answer_finish)value);
}

static const char *decision_at(unsigned value)
{
    return decision_name((enum decision)value);
}

static const char *outcome_at(unsigned value)
{
    return reconcile_outcome_name((enum reconcile_outcome)value);
}

static const char *timer_at(unsigned value)
{
    return timer_kind_name((enum timer_kind)value);
}

static const char *by_at(unsigned value)
{
    return interrupted_by_name((enum interrupted_by)value);
}

static const char *cause_at(unsigned value)
{
    return end_cause_name((enum end_cause)value);
}

/* The value of that name; one that is not there is wrong. */
static unsigned read_name(struct reader *r, const struct json *node, const char *key,
                          unsigned count, name_fn *name)
{
    struct slice text = json_str(json_get(node, key));

    for (unsigned i = 0; i < count && text.ptr; i++) {
        if (slice_is(text, name(i)))
            return i;
    }
    r->bad = r->bad ? r->bad : key;
    return 0;
}

static void read_limits(struct reader *r, const struct json *body, struct session_limits *limits)
{
    const struct json *node = json_get(body, "limits");

    if (json_kind(node) != JSON_KIND_OBJECT)
        r->bad = "limits";
    limits->steps = read_u32(r, node, "steps");
    limits->wall_ms = read_amount(r, node, "wall_ms");
    limits->tokens = read_amount(r, node, "tokens");
    limits->nanousd = read_amount(r, node, "nanousd");
    limits->crashes = read_u32(r, node, "crashes");
}

static void read_decl(struct reader *r, const struct json *node, struct call_decl *decl)
{
    decl->type = (enum call_type)read_name(r, node, "type", CALL_TYPE_COUNT, type_at);
    decl->is_refused = read_flag(r, node, "refused");
    decl->is_once = read_flag(r, node, "once");
    decl->has_reconcile = read_flag(r, node, "reconcile");
    decl->approvals_needed = (uint8_t)read_count(r, node, "approvals", UINT8_MAX);
    if (json_get(node, "on_expiry"))
        decl->on_expiry =
            (enum expiry_action)read_name(r, node, "on_expiry", EXPIRY_ACTION_COUNT, expiry_at);
    decl->due_ms = read_amount(r, node, "due");
    if (json_get(node, "signal"))
        decl->signal_hash = read_hash(r, node, "signal");
    decl->reserved = read_spend(r, node, "reserved");
}

static void read_answer(struct reader *r, const struct json *body, struct session_event *event)
{
    const struct json *calls = json_get(body, "calls");

    event->model_answered.finish =
        (enum answer_finish)read_name(r, body, "finish", FINISH_COUNT, finish_at);
    event->model_answered.used = read_spend(r, body, "used");
    event->model_answered.first_call = read_u32(r, body, "first_call");
    if ((calls && json_kind(calls) != JSON_KIND_ARRAY) || json_count(calls) > SESSION_CALLS_MAX) {
        r->bad = "calls";
        return;
    }
    event->model_answered.unplaced = read_u32(r, body, "unplaced");
    event->model_answered.calls_n = (uint32_t)json_count(calls);
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++)
        read_decl(r, json_at(calls, i), &event->model_answered.calls[i]);
}

static void read_model_event(struct reader *r, const struct json *body, struct session_event *event)
{
    if (event->kind == EV_MODEL_STARTED) {
        event->model_started.reserved = read_spend(r, body, "reserved");
        event->model_started.deadline_ms = read_amount(r, body, "deadline");
    } else if (event->kind == EV_MODEL_ANSWERED) {
        read_answer(r, body, event);
    } else if (event->kind == EV_MODEL_FAILED) {
        event->model_failed.charged = read_spend(r, body, "charged");
        event->model_failed.retry_at_ms = read_amount(r, body, "retry_at");
    } else {
        event->model_usage.used = read_spend(r, body, "used");
    }
}

static void read_person_event(struct reader *r, const struct json *body,
                              struct session_event *event)
{
    if (event->kind == EV_APPROVAL_DECIDED) {
        event->approval_decided.decision =
            (enum decision)read_name(r, body, "decision", DECISION_COUNT, decision_at);
        event->approval_decided.still_needed =
            (uint8_t)read_count(r, body, "still_needed", UINT8_MAX);
    } else {
        event->approval_expired.outcome =
            (enum expiry_action)read_name(r, body, "outcome", EXPIRY_ACTION_COUNT, expiry_at);
        event->approval_expired.due_ms = read_amount(r, body, "due");
    }
}

static void read_interrupted(struct reader *r, const struct json *body, struct session_event *event)
{
    event->interrupted.by =
        (enum interrupted_by)read_name(r, body, "by", INTERRUPTED_BY_COUNT, by_at);
    event->interrupted.counts = read_flag(r, body, "counts");
    event->interrupted.charged = read_spend(r, body, "charged");
}

static void read_facts(struct reader *r, const struct json *body, struct session_event *event)
{
    switch (event->kind) {
    case EV_CREATED: read_limits(r, body, &event->created); break;
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE: read_model_event(r, body, event); break;
    case EV_TOOL_SENT: event->tool_sent.deadline_ms = read_amount(r, body, "deadline"); break;
    case EV_TOOL_FAILED: event->tool_failed.retry_at_ms = read_amount(r, body, "retry_at"); break;
    case EV_TOOL_IN_DOUBT:
        event->tool_in_doubt.reconcile_at_ms = read_amount(r, body, "reconcile_at");
        event->tool_in_doubt.counts = read_flag(r, body, "counts");
        break;
    case EV_TOOL_RECONCILED:
        event->tool_reconciled.outcome =
            (enum reconcile_outcome)read_name(r, body, "outcome", OUTCOME_COUNT, outcome_at);
        break;
    case EV_APPROVAL_DECIDED:
    case EV_APPROVAL_EXPIRED: read_person_event(r, body, event); break;
    case EV_TIMER_FIRED:
        event->timer_fired.which =
            (enum timer_kind)read_name(r, body, "which", TIMER_KIND_COUNT, timer_at);
        break;
    case EV_SIGNAL: event->signal.name_hash = read_hash(r, body, "name_hash"); break;
    case EV_CHILD_ENDED: event->child_ended.used = read_spend(r, body, "used"); break;
    case EV_INTERRUPTED: read_interrupted(r, body, event); break;
    case EV_TURN_ENDED:
        event->turn_ended.cause =
            (enum end_cause)read_name(r, body, "cause", END_CAUSE_COUNT, cause_at);
        event->turn_ended.refused = read_spend(r, body, "refused");
        break;
    case EV_BUDGET_CHANGED:
        event->budget_changed.tokens = read_amount(r, body, "tokens");
        event->budget_changed.nanousd = read_amount(r, body, "nanousd");
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

enum err_code event_read(struct session_event *ret_event, enum event_kind kind, struct slice body,
                         struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct session_event event;
    struct reader r = { 0 };

    if (kind >= EV_KIND_COUNT)
        return err_set(err, ERR_CORRUPT,
                       "a stored event is of a kind that this pawl does not know");
    if (json_read(&root, body, BODY_BYTES_MAX, err)) {
        err->code = ERR_CORRUPT;
        return err_wrap(err, "a stored %s event", event_kind_name(kind));
    }
    if (json_int(json_get(root, "v"), 0) != EVENT_BODY_VERSION)
        return err_set(err, ERR_CORRUPT,
                       "a stored %s event has version %lld of its form, this pawl knows %d",
                       event_kind_name(kind), (long long)json_int(json_get(root, "v"), 0),
                       EVENT_BODY_VERSION);
    memset(&event, 0, sizeof(event));
    event.kind = kind;
    event.call = read_u32(&r, root, "call");
    event.attempt = read_u32(&r, root, "attempt");
    read_facts(&r, root, &event);
    if (r.bad)
        return err_set(err, ERR_CORRUPT, "a stored %s event has a bad or missing member '%s'",
                       event_kind_name(kind), r.bad);
    *ret_event = event;
    return ERR_NONE;
}
