/* The simulated loop: timers, posts, turns. The same code runs on the machine's clock. */
#include "unit/unit.h"

#include "base/random.h"
#include "loop/loop.h"

struct world {
    int64_t mono_ms;
    struct loop *loop;
    char log[200]; /* a letter for each call */
};

static int64_t world_wall(void *arg)
{
    return ((struct world *)arg)->mono_ms + 1000000;
}

static int64_t world_mono(void *arg)
{
    return ((struct world *)arg)->mono_ms;
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->mono_ms = 5000;
    w->loop = loop_new_simulated((struct clock){ world_wall, world_mono, w });
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    loop_free(w->loop);
    free(w);
    return 0;
}

/* A timer and a post that write their letter. */
struct probe {
    struct world *w;
    char letter;
    struct loop_timer timer;
    struct loop_post post;
    struct probe *other;
};

static void write_letter(void *arg)
{
    struct probe *p = arg;
    size_t len = strlen(p->w->log);

    assert_true(len + 1 < sizeof(p->w->log));
    p->w->log[len] = p->letter;
}

static void start(struct probe *p, int64_t delay_ms)
{
    loop_timer_start(p->w->loop, &p->timer, delay_ms, write_letter, p);
}

static void timers_run_by_due_time_then_by_order(void **state)
{
    struct world *w = *state;
    struct probe a = { .w = w, .letter = 'a' }, b = { .w = w, .letter = 'b' };
    struct probe c = { .w = w, .letter = 'c' }, d = { .w = w, .letter = 'd' };

    assert_int_equal(loop_next_due_ms(w->loop), -1);
    assert_false(loop_step(w->loop));
    start(&a, 20);
    start(&b, 10);
    start(&c, 10);
    start(&d, -5);
    assert_string_equal(w->log, ""); /* never from inside the call */
    assert_int_equal(loop_next_due_ms(w->loop), 5000);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "d");
    assert_false(loop_step(w->loop));
    assert_int_equal(loop_next_due_ms(w->loop), 5010);
    w->mono_ms = 5009;
    assert_false(loop_step(w->loop));
    w->mono_ms = 5030;
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "dbca");
    assert_int_equal(loop_next_due_ms(w->loop), -1);
}

static void a_stopped_or_moved_timer_does_not_run_at_its_old_time(void **state)
{
    struct world *w = *state;
    struct probe a = { .w = w, .letter = 'a' }, b = { .w = w, .letter = 'b' };

    start(&a, 10);
    start(&b, 10);
    loop_timer_stop(w->loop, &a.timer);
    loop_timer_stop(w->loop, &a.timer);
    start(&b, 30);
    w->mono_ms += 20;
    assert_false(loop_step(w->loop));
    w->mono_ms += 20;
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "b");
    start(&a, INT64_MAX);
    assert_int_equal(loop_next_due_ms(w->loop), INT64_MAX);
    loop_timer_stop(w->loop, &a.timer);
}

static void stop_the_other(void *arg)
{
    struct probe *p = arg;

    write_letter(p);
    loop_timer_stop(p->w->loop, &p->other->timer);
}

static void rearm_thrice(void *arg)
{
    struct probe *p = arg;

    write_letter(p);
    if (strlen(p->w->log) < 3)
        loop_timer_start(p->w->loop, &p->timer, 0, rearm_thrice, p);
}

static void timers_may_be_stopped_and_rearmed_inside_callbacks(void **state)
{
    struct world *w = *state;
    struct probe b = { .w = w, .letter = 'b' };
    struct probe a = { .w = w, .letter = 'a', .other = &b };
    struct probe again = { .w = w, .letter = 'x' };

    loop_timer_start(w->loop, &a.timer, 1, stop_the_other, &a);
    start(&b, 1);
    w->mono_ms++;
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "a");
    w->log[0] = '\0';
    loop_timer_start(w->loop, &again.timer, 0, rearm_thrice, &again);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "xxx");
}

static void post_other_and_self(void *arg)
{
    struct probe *p = arg;

    write_letter(p);
    loop_post(p->w->loop, &p->other->post, write_letter, p->other);
}

static void cancel_other(void *arg)
{
    struct probe *p = arg;

    write_letter(p);
    loop_post_cancel(p->w->loop, &p->other->post);
}

static void posts_run_in_order_and_once(void **state)
{
    struct world *w = *state;
    struct probe a = { .w = w, .letter = 'a' }, b = { .w = w, .letter = 'b' };
    struct probe c = { .w = w, .letter = 'c', .other = &a };

    loop_post(w->loop, &a.post, write_letter, &a);
    loop_post(w->loop, &b.post, write_letter, &b);
    loop_post(w->loop, &a.post, write_letter, &a); /* queued: a no-op */
    assert_string_equal(w->log, "");
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "ab");

    loop_post(w->loop, &c.post, post_other_and_self, &c);
    loop_post(w->loop, &b.post, write_letter, &b);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "abcba"); /* what a callback posts waits for the next turn */
    assert_false(loop_step(w->loop));
}

