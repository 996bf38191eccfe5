/* openai_answer.c - what the model said, out of a chat completion. */
#include "model/openai_answer.h"

#include "base/hash.h"
#include "model/openai_error.h"
#include "model/openai_format.h"

enum {
    CALL_ID_BYTES_MAX = 128,
    FRESH_ID_LEN = 9, /* letters and digits: what the strictest server (Mistral) takes as an id */
};

static const int64_t tokens_max = 1000000000000;

struct reading {
    struct openai_answer *answer;
    struct model_result *result;
    uint64_t seed; /* of fresh ids: the body's hash */
    const struct json *choice;
    const struct json *message;
    int is_text_null;
    const struct json *kept[MODEL_CALLS_MAX]; /* the nodes of result->calls */
};

static void put_value(struct buf *buf, const struct json *value)
{
    struct err err = { 0 };

    if (json_write(buf, value, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

/* ---- usage ---- */

static int is_count(int64_t tokens)
{
    return tokens >= 0 && tokens <= tokens_max;
}

static void read_usage(const struct json *usage, struct model_result *result)
{
    int64_t input = json_int(json_get(usage, "prompt_tokens"), -1);
    int64_t output = json_int(json_get(usage, "completion_tokens"), -1);
    const struct json *details = json_get(usage, "prompt_tokens_details");
    int64_t cached = json_int(json_get(details, "cached_tokens"), 0);

    if (!is_count(input) || !is_count(output))
        return;
    if (cached < 0)
        cached = 0;
    if (cached > input)
        cached = input;
    result->has_usage = 1;
    result->usage =
        (struct usage){ .input_tokens = input, .cached_tokens = cached, .output_tokens = output };
}

/* ---- text ---- */

struct slice openai_text_of_part(const struct json *part)
{
    struct slice type = json_str(json_get(part, "type"));

    if (json_kind(part) == JSON_KIND_STRING)
        return json_str(part);
    if (slice_is(type, "text") || slice_is(type, "output_text"))
        return json_str(json_get(part, "text"));
    if (slice_is(type, "refusal"))
        return json_str(json_get(part, "refusal"));
    return (struct slice){ NULL, 0 };
}

static struct slice join_parts(struct reading *r, const struct json *parts)
{
    size_t total = 0;

    for (size_t i = 0; i < json_count(parts); i++)
        total += openai_text_of_part(json_at(parts, i)).len;
    char *text = arena_alloc(r->answer->texts, total + 1);
    size_t len = 0;

    for (size_t i = 0; i < json_count(parts); i++) {
        struct slice part = openai_text_of_part(json_at(parts, i));

        if (part.len > 0)
            memcpy(text + len, part.ptr, part.len);
        len += part.len;
    }
    return (struct slice){ text, len };
}

static void read_text(struct reading *r)
{
    const struct json *content = json_get(r->message, "content");
    struct slice text = json_str(content);

    if (json_kind(content) == JSON_KIND_ARRAY)
        text = join_parts(r, content);
    if (text.len == 0)
        text = json_str(json_get(r->message, "refusal"));
    r->is_text_null = text.len == 0 && json_kind(content) != JSON_KIND_STRING;
    r->result->text = text.len > 0 ? text : SLICE_LIT("");
}

/* ---- tool calls ---- */

static struct slice name_of_call(const struct json *call)
{
    struct slice type = json_str(json_get(call, "type"));

    if (type.len > 0 && !slice_is(type, "function"))
        return (struct slice){ NULL, 0 };
    return json_str(json_get(json_get(call, "function"), "name"));
}

static struct slice arguments_of_call(struct reading *r, const struct json *call)
{
    const struct json *arguments = json_get(json_get(call, "function"), "arguments");
    enum json_kind kind = json_kind(arguments);

    if (kind == JSON_KIND_STRING && json_str(arguments).len > 0)
        return json_str(arguments);
    if (kind == JSON_KIND_STRING || kind == JSON_KIND_ABSENT || kind == JSON_KIND_NULL)
        return SLICE_LIT("{}"); /* how many models call a tool that has no parameters */
    CLEANUP(buf_release) struct buf text = { .max = r->answer->wire.max };

    put_value(&text, arguments);
    return arena_slice(r->answer->texts, buf_slice(&text));
}

static int is_taken(const struct model_result *result, struct slice id)
{
    for (size_t i = 0; i < result->calls_n; i++)
        if (slice_equal(result->calls[i].id, id))
            return 1;
    return 0;
}

static struct slice fresh_id(struct reading *r)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char text[FRESH_ID_LEN];
    struct slice id = { text, sizeof(text) };

    do {
        uint64_t rest = r->seed++;

        for (size_t i = sizeof(text); i-- > 0; rest /= sizeof(digits) - 1)
            text[i] = digits[rest % (sizeof(digits) - 1)];
    } while (is_taken(r->result, id));
    return arena_slice(r->answer->texts, id);
}

static struct slice id_of_call(struct reading *r, const struct json *call)
{
    struct slice id = json_str(json_get(call, "id"));

    if (id.len == 0 || id.len > CALL_ID_BYTES_MAX || is_taken(r->result, id))
        return fresh_id(r);
    return id;
}

static void read_calls(struct reading *r)
{
    const struct json *calls = json_get(r->message, "tool_calls");
    struct model_result *result = r->result;
    size_t most = json_count(calls) < MODEL_CALLS_MAX ? json_count(calls) : MODEL_CALLS_MAX;

    result->calls = arena_alloc(r->answer->texts, most * sizeof(*result->calls));
    for (size_t i = 0; i < json_count(calls); i++) {
        const struct json *call = json_at(calls, i);
        struct slice name = name_of_call(call);

        if (name.len == 0)
            continue;
        if (result->calls_n == MODEL_CALLS_MAX) {
            result->calls_dropped++;
            continue;
        }
        r->kept[result->calls_n] = call;
        struct model_tool_call read = { id_of_call(r, call), name, arguments_of_call(r, call) };

        result->calls[result->calls_n++] = read;
    }
}

static enum answer_finish read_finish(const struct json *choice)
{
    struct slice reason = json_str(json_get(choice, "finish_reason"));

    if (slice_is(reason, "length"))
        return FINISH_LENGTH;
    if (slice_is(reason, "content_filter"))
        return FINISH_FILTERED;
    return FINISH_STOP;
}

/* ---- what is kept ---- */

static void put_wire(struct reading *r)
{
    /* Beside calls a text may be missing; alone, null or "" is refused by some, for ever. */
    int is_empty = r->result->text.len == 0 && r->result->calls_n == 0;
    const struct openai_message message = {
        .text = is_empty ? SLICE_LIT("(no answer)") : r->result->text,
        .is_text_null = r->is_text_null && !is_empty,
        .calls = r->result->calls,
        .calls_n = r->result->calls_n,
        .kept = r->message,
        .kept_calls = r->kept,
    };

    openai_put_assistant(&r->answer->wire, &message);
    r->result->wire = buf_slice(&r->answer->wire);
}

static int is_in_wire(const char *key, const struct json *value)
{
    enum json_kind kind = json_kind(value);

    return strcmp(key, "role") == 0 || openai_is_kept(key) || kind == JSON_KIND_NULL ||
           (kind == JSON_KIND_ARRAY && json_count(value) == 0) ||
           (strcmp(key, "content") == 0 && kind == JSON_KIND_STRING) ||
           (strcmp(key, "tool_calls") == 0 && kind == JSON_KIND_ARRAY);
}

/* Of tool_calls only those that were not understood: the others are in the wire. */
static void put_strange_calls(struct buf *raw, const struct json *calls)
{
    size_t before = raw->len;
    size_t strange = 0;

    json_key(raw, "tool_calls");
    json_begin(raw, '[');
    for (size_t i = 0; i < json_count(calls); i++) {
        if (name_of_call(json_at(calls, i)).len > 0)
            continue;
        if (strange++ > 0)
            buf_puts(raw, ",");
        put_value(raw, json_at(calls, i));
    }
    json_end(raw, ']');
    if (strange == 0)
        buf_cut(raw, before);
}

/*
 * {"id", "model", "system_fingerprint", "service_tier", "finish_reason", "usage", "message"}, as
 * far as there are; message has the members that the wire leaves out.
 */
static void put_raw(struct reading *r)
{
    static const char *const copied[] = { "id", "model", "system_fingerprint", "service_tier",
                                          "usage" };
    struct buf *raw = &r->answer->raw;
    const struct json *finish = json_get(r->choice, "finish_reason");

    json_begin(raw, '{');
    for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
        const struct json *value = json_get(r->answer->root, copied[i]);

        if (json_kind(value) == JSON_KIND_ABSENT || json_kind(value) == JSON_KIND_NULL)
            continue;
        json_key(raw, copied[i]);
        put_value(raw, value);
    }
    if (json_kind(finish) == JSON_KIND_STRING) {
        json_key(raw, "finish_reason");
        json_put_str(raw, json_str(finish));
    }
    json_key(raw, "message");
    json_begin(raw, '{');
    for (struct json_iter *it = json_first(r->message); it; it = json_next(r->message, it)) {
        if (is_in_wire(json_iter_key(it), json_iter_value(it)))
            continue;
        json_key(raw, json_iter_key(it));
        put_value(raw, json_iter_value(it));
    }
    put_strange_calls(raw, json_get(r->message, "tool_calls"));
    json_end(raw, '}');
    json_end(raw, '}');
    r->result->raw = buf_slice(raw);
}

/* ---- the whole ---- */

static const char *find_message(struct reading *r)
{
    const struct json *root = r->answer->root;

    if (json_kind(root) != JSON_KIND_OBJECT)
        return "it is no JSON object";
    r->choice = json_at(json_get(root, "choices"), 0);
    r->message = json_get(r->choice, "message");
    if (json_kind(r->message) != JSON_KIND_OBJECT)
        return "it has no choices[0].message";
    return NULL;
}

static const char *read_message(struct reading *r)
{
    read_text(r);
    read_calls(r);
    r->result->finish = read_finish(r->choice);
    if (r->result->text.len == 0 && r->result->calls_n == 0 && r->result->finish == FINISH_STOP)
        return "the answer has neither text nor tool calls";
    put_wire(r);
    put_raw(r);
    return NULL;
}

void openai_answer_read(struct openai_answer *answer, struct slice body, struct slice key,
                        struct model_result *result)
{
    struct reading r = { .answer = answer, .result = result };
    struct err err = { 0 };

    ASSERT(!answer->root && result->calls_n == 0);
    if (json_read(&answer->root, body, OPENAI_ANSWER_BYTES_MAX, &err)) {
        openai_error_bad_answer(result, err.msg, body, key);
        return;
    }
    const struct json *error = json_get(answer->root, "error");

    if (json_kind(error) == JSON_KIND_OBJECT || json_kind(error) == JSON_KIND_STRING) {
        openai_error_in_answer(result, error, key);
        return;
    }
    answer->texts = arena_new(body.len * 2 * OPENAI_GROWTH_MAX + (4 << 20));
    answer->wire.max = answer->raw.max = body.len * OPENAI_GROWTH_MAX + (64 << 10);
    r.seed = hash_stable(body);
    read_usage(json_get(answer->root, "usage"), result);
    const char *why = find_message(&r);

    if (!why)
        why = read_message(&r);
    if (why)
        openai_error_bad_answer(result, why, body, key);
}

void openai_answer_release(struct openai_answer *answer)
{
    json_free(answer->root);
    answer->root = NULL;
    arena_free(answer->texts);
    answer->texts = NULL;
    buf_release(&answer->wire);
    buf_release(&answer->raw);
}
