/*
 * gen.h - random events, for the tests of the core that draw theirs.
 *
 * The same random numbers give the same events: a seed replays.
 */
#ifndef UNIT_GEN_H
#define UNIT_GEN_H

#include "base/random.h"
#include "core/session.h"

/* 0 .. n-1, as a plain unsigned; n > 0. */
unsigned gen_below(struct random *random, unsigned n);

/* True in `percent` of a hundred cases. */
int gen_chance(struct random *random, unsigned percent);

/* An event of that kind that event_check.c lets pass, with values from all of their ranges. */
struct session_event gen_sane(struct random *random, enum event_kind kind);

/*
 * An event that somebody might bring to this state at now_ms: mostly one that fits (what is due, an
 * answer to what is open, a timer), at times one that is late, doubled, early or about nothing.
 * Its seq and at_ms are set.
 */
struct session_event gen_likely(struct random *random, const struct session_state *state,
                                int64_t now_ms);

/* One value of the event out of its range, or just odd. */
void gen_spoil(struct random *random, struct session_event *event);

#endif
