/*
 * base64.h - base64 (RFC 4648, section 4) of small things: keys and signatures.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_put(struct buf *text, struct slice bytes);

/* ERR_INVALID, and `bytes` as it was: what is no base64, lacks its padding or has bytes after it.
 */
enum err_code base64_add(struct buf *bytes, struct slice text, struct err *err) MUST_CHECK;

#endif
