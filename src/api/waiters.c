#include "api/waiters.h"

#include <stdlib.h>

#include "base/map.h"

struct waiter {
    struct waiters *waiters;
    struct id session;
    struct waiter *next; /* of the same session */
    struct waiter *prev; /* NULL: the first, which the map holds */
    uint32_t seq;
    int is_parked;
    waiter_fn *fn;
    waiter_say_fn *on_say;
    void *arg;
    struct loop_timer timer;
    struct loop_post post;
};

struct waiters {
    struct loop *loop;
    struct map *firsts; /* session -> the first waiter of its list */
};

struct waiters *waiters_new(struct loop *loop)
{
    struct waiters *waiters = xcalloc(1, sizeof(*waiters));

    waiters->loop = loop;
    waiters->firsts = map_new();
    return waiters;
}

void waiters_free(struct waiters *waiters)
{
    if (!waiters)
        return;
    ASSERT(map_count(waiters->firsts) == 0);
    map_free(waiters->firsts);
    free(waiters);
}

struct waiter *waiter_new(struct waiters *waiters, struct slice session, waiter_fn *fn, void *arg)
{
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));

    ASSERT(session.len < ID_TEXT_MAX);
    *waiter = (struct waiter){ .waiters = waiters, .fn = fn, .arg = arg };
    memcpy(waiter->session.text, session.ptr, session.len);
    waiter->next = map_put(waiters->firsts, session, waiter);
    if (waiter->next)
        waiter->next->prev = waiter;
    return waiter;
}

static void unpark(struct waiter *waiter)
{
    waiter->is_parked = 0;
    loop_timer_stop(waiter->waiters->loop, &waiter->timer);
    loop_post_cancel(waiter->waiters->loop, &waiter->post);
}

void waiter_free(struct waiter *waiter)
{
    if (!waiter)
        return;
    unpark(waiter);
    if (waiter->next)
        waiter->next->prev = waiter->prev;
    if (waiter->prev)
        waiter->prev->next = waiter->next;
    else if (waiter->next)
        (void)map_put(waiter->waiters->firsts, id_slice(&waiter->session), waiter->next);
    else
        (void)map_remove(waiter->waiters->firsts, id_slice(&waiter->session));
    free(waiter);
}

uint32_t waiter_seq(const struct waiter *waiter)
{
    return waiter->seq;
}

int waiter_is_parked(const struct waiter *waiter)
{
    return waiter->is_parked;
}

void waiter_on_say(struct waiter *waiter, waiter_say_fn *fn)
{
    waiter->on_say = fn;
}

static void call(void *arg)
{
    struct waiter *waiter = arg;

    unpark(waiter);
    waiter->fn(waiter->arg);
}

void waiter_park(struct waiter *waiter, int64_t timeout_ms)
{
    ASSERT(!waiter->is_parked);
    waiter->is_parked = 1;
    loop_timer_start(waiter->waiters->loop, &waiter->timer, timeout_ms, call, waiter);
}

/* Not at once: a commit's callback is no place to answer hundreds of requests in. */
static void wake(struct waiter *waiter)
{
    if (waiter->is_parked)
        loop_post(waiter->waiters->loop, &waiter->post, call, waiter);
}

void waiters_wake(struct waiters *waiters, struct slice session, uint32_t seq)
{
    for (struct waiter *w = map_get(waiters->firsts, session); w; w = w->next) {
        w->seq = seq;
        wake(w);
    }
}

int waiters_are_listening(const struct waiters *waiters, struct slice session)
{
    for (const struct waiter *w = map_get(waiters->firsts, session); w; w = w->next)
        if (w->on_say)
            return 1;
    return 0;
}

void waiters_say(struct waiters *waiters, struct slice session, const struct said *said)
{
    for (struct waiter *w = map_get(waiters->firsts, session); w; w = w->next)
        if (w->on_say)
            w->on_say(w->arg, said);
}

void waiters_wake_all(struct waiters *waiters)
{
    void *first = NULL;

    for (size_t at = 0; map_each(waiters->firsts, &at, &first);) {
        for (struct waiter *w = first; w; w = w->next)
            wake(w);
    }
}
