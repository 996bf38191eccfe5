/*
 * throttle.h - how many log-ins may fail from one place.
 *
 * A key of 256 random bits cannot be guessed, so this does not keep anybody out who has a good key:
 * one that is right passes, however many were wrong before it, or else whoever shares an address
 * with an attacker (a proxy, a NAT) would be shut out with him. What it bounds is what wrong ones
 * cost and what they are told: beyond the limit the answer is the same whatever was sent.
 *
 * Of fixed size: a place that has failed longest ago makes room for a new one. Pure.
 */
#ifndef AUTH_THROTTLE_H
#define AUTH_THROTTLE_H

#include "auth/address.h"

struct throttle;

enum {
    THROTTLE_BURST = 10,       /* so many at once, */
    THROTTLE_REFILL_MS = 6000, /* then one in so long */
};

struct throttle *throttle_new(void);
void throttle_free(struct throttle *throttle); /* NULL-safe */

/* A log-in from there has failed. 0, or it was one too many: how long until it would not be. */
int64_t throttle_fail(struct throttle *throttle, struct auth_place place, int64_t now_ms);

#endif
