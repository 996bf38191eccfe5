/*
 * http_stream.h - an answer that goes on: written piece by piece, for as long as its reader stays.
 *
 * http_reply_stream() answers a request with one, and takes the connection with it: nothing
 * else is answered on it, and it is closed at the stream's end. Thousands may wait: one that has
 * nothing to send holds its few structs and no buffer.
 *
 * What is written is held until the reader takes it. http_stream_offer() does not take what would
 * make a stream hold more than held_bytes_max, nor what does not fit into the memory that all
 * answers share (http_server.h); one that holds nothing takes a piece of any size that fits there.
 * http_stream_write() is for the little that must be said in any case.
 *
 * A stream ends in one of two ways, after each of which it may not be used any more:
 *   - its owner calls http_stream_end(): what is held is still sent, then the answer ends;
 *   - on_gone is called, once: the reader went away or closed its side, took nothing of what is
 *     held for the server's idle time, or was cut off to make room for others. Never from inside a
 * call of the owner's. A reader whose machine or network went away without a word is found by what
 * is written to it: owners send heartbeats. http_server_free() drops streams without a word.
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
    const char *const *extra; /* more headers, as of http_reply(); or NULL */
    uint64_t length; /* of all that will be written, which the reader is told; 0: not known. Who
                        ends it before has its reader see that something is missing */
    size_t held_bytes_max;
    http_stream_fn *on_empty; /* all that was written was taken; may write, may end the stream */
    http_stream_fn *on_gone;
    void *arg;
};

/*
 * Status 200, never cached; the request may not be used any more. NULL: the system has no
 * descriptor left, and the request was answered with 503 no_descriptors.
 */
struct http_stream *http_reply_stream(struct http_request *request,
                                      const struct http_stream_config *config);

/* Copies what it is given. */
void http_stream_write(struct http_stream *stream, struct slice bytes);

/* The same, or false: there is too much to take already, and nothing was written. */
int http_stream_offer(struct http_stream *stream, struct slice bytes) MUST_CHECK;

/* All that was written was taken. */
int http_stream_is_empty(const struct http_stream *stream);

void http_stream_end(struct http_stream *stream);

#endif
