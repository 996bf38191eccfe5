/* The HTTP client against our own server, and against peers that misbehave. */
#include "unit/unit.h"

#include <poll.h>

#include "net/http_client.h"
#include "unit/http_fixture.h"

enum { URL_MAX = 200 };

/* One call and what became of it. */
struct probe {
    struct http_call call; /* first: see on_done() */
    struct loop *loop;
    struct http_client *client;
    char url[URL_MAX];
    int done_n;
    struct err err;
    int status;
    char response[2000];
    char mark[100]; /* the header X-Test */
    size_t pieces_n;
    int refuse_at_piece;
    int cancels_at_piece;
    struct http_call *cancels_at_end; /* another one */
    int restarts;                     /* so often in done */
};

struct client_fixture {
    struct fixture *f; /* a server of ours */
    struct http_client *client;
    int listener; /* a server that the test plays by hand */
    uint16_t port;
};

static void keep(char *to, size_t size, struct slice bytes)
{
    size_t n = bytes.len < size - 1 ? bytes.len : size - 1;

    if (n > 0)
        memcpy(to, bytes.ptr, n);
    to[n] = '\0';
}

static void on_done(struct http_call *call, void *arg)
{
    struct probe *p = arg;

    assert_ptr_equal(call, &p->call);
    p->done_n++;
    p->err = call->err;
    p->status = call->status;
    keep(p->response, sizeof(p->response), call->response);
    keep(p->mark, sizeof(p->mark), http_call_header(call, "x-tEST"));
    assert_null(http_call_header(call, "X-Absent").ptr);
    http_call_cancel(call); /* not open any more: a no-op */
    if (p->cancels_at_end)
        http_call_cancel(p->cancels_at_end);
    if (p->restarts-- > 0)
        http_call_start(p->client, call);
    loop_stop(p->loop);
}

static int on_body(struct http_call *call, struct slice bytes, void *arg)
{
    struct probe *p = arg;
    size_t have = strlen(p->response);

    assert_int_equal(call->status, 200);
    p->pieces_n++;
    keep(p->response + have, sizeof(p->response) - have, bytes);
    if (p->cancels_at_piece)
        http_call_cancel(call);
    return p->refuse_at_piece > 0 && p->pieces_n >= (size_t)p->refuse_at_piece;
}

