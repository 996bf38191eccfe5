/*
 * waits.c - how calls that only wait are answered: a question, a time, a signal.
 *
 * Nothing of them runs. What comes (an answer, a signal, a due time) is an event of its own, and
 * the core then wants the call's result in the same tick: that is written here.
 */
#include "base/clock.h"
#include "engine/engine_internal.h"

/* What the model is told when nothing came but the time. */
static struct slice time_text(struct tick *tick, const struct session_call *call,
                              const struct call_info *info)
{
    CLEANUP(json_cleanup) struct json *arguments = NULL;
    struct slice text = slice_of(info->arguments);
    char at[CLOCK_TEXT_MAX];
    struct err err = { 0 };

    (void)clock_text(at, tick->now_ms);
    if (call->type != CALL_SIGNAL)
        return tick_text(tick, "Woke at %s.", at);
    if (json_read(&arguments, text, text.len + 1, &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* it was checked, or read from the journal */
    struct slice name = json_str(json_get(arguments, "name"));

    return tick_text(tick, "No event '%.*s' came in time; it is %s.", (int)name.len, name.ptr, at);
}

void wait_answer(struct tick *tick, uint32_t call, struct tick_came came)
{
    const struct session_call *slot = session_call(&tick->state, call);
    const struct call_info *info = live_call(tick->live, call);
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = EV_TOOL_FINISHED, .call = call };

    ASSERT(slot && info);
    event.attempt = slot->attempt;
    struct slice text = came.text.ptr ? came.text : time_text(tick, slot, info);
    const struct event_extra extras[] = {
        { .name = "output", .kind = EXTRA_TEXT, .text = text },
        { .name = came.signal_seq > 0 ? "signal" : NULL,
          .kind = EXTRA_INT,
          .number = came.signal_seq },
        { 0 },
    };

    engine_format(tick->live)->put_tool_result(&wire, slice_of(info->id), text, 0);
    enum verdict verdict = tick_add(
        tick, &(struct tick_event){ .event = &event, .extras = extras, .wire = buf_slice(&wire) });

    ASSERT(verdict == VERDICT_MOVED);
}

void follow_answered(struct tick *tick, const struct session_due *due)
{
    struct tick_came came = tick->came;

    tick->came = (struct tick_came){ 0 };
    wait_answer(tick, due->call, came);
}
