#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/attr.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* splitmix64, which the authors of xoshiro advise for seeding: it never gives four zeros. */
static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(random->state); i++)
        random->state[i] = splitmix(&seed);
}

void random_seed_from_kernel(struct random *random)
{
    uint64_t seed;
    ssize_t got;

    do {
        got = getrandom(&seed, sizeof(seed), 0);
    } while (got < 0 && errno == EINTR);
    ASSERT(got == (ssize_t)sizeof(seed)); /* up to 256 bytes it gives all or fails */
    random_seed(random, seed);
}

uint64_t random_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t n)
{
    ASSERT(n > 0);
    uint64_t biased = (0 - n) % n; /* 2^64 mod n: that many values would come up once too often */
    uint64_t x;

    do {
        x = random_u64(random);
    } while (x < biased);
    return x % n;
}