static void probe_init(struct probe *p, struct client_fixture *c, uint16_t port, const char *path)
{
    *p = (struct probe){ .loop = c->f->loop, .client = c->client };
    (void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u%s", (unsigned)port, path);
    p->call = (struct http_call){
        .method = "GET",
        .url = p->url,
        .timeout_ms = 30000,
        .response_bytes_max = 1000,
        .done = on_done,
        .arg = p,
    };
}

static void probe_header(struct probe *p, const char *name, const char *value)
{
    p->call.headers[p->call.headers_n++] = (struct http_header){ name, slice_of(value) };
}

static void wait_done(struct probe *p)
{
    while (p->done_n == 0)
        loop_run(p->loop);
    assert_int_equal(p->done_n, 1);
}

static void start(struct probe *p)
{
    http_call_start(p->client, &p->call);
    assert_int_equal(p->done_n, 0); /* never from inside */
}

static void run_call(struct probe *p)
{
    start(p);
    wait_done(p);
}

static void assert_says(const struct probe *p, const char *text)
{
    if (!strstr(p->err.msg, text))
        fail_msg("wanted \"%s\" in: %s", text, p->err.msg);
}

static void on_knock(void *arg, unsigned events)
{
    (void)events;
    loop_stop(arg);
}

/* Waits for a connection on the listener played by hand. */
static void accept_raw(struct raw *raw, struct client_fixture *c)
{
    struct loop_fd *watch = loop_fd_start(c->f->loop, c->listener, LOOP_READ, on_knock, c->f->loop);
    struct pollfd ready = { .fd = c->listener, .events = POLLIN };

    while (poll(&ready, 1, 0) == 0)
        loop_run(c->f->loop);
    loop_fd_stop(watch);
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd = accept4(c->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);

    assert_true(fd >= 0);
    raw_watch(raw, c->f->loop, fd);
}

static int has_another_connection(struct client_fixture *c)
{
    struct pollfd ready = { .fd = c->listener, .events = POLLIN };

    return poll(&ready, 1, 0) != 0;
}

static int setup_client(void **state)
{
    struct client_fixture *c = xcalloc(1, sizeof(*c));

    assert_int_equal(setup((void **)&c->f), 0);
    c->client = http_client_new(c->f->loop);
    c->listener = raw_listen(&c->port);
    *state = c;
    return 0;
}

static int teardown_client(void **state)
{
    struct client_fixture *c = *state;

    http_client_free(c->client);
    (void)close(c->listener);
    assert_int_equal(teardown((void **)&c->f), 0);
    free(c);
    return 0;
}

static void an_answer_is_gathered(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->f->port, "/a%20b?x=1");
    p.call.method = "POST";
    p.call.body = SLICE_LIT("hello\0there");
    probe_header(&p, "X-Mark", "here");
    run_call(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    assert_int_equal(p.status, 200);
    assert_memory_equal(p.response, "POST /a b [x=1]<hello\0there>here from 127.0.0.1.", 48);
    assert_string_equal(p.mark, "yes");
    assert_null(http_call_header(&p.call, "X-Test").ptr); /* only during done */
    http_call_cancel(&p.call);
    raw_run_turns(c->f->loop, 3);
    assert_int_equal(p.done_n, 1);
}

static void a_refusal_is_an_answer(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->f->port, "/x?%00");
    run_call(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    assert_int_equal(p.status, 400);
    assert_non_null(strstr(p.response, "bad_target"));
}

static void a_large_body_that_is_refused_is_an_answer(void **state)
{
    struct client_fixture *c = *state;
    size_t n = 3000000;
    char *body = xcalloc(1, n);
    struct probe p;

    probe_init(&p, c, c->f->port, "/x");
    p.call.method = "PUT";
    p.call.body = (struct slice){ body, n };
    run_call(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    assert_int_equal(p.status, 413);
    free(body);
}

/* What stands on the wire, and then an answer of nothing. */
static void expect_request(struct client_fixture *c, struct probe *p, const char *line,
                           const char *rest)
{
    CLEANUP(buf_release) struct buf text = { .max = 2000 };
    struct raw raw;
    const char *body = strstr(rest, "\r\n\r\n");

    start(p);
    accept_raw(&raw, c);
    raw_read_until(&raw, body);
    buf_putf(&text, "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", line, (unsigned)c->port, rest);
    assert_string_equal(buf_cstr(&raw.in), buf_cstr(&text));
    raw_says(&raw, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    wait_done(p);
    assert_int_equal(p->err.code, ERR_NONE);
    assert_int_equal(p->status, 204);
    raw_close(&raw);
}

#define AGENT "User-Agent: pawl/" PAWL_VERSION "\r\nAccept: */*\r\n"

static void nothing_is_sent_that_was_not_asked_for(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->port, "/p?q=1");
    expect_request(c, &p, "GET /p?q=1", AGENT "\r\n");
    probe_init(&p, c, c->port, "/");
    p.call.method = "HEAD";
    expect_request(c, &p, "HEAD /", AGENT "\r\n");
    probe_init(&p, c, c->port, "/");
    p.call.method = "DELETE";
    probe_header(&p, "X-Empty", "");
    expect_request(c, &p, "DELETE /", AGENT "X-Empty:\r\n\r\n");
    probe_init(&p, c, c->port, "/");
    p.call.method = "POST";
    expect_request(c, &p, "POST /", AGENT "Content-Length: 0\r\n\r\n");
    probe_init(&p, c, c->port, "/");
    p.call.method = "PATCH";
    p.call.body = SLICE_LIT("{}");
    probe_header(&p, "Content-Type", "application/json");
    probe_header(&p, "Accept", "text/event-stream");
    expect_request(c, &p, "PATCH /",
                   "User-Agent: pawl/" PAWL_VERSION
                   "\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
                   "Content-Length: 2\r\n\r\n{}");
}

static void proxies_of_the_environment_are_ignored(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    probe_init(&p, c, c->f->port, "/x");
    run_call(&p);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
    assert_int_equal(p.status, 200);
}

static void a_redirect_is_an_answer(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    start(&p);
    accept_raw(&raw, c);
    raw_read_until(&raw, "\r\n\r\n");
    raw_says(&raw, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nX-TEST:   /elsewhere \r\n"
                   "Content-Length: 0\r\n\r\n");
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    assert_int_equal(p.status, 302);
    assert_string_equal(p.mark, "/elsewhere");
    raw_close(&raw);
}

/* ---- did it reach the peer? ---- */

static void a_refused_connection_sent_nothing(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    (void)close(c->listener);
    probe_init(&p, c, c->port, "/secret?key=secret");
    probe_header(&p, "Authorization", "Bearer secret");
    run_call(&p);
    c->listener = raw_listen(&c->port);
    assert_int_equal(p.err.code, ERR_UNAVAILABLE);
    assert_int_equal(p.err.sys, ECONNREFUSED);
    assert_int_equal(p.status, 0);
    assert_says(&p, "GET http://127.0.0.1:");
    assert_says(&p, "nothing was sent");
    assert_null(strstr(p.err.msg, "secret"));
}

static void a_failed_handshake_sent_nothing(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    (void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/", (unsigned)c->port);
    start(&p);
    accept_raw(&raw, c);
    raw_says(&raw, "HTTP/1.1 400 This is no TLS\r\n\r\n");
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_UNAVAILABLE);
    raw_close(&raw);
}

static void a_silent_handshake_sent_nothing(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->port, "/x");
    (void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/", (unsigned)c->port);
    p.call.connect_timeout_ms = 20;
    run_call(&p);
    assert_int_equal(p.err.code, ERR_UNAVAILABLE);
}

static void a_name_without_address_sent_nothing(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->port, "/x");
    p.call.url = "http://name.invalid/secret";
    p.call.connect_timeout_ms = 100; /* where no name server answers */
    run_call(&p);
    assert_int_equal(p.err.code, ERR_UNAVAILABLE);
    assert_null(strstr(p.err.msg, "secret"));
}

/* The peer reads the request if it waits, says this, and closes. */
static void expect_unknown(struct client_fixture *c, int waits, const char *says, int status,
                           const char *text)
{
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x?key=secret");
    p.call.method = "POST";
    start(&p);
    accept_raw(&raw, c);
    if (waits)
        raw_read_until(&raw, "\r\n\r\n");
    raw_says(&raw, says);
    while (raw.sent < raw.out.len)
        raw_run_turns(c->f->loop, 1);
    raw_close(&raw);
    wait_done(&p);
    if (p.err.code != ERR_TIMEOUT)
        fail_msg("after \"%s\": %s (%s)", says, err_code_name(p.err.code), p.err.msg);
    assert_says(&p, text);
    assert_says(&p, "it may have been received");
    assert_null(strstr(p.err.msg, "secret"));
    assert_int_equal(p.status, status);
    assert_false(has_another_connection(c)); /* no second try */
}

static void a_lost_connection_leaves_the_outcome_unknown(void **state)
{
    struct client_fixture *c = *state;

    expect_unknown(c, 0, "", 0, "");
    expect_unknown(c, 1, "", 0, "");
    expect_unknown(c, 1, "HTTP/1.1 200 OK\r\nContent-Le", 200, "");
    expect_unknown(c, 1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 200, "");
    expect_unknown(c, 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200,
                   "");
}

static void an_answer_that_is_no_http_leaves_the_outcome_unknown(void **state)
{
    struct client_fixture *c = *state;

    expect_unknown(c, 1, "secret garbage\r\n\r\n", 0, "not HTTP");
    expect_unknown(c, 1, "HTTP/7.7 200 secret\r\n\r\n", 0, "not HTTP");
    expect_unknown(c, 1, "HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n", 200, "not HTTP");
}

static void a_late_answer_leaves_the_outcome_unknown(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    p.call.timeout_ms = 20;
    run_call(&p);
    accept_raw(&raw, c);
    assert_int_equal(p.err.code, ERR_TIMEOUT);
    assert_says(&p, "no complete answer in time");
    raw_close(&raw);
}

static void a_kept_connection_is_used_again(void **state)
{
    static const char answer_text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/1");
    start(&p);
    accept_raw(&raw, c);
    raw_read_until(&raw, "GET /1 ");
    raw_says(&raw, answer_text);
    wait_done(&p);
    probe_init(&p, c, c->port, "/2");
    start(&p);
    raw_read_until(&raw, "GET /2 ");
    raw_says(&raw, answer_text);
    wait_done(&p);
    assert_int_equal(p.status, 200);

    /* Lost on a kept connection: curl would silently send it again on a new one. */
    probe_init(&p, c, c->port, "/3");
    p.call.method = "POST";
    start(&p);
    raw_read_until(&raw, "POST /3 ");
    raw_close(&raw);
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_TIMEOUT);
    if (has_another_connection(c)) { /* it connected, but said nothing */
        accept_raw(&raw, c);
        raw_read_to_end(&raw);
        assert_int_equal(raw.in.len, 0);
        raw_close(&raw);
    }
}

