/*
 * answer.c - what came of a model call, as events.
 *
 * A tool call that cannot be carried out (arguments.h) is recorded as refused, and its error answer
 * follows in the same tick. Calls beyond limits.tool_calls, or the 32 that a session holds at once,
 * get theirs in the same message and are not recorded as calls; if no call of an answer finds a
 * place, the model is asked again with those answers.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "engine/approvals.h"
#include "engine/arguments.h"
#include "engine/engine_internal.h"

struct answer {
    struct input input;
    struct arena *arena;
    uint32_t call;
    uint32_t attempt;
    struct model_result result; /* slices in arena */
    uint64_t random64;
};

/* ---- one tool call of the answer ---- */

struct declared {
    struct event_extra extras[8];
    struct slice arguments;
    struct slice refusal;  /* NULL: it is carried out */
    struct slice approval; /* what people are asked; NULL: nobody is */
    char hash[SHA256_TEXT_MAX];
};

static const char *const fits[] = {
    [ARGUMENTS_UNKNOWN] = NULL, [ARGUMENTS_FIT] = "true", [ARGUMENTS_MISFIT] = "false"
};

/* Who must agree, in the journal; and what they are shown. */
static struct slice ask_people(struct tick *tick, const struct arguments_check *check,
                               struct call_decl *decl, struct declared *declared)
{
    CLEANUP(buf_release) struct buf needed = { .max = STORE_BODY_MAX };
    const struct approval_need *need = &check->need;

    decl->approvals_needed = need->approvers;
    decl->on_expiry = need->on_expiry;
    decl->due_ms = need->expires_ms > 0 ? tick->now_ms + need->expires_ms : 0;
    declared->approval =
        approval_write(tick, &(struct approval_record){ .arguments = check->text,
                                                        .hash = slice_of(declared->hash),
                                                        .need = *need,
                                                        .still_needed = need->approvers });
    tick->bytes += declared->approval.len;
    json_begin(&needed, '{');
    approval_put_need(&needed, need);
    json_end(&needed, '}');
    return arena_slice(tick->arena, buf_slice(&needed));
}

static void declare(struct tick *tick, const struct model_tool_call *call, struct call_decl *decl,
                    struct declared *declared)
{
    struct arguments_check check = arguments_check(tick, call);
    struct sha256 hash = sha256_of(check.text);

    const struct revision_tool *tool = revision_tool(tick->live->revision, call->name);
    const struct config_tool *present = config_tool(tick->live->engine->deps.config, call->name);

    *decl = check.decl;
    decl->is_refused = check.refusal.ptr != NULL;
    if (tool && tool->is_once) {
        decl->is_once = 1;
        decl->has_reconcile = present && present->reconcile;
    }
    declared->arguments = check.text;
    declared->refusal = check.refusal;
    (void)sha256_text(declared->hash, &hash);
    declared->extras[0] =
        (struct event_extra){ .name = "id", .kind = EXTRA_TEXT, .text = call->id };
    declared->extras[1] =
        (struct event_extra){ .name = "tool", .kind = EXTRA_TEXT, .text = call->name };
    declared->extras[2] =
        (struct event_extra){ .name = check.is_object ? "arguments" : "arguments_text",
                              .kind = check.is_object ? EXTRA_JSON : EXTRA_TEXT,
                              .text = check.text };
    declared->extras[3] = (struct event_extra){ .name = "arguments_hash",
                                                .kind = EXTRA_TEXT,
                                                .text = slice_of(declared->hash) };
    declared->extras[4] = (struct event_extra){ .name = "fits",
                                                .kind = EXTRA_JSON,
                                                .text = slice_of(fits[check.fit]) };
    declared->extras[5] = (struct event_extra){ .name = "approval", .kind = EXTRA_JSON };
    declared->extras[6] = (struct event_extra){ 0 };
    if (check.need.approvers > 0 && !check.refusal.ptr)
        declared->extras[5].text = ask_people(tick, &check, decl, declared);
}

struct slice answer_refusal(const struct live *live, uint32_t call)
{
    const struct call_info *info = live_call(live, call);

    ASSERT(info);
    /* It was declared in this tick; a state with such a call is never stored, unless by others. */
    return slice_of(info->refusal ? info->refusal : "The call cannot be carried out.");
}

/* From here on the session has these calls. Not before: an answer that nobody waits for has none.
 */
