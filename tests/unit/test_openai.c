/* The OpenAI client against a provider of ours, and against peers that misbehave. */
#include "unit/unit.h"

#include "model/openai.h"
#include "net/http_server.h"
#include "unit/raw_socket.h"

enum { HEARD_MAX = 2000 };

#define KEY "sk-secret-0123456789"
#define GOOD                                                                                       \
    "{\"id\":\"c\",\"choices\":[{\"message\":{\"content\":\"Hello.\",\"tool_calls\":[{\"id\":"     \
    "\"1\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]},"         \
    "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}"

/* A provider: what it answers to every request, and what it heard last. */
struct provider {
    struct loop *loop;
    struct http_server *server;
    int status;
    struct slice body;
    const char *type;       /* NULL: application/json */
    const char *headers[9]; /* name, value, ..., NULL */
    struct http_request *held;
    int holds;
    int seen;
    char path[HEARD_MAX];
    char heard[HEARD_MAX];
    char authorization[HEARD_MAX];
    char content_type[HEARD_MAX];
};

struct fixture {
    struct provider provider;
    struct loop *loop;
    struct http_client *http;
    struct openai *openai;
    char base_url[100];
    struct model_call call;
    /* what was there during done */
    int done;
    int cancels; /* as soon as the first text comes */
    struct buf told;
    struct model_result result;
    char text[HEARD_MAX];
    char name[HEARD_MAX];
    char wire[HEARD_MAX];
};

static void keep(char to[HEARD_MAX], struct slice bytes)
{
    size_t len = bytes.len < HEARD_MAX - 1 ? bytes.len : HEARD_MAX - 1;

    if (len > 0)
        memcpy(to, bytes.ptr, len);
    to[len] = '\0';
}

static void on_request(struct http_request *request, void *arg)
{
    struct provider *p = arg;

    p->seen++;
    keep(p->path, http_request_path(request));
    keep(p->heard, http_request_body(request));
    keep(p->authorization, http_request_header(request, "authorization"));
    keep(p->content_type, http_request_header(request, "content-type"));
    if (p->holds) {
        p->held = request;
        loop_stop(p->loop);
        return;
    }
    const char *type = p->type ? p->type : "application/json";

    http_reply(request, p->status, p->body.len > 0 ? type : NULL, p->body, p->headers);
}

static void on_done(struct model_call *call, void *arg)
{
    struct fixture *f = arg;

    assert_ptr_equal(call, &f->call);
    f->done++;
    f->result = call->result;
    keep(f->text, call->result.text);
    keep(f->wire, call->result.wire);
    keep(f->name, call->result.calls_n > 0 ? call->result.calls[0].name : call->result.text);
    loop_stop(f->loop);
}

static void on_delta(struct model_call *call, struct slice text, void *arg)
{
    struct fixture *f = arg;

    assert_ptr_equal(call, &f->call);
    buf_put(&f->told, text);
    buf_puts(&f->told, "|");
    if (f->cancels)
        model_client_cancel(openai_client(f->openai), call);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct http_server_config config = {
        .host = "127.0.0.1",
        .body_bytes_max = 1 << 20,
        .connections_max = 10,
        .idle_timeout_ms = 60000,
        .response_bytes_max = 64 << 20,
        .response_patience_ms = 60000,
        .on_request = on_request,
        .arg = &f->provider,
    };
    struct err err = { 0 };

    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    assert_int_equal(http_server_new(&f->provider.server, f->loop, &config, &err), ERR_NONE);
    f->provider.loop = f->loop;
    f->http = http_client_new(f->loop);
    f->openai = openai_new(f->loop, f->http);
    (void)snprintf(f->base_url, sizeof(f->base_url), "http://127.0.0.1:%u/v1",
                   (unsigned)http_server_port(f->provider.server));
    f->call = (struct model_call){
        .base_url = slice_of(f->base_url),
        .api_key = SLICE_LIT(KEY),
        .model = SLICE_LIT("m"),
        .messages = SLICE_LIT("{\"role\":\"user\",\"content\":\"hi\"}"),
        .max_output_tokens = 5,
        .timeout_ms = 30000,
        .attempt = 1,
        .done = on_done,
        .on_delta = on_delta,
        .arg = f,
    };
    f->told.max = 10000;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    openai_free(f->openai);
    openai_free(NULL);
    http_client_free(f->http);
    http_server_free(f->provider.server);
    loop_free(f->loop);
    buf_release(&f->told);
    free(f);
    return 0;
}

