/*
 * follow.c - what must follow an event in the same tick, and the model call that may.
 *
 * The core says what is due; here it gets what the core cannot know: texts, and the answers that
 * the model needs for calls that will never have one of their own.
 */
#include "core/price.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

/* What people and the model are told about an end that is not a completion. */
static const char *end_text(enum end_cause cause)
{
    switch (cause) {
    case END_COMPLETED: return "";
    case END_MODEL: return "the model call failed";
    case END_TRUNCATED:
        return "the model's answer was cut at max_output_tokens; raise it in pawl.yaml, then retry";
    case END_FILTERED: return "the provider withheld the model's answer";
    case END_STEPS:
        return "the turn took as many steps as its limit allows; raise limits.steps, or retry to "
               "go on for as many again";
    case END_WALL:
        return "the turn took as long as its limit allows; raise limits.wall, or retry to go on";
    case END_BUDGET:
        return "the next model call could pass the session's budget; raise it, then retry";
    case END_CONFIG:
        return "the session's model is no longer in pawl.yaml; put it back, then retry";
    case END_POISON:
        return "the server crashed again and again while it ran this session; look for the cause "
               "before a retry";
    case END_APPROVAL: return "nobody approved a tool call in time";
    case END_NONE:
    case END_CAUSE_COUNT: break;
    }
    return "";
}

/*
 * Before the model is asked again every tool call must have its answer, else the provider refuses
 * the whole history for good. So an end answers what it closes.
 */
static struct slice answers_of_closed(struct tick *tick, const char *reason)
{
    CLEANUP(buf_release) struct buf wire = { .max = (size_t)1024 * 1024 };
    const struct model_format *format = engine_format(tick->live);

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &tick->state.calls[i];
        const struct call_info *info = live_call(tick->live, call->number);

        if (call->phase == CALL_FREE || call->is_orphan || !info)
            continue;
        struct slice text =
            call->is_once && (call->phase == CALL_SENT || call->phase == CALL_DOUBT ||
                              call->phase == CALL_RECONCILE || call->phase == CALL_PERSON)
                ? tick_text(tick, "It is not known whether this happened: %s.", reason)
                : tick_text(tick, "No result: %s.", reason);
        format->put_tool_result(&wire, slice_of(info->id), text, 1);
    }
    return wire.len > 0 ? arena_slice(tick->arena, buf_slice(&wire)) : (struct slice){ 0 };
}

static void follow_turn_end(struct tick *tick, enum end_cause cause, struct spend refused)
{
    struct session_event event = { .kind = EV_TURN_ENDED };
    int is_completed = cause == END_COMPLETED;

    event.turn_ended.cause = cause;
    event.turn_ended.refused = refused;
    struct tick_reason *reason = &tick->reason;

    if (!reason->code.ptr)
        reason->code = slice_of(end_cause_name(cause));
    if (!reason->message.ptr)
        reason->message = slice_of(end_text(cause));
    const struct slice none = { 0 };
    const char *status = is_completed ? "COMPLETED" : "FAILED";
    struct slice code = is_completed ? none : reason->code;
    struct slice message = is_completed ? none : reason->message;
    const struct event_extra extras[] = {
        { .name = "status", .kind = EXTRA_TEXT, .text = slice_of(status) },
        { .name = "code", .kind = EXTRA_TEXT, .text = code },
        { .name = "message", .kind = EXTRA_TEXT, .text = message },
        { .name = "output", .kind = EXTRA_TEXT, .text = reason->output },
        { 0 },
    };
    struct slice wire = answers_of_closed(tick, end_cause_name(cause));
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = wire });

    ASSERT(verdict == VERDICT_MOVED);
    *reason = (struct tick_reason){ 0 }; /* another turn may end in this tick */
}

struct slice answers_at_cancel(struct tick *tick)
{
    return answers_of_closed(tick, "the session was cancelled");
}

