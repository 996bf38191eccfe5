/* The loop on libuv: descriptors, wakes from threads, signals, and waiting. */
#include "unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "loop/loop.h"

static int setup(void **state)
{
    struct loop *loop = NULL;
    struct err err = { 0 };

    assert_int_equal(loop_new(&loop, &err), ERR_NONE);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void never(void *arg)
{
    (void)arg;
    fail_msg("a call that was taken back");
}

static void timers_and_posts_run_on_the_clock(void **state)
{
    struct loop *loop = *state;
    struct loop_timer end = { 0 }, late = { 0 }, stopped = { 0 };
    int64_t before = loop_mono_ms(loop);

    loop_timer_start(loop, &end, 30, stop, loop);
    loop_timer_start(loop, &late, 60000, never, NULL);
    loop_timer_start(loop, &stopped, 5, never, NULL);
    loop_timer_stop(loop, &stopped);
    loop_run(loop);
    assert_in_range(loop_mono_ms(loop) - before, 30, 10000);
}

struct turns {
    struct loop *loop;
    struct loop_post post;
    int posted, hooks;
};

static void count_post(void *arg)
{
    ((struct turns *)arg)->posted++;
}

static void hook(void *arg)
{
    struct turns *t = arg;

    if (t->hooks++ < 5)
        loop_post(t->loop, &t->post, count_post, t);
    else
        loop_stop(t->loop);
}

static void posts_of_the_hook_do_not_wait(void **state)
{
    struct turns t = { .loop = *state };
    struct loop_timer late = { 0 };
    int64_t before = loop_mono_ms(t.loop);

    loop_timer_start(t.loop, &late, 60000, never, NULL);
    loop_post(t.loop, &t.post, count_post, &t);
    loop_set_turn_end(t.loop, hook, &t);
    loop_run(t.loop);
    assert_int_equal(t.posted, 6);
    assert_int_equal(t.hooks, 6);
    assert_true(loop_mono_ms(t.loop) - before < 30000);
}

struct pipe_end {
    struct loop *loop;
    int fds[2];
    struct loop_fd *reader, *writer;
    int reads, writes;
    int64_t turn_ms;
};

static void open_pipe(struct pipe_end *p, void **state)
{
    *p = (struct pipe_end){ .loop = *state };
    assert_int_equal(pipe2(p->fds, O_NONBLOCK | O_CLOEXEC), 0);
}

static void on_readable(void *arg, unsigned events)
{
    struct pipe_end *p = arg;
    char bytes[16];

    assert_true(events & LOOP_READ);
    ssize_t got = read(p->fds[0], bytes, sizeof(bytes));

    assert_true(got >= 0);
    p->reads++;
    if (got > 0)
        return;
    loop_fd_stop(p->reader); /* the end of the file */
    loop_stop(p->loop);
}

static void on_writable(void *arg, unsigned events)
{
    struct pipe_end *p = arg;

    assert_true(events & LOOP_WRITE);
    if (p->writes++ < 3) {
        assert_int_equal(write(p->fds[1], "x", 1), 1);
        return;
    }
    loop_fd_stop(p->writer);
    assert_int_equal(close(p->fds[1]), 0);
}

static void descriptors_are_called_when_ready(void **state)
{
    struct pipe_end p;

    open_pipe(&p, state);
    p.reader = loop_fd_start(p.loop, p.fds[0], LOOP_READ, on_readable, &p);
    p.writer = loop_fd_start(p.loop, p.fds[1], LOOP_WRITE, on_writable, &p);
    loop_run(p.loop);
    assert_int_equal(p.writes, 4);
    assert_in_range(p.reads, 2, 4);
    assert_int_equal(close(p.fds[0]), 0);
    loop_fd_stop(NULL);
}

static void on_paused(void *arg, unsigned events)
{
    struct pipe_end *p = arg;

    (void)events;
    loop_fd_change(p->writer, 0);
    loop_fd_change(p->writer, 0);
    if (++p->writes == 2)
        loop_stop(p->loop);
}

static void resume(void *arg)
{
    struct pipe_end *p = arg;

    assert_int_equal(p->writes, 1);
    loop_fd_change(p->writer, LOOP_WRITE);
}

static void a_change_to_nothing_pauses(void **state)
{
    struct pipe_end p;
    struct loop_timer later = { 0 };

    open_pipe(&p, state);
    p.writer = loop_fd_start(p.loop, p.fds[1], LOOP_WRITE, on_paused, &p);
    loop_timer_start(p.loop, &later, 20, resume, &p);
    loop_run(p.loop);
    assert_int_equal(p.writes, 2);
    loop_fd_stop(p.writer);
    assert_int_equal(close(p.fds[0]) + close(p.fds[1]), 0);
}

static void on_broken(void *arg, unsigned events)
{
    struct pipe_end *p = arg;

    assert_int_equal(events, LOOP_READ | LOOP_WRITE);
    if (++p->writes < 3)
        return; /* the error is still there, so it is told again */
    loop_fd_stop(p->writer);
    loop_stop(p->loop);
}

static void an_error_sets_both_and_is_told_until_it_is_dealt_with(void **state)
{
    struct pipe_end p;

    open_pipe(&p, state);
    assert_int_equal(close(p.fds[0]), 0);
    p.writer = loop_fd_start(p.loop, p.fds[1], LOOP_WRITE, on_broken, &p);
    loop_run(p.loop);
    assert_int_equal(p.writes, 3);
    assert_int_equal(close(p.fds[1]), 0);
}

static void on_slow_read(void *arg, unsigned events)
{
    struct pipe_end *p = arg;
    char byte;

    (void)events;
    assert_int_equal(read(p->fds[0], &byte, 1), 1);
    p->turn_ms = loop_mono_ms(p->loop);
    loop_stop(p->loop);
}

static void write_byte(void *arg)
{
    struct pipe_end *p = arg;

    assert_int_equal(write(p->fds[1], "x", 1), 1);
}

/* The time that a descriptor's callback sees is that of its own turn, after the wait. */
static void time_is_read_after_the_wait(void **state)
{
    struct pipe_end p;
    struct loop_timer timer = { 0 };

    open_pipe(&p, state);
    int64_t before = loop_mono_ms(p.loop);

    p.reader = loop_fd_start(p.loop, p.fds[0], LOOP_READ, on_slow_read, &p);
    loop_timer_start(p.loop, &timer, 25, write_byte, &p);
    loop_run(p.loop);
    assert_true(p.turn_ms >= before + 25);
    loop_fd_stop(p.reader);
    assert_int_equal(close(p.fds[0]) + close(p.fds[1]), 0);
}

enum { SENDS = 2000, SENDERS = 2 };

struct mailbox {
    struct loop *loop;
    struct loop_wake *wake;
    atomic_int sent;
    int seen, calls;
};

static void on_wake(void *arg)
{
    struct mailbox *m = arg;

    m->calls++;
    m->seen = atomic_load(&m->sent);
    if (m->seen == SENDS * SENDERS)
        loop_stop(m->loop);
}

static void *send_many(void *arg)
{
    struct mailbox *m = arg;

    for (int i = 0; i < SENDS; i++) {
        (void)atomic_fetch_add(&m->sent, 1);
        loop_wake_send(m->wake);
    }
    return NULL;
}

static void wakes_from_threads_are_not_lost(void **state)
{
    struct mailbox m = { .loop = *state };
    pthread_t senders[SENDERS];

    m.wake = loop_wake_new(m.loop, on_wake, &m);
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, send_many, &m), 0);
    loop_run(m.loop);
    for (size_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i], NULL), 0);
    assert_int_equal(m.seen, SENDS * SENDERS);
    assert_in_range(m.calls, 1, SENDS * SENDERS);
    loop_wake_free(m.wake);
    loop_wake_free(NULL);
}

