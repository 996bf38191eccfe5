/*
 * hash.h - SHA-256 for names that must not collide and for signatures, and a fast hash for tables.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/buf.h"

enum { SHA256_BYTES = 32, SHA256_TEXT_MAX = 65 };

struct sha256 {
    unsigned char bytes[SHA256_BYTES];
};

struct sha256 sha256_of(struct slice bytes);

/* In a time that does not depend on where they differ. */
int sha256_is_same(const struct sha256 *a, const struct sha256 *b);

/* SHA-256 of what comes in parts: sha256_sum_get() is that of all that was added so far. */
struct sha256_sum;
struct sha256_sum *sha256_sum_new(void);
void sha256_sum_add(struct sha256_sum *sum, struct slice bytes);
struct sha256 sha256_sum_get(const struct sha256_sum *sum);
void sha256_sum_free(struct sha256_sum *sum);                                   /* NULL-safe */
const char *sha256_text(char text[SHA256_TEXT_MAX], const struct sha256 *hash); /* 64 hex digits */

/* HMAC-SHA256 (RFC 2104) of what the parts are one after the other. */
struct sha256 hmac_sha256(struct slice secret, const struct slice *parts, size_t parts_n);

/* 64 bits of SipHash-2-4 under a key drawn at start: safe for keys chosen by outsiders. */
uint64_t hash_bytes(struct slice bytes);

/* For a simulation that must replay exactly; before the first hash, or it does nothing. */
void hash_fix_key(uint64_t seed);

/* FNV-1a, the same in every process and version: for values that are stored. */
uint64_t hash_stable(struct slice bytes);

#endif
