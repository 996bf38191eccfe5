/*
 * http_fixture.h - an HTTP server on a loop that says back what it was asked, for tests that speak
 * to it byte by byte.
 */
#ifndef UNIT_HTTP_FIXTURE_H
#define UNIT_HTTP_FIXTURE_H

#include "net/http_server.h"
#include "unit/raw_socket.h"

enum { BODY_MAX = 1000, HELD_MAX = 600 };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    uint16_t port;
    int holds; /* requests are kept in `held` instead of answered */
    struct http_request *held[HELD_MAX];
    size_t held_n;
    size_t held_wanted; /* the loop stops once so many are held */
    size_t seen;
    int is_idle;
};

static inline void put_query(struct buf *buf, struct http_request *request)
{
    const char *name = NULL;

    for (size_t i = 0; (name = http_request_query_name(request, i)); i++) {
        struct slice value = http_request_query(request, name);

        buf_putf(buf, "[%s=%.*s]", name, (int)value.len, value.ptr);
    }
}

/* Says back what it was asked: "POST /path [name=value] <body> x". */
static inline void answer(struct http_request *request)
{
    CLEANUP(buf_release) struct buf buf = { .max = 65536 };
    const char *extra[] = { "X-Test", "yes", NULL };
    struct slice x = http_request_header(request, "x-mark");

    buf_put(&buf, http_request_method(request));
    buf_puts(&buf, " ");
    buf_put(&buf, http_request_path(request));
    buf_puts(&buf, " ");
    put_query(&buf, request);
    buf_puts(&buf, "<");
    buf_put(&buf, http_request_body(request));
    buf_puts(&buf, ">");
    buf_put(&buf, x);
    buf_puts(&buf, " from ");
    buf_puts(&buf, http_request_peer(request));
    buf_puts(&buf, ".");
    http_reply(request, 200, "text/plain", buf_slice(&buf), extra);
}

static inline void on_request(struct http_request *request, void *arg)
{
    struct fixture *f = arg;

    f->seen++;
    if (!f->holds) {
        answer(request);
        return;
    }
    assert_true(f->held_n < HELD_MAX);
    f->held[f->held_n++] = request;
    if (f->held_n == f->held_wanted)
        loop_stop(f->loop);
}

static inline void hold(struct fixture *f, size_t n)
{
    f->holds = 1;
    f->held_wanted = n;
    while (f->held_n < n)
        loop_run(f->loop);
}

static inline void answer_held(struct fixture *f)
{
    for (size_t i = 0; i < f->held_n; i++)
        answer(f->held[i]);
    f->held_n = 0;
}

static inline struct http_server_config config_of(struct fixture *f)
{
    return (struct http_server_config){
        .host = "127.0.0.1",
        .body_bytes_max = BODY_MAX,
        .connections_max = 1000,
        .idle_timeout_ms = 600000,
        .response_bytes_max = 64 << 20,
        .response_patience_ms = 60000,
        .on_request = on_request,
        .arg = f,
    };
}

static inline int setup_with(void **state, const struct http_server_config *config)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct http_server_config mine = *config;
    struct err err = { 0 };

    mine.arg = f;
    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    assert_int_equal(http_server_new(&f->server, f->loop, &mine, &err), ERR_NONE);
    f->port = http_server_port(f->server);
    *state = f;
    return 0;
}

static inline int setup(void **state)
{
    const struct http_server_config config = config_of(NULL);

    return setup_with(state, &config);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    http_server_free(f->server);
    loop_free(f->loop);
    free(f);
    return 0;
}

/* Sends the text on a connection of its own and reads all that comes until its end. */
static inline void converse(struct fixture *f, struct raw *raw, const char *text)
{
    raw_open(raw, f->loop, f->port);
    raw_says(raw, text);
    raw_read_to_end(raw);
    assert_false(raw->was_reset);
}

static inline void expect(struct fixture *f, const char *request, int status, const char *text)
{
    struct raw raw;

    converse(f, &raw, request);
    if (raw_status(&raw, 1) != status || !raw_heard(&raw, text))
        fail_msg("to:\n%s\nwanted %d and \"%s\", got:\n%s", request, status, text,
                 buf_cstr(&raw.in));
    assert_int_equal(raw_status(&raw, 2), 0); /* one answer, and its header once */
    if (status >= 400) {
        assert_true(raw_heard(&raw, "Content-Type: application/problem+json\r\n"));
        assert_int_equal(f->seen, 0);
    }
    raw_close(&raw);
}

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

#endif
