/* Hints: in order, each once while it waits, no more than were wanted, never from inside a call. */
#include <stdio.h>

#include "queue/queue.h"
#include "unit.h"

enum { HINTS_MAX = 16 };

struct world {
    struct loop *loop;
    struct queue *queue;
    char hints[HINTS_MAX][16];
    size_t hints_n;
    int is_inside; /* a call of ours is under way */
};

static int64_t no_time(void *arg)
{
    (void)arg;
    return 1000;
}

static void on_hint(void *arg, struct slice session)
{
    struct world *w = arg;

    assert_false(w->is_inside);
    assert_true(w->hints_n < HINTS_MAX);
    (void)snprintf(w->hints[w->hints_n++], sizeof(w->hints[0]), "%.*s", (int)session.len,
                   session.ptr);
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err err = { 0 };

    w->loop = loop_new_simulated((struct clock){ .wall_ms = no_time, .mono_ms = no_time });
    assert_int_equal(queue_open(&w->queue, "store", w->loop, on_hint, w, &err), ERR_NONE);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    queue_close(w->queue);
    loop_free(w->loop);
    free(w);
    return 0;
}

static void send(struct world *w, const char *session)
{
    w->is_inside = 1;
    queue_send(w->queue, slice_of(session));
    w->is_inside = 0;
}

static void want(struct world *w, size_t n)
{
    w->is_inside = 1;
    queue_want(w->queue, n);
    w->is_inside = 0;
    while (loop_step(w->loop))
        continue;
}

static void no_more_come_than_are_wanted(void **state)
{
    struct world *w = *state;

    send(w, "a");
    send(w, "b");
    send(w, "c");
    want(w, 0);
    assert_int_equal(w->hints_n, 0);
    want(w, 2);
    assert_int_equal(w->hints_n, 2);
    assert_string_equal(w->hints[0], "a");
    assert_string_equal(w->hints[1], "b");
    assert_int_equal(queue_depth(w->queue), 1);
    want(w, 5);
    assert_int_equal(w->hints_n, 3);
    assert_string_equal(w->hints[2], "c");
    assert_int_equal(queue_depth(w->queue), 0);
}

static void what_is_wanted_already_comes_when_it_is_sent(void **state)
{
    struct world *w = *state;

    want(w, 1);
    send(w, "a");
    send(w, "b");
    while (loop_step(w->loop))
        continue;
    assert_int_equal(w->hints_n, 1);
    assert_string_equal(w->hints[0], "a");
    assert_int_equal(queue_depth(w->queue), 1);
}

static void one_that_waits_is_not_put_in_twice(void **state)
{
    struct world *w = *state;

    send(w, "a");
    send(w, "b");
    send(w, "a");
    assert_int_equal(queue_depth(w->queue), 2);
    want(w, 9);
    assert_int_equal(w->hints_n, 2);
    send(w, "a"); /* it was handed out: now it waits again */
    want(w, 9);
    assert_int_equal(w->hints_n, 3);
    assert_string_equal(w->hints[2], "a");
}

static void what_is_left_is_dropped_at_the_end(void **state)
{
    struct world *w = *state;

    send(w, "a");
    w->is_inside = 1;
    queue_want(w->queue, 1); /* its delivery is on the way when the queue is closed */
    w->is_inside = 0;
    queue_close(w->queue);
    w->queue = NULL;
    while (loop_step(w->loop))
        continue;
    assert_int_equal(w->hints_n, 0);
}

static void an_unknown_kind_is_refused(void **state)
{
    struct world *w = *state;
    struct queue *queue = NULL;
    struct err err = { 0 };

    assert_int_equal(queue_open(&queue, "redis://x", w->loop, on_hint, w, &err), ERR_INVALID);
    assert_null(queue);
    assert_non_null(strstr(err.msg, "redis://x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_more_come_than_are_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wanted_already_comes_when_it_is_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_waits_is_not_put_in_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_is_dropped_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_kind_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
