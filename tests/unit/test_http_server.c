/* The HTTP server: what it hands over, when it answers, how it ends. */
#include "unit/unit.h"

#include "net/problem.h"
#include "unit/http_fixture.h"

static void a_request_is_handed_over_whole(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    converse(f, &raw,
             "POST /a%20b%2Fc?x=1&name=%C3%A4+%2B&empty=&bare HTTP/1.1\r\n" HOST CLOSE
             "X-Mark: here\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_true(raw_heard(
        &raw,
        "\r\n\r\nPOST /a b/c [x=1][name=\xc3\xa4 +][empty=][bare=]<hello>here from 127.0.0.1."));
    assert_true(raw_heard(&raw, "X-Test: yes\r\n"));
    assert_true(raw_heard(&raw, "Content-Type: text/plain\r\n"));
    assert_true(raw_heard(&raw, "Content-Length: "));
    assert_true(raw_heard(&raw, "Cache-Control: no-store\r\n"));
    assert_true(raw_heard(&raw, "X-Content-Type-Options: nosniff\r\n"));
    assert_false(raw_heard(&raw, "Server:"));
    assert_false(raw_heard(&raw, "Transfer-Encoding"));
    raw_close(&raw);
}

static void a_request_may_be_split_anywhere(void **state)
{
    static const char text[] =
        "POST /split?a=%41 HTTP/1.1\r\n" HOST CLOSE "Content-Length: 4\r\n\r\nbody";
    struct fixture *f = *state;

    for (size_t i = 1; i < sizeof(text) - 1; i++) {
        struct raw raw;

        raw_open(&raw, f->loop, f->port);
        raw_send(&raw, (struct slice){ text, i });
        raw_run_turns(f->loop, 4);
        raw_says(&raw, text + i);
        raw_read_to_end(&raw);
        assert_int_equal(raw_status(&raw, 1), 200);
        assert_true(raw_heard(&raw, "POST /split [a=A]<body>"));
        raw_close(&raw);
    }
}

static void connections_are_kept_and_requests_may_be_piped(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "GET /one HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(&raw, "GET /one ");
    assert_false(raw.is_closed);
    raw_says(&raw, "GET /two HTTP/1.1\r\n" HOST "\r\n"
                   "POST /three HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab"
                   "GET /four HTTP/1.1\r\n" HOST CLOSE "\r\n");
    raw_read_to_end(&raw);
    assert_false(raw.was_reset);
    assert_true(raw_heard(&raw, "GET /two <>"));
    assert_true(raw_heard(&raw, "POST /three <ab>"));
    assert_true(raw_heard(&raw, "GET /four <>"));
    assert_int_equal(raw_status(&raw, 4), 200);
    assert_int_equal(f->seen, 4);
    raw_close(&raw);
}

static void head_is_get_without_a_body(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    converse(f, &raw, "HEAD /h HTTP/1.1\r\n" HOST CLOSE "\r\n");
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_true(raw_heard(&raw, "Content-Length: 25\r\n")); /* "GET /h <> from 127.0.0.1." */
    assert_true(raw_heard(&raw, "\r\n\r\n"));
    assert_false(raw_heard(&raw, "GET /h"));
    raw_close(&raw);
}

static void http_1_0_is_answered_and_closed(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    converse(f, &raw, "GET /old HTTP/1.0\r\n\r\n");
    assert_true(raw_heard(&raw, "GET /old <>"));
    raw_close(&raw);
}

static void answers_may_come_late_and_in_any_order(void **state)
{
    struct fixture *f = *state;
    struct raw raw[3];

    f->holds = 1;
    for (size_t i = 0; i < 3; i++) {
        char request[100];

        raw_open(&raw[i], f->loop, f->port);
        (void)snprintf(request, sizeof(request), "GET /%zu HTTP/1.1\r\n" HOST CLOSE "\r\n", i);
        raw_says(&raw[i], request);
        hold(f, i + 1);
    }
    raw_run_turns(f->loop, 10);
    for (size_t i = 3; i-- > 0;) {
        assert_int_equal(raw[i].in.len, 0);
        answer(f->held[i]);
        raw_read_to_end(&raw[i]);
        assert_int_equal(raw_status(&raw[i], 1), 200);
        raw_close(&raw[i]);
    }
}

