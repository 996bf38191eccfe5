/*
 * http_check.h - may this request be taken? Decided from its headers alone, before its body.
 *
 * Pure: the headers are put into a struct http_head one by one, then http_check() answers. What
 * is refused for its framing must not be followed by anything on its connection: where the
 * next request begins is what two readers of it would disagree on (RFC 9112, section 11.2).
 * Host and Origin keep a web page from reaching a server on the loopback through a browser:
 * Host stops DNS rebinding, Origin stops forms and scripts of other sites. What may come once and
 * comes twice is refused: of two values the wrong one might be taken.
 */
#ifndef NET_HTTP_CHECK_H
#define NET_HTTP_CHECK_H

#include "base/buf.h"

enum { HTTP_HEAD_BYTES_MAX = 16 * 1024 }; /* request line and headers */

/* One header that may be there at most once, and how often it was. */
struct http_single {
    unsigned n;
    struct slice value; /* the first */
};

struct http_head {
    struct http_single content_length;
    struct http_single transfer_encoding;
    struct http_single host;
    struct http_single origin;
    struct http_single content_type;
    struct http_single idempotency_key;
    struct http_single authorization;
    int has_bad_header; /* a name that is no token, or a control character in a value */
    int is_http_1_0;
    size_t bytes;
};

/* Who this server is. */
struct http_self {
    const char *host; /* the address it listens on */
    uint16_t port;
    size_t body_bytes_max;
};

struct http_refusal {
    int status;
    const char *code;
    char detail[ERR_MSG_MAX];
};

void http_head_add(struct http_head *head, struct slice name, struct slice value);

/* 0: take it. Else 1, and *ret_refusal says what to answer before closing the connection. */
int http_check(const struct http_head *head, const struct http_self *self,
               struct http_refusal *ret_refusal);

/* The part of it that looks at Content-Length and Transfer-Encoding only. */
int http_check_framing(const struct http_head *head, const struct http_self *self,
                       struct http_refusal *ret_refusal);

/* A head that is too large: 1. */
int http_refuse_size(struct http_refusal *ret_refusal);

#endif
