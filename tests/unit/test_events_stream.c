/*
 * A session's events as a stream: old ones, those to come, deltas beside them, and each end.
 */
#include "api/page_share.h"

#include "unit/api_fixture.h"

static int setup(void **state)
{
    return setup_with(state, (size_t)64 << 20, 60000);
}

/* Room for one page with a large event. */
static int setup_cramped(void **state)
{
    return setup_with(state, LARGE + LARGE / 2, 50);
}

#define STREAM "Accept: text/event-stream\r\n"

static void watch(struct fixture *f, struct raw *raw, const char *query, const char *headers)
{
    struct buf text = { .max = 1024 };

    raw_open(raw, f->loop, http_server_port(f->server));
    buf_putf(&text,
             "GET /v1/sessions/" SESSION "/events%s HTTP/1.1\r\nHost: localhost\r\n"
             "Connection: close\r\n%s\r\n",
             query, headers);
    raw_says(raw, buf_cstr(&text));
    buf_release(&text);
}

static void expect(struct fixture *f, const char *query, const char *headers, int status,
                   const char *text)
{
    struct raw raw;

    watch(f, &raw, query, headers);
    raw_read_to_end(&raw);
    if (raw_status(&raw, 1) != status || !raw_heard(&raw, text))
        fail_msg("wanted %d and \"%s\", got:\n%s", status, text, buf_cstr(&raw.in));
    raw_close(&raw);
}

/* Each id from first to last was heard, once and in order. */
static void expect_ids(const struct raw *raw, uint32_t first, uint32_t last)
{
    const char *at = buf_cstr(&raw->in);

    for (uint32_t seq = first; seq <= last; seq++) {
        at = strstr(at, "\nid: ");
        assert_non_null(at);
        assert_int_equal(strtol(at + 5, NULL, 10), seq);
        at++;
    }
    assert_null(strstr(at, "\nid: "));
}

/* ---- events ---- */

static void a_stream_has_what_is_there_and_what_comes(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    commit(f, EV_MESSAGE, 1);
    watch(f, &raw, "", STREAM);
    raw_read_until(&raw, "id: 2\n");
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_true(raw_heard(&raw, "Content-Type: text/event-stream\r\n"));
    assert_true(raw_heard(&raw, "retry: 1000\n\n"));
    raw_read_until(&raw, "data: {\"seq\":2,\"at\":\"1970-01-01T00:00:00.005Z\",\"kind\":"
                         "\"message\",\"v\":1,\"content\":\"a\\nb\"}\n\n");
    assert_true(raw_turns_at_rest(f->loop) < 10);
    commit(f, EV_MESSAGE, 1);
    raw_read_until(&raw, "id: 3\n");
    commit(f, EV_MESSAGE, 2);
    raw_read_until(&raw, "id: 5\n");
    expect_ids(&raw, 1, 5);
    assert_false(raw_heard(&raw, "event:"));
    raw_close(&raw);
}

static void a_long_history_comes_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    for (int i = 0; i < 3; i++)
        commit(f, EV_MESSAGE, 300);
    watch(f, &raw, "", STREAM);
    raw_read_until(&raw, "id: 20\n");
    commit(f, EV_MESSAGE, 99); /* while it reads */
    raw_read_until(&raw, "id: 1000\n");
    commit(f, EV_MESSAGE, 1);
    raw_read_until(&raw, "id: 1001\n");
    expect_ids(&raw, 1, 1001);
    raw_close(&raw);
}

static void a_reader_goes_on_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    commit(f, EV_MESSAGE, 4);
    watch(f, &raw, "?after=3", STREAM);
    raw_read_until(&raw, "id: 5\n");
    expect_ids(&raw, 4, 5);
    raw_close(&raw);
    watch(f, &raw, "?after=1", STREAM "Last-Event-ID: 4\r\n");
    raw_read_until(&raw, "id: 5\n");
    expect_ids(&raw, 5, 5);
    raw_close(&raw);
    watch(f, &raw, "", STREAM "Last-Event-ID: 5\r\n");
    raw_read_until(&raw, "retry:");
    commit(f, EV_MESSAGE, 1);
    raw_read_until(&raw, "id: 6\n");
    expect_ids(&raw, 6, 6);
    raw_close(&raw);
}

