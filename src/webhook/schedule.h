/*
 * schedule.h - when a webhook is tried again: the schedule of Standard Webhooks. Pure.
 */
#ifndef WEBHOOK_SCHEDULE_H
#define WEBHOOK_SCHEDULE_H

#include "base/random.h"

enum { WEBHOOK_ATTEMPTS_MAX = 10 };

/*
 * How long to wait after so many failed attempts, in milliseconds: at once, then 5 s, 5 min, 30
 * min, 2, 5, 10, 14, 20 and 24 hours, and up to a tenth of it more, so that what failed together
 * does not come back together. -1: there is no further attempt.
 */
int64_t webhook_delay_ms(uint32_t failed, struct random *random);

#endif
