/* Answers that go on: how they are written, and each way in which they end. */
#include "net/http_stream.h"
#include "unit/unit.h"

#include "unit/http_fixture.h"

enum { HELD = 64 * 1024, BIG = 4 * HELD, STUCK = 32 * 1024 * 1024 };

static const size_t two_big = (size_t)2 * BIG;

static int setup_impatient(void **state)
{
    struct http_server_config config = config_of(NULL);

    config.idle_timeout_ms = 50;
    return setup_with(state, &config);
}

/* Room for one answer that fills any socket, and a bit more. */
static int setup_cramped(void **state)
{
    struct http_server_config config = config_of(NULL);

    config.response_bytes_max = STUCK + BIG;
    config.response_patience_ms = 50;
    return setup_with(state, &config);
}

/* A fixture whose held requests are answered with streams. */
struct watched {
    struct fixture *f;
    struct http_stream *stream;
    unsigned emptied;
    unsigned gone;
    const char *next; /* written when it is empty, then forgotten */
    int ends;         /* ended when it is empty */
};

static void on_empty(void *arg)
{
    struct watched *w = arg;

    w->emptied++;
    if (w->next)
        http_stream_write(w->stream, slice_of(TAKE(w->next)));
    else if (w->ends)
        http_stream_end(TAKE(w->stream));
}

static void on_gone(void *arg)
{
    struct watched *w = arg;

    w->gone++;
    w->stream = NULL;
    loop_stop(w->f->loop);
}

static void reply_stream(struct fixture *f, struct watched *w)
{
    const struct http_stream_config config = { .content_type = "text/plain",
                                               .held_bytes_max = HELD,
                                               .on_empty = on_empty,
                                               .on_gone = on_gone,
                                               .arg = w };

    w->f = f;
    w->stream = http_reply_stream(f->held[--f->held_n], &config);
}

static void open_stream(struct fixture *f, struct raw *raw, struct watched *w, const char *request)
{
    raw_open(raw, f->loop, f->port);
    raw_says(raw, request);
    hold(f, 1);
    reply_stream(f, w);
}

#define GET_STREAM "GET /s HTTP/1.1\r\n" HOST CLOSE "\r\n"

static void pieces_come_when_they_are_written(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_until(&raw, "\r\n\r\n"); /* the head comes before there is anything */
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_true(raw_heard(&raw, "Transfer-Encoding: chunked\r\n"));
    assert_true(raw_heard(&raw, "Content-Type: text/plain\r\n"));
    assert_true(raw_heard(&raw, "Cache-Control: no-store\r\n"));
    http_stream_write(w.stream, SLICE_LIT("one."));
    assert_false(http_stream_is_empty(w.stream));
    raw_read_until(&raw, "one.");
    http_stream_write(w.stream, SLICE_LIT("tw"));
    http_stream_write(w.stream, SLICE_LIT("o."));
    raw_read_until(&raw, "two.");
    assert_true(raw_turns_at_rest(f->loop) < 10); /* nobody spins for want of more */
    assert_true(http_stream_is_empty(w.stream));
    http_stream_write(w.stream, SLICE_LIT("end"));
    http_stream_end(w.stream);
    raw_read_to_end(&raw);
    assert_false(raw.was_reset);
    assert_true(raw_heard(&raw, "00000003\r\nend\r\n0\r\n\r\n"));
    assert_int_equal(w.gone, 0);
    raw_close(&raw);
}

static void who_runs_dry_is_asked_for_more(void **state)
{
    struct fixture *f = *state;
    struct watched w = { .next = "more", .ends = 1 };
    struct raw raw;

    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_to_end(&raw);
    assert_int_equal(w.emptied, 2);
    assert_true(raw_heard(&raw, "00000004\r\nmore\r\n0\r\n\r\n"));
    assert_int_equal(w.gone, 0);
    raw_close(&raw);
}

static void a_connection_ends_with_its_stream(void **state)
{
    struct fixture *f = *state;
    struct watched w = { .ends = 1 };
    struct raw raw;

    open_stream(f, &raw, &w,
                "GET /s HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST CLOSE "\r\n");
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "Connection: close\r\n"));
    assert_true(raw_heard(&raw, "\r\n0\r\n\r\n"));
    assert_false(raw_heard(&raw, "GET /next "));
    raw_close(&raw);
}

