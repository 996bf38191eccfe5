#include "core/retry.h"

__extension__ typedef unsigned __int128 wide;

static const int64_t floor_max_ms = (int64_t)24 * 60 * 60 * 1000;

int64_t retry_at_ms(const struct retry_policy *policy, uint32_t failures, int64_t now_ms,
                    int64_t floor_ms, uint64_t random64)
{
    int64_t ceiling = policy->first_ms;

    if (failures >= policy->attempts)
        return 0;
    for (uint32_t i = 1; i < failures && ceiling > 0 && ceiling < policy->max_ms; i++)
        ceiling *= 2; /* first_ms and max_ms are bounded to days: no overflow */
    if (ceiling > policy->max_ms)
        ceiling = policy->max_ms;
    /* The multiplication spreads 64 random bits over 0..ceiling without a division's bias. */
    int64_t jitter = (int64_t)(((wide)random64 * ((uint64_t)ceiling + 1)) >> 64);
    int64_t floor = floor_ms < floor_max_ms ? floor_ms : floor_max_ms;
    int64_t at_ms = now_ms + (floor > 0 ? floor : 0) + jitter;

    return at_ms > 0 ? at_ms : 1; /* 0 would say "never" */
}
