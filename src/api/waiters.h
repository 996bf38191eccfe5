/*
 * waiters.h - who waits for the next event of which session. For api/ only.
 *
 * The wait begins before the journal is read, so that a commit between the reading and the
 * waiting is not missed: it leaves its mark in `seq`.
 */
#ifndef API_WAITERS_H
#define API_WAITERS_H

#include "base/id.h"
#include "loop/loop.h"

struct waiters;
struct waiter;

/* Soon, from the loop: something was committed, the time is over, or the server ends. */
typedef void waiter_fn(void *arg);

struct waiters *waiters_new(struct loop *loop);
void waiters_free(struct waiters *waiters); /* NULL-safe; the waiters' owners end theirs before */

/* Starts to note commits of that session; fn is not called before waiter_park(). */
struct waiter *waiter_new(struct waiters *waiters, struct slice session, waiter_fn *fn, void *arg);
void waiter_free(struct waiter *waiter); /* NULL-safe */

/* The last seq committed since waiter_new(), 0 for none. */
uint32_t waiter_seq(const struct waiter *waiter);

int waiter_is_parked(const struct waiter *waiter);

/* What is in no journal: a piece of what an attempt of a model call says, as the reader gets it. */
struct said {
    uint32_t call;
    uint32_t attempt;
    struct slice text;
};

/* From now on fn gets what is said of the session. It ends no waiter. */
typedef void waiter_say_fn(void *arg, const struct said *said);
void waiter_on_say(struct waiter *waiter, waiter_say_fn *fn);

/* Calls fn once: at the next commit, at wall's end, or when all are woken. */
void waiter_park(struct waiter *waiter, int64_t timeout_ms);

#define WAITER_ERASED UINT32_MAX /* no event has this seq */

/* WAITER_ERASED: the session is gone, and nothing will ever come. */
void waiters_wake(struct waiters *waiters, struct slice session, uint32_t seq);
int waiters_are_listening(const struct waiters *waiters, struct slice session);
void waiters_say(struct waiters *waiters, struct slice session, const struct said *said);
void waiters_wake_all(struct waiters *waiters);

#endif
