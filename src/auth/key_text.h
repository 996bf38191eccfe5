/*
 * key_text.h - the text of a key, which whoever has it may send: pawl_<id>_<secret><check>.
 *
 *   id      12 characters, public: it finds the key's row, and stands in lists
 *   secret  52 characters of 5 bits: 32 bytes of the kernel's randomness
 *   check   7 characters: the first 35 bits of SHA-256 of "pawl_<id>_<secret>"
 *
 * All are characters of 0-9 and a-z without i, l, o and u, so that a key can be read aloud, and a
 * program that looks for lost secrets finds pawl_[0-9a-hjkmnp-tv-z]{12}_[0-9a-hjkmnp-tv-z]{59} and
 * can tell by `check` that it is one. `check` tells a typing error from a wrong key, no more.
 *
 * Pure but for the making of a key.
 */
#ifndef AUTH_KEY_TEXT_H
#define AUTH_KEY_TEXT_H

#include "base/hash.h"

#define KEY_TEXT_PREFIX "pawl_"

enum {
    KEY_ID_LEN = 12,
    KEY_SECRET_LEN = 52,
    KEY_CHECK_LEN = 7,
    KEY_TEXT_LEN = 5 + KEY_ID_LEN + 1 + KEY_SECRET_LEN + KEY_CHECK_LEN,
};

struct key_text {
    char text[KEY_TEXT_LEN + 1];
};

/* A new one, of randomness from the kernel. Whoever has it wipes it with key_text_wipe(). */
void key_text_make(struct key_text *ret_key);
void key_text_wipe(struct key_text *key);

struct key_parts {
    struct slice id; /* both are parts of the text */
    struct slice secret;
};

/* 0, or 1 and nothing set: it is no key, or a character of it is wrong. */
int key_text_read(struct key_parts *ret_parts, struct slice text);

/*
 * What a store keeps of a secret. A plain SHA-256 is enough, and no slow hash for passwords is
 * needed: 256 bits of randomness are in no dictionary, and cannot be tried.
 */
struct sha256 key_secret_hash(struct slice secret);

enum bearer {
    BEARER_NONE, /* there is no header */
    BEARER_BAD,  /* another scheme, or nothing after it */
    BEARER_FOUND
};

/* Reads the value of an Authorization header; { NULL, 0 } if there is none. */
enum bearer bearer_read(struct slice header, struct slice *ret_token);

#endif
