/* Times that come again: the fields, the calendar, and clocks that are set. */
#include "base/clock.h"
#include "base/random.h"
#include "base/zone.h"
#include "core/cron.h"
#include "unit/unit.h"

#include <time.h>

static int64_t zone_offset(const void *arg, int64_t at_s)
{
    return zone_offset_s(arg, at_s);
}

static int64_t ms(const char *text)
{
    int64_t at_ms = 0;

    assert_true(clock_read(&at_ms, slice_of(text)));
    return at_ms;
}

static struct cron cron_of(const char *text)
{
    struct cron cron = { 0 };
    struct err err = { 0 };

    if (cron_parse(&cron, slice_of(text), &err))
        fail_msg("%s: %s", text, err.msg);
    return cron;
}

/* The times after `after`, in order, one after the other. */
static void check_times(const char *zone_name, const char *text, const char *after,
                        const char *const *wanted)
{
    struct zone *zone = zone_new(slice_of(zone_name));
    const struct cron_zone clock = { zone_offset, zone };
    struct cron cron = cron_of(text);
    int64_t at_ms = ms(after);

    assert_non_null(zone);
    for (; *wanted; wanted++) {
        char shown[CLOCK_TEXT_MAX];

        at_ms = cron_next_ms(&cron, &clock, at_ms);
        assert_string_equal(clock_text(shown, at_ms), *wanted);
    }
    zone_free(zone);
}

#define TIMES(zone, text, after, ...)                                                              \
    check_times(zone, text, after, (const char *const[]){ __VA_ARGS__, NULL })