/* What the sender wrote plainly before its send is there in the call: TSan looks at this. */
struct letter {
    struct loop *loop;
    struct loop_wake *wake;
    int text;
};

static void on_letter(void *arg)
{
    struct letter *letter = arg;

    assert_int_equal(letter->text, 42);
    loop_stop(letter->loop);
}

static void *send_letter(void *arg)
{
    struct letter *letter = arg;

    letter->text = 42;
    loop_wake_send(letter->wake);
    return NULL;
}

static void a_wake_orders_memory(void **state)
{
    struct letter letter = { .loop = *state };
    pthread_t sender;

    letter.wake = loop_wake_new(letter.loop, on_letter, &letter);
    assert_int_equal(pthread_create(&sender, NULL, send_letter, &letter), 0);
    loop_run(letter.loop);
    assert_int_equal(pthread_join(sender, NULL), 0);
    loop_wake_free(letter.wake);
}

static void send_signal(void *arg)
{
    (void)arg;
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
}

static void signals_are_calls_on_the_loop(void **state)
{
    struct loop *loop = *state;
    struct loop_post post = { 0 };
    struct loop_signal *signal = loop_signal_start(loop, SIGUSR1, stop, loop);

    loop_post(loop, &post, send_signal, NULL);
    loop_run(loop);
    loop_signal_stop(signal);
    loop_signal_stop(NULL);
}

static void a_loop_is_freed_with_all_that_is_armed(void **state)
{
    struct pipe_end p;
    struct loop_timer timer = { 0 };
    struct loop_post post = { 0 };
    struct loop *loop = NULL;
    struct err err = { 0 };

    open_pipe(&p, state);
    assert_int_equal(loop_new(&loop, &err), ERR_NONE);
    (void)loop_fd_start(loop, p.fds[1], LOOP_WRITE, on_broken, &p);
    loop_wake_send(loop_wake_new(loop, never, NULL));
    (void)loop_signal_start(loop, SIGUSR2, never, NULL);
    loop_timer_start(loop, &timer, 0, never, NULL);
    loop_post(loop, &post, never, NULL);
    loop_stop(loop);
    loop_free(loop);
    assert_int_equal(p.writes, 0);
    assert_int_equal(close(p.fds[0]) + close(p.fds[1]), 0);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        TEST(timers_and_posts_run_on_the_clock),
        TEST(posts_of_the_hook_do_not_wait),
        TEST(descriptors_are_called_when_ready),
        TEST(a_change_to_nothing_pauses),
        TEST(an_error_sets_both_and_is_told_until_it_is_dealt_with),
        TEST(time_is_read_after_the_wait),
        TEST(wakes_from_threads_are_not_lost),
        TEST(a_wake_orders_memory),
        TEST(signals_are_calls_on_the_loop),
        TEST(a_loop_is_freed_with_all_that_is_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