static void a_kept_connection_that_was_closed_is_replaced(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    for (int i = 0; i < 3; i++) {
        probe_init(&p, c, c->port, "/x");
        start(&p);
        accept_raw(&raw, c);
        raw_read_until(&raw, "GET /x ");
        raw_says(&raw, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        wait_done(&p);
        assert_int_equal(p.status, 200);
        raw_close(&raw);
        raw_run_turns(c->f->loop, 3);
    }
}

static void waiting_for_an_answer_costs_nothing(void **state)
{
    struct client_fixture *c = *state;
    struct probe waiting, kept;

    probe_init(&kept, c, c->f->port, "/x");
    run_call(&kept);
    probe_init(&waiting, c, c->port, "/x");
    start(&waiting);
    assert_in_range(raw_turns_at_rest(c->f->loop), 0, 20);
    http_call_cancel(&waiting.call);
    wait_done(&waiting);
    assert_in_range(raw_turns_at_rest(c->f->loop), 0, 20);
}

/* ---- limits, pieces, cancelling ---- */

static void an_answer_over_its_limit_ends_the_call(void **state)
{
    static const char *const heads[] = { "Content-Length: 20\r\n\r\n",
                                         "Transfer-Encoding: chunked\r\n\r\n14\r\n", "\r\n" };
    struct client_fixture *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        for (size_t max = 0; max < 20; max += 19) {
            struct probe p;
            struct raw raw;

            probe_init(&p, c, c->port, "/x");
            p.call.response_bytes_max = max;
            start(&p);
            accept_raw(&raw, c);
            raw_read_until(&raw, "\r\n\r\n");
            raw_says(&raw, "HTTP/1.1 200 OK\r\n");
            raw_says(&raw, heads[i]);
            raw_says(&raw, "01234567890123456789");
            wait_done(&p);
            assert_int_equal(p.err.code, ERR_LIMIT);
            assert_says(&p, max ? "larger than 19 bytes" : "larger than 0 bytes");
            assert_int_equal(p.status, 200);
            raw_close(&raw);
        }
}

static void an_answer_at_its_limit_is_taken(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;

    probe_init(&p, c, c->f->port, "/x");
    p.call.response_bytes_max = strlen("GET /x <> from 127.0.0.1.");
    run_call(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    p.call.response_bytes_max--;
    p.done_n = 0;
    run_call(&p);
    assert_int_equal(p.err.code, ERR_LIMIT);
}

static void begin_pieces(struct client_fixture *c, struct probe *p, struct raw *raw)
{
    p->call.on_body = on_body;
    start(p);
    accept_raw(raw, c);
    raw_read_until(raw, "\r\n\r\n");
    raw_says(raw, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    raw_run_turns(c->f->loop, 6);
}

static void pieces_are_given_as_they_come(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    begin_pieces(c, &p, &raw);
    assert_string_equal(p.response, "one");
    raw_says(&raw, "3\r\ntwo\r\n");
    raw_run_turns(c->f->loop, 6);
    assert_string_equal(p.response, "onetwo");
    assert_int_equal(p.done_n, 0);
    raw_says(&raw, "0\r\n\r\n");
    p.response[0] = '\0';
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_NONE);
    assert_string_equal(p.response, ""); /* not gathered, too */
    raw_close(&raw);
}

static void a_reader_may_refuse(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    p.refuse_at_piece = 1;
    begin_pieces(c, &p, &raw);
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_LIMIT);
    assert_int_equal(p.pieces_n, 1);
    raw_close(&raw);
}

static void a_reader_may_cancel(void **state)
{
    struct client_fixture *c = *state;
    struct probe p;
    struct raw raw;

    probe_init(&p, c, c->port, "/x");
    p.cancels_at_piece = 1;
    begin_pieces(c, &p, &raw);
    wait_done(&p);
    assert_int_equal(p.err.code, ERR_CONFLICT);
    assert_int_equal(p.pieces_n, 1);
    raw_read_to_end(&raw);
    raw_close(&raw);
}

static void a_call_may_be_cancelled_at_any_time(void **state)
{
    struct client_fixture *c = *state;

    for (int turns = 0; turns < 8; turns++) {
        struct probe p;

        probe_init(&p, c, c->port, "/x"); /* nobody answers there */
        start(&p);
        if (turns > 0)
            raw_run_turns(c->f->loop, turns);
        http_call_cancel(&p.call);
        http_call_cancel(&p.call);
        assert_int_equal(p.done_n, 0);
        wait_done(&p);
        assert_int_equal(p.err.code, ERR_CONFLICT);
        raw_run_turns(c->f->loop, 3);
        assert_int_equal(p.done_n, 1);
    }
}

static void done_may_cancel_others_and_start_anew(void **state)
{
    struct client_fixture *c = *state;
    struct probe first, second;

    probe_init(&second, c, c->port, "/x");
    start(&second);
    probe_init(&first, c, c->f->port, "/x");
    first.cancels_at_end = &second.call;
    first.restarts = 3;
    http_call_start(c->client, &first.call);
    while (first.done_n < 4)
        loop_run(c->f->loop);
    wait_done(&second);
    assert_int_equal(second.err.code, ERR_CONFLICT);
    assert_int_equal(first.err.code, ERR_NONE);
}

static void what_cannot_be_sent_is_invalid(void **state)
{
    static const struct {
        const char *method, *url, *name, *value, *text;
    } cases[] = {
        { "GET", "http://user:secret@127.0.0.1/", NULL, NULL, "credentials in a header" },
        { "GET", "http://user@127.0.0.1/", NULL, NULL, "credentials in a header" },
        { "GET", "ftp://127.0.0.1/secret", NULL, NULL, "only http and https" },
        { "GET", "file:///etc/secret", NULL, NULL, "only http and https" },
        { "GET", "127.0.0.1/secret", NULL, NULL, "URL" },
        { "GET", "", NULL, NULL, "URL" },
        { "GET", "http://", NULL, NULL, "URL" },
        { "GET", "http://127.0.0.1/a secret", NULL, NULL, "URL" },
        { "GET", "http://127.0.0.1/\r\nX: secret", NULL, NULL, "URL" },
        { "GET", "http://127.0.0.1:99999/", NULL, NULL, "URL" },
        { "GET /", "http://127.0.0.1/", NULL, NULL, "method" },
        { "", "http://127.0.0.1/", NULL, NULL, "method" },
        { "GET", "http://127.0.0.1/", "X-Key", "secret\r\nX: y", "X-Key" },
        { "GET", "http://127.0.0.1/", "X-Key", "secret\n", "X-Key" },
        { "GET", "http://127.0.0.1/", "X Key", "secret", "header 1" },
        { "GET", "http://127.0.0.1/", "", "secret", "header 1" },
        { "GET", "http://127.0.0.1/", "content-length", "5", "content-length" },
        { "GET", "http://127.0.0.1/", "Transfer-Encoding", "chunked", "Transfer-Encoding" },
    };
    struct client_fixture *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct probe p;

        probe_init(&p, c, c->port, "/");
        p.call.method = cases[i].method;
        p.call.url = cases[i].url;
        if (cases[i].name)
            probe_header(&p, cases[i].name, cases[i].value);
        run_call(&p);
        if (p.err.code != ERR_INVALID)
            fail_msg("%s: %s", cases[i].url, p.err.msg);
        assert_says(&p, cases[i].text);
        assert_null(strstr(p.err.msg, "secret"));
    }
}