static void follow_refused(struct tick *tick, const struct session_due *due)
{
    const struct call_info *info = live_call(tick->live, due->call);
    CLEANUP(buf_release) struct buf wire = { .max = (size_t)1024 * 1024 };
    struct session_event event = { .kind = EV_TOOL_FAILED,
                                   .call = due->call,
                                   .attempt = due->attempt };
    struct slice message = answer_refusal(tick->live, due->call);
    const struct event_extra extras[] = {
        { .name = "error", .kind = EXTRA_JSON, .text = tick_error(tick, "call_refused", message) },
        { 0 },
    };

    ASSERT(info);
    engine_format(tick->live)->put_tool_result(&wire, slice_of(info->id), message, 1);
    enum verdict verdict = tick_add(
        tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = buf_slice(&wire) });

    ASSERT(verdict == VERDICT_MOVED);
}

static void follow_due(struct tick *tick, const struct session_due *due)
{
    switch (due->kind) {
    case EV_TURN_ENDED: follow_turn_end(tick, due->cause, (struct spend){ 0 }); break;
    case EV_TOOL_FAILED: follow_refused(tick, due); break;
    case EV_APPROVAL_EXPIRED: follow_expired(tick, due->call); break;
    case EV_TOOL_FINISHED: follow_answered(tick, due); break;
    default:
        /* Leases and children: no configuration of this version declares them. */
        assert_failed("an event is due that nothing declared", __FILE__, __LINE__);
    }
}

void follow_dues(struct tick *tick)
{
    struct session_due due;

    do {
        while (session_due(&tick->state, &due))
            follow_due(tick, &due);
    } while (follow_kept(tick));
}

/* ---- the model call ---- */

static int permit_is_there(struct live *live)
{
    struct engine *engine = live->engine;

    if (engine->model_calls >= engine->deps.config->limits.model_calls)
        return 0;
    /* Whoever waits in line goes first; who was called out of it has the right to go now. */
    return live->has_permit || queue_depth(engine->queue) == 0;
}

static int follow_started(struct tick *tick, const struct config_model *model)
{
    struct live *live = tick->live;
    struct session_event event = { .kind = EV_MODEL_STARTED,
                                   .call = tick->state.model.number,
                                   .attempt = tick->state.model.attempt };
    const struct event_extra extras[] = {
        { .name = "model", .kind = EXTRA_TEXT, .text = slice_of(model->name) },
        { 0 },
    };

    history_cut(&live->history, &tick->state);
    event.model_started.reserved = model_reservation(live, model);
    event.model_started.deadline_ms = tick->now_ms + live->revision->timeout_ms;
    if (!session_can_reserve(&tick->state, event.model_started.reserved)) {
        follow_turn_end(tick, END_BUDGET, event.model_started.reserved);
        return 0;
    }
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });
    ASSERT(verdict == VERDICT_MOVED);
    return 1;
}

/* A hint that led to no model call: whoever is next in line gets it. */
static void pass_hint_on(struct live *live)
{
    if (!live->has_permit)
        return;
    live->has_permit = 0;
    permits_changed(live->engine);
}

/* A session whose model is wanted asks it in this tick, if it may; else it waits in line. */
void follow_model(struct tick *tick)
{
    struct live *live = tick->live;
    struct engine *engine = live->engine;
    const struct config_model *model;

    if (!session_wants_model(&tick->state) || engine->drain ||
        suspect_is_held(live, &tick->state)) {
        pass_hint_on(live);
        return;
    }
    model = engine_model(live);
    if (!model) {
        follow_turn_end(tick, END_CONFIG, (struct spend){ 0 });
        pass_hint_on(live);
        return;
    }
    if (!permit_is_there(live)) {
        queue_send(engine->queue, id_slice(&live->id));
        pass_hint_on(live);
        return;
    }
    if (!live->has_history) {
        tick->needs_history = 1; /* read it first; the permit is taken when the call is ready */
        return;
    }
    if (!follow_started(tick, model)) {
        pass_hint_on(live);
        return;
    }
    live->has_permit = 0;
    tick->has_permit = 1;
    engine->model_calls++;
    permits_changed(engine);
}
