#include "auth/key_text.h"

#include <string.h>
#include <strings.h>

#include "base/random.h"

enum { PREFIX_LEN = 5, BITS = 5 };

/* Crockford's base 32, https://www.crockford.com/base32.html, in small letters only. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* The first n * 5 bits of the bytes, the highest first; what lies behind their end is 0. */
static void put_digits(char *text, size_t n, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i * BITS / 8;
        unsigned two = (unsigned)((at < len ? bytes[at] : 0) << 8) |
                       (unsigned)(at + 1 < len ? bytes[at + 1] : 0);

        text[i] = digits[(two >> (16 - BITS - i * BITS % 8)) & 31];
    }
}

static int are_digits(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\0' || !strchr(digits, text[i]))
            return 0;
    }
    return 1;
}

static void put_check(char check[KEY_CHECK_LEN], const char *text)
{
    struct sha256 hash = sha256_of((struct slice){ text, KEY_TEXT_LEN - KEY_CHECK_LEN });

    put_digits(check, KEY_CHECK_LEN, hash.bytes, sizeof(hash.bytes));
}

void key_text_make(struct key_text *ret_key)
{
    unsigned char bytes[8 + 32];
    char *text = ret_key->text;
    char *secret = text + PREFIX_LEN + KEY_ID_LEN + 1;

    random_bytes(bytes, sizeof(bytes));
    memcpy(text, KEY_TEXT_PREFIX, PREFIX_LEN);
    put_digits(text + PREFIX_LEN, KEY_ID_LEN, bytes, 8);
    secret[-1] = '_';
    put_digits(secret, KEY_SECRET_LEN, bytes + 8, 32);
    put_check(secret + KEY_SECRET_LEN, text);
    text[KEY_TEXT_LEN] = '\0';
    explicit_bzero(bytes, sizeof(bytes));
}

void key_text_wipe(struct key_text *key)
{
    explicit_bzero(key, sizeof(*key));
}

int key_text_read(struct key_parts *ret_parts, struct slice text)
{
    char check[KEY_CHECK_LEN];

    if (text.len != KEY_TEXT_LEN)
        return 1;
    const char *id = text.ptr + PREFIX_LEN;
    const char *secret = id + KEY_ID_LEN + 1;

    if (memcmp(text.ptr, KEY_TEXT_PREFIX, PREFIX_LEN) != 0 || secret[-1] != '_' ||
        !are_digits(id, KEY_ID_LEN) || !are_digits(secret, KEY_SECRET_LEN + KEY_CHECK_LEN))
        return 1;
    put_check(check, text.ptr);
    if (memcmp(check, secret + KEY_SECRET_LEN, KEY_CHECK_LEN) != 0)
        return 1;
    ret_parts->id = (struct slice){ id, KEY_ID_LEN };
    ret_parts->secret = (struct slice){ secret, KEY_SECRET_LEN };
    return 0;
}

struct sha256 key_secret_hash(struct slice secret)
{
    return sha256_of(secret);
}

enum bearer bearer_read(struct slice header, struct slice *ret_token)
{
    static const char scheme[] = "Bearer";
    size_t at = sizeof(scheme) - 1;
    size_t end = header.len;

    if (!header.ptr)
        return BEARER_NONE;
    if (header.len <= at || strncasecmp(header.ptr, scheme, at) != 0 || header.ptr[at] != ' ')
        return BEARER_BAD;
    while (at < end && header.ptr[at] == ' ')
        at++;
    while (end > at && (header.ptr[end - 1] == ' ' || header.ptr[end - 1] == '\t'))
        end--;
    if (at == end)
        return BEARER_BAD;
    *ret_token = (struct slice){ header.ptr + at, end - at };
    return BEARER_FOUND;
}