static void a_start_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "x", "-1", "1.0", "4294967296", "99999999999999999999", "0x1"
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char header[100];

        (void)snprintf(header, sizeof(header), STREAM "Last-Event-ID: %s\r\n", bad[i]);
        expect(f, "", header, 400, "\"code\":\"invalid_last_event_id\"");
    }
    expect(f, "?after=x", STREAM, 400, "\"code\":\"invalid_parameter\"");
    expect(f, "?limit=5", STREAM, 400, "A stream has neither 'limit' nor 'wait'");
    expect(f, "?wait=5", STREAM, 400, "\"code\":\"invalid_parameter\"");
    expect(f, "", STREAM "Last-Event-ID: 2\r\n", 400, "\"code\":\"unknown_event\"");
    expect(f, "?after=2", STREAM, 400, "There is no event 2 of this session: its last is 1.");
}

static void only_who_asks_for_a_stream_gets_one(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    expect(f, "", "Accept: application/json\r\n", 200, "{\"data\":[{\"seq\":1,");
    expect(f, "", "Accept: text/event-streams\r\n", 200, "{\"data\":[");
    watch(f, &raw, "", "Accept: application/json;q=0.5, Text/Event-Stream;q=0.9\r\n");
    raw_read_until(&raw, "id: 1\n");
    raw_close(&raw);
}

