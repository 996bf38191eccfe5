#include "loop/timers.h"

#include <stdlib.h>

enum { CAP_MIN = 64 };

static int is_before(const struct loop_timer *a, const struct loop_timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(struct timers *timers, struct loop_timer *timer, size_t at)
{
    timers->heap[at] = timer;
    timer->heap_at = at;
}

static void sift_up(struct timers *timers, struct loop_timer *timer, size_t at)
{
    for (; at > 1 && is_before(timer, timers->heap[at / 2]); at /= 2)
        place(timers, timers->heap[at / 2], at);
    place(timers, timer, at);
}

static void sift_down(struct timers *timers, struct loop_timer *timer, size_t at)
{
    for (size_t child; (child = at * 2) <= timers->count; at = child) {
        if (child < timers->count && is_before(timers->heap[child + 1], timers->heap[child]))
            child++;
        if (is_before(timer, timers->heap[child]))
            break;
        place(timers, timers->heap[child], at);
    }
    place(timers, timer, at);
}

void timers_arm(struct timers *timers, struct loop_timer *timer, int64_t due_ms)
{
    timers_drop(timers, timer);
    if (timers->count + 1 >= timers->cap) {
        timers->cap = timers->cap ? timers->cap * 2 : CAP_MIN;
        timers->heap = xrealloc((void *)timers->heap, timers->cap * sizeof(struct loop_timer *));
    }
    timer->due_ms = due_ms;
    timer->order = ++timers->armed;
    sift_up(timers, timer, ++timers->count);
}

void timers_drop(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;

    if (at == 0)
        return;
    ASSERT(at <= timers->count && timers->heap[at] == timer);
    struct loop_timer *last = timers->heap[timers->count--];

    timer->heap_at = 0;
    if (last == timer)
        return;
    if (at > 1 && is_before(last, timers->heap[at / 2]))
        sift_up(timers, last, at);
    else
        sift_down(timers, last, at);
}

int64_t timers_next_ms(const struct timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->due_ms : -1;
}

size_t timers_run(struct timers *timers, int64_t now_ms)
{
    uint64_t armed = timers->armed;
    size_t ran = 0;

    for (; timers->count > 0; ran++) {
        struct loop_timer *timer = timers->heap[1];

        /* What is armed from here on is due now at the earliest and has a higher order, so it
         * comes out only after everything older that is due. */
        if (timer->due_ms > now_ms || timer->order > armed)
            break;
        timers_drop(timers, timer);
        timer->fn(timer->arg);
    }
    return ran;
}

void timers_release(struct timers *timers)
{
    free((void *)timers->heap);
    *timers = (struct timers){ 0 };
}
