/* settle.c - a person says what became of a call in doubt. */
#include "engine/engine_internal.h"

static struct slice or_absent(struct slice text)
{
    return text.len > 0 ? text : (struct slice){ 0 };
}

static void refuse(struct engine_request *request, const char *code, enum err_code err_code,
                   const char *why)
{
    request->code = code;
    (void)err_set(&request->err, err_code, "call %u of session %.*s %s", request->call,
                  (int)request->session.len, request->session.ptr, why);
}

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
    struct engine_request *request = request_of(input);
    const struct session_call *call = session_call(&tick->state, request->call);
    const char *why = not_asked(call);
    struct verdict_on_doubt said = {
        .call = request->call,
        .outcome = request->outcome,
        .output = or_absent(request->text),
        .by = request->by.len > 0 ? request->by : SLICE_LIT("person"),
        .note = or_absent(request->note),
    };
    uint32_t seq;

    (void)live;
    request->err = (struct err){ 0 };
    request->code = NULL;
    if (request->call == 0 || request->call > tick->state.last_call) {
        refuse(request, "call_not_found", ERR_NOT_FOUND, "is not there");
        return;
    }
    if (why) {
        refuse(request, "call_state", ERR_CONFLICT, why);
        return;
    }
    said.attempt = call->attempt;
    enum verdict verdict = reconciled_add(tick, &said, &seq);
    ASSERT(verdict == VERDICT_MOVED);
    request_taken(tick, input, seq);
}
