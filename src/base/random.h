/*
 * random.h - randomness as an interface: the kernel's in the server, a seed's in a simulation.
 *
 * Not for keys: secrets come from the kernel directly, by random_bytes().
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4]; /* xoshiro256**, https://prng.di.unimi.it */
};

void random_seed(struct random *random, uint64_t seed); /* the same seed, the same numbers */
void random_seed_from_kernel(struct random *random);

enum { RANDOM_BYTES_MAX = 256 };

void random_bytes(void *bytes, size_t len); /* the kernel's; at most RANDOM_BYTES_MAX */

uint64_t random_u64(struct random *random);
uint64_t random_below(struct random *random, uint64_t n); /* 0 .. n-1, unbiased; n > 0 */

#endif
