/* openai_stream.c - chunks of a chat completion, and the completion that they make. */
#include "model/openai_stream.h"

#include <stdlib.h>

#include "model/openai_error.h"
#include "model/openai_merge.h"

enum { FINISH_BYTES_MAX = 64 };

/* What the first chunk that has it says of the whole answer. */
static const char *const head_members[] = { "id", "model", "system_fingerprint", "service_tier" };

struct openai_stream {
    struct sse_reader sse;
    openai_text_fn *on_text;
    void *arg;
    struct openai_merge *message;
    struct buf head[ARRAY_LEN(head_members)]; /* JSON each, or empty */
    struct buf usage;                         /* JSON: the last that came, or empty */
    char finish[FINISH_BYTES_MAX];            /* the last finish_reason; "": none */
    size_t received;
    int has_choice;
    int has_text; /* the text is the content: a refusal beside it is not */
    int is_done;
    /* While a piece is read. */
    struct slice key;
    struct model_result *result;
};

static void put_value(struct buf *buf, const struct json *value)
{
    struct err err = { 0 };

    if (json_write(buf, value, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

/* ---- chunks ---- */

static int is_there(const struct json *value)
{
    enum json_kind kind = json_kind(value);

    return kind != JSON_KIND_ABSENT && kind != JSON_KIND_NULL;
}

static void take_head(struct openai_stream *stream, const struct json *chunk)
{
    const struct json *usage = json_get(chunk, "usage");

    for (size_t i = 0; i < ARRAY_LEN(head_members); i++) {
        const struct json *value =
            stream->head[i].len == 0 ? json_get(chunk, head_members[i]) : NULL;

        if (is_there(value))
            put_value(&stream->head[i], value);
    }
    if (is_there(usage)) {
        buf_clear(&stream->usage);
        put_value(&stream->usage, usage);
    }
}

static void tell(struct openai_stream *stream, struct slice text)
{
    if (text.len > 0 && stream->on_text)
        stream->on_text(text, stream->arg);
}

static void tell_text(struct openai_stream *stream, const struct json *delta)
{
    const struct json *content = json_get(delta, "content");

    stream->has_text |= json_str(content).len > 0 || json_count(content) > 0;
    if (!stream->has_text)
        tell(stream, json_str(json_get(delta, "refusal")));
    else if (json_kind(content) == JSON_KIND_ARRAY)
        for (size_t i = 0; i < json_count(content); i++)
            tell(stream, openai_text_of_part(json_at(content, i)));
    else
        tell(stream, json_str(content));
}

static const struct json *find_choice(const struct json *chunk)
{
    const struct json *choices = json_get(chunk, "choices");

    for (size_t i = 0; i < json_count(choices); i++) {
        const struct json *choice = json_at(choices, i);

        if (json_int(json_get(choice, "index"), (int64_t)i) == 0)
            return choice;
    }
    return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *take_choice(struct openai_stream *stream, const struct json *choice)
{
    const struct json *delta = json_get(choice, "delta");
    struct slice finish = json_str(json_get(choice, "finish_reason"));

    if (json_kind(delta) != JSON_KIND_OBJECT)
        delta = json_get(choice, "message"); /* servers that stream by saying all at once */
    if (finish.len > 0 && finish.len < sizeof(stream->finish)) {
        memcpy(stream->finish, finish.ptr, finish.len);
        stream->finish[finish.len] = '\0';
    }
    stream->has_choice |= json_kind(choice) == JSON_KIND_OBJECT;
    if (json_kind(delta) != JSON_KIND_OBJECT)
        return NULL;
    const char *why = openai_merge_add(stream->message, delta);

    if (!why)
        tell_text(stream, delta);
    return why;
}

static enum err_code refuse(const struct openai_stream *stream, const char *why, struct slice data,
                            struct err *err)
{
    openai_error_bad_chunk(stream->result, why, data, stream->key);
    return err_set(err, ERR_INVALID, "a bad chunk");
}

static enum err_code take_chunk(struct openai_stream *stream, const struct sse_event *event,
                                struct err *err)
{
    CLEANUP(json_cleanup) struct json *chunk = NULL;

    if (json_read(&chunk, event->data, OPENAI_ANSWER_BYTES_MAX, err)) {
        char why[ERR_MSG_MAX];

        memcpy(why, err->msg, sizeof(why));
        return refuse(stream, why, event->data, err);
    }
    if (json_kind(chunk) != JSON_KIND_OBJECT)
        return refuse(stream, "it is no JSON object", event->data, err);
    const struct json *error = json_get(chunk, "error");
    int is_error = json_kind(error) == JSON_KIND_OBJECT || json_kind(error) == JSON_KIND_STRING;

    if (is_error || slice_is(event->type, "error")) {
        openai_error_in_answer(stream->result, is_error ? error : chunk, stream->key);
        return err_set(err, ERR_INVALID, "an error instead of a chunk");
    }
    take_head(stream, chunk);
    const struct json *choice = find_choice(chunk);
    const char *why = choice ? take_choice(stream, choice) : NULL;

    return why ? refuse(stream, why, event->data, err) : ERR_NONE;
}

static enum err_code on_event(const struct sse_event *event, void *arg, struct err *err)
{
    struct openai_stream *stream = arg;

    if (stream->is_done || event->data.len == 0)
        return ERR_NONE;
    if (!slice_is(event->data, "[DONE]"))
        return take_chunk(stream, event, err);
    stream->is_done = 1;
    return ERR_NONE;
}

/* ---- the whole ---- */

/* Writing what was read makes it no longer than that; see openai_answer.h. */
enum { PUT_BYTES_MAX = OPENAI_STREAM_BYTES_MAX * OPENAI_GROWTH_MAX };

struct openai_stream *openai_stream_new(openai_text_fn *on_text, void *arg)
{
    struct openai_stream *stream = xcalloc(1, sizeof(*stream));

    stream->on_text = on_text;
    stream->arg = arg;
    sse_reader_init(&stream->sse, OPENAI_ANSWER_BYTES_MAX, on_event, stream);
    stream->message = openai_merge_new(PUT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(stream->head); i++)
        stream->head[i].max = PUT_BYTES_MAX;
    stream->usage.max = PUT_BYTES_MAX;
    return stream;
}

void openai_stream_free(struct openai_stream *stream)
{
    if (!stream)
        return;
    sse_reader_release(&stream->sse);
    openai_merge_free(stream->message);
    for (size_t i = 0; i < ARRAY_LEN(stream->head); i++)
        buf_release(&stream->head[i]);
    buf_release(&stream->usage);
    free(stream);
}

int openai_stream_feed(struct openai_stream *stream, struct slice bytes, struct slice key,
                       struct model_result *result)
{
    struct err err = { 0 };

    stream->received += bytes.len;
    ASSERT(stream->received <= OPENAI_STREAM_BYTES_MAX);
    stream->key = key;
    stream->result = result;
    if (sse_reader_feed(&stream->sse, bytes, &err) == ERR_NONE)
        return 1;
    if (result->error == MODEL_OK) /* a line or an event is too long */
        openai_error_bad_chunk(result, err.msg, bytes, key);
    return 0;
}

int openai_stream_is_whole(const struct openai_stream *stream)
{
    return stream->is_done || stream->finish[0];
}

int openai_stream_is_done(const struct openai_stream *stream)
{
    return stream->is_done;
}

static void put_choice(struct buf *body, const struct openai_stream *stream)
{
    json_key(body, "choices");
    json_begin(body, '[');
    if (stream->has_choice) {
        json_begin(body, '{');
        json_key(body, "message");
        openai_merge_put(body, stream->message);
        if (stream->finish[0]) {
            json_key(body, "finish_reason");
            json_put_str(body, slice_of(stream->finish));
        }
        json_end(body, '}');
    }
    json_end(body, ']');
}

void openai_stream_end(struct openai_stream *stream, struct openai_answer *answer, struct slice key,
                       struct model_result *result)
{
    CLEANUP(buf_release) struct buf body = { .max = PUT_BYTES_MAX };

    if (!openai_stream_is_whole(stream)) {
        openai_error_cut_stream(result);
        return;
    }
    json_begin(&body, '{');
    for (size_t i = 0; i < ARRAY_LEN(head_members); i++) {
        if (stream->head[i].len == 0)
            continue;
        json_key(&body, head_members[i]);
        json_put_raw(&body, buf_slice(&stream->head[i]));
    }
    put_choice(&body, stream);
    if (stream->usage.len > 0) {
        json_key(&body, "usage");
        json_put_raw(&body, buf_slice(&stream->usage));
    }
    json_end(&body, '}');
    openai_answer_read(answer, buf_slice(&body), key, result);
}
