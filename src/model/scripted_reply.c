/* scripted_reply.c - picks the reply of a script and fills in its placeholders. */
#include "model/scripted_reply.h"

#include <stdio.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/openai_format.h"
#include "model/scripted.h"
#include "model/scripted_template.h"

enum {
    EXPANDED_BYTES_MAX = 4 << 20, /* of a reply, its placeholders filled in and escaped */
    WRITTEN_BYTES_MAX = 8 << 20,  /* of what stands in the script itself, written again */
    TEXTS_BYTES_MAX = 32 << 20,   /* both, and what an arena wastes */
    WIRE_BYTES_MAX = 64 << 20,    /* all of it escaped once more, as arguments are */
    ESCAPE_MAX = 6,               /* bytes of JSON for a byte of text */
    BYTES_PER_TOKEN = 4,
    MESSAGE_BYTES_MAX = ERR_MSG_MAX * 12, /* before it is cut: a byte may be shown as ten */
};

const struct script_failure script_failures[] = {
    { "timeout", MODEL_TIMED_OUT, "the answer never came" },
    { "hang", MODEL_TIMED_OUT, "the answer did not come in time" },
    { "garbage", MODEL_BAD_ANSWER, "the answer is garbage" },
    { "unreachable", MODEL_UNREACHABLE, "the provider cannot be reached" },
    { "no_quota", MODEL_NO_QUOTA, "the quota is used up" },
    { NULL, MODEL_OK, NULL },
};

struct making {
    struct script_reply *reply;
    const struct model_call *call;
    const struct json *node; /* the reply in the script */
    size_t number;           /* of the reply, from 1 */
    struct script_history history;
    struct template_scope scope;
    size_t expanded; /* bytes so far */
};

static void fail_with(struct model_result *result, enum model_error error, const char *message)
{
    *result = (struct model_result){ .error = error };
    struct slice cut = utf8_prefix(slice_of(message), sizeof(result->message) - 1);

    memcpy(result->message, cut.ptr, cut.len);
}

static int64_t duration_of(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);
    struct err err = { 0 };
    int64_t ms = 0;

    if (json_kind(node) == JSON_KIND_STRING && units_duration_ms(&ms, json_str(node), &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* scripted_check() let it pass */
    return ms;
}

/* ---- arguments ---- */

static enum err_code check_room(size_t used, size_t more, struct err *err)
{
    if (more > EXPANDED_BYTES_MAX || used > EXPANDED_BYTES_MAX - more)
        return err_set(err, ERR_LIMIT, "its placeholders stand for more than 4 MiB");
    return ERR_NONE;
}

static enum err_code put_text(struct buf *out, struct slice template, struct making *m,
                              struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = EXPANDED_BYTES_MAX };

    if (template_expand(&text, template, &m->scope, err) ||
        check_room(m->expanded, text.len * ESCAPE_MAX, err))
        return err->code;
    m->expanded += text.len * ESCAPE_MAX;
    json_put_str(out, buf_slice(&text));
    return ERR_NONE;
}

/* The one placeholder's text, which is JSON, as the value that it is. */
static enum err_code put_json(struct buf *out, struct slice template, struct making *m,
                              struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = EXPANDED_BYTES_MAX };
    CLEANUP(buf_release) struct buf compact = { .max = EXPANDED_BYTES_MAX };
    CLEANUP(json_cleanup) struct json *value = NULL;

    if (template_expand(&text, template, &m->scope, err))
        return err->code;
    if (json_read(&value, buf_slice(&text), text.max, err))
        return err_wrap(err, "%.*s is no JSON", (int)utf8_prefix(template, 80).len, template.ptr);
    if (json_write(&compact, value, err) || check_room(m->expanded, compact.len, err))
        return err->code;
    m->expanded += compact.len;
    json_put_raw(out, buf_slice(&compact));
    return ERR_NONE;
}

static enum err_code put_value(struct buf *out, const struct json *node, struct making *m,
                               struct err *err);

static enum err_code put_array(struct buf *out, const struct json *array, struct making *m,
                               struct err *err)
{
    json_begin(out, '[');
    for (size_t i = 0; i < json_count(array); i++)
        if (put_value(out, json_at(array, i), m, err))
            return err->code;
    json_end(out, ']');
    return ERR_NONE;
}

static enum err_code put_object(struct buf *out, const struct json *object, struct making *m,
                                struct err *err)
{
    json_begin(out, '{');
    for (struct json_iter *it = json_first(object); it; it = json_next(object, it)) {
        json_key(out, json_iter_key(it));
        if (put_value(out, json_iter_value(it), m, err))
            return err->code;
    }
    json_end(out, '}');
    return ERR_NONE;
}

static enum err_code put_scalar(struct buf *out, const struct json *node, struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = 64 };

    if (json_write(&text, node, err))
        return err->code;
    json_put_raw(out, buf_slice(&text));
    return ERR_NONE;
}

