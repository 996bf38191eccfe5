/*
 * loop.h - the event loop: one thread, timers, work for the next turn, descriptors, and
 * wake-ups from other threads.
 *
 * Promise: callbacks run on the loop's thread, never from inside the call that asked for
 * them. Time is read once a turn: loop_wall_ms() and loop_mono_ms() stand still within it.
 *
 * Two kinds: loop_new() runs on libuv and the machine's clock. loop_new_simulated() has no
 * descriptors and no clock of its own: the simulator steps it, and time jumps to the next
 * timer. Timers and posted work are the same code in both.
 *
 * Ownership: the caller owns timers, posts, fds and wakes, embeds them where it likes, keeps
 * them in place while they are armed, and stops them before it frees them. All of them may
 * be stopped or re-armed from inside any callback.
 *
 * Threads: every call belongs to the loop's thread, but for loop_wake_send().
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/buf.h"
#include "base/clock.h"

struct loop;

enum err_code loop_new(struct loop **ret_loop, struct err *err) MUST_CHECK;
struct loop *loop_new_simulated(struct clock clock);
void loop_free(struct loop *loop); /* everything armed is dropped without a call; NULL-safe */

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* ends loop_run() after this turn */

/*
 * Simulated only. Runs posted work and what is due now, in order, until nothing is. False if
 * there was nothing to do. Then loop_next_due_ms() says (in mono time) how far the simulator
 * may turn its clock, or -1 for no timer.
 */
int loop_step(struct loop *loop);
int64_t loop_next_due_ms(const struct loop *loop);

int64_t loop_wall_ms(const struct loop *loop);
int64_t loop_mono_ms(const struct loop *loop);

typedef void loop_fn(void *arg);

/* ---- timers: one shot, in mono time; 10,000 of them are cheap (a binary heap) ---- */
struct loop_timer {
    loop_fn *fn;
    void *arg;
    int64_t due_ms; /* mono */
    uint64_t order; /* ties run in the order in which they were armed */
    size_t heap_at; /* 1-based; 0: not armed */
};

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_fn *fn,
                      void *arg); /* re-arms an armed one; delay below 0 counts as 0 */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer); /* not armed: a no-op */

/* ---- work for the next turn of the loop, in order ---- */
struct loop_post {
    loop_fn *fn;
    void *arg;
    struct loop_post *next;
    int is_queued;
};

void loop_post(struct loop *loop, struct loop_post *post, loop_fn *fn,
               void *arg); /* queued: no-op */
void loop_post_cancel(struct loop *loop, struct loop_post *post);

/*
 * Runs fn once near the end of each turn, after the turn's callbacks and before the loop
 * waits again: the place to submit what the turn has gathered. One hook a loop is enough.
 */
void loop_set_turn_end(struct loop *loop, loop_fn *fn, void *arg);

/* ---- descriptors; not on a simulated loop ---- */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop_fd;                                      /* owned by the loop until loop_fd_stop() */
typedef void loop_fd_fn(void *arg, unsigned events); /* LOOP_READ | LOOP_WRITE; errors set both */

struct loop_fd *loop_fd_start(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn,
                              void *arg);
void loop_fd_change(struct loop_fd *watch, unsigned events);
void loop_fd_stop(struct loop_fd *watch); /* NULL-safe; does not close fd */

/* ---- wake-ups from other threads; not on a simulated loop ---- */
struct loop_wake;

struct loop_wake *loop_wake_new(struct loop *loop, loop_fn *fn, void *arg);
void loop_wake_send(struct loop_wake *wake); /* any thread; many sends may be one call */
void loop_wake_free(struct loop_wake *wake); /* no sender may be left; NULL-safe */

/* ---- signals; not on a simulated loop ---- */
struct loop_signal;

struct loop_signal *loop_signal_start(struct loop *loop, int signum, loop_fn *fn, void *arg);
void loop_signal_stop(struct loop_signal *signal); /* NULL-safe */

#endif
