/*
 * http_target.h - the target of a request line, "/a%20b?x=1&y", taken apart and decoded.
 *
 * Only the origin form (RFC 9112, section 3.2.1) is taken: no proxy stands in front of us that
 * would send another.
 */
#ifndef NET_HTTP_TARGET_H
#define NET_HTTP_TARGET_H

#include "base/buf.h"

enum { HTTP_PARAMS_MAX = 64 };

struct http_param {
    const char *name; /* decoded */
    struct slice value;
};

struct http_target {
    char *text; /* owns what the rest points to */
    struct slice path;
    struct http_param *params; /* in their order */
    size_t params_n;
};

/*
 * ERR_INVALID: no '/' in front, a bad percent escape, a zero byte, a space or control character,
 * more than HTTP_PARAMS_MAX parameters. The message is for the client.
 */
enum err_code http_target_read(struct http_target *ret_target, const char *raw,
                               struct err *err) MUST_CHECK;
void http_target_release(struct http_target *target); /* repeatable */

#endif
