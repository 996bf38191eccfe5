#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/attr.h"

static int64_t read_ms(clockid_t id)
{
    struct timespec now;

    ASSERT(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *arg)
{
    (void)arg;
    return read_ms(CLOCK_MONOTONIC);
}

struct clock clock_system(void)
{
    return (struct clock){ .wall_ms = system_wall_ms, .mono_ms = system_mono_ms };
}

const char *clock_text(char text[CLOCK_TEXT_MAX], int64_t wall_ms)
{
    enum { YEAR_LAST = 9999 };
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;

    if (ms < 0) { /* before 1970 the second is the one below, not the one nearer to zero */
        ms += 1000;
        seconds--;
    }
    if (!gmtime_r(&seconds, &utc) || utc.tm_year + 1900 > YEAR_LAST || utc.tm_year + 1900 < 0)
        (void)snprintf(text, CLOCK_TEXT_MAX, "out-of-range");
    else /* the remainders change nothing; they let the compiler see that the text fits */
        (void)snprintf(text, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                       (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
                       (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100,
                       (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100, (unsigned)ms % 1000);
    return text;
}

/* ---- the other way round ---- */

/* A number of exactly so many digits, taken off *rest; -1: there is none. */
static int take_number(struct slice *rest, size_t digits)
{
    int number = 0;

    if (rest->len < digits)
        return -1;
    for (size_t i = 0; i < digits; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9')
            return -1;
        number = number * 10 + (rest->ptr[i] - '0');
    }
    *rest = (struct slice){ rest->ptr + digits, rest->len - digits };
    return number;
}

static char take_char(struct slice *rest, const char *set)
{
    if (rest->len == 0 || rest->ptr[0] == '\0' || !strchr(set, rest->ptr[0]))
        return '\0';
    char found = rest->ptr[0];

    *rest = (struct slice){ rest->ptr + 1, rest->len - 1 };
    return found;
}

/* Milliseconds of ".042" if there is a dot; -1: no digit follows it. */
static int take_fraction(struct slice *rest)
{
    int ms = 0;
    int digits = 0;

    if (!take_char(rest, "."))
        return 0;
    for (int digit; (digit = take_number(rest, 1)) >= 0; digits++)
        if (digits < 3)
            ms = ms * 10 + digit;
    if (digits == 0)
        return -1;
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

/* Minutes ahead of UTC; false: there is no offset, or none that can be. */
static int take_offset(struct slice *rest, int *ret_minutes)
{
    char sign = take_char(rest, "Zz+-");

    *ret_minutes = 0;
    if (sign != '+' && sign != '-')
        return sign != '\0';
    int hours = take_number(rest, 2);
    int has_colon = take_char(rest, ":") != '\0';
    int minutes = take_number(rest, 2);

    *ret_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return has_colon && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

int clock_read(int64_t *ret_wall_ms, struct slice text)
{
    struct slice rest = text;
    struct tm tm = { .tm_year = take_number(&rest, 4) - 1900 };
    int is_good = take_char(&rest, "-") != '\0';
    int ms, offset;

    tm.tm_mon = take_number(&rest, 2) - 1;
    is_good &= take_char(&rest, "-") != '\0';
    tm.tm_mday = take_number(&rest, 2);
    is_good &= take_char(&rest, "Tt ") != '\0';
    tm.tm_hour = take_number(&rest, 2);
    is_good &= take_char(&rest, ":") != '\0';
    tm.tm_min = take_number(&rest, 2);
    is_good &= take_char(&rest, ":") != '\0';
    tm.tm_sec = take_number(&rest, 2);
    ms = take_fraction(&rest);
    is_good &= take_offset(&rest, &offset);

    /* timegm() takes 31 February for a day in March: what it changes was no date. */
    struct tm same = tm;
    time_t seconds = timegm(&same);

    if (!is_good || rest.len > 0 || ms < 0 || tm.tm_year < 70 || same.tm_mon != tm.tm_mon ||
        same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour || same.tm_min != tm.tm_min ||
        same.tm_sec != tm.tm_sec)
        return 0;
    *ret_wall_ms = ((int64_t)seconds - (int64_t)offset * 60) * 1000 + ms;
    return 1;
}