static void fields_and_the_calendar(void **state)
{
    (void)state;
    TIMES("UTC", "0 3 * * *", "2026-11-25T03:00:00Z", "2026-11-26T03:00:00.000Z");
    TIMES("UTC", "0 3 * * *", "2026-11-25T02:59:59.999Z", "2026-11-25T03:00:00.000Z",
          "2026-11-26T03:00:00.000Z");
    TIMES("UTC", "*/20 9-10 * * mon-fri", "2026-11-27T10:30:00Z", "2026-11-27T10:40:00.000Z",
          "2026-11-30T09:00:00.000Z", "2026-11-30T09:20:00.000Z");
    TIMES("UTC", "5,1,59 0 31 * *", "2026-11-25T00:00:00Z", "2026-12-31T00:01:00.000Z",
          "2026-12-31T00:05:00.000Z", "2026-12-31T00:59:00.000Z", "2027-01-31T00:01:00.000Z");
    TIMES("UTC", "0 0 31 * *", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00.000Z");
    TIMES("UTC", "0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000Z",
          "2032-02-29T00:00:00.000Z");
    TIMES("UTC", "0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00.000Z");
    TIMES("UTC", "0 0 * * sat-sun", "2026-11-25T00:00:00Z", "2026-11-28T00:00:00.000Z",
          "2026-11-29T00:00:00.000Z", "2026-12-05T00:00:00.000Z");
    TIMES("UTC", "0 0 * * 7", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00.000Z");
    TIMES("UTC", "@weekly", "2026-11-25T00:00:00Z", "2026-11-29T00:00:00.000Z");
    TIMES("UTC", "@monthly", "2026-11-25T00:00:00Z", "2026-12-01T00:00:00.000Z");
    TIMES("UTC", "@yearly", "2026-11-25T00:00:00Z", "2027-01-01T00:00:00.000Z");
    TIMES("UTC", "@hourly", "2026-11-25T23:10:00Z", "2026-11-26T00:00:00.000Z");
    TIMES("UTC", "\t 0  12 1-7/3 * * ", "2026-11-25T00:00:00Z", "2026-12-01T12:00:00.000Z",
          "2026-12-04T12:00:00.000Z", "2026-12-07T12:00:00.000Z");
}

/* Where both leave days out one of them is enough; where one does, it decides. */
static void a_day_of_the_month_or_of_the_week(void **state)
{
    (void)state;
    TIMES("UTC", "0 0 13 * fri", "2026-11-10T00:00:00Z", "2026-11-13T00:00:00.000Z",
          "2026-11-20T00:00:00.000Z", "2026-11-27T00:00:00.000Z", "2026-12-04T00:00:00.000Z",
          "2026-12-11T00:00:00.000Z", "2026-12-13T00:00:00.000Z");
    TIMES("UTC", "0 0 13 * *", "2026-11-10T00:00:00Z", "2026-11-13T00:00:00.000Z",
          "2026-12-13T00:00:00.000Z");
    TIMES("UTC", "0 0 1-31 * fri", "2026-11-10T00:00:00Z", "2026-11-13T00:00:00.000Z",
          "2026-11-20T00:00:00.000Z");
}

/* The clock goes from 2:00 to 3:00 at 01:00 UTC on 29 March 2026. */
static void a_time_that_is_left_out(void **state)
{
    (void)state;
    TIMES("Europe/Berlin", "30 2 * * *", "2026-03-28T00:00:00Z", "2026-03-28T01:30:00.000Z",
          "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z");
    TIMES("Europe/Berlin", "*/10 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00.000Z",
          "2026-03-30T00:00:00.000Z");
    TIMES("Europe/Berlin", "0 3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00.000Z",
          "2026-03-30T01:00:00.000Z");
    TIMES("America/New_York", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00.000Z",
          "2026-03-09T06:30:00.000Z");
    /* From 2:00 to 2:30. */
    TIMES("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00.000Z",
          "2026-10-04T15:15:00.000Z");
    /* A whole day: 30 December 2011. */
    TIMES("Pacific/Apia", "0 9 30 * *", "2011-12-01T00:00:00Z", "2011-12-30T10:00:00.000Z",
          "2012-01-29T19:00:00.000Z");
}

/* From 3:00 to 2:00 at 01:00 UTC on 25 October 2026. */
static void a_time_that_comes_twice(void **state)
{
    (void)state;
    TIMES("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00.000Z",
          "2026-10-26T01:30:00.000Z");
    TIMES("Europe/Berlin", "0 3 * * *", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00.000Z",
          "2026-10-26T02:00:00.000Z");
    TIMES("Europe/Berlin", "*/30 1-2 * * *", "2026-10-24T22:50:00Z", "2026-10-24T23:00:00.000Z",
          "2026-10-24T23:30:00.000Z", "2026-10-25T00:00:00.000Z", "2026-10-25T00:30:00.000Z",
          "2026-10-26T00:00:00.000Z");
    TIMES("America/New_York", "30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00.000Z",
          "2026-11-02T06:30:00.000Z");
    TIMES("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00.000Z",
          "2026-04-05T15:15:00.000Z");
}

static void what_runs_every_hour_follows_time_itself(void **state)
{
    (void)state;
    TIMES("Europe/Berlin", "30 * * * *", "2026-10-24T23:00:00Z", "2026-10-24T23:30:00.000Z",
          "2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T02:30:00.000Z");
    TIMES("Europe/Berlin", "30 * * * *", "2026-03-29T00:00:00Z", "2026-03-29T00:30:00.000Z",
          "2026-03-29T01:30:00.000Z");
    TIMES("Europe/Berlin", "*/30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00.000Z",
          "2026-10-25T01:30:00.000Z", "2026-10-25T02:00:00.000Z");
    TIMES("Asia/Kathmandu", "0 * * * *", "2026-10-25T00:00:00Z", "2026-10-25T00:15:00.000Z",
          "2026-10-25T01:15:00.000Z");
    /* The clock went back from 00:01 to 23:01 of the day before. */
    TIMES("America/St_Johns", "*/30 * * * *", "2010-11-07T02:05:00Z", "2010-11-07T02:30:00.000Z",
          "2010-11-07T03:00:00.000Z", "2010-11-07T03:30:00.000Z", "2010-11-07T04:00:00.000Z");
}

static void what_never_comes_ends(void **state)
{
    struct zone *zone = zone_new(SLICE_LIT("UTC"));
    const struct cron_zone clock = { zone_offset, zone };
    static const char *const texts[] = { "0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * 30-31 feb *" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct cron cron = cron_of(texts[i]);

        assert_int_equal(cron_next_ms(&cron, &clock, ms("2026-11-25T00:00:00Z")), 0);
        assert_int_equal(cron_latest_ms(&cron, &clock, 1, ms("2026-11-25T00:00:00Z")), 0);
    }
    zone_free(zone);
}

static void the_latest_of_many(void **state)
{
    struct zone *zone = zone_new(SLICE_LIT("Europe/Berlin"));
    const struct cron_zone clock = { zone_offset, zone };
    struct cron every = cron_of("* * * * *");
    struct cron leap = cron_of("0 0 29 2 *");

    (void)state;
    assert_int_equal(cron_latest_ms(&every, &clock, ms("2016-11-25T10:00:00Z"),
                                    ms("2026-11-25T10:00:59Z")),
                     ms("2026-11-25T10:00:00Z"));
    assert_int_equal(cron_latest_ms(&leap, &clock, ms("2016-11-25T10:00:00Z"),
                                    ms("2026-11-25T10:00:59Z")),
                     ms("2024-02-28T23:00:00Z"));
    assert_int_equal(
        cron_latest_ms(&leap, &clock, ms("2024-02-28T23:00:00Z"), ms("2026-11-25T10:00:59Z")), 0);
    zone_free(zone);
}

/* ---- every minute of the weeks in which clocks are set, in four zones, asked one by one ---- */

enum { MINUTE_S = 60, DAY_S = 86400 };

static int fits(const struct cron *cron, int64_t local_s)
{
    time_t at = (time_t)local_s;
    struct tm tm;

    assert_non_null(gmtime_r(&at, &tm));
    int day = (int)(cron->days >> tm.tm_mday & 1);
    int weekday = (int)(cron->weekdays >> tm.tm_wday & 1);
    int is_either = cron->days != 0xfffffffe && cron->weekdays != 0x7f;

    return (cron->minutes >> tm.tm_min & 1) && (cron->hours >> tm.tm_hour & 1) &&
           (cron->months >> (tm.tm_mon + 1) & 1) && (is_either ? day || weekday : day && weekday);
}

/* True if it is due at this minute of UTC, whose clock shows what no earlier minute showed. */
static int is_due(const struct cron *cron, int64_t shown_s, int64_t before_s, int64_t *most_s)
{
    int is_new = shown_s > *most_s;
    int is_fixed = cron->hours != (1 << 24) - 1;
    int due = fits(cron, shown_s) && (is_new || !is_fixed);

    if (is_fixed)
        for (int64_t skipped = before_s + MINUTE_S; skipped < shown_s; skipped += MINUTE_S)
            due |= skipped > *most_s && fits(cron, skipped);
    if (is_new)
        *most_s = shown_s;
    return due;
}

static void check_each_minute(const char *zone_name, const char *text, const char *from)
{
    struct zone *zone = zone_new(slice_of(zone_name));
    const struct cron_zone clock = { zone_offset, zone };
    struct cron cron = cron_of(text);
    int64_t from_s = ms(from) / 1000;
    int64_t to_s = from_s + 45 * (int64_t)DAY_S;
    int64_t before_s = from_s - MINUTE_S + zone_offset_s(zone, from_s - MINUTE_S);
    int64_t most_s = before_s;
    int64_t next_s = cron_next_ms(&cron, &clock, from_s * 1000 - 1) / 1000;

    for (int64_t at_s = from_s; at_s < to_s; at_s += MINUTE_S) {
        int64_t shown_s = at_s + zone_offset_s(zone, at_s);
        int due = is_due(&cron, shown_s, before_s, &most_s);

        if (due != (next_s == at_s))
            fail_msg("%s in %s: %lld is%s due, the next is %lld", text, zone_name, (long long)at_s,
                     due ? "" : " not", (long long)next_s);
        if (due)
            next_s = cron_next_ms(&cron, &clock, at_s * 1000) / 1000;
        before_s = shown_s;
    }
    zone_free(zone);
}

static void no_minute_is_missed_or_added(void **state)
{
    static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                         "Asia/Kathmandu" };
    static const char *const texts[] = { "*/17 * * * *",     "13 1-3 * * *", "*/15 2 * * sun",
                                         "0 0 1,15 * wed",   "59 23 * * *",  "0 */2 * 3,4,10,11 *",
                                         "1-59/7 0-22 * * *" };

    (void)state;
    for (size_t z = 0; z < ARRAY_LEN(zones); z++) {
        for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
            check_each_minute(zones[z], texts[t], "2026-03-01T00:00:00Z");
            check_each_minute(zones[z], texts[t], "2026-09-25T00:00:00Z");
        }
    }
}

