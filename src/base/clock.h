/*
 * clock.h - time as an interface, so that a simulation can own it.
 *
 * wall: milliseconds since 1970 UTC; may jump both ways; what events carry.
 * mono: milliseconds since some start; never goes back; what timers run on.
 * Read once a loop turn (see loop.h), not wherever one is curious.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"

struct clock {
    int64_t (*wall_ms)(void *arg);
    int64_t (*mono_ms)(void *arg);
    void *arg;
};

struct clock clock_system(void);

enum { CLOCK_TEXT_MAX = 32 };

/* RFC 3339 in UTC with milliseconds: "2026-11-23T22:11:35.042Z". Returns text. */
const char *clock_text(char text[CLOCK_TEXT_MAX], int64_t wall_ms);

/*
 * The other way round: any RFC 3339 time with a year from 1970 on, what is finer than a millisecond
 * dropped. False: text is none.
 */
int clock_read(int64_t *ret_wall_ms, struct slice text);

#endif
