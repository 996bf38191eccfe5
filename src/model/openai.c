/* openai.c - the client: one HTTP exchange a call. */
#include "model/openai.h"

#include <stdlib.h>
#include <strings.h>

#include "model/openai_answer.h"
#include "model/openai_error.h"
#include "model/openai_format.h"
#include "model/openai_stream.h"

enum {
    KEY_BYTES_MAX = 4096,
    URL_BYTES_MAX = 4096,
    REQUEST_BYTES_MAX = 64 << 20,
    END_WAIT_MS = 1000, /* how long a server may take to end its response after "[DONE]" */
};

static const char scheme[] = "Bearer ";

struct openai {
    struct model_client client; /* first: see openai_of() */
    struct loop *loop;
    struct http_client *http;
    size_t open; /* calls */
};

/* A call on its way. */
struct exchange {
    struct openai *openai;
    struct model_call *call;
    struct http_call http;
    struct buf url;
    struct buf authorization; /* holds the key: overwritten at the end */
    struct buf body;
    struct openai_answer answer;
    struct loop_post refusal; /* of a call that is not sent */
    /* Of a call whose answer was asked for piece by piece. */
    struct openai_stream
        *stream;      /* NULL: none of it is here, or the answer comes whole after all */
    struct buf whole; /* then it is gathered here */
    struct loop_timer idle;
    int64_t idle_timeout_ms;
    int64_t heard_ms; /* mono */
    int is_silent;    /* idle_timeout_ms, or END_WAIT_MS, is over */
};

static struct openai *openai_of(struct model_client *client)
{
    return CONTAINER_OF(client, struct openai, client);
}

static void exchange_free(struct exchange *x)
{
    if (x->authorization.data)
        explicit_bzero(x->authorization.data, x->authorization.cap);
    loop_timer_stop(x->openai->loop, &x->idle);
    openai_stream_free(x->stream);
    buf_release(&x->whole);
    buf_release(&x->authorization);
    buf_release(&x->url);
    buf_release(&x->body);
    openai_answer_release(&x->answer);
    free(x);
}

/* The result is there: gives it to the caller, whose the call is again. */
static void finish(struct exchange *x)
{
    struct model_call *call = x->call;

    x->openai->open--;
    call->client_slot = NULL;
    call->done(call, call->arg);
    exchange_free(x);
}

static void on_refusal(void *arg)
{
    finish(arg);
}

/* ---- the response ---- */

/* The account's key, from our copy: the call's slices may be gone by now. */
static struct slice key_of(const struct exchange *x)
{
    const size_t skip = sizeof(scheme) - 1;

    if (x->authorization.len == 0)
        return (struct slice){ NULL, 0 };
    return (struct slice){ x->authorization.data + skip, x->authorization.len - skip };
}

static struct openai_hints read_hints(const struct http_call *http)
{
    return (struct openai_hints){
        .should_retry = http_call_header(http, "x-should-retry"),
        .retry_after_ms = http_call_header(http, "retry-after-ms"),
        .retry_after = http_call_header(http, "retry-after"),
        .remaining_requests = http_call_header(http, "x-ratelimit-remaining-requests"),
        .reset_requests = http_call_header(http, "x-ratelimit-reset-requests"),
        .remaining_tokens = http_call_header(http, "x-ratelimit-remaining-tokens"),
        .reset_tokens = http_call_header(http, "x-ratelimit-reset-tokens"),
        .request_id = http_call_header(http, "x-request-id"),
    };
}

/*
 * A stream that is whole counts as a good answer however its connection ended, unless it was
 * cancelled: what was generated is paid for.
 */
static int is_stream_over(const struct exchange *x)
{
    if (!x->stream)
        return 0;
    if (x->http.err.code == ERR_NONE)
        return 1;
    return openai_stream_is_whole(x->stream) && (x->http.err.code != ERR_CONFLICT || x->is_silent);
}

