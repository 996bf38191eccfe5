#include "webhook/sign.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/hash.h"

void webhook_sign(struct buf *signature, const struct webhook_message *message,
                  const struct slice *keys, size_t keys_n)
{
    char timestamp[32];

    (void)snprintf(timestamp, sizeof(timestamp), ".%lld.", (long long)message->timestamp_s);
    const struct slice parts[] = { message->id, slice_of(timestamp), message->body };

    for (size_t i = 0; i < keys_n; i++) {
        struct sha256 mac = hmac_sha256(keys[i], parts, ARRAY_LEN(parts));

        buf_puts(signature, i > 0 ? " v1," : "v1,");
        base64_put(signature, (struct slice){ (const char *)mac.bytes, SHA256_BYTES });
    }
}
