/* bits.h - the two bit tricks that hashes and generators share. For base/ only. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>

static inline uint64_t bits_rotl(uint64_t x, int by) /* 0 < by < 64 */
{
    return (x << by) | (x >> (64 - by));
}

/* The step of splitmix64, https://prng.di.unimi.it: spreads every bit of x over all others. */
static inline uint64_t bits_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
