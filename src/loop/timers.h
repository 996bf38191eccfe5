/*
 * timers.h - a binary heap of timers, by due time, then by the order of arming. For loop/ only.
 *
 * Pure: it is told the time and reads no clock, so the simulated loop runs the same code.
 */
#ifndef LOOP_TIMERS_H
#define LOOP_TIMERS_H

#include "loop/loop.h"

struct timers {
    struct loop_timer **heap; /* from 1: the children of i are 2i and 2i+1 */
    size_t count;
    size_t cap;
    uint64_t armed; /* how many were armed ever: the order of the last */
};

void timers_arm(struct timers *timers, struct loop_timer *timer, int64_t due_ms);
void timers_drop(struct timers *timers, struct loop_timer *timer); /* not armed: a no-op */
int64_t timers_next_ms(const struct timers *timers);               /* -1: none */

/*
 * Runs what is due at now_ms and was armed before this call: a timer that re-arms itself with
 * no delay waits for the next turn, so that it starves nobody. Returns how many ran.
 */
size_t timers_run(struct timers *timers, int64_t now_ms);
void timers_release(struct timers *timers); /* forgets all; touches no timer */

#endif