static void a_piped_request_waits_for_the_answer_before_it(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 1);
    raw_run_turns(f->loop, 10);
    assert_int_equal(f->held_n, 1);
    answer_held(f);
    hold(f, 1);
    answer_held(f);
    raw_read_to_end(&raw);
    assert_true(strstr(buf_cstr(&raw.in), "GET /1 ") < strstr(buf_cstr(&raw.in), "GET /2 "));
    assert_int_equal(raw_status(&raw, 2), 200);
    raw_close(&raw);
}

static void a_client_that_went_away_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct raw raw;
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    for (int resets = 0; resets < 2; resets++) {
        raw_open(&raw, f->loop, f->port);
        raw_says(&raw, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab");
        hold(f, 1);
        if (resets)
            (void)setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        raw_close(&raw);
        raw_run_turns(f->loop, 4);
        /* The request is still whole. */
        assert_true(slice_is(http_request_body(f->held[0]), "ab"));
        answer_held(f);
        raw_run_turns(f->loop, 4);
    }
    /* Gone amid its body. */
    f->seen = 0;
    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
    raw_run_turns(f->loop, 4);
    raw_close(&raw);
    raw_run_turns(f->loop, 4);
    f->holds = 0;
    expect(f, "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n", 200, "GET /x ");
    assert_int_equal(f->seen, 1);
}

static void hundreds_may_wait_at_once(void **state)
{
    enum { N = 500 };
    struct fixture *f = *state;
    struct raw *raw = xcalloc(N, sizeof(*raw));

    for (size_t i = 0; i < N; i++) {
        raw_open(&raw[i], f->loop, f->port);
        raw_says(&raw[i], "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n");
    }
    hold(f, N);
    answer_held(f);
    for (size_t i = 0; i < N; i++) {
        raw_read_to_end(&raw[i]);
        assert_int_equal(raw_status(&raw[i], 1), 200);
        raw_close(&raw[i]);
    }
    free(raw);
}

static void more_connections_than_the_limit_wait_for_a_place(void **state)
{
    struct fixture *f = *state;
    struct http_server_config config = config_of(f);
    struct raw raw[3];
    struct err err = { 0 };

    http_server_free(f->server);
    config.connections_max = 2;
    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    f->holds = 1;
    for (size_t i = 0; i < 3; i++) {
        raw_open(&raw[i], f->loop, http_server_port(f->server));
        raw_says(&raw[i], "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n");
    }
    hold(f, 2);
    raw_run_turns(f->loop, 10);
    assert_int_equal(f->held_n, 2);
    answer_held(f);
    hold(f, 1);
    answer_held(f);
    for (size_t i = 0; i < 3; i++) {
        raw_read_to_end(&raw[i]);
        assert_int_equal(raw_status(&raw[i], 1), 200);
        raw_close(&raw[i]);
    }
}

