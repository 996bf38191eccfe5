/*
 * member.h - members of JSON objects that may have no value. For api/ only.
 */
#ifndef API_MEMBER_H
#define API_MEMBER_H

#include "base/json.h"

/* ptr NULL: null. */
void member_put_text(struct buf *buf, const char *key, struct slice text);

/* RFC 3339; 0, which is never: null. */
void member_put_time(struct buf *buf, const char *key, int64_t at_ms);

#endif
