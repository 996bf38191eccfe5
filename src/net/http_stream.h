/*
 * http_stream.h - an answer that goes on: written piece by piece, for as long as its reader stays.
 *
 * http_reply_stream() answers a request with one. What is written is held until the reader takes
 * it; a stream whose reader has not taken what there is when more than held_bytes_max would be
 * held is broken off, so that a slow reader costs a bounded amount. Whoever can wait writes when
 * on_empty says that all was taken: then one piece may be of any size.
 *
 * A stream ends in one of two ways, after each of which it may not be used any more:
 *   - its owner calls http_stream_end(): what is held is still sent, then the answer ends;
 *   - on_gone is called, once: the reader went away, took nothing for the server's idle time,
 *     or was too slow. Never from inside a call of the owner's.
 * A reader that goes away without a word is found by the next write: owners send heartbeats.
 * http_server_free() drops streams without a word.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_STREAM_H
#define NET_HTTP_STREAM_H

#include "net/http_server.h"

struct http_stream;

typedef void http_stream_fn(void *arg);

struct http_stream_config {
    const char *content_type;
    size_t held_bytes_max;
    http_stream_fn *on_empty; /* all that was written was taken; may write, may end the stream */
    http_stream_fn *on_gone;
    void *arg;
};

/* Status 200, never cached; the request may not be used any more. */
struct http_stream *http_reply_stream(struct http_request *request,
                                      const struct http_stream_config *config);

/* Copies what it is given. */
void http_stream_write(struct http_stream *stream, struct slice bytes);

/* All that was written was taken. */
int http_stream_is_empty(const struct http_stream *stream);

void http_stream_end(struct http_stream *stream);

#endif
