/*
 * verify.h - is a message from who has the secret? Standard Webhooks, and GitHub's way. Pure.
 *
 * How long it takes depends on the lengths of what was sent and on the number of keys, never on
 * what is right of it.
 */
#ifndef WEBHOOK_VERIFY_H
#define WEBHOOK_VERIFY_H

#include "base/buf.h"

enum { WEBHOOK_TOLERANCE_S = 5 * 60 };

/* As it came: headers and the bytes of the body; what was not sent is { NULL, 0 }. */
struct webhook_claim {
    struct slice id;        /* webhook-id */
    struct slice timestamp; /* webhook-timestamp: seconds since 1970 */
    struct slice signature; /* webhook-signature: "v1,BASE64", several with spaces between them */
    struct slice body;
};

/* True if a signature is by one of the keys, and the time is within the tolerance of now. */
int webhook_is_genuine(const struct webhook_claim *claim, const struct slice *keys, size_t keys_n,
                       int64_t now_s);

/* signature: X-Hub-Signature-256, "sha256=HEX" of the body alone. */
int webhook_is_genuine_github(struct slice signature, struct slice body, const struct slice *keys,
                              size_t keys_n);

#endif