static void hundreds_of_calls_run_at_once(void **state)
{
    enum { N = 500 };
    struct client_fixture *c = *state;
    struct probe *p = xcalloc(N, sizeof(*p));

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++) {
            char path[40];

            (void)snprintf(path, sizeof(path), "/%zu?round=%d", i, round);
            probe_init(&p[i], c, c->f->port, path);
            start(&p[i]);
        }
        hold(c->f, N); /* all are there before the first is answered */
        answer_held(c->f);
        for (size_t i = 0; i < N; i++) {
            char text[60];

            wait_done(&p[i]);
            (void)snprintf(text, sizeof(text), "GET /%zu [round=%d]<> from 127.0.0.1.", i, round);
            assert_string_equal(p[i].response, text);
        }
    }
    free(p);
}

static void a_client_may_be_freed_with_open_calls(void **state)
{
    struct client_fixture *c = *state;
    struct probe waiting, new, restarting;

    probe_init(&waiting, c, c->port, "/x");
    probe_init(&restarting, c, c->port, "/x");
    restarting.restarts = 2;
    start(&waiting);
    start(&restarting);
    raw_run_turns(c->f->loop, 4);
    probe_init(&new, c, c->port, "/x");
    start(&new);
    http_client_free(c->client);
    c->client = NULL;
    assert_int_equal(waiting.done_n, 1);
    assert_int_equal(new.done_n, 1);
    assert_int_equal(restarting.done_n, 3);
    assert_int_equal(waiting.err.code, ERR_CONFLICT);
    assert_int_equal(new.err.code, ERR_CONFLICT);
    assert_int_equal(restarting.err.code, ERR_CONFLICT);
    raw_run_turns(c->f->loop, 4);
}

