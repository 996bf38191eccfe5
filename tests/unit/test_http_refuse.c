/* What the HTTP server refuses before anybody else sees it, and how. */
#include "unit/unit.h"

#include "unit/http_fixture.h"

static void framing_that_two_readers_may_read_differently_is_refused(void **state)
{
    static const char *const headers[] = {
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length:\r\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char request[400];

        /* What follows must not be read as a request. */
        (void)snprintf(request, sizeof(request),
                       "POST /a HTTP/1.1\r\n" HOST "%s\r\nhello"
                       "GET /smuggled HTTP/1.1\r\n" HOST "\r\n",
                       headers[i]);
        expect(f, request, 400, "\"code\":\"bad_framing\"");
    }
    expect(f, "POST /a HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
           "bad_framing");
    expect(f, "POST /a HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\nhello", 400, "bad_header");
    expect(f, "POST /a HTTP/1.1\r\n" HOST "X: a\001b\r\n\r\n", 400, "bad_header");
}

static void what_may_come_once_is_refused_when_it_comes_twice(void **state)
{
    static const char *const headers[] = {
        HOST "Content-Length: 5\r\nContent-Length: 5\r\n",
        HOST "Content-Length: 5\r\nContent-Length: 6\r\n",
        HOST "Content-Length: 5\r\ncontent-length: 5\r\n",
        HOST HOST "Content-Length: 5\r\n",
        HOST "Content-Length: 5\r\nOrigin: null\r\nOrigin: null\r\n",
        HOST "Content-Length: 5\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n",
        HOST "Content-Length: 5\r\nIdempotency-Key: a\r\nX: y\r\nidempotency-key: b\r\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char request[400];

        (void)snprintf(request, sizeof(request),
                       "POST /a HTTP/1.1\r\n%s\r\nhello"
                       "GET /smuggled HTTP/1.1\r\n" HOST "\r\n",
                       headers[i]);
        expect(f, request, 400, "\"code\":\"header_repeated\"");
    }
    expect(f,
           "POST /a HTTP/1.1\r\n" HOST CLOSE "Idempotency-Key: a\r\nContent-Type: a/b\r\n"
           "X: y\r\nX: y\r\nContent-Length: 5\r\n\r\nhello",
           200, "POST /a ");
}

static void a_problem_is_a_document(void **state)
{
    expect(*state, "GET /%zz HTTP/1.1\r\n" HOST CLOSE "\r\n", 400,
           "\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
           "\"code\":\"bad_target\",\"detail\":\"a percent sign in the target is not followed by "
           "two hexadecimal digits; a percent sign itself is written %25\"}");
}

static void bad_targets_are_refused(void **state)
{
    static const char *const targets[] = {
        "/%",      "/%4",   "/%g1", "/%00", "/a?b=%0", "/a?%=1", "/a?b=%00",
        "/a?%00=", "/a b",  "/a#b", "*",    "x",       "/a\tb",  "http://localhost/x",
        "/a?b=c%", "/\x7f",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char request[200];

        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST CLOSE "\r\n",
                       targets[i]);
        expect(f, request, 400, "\"code\":\"bad_target\"");
    }
}

static void too_many_parameters_are_refused(void **state)
{
    CLEANUP(buf_release) struct buf request = { .max = 4096 };

    buf_puts(&request, "GET /?a");
    for (int i = 0; i < 64; i++)
        buf_puts(&request, "&a");
    buf_puts(&request, " HTTP/1.1\r\n" HOST CLOSE "\r\n");
    expect(*state, buf_cstr(&request), 400, "at most 64 are taken");
}

static void only_our_own_names_are_served(void **state)
{
    struct fixture *f = *state;
    static const char *const good[] = { "localhost:%u", "LocalHost", "127.0.0.1:%u",
                                        "[::1]:%u",     "[::1]",     "localhost:" };
    static const char *const bad[] = { "evil.example",
                                       "localhost:1",
                                       "localhost.evil.example",
                                       "evil.example:%u",
                                       "127.0.0.1:x",
                                       "localhost:%u0",
                                       "[::1",
                                       "",
                                       "127.0.0.10",
                                       "[::1]x:%u",
                                       "a@localhost",
                                       "localhost:99999999999" };

    for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(good); i++) {
        int is_bad = i < ARRAY_LEN(bad);
        const char *host = is_bad ? bad[i] : good[i - ARRAY_LEN(bad)];
        char port[8], name[100], request[300];
        const char *mark = strstr(host, "%u");

        (void)snprintf(port, sizeof(port), "%u", (unsigned)f->port);
        (void)snprintf(name, sizeof(name), "%.*s%s%s", mark ? (int)(mark - host) : 99, host,
                       mark ? port : "", mark ? mark + 2 : "");
        (void)snprintf(request, sizeof(request), "GET /x HTTP/1.1\r\nHost: %s\r\n" CLOSE "\r\n",
                       name);
        if (is_bad)
            expect(f, request, 421, "\"code\":\"host_refused\"");
        else
            expect(f, request, 200, "GET /x ");
        if (is_bad)
            assert_int_equal(f->seen, 0);
    }
}

static void hosts_are_given_once(void **state)
{
    expect(*state, "GET /x HTTP/1.1\r\n" CLOSE "\r\n", 400, "host_missing");
    expect(*state, "GET /x HTTP/1.1\r\n" HOST HOST CLOSE "\r\n", 400, "header_repeated");
}

/* Of two keys the wrong one might be looked at. */
static void a_key_is_given_once(void **state)
{
    expect(*state,
           "GET /x HTTP/1.1\r\n" HOST "Authorization: a\r\nAUTHORIZATION: b\r\n" CLOSE "\r\n", 400,
           "header_repeated");
}

