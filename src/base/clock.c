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
