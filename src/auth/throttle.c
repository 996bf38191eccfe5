/*
 * A token bucket a place, kept as one number: the moment at which it is full again. A bucket that
 * is full is the same as none.
 *
 * The table is a cache of sets, each of a few places, so that a look-up and an eviction cost the
 * same whatever is in it. Which set a place falls into nobody outside can know (hash_bytes()).
 */
#include "auth/throttle.h"

#include <stdlib.h>

#include "base/hash.h"

enum { SETS = 512, WAYS = 8 };

struct bucket {
    struct auth_place place;
    int64_t full_at_ms;
};

struct throttle {
    struct bucket sets[SETS][WAYS];
};

struct throttle *throttle_new(void)
{
    return xcalloc(1, sizeof(struct throttle));
}

void throttle_free(struct throttle *throttle)
{
    free(throttle);
}

static struct bucket *find(struct throttle *throttle, struct auth_place place)
{
    const uint64_t bytes[2] = { place.bits, (uint64_t)place.is_ipv6 };
    uint64_t hash = hash_bytes((struct slice){ (const char *)bytes, sizeof(bytes) });
    struct bucket *set = throttle->sets[hash % SETS];
    struct bucket *fullest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].place.bits == place.bits && set[i].place.is_ipv6 == place.is_ipv6)
            return &set[i];
        if (set[i].full_at_ms < fullest->full_at_ms)
            fullest = &set[i];
    }
    *fullest = (struct bucket){ .place = place };
    return fullest;
}

int64_t throttle_fail(struct throttle *throttle, struct auth_place place, int64_t now_ms)
{
    const int64_t depth_ms = (int64_t)THROTTLE_BURST * THROTTLE_REFILL_MS;
    struct bucket *bucket = find(throttle, place);
    int64_t full_at_ms = bucket->full_at_ms > now_ms ? bucket->full_at_ms : now_ms;

    if (full_at_ms + THROTTLE_REFILL_MS - now_ms > depth_ms)
        return full_at_ms + THROTTLE_REFILL_MS - depth_ms - now_ms;
    bucket->full_at_ms = full_at_ms + THROTTLE_REFILL_MS;
    return 0;
}