static void wait_done(struct fixture *f, int n)
{
    while (f->done < n)
        loop_run(f->loop);
    assert_int_equal(f->done, n);
}

static const struct model_result *ask(struct fixture *f)
{
    int n = f->done;

    model_client_start(openai_client(f->openai), &f->call);
    assert_int_equal(f->done, n); /* never from inside */
    wait_done(f, n + 1);
    assert_null(strstr(f->result.message, "secret"));
    return &f->result;
}

static const struct model_result *ask_for(struct fixture *f, int status, const char *body)
{
    f->provider.status = status;
    f->provider.body = slice_of(body);
    return ask(f);
}

static void an_answer_is_read(void **state)
{
    struct fixture *f = *state;
    const struct model_result *r = ask_for(f, 200, GOOD);

    assert_int_equal(r->error, MODEL_OK);
    assert_string_equal(r->message, "");
    assert_int_equal(r->http_status, 200);
    assert_string_equal(f->text, "Hello.");
    assert_string_equal(f->name, "now");
    assert_int_equal(r->usage.input_tokens, 9);
    assert_non_null(strstr(f->wire, "\"content\":\"Hello.\",\"tool_calls\":[{\"id\":\"1\""));
    assert_string_equal(f->provider.path, "/v1/chat/completions");
    assert_string_equal(f->provider.authorization, "Bearer " KEY);
    assert_string_equal(f->provider.content_type, "application/json");
    assert_string_equal(f->provider.heard,
                        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                        "\"max_tokens\":5}");
}

static void slashes_and_keys_may_be_missing_or_too_many(void **state)
{
    struct fixture *f = *state;

    (void)snprintf(f->base_url, sizeof(f->base_url), "http://127.0.0.1:%u/v1//",
                   (unsigned)http_server_port(f->provider.server));
    f->call.base_url = slice_of(f->base_url);
    f->call.api_key = (struct slice){ NULL, 0 };
    assert_int_equal(ask_for(f, 200, GOOD)->error, MODEL_OK);
    assert_string_equal(f->provider.path, "/v1/chat/completions");
    assert_string_equal(f->provider.authorization, "");
}

static void every_status_has_its_kind(void **state)
{
    static const struct {
        const char *body;
        const char *says;
        int status;
        enum model_error error;
    } cases[] = {
        { "{\"error\":{\"message\":\"bad " KEY "\"}}", "openai answered 400: bad [api_key]; ", 400,
          MODEL_REFUSED },
        { "{\"error\":{\"message\":\"no\"}}", "openai answered 401: no; check the account's", 401,
          MODEL_UNAUTHORIZED },
        { "not found", "openai answered 404: a body that begins 'not found'", 404,
          MODEL_NOT_FOUND },
        { "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}", "slow", 429,
          MODEL_RATE_LIMITED },
        { "{\"error\":{\"message\":\"pay\",\"code\":\"insufficient_quota\"}}", "pay", 429,
          MODEL_NO_QUOTA },
        { "oops", "openai answered 500", 500, MODEL_SERVER_ERROR },
        { "busy", "openai answered 503", 503, MODEL_OVERLOADED },
        { "", "openai answered 301", 301, MODEL_NOT_FOUND },
        { "", "openai answered 200 with an empty body", 200, MODEL_BAD_ANSWER },
        { "<html>", "openai answered 200 with a body that begins '<html>'", 200, MODEL_BAD_ANSWER },
        { "{\"choices\":[{\"message\":{\"content\":\"cu", "the JSON ends too early", 200,
          MODEL_BAD_ANSWER },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct model_result *r = ask_for(f, cases[i].status, cases[i].body);

        assert_int_equal(r->error, cases[i].error);
        assert_int_equal(r->http_status, cases[i].status);
        assert_int_equal(r->retry_after_ms, 0);
        assert_false(r->has_usage);
        if (!strstr(r->message, cases[i].says))
            fail_msg("'%s' does not say '%s'", r->message, cases[i].says);
    }
}

