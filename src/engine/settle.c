/* settle.c - a person says what became of a call in doubt. */
#include "engine/engine_internal.h"

/* NULL: a person is asked. */
static const char *not_asked(const struct session_call *call)
{
    if (!call)
        return "is not in doubt: it has its answer, or was no tool call";
    if (call->phase == CALL_DOUBT || call->phase == CALL_RECONCILE)
        return "needs no person yet: its reconcile command looks into it";
    return call->phase == CALL_PERSON ? NULL : "is not in doubt: it may still end by itself";
}

void settle_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    const struct session_call *call = session_call(&tick->state, request->call);
    const char *why = not_asked(call);
    struct verdict_on_doubt said = {
        .call = request->call,
        .outcome = request->outcome,
        .output = slice_or_null(request->text),
        .by = request_by(request),
        .note = slice_or_null(request->note),
    };
    uint32_t seq;

    (void)live;
    if (request->call == 0 || request->call > tick->state.last_call) {
        (void)request_refuse_call(request, "call_not_found", ERR_NOT_FOUND, " is not there");
        return;
    }
    if (why) {
        (void)request_refuse_call(request, "call_state", ERR_CONFLICT, " %s", why);
        return;
    }
    said.attempt = call->attempt;
    enum verdict verdict = reconciled_add(tick, &said, &seq);
    ASSERT(verdict == VERDICT_MOVED);
    request_taken(tick, input, seq);
}