/* Handles are used again, whatever became of the call before. */
static void a_failure_leaves_nothing_behind(void **state)
{
    static void (*const failures[])(void **) = {
        a_refused_connection_sent_nothing,   a_failed_handshake_sent_nothing,
        a_silent_handshake_sent_nothing,     a_name_without_address_sent_nothing,
        a_call_may_be_cancelled_at_any_time,
    };

    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        failures[i](state);
        for (int again = 0; again < 3; again++)
            an_answer_is_gathered(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_client, teardown_client)
        CASE(an_answer_is_gathered),
        CASE(a_refusal_is_an_answer),
        CASE(a_large_body_that_is_refused_is_an_answer),
        CASE(nothing_is_sent_that_was_not_asked_for),
        CASE(proxies_of_the_environment_are_ignored),
        CASE(a_redirect_is_an_answer),
        CASE(a_refused_connection_sent_nothing),
        CASE(a_failed_handshake_sent_nothing),
        CASE(a_silent_handshake_sent_nothing),
        CASE(a_name_without_address_sent_nothing),
        CASE(a_failure_leaves_nothing_behind),
        CASE(a_lost_connection_leaves_the_outcome_unknown),
        CASE(an_answer_that_is_no_http_leaves_the_outcome_unknown),
        CASE(a_late_answer_leaves_the_outcome_unknown),
        CASE(a_kept_connection_is_used_again),
        CASE(a_kept_connection_that_was_closed_is_replaced),
        CASE(waiting_for_an_answer_costs_nothing),
        CASE(an_answer_over_its_limit_ends_the_call),
        CASE(an_answer_at_its_limit_is_taken),
        CASE(pieces_are_given_as_they_come),
        CASE(a_reader_may_refuse),
        CASE(a_reader_may_cancel),
        CASE(a_call_may_be_cancelled_at_any_time),
        CASE(done_may_cancel_others_and_start_anew),
        CASE(what_cannot_be_sent_is_invalid),
        CASE(hundreds_of_calls_run_at_once),
        CASE(a_client_may_be_freed_with_open_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