static void keep_calls(struct live *live, const struct session_event *event,
                       const struct model_result *result, const struct declared *declared)
{
    for (uint32_t i = 0; i < event->model_answered.calls_n; i++) {
        uint32_t number = event->model_answered.first_call + i;

        struct call_info *info =
            live_add_call(live, number, result->calls[i].id, result->calls[i].name,
                          declared[i].arguments, declared[i].refusal);

        if (declared[i].approval.ptr)
            info->approval = slice_dup(declared[i].approval);
    }
}

/* ---- the answer ---- */

static struct slice usage_json(struct tick *tick, const struct usage *usage)
{
    CLEANUP(buf_release) struct buf json = { .max = 1024 };

    json_begin(&json, '{');
    json_key(&json, "input_tokens");
    json_put_int(&json, usage->input_tokens);
    json_key(&json, "cached_tokens");
    json_put_int(&json, usage->cached_tokens);
    json_key(&json, "output_tokens");
    json_put_int(&json, usage->output_tokens);
    json_end(&json, '}');
    return arena_slice(tick->arena, buf_slice(&json));
}

/* What the model is told of calls that are not run. */
static struct slice unplaced_text(struct tick *tick, unsigned slots)
{
    unsigned most = tick->live->engine->deps.config->limits.tool_calls;

    if (slots == 0)
        return tick_text(tick,
                         "Not run: %d earlier tool calls of this session have no result yet, and "
                         "it takes no more until one has.",
                         SESSION_CALLS_MAX);
    return tick_text(tick, "Not run: at most %u tool calls at a time. Ask for it again.",
                     most <= slots ? most : SESSION_CALLS_MAX);
}

/*
 * The wire of the answer, and behind it the answers to the calls from `taken` on. What the client
 * dropped has no place in the wire, so the last of these tells of it.
 */
static void put_wire(struct tick *tick, const struct model_result *result, size_t taken,
                     struct slice text, struct buf *wire)
{
    struct slice last = text;

    if (result->calls_dropped > 0)
        last = tick_text(tick, "%.*s The %zu calls behind this one were not even read.",
                         (int)text.len, text.ptr, result->calls_dropped);
    buf_put(wire, result->wire);
    for (size_t i = taken; i < result->calls_n; i++)
        engine_format(tick->live)
            ->put_tool_result(wire, result->calls[i].id, i + 1 < result->calls_n ? text : last, 1);
}

/* What it cost: by its usage, or where the provider did not say, all that was reserved. */
static struct spend cost_of(struct tick *tick, const struct model_result *result)
{
    static const struct price no_price;
    const struct config_model *model = engine_model(tick->live);

    if (!result->has_usage)
        return tick->state.model.reserved;
    return price_usage(model ? &model->price : &no_price, &result->usage);
}

static void late_usage(struct tick *tick, const struct answer *answer)
{
    struct session_event event = { .kind = EV_MODEL_USAGE,
                                   .call = answer->call,
                                   .attempt = answer->attempt };
    const struct event_extra extras[] = {
        { .name = "usage", .kind = EXTRA_JSON, .text = usage_json(tick, &answer->result.usage) },
        { 0 },
    };

    if (!answer->result.has_usage)
        return; /* it stays charged */
    event.model_usage.used = cost_of(tick, &answer->result);
    (void)tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });
}

static void failed(struct tick *tick, const struct answer *answer);

/* What the journal cannot hold is no answer: it would be refused each time it is recorded. */
static void too_large(struct tick *tick, const struct answer *answer)
{
    struct answer refused = *answer;

    refused.result.error = MODEL_BAD_ANSWER;
    (void)snprintf(refused.result.message, sizeof(refused.result.message),
                   "the answer is too large: an event of at most %d MiB is kept",
                   STORE_BODY_MAX / 1024 / 1024);
    failed(tick, &refused);
}

/* How many of so many calls are carried out. */
static uint32_t calls_taken(const struct tick *tick, size_t asked)
{
    uint32_t slots = session_free_slots(&tick->state);
    uint32_t most = tick->live->engine->deps.config->limits.tool_calls;

    if (slots < most)
        most = slots;
    return asked < most ? (uint32_t)asked : most;
}

