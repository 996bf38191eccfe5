#include "base/siphash.h"

#include "base/bits.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

/* Up to 8 bytes, the first in the lowest place, whatever the machine's order. */
static uint64_t load_le(const unsigned char *p, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

static void rounds(struct sip *s, int count)
{
    while (count-- > 0) {
        s->v0 += s->v1;
        s->v1 = bits_rotl(s->v1, 13) ^ s->v0;
        s->v0 = bits_rotl(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = bits_rotl(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = bits_rotl(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = bits_rotl(s->v1, 17) ^ s->v2;
        s->v2 = bits_rotl(s->v2, 32);
    }
}

static void compress(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

uint64_t siphash24(const struct siphash_key *key, struct slice bytes)
{
    uint64_t k0 = load_le(key->bytes, 8);
    uint64_t k1 = load_le(key->bytes + 8, 8);
    struct sip s = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u };
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;

    for (; left >= 8; left -= 8, p += 8)
        compress(&s, load_le(p, 8));
    compress(&s, load_le(p, left) | (uint64_t)bytes.len << 56);
    s.v2 ^= 0xff;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
