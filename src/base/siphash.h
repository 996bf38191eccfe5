/*
 * siphash.h - SipHash-2-4, the keyed hash behind hash_bytes(). For base/ only.
 *
 * J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/buf.h"

struct siphash_key {
    unsigned char bytes[16];
};

uint64_t siphash24(const struct siphash_key *key, struct slice bytes);

#endif