static void answered(struct tick *tick, struct answer *answer)
{
    const struct model_result *result = &answer->result;
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = EV_MODEL_ANSWERED,
                                   .call = answer->call,
                                   .attempt = answer->attempt };
    unsigned slots = session_free_slots(&tick->state);
    uint32_t n = calls_taken(tick, result->calls_n);
    struct declared *declared = arena_alloc(tick->arena, (n + 1) * sizeof(*declared));
    const struct event_extra *call_extras[SESSION_CALLS_MAX];
    const struct event_extra extras[] = {
        { .name = "text", .kind = EXTRA_TEXT, .text = result->text },
        { .name = "usage",
          .kind = EXTRA_JSON,
          .text = result->has_usage ? usage_json(tick, &result->usage) : (struct slice){ 0 } },
        { .name = "raw", .kind = EXTRA_JSON, .text = slice_or_null(result->raw) },
        { 0 },
    };

    event.model_answered.used = cost_of(tick, result);
    event.model_answered.finish = result->finish;
    event.model_answered.calls_n = n;
    event.model_answered.first_call = n ? tick->state.last_call + 1 : 0;
    event.model_answered.unplaced = (uint32_t)(result->calls_n - n + result->calls_dropped);
    for (uint32_t i = 0; i < n; i++) {
        declare(tick, &result->calls[i], &event.model_answered.calls[i], &declared[i]);
        call_extras[i] = declared[i].extras;
    }
    put_wire(tick, result, n, unplaced_text(tick, slots), &wire);
    const struct tick_event add = {
        .event = &event, .extras = extras, .call_extras = call_extras, .wire = buf_slice(&wire)
    };

    if (!tick_fits(&add)) {
        too_large(tick, answer);
        return;
    }
    if (result->calls_n == 0)
        tick->reason.output = result->text;
    if (tick_add(tick, &add) == VERDICT_MOVED) {
        keep_calls(tick->live, &event, result, declared);
        return;
    }
    tick->reason = (struct tick_reason){ 0 };
    tick->live->engine->stats.late++;
    late_usage(tick, answer);
}

/* ---- failures ---- */

static int64_t next_try(struct tick *tick, const struct answer *answer)
{
    if (!model_error_is_retryable(answer->result.error))
        return 0;
    return retry_at_ms(&tick->live->revision->retry, tick->state.model.failures + 1u, tick->now_ms,
                       answer->result.retry_after_ms, answer->random64);
}

static void failed(struct tick *tick, const struct answer *answer)
{
    const struct model_result *result = &answer->result;
    const char *name = model_error_name(result->error);
    struct slice message = arena_slice(tick->arena, slice_of(result->message));
    struct session_event event = { .kind = EV_MODEL_FAILED,
                                   .call = answer->call,
                                   .attempt = answer->attempt };
    const struct event_extra extras[] = {
        { .name = "error", .kind = EXTRA_JSON, .text = tick_error(tick, name, message) },
        { 0 },
    };

    if (model_error_may_have_cost(result->error))
        event.model_failed.charged = tick->state.model.reserved;
    event.model_failed.retry_at_ms = next_try(tick, answer);
    if (event.model_failed.retry_at_ms == 0) {
        tick->reason.code = tick_text(tick, "model_%s", name);
        tick->reason.message = message;
    }
    if (tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras }) == VERDICT_MOVED)
        return;
    tick->reason = (struct tick_reason){ 0 };
    tick->live->engine->stats.late++;
    late_usage(tick, answer);
}

static void answer_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct answer *answer = CONTAINER_OF(input, struct answer, input);

    (void)live;
    if (answer->result.error == MODEL_OK)
        answered(tick, answer);
    else
        failed(tick, answer);
}

static void answer_end(struct live *live, struct input *input, const struct err *err)
{
    struct answer *answer = CONTAINER_OF(input, struct answer, input);

    (void)err;
    engine_arena_done(live->engine, answer->arena);
    free(answer);
}

void answer_input(struct live *live, uint32_t call, uint32_t attempt,
                  const struct model_result *result)
{
    struct answer *answer = xcalloc(1, sizeof(*answer));
    struct model_result *copy = &answer->result;

    answer->input = (struct input){ .apply = answer_apply, .end = answer_end };
    answer->arena = engine_arena(live->engine);
    answer->call = call;
    answer->attempt = attempt;
    answer->random64 = random_u64(&live->engine->random);
    *copy = *result;
    copy->text = arena_slice(answer->arena, result->text);
    copy->wire = arena_slice(answer->arena, result->wire);
    copy->raw = arena_slice(answer->arena, result->raw);
    copy->calls = arena_alloc(answer->arena, result->calls_n * sizeof(*copy->calls));
    for (size_t i = 0; i < result->calls_n; i++) {
        copy->calls[i].id = arena_slice(answer->arena, result->calls[i].id);
        copy->calls[i].name = arena_slice(answer->arena, result->calls[i].name);
        copy->calls[i].arguments = arena_slice(answer->arena, result->calls[i].arguments);
    }
    live_input(live, &answer->input);
}
