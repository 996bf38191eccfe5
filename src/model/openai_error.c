/* openai_error.c - failures of every kind, told apart, and told to people. */
#include "model/openai_error.h"

#include <stdio.h>

#include "base/utf8.h"

enum {
    ERROR_JSON_BYTES_MAX = 1 << 20,
    QUOTED_BYTES_MAX = 200, /* of the provider's words in a message */
    BEGIN_BYTES_MAX = 60,   /* of a body that is none */
    ID_BYTES_MAX = 50,
    SECRET_BYTES_MIN = 8, /* shorter keys are what local servers take: "x", "none", "ollama" */
};

/* ---- quoting what came from outside ---- */

/* Looks at far more than is shown, so that no half of a key is left at the cut. */
static void put_without_key(struct buf *out, struct slice text, struct slice key)
{
    while (key.len >= SECRET_BYTES_MIN && text.len >= key.len) {
        const char *hit = memmem(text.ptr, text.len, key.ptr, key.len);

        if (!hit)
            break;
        size_t before = (size_t)(hit - text.ptr);

        buf_put(out, (struct slice){ text.ptr, before });
        buf_puts(out, "[api_key]");
        text = (struct slice){ hit + key.len, text.len - before - key.len };
    }
    if (text.len > 0)
        buf_put(out, text);
}

/* At most `max` bytes of text that cannot harm a terminal, on one line, without the key. */
static void put_quoted(struct buf *out, struct slice text, size_t max, struct slice key)
{
    enum { EXAMINED_BYTES_MAX = 16384, SAFE_BYTES_MAX = 2 * EXAMINED_BYTES_MAX };
    enum { SHOWN_BYTES_MAX = 2 * QUOTED_BYTES_MAX * 10 }; /* a byte may become \u{10ffff} */
    CLEANUP(buf_release) struct buf safe = { .max = SAFE_BYTES_MAX };
    CLEANUP(buf_release) struct buf shown = { .max = SHOWN_BYTES_MAX };

    put_without_key(&safe, utf8_prefix(text, EXAMINED_BYTES_MAX), key);
    utf8_put_visible(&shown, utf8_prefix(buf_slice(&safe), 2 * max), 0);
    struct slice cut = utf8_prefix(buf_slice(&shown), max);

    if (cut.len > 0)
        buf_put(out, cut);
    if (cut.len < shown.len || 2 * max < safe.len || EXAMINED_BYTES_MAX < text.len)
        buf_puts(out, "...");
}

static void set_message(struct model_result *result, const struct buf *text)
{
    struct slice cut = utf8_prefix(buf_slice(text), sizeof(result->message) - 1);

    memcpy(result->message, cut.len > 0 ? cut.ptr : "", cut.len);
    result->message[cut.len] = '\0';
}

/* How a body (or chunk) begins that should have been JSON. */
static void put_beginning(struct buf *out, const char *what, struct slice body, struct slice key)
{
    size_t skip = 0;

    while (skip < body.len && strchr(" \t\r\n", body.ptr[skip]))
        skip++;
    if (skip == body.len) {
        buf_putf(out, "an empty %s", what);
        return;
    }
    buf_putf(out, "a %s that begins '", what);
    put_quoted(out, (struct slice){ body.ptr + skip, body.len - skip }, BEGIN_BYTES_MAX, key);
    buf_puts(out, "'");
}

/* ---- error documents ---- */

struct document {
    struct slice message;
    struct slice code;
    struct slice type;
    int64_t status; /* code, where that is a number, as with OpenRouter and Google */
};

static struct document read_document(const struct json *error)
{
    struct document doc = { .message = json_str(error) }; /* Ollama: {"error": "..."} */

    if (json_kind(error) != JSON_KIND_OBJECT)
        return doc;
    doc.message = json_str(json_get(error, "message"));
    doc.code = json_str(json_get(error, "code"));
    doc.type = json_str(json_get(error, "type"));
    doc.status = json_int(json_get(error, "code"), 0);
    return doc;
}

/* The error in {"error": ...} (OpenAI), [{"error": ...}] (Google), or the body itself. */
static const struct json *find_error(const struct json *root)
{
    const struct json *object = json_kind(root) == JSON_KIND_ARRAY ? json_at(root, 0) : root;
    const struct json *error = json_get(object, "error");

    if (json_kind(error) == JSON_KIND_OBJECT || json_kind(error) == JSON_KIND_STRING)
        return error;
    if (json_kind(json_get(object, "detail")) == JSON_KIND_STRING) /* FastAPI */
        return json_get(object, "detail");
    return object;
}

static int is_quota(struct slice word)
{
    static const char *const words[] = { "insufficient_quota", "billing_hard_limit_reached",
                                         "billing_not_active", "quota_exceeded" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_is(word, words[i]))
            return 1;
    return 0;
}

static enum model_error classify(int status, const struct document *doc, struct slice should_retry)
{
    enum model_error error = model_error_of_status(status);

