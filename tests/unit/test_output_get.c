/* Downloads of outputs that are kept beside their events. */
#include "base/hash.h"

#include "unit/api_fixture.h"

enum { STRETCH = 256 * 1024, CALL = 2 };

static int setup(void **state)
{
    return setup_with(state, (size_t)64 << 20, 60000);
}

/* Room for one stretch, if nobody holds anything. */
static int setup_cramped(void **state)
{
    return setup_with(state, STRETCH, 50);
}

/* An output of CALL, with this many bytes. */
static void keep_output(struct fixture *f, size_t bytes)
{
    char *text = xcalloc(1, bytes);
    char hash[SHA256_TEXT_MAX];

    memset(text, 'x', bytes);
    struct sha256 sum = sha256_of((struct slice){ text, bytes });
    const struct store_event event = {
        .seq = f->row.seq + 1,
        .kind = EV_TOOL_FINISHED,
        .at_ms = 5,
        .body = SLICE_LIT("{\"v\":1,\"call\":2,\"output\":\"x\"}"),
        .blob = { .hash = slice_of(sha256_text(hash, &sum)),
                  .bytes = bytes,
                  .call = CALL,
                  .data = { text, bytes } },
    };

    commit_events(f, &event, 1);
    free(text);
}

static void download(struct fixture *f, struct raw *raw)
{
    raw_open(raw, f->loop, http_server_port(f->server));
    raw_says(raw, "GET /v1/sessions/" SESSION "/calls/2/output HTTP/1.1\r\n"
                  "Host: localhost\r\nConnection: close\r\n\r\n");
}

/* Its reader stops; its socket takes next to nothing, and the server's takes 4 MiB at most. */
static void download_stuck(struct fixture *f, struct raw *raw)
{
    int little = 4096;

    download(f, raw);
    (void)setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
    raw_read_until(raw, "\r\n\r\n");
    loop_fd_change(raw->watch, 0);
    raw_run_turns(f->loop, 400);
}

/* Nobody is there who hears it. What was sent to it before stays on its way. */
static int is_cut_off(struct fixture *f, struct raw *stuck)
{
    raw_says(stuck, "x");
    raw_run_turns(f->loop, 50);
    return stuck->was_reset;
}

static size_t body_bytes(const struct raw *raw)
{
    const char *body = strstr(buf_cstr(&raw->in), "\r\n\r\n");

    return body ? raw->in.len - (size_t)(body + 4 - raw->in.data) : 0;
}

static void an_output_comes_whole(void **state)
{
    struct fixture *f = *state;
    struct raw raw;

    keep_output(f, 3 * STRETCH + 1);
    download(f, &raw);
    raw_read_to_end(&raw);
    assert_int_equal(raw_status(&raw, 1), 200);
    assert_true(raw_heard(&raw, "Content-Length: 786433\r\n"));
    assert_int_equal(body_bytes(&raw), 3 * STRETCH + 1);
    raw_close(&raw);
}

/* A reader that is stuck holds what there is, and is cut off for who comes. */
static void a_stretch_that_has_no_room_comes_later(void **state)
{
    struct fixture *f = *state;
    struct raw stuck, good;

    keep_output(f, LARGE);
    download_stuck(f, &stuck);
    download(f, &good);
    raw_read_to_end(&good);
    assert_int_equal(body_bytes(&good), LARGE);
    assert_true(is_cut_off(f, &stuck));
    raw_close(&stuck);
    raw_close(&good);
}

/* The one that waits for room goes away, or the whole server does. */
static void who_waits_for_room_may_go(void **state)
{
    struct fixture *f = *state;
    struct raw stuck, gone, last;

    keep_output(f, LARGE);
    download_stuck(f, &stuck);
    download(f, &gone);
    raw_run_turns(f->loop, 50);
    raw_close(&gone);
    raw_run_turns(f->loop, 50);
    download(f, &last); /* teardown finds it there */
    raw_run_turns(f->loop, 50);
    raw_close(&stuck);
    raw_close(&last);
}

static void a_server_that_stops_cuts_off_who_waits_for_room(void **state)
{
    struct fixture *f = *state;
    struct raw stuck, waits;

    keep_output(f, LARGE);
    download_stuck(f, &stuck);
    download(f, &waits);
    raw_run_turns(f->loop, 50);
    api_set_phase(f->api, API_STOPPING);
    raw_read_to_end(&waits);
    assert_true(body_bytes(&waits) < LARGE);
    raw_close(&stuck);
    raw_close(&waits);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_output_comes_whole, setup),
        TEST(a_stretch_that_has_no_room_comes_later, setup_cramped),
        TEST(who_waits_for_room_may_go, setup_cramped),
        TEST(a_server_that_stops_cuts_off_who_waits_for_room, setup_cramped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