static void a_length_that_is_known_is_said(void **state)
{
    static const char *const extra[] = { "Content-Disposition", "attachment", NULL };
    struct fixture *f = *state;
    struct watched w = { .f = f };
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, GET_STREAM);
    hold(f, 1);
    w.stream = http_reply_stream(f->held[--f->held_n],
                                 &(struct http_stream_config){ .content_type = "text/plain",
                                                               .extra = extra,
                                                               .length = 8,
                                                               .held_bytes_max = HELD,
                                                               .on_gone = on_gone,
                                                               .arg = &w });
    http_stream_write(w.stream, SLICE_LIT("one."));
    raw_read_until(&raw, "one.");
    http_stream_write(w.stream, SLICE_LIT("two."));
    http_stream_end(w.stream);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "Content-Length: 8\r\n"));
    assert_true(raw_heard(&raw, "Content-Disposition: attachment\r\n"));
    assert_false(raw_heard(&raw, "chunked"));
    assert_true(raw_heard(&raw, "\r\n\r\none.two."));
    raw_close(&raw);
}

static void http_1_0_gets_the_bytes_and_then_the_end(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, "GET /s HTTP/1.0\r\n\r\n");
    http_stream_write(w.stream, SLICE_LIT("one."));
    raw_read_until(&raw, "one.");
    http_stream_write(w.stream, SLICE_LIT("two."));
    http_stream_end(w.stream);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "\r\n\r\none.two."));
    raw_close(&raw);
}

static void head_has_no_body_and_is_gone_at_once(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, "HEAD /s HTTP/1.1\r\n" HOST CLOSE "\r\n");
    while (w.gone == 0)
        loop_run(f->loop);
    raw_read_to_end(&raw);
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_int_equal(w.emptied, 0);
    raw_close(&raw);
}

static void a_reader_that_leaves_is_seen_at_once(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_until(&raw, "\r\n\r\n");
    raw_close(&raw);
    while (w.gone == 0)
        loop_run(f->loop);
    assert_int_equal(w.gone, 1);
}

/* What a reader says after its request is nobody's business, and holds nothing up. */
static void a_reader_that_talks_is_not_listened_to(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, GET_STREAM);
    raw_says(&raw, "GET /other HTTP/1.1\r\n" HOST "\r\n");
    raw_run_turns(f->loop, 10);
    assert_true(raw_turns_at_rest(f->loop) < 10);
    http_stream_write(w.stream, SLICE_LIT("end"));
    http_stream_end(w.stream);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "00000003\r\nend\r\n0\r\n\r\n"));
    assert_int_equal(f->seen, 1);
    raw_close(&raw);
}

/* Its socket takes some, and the server holds some; then that is enough. */
static void a_reader_that_does_not_read_gets_no_more(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;
    char piece[1024];
    size_t written = 0;

    memset(piece, '#', sizeof(piece));
    open_stream(f, &raw, &w, GET_STREAM);
    loop_fd_change(raw.watch, 0); /* it reads no more */
    while (http_stream_offer(w.stream, (struct slice){ piece, sizeof(piece) })) {
        assert_true(written < (size_t)256 * 1024 * 1024);
        written += sizeof(piece);
        raw_run_turns(f->loop, 1);
    }
    assert_true(written >= HELD / sizeof(piece) * sizeof(piece) - sizeof(piece));
    http_stream_write(w.stream, SLICE_LIT("the end"));
    http_stream_end(w.stream);
    loop_fd_change(raw.watch, LOOP_READ);
    raw_read_to_end(&raw);
    size_t heard = 0;

    for (size_t i = 0; i < raw.in.len; i++)
        heard += raw.in.data[i] == '#';
    assert_int_equal(heard, written); /* nothing that was taken is lost */
    assert_true(raw_heard(&raw, "the end\r\n0\r\n\r\n"));
    raw_close(&raw);
}

/* A burst within one turn, too. */
static void more_than_is_held_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct watched w = { .next = "and more" };
    struct raw raw;
    char *big = xcalloc(1, HELD);

    memset(big, '#', HELD);
    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_until(&raw, "and more");
    assert_true(http_stream_offer(w.stream, (struct slice){ big, HELD / 2 }));
    assert_false(http_stream_offer(w.stream, (struct slice){ big, HELD / 2 }));
    assert_true(http_stream_offer(w.stream, SLICE_LIT("a little")));
    http_stream_end(w.stream);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "a little"));
    assert_int_equal(w.gone, 0);
    free(big);
    raw_close(&raw);
}