static enum err_code put_value(struct buf *out, const struct json *node, struct making *m,
                               struct err *err)
{
    switch (json_kind(node)) {
    case JSON_KIND_ARRAY: return put_array(out, node, m, err);
    case JSON_KIND_OBJECT: return put_object(out, node, m, err);
    case JSON_KIND_STRING:
        if (template_is_json(json_str(node)))
            return put_json(out, json_str(node), m, err);
        return put_text(out, json_str(node), m, err);
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL:
    case JSON_KIND_BOOL:
    case JSON_KIND_INT:
    case JSON_KIND_REAL: break;
    }
    return put_scalar(out, node, err);
}

/* ---- calls ---- */

static int is_taken(const struct model_result *result, struct slice id)
{
    for (size_t i = 0; i < result->calls_n; i++)
        if (slice_equal(result->calls[i].id, id))
            return 1;
    return 0;
}

/* The script's, or "call_REPLY_CALL": the same each time, and another one in each reply. */
static struct slice id_of_call(struct making *m, const struct json *call)
{
    const struct model_result *result = &m->reply->result;
    struct slice id = json_str(json_get(call, "id"));
    size_t number = result->calls_n + 1;
    char text[64];

    if (id.len > 0)
        return id;
    do {
        (void)snprintf(text, sizeof(text), "call_%zu_%zu", m->number, number);
        number += MODEL_CALLS_MAX;
    } while (is_taken(result, slice_of(text)));
    return arena_slice(m->reply->texts, slice_of(text));
}

static enum err_code add_call(struct making *m, const struct json *call, struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = EXPANDED_BYTES_MAX + WRITTEN_BYTES_MAX };
    struct model_result *result = &m->reply->result;
    const struct json *arguments = json_get(call, "arguments");

    if (result->calls_n == MODEL_CALLS_MAX) {
        result->calls_dropped++;
        return ERR_NONE;
    }
    if (!arguments)
        buf_puts(&text, "{}");
    else if (put_object(&text, arguments, m, err))
        return err->code;
    if (check_room(m->expanded, text.len, err)) /* what is not expanded counts for each call, too */
        return err->code;
    m->expanded += text.len;
    if (!result->calls)
        result->calls = arena_alloc(m->reply->texts, MODEL_CALLS_MAX * sizeof(*result->calls));
    result->calls[result->calls_n] = (struct model_tool_call){
        .id = id_of_call(m, call),
        .name = json_str(json_get(call, "tool")),
        .arguments = arena_slice(m->reply->texts, buf_slice(&text)),
    };
    result->calls_n++;
    return ERR_NONE;
}

static enum err_code add_for_each(struct making *m, const struct json *each, struct err *err)
{
    struct slice tool = json_str(json_get(each, "lines_of"));
    int64_t left = json_int(json_get(each, "max"), SCRIPT_LINES_DEFAULT);
    struct slice text = { NULL, 0 };

    if (script_history_result(&text, &m->history, tool, err))
        return err_wrap(err, "for_each");
    for (; left > 0 && text.len > 0; left--) {
        m->scope.line = script_next_line(&text);
        if (m->scope.line.ptr && add_call(m, json_get(each, "call"), err))
            return err->code;
    }
    m->scope.line = (struct slice){ NULL, 0 };
    return ERR_NONE;
}

static enum err_code add_calls(struct making *m, struct err *err)
{
    const struct json *calls = json_get(m->node, "calls");
    const struct json *each = json_get(m->node, "for_each");

    for (size_t i = 0; i < json_count(calls); i++)
        if (add_call(m, json_at(calls, i), err))
            return err->code;
    return each ? add_for_each(m, each, err) : ERR_NONE;
}

/* ---- the reply ---- */

static enum err_code set_text(struct making *m, struct err *err)
{
    CLEANUP(buf_release) struct buf text = { .max = EXPANDED_BYTES_MAX };

    m->reply->result.text = SLICE_LIT("");
    if (!json_get(m->node, "text"))
        return ERR_NONE;
    if (template_expand(&text, json_str(json_get(m->node, "text")), &m->scope, err))
        return err->code;
    m->reply->result.text = arena_slice(m->reply->texts, buf_slice(&text));
    return ERR_NONE;
}

static void set_usage(struct making *m)
{
    const struct json *usage = json_get(m->node, "usage");
    struct model_result *result = &m->reply->result;
    uint64_t input = model_prompt_bytes(m->call) / BYTES_PER_TOKEN + 1;
    size_t output = result->text.len;

    for (size_t i = 0; i < result->calls_n; i++)
        output += result->calls[i].name.len + result->calls[i].arguments.len;
    result->has_usage = 1;
    result->usage = (struct usage){
        .input_tokens = json_int(json_get(usage, "input"), (int64_t)input),
        .cached_tokens = json_int(json_get(usage, "cached"), 0),
        .output_tokens = json_int(json_get(usage, "output"), (int64_t)output / BYTES_PER_TOKEN + 1),
    };
}

