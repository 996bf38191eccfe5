/*
 * retry.h - when to try again: exponential backoff with full jitter.
 *
 * The n-th failure waits a time drawn evenly from 0 to min(max_ms, first_ms * 2^(n-1)); what a
 * server asked for (Retry-After) is a floor, with the jitter above it.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include <stdint.h>

struct retry_policy {
    uint32_t attempts; /* failures allowed in all, the first try included; 1: no retry */
    int64_t first_ms;
    int64_t max_ms;
};

/*
 * When the attempt after `failures` failures (>= 1, this one included) begins, or 0 if there is
 * none left. random64 is uniform; floor_ms is the server's wish, of which a day is granted, or 0.
 */
int64_t retry_at_ms(const struct retry_policy *policy, uint32_t failures, int64_t now_ms,
                    int64_t floor_ms, uint64_t random64);

#endif
