#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/attr.h"
#include "base/bits.h"

void random_bytes(void *bytes, size_t len)
{
    ssize_t got;

    ASSERT(len <= RANDOM_BYTES_MAX);
    do {
        got = getrandom(bytes, len, 0);
    } while (got < 0 && errno == EINTR);
    ASSERT(got == (ssize_t)len); /* so few it gives at once, or fails */
}

/* splitmix64, which the authors of xoshiro advise for seeding: it never gives four zeros. */
void random_seed(struct random *random, uint64_t seed)
{
    const uint64_t step = 0x9e3779b97f4a7c15u;

    for (size_t i = 0; i < ARRAY_LEN(random->state); i++)
        random->state[i] = bits_mix(seed + i * step);
}

void random_seed_from_kernel(struct random *random)
{
    uint64_t seed;

    random_bytes(&seed, sizeof(seed));
    random_seed(random, seed);
}

uint64_t random_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = bits_rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = bits_rotl(s[3], 45);
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