/* It holds nothing and waits; a stuck reader is cut off for it, and then it gets everything. */
static void a_page_that_has_no_room_comes_later(void **state)
{
    struct fixture *f = *state;
    struct buf body = { .max = LARGE + 100 };
    struct raw stuck, good;
    char *text = xcalloc(1, LARGE);
    int little = 4096; /* of the page's bytes its socket takes; the server's takes 4 MiB at most */

    memset(text, 'x', LARGE);
    buf_puts(&body, "{\"v\":1,\"content\":\"");
    buf_put(&body, (struct slice){ text, LARGE });
    buf_puts(&body, "\"}");
    watch(f, &stuck, "", STREAM);
    (void)setsockopt(stuck.fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    raw_read_until(&stuck, "id: 1\n");
    raw_run_turns(f->loop, 20);
    loop_fd_change(stuck.watch, 0);
    commit_body(f, EV_MESSAGE, 1, buf_slice(&body));
    raw_run_turns(f->loop, 50);
    watch(f, &good, "", STREAM);
    raw_read_until(&good, "id: 2\n");
    raw_read_until(&good, "x\"}\n\n");
    expect_ids(&good, 1, 2);
    free(text);
    buf_release(&body);
    raw_close(&stuck);
    raw_close(&good);
}

/* ---- deltas ---- */

static void deltas_reach_who_watches_this_session(void **state)
{
    static const char other[] = "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120003";
    struct fixture *f = *state;
    struct raw raw[2];

    api_on_delta(f->api, f->row.id, 1, 1, SLICE_LIT("nobody is there"));
    for (size_t i = 0; i < 2; i++) {
        watch(f, &raw[i], "", STREAM);
        raw_read_until(&raw[i], "\"seq\":1");
    }
    raw_run_turns(f->loop, 20);
    api_on_delta(f->api, slice_of(other), 7, 1, SLICE_LIT("not here"));
    api_on_delta(f->api, f->row.id, 7, 2, SLICE_LIT("Hel\"lo\n"));
    api_on_delta(f->api, f->row.id, 7, 2, SLICE_LIT("you"));
    commit(f, EV_MESSAGE, 1);
    for (size_t i = 0; i < 2; i++) {
        raw_read_until(&raw[i], "id: 2\n");
        assert_true(raw_heard(
            &raw[i], "event: delta\ndata: {\"call\":7,\"attempt\":2,\"text\":\"Hel\\\"lo\\n\"}\n\n"
                     "event: delta\ndata: {\"call\":7,\"attempt\":2,\"text\":\"you\"}\n\n"));
        assert_false(raw_heard(&raw[i], "not here"));
        assert_false(raw_heard(&raw[i], "nobody"));
        expect_ids(&raw[i], 1, 2);
        raw_close(&raw[i]);
    }
}

/* In one turn of the loop, so that even a quick reader has no time to take it. */
static void a_burst_of_deltas_is_cut_short_and_said(void **state)
{
    struct fixture *f = *state;
    struct raw raw;
    static char text[64 * 1024];
    size_t heard = 0;

    memset(text, 'x', sizeof(text));
    watch(f, &raw, "", STREAM);
    raw_read_until(&raw, "\"seq\":1");
    raw_run_turns(f->loop, 20);
    for (size_t n = 0; n < 10; n++)
        api_on_delta(f->api, f->row.id, 7, 2, (struct slice){ text, sizeof(text) });
    raw_run_turns(f->loop, 50);
    api_on_delta(f->api, f->row.id, 7, 2, SLICE_LIT("after a hole"));
    api_on_delta(f->api, f->row.id, 7, 3, SLICE_LIT("the next attempt"));
    raw_read_until(&raw, "the next attempt");
    assert_false(raw_heard(&raw, "after a hole"));
    assert_true(raw_heard(&raw, "event: skipped\ndata: {\"call\":7,\"attempt\":2}\n\n"));
    for (size_t i = 0; i < raw.in.len; i++)
        heard += raw.in.data[i] == 'x';
    assert_true(heard >= 3 * sizeof(text) && heard < 4 * sizeof(text));
    commit(f, EV_MESSAGE, 1);
    raw_read_until(&raw, "id: 2\n"); /* and it was not cut off */
    expect_ids(&raw, 1, 2);
    raw_close(&raw);
}

static void a_reader_that_is_slow_misses_deltas_and_no_event(void **state)
{
    struct fixture *f = *state;
    struct raw slow;
    struct raw good;
    static char text[64 * 1024];

    memset(text, 'x', sizeof(text));
    watch(f, &slow, "", STREAM);
    raw_read_until(&slow, "\"seq\":1");
    watch(f, &good, "", STREAM);
    raw_read_until(&good, "\"seq\":1");
    raw_run_turns(f->loop, 20);
    loop_fd_change(slow.watch, 0);
    for (uint32_t n = 1; n < 200; n++) { /* more than its socket and its stream take */
        api_on_delta(f->api, f->row.id, 1, n, (struct slice){ text, sizeof(text) });
        raw_run_turns(f->loop, 10);
        buf_clear(&good.in);
    }
    commit(f, EV_MESSAGE, 3);
    raw_read_until(&good, "id: 4\n");
    loop_fd_change(slow.watch, LOOP_READ);
    raw_read_until(&slow, "id: 4\n");
    expect_ids(&slow, 1, 4);
    const char *first = strstr(buf_cstr(&slow.in), "event: skipped");

    assert_non_null(first);
    assert_null(strstr(first + 1, "event: skipped")); /* many were left out, it is said once */
    raw_close(&slow);
    raw_close(&good);
}

/* ---- the end ---- */

static void a_cancelled_session_ends_its_streams(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    watch(f, &raw, "", STREAM);
    raw_read_until(&raw, "id: 1\n");
    f->row.status = STATUS_CANCELLED;
    f->row.ended_at_ms = 6;
    f->row.end_seq = 2;
    commit(f, EV_CANCELLED, 1);
    raw_read_to_end(&raw);
    assert_false(raw.was_reset);
    expect_ids(&raw, 1, 2);
    assert_true(raw_heard(&raw, "\r\n0\r\n\r\n"));
    raw_close(&raw);
    expect(f, "", STREAM, 200, "id: 2\n");
    expect(f, "", STREAM "Last-Event-ID: 1\r\n", 200, "id: 2\n");
    expect(f, "", STREAM "Last-Event-ID: 2\r\n", 204, ""); /* a browser comes back no more */
}

static void a_server_that_stops_ends_its_streams(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    watch(f, &raw, "", STREAM);
    raw_read_until(&raw, "id: 1\n");
    raw_run_turns(f->loop, 20);
    api_set_phase(f->api, API_DRAINING);
    commit(f, EV_MESSAGE, 1);
    raw_read_until(&raw, "id: 2\n");
    api_set_phase(f->api, API_STOPPING);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "\r\n0\r\n\r\n"));
    raw_close(&raw);
}

static void more_streams_than_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    struct raw raw[STREAMS_MAX];

    for (size_t i = 0; i < STREAMS_MAX; i++) {
        watch(f, &raw[i], "", STREAM);
        raw_read_until(&raw[i], "id: 1\n");
    }
    expect(f, "", STREAM, 503, "\"code\":\"too_many_streams\"");
    expect(f, "", STREAM, 503, "Retry-After: 1\r\n");
    expect(f, "", "", 200, "{\"data\":[");
    raw_close(&raw[0]);
    for (int is_in = 0; !is_in;) {
        struct raw again;

        commit(f, EV_MESSAGE, 1); /* what is written finds out who is gone */
        watch(f, &again, "", STREAM);
        raw_read_until(&again, "id: 1\n");
        is_in = raw_status(&again, 1) == 200;
        raw_close(&again);
    }
    for (size_t i = 1; i < STREAMS_MAX; i++)
        raw_close(&raw[i]);
}