static void posts_may_be_cancelled_from_anywhere(void **state)
{
    struct world *w = *state;
    struct probe a = { .w = w, .letter = 'a' }, b = { .w = w, .letter = 'b' };
    struct probe c = { .w = w, .letter = 'c', .other = &a };

    loop_post(w->loop, &c.post, cancel_other, &c);
    loop_post(w->loop, &a.post, write_letter, &a); /* the last of its turn */
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "c");

    loop_post(w->loop, &a.post, write_letter, &a);
    loop_post(w->loop, &b.post, write_letter, &b);
    loop_post_cancel(w->loop, &a.post);
    loop_post_cancel(w->loop, &a.post);
    loop_post(w->loop, &a.post, write_letter, &a);
    loop_post_cancel(w->loop, &a.post);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "cb");
}

static void post_once_from_the_hook(void *arg)
{
    struct probe *p = arg;

    write_letter(p);
    if (strlen(p->w->log) < 3)
        loop_post(p->w->loop, &p->other->post, write_letter, p->other);
}

static void the_hook_runs_at_the_end_of_each_turn(void **state)
{
    struct world *w = *state;
    struct probe a = { .w = w, .letter = 'a' }, b = { .w = w, .letter = 'b' };
    struct probe hook = { .w = w, .letter = '.', .other = &b };

    loop_set_turn_end(w->loop, post_once_from_the_hook, &hook);
    loop_post(w->loop, &a.post, write_letter, &a);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "a.b.");
    assert_false(loop_step(w->loop)); /* and also where something was gathered outside a turn */
    assert_string_equal(w->log, "a.b..");
}

static void turn_the_clock(void *arg)
{
    struct probe *p = arg;
    int64_t before = loop_mono_ms(p->w->loop);

    write_letter(p);
    p->w->mono_ms += 100;
    assert_int_equal(loop_mono_ms(p->w->loop), before);
    assert_int_equal(loop_wall_ms(p->w->loop), before + 1000000);
    start(p->other, 50); /* due 50 after the turn's time, not after the clock's */
}

static void time_stands_still_within_a_turn(void **state)
{
    struct world *w = *state;
    struct probe b = { .w = w, .letter = 'b' };
    struct probe a = { .w = w, .letter = 'a', .other = &b };

    loop_post(w->loop, &a.post, turn_the_clock, &a);
    w->mono_ms = 6000;
    assert_int_equal(loop_mono_ms(w->loop), 6000);
    assert_true(loop_step(w->loop));
    assert_string_equal(w->log, "ab"); /* 6050 had passed at 6100, in the next turn */
}

static int64_t last_due;
static unsigned ran_count;

static void check_order(void *arg)
{
    const struct loop_timer *timer = arg;

    assert_true(timer->due_ms >= last_due);
    last_due = timer->due_ms;
    ran_count++;
}

static void ten_thousand_timers_run_in_order(void **state)
{
    enum { MANY = 10000 };
    struct world *w = *state;
    struct loop_timer *timers = xcalloc(MANY, sizeof(*timers));
    struct random random;
    unsigned stopped = 0;

    random_seed(&random, 7);
    last_due = 0;
    ran_count = 0;
    for (size_t i = 0; i < MANY; i++)
        loop_timer_start(w->loop, &timers[i], (int64_t)random_below(&random, 3000), check_order,
                         &timers[i]);
    for (size_t i = 0; i < MANY; i += 3, stopped++)
        loop_timer_stop(w->loop, &timers[i]);
    for (size_t i = 1; i < MANY; i += 3)
        loop_timer_start(w->loop, &timers[i], (int64_t)random_below(&random, 3000), check_order,
                         &timers[i]);
    while ((w->mono_ms = loop_next_due_ms(w->loop)) >= 0)
        assert_true(loop_step(w->loop));
    assert_int_equal(ran_count, MANY - stopped);
    free(timers);
}

static void post_itself(void *arg)
{
    struct probe *p = arg;

    loop_post(p->w->loop, &p->post, post_itself, p);
}

static void step_for_ever(void *arg)
{
    struct probe p = { .w = arg };

    post_itself(&p);
    (void)loop_step(p.w->loop);
}

static void a_step_that_never_ends_is_reported(void **state)
{
    assert_true(unit_dies(step_for_ever, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        TEST(timers_run_by_due_time_then_by_order),
        TEST(a_stopped_or_moved_timer_does_not_run_at_its_old_time),
        TEST(timers_may_be_stopped_and_rearmed_inside_callbacks),
        TEST(posts_run_in_order_and_once),
        TEST(posts_may_be_cancelled_from_anywhere),
        TEST(the_hook_runs_at_the_end_of_each_turn),
        TEST(time_stands_still_within_a_turn),
        TEST(ten_thousand_timers_run_in_order),
        TEST(a_step_that_never_ends_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