static void on_response(struct http_call *http, void *arg)
{
    struct exchange *x = arg;
    struct model_result *result = &x->call->result;
    struct slice key = key_of(x);
    struct slice body = x->whole.len > 0 ? buf_slice(&x->whole) : http->response;

    result->http_status = http->status;
    if (result->error != MODEL_OK) {
        /* on_bytes() has said what was wrong with the stream. */
    } else if (is_stream_over(x)) {
        openai_stream_end(x->stream, &x->answer, key, result);
    } else if (x->is_silent) {
        openai_error_silent_stream(result, x->idle_timeout_ms);
    } else if (http->err.code != ERR_NONE) {
        openai_error_of_call(result, &http->err, key);
    } else if (model_error_of_status(http->status) == MODEL_OK) {
        openai_answer_read(&x->answer, body, key, result);
    } else {
        struct openai_hints hints = read_hints(http);

        openai_error_read(result, body, &hints, key, loop_wall_ms(x->openai->loop));
    }
    finish(x);
}

/* ---- the response, piece by piece ---- */

static void on_text(struct slice text, void *arg)
{
    struct exchange *x = arg;

    if (x->call->on_delta)
        x->call->on_delta(x->call, text, x->call->arg);
}

/* A model may think for long before the first word, so this counts from there. */
static void on_idle(void *arg)
{
    struct exchange *x = arg;
    int64_t wait_ms = openai_stream_is_done(x->stream) ? END_WAIT_MS : x->idle_timeout_ms;
    int64_t silent_ms = loop_mono_ms(x->openai->loop) - x->heard_ms;

    if (silent_ms < wait_ms) {
        loop_timer_start(x->openai->loop, &x->idle, wait_ms - silent_ms, on_idle, x);
        return;
    }
    x->is_silent = 1;
    http_call_cancel(&x->http);
}

static int is_stream(const struct http_call *http)
{
    static const char type[] = "text/event-stream";
    struct slice given = http_call_header(http, "content-type");

    return model_error_of_status(http->status) == MODEL_OK && given.len >= sizeof(type) - 1 &&
           strncasecmp(given.ptr, type, sizeof(type) - 1) == 0;
}

static void take_piece(struct exchange *x, struct slice bytes)
{
    int was_done = openai_stream_is_done(x->stream);

    x->heard_ms = loop_mono_ms(x->openai->loop);
    (void)openai_stream_feed(x->stream, bytes, key_of(x), &x->call->result);
    /* The timer is not set anew for each piece: when it runs out it sees when the last one came. */
    if (openai_stream_is_done(x->stream) && !was_done)
        loop_timer_start(x->openai->loop, &x->idle, END_WAIT_MS, on_idle, x);
    else if (x->idle.heap_at == 0 && x->idle_timeout_ms > 0)
        loop_timer_start(x->openai->loop, &x->idle, x->idle_timeout_ms, on_idle, x);
}

static int on_bytes(struct http_call *http, struct slice bytes, void *arg)
{
    struct exchange *x = arg;
    struct model_result *result = &x->call->result;
    struct err err = { 0 };

    result->http_status = http->status;
    if (!x->stream && x->whole.len == 0 && is_stream(http))
        x->stream = openai_stream_new(on_text, x);
    if (x->stream)
        take_piece(x, bytes);
    else if (buf_add(&x->whole, bytes, &err)) /* an error, or a provider that does not stream */
        openai_error_bad_answer(result, "it is larger than 32 MiB", buf_slice(&x->whole),
                                key_of(x));
    return result->error != MODEL_OK;
}

/* ---- the request ---- */

static int is_sendable_key(struct slice key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] > '~')
            return 0;
    return key.len <= KEY_BYTES_MAX;
}

