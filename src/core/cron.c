/*
 * cron.c - the arithmetic of times that come again.
 *
 * Days are gone through by the calendar, and within one the times by the zone's clock. On most days
 * that clock is not set: then a time of it is a time of UTC, and bits tell the next one.
 */
#include "core/cron.h"

/* 29 February may be 8 years away: 2096 to 2104. */
enum {
    DAYS_AHEAD_MAX = 9 * 366,
    DAY_S = 86400,
    HOUR_S = 3600,
    MINUTE_S = 60,
    DAY_HOURS = 24,
    HOUR_MINUTES = 60,
    WEEK_DAYS = 7,
    EPOCH_WEEKDAY = 4, /* 1 January 1970 was a Thursday */
    ALL_HOURS = (1 << DAY_HOURS) - 1,
    ALL_WEEKDAYS = (1 << WEEK_DAYS) - 1,
};

static const uint32_t all_days = 0xfffffffe;

/* ---- the calendar ---- */

struct date {
    int64_t year;
    unsigned month, day;
};

static int64_t floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

/*
 * Of a day since 1970, in the proleptic Gregorian calendar. Years begin in March here, so that the
 * leap day is their last; 400 of them have the same number of days.
 */
static struct date date_of(int64_t day)
{
    enum { DAYS_TO_1970 = 719468, ERA_DAYS = 146097, ERA_YEARS = 400 };
    int64_t era = floor_div(day + DAYS_TO_1970, ERA_DAYS);
    int64_t in_era = day + DAYS_TO_1970 - era * ERA_DAYS;
    int64_t year =
        (in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA_DAYS - 1)) / 365; /* of the era */
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153; /* 0 is March; 153 days are five months */

    return (struct date){ .year = era * ERA_YEARS + year + (month >= 10),
                          .month = (unsigned)(month < 10 ? month + 3 : month - 9),
                          .day = (unsigned)(in_year - (153 * month + 2) / 5 + 1) };
}

static int is_day(const struct cron *cron, int64_t day)
{
    struct date date = date_of(day);
    int64_t weekday = day + EPOCH_WEEKDAY - floor_div(day + EPOCH_WEEKDAY, WEEK_DAYS) * WEEK_DAYS;
    int fits_day = (int)(cron->days >> date.day & 1);
    int fits_weekday = (int)(cron->weekdays >> weekday & 1);

    if (!(cron->months >> date.month & 1))
        return 0;
    if (cron->days == all_days || cron->weekdays == ALL_WEEKDAYS)
        return fits_day && fits_weekday;
    return fits_day || fits_weekday;
}

/* ---- one day ---- */

/* What the zone's clock does around a day. */
struct shift {
    int64_t before_s; /* its offset ahead of the day, */
    int64_t after_s;  /* and behind it */
    int64_t at_s;     /* the first moment with the latter, if they differ */
};

static int64_t offset_of(const struct cron_zone *zone, int64_t at_s)
{
    return zone->offset_s(zone->arg, at_s);
}

/* Offsets are less than a day, so what the clock shows on the day is within these bounds. */
static struct shift shift_around(const struct cron_zone *zone, int64_t day)
{
    int64_t low = (day - 1) * DAY_S;
    int64_t high = (day + 2) * DAY_S;
    struct shift shift = { .before_s = offset_of(zone, low), .after_s = offset_of(zone, high) };

    if (shift.before_s == shift.after_s)
        return shift;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (offset_of(zone, middle) == shift.before_s)
            low = middle;
        else
            high = middle;
    }
    shift.at_s = high;
    return shift;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* When the clock shows this local time, first of all after after_s; 0: not then. */
static int64_t moment_of(const struct cron *cron, const struct shift *shift, int64_t local_s,
                         int64_t after_s)
{
    int64_t first = local_s - shift->before_s;
    int64_t second = local_s - shift->after_s;
    int shows_first = first < shift->at_s;
    int shows_second = second >= shift->at_s;

    if (cron->hours != ALL_HOURS) {
        if (!shows_first && !shows_second)
            first = shift->at_s;
        else if (!shows_first)
            first = second;
        return first > after_s ? first : 0;
    }
    first = shows_first && first > after_s ? first : 0;
    second = shows_second && second > after_s ? second : 0;
    return earlier(first, second);
}

static int64_t first_of_set_day(const struct cron *cron, const struct shift *shift, int64_t day,
                                int64_t after_s)
{
    int64_t best = 0;

    for (unsigned hour = 0; hour < DAY_HOURS; hour++) {
        for (unsigned minute = 0; minute < HOUR_MINUTES; minute++) {
            int64_t local_s = day * DAY_S + (int64_t)hour * HOUR_S + (int64_t)minute * MINUTE_S;

            if ((cron->hours >> hour & 1) && (cron->minutes >> minute & 1))
                best = earlier(best, moment_of(cron, shift, local_s, after_s));
        }
    }
    return best;
}

/* The first time of this day, by a clock that is not set, after after_s of that clock. */
static int64_t first_of_plain_day(const struct cron *cron, int64_t day, int64_t after_s)
{
    int64_t begin_s = day * DAY_S;
    int64_t from = after_s < begin_s ? 0 : (after_s - begin_s) / MINUTE_S + 1;

    for (int64_t hour = from / HOUR_MINUTES; hour < DAY_HOURS; hour++) {
        int64_t least = hour == from / HOUR_MINUTES ? from % HOUR_MINUTES : 0;
        uint64_t minutes = cron->minutes >> least;

        if ((cron->hours >> hour & 1) && minutes != 0)
            return begin_s + hour * HOUR_S + (least + __builtin_ctzll(minutes)) * MINUTE_S;
    }
    return 0;
}

static int64_t first_of_day(const struct cron *cron, const struct cron_zone *zone, int64_t day,
                            int64_t after_s)
{
    if (!is_day(cron, day))
        return 0;
    struct shift shift = shift_around(zone, day);

    if (shift.before_s != shift.after_s)
        return first_of_set_day(cron, &shift, day, after_s);
    int64_t local_s = first_of_plain_day(cron, day, after_s + shift.before_s);

    return local_s == 0 ? 0 : local_s - shift.before_s;
}

/* ---- times ---- */

int64_t cron_next_ms(const struct cron *cron, const struct cron_zone *zone, int64_t after_ms)
{
    int64_t after_s = floor_div(after_ms, 1000);
    /* A clock that is set back shows the end of a day again: so one day sooner than it shows. */
    int64_t today = floor_div(after_s + offset_of(zone, after_s), DAY_S);

    for (int64_t day = today - 1; day <= today + DAYS_AHEAD_MAX; day++) {
        int64_t at_s = first_of_day(cron, zone, day, after_s);

        if (at_s == 0)
            continue;
        /* It may do so after the next day has begun. */
        return earlier(at_s, first_of_day(cron, zone, day + 1, after_s)) * 1000;
    }
    return 0;
}

int64_t cron_latest_ms(const struct cron *cron, const struct cron_zone *zone, int64_t after_ms,
                       int64_t until_ms)
{
    int64_t latest = cron_next_ms(cron, zone, after_ms);
    int64_t high = until_ms;

    if (latest == 0 || latest > until_ms)
        return 0;
    /* The next time after `latest` is not after until_ms, as long as they have not met. */
    while (latest < high) {
        int64_t middle = latest + (high - latest) / 2;
        int64_t next = cron_next_ms(cron, zone, middle);

        if (next == 0 || next > until_ms) {
            if (middle == latest)
                break;
            high = middle;
        } else {
            latest = next;
        }
    }
    return latest;
}