static void a_session_that_is_not_there_has_no_stream(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    raw_open(&raw, f->loop, http_server_port(f->server));
    raw_says(&raw, "GET /v1/sessions/ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120009/events HTTP/1.1\r\n"
                   "Host: localhost\r\nConnection: close\r\n" STREAM "\r\n");
    raw_read_to_end(&raw);
    assert_int_equal(raw_status(&raw, 1), 404);
    assert_true(raw_heard(&raw, "\"code\":\"session_not_found\""));
    raw_close(&raw);
}

static void who_is_gone_while_a_page_is_read_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    for (int i = 0; i < 20; i++) {
        watch(f, &raw, "", STREAM);
        raw_run_turns(f->loop, i);
        raw_close(&raw);
        commit(f, EV_MESSAGE, 1);
    }
    watch(f, &raw, "", STREAM); /* teardown finds it open */
    raw_read_until(&raw, "id: 21\n");
    raw_close(&raw);
}

/* ---- one page for many ---- */

struct wisher {
    struct page_wish wish;
    unsigned n;
    const char *text;
    size_t events_n;
};

static void on_wished(void *arg, const struct store_op *op, struct slice text)
{
    struct wisher *wisher = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    wisher->n++;
    wisher->text = text.ptr; /* to be compared only */
    wisher->events_n = op->events.events_n;
}

static void who_wants_the_same_page_gets_the_same_read(void **state)
{
    struct fixture *f = *state;
    struct page_share *share = page_share_new(f->store);
    struct wisher w[4] = { 0 };

    commit(f, EV_MESSAGE, 1);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        w[i].wish = (struct page_wish){ .fn = on_wished, .arg = &w[i] };
        page_wish_make(share, &w[i].wish, f->row.key, i == 3 ? 1 : 0);
    }
    page_wish_drop(&w[1].wish);
    page_wish_drop(&w[1].wish);
    while (w[2].n == 0 || w[3].n == 0)
        raw_run_turns(f->loop, 1);
    assert_int_equal(w[0].n, 1);
    assert_int_equal(w[1].n, 0);
    assert_ptr_equal(w[0].text, w[2].text);
    assert_int_equal(w[0].events_n, 2);
    assert_int_equal(w[3].events_n, 1); /* it wanted another */
    commit(f, EV_MESSAGE, 1);
    page_wish_make(share, &w[0].wish, f->row.key, 0);
    while (w[0].n == 1)
        raw_run_turns(f->loop, 1);
    assert_int_equal(w[0].events_n, 3); /* what was read before is not kept */
    page_wish_make(share, &w[0].wish, f->row.key, 0);
    page_wish_make(share, &w[1].wish, f->row.key, 0);
    page_wish_drop(&w[0].wish);
    page_wish_drop(&w[1].wish);
    raw_run_turns(f->loop, 20); /* a page that nobody wants any more */
    assert_int_equal(w[0].n, 2);
    page_share_free(share);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_has_what_is_there_and_what_comes),
        TEST(a_long_history_comes_whole_and_in_order),
        TEST(a_reader_goes_on_where_it_was),
        TEST(a_start_that_is_none_is_refused),
        TEST(only_who_asks_for_a_stream_gets_one),
        cmocka_unit_test_setup_teardown(a_page_that_has_no_room_comes_later, setup_cramped,
                                        teardown),
        TEST(deltas_reach_who_watches_this_session),
        TEST(a_burst_of_deltas_is_cut_short_and_said),
        TEST(a_reader_that_is_slow_misses_deltas_and_no_event),
        TEST(a_cancelled_session_ends_its_streams),
        TEST(a_server_that_stops_ends_its_streams),
        TEST(more_streams_than_the_limit_are_refused),
        TEST(a_session_that_is_not_there_has_no_stream),
        TEST(who_is_gone_while_a_page_is_read_harms_nobody),
        TEST(who_wants_the_same_page_gets_the_same_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
