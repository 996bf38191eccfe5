/*
 * sse_write.h - writing a stream of server-sent events (text/event-stream, WHATWG HTML 9.2).
 *
 * Pure: each function appends to a buf. Data may have several lines; each becomes a line of its
 * own, so whatever it holds, it is one event and comes out as it went in, but that CR and CRLF come
 * out as LF.
 */
#ifndef NET_SSE_WRITE_H
#define NET_SSE_WRITE_H

#include "base/buf.h"

#define SSE_TYPE "text/event-stream"

struct sse_message {
    struct slice id;   /* ptr NULL: none, the reader's last id stays; no line end, no 0 */
    struct slice name; /* empty: "message", as readers call it; no line end */
    struct slice data; /* UTF-8 */
};

/* The most that an event takes: for the buf's max. */
size_t sse_bytes_max(const struct sse_message *event);

void sse_put(struct buf *buf, const struct sse_message *event);

/* A comment, which readers skip: it keeps a connection alive, and finds one that is dead. */
void sse_put_heartbeat(struct buf *buf);

/* How long a reader waits before it connects again. */
void sse_put_retry(struct buf *buf, int64_t ms);

enum { SSE_FIXED_MAX = 64 }; /* the most that one of the last two takes */

#endif
