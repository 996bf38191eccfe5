#include "webhook/verify.h"

#include "base/base64.h"
#include "base/hash.h"

enum { SIGNATURES_MAX = 8, TIMESTAMP_DIGITS_MAX = 15 };

/* -1: it is no number of digits. */
static int64_t read_timestamp(struct slice text)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > TIMESTAMP_DIGITS_MAX)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value;
}

static struct slice take_word(struct slice *rest)
{
    const char *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
    size_t len = space ? (size_t)(space - rest->ptr) : rest->len;
    struct slice word = { rest->ptr, len };

    *rest = space ? (struct slice){ space + 1, rest->len - len - 1 } : (struct slice){ 0 };
    return word;
}

/* False: it is none of this version; others may come beside it. */
static int read_signature(struct sha256 *ret_given, struct slice word)
{
    static const struct slice version = { "v1,", 3 };
    CLEANUP(buf_release) struct buf bytes = { .max = SHA256_BYTES + 8 };
    struct err err;

    if (word.len <= version.len || memcmp(word.ptr, version.ptr, version.len) != 0 ||
        base64_add(&bytes, (struct slice){ word.ptr + version.len, word.len - version.len },
                   &err) ||
        bytes.len != SHA256_BYTES)
        return 0;
    memcpy(ret_given->bytes, bytes.data, SHA256_BYTES);
    return 1;
}

int webhook_is_genuine(const struct webhook_claim *claim, const struct slice *keys, size_t keys_n,
                       int64_t now_s)
{
    const struct slice parts[] = { claim->id, SLICE_LIT("."), claim->timestamp, SLICE_LIT("."),
                                   claim->body };
    int64_t at_s = read_timestamp(claim->timestamp);
    int is_in_time =
        at_s >= 0 && at_s >= now_s - WEBHOOK_TOLERANCE_S && at_s <= now_s + WEBHOOK_TOLERANCE_S;
    struct sha256 given[SIGNATURES_MAX];
    struct slice rest = claim->signature;
    size_t given_n = 0;
    int is_same = 0;

    while (rest.len > 0 && given_n < SIGNATURES_MAX)
        given_n += (size_t)read_signature(&given[given_n], take_word(&rest));
    for (size_t i = 0; i < keys_n; i++) {
        struct sha256 wanted = hmac_sha256(keys[i], parts, ARRAY_LEN(parts));

        for (size_t k = 0; k < given_n; k++)
            is_same |= sha256_is_same(&wanted, &given[k]);
    }
    return is_same & is_in_time & (claim->id.len > 0);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

int webhook_is_genuine_github(struct slice signature, struct slice body, const struct slice *keys,
                              size_t keys_n)
{
    static const struct slice prefix = { "sha256=", 7 };
    struct sha256 given = { { 0 } };
    int is_whole = signature.len == prefix.len + (size_t)2 * SHA256_BYTES &&
                   memcmp(signature.ptr, prefix.ptr, prefix.len) == 0;
    int is_same = 0;

    for (size_t i = 0; is_whole && i < SHA256_BYTES; i++) {
        int high = hex_digit(signature.ptr[prefix.len + 2 * i]);
        int low = hex_digit(signature.ptr[prefix.len + 2 * i + 1]);

        is_whole = high >= 0 && low >= 0;
        given.bytes[i] = (unsigned char)(high * 16 + low);
    }
    for (size_t i = 0; i < keys_n; i++) {
        struct sha256 wanted = hmac_sha256(keys[i], &body, 1);

        is_same |= sha256_is_same(&wanted, &given);
    }
    return is_same & is_whole;
}