static void pages_of_other_sites_are_refused(void **state)
{
    struct fixture *f = *state;
    char request[300];
    static const char *const bad[] = {
        "http://evil.example", "null",     "https://localhost:7295", "http://localhost", "",
        "http://localhost:1",  "localhost"
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(request, sizeof(request),
                       "GET /x HTTP/1.1\r\n" HOST CLOSE "Origin: %s\r\n\r\n", bad[i]);
        expect(f, request, 403, "\"code\":\"origin_refused\"");
    }
    (void)snprintf(request, sizeof(request),
                   "GET /x HTTP/1.1\r\n" HOST CLOSE "Origin: http://localhost:%u\r\n\r\n",
                   (unsigned)f->port);
    expect(f, request, 200, "GET /x ");
}

static void put_body(struct buf *buf, size_t n)
{
    while (n-- > 0)
        buf_puts(buf, "b");
}

static void a_body_up_to_the_limit_is_taken(void **state)
{
    CLEANUP(buf_release) struct buf request = { .max = 65536 };

    buf_putf(&request, "POST /x HTTP/1.1\r\n" HOST CLOSE "Content-Length: %d\r\n\r\n", BODY_MAX);
    put_body(&request, BODY_MAX);
    expect(*state, buf_cstr(&request), 200, "bbb>");
}

static void a_body_over_the_limit_is_refused_even_while_it_is_sent(void **state)
{
    CLEANUP(buf_release) struct buf request = { .max = RAW_BYTES_MAX };

    /* More than the sockets' buffers hold, so the client is still sending. */
    buf_puts(&request, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 6000000\r\n\r\n");
    put_body(&request, 6000000);
    expect(*state, buf_cstr(&request), 413, "larger than the limit of 1000 bytes");
    expect(*state, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\nx",
           413, "body_too_large");
}

static void a_chunked_body_is_taken_and_bounded(void **state)
{
    CLEANUP(buf_release) struct buf request = { .max = RAW_BYTES_MAX };

    expect(*state,
           "POST /x HTTP/1.1\r\n" HOST CLOSE "Transfer-Encoding: Chunked\r\n\r\n"
           "5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
           200, "POST /x <hello 0123456789>");
    ((struct fixture *)*state)->seen = 0;
    buf_puts(&request, "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5000; i++) {
        buf_puts(&request, "3E8\r\n");
        put_body(&request, 1000);
        buf_puts(&request, "\r\n");
    }
    expect(*state, buf_cstr(&request), 413, "\"code\":\"body_too_large\"");
}

static void a_broken_chunk_is_refused(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    converse(f, &raw,
             "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
    assert_int_equal(raw_status(&raw, 1), 400);
    assert_int_equal(f->seen, 0);
    raw_close(&raw);
}

static void who_asks_first_is_told_before_sending(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    expect(f, "POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
           413, "body_too_large");
    raw_open(&raw, f->loop, f->port);
    raw_says(&raw,
             "POST /x HTTP/1.1\r\n" HOST CLOSE "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    raw_read_until(&raw, "\r\n\r\n");
    assert_int_equal(raw_status(&raw, 1), 100);
    assert_int_equal(f->seen, 0);
    raw_says(&raw, "hello");
    raw_read_to_end(&raw);
    assert_int_equal(raw_status(&raw, 2), 200);
    assert_true(raw_heard(&raw, "<hello>"));
    raw_close(&raw);
}

static void large_headers_are_refused(void **state)
{
    /* Just over our limit; far over what the library can hold, where it answers for us. */
    for (int n = 17000; n <= 170000; n *= 10) {
        CLEANUP(buf_release) struct buf request = { .max = RAW_BYTES_MAX };
        struct fixture *f = *state;
        struct raw raw;

        buf_puts(&request, "GET /x HTTP/1.1\r\n" HOST "X: ");
        put_body(&request, (size_t)n);
        buf_puts(&request, "\r\n\r\n");
        if (n == 17000)
            expect(f, buf_cstr(&request), 431, "\"code\":\"headers_too_large\"");
        converse(f, &raw, buf_cstr(&request));
        assert_int_equal(raw_status(&raw, 1), 431);
        assert_int_equal(f->seen, 0);
        raw_close(&raw);
    }
}

static void what_is_no_http_is_refused(void **state)
{
    static const char *const texts[] = { "hello\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
                                         "\x16\x03\x01\x02\r\n\r\n" };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct raw raw;

        converse(f, &raw, texts[i]);
        assert_true(raw.in.len == 0 || raw_status(&raw, 1) >= 400);
        assert_int_equal(f->seen, 0);
        raw_close(&raw);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(framing_that_two_readers_may_read_differently_is_refused),
        CASE(what_may_come_once_is_refused_when_it_comes_twice),
        CASE(a_problem_is_a_document),
        CASE(bad_targets_are_refused),
        CASE(too_many_parameters_are_refused),
        CASE(only_our_own_names_are_served),
        CASE(hosts_are_given_once),
        CASE(a_key_is_given_once),
        CASE(pages_of_other_sites_are_refused),
        CASE(a_body_up_to_the_limit_is_taken),
        CASE(a_body_over_the_limit_is_refused_even_while_it_is_sent),
        CASE(a_chunked_body_is_taken_and_bounded),
        CASE(a_broken_chunk_is_refused),
        CASE(who_asks_first_is_told_before_sending),
        CASE(large_headers_are_refused),
        CASE(what_is_no_http_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