/* What the slices of a call point to may be gone once start() is over. */
static void only_start_reads_the_slices(void **state)
{
    struct fixture *f = *state;
    char *key = xstrdup(KEY);
    char *messages = xstrdup("{\"role\":\"user\",\"content\":\"hi\"}");

    f->provider.status = 401;
    f->provider.body = SLICE_LIT("{\"error\":{\"message\":\"no key " KEY "\"}}");
    f->call.api_key = slice_of(key);
    f->call.messages = slice_of(messages);
    model_client_start(openai_client(f->openai), &f->call);
    memset(key, 'x', strlen(key));
    memset(messages, 'x', strlen(messages));
    free(key);
    free(messages);
    wait_done(f, 1);
    assert_non_null(strstr(f->result.message, "no key [api_key]"));
    assert_non_null(strstr(f->provider.heard, "\"content\":\"hi\""));
    assert_string_equal(f->provider.authorization, "Bearer " KEY);
}

static void headers_say_when_to_come_back(void **state)
{
    static const struct {
        const char *headers[9];
        enum model_error error;
        int64_t retry_after_ms;
    } cases[] = {
        { { "Retry-After", "7", NULL }, MODEL_RATE_LIMITED, 7000 },
        { { "retry-after-ms", "350", "Retry-After", "7", NULL }, MODEL_RATE_LIMITED, 350 },
        { { "x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "6m0s", NULL },
          MODEL_RATE_LIMITED,
          360000 },
        { { "X-RateLimit-Remaining-Tokens", "0", "X-RateLimit-Reset-Tokens", "12ms", NULL },
          MODEL_RATE_LIMITED,
          12 },
        { { "Retry-After", "7", "x-should-retry", "false", NULL }, MODEL_REFUSED, 0 },
        { { "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", NULL }, MODEL_RATE_LIMITED, 0 },
        { { "Retry-After", "Sun, 06 Nov 2994 08:49:37 GMT", NULL }, MODEL_RATE_LIMITED, 3600000 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(f->provider.headers, cases[i].headers, sizeof(f->provider.headers));
        const struct model_result *r = ask_for(f, 429, "{}");

        assert_int_equal(r->error, cases[i].error);
        assert_int_equal(r->retry_after_ms, cases[i].retry_after_ms);
    }
    memcpy(f->provider.headers, (const char *[9]){ "x-request-id", "req_9" },
           sizeof(f->provider.headers));
    assert_non_null(strstr(ask_for(f, 500, "{}")->message, "(request req_9)"));
}

static void an_answer_may_be_large_but_not_endless(void **state)
{
    enum { TOO_LARGE = (32 << 20) + 1 };
    struct fixture *f = *state;
    char *text = malloc(TOO_LARGE);

    assert_non_null(text);
    memset(text, ' ', TOO_LARGE);
    memcpy(text, GOOD, sizeof(GOOD) - 1);
    f->provider.status = 200;
    f->provider.body = (struct slice){ text, TOO_LARGE - 1 };
    assert_int_equal(ask(f)->error, MODEL_OK);
    f->provider.body = (struct slice){ text, TOO_LARGE };
    assert_int_equal(ask(f)->error, MODEL_BAD_ANSWER);
    free(text);
}

static void a_slow_provider_times_out(void **state)
{
    struct fixture *f = *state;

    f->provider.holds = 1;
    f->call.timeout_ms = 50;
    const struct model_result *r = ask_for(f, 200, GOOD);

    assert_int_equal(r->error, MODEL_TIMED_OUT);
    assert_int_equal(r->http_status, 0);
    assert_non_null(strstr(r->message, "raise the model's timeout"));
}

static void a_call_can_be_cancelled(void **state)
{
    struct fixture *f = *state;
    struct model_client *client = openai_client(f->openai);

    f->provider.holds = 1;
    model_client_start(client, &f->call);
    while (f->provider.seen == 0)
        loop_run(f->loop);
    model_client_cancel(client, &f->call);
    assert_int_equal(f->done, 0); /* never from inside */
    model_client_cancel(client, &f->call);
    wait_done(f, 1);
    assert_int_equal(f->result.error, MODEL_CANCELLED);
    model_client_cancel(client, &f->call); /* not open any more: nothing happens */
    raw_run_turns(f->loop, 3);
    assert_int_equal(f->done, 1);

    model_client_start(client, &f->call);
    model_client_cancel(client, &f->call); /* before it was sent */
    wait_done(f, 2);
    assert_int_equal(f->result.error, MODEL_CANCELLED);
}

static void nobody_there_is_unreachable(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int listener = raw_listen(&port);

    (void)close(listener);
    (void)snprintf(f->base_url, sizeof(f->base_url), "http://127.0.0.1:%u", (unsigned)port);
    f->call.base_url = slice_of(f->base_url);
    assert_int_equal(ask(f)->error, MODEL_UNREACHABLE);
    assert_non_null(strstr(f->result.message, "check base_url and the network"));
}

/* A peer that hears a request, says something that is no answer to it, and hangs up. */
struct rude {
    struct loop *loop;
    int listener;
    struct loop_fd *watch;
    struct raw raw;
};

static void on_knock(void *arg, unsigned events)
{
    struct rude *rude = arg;
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd = accept4(rude->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);

    (void)events;
    assert_true(fd >= 0);
    loop_fd_stop(TAKE(rude->watch));
    raw_watch(&rude->raw, rude->loop, fd);
    rude->raw.until = "\"max_tokens\":5"; /* all of the request, or all but a little */
}

/* With `stays` the peer hangs up only when it is left. */
static const struct model_result *ask_rude(struct fixture *f, const char *says, int stays)
{
    struct rude rude = { .loop = f->loop };
    uint16_t port = 0;
    int n = f->done;

    rude.listener = raw_listen(&port);
    rude.watch = loop_fd_start(f->loop, rude.listener, LOOP_READ, on_knock, &rude);
    (void)snprintf(f->base_url, sizeof(f->base_url), "http://127.0.0.1:%u", (unsigned)port);
    f->call.base_url = slice_of(f->base_url);
    model_client_start(openai_client(f->openai), &f->call);
    while (rude.watch || !strstr(buf_cstr(&rude.raw.in), rude.raw.until))
        loop_run(f->loop);
    assert_int_equal(send(rude.raw.fd, says, strlen(says), MSG_NOSIGNAL), strlen(says));
    if (stays)
        wait_done(f, n + 1);
    raw_close(&rude.raw);
    (void)close(rude.listener);
    wait_done(f, n + 1);
    return &f->result;
}

static void a_lost_connection_may_have_cost(void **state)
{
    static const char *const words[] = {
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\":",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct model_result *r = ask_rude(f, words[i], 0);

        assert_int_equal(r->error, MODEL_TIMED_OUT);
        assert_true(model_error_may_have_cost(r->error));
    }
    assert_int_equal(
        ask_rude(f, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"choices\":", 0)->error,
        MODEL_BAD_ANSWER);
}

static void what_cannot_be_sent_is_refused_later(void **state)
{
    static const char *const bad_urls[] = { "",           "no url",  "ftp://x",        "http://",
                                            "http:///v1", "http:/x", "https://:80/v1", "http://?x",
                                            "http://a b/" };
    struct fixture *f = *state;
    const struct slice good_url = f->call.base_url;

    for (size_t i = 0; i < ARRAY_LEN(bad_urls); i++) {
        f->call.base_url = slice_of(bad_urls[i]);
        const struct model_result *r = ask(f);

        if (r->error != MODEL_NOT_FOUND || !strstr(r->message, "base_url"))
            fail_msg("'%s': %s", bad_urls[i], r->message);
    }
    f->call.base_url = good_url;
    f->call.api_key = SLICE_LIT(KEY "\n");
    assert_int_equal(ask(f)->error, MODEL_UNAUTHORIZED);
    assert_non_null(strstr(f->result.message, "a line end"));
    f->call.api_key = SLICE_LIT("caf\xc3\xa9");
    model_client_start(openai_client(f->openai), &f->call);
    int n = f->done;

    model_client_cancel(openai_client(f->openai), &f->call); /* it ends anyway, once */
    assert_int_equal(f->done, n);
    wait_done(f, n + 1);
    f->call.api_key = SLICE_LIT(KEY);
    f->call.instructions = (struct slice){ f->base_url, SIZE_MAX / 64 };
    assert_int_equal(ask(f)->error, MODEL_REFUSED);
    assert_int_equal(f->provider.seen, 0);
}

/* ---- streams ---- */

#define CHUNK(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE       "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"
#define SSE_HEAD    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define CLOSES      SSE_HEAD "Connection: close\r\n\r\n"

static void a_stream_is_told_and_read(void **state)
{
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    f->provider.type = "text/event-stream; charset=utf-8";
    const struct model_result *r =
        ask_for(f, 200, CHUNK("Hel") CHUNK("") CHUNK("lo.") STOP USAGE "data: [DONE]\n\n");

    assert_int_equal(r->error, MODEL_OK);
    assert_int_equal(r->http_status, 200);
    assert_string_equal(f->text, "Hello.");
    assert_string_equal(buf_cstr(&f->told), "Hel|lo.|");
    assert_int_equal(r->usage.input_tokens, 9);
    assert_string_equal(f->wire, "{\"role\":\"assistant\",\"content\":\"Hello.\"}");
    assert_non_null(strstr(f->provider.heard, ",\"stream\":true,\"stream_options\":{"
                                              "\"include_usage\":true}}"));
    f->call.on_delta = NULL; /* nobody has to listen */
    assert_int_equal(ask(f)->error, MODEL_OK);
}

static void who_does_not_stream_is_understood(void **state)
{
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    assert_int_equal(ask_for(f, 200, GOOD)->error, MODEL_OK);
    assert_string_equal(f->text, "Hello.");
    assert_string_equal(buf_cstr(&f->told), "");
    assert_int_equal(ask_for(f, 200, "<html>")->error, MODEL_BAD_ANSWER);
    assert_int_equal(ask_for(f, 200, "")->error, MODEL_BAD_ANSWER);
    f->provider.type = "text/event-stream";
    assert_int_equal(ask_for(f, 200, "")->error, MODEL_BAD_ANSWER);
    /* An error is no stream, whatever it calls itself. */
    const struct model_result *r = ask_for(f, 429, "{\"error\":{\"message\":\"slow\"}}");

    assert_int_equal(r->error, MODEL_RATE_LIMITED);
    assert_non_null(strstr(r->message, "slow"));
}

static void bad_streams_end_at_once(void **state)
{
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    f->provider.type = "text/event-stream";
    const struct model_result *r =
        ask_for(f, 200,
                CHUNK("x") "data: {\"error\":{\"message\":\"" KEY " died\",\"code\":503}}\n\n");

    assert_int_equal(r->error, MODEL_OVERLOADED);
    assert_int_equal(r->http_status, 200);
    assert_non_null(strstr(r->message, "openai answered 200, but with an error: [api_key] died"));
    assert_int_equal(ask_for(f, 200, "data: garbage\n\n")->error, MODEL_BAD_ANSWER);
    assert_int_equal(ask_for(f, 200, CHUNK("x"))->error, MODEL_TIMED_OUT);
    assert_int_equal(ask_for(f, 200, "no events at all")->error, MODEL_TIMED_OUT);
}

static void streams_are_not_endless(void **state)
{
    static const char chunk[] = CHUNK("0123456789");
    enum { TOO_LARGE = (64 << 20) + 1 };
    struct fixture *f = *state;
    char *text = malloc(TOO_LARGE);

    assert_non_null(text);
    for (size_t i = 0; i < TOO_LARGE; i++)
        text[i] = chunk[i % (sizeof(chunk) - 1)];
    f->call.is_streamed = 1;
    f->call.on_delta = NULL;
    f->provider.type = "text/event-stream";
    f->provider.status = 200;
    f->provider.body = (struct slice){ text, TOO_LARGE };
    assert_int_equal(ask(f)->error, MODEL_BAD_ANSWER);
    assert_non_null(strstr(f->result.message, "larger than"));
    /* Nor is one chunk, or an answer that comes whole. */
    memset(text, ' ', TOO_LARGE);
    (void)snprintf(text, TOO_LARGE, "data: {");
    text[strlen(text)] = ' ';
    assert_int_equal(ask(f)->error, MODEL_BAD_ANSWER);
    assert_non_null(strstr(f->result.message, "openai answered 200 with a"));
    assert_non_null(strstr(f->result.message, "more than 33554432 bytes"));
    f->provider.type = NULL;
    assert_int_equal(ask(f)->error, MODEL_BAD_ANSWER);
    assert_non_null(strstr(f->result.message, "it is larger than 32 MiB"));
    free(text);
}

static void streams_may_be_cut_anywhere(void **state)
{
    static const struct {
        const char *says;
        enum model_error error;
    } cases[] = {
        { CLOSES, MODEL_BAD_ANSWER }, /* an empty body */
        { CLOSES CHUNK("x"), MODEL_TIMED_OUT },
        { CLOSES CHUNK("x") "data: {\"cho", MODEL_TIMED_OUT },
        { SSE_HEAD "Content-Length: 9999\r\n\r\n" CHUNK("x"), MODEL_TIMED_OUT },
        /* Nothing is missing but the usage, or not even that. */
        { CLOSES CHUNK("x") STOP, MODEL_OK },
        { SSE_HEAD "Content-Length: 9999\r\n\r\n" CHUNK("x") STOP USAGE "data: [DONE]\n\n",
          MODEL_OK },
    };
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(ask_rude(f, cases[i].says, 0)->error, cases[i].error);
}

static void half_a_stream_and_then_silence(void **state)
{
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    f->call.idle_timeout_ms = 40;
    const struct model_result *r = ask_rude(f, CLOSES CHUNK("x"), 1);

    assert_int_equal(r->error, MODEL_TIMED_OUT);
    assert_non_null(strstr(r->message, "silent for 40 ms"));
    assert_non_null(strstr(r->message, "idle_timeout"));
    assert_string_equal(buf_cstr(&f->told), "x|");
    /* Silence after the answer does it no harm. */
    assert_int_equal(ask_rude(f, CLOSES CHUNK("x") STOP, 1)->error, MODEL_OK);
    f->call.idle_timeout_ms = 0;
    assert_int_equal(ask_rude(f, CLOSES CHUNK("x") "data: [DONE]\n\n", 1)->error, MODEL_OK);
    f->call.timeout_ms = 200;
    assert_int_equal(ask_rude(f, CLOSES CHUNK("x"), 1)->error, MODEL_TIMED_OUT);
    assert_non_null(strstr(f->result.message, "raise the model's timeout"));
}

static void a_stream_can_be_cancelled_by_its_listener(void **state)
{
    struct fixture *f = *state;

    f->call.is_streamed = 1;
    f->cancels = 1;
    assert_int_equal(ask_rude(f, CLOSES CHUNK("a"), 1)->error, MODEL_CANCELLED);
    assert_string_equal(buf_cstr(&f->told), "a|");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_read),
        TEST(slashes_and_keys_may_be_missing_or_too_many),
        TEST(every_status_has_its_kind),
        TEST(only_start_reads_the_slices),
        TEST(headers_say_when_to_come_back),
        TEST(an_answer_may_be_large_but_not_endless),
        TEST(a_slow_provider_times_out),
        TEST(a_call_can_be_cancelled),
        TEST(nobody_there_is_unreachable),
        TEST(a_lost_connection_may_have_cost),
        TEST(what_cannot_be_sent_is_refused_later),
        TEST(a_stream_is_told_and_read),
        TEST(who_does_not_stream_is_understood),
        TEST(bad_streams_end_at_once),
        TEST(streams_are_not_endless),
        TEST(streams_may_be_cut_anywhere),
        TEST(half_a_stream_and_then_silence),
        TEST(a_stream_can_be_cancelled_by_its_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
