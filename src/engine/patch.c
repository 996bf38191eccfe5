/* patch.c - a session's context, metadata and budget, changed while it lives. */
#include "engine/engine_internal.h"

/* The context in force: another patch may have come in the same tick. */
static struct slice context_of(const struct tick *tick)
{
    const char *context = tick->live->context;

    if (tick->context.ptr)
        return tick->context;
    return context ? slice_of(context) : (struct slice){ 0 };
}

/* What the session could not go on with is refused before anything of it is recorded. */
static int is_good(struct live *live, struct engine_request *request)
{
    if (request->context.len > 0 && !request_fills(live->engine, request, live->revision))
        return 0;
    return !request_lacks_price(request, engine_model(live));
}

/* The event holds the context in force even if only the metadata are new: the row points to it. */
static enum verdict add_texts(struct tick *tick, const struct engine_request *request,
                              uint32_t *ret_seq)
{
    struct session_event event = { .kind = EV_CONTEXT_CHANGED };
    struct slice context = request->context.len > 0 ? request->context : context_of(tick);
    const struct event_extra extras[] = {
        { .name = "context", .kind = EXTRA_JSON, .text = slice_or_null(context) },
        { .name = "metadata", .kind = EXTRA_JSON, .text = slice_or_null(request->metadata) },
        { .name = "by", .kind = EXTRA_TEXT, .text = slice_or_null(request->by) },
        { 0 },
    };
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });

    if (verdict != VERDICT_MOVED)
        return verdict;
    if (request->context.len > 0)
        tick->context = arena_slice(tick->arena, request->context);
    if (request->metadata.len > 0)
        tick->metadata = arena_slice(tick->arena, request->metadata);
    *ret_seq = event.seq;
    return verdict;
}

void patch_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    int has_texts = request->context.len > 0 || request->metadata.len > 0;
    uint32_t seq = 0;

    if (!is_good(live, request))
        return;
    enum verdict verdict = request_add_budget(tick, request, &seq);

    /* Where the one is legal the other is, too: so it is both or none. */
    if (verdict != VERDICT_REJECTED && has_texts)
        verdict = add_texts(tick, request, &seq);
    if (verdict == VERDICT_MOVED)
        request_taken(tick, input, seq);
    else
        request_refuse_state(tick, request);
}
