/*
 * problem.h - errors as application/problem+json (RFC 9457).
 *
 * {"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"..."}
 * code is stable and for programs; detail is for people: what happened, to what, what to do.
 */
#ifndef NET_PROBLEM_H
#define NET_PROBLEM_H

#include "net/http_server.h"

#define PROBLEM_TYPE "application/problem+json"

enum { PROBLEM_DETAIL_MAX = 1024, PROBLEM_BYTES_MAX = 8 * 1024 };

/* buf->max is at least PROBLEM_BYTES_MAX; detail beyond PROBLEM_DETAIL_MAX bytes is cut off. */
void problem_put(struct buf *buf, int status, const char *code, struct slice detail);

/* Answers the request with a problem; like http_reply(), once. */
void http_reply_problem(struct http_request *request, int status, const char *code, const char *fmt,
                        ...) PRINTF(4, 5);

#endif
