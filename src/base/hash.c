#include "base/hash.h"

#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/siphash.h"

struct sha256 sha256_of(struct slice bytes)
{
    struct sha256 hash;
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, bytes.len, (const uint8_t *)bytes.ptr);
    sha256_digest(&ctx, SHA256_BYTES, hash.bytes);
    return hash;
}

int sha256_is_same(const struct sha256 *a, const struct sha256 *b)
{
    return memeql_sec(a->bytes, b->bytes, SHA256_BYTES);
}

struct sha256_sum {
    struct sha256_ctx ctx;
};

struct sha256_sum *sha256_sum_new(void)
{
    struct sha256_sum *sum = xcalloc(1, sizeof(*sum));

    sha256_init(&sum->ctx);
    return sum;
}

void sha256_sum_add(struct sha256_sum *sum, struct slice bytes)
{
    sha256_update(&sum->ctx, bytes.len, (const uint8_t *)bytes.ptr);
}

struct sha256 sha256_sum_get(const struct sha256_sum *sum)
{
    struct sha256_ctx ctx = sum->ctx; /* a digest ends it */
    struct sha256 hash;

    sha256_digest(&ctx, SHA256_BYTES, hash.bytes);
    return hash;
}

void sha256_sum_free(struct sha256_sum *sum)
{
    free(sum);
}

const char *sha256_text(char text[SHA256_TEXT_MAX], const struct sha256 *hash)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[hash->bytes[i] >> 4];
        text[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    text[SHA256_TEXT_MAX - 1] = '\0';
    return text;
}

struct sha256 hmac_sha256(struct slice secret, const struct slice *parts, size_t parts_n)
{
    struct hmac_sha256_ctx ctx;
    struct sha256 hash;

    hmac_sha256_set_key(&ctx, secret.len, (const uint8_t *)secret.ptr);
    for (size_t i = 0; i < parts_n; i++)
        hmac_sha256_update(&ctx, parts[i].len, (const uint8_t *)parts[i].ptr);
    hmac_sha256_digest(&ctx, SHA256_BYTES, hash.bytes);
    explicit_bzero(&ctx, sizeof(ctx));
    return hash;
}

static struct siphash_key key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void draw_key(void)
{
    random_bytes(&key, sizeof(key));
}

static uint64_t fixed;

static void fix_key(void)
{
    memcpy(&key, &fixed, sizeof(fixed));
}

void hash_fix_key(uint64_t seed)
{
    fixed = seed;
    ASSERT(pthread_once(&key_once, fix_key) == 0);
}

uint64_t hash_bytes(struct slice bytes)
{
    ASSERT(pthread_once(&key_once, draw_key) == 0);
    return siphash24(&key, bytes);
}

uint64_t hash_stable(struct slice bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * 0x100000001b3u;
    return hash;
}