static void what_is_no_cron_is_told(void **state)
{
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        { "", "there are 0 fields" },
        { "0 3 * *", "there are 4 fields" },
        { "0 3 * * * *", "there are 6 fields" },
        { "60 3 * * *", "'60' is no minute: write 0 to 59" },
        { "0 24 * * *", "'24' is no hour" },
        { "0 3 0 * *", "'0' is no day of the month: write 1 to 31" },
        { "0 3 * 13 *", "'13' is no month: write 1 to 12, or a name such as feb" },
        { "0 3 * * 8", "'8' is no day of the week: write 0 to 7, or a name such as mon" },
        { "0 3 * * monday", "'monday' is no day of the week" },
        { "0 3 mon * *", "'mon' is no day of the month" },
        { "0 3 * * fri-mon", "'fri-mon' runs backward" },
        { "10-5 3 * * *", "'10-5' runs backward" },
        { "*/0 3 * * *", "'*/0': after / comes a whole number above 0" },
        { "*/x 3 * * *", "'*/x': after /" },
        { "5/10 3 * * *", "'5/10': a step needs a range, as in 5-59/10" },
        { "1,,2 3 * * *", "the minute has an empty entry" },
        { "1, 3 * * *", "the minute has an empty entry" },
        { "-1 3 * * *", "'' is no minute" },
        { "99999999999 3 * * *", "'99999999999' is no minute" },
        { "? 3 * * *", "'?' is no minute" },
        { "@dayly", "'@dayly' is not known" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron cron;
        struct err err = { 0 };

        assert_int_equal(cron_parse(&cron, slice_of(cases[i].text), &err), ERR_INVALID);
        if (strncmp(err.msg, cases[i].said, strlen(cases[i].said)) != 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
    }
}

/* Whatever bytes: an answer, and a time that is in order if there is one. */
static void any_text_is_answered(void **state)
{
    static const char alphabet[] = " 0123456789*,-/@monjaf?\t";
    enum { BLANK_AT = 0 };
    struct zone *zone = zone_new(SLICE_LIT("Europe/Berlin"));
    const struct cron_zone clock = { zone_offset, zone };
    struct random random;
    unsigned taken = 0;

    (void)state;
    random_seed(&random, 11);
    for (unsigned i = 0; i < 20000; i++) {
        char text[24];
        size_t len = random_u64(&random) % sizeof(text);
        struct cron cron;
        struct err err = { 0 };

        for (size_t k = 0; k < len; k++)
            text[k] = alphabet[k % 2 ? BLANK_AT : random_u64(&random) % (sizeof(alphabet) - 1)];
        if (cron_parse(&cron, (struct slice){ text, len }, &err))
            continue;
        taken++;
        int64_t next_ms = cron_next_ms(&cron, &clock, 1774700000000);

        assert_true(next_ms == 0 || next_ms > 1774700000000);
    }
    assert_true(taken > 20);
    zone_free(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_the_calendar),
        cmocka_unit_test(a_day_of_the_month_or_of_the_week),
        cmocka_unit_test(a_time_that_is_left_out),
        cmocka_unit_test(a_time_that_comes_twice),
        cmocka_unit_test(what_runs_every_hour_follows_time_itself),
        cmocka_unit_test(what_never_comes_ends),
        cmocka_unit_test(the_latest_of_many),
        cmocka_unit_test(no_minute_is_missed_or_added),
        cmocka_unit_test(what_is_no_cron_is_told),
        cmocka_unit_test(any_text_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
