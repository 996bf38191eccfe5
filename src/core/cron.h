/*
 * cron.h - times that come again, as crontab(5) writes them: "0 3 * * mon-fri". Pure.
 *
 * Five fields: minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or jan-dec), day of
 * the week (0-7 or sun-sat; 0 and 7 are Sunday). Each is a list, parted by commas, of values,
 * ranges a-b, or *, the last two with a step, a-b/n. Or one word: @yearly, @annually, @monthly,
 * @weekly, @daily, @midnight, @hourly. A day must match both of its fields; where each of them
 * leaves some days out, one of the two is enough.
 *
 * Times are those of a clock on a wall in the zone. Where that clock is set:
 * - If some hours are left out, the hour is what is meant. A time that the clock leaves out is the
 *   moment after the gap; one that it shows twice is the first of the two.
 * - With every hour of the day, what is meant is how much time passes: each time that the clock
 *   shows counts, as often as it shows it.
 */
#ifndef CORE_CRON_H
#define CORE_CRON_H

#include "base/buf.h"

struct cron {
    uint64_t minutes; /* bit n: at minute n */
    uint32_t hours;
    uint32_t days;   /* of the month: bits 1 to 31 */
    uint32_t months; /* bits 1 to 12 */
    uint32_t weekdays;
};

/* How much the zone's clock is ahead of UTC, in seconds, at a time in seconds since 1970. */
struct cron_zone {
    int64_t (*offset_s)(const void *arg, int64_t at_s);
    const void *arg;
};

/* ERR_INVALID: the message says which field is wrong, and why. */
enum err_code cron_parse(struct cron *ret_cron, struct slice text, struct err *err) MUST_CHECK;

/* The first time after `after_ms`, in milliseconds since 1970; 0: it never comes (30 February). */
int64_t cron_next_ms(const struct cron *cron, const struct cron_zone *zone, int64_t after_ms);

/* The last time after `after_ms` and not after `until_ms`; 0: there is none. */
int64_t cron_latest_ms(const struct cron *cron, const struct cron_zone *zone, int64_t after_ms,
                       int64_t until_ms);

#endif