    if (status < 500 && (is_quota(doc->code) || is_quota(doc->type)))
        return MODEL_NO_QUOTA;
    if (slice_is(should_retry, "true") && !model_error_is_retryable(error))
        return MODEL_SERVER_ERROR;
    if (slice_is(should_retry, "false") && model_error_is_retryable(error))
        return MODEL_REFUSED;
    return error;
}

void openai_error_read(struct model_result *result, struct slice body,
                       const struct openai_hints *hints, struct slice key, int64_t now_wall_ms)
{
    CLEANUP(buf_release) struct buf text = { .max = 4096 };
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct document doc = { 0 };
    struct err ignored = { 0 };

    if (json_read(&root, body, ERROR_JSON_BYTES_MAX, &ignored) == ERR_NONE)
        doc = read_document(find_error(root));
    result->error = classify(result->http_status, &doc, hints->should_retry);
    result->retry_after_ms = model_error_is_retryable(result->error)
                                 ? openai_retry_after_ms(hints, result->http_status, now_wall_ms)
                                 : 0;

    buf_putf(&text, "openai answered %d: ", result->http_status);
    if (doc.message.len > 0)
        put_quoted(&text, doc.message, QUOTED_BYTES_MAX, key);
    else
        put_beginning(&text, "body", body, key);
    buf_putf(&text, "; %s", model_error_advice(result->error));
    if (hints->request_id.len > 0) {
        buf_puts(&text, " (request ");
        put_quoted(&text, hints->request_id, ID_BYTES_MAX, key);
        buf_puts(&text, ")");
    }
    set_message(result, &text);
}

void openai_error_in_answer(struct model_result *result, const struct json *error, struct slice key)
{
    CLEANUP(buf_release) struct buf text = { .max = 4096 };
    struct document doc = read_document(error);
    const struct slice no_hint = { NULL, 0 };

    result->error = MODEL_BAD_ANSWER;
    if (doc.status >= 400 && doc.status <= 599)
        result->error = classify((int)doc.status, &doc, no_hint);
    else if (is_quota(doc.code) || is_quota(doc.type))
        result->error = MODEL_NO_QUOTA;
    buf_putf(&text, "openai answered %d, but with an error: ", result->http_status);
    put_quoted(&text, doc.message, QUOTED_BYTES_MAX, key);
    buf_putf(&text, "; %s", model_error_advice(result->error));
    set_message(result, &text);
}

static void bad_answer(struct model_result *result, const char *what, const char *why,
                       struct slice body, struct slice key)
{
    CLEANUP(buf_release) struct buf text = { .max = 4096 };

    result->error = MODEL_BAD_ANSWER;
    buf_putf(&text, "openai answered %d with ", result->http_status);
    put_beginning(&text, what, body, key);
    buf_putf(&text, ": %.100s; %s", why, model_error_advice(result->error));
    set_message(result, &text);
}

void openai_error_bad_answer(struct model_result *result, const char *why, struct slice body,
                             struct slice key)
{
    bad_answer(result, "body", why, body, key);
}

void openai_error_bad_chunk(struct model_result *result, const char *why, struct slice chunk,
                            struct slice key)
{
    bad_answer(result, "chunk", why, chunk, key);
}

void openai_error_cut_stream(struct model_result *result)
{
    result->error = MODEL_TIMED_OUT;
    (void)snprintf(result->message, sizeof(result->message),
                   "openai: the stream ended before the answer did; if it happens often, ask the "
                   "provider, or set stream: false");
}

void openai_error_silent_stream(struct model_result *result, int64_t silent_ms)
{
    result->error = MODEL_TIMED_OUT;
    (void)snprintf(result->message, sizeof(result->message),
                   "openai: the stream was silent for %lld ms before the answer was whole; if it "
                   "happens often, raise the model's idle_timeout",
                   (long long)silent_ms);
}

/* ---- calls without a response ---- */

static enum model_error error_of_code(enum err_code code)
{
    switch (code) {
    case ERR_UNAVAILABLE: return MODEL_UNREACHABLE;
    case ERR_TIMEOUT: return MODEL_TIMED_OUT;
    case ERR_LIMIT: return MODEL_BAD_ANSWER;
    case ERR_CONFLICT: return MODEL_CANCELLED;
    case ERR_INVALID: return MODEL_NOT_FOUND; /* a URL that is none: headers were checked */
    case ERR_NONE:
    case ERR_NOT_FOUND:
    case ERR_CORRUPT: break;
    }
    assert_failed("an HTTP call ends with a code of its contract", __FILE__, __LINE__);
}

void openai_error_of_call(struct model_result *result, const struct err *err, struct slice key)
{
    CLEANUP(buf_release) struct buf text = { .max = 4096 };

    result->error = error_of_code(err->code);
    buf_puts(&text, "openai: ");
    put_quoted(&text, slice_of(err->msg), QUOTED_BYTES_MAX, key);
    buf_putf(&text, "; %s", model_error_advice(result->error));
    set_message(result, &text);
}