static void a_reader_that_is_stuck_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct watched other = { 0 };
    struct raw raw;
    struct raw good;
    char *big = xcalloc(1, RAW_BYTES_MAX);

    open_stream(f, &good, &other, GET_STREAM);
    open_stream(f, &raw, &w, GET_STREAM);
    loop_fd_change(raw.watch, 0);
    for (int i = 0; i < 32; i++) /* more than any socket takes */
        http_stream_write(w.stream, (struct slice){ big, RAW_BYTES_MAX });
    while (w.gone == 0)
        loop_run(f->loop);
    assert_int_equal(w.gone, 1);
    http_stream_write(other.stream, SLICE_LIT("still here"));
    http_stream_end(other.stream);
    raw_read_to_end(&good);
    assert_true(raw_heard(&good, "still here"));
    free(big);
    raw_close(&good);
    raw_close(&raw);
}

/* It was asked for when the reader had taken all, so it is not the reader who is slow. */
static void one_piece_may_be_larger_than_what_is_held(void **state)
{
    struct fixture *f = *state;
    struct watched w = { .ends = 1 };
    struct raw raw;
    char *big = xcalloc(1, BIG + 1);

    memset(big, '#', BIG);
    w.next = big;
    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_to_end(&raw);
    size_t found = 0;

    for (size_t i = 0; i < raw.in.len; i++)
        found += raw.in.data[i] == '#';
    assert_int_equal(found, BIG);
    free(big);
    raw_close(&raw);
}

/* ---- the room that all answers share ---- */

static void a_stuck_stream_makes_room_for_others(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct watched other = { 0 };
    struct raw raw;
    struct raw good;
    char *big = xcalloc(1, STUCK);

    open_stream(f, &good, &other, GET_STREAM);
    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_until(&good, "\r\n\r\n");
    raw_run_turns(f->loop, 10);
    loop_fd_change(raw.watch, 0);
    assert_true(http_stream_offer(w.stream, (struct slice){ big, STUCK }));
    assert_false(http_stream_offer(other.stream, (struct slice){ big, two_big }));
    assert_true(http_stream_offer(other.stream, SLICE_LIT("a little")));
    raw_read_until(&good, "a little");
    while (!http_stream_offer(other.stream, (struct slice){ big, two_big }))
        raw_run_turns(f->loop, 10);
    assert_int_equal(w.gone, 1);
    assert_int_equal(other.gone, 0);
    free(big);
    raw_close(&good);
    raw_close(&raw);
}

/* The answer to the next request that is held. */
static void answer_with(struct fixture *f, const char *body, size_t len)
{
    hold(f, 1);
    http_reply(f->held[--f->held_n], 200, "text/plain", (struct slice){ body, len }, NULL);
}

static int ask_and_answer(struct fixture *f, const char *method, const char *body, size_t len)
{
    struct raw raw;

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, method);
    raw_says(&raw, " /a HTTP/1.1\r\n" HOST CLOSE "\r\n");
    answer_with(f, body, len);
    raw_read_to_end(&raw);
    int status = raw_status(&raw, 1);

    if (status == 503) {
        assert_true(raw_heard(&raw, "\"code\":\"response_buffers_full\""));
        assert_true(raw_heard(&raw, "Retry-After: 1\r\n"));
    }
    raw_close(&raw);
    return status;
}

static void an_answer_that_nobody_takes_makes_room_for_others(void **state)
{
    struct fixture *f = *state;
    struct raw raw;
    char *big = xcalloc(1, STUCK);

    raw_open(&raw, f->loop, f->port);
    raw_says(&raw, "GET /stuck HTTP/1.1\r\n" HOST "\r\n");
    answer_with(f, big, STUCK);
    loop_fd_change(raw.watch, 0);
    assert_int_equal(ask_and_answer(f, "GET", big, two_big), 503);
    assert_int_equal(ask_and_answer(f, "GET", big, HTTP_SMALL_ANSWER_MAX), 200);
    assert_int_equal(ask_and_answer(f, "POST", big, two_big), 200); /* what was done is said */
    while (ask_and_answer(f, "GET", big, two_big) != 200)
        raw_run_turns(f->loop, 10);
    loop_fd_change(raw.watch, LOOP_READ);
    raw_read_to_end(&raw);
    assert_true(raw.in.len < STUCK); /* it was cut off */
    free(big);
    raw_close(&raw);
}