/* The longest silent one goes; one that waits for its answer stays. */
static void a_newcomer_gets_the_place_of_a_silent_one(void **state)
{
    struct fixture *f = *state;
    struct http_server_config config = config_of(f);
    struct raw silent, waiting, newcomer;
    struct err err = { 0 };

    http_server_free(f->server);
    config.connections_max = 2;
    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    raw_open(&waiting, f->loop, http_server_port(f->server));
    raw_says(&waiting, "GET /wait HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 1);
    raw_open(&silent, f->loop, http_server_port(f->server));
    raw_says(&silent, "GET /sil");
    raw_run_turns(f->loop, 10);
    raw_open(&newcomer, f->loop, http_server_port(f->server));
    raw_says(&newcomer, "GET /new HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 2);
    answer_held(f);
    raw_read_to_end(&silent);
    assert_int_equal(silent.in.len, 0);
    raw_read_to_end(&newcomer);
    assert_true(raw_heard(&newcomer, "GET /new "));
    raw_read_to_end(&waiting);
    assert_true(raw_heard(&waiting, "GET /wait "));
    raw_close(&silent);
    raw_close(&waiting);
    raw_close(&newcomer);
}

/* A byte now and then is progress, and no request. */
static void a_request_that_drips_is_ended(void **state)
{
    static const char *const begins[] = { "GET /x HTTP/1.1\r\nX-Long: ",
                                          "POST /x HTTP/1.1\r\n" HOST
                                          "Content-Length: 999\r\n\r\n" };
    struct fixture *f = *state;
    struct http_server_config config = config_of(f);
    struct loop_timer drip = { 0 };
    struct raw raw;
    struct err err = { 0 };

    http_server_free(f->server);
    config.idle_timeout_ms = 100;
    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        raw_open(&raw, f->loop, http_server_port(f->server));
        raw_says(&raw, begins[i]);
        while (!raw.has_end) {
            raw_says(&raw, "x");
            loop_timer_start(f->loop, &drip, 5, raw_stop, f->loop);
            loop_run(f->loop);
        }
        assert_int_equal(raw_status(&raw, 1), 408);
        assert_true(raw_heard(&raw, "\"code\":\"request_timeout\""));
        loop_timer_stop(f->loop, &drip);
        raw_close(&raw);
    }
    assert_int_equal(f->seen, 0);
}

static void silent_connections_are_closed(void **state)
{
    struct fixture *f = *state;
    struct http_server_config config = config_of(f);
    struct raw silent, waiting;
    struct err err = { 0 };

    http_server_free(f->server);
    config.idle_timeout_ms = 1;
    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    raw_open(&waiting, f->loop, http_server_port(f->server));
    raw_says(&waiting, "GET /late HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 1);
    raw_open(&silent, f->loop, http_server_port(f->server));
    raw_says(&silent, "GET /x HTTP/1.1\r\nHos");
    raw_read_to_end(&silent);
    assert_int_equal(f->seen, 1);
    assert_false(waiting.is_closed); /* waiting for us is not being idle */
    answer_held(f);
    raw_read_to_end(&waiting);
    assert_int_equal(raw_status(&waiting, 1), 200);
    raw_close(&silent);
    raw_close(&waiting);
}

static void waiting_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct raw piped, gone, half;

    raw_open(&piped, f->loop, f->port);
    raw_says(&piped, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
    hold(f, 1);
    raw_open(&gone, f->loop, f->port);
    raw_says(&gone, "GET /gone HTTP/1.1\r\n" HOST "\r\n");
    hold(f, 2);
    raw_close(&gone);
    raw_open(&half, f->loop, f->port);
    raw_says(&half, "POST /half HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf");
    assert_in_range(raw_turns_at_rest(f->loop), 0, 20);
    raw_close(&piped);
    raw_close(&half);
}

static void set_idle(void *arg)
{
    struct fixture *f = arg;

    f->is_idle = 1;
    loop_stop(f->loop);
}

static void a_drain_lets_open_requests_finish(void **state)
{
    struct fixture *f = *state;
    struct raw idle, open, sending, half;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(f->port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    raw_open(&idle, f->loop, f->port);
    raw_says(&idle, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    raw_read_until(&idle, "GET /x ");
    f->holds = 1;
    raw_open(&open, f->loop, f->port);
    raw_says(&open, "GET /open HTTP/1.1\r\n" HOST "\r\n");
    hold(f, 1);
    raw_open(&sending, f->loop, f->port);
    raw_says(&sending, "POST /sending HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\na");
    raw_open(&half, f->loop, f->port);
    raw_says(&half, "GET /half HTTP/1.1\r\nHo");
    raw_run_turns(f->loop, 4);

    http_server_drain(f->server, set_idle, f);
    raw_read_to_end(&idle);
    raw_read_to_end(&half);
    assert_int_equal(raw_status(&half, 1), 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    answer_held(f);
    raw_read_to_end(&open); /* closed although it asked to be kept */
    assert_true(raw_heard(&open, "GET /open "));
    assert_true(raw_heard(&open, "Connection: close\r\n"));
    assert_false(f->is_idle);
    raw_says(&sending, "b");
    hold(f, 1);
    assert_false(f->is_idle);
    answer_held(f);
    while (!f->is_idle)
        loop_run(f->loop);
    raw_read_to_end(&sending);
    assert_true(raw_heard(&sending, "POST /sending <ab>"));
    (void)close(fd);
    raw_close(&idle);
    raw_close(&open);
    raw_close(&sending);
    raw_close(&half);
}

static void free_when_idle(void *arg)
{
    struct fixture *f = arg;

    set_idle(f);
    http_server_free(TAKE(f->server));
}

static void a_server_without_requests_is_drained_at_once(void **state)
{
    struct fixture *f = *state;

    http_server_drain(f->server, free_when_idle, f);
    assert_false(f->is_idle); /* never from inside the call */
    loop_run(f->loop);
    assert_true(f->is_idle);
    assert_null(f->server);
}

static void a_server_may_be_freed_with_open_requests(void **state)
{
    struct fixture *f = *state;
    struct raw raw[3];

    for (size_t i = 0; i < 3; i++)
        raw_open(&raw[i], f->loop, f->port);
    raw_says(&raw[0], "GET /open HTTP/1.1\r\n" HOST "\r\n");
    raw_says(&raw[1], "GET /answered HTTP/1.1\r\n" HOST "\r\n");
    raw_says(&raw[2], "POST /half HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf");
    hold(f, 2);
    for (size_t i = 0; i < 2; i++)
        if (slice_is(http_request_path(f->held[i]), "/answered"))
            answer(f->held[i]);
    http_server_free(TAKE(f->server));
    for (size_t i = 0; i < 3; i++)
        raw_read_to_end(&raw[i]);
    assert_int_equal(raw[0].in.len, 0);
    assert_int_equal(raw_status(&raw[1], 1), 200);
    assert_int_equal(raw[2].in.len, 0);
    for (size_t i = 0; i < 3; i++)
        raw_close(&raw[i]);
}

static void an_address_that_is_taken_is_named(void **state)
{
    struct fixture *f = *state;
    struct http_server_config config = config_of(f);
    struct http_server *second = NULL;
    struct err err = { 0 };
    char port[40];

    config.port = f->port;
    assert_int_equal(http_server_new(&second, f->loop, &config, &err), ERR_UNAVAILABLE);
    (void)snprintf(port, sizeof(port), "127.0.0.1 port %u is in use", (unsigned)f->port);
    assert_non_null(strstr(err.msg, port));
    config.host = "example.org";
    assert_int_equal(http_server_new(&second, f->loop, &config, &err), ERR_INVALID);
    config.host = "192.0.2.1";
    assert_int_equal(http_server_new(&second, f->loop, &config, &err), ERR_UNAVAILABLE);
    assert_null(second);
}

static void reply_twice(void *arg)
{
    http_reply(arg, 200, NULL, (struct slice){ NULL, 0 }, NULL);
    http_reply(arg, 200, NULL, (struct slice){ NULL, 0 }, NULL);
}

static void a_request_is_answered_once(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 1);
    assert_true(unit_dies(reply_twice, f->held[0]));
    answer_held(f);
    raw_read_to_end(&raw);
    raw_close(&raw);
}

static void a_reply_may_have_no_body_and_its_own_caching(void **state)
{
    const char *extra[] = { "cache-control", "max-age=60", NULL };
    struct fixture *f = *state;
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "DELETE /x HTTP/1.1\r\n" HOST "\r\n");
    hold(f, 1);
    http_reply(f->held[0], 204, NULL, SLICE_LIT("ignored"), extra);
    f->held_n = 0;
    raw_says(&raw, "GET /x HTTP/1.1\r\n" HOST CLOSE "\r\n");
    hold(f, 1);
    http_reply_problem(f->held[0], 404, "not_found", "No \"%s\" here.", "x");
    raw_read_to_end(&raw);
    assert_int_equal(raw_status(&raw, 1), 204);
    assert_true(raw_heard(&raw, "max-age=60\r\n"));
    assert_false(raw_heard(&raw, "ignored"));
    assert_int_equal(raw_status(&raw, 2), 404);
    assert_true(raw_heard(&raw, "\"detail\":\"No \\\"x\\\" here.\"}"));
    raw_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(a_request_is_handed_over_whole),
        CASE(a_request_may_be_split_anywhere),
        CASE(connections_are_kept_and_requests_may_be_piped),
        CASE(head_is_get_without_a_body),
        CASE(http_1_0_is_answered_and_closed),
        CASE(answers_may_come_late_and_in_any_order),
        CASE(a_piped_request_waits_for_the_answer_before_it),
        CASE(a_client_that_went_away_harms_nobody),
        CASE(hundreds_may_wait_at_once),
        CASE(more_connections_than_the_limit_wait_for_a_place),
        CASE(a_newcomer_gets_the_place_of_a_silent_one),
        CASE(a_request_that_drips_is_ended),
        CASE(silent_connections_are_closed),
        CASE(waiting_costs_nothing),
        CASE(a_drain_lets_open_requests_finish),
        CASE(a_server_without_requests_is_drained_at_once),
        CASE(a_server_may_be_freed_with_open_requests),
        CASE(an_address_that_is_taken_is_named),
        CASE(a_request_is_answered_once),
        CASE(a_reply_may_have_no_body_and_its_own_caching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
