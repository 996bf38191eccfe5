/*
 * openai_retry.c - when a provider wants to be asked again.
 *
 * retry-after-ms and retry-after as npm openai@7 client.js; the x-ratelimit-reset-* headers are Go
 * durations ("6m0s", "12ms"; Go's time.Duration.String), or seconds at some compatible servers.
 */
#include <time.h>

#include "model/openai_error.h"

/* The unsigned decimal at text[*at], moved past; false if there is none. */
static int read_number(struct slice text, size_t *at, double *ret_number)
{
    size_t start = *at;
    double number = 0;
    double place = 1;
    int is_fraction = 0;

    for (; *at < text.len; ++*at) {
        char c = text.ptr[*at];

        if (c == '.' && !is_fraction && *at > start) {
            is_fraction = 1;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        number = number * 10 + (c - '0');
        place *= is_fraction ? 10 : 1;
    }
    *ret_number = number / place;
    return *at > start;
}

static int64_t clamp_ms(double ms)
{
    if (!(ms > 0)) /* not a number, too */
        return 0;
    return ms < OPENAI_RETRY_AFTER_MAX_MS ? (int64_t)ms : OPENAI_RETRY_AFTER_MAX_MS;
}

static int read_plain(struct slice text, double unit_ms, int64_t *ret_ms)
{
    double number;
    size_t at = 0;

    if (!read_number(text, &at, &number) || at != text.len)
        return 0;
    *ret_ms = clamp_ms(number * unit_ms);
    return 1;
}

/* Two digits at a fixed place, or -1. */
static int two_digits(struct slice text, size_t at)
{
    unsigned tens = (unsigned)(text.ptr[at] - '0');
    unsigned ones = (unsigned)(text.ptr[at + 1] - '0');

    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

static int month_of(struct slice text, size_t at)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int month = 0; month < 12; month++)
        if (memcmp(text.ptr + at, months + 3 * (size_t)month, 3) == 0)
            return month;
    return -1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT": the one form that RFC 9110 lets servers send. */
static int read_date(struct slice text, int64_t now_wall_ms, int64_t *ret_ms)
{
    static const char shape[] = "Xxx, 00 Xxx 0000 00:00:00 GMT";

    if (text.len != sizeof(shape) - 1)
        return 0;
    for (size_t i = 0; i < text.len; i++)
        if (strchr(", :GMT", shape[i]) && text.ptr[i] != shape[i])
            return 0;
    int century = two_digits(text, 12);
    int year = two_digits(text, 14);
    struct tm date = {
        .tm_mday = two_digits(text, 5),
        .tm_mon = month_of(text, 8),
        .tm_year = century * 100 + year - 1900,
        .tm_hour = two_digits(text, 17),
        .tm_min = two_digits(text, 20),
        .tm_sec = two_digits(text, 23),
    };

    if (century < 0 || year < 0 || date.tm_mday < 1 || date.tm_mon < 0 || date.tm_hour < 0 ||
        date.tm_min < 0 || date.tm_sec < 0)
        return 0;
    *ret_ms = clamp_ms((double)timegm(&date) * 1000 - (double)now_wall_ms);
    return 1;
}

struct go_unit {
    const char *name;
    double ms;
};

/* The unit at text[*at], moved past, in milliseconds; 0 if there is none. */
static double read_go_unit(struct slice text, size_t *at)
{
    static const struct go_unit units[] = {
        /* the longer of two with one beginning first */
        { "ms", 1 },        { "us", 0.001 },  { "\xc2\xb5s", 0.001 }, { "\xce\xbcs", 0.001 },
        { "ns", 0.000001 }, { "h", 3600000 }, { "m", 60000 },         { "s", 1000 },
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t len = strlen(units[i].name);

        if (text.len - *at >= len && memcmp(text.ptr + *at, units[i].name, len) == 0) {
            *at += len;
            return units[i].ms;
        }
    }
    return 0;
}

static int64_t read_reset(struct slice text)
{
    int64_t seconds_ms;
    double ms = 0;
    double number;

    if (read_plain(text, 1000, &seconds_ms))
        return seconds_ms;
    for (size_t at = 0; at < text.len;) {
        if (!read_number(text, &at, &number))
            return 0;
        double unit = read_go_unit(text, &at);

        if (unit == 0)
            return 0;
        ms += number * unit;
    }
    return clamp_ms(ms);
}

static int64_t reset_if_used_up(struct slice remaining, struct slice reset)
{
    return slice_is(remaining, "0") ? read_reset(reset) : 0;
}

int64_t openai_retry_after_ms(const struct openai_hints *hints, int status, int64_t now_wall_ms)
{
    int64_t ms;

    if (read_plain(hints->retry_after_ms, 1, &ms) || read_plain(hints->retry_after, 1000, &ms) ||
        read_date(hints->retry_after, now_wall_ms, &ms))
        return ms;
    if (status != 429)
        return 0;
    int64_t requests = reset_if_used_up(hints->remaining_requests, hints->reset_requests);
    int64_t tokens = reset_if_used_up(hints->remaining_tokens, hints->reset_tokens);

    return requests > tokens ? requests : tokens;
}