static void set_finish(struct making *m)
{
    struct slice finish = json_str(json_get(m->node, "finish"));

    m->reply->result.finish = slice_is(finish, "length")           ? FINISH_LENGTH
                              : slice_is(finish, "content_filter") ? FINISH_FILTERED
                                                                   : FINISH_STOP;
}

static void set_wire(struct making *m)
{
    struct model_result *result = &m->reply->result;
    const struct openai_message message = {
        .text = result->text,
        .is_text_null = result->text.len == 0,
        .calls = result->calls,
        .calls_n = result->calls_n,
    };

    m->reply->wire.max = WIRE_BYTES_MAX;
    openai_put_assistant(&m->reply->wire, &message);
    result->wire = buf_slice(&m->reply->wire);
}

static enum err_code answer(struct making *m, struct err *err)
{
    if (set_text(m, err) || add_calls(m, err))
        return err->code;
    if (m->reply->result.text.len == 0 && m->reply->result.calls_n == 0)
        return err_set(err, ERR_INVALID, "it comes to neither text nor calls");
    set_usage(m);
    set_finish(m);
    set_wire(m);
    return ERR_NONE;
}

static const struct script_failure *failure_of(struct slice kind)
{
    const struct script_failure *failure = script_failures;

    while (!slice_is(kind, failure->kind))
        failure++;
    return failure;
}

static void fail_as_written(struct making *m, const struct json *fail)
{
    struct model_result *result = &m->reply->result;
    struct slice words = json_str(json_get(fail, "message"));
    struct slice kind = json_str(json_get(fail, "kind"));
    CLEANUP(buf_release) struct buf text = { .max = MESSAGE_BYTES_MAX };

    if (kind.len > 0) {
        const struct script_failure *failure = failure_of(kind);

        result->error = failure->error;
        words = words.len > 0 ? words : slice_of(failure->message);
        buf_puts(&text, "scripted: ");
        if (slice_is(kind, "hang"))
            m->reply->delay_ms = m->call->timeout_ms;
    } else {
        result->http_status = (int)json_int(json_get(fail, "status"), 0);
        result->error = model_error_of_status(result->http_status);
        words = words.len > 0 ? words : SLICE_LIT("a failure of the script");
        buf_putf(&text, "scripted answered %d: ", result->http_status);
    }
    if (model_error_is_retryable(result->error))
        result->retry_after_ms = duration_of(fail, "retry_after");
    utf8_put_visible(&text, utf8_prefix(words, ERR_MSG_MAX), 0);
    struct slice cut = utf8_prefix(buf_slice(&text), sizeof(result->message) - 1);

    memcpy(result->message, cut.ptr, cut.len);
}

static int fails_now(const struct json *fail, uint32_t attempt)
{
    return fail && (!json_get(fail, "times") || attempt <= json_int(json_get(fail, "times"), 0));
}

static enum err_code find_reply(struct making *m, struct err *err)
{
    if (scripted_check(m->call->script, err) ||
        json_read(&m->reply->script, m->call->script, SCRIPT_BYTES_MAX, err) ||
        script_history_read(&m->history, m->call->messages, err))
        return err->code;
    const struct json *replies = json_get(m->reply->script, "replies");

    m->number = m->history.replies + 1;
    if (m->history.replies >= json_count(replies))
        return err_set(err, ERR_LIMIT, "the script has %zu replies, and this would be number %zu",
                       json_count(replies), m->number);
    m->node = json_at(replies, m->history.replies);
    return ERR_NONE;
}

static void make(struct making *m)
{
    struct model_result *result = &m->reply->result;
    struct err err = { 0 };

    if (find_reply(m, &err)) {
        (void)err_wrap(&err, "scripted");
        fail_with(result, MODEL_REFUSED, err.msg);
        return;
    }
    const struct json *fail = json_get(m->node, "fail");

    m->reply->delay_ms = duration_of(m->node, "delay");
    if (fails_now(fail, m->call->attempt)) {
        fail_as_written(m, fail);
    } else if (answer(m, &err)) {
        (void)err_wrap(&err, "scripted: reply %zu", m->number);
        fail_with(result, MODEL_REFUSED, err.msg);
    }
    if (m->reply->delay_ms >= m->call->timeout_ms) {
        m->reply->delay_ms = m->call->timeout_ms;
        fail_with(result, MODEL_TIMED_OUT, "scripted: the answer did not come in time");
    }
}

void script_reply_make(struct script_reply *reply, const struct model_call *call)
{
    struct making m = { .reply = reply, .call = call };

    ASSERT(!reply->texts);
    reply->texts = arena_new(TEXTS_BYTES_MAX);
    m.scope.history = &m.history;
    make(&m);
    script_history_release(&m.history);
}

void script_reply_release(struct script_reply *reply)
{
    json_free(reply->script);
    arena_free(reply->texts);
    buf_release(&reply->wire);
    *reply = (struct script_reply){ 0 };
}