/* Changes' own answers fill it: then no more of them is begun. */
static void a_change_is_refused_before_it_is_made(void **state)
{
    struct fixture *f = *state;
    struct raw raw[2];
    char *big = xcalloc(1, STUCK);

    for (size_t i = 0; i < 2; i++) {
        raw_open(&raw[i], f->loop, f->port);
        raw_says(&raw[i], "POST /stuck HTTP/1.1\r\n" HOST "\r\n");
        answer_with(f, big, STUCK);
        loop_fd_change(raw[i].watch, 0);
    }
    size_t seen = f->seen;

    struct raw late;

    converse(f, &late, "POST /late HTTP/1.1\r\n" HOST CLOSE "\r\n");
    assert_int_equal(raw_status(&late, 1), 503);
    assert_true(raw_heard(&late, "\"code\":\"response_buffers_full\""));
    raw_close(&late);
    assert_int_equal(f->seen, seen); /* nobody was asked to do it */
    free(big);
    for (size_t i = 0; i < 2; i++)
        raw_close(&raw[i]);
}

/* ---- the server's end ---- */

static void set_idle(void *arg)
{
    struct fixture *f = arg;

    f->is_idle = 1;
    loop_stop(f->loop);
}

static void a_drain_waits_for_streams_to_end(void **state)
{
    struct fixture *f = *state;
    struct watched w = { 0 };
    struct raw raw;

    open_stream(f, &raw, &w, GET_STREAM);
    raw_read_until(&raw, "\r\n\r\n");
    http_server_drain(f->server, set_idle, f);
    raw_run_turns(f->loop, 10);
    assert_int_equal(f->is_idle, 0);
    http_stream_write(w.stream, SLICE_LIT("bye"));
    http_stream_end(w.stream);
    while (!f->is_idle)
        loop_run(f->loop);
    raw_read_to_end(&raw);
    assert_true(raw_heard(&raw, "bye\r\n0\r\n\r\n"));
    raw_close(&raw);
}

/* Suspended ones, one with something to say, and one whose reader is stuck. */
static void streams_that_are_open_go_with_the_server(void **state)
{
    struct fixture *f = *state;
    struct watched w[3] = { 0 };
    struct raw raw[3];
    char *big = xcalloc(1, RAW_BYTES_MAX);

    for (size_t i = 0; i < 3; i++)
        open_stream(f, &raw[i], &w[i], GET_STREAM);
    loop_fd_change(raw[2].watch, 0);
    raw_run_turns(f->loop, 10);
    http_stream_write(w[2].stream, (struct slice){ big, RAW_BYTES_MAX });
    raw_run_turns(f->loop, 10);
    http_stream_write(w[1].stream, SLICE_LIT("unheard"));
    http_server_free(TAKE(f->server));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w[i].gone, 0);
        raw_close(&raw[i]);
    }
    free(big);
}

static void many_streams_are_told_in_one_turn(void **state)
{
    enum { N = 200 };
    struct fixture *f = *state;
    struct watched *w = xcalloc(N, sizeof(*w));
    struct raw *raw = xcalloc(N, sizeof(*raw));

    for (size_t i = 0; i < N; i++)
        open_stream(f, &raw[i], &w[i], GET_STREAM);
    raw_run_turns(f->loop, 10);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++)
            http_stream_write(w[i].stream, SLICE_LIT("tick"));
        for (size_t i = 0; i < N; i++) {
            while (!http_stream_is_empty(w[i].stream))
                raw_run_turns(f->loop, 1);
        }
    }
    for (size_t i = 0; i < N; i++) {
        http_stream_end(w[i].stream);
        raw_read_to_end(&raw[i]);
        assert_true(
            raw_heard(&raw[i], "4\r\ntick\r\n00000004\r\ntick\r\n00000004\r\ntick\r\n0\r\n\r\n"));
        assert_int_equal(w[i].gone, 0);
        raw_close(&raw[i]);
    }
    free(w);
    free(raw);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(pieces_come_when_they_are_written),
        TEST(who_runs_dry_is_asked_for_more),
        TEST(a_connection_ends_with_its_stream),
        TEST(a_length_that_is_known_is_said),
        TEST(http_1_0_gets_the_bytes_and_then_the_end),
        TEST(head_has_no_body_and_is_gone_at_once),
        TEST(a_reader_that_leaves_is_seen_at_once),
        TEST(a_reader_that_talks_is_not_listened_to),
        TEST(a_reader_that_does_not_read_gets_no_more),
        TEST(more_than_is_held_is_not_taken),
        cmocka_unit_test_setup_teardown(a_reader_that_is_stuck_is_dropped, setup_impatient,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_stuck_stream_makes_room_for_others, setup_cramped,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_nobody_takes_makes_room_for_others,
                                        setup_cramped, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_refused_before_it_is_made, setup_cramped,
                                        teardown),
        TEST(one_piece_may_be_larger_than_what_is_held),
        TEST(a_drain_waits_for_streams_to_end),
        TEST(streams_that_are_open_go_with_the_server),
        TEST(many_streams_are_told_in_one_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
