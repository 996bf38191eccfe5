/*
 * sign.h - signatures of Standard Webhooks (https://www.standardwebhooks.com): pure.
 */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include "base/buf.h"

enum {
    WEBHOOK_KEYS_MAX = 3,        /* while a secret is changed for another, both sign */
    WEBHOOK_SIGNATURE_MAX = 160, /* of so many */
};

/* What is signed is "ID.TIMESTAMP.BODY". */
struct webhook_message {
    struct slice id;
    int64_t timestamp_s; /* of this attempt */
    struct slice body;
};

/* Appends "v1,BASE64", one for each key, parted by spaces: the header webhook-signature. */
void webhook_sign(struct buf *signature, const struct webhook_message *message,
                  const struct slice *keys, size_t keys_n);

#endif