/* What is known to be wrong before anything is sent; its message never shows the key. */
static enum model_error check_call(const struct model_call *call, struct err *err)
{
    if (!is_sendable_key(call->api_key)) {
        (void)err_set(err, ERR_INVALID,
                      "openai: the api_key holds a blank, a line end or another character that no "
                      "key has, so it was not sent; %s",
                      model_error_advice(MODEL_UNAUTHORIZED));
        return MODEL_UNAUTHORIZED;
    }
    /* Without a host curl would take the path's first word for it, and send the key there. */
    if (openai_host(call->base_url).len == 0 || call->base_url.len > URL_BYTES_MAX ||
        memchr(call->base_url.ptr, '\0', call->base_url.len)) {
        (void)err_set(err, ERR_INVALID, "openai: the base_url is no URL with a host; %s",
                      model_error_advice(MODEL_NOT_FOUND));
        return MODEL_NOT_FOUND;
    }
    if (openai_request_bytes(call) > REQUEST_BYTES_MAX) {
        (void)err_set(err, ERR_LIMIT, "openai: the request would have more than 64 MiB; %s",
                      model_error_advice(MODEL_REFUSED));
        return MODEL_REFUSED;
    }
    return MODEL_OK;
}

static void put_url(struct buf *url, struct slice base)
{
    static const char path[] = "/chat/completions";

    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        base.len--;
    url->max = base.len + sizeof(path);
    buf_put(url, base);
    buf_puts(url, path);
}

static void add_header(struct http_call *http, const char *name, struct slice value)
{
    ASSERT(http->headers_n < HTTP_HEADERS_MAX);
    http->headers[http->headers_n++] = (struct http_header){ name, value };
}

static void send_call(struct exchange *x)
{
    const struct model_call *call = x->call;

    put_url(&x->url, call->base_url);
    x->body.max = openai_request_bytes(call);
    openai_put_request(&x->body, call);
    x->http = (struct http_call){
        .method = "POST",
        .url = buf_cstr(&x->url),
        .body = buf_slice(&x->body),
        .timeout_ms = call->timeout_ms,
        .response_bytes_max = OPENAI_ANSWER_BYTES_MAX,
        .done = on_response,
        .arg = x,
    };
    add_header(&x->http, "Content-Type", SLICE_LIT("application/json"));
    add_header(&x->http, "Accept", SLICE_LIT("application/json"));
    add_header(&x->http, "User-Agent", SLICE_LIT("pawl/" PAWL_VERSION));
    if (call->api_key.len > 0) {
        x->authorization.max = KEY_BYTES_MAX + 16;
        buf_puts(&x->authorization, scheme);
        buf_put(&x->authorization, call->api_key);
        add_header(&x->http, "Authorization", buf_slice(&x->authorization));
    }
    if (call->is_streamed) {
        x->http.on_body = on_bytes;
        x->http.response_bytes_max = OPENAI_STREAM_BYTES_MAX;
        x->whole.max = OPENAI_ANSWER_BYTES_MAX;
        x->idle_timeout_ms = call->idle_timeout_ms;
    }
    http_call_start(x->openai->http, &x->http);
}

static void start(struct model_client *client, struct model_call *call)
{
    struct openai *openai = openai_of(client);
    struct exchange *x = xcalloc(1, sizeof(*x));
    struct err err = { 0 };

    x->openai = openai;
    x->call = call;
    call->client_slot = x;
    openai->open++;
    call->result.error = check_call(call, &err);
    if (call->result.error == MODEL_OK) {
        send_call(x);
        return;
    }
    memcpy(call->result.message, err.msg, sizeof(call->result.message));
    loop_post(openai->loop, &x->refusal, on_refusal, x);
}

/* One that was not sent ends as what it is: it is on its way to its done already. */
static void cancel(struct model_client *client, struct model_call *call)
{
    struct exchange *x = call->client_slot;

    (void)client;
    if (x && call->result.error == MODEL_OK)
        http_call_cancel(&x->http);
}

static const struct model_client_ops openai_ops = { .start = start, .cancel = cancel };

struct openai *openai_new(struct loop *loop, struct http_client *http)
{
    struct openai *openai = xcalloc(1, sizeof(*openai));

    openai->client.ops = &openai_ops;
    openai->loop = loop;
    openai->http = http;
    return openai;
}

void openai_free(struct openai *openai)
{
    if (!openai)
        return;
    ASSERT(openai->open == 0);
    free(openai);
}

struct model_client *openai_client(struct openai *openai)
{
    return &openai->client;
}
