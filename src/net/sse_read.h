/*
 * sse_read.h - server-sent events out of bytes that come in pieces of any size.
 *
 * The format is WHATWG's (HTML, section 9.2.6): a BOM at the start, lines that end in CR, LF or
 * CRLF, comments, data of several lines, id, event. How the bytes were split makes no difference.
 * Fields that it does not know are ignored, `retry` among them: who asks again decides when. An
 * event that its blank line does not end is none. Bytes are not checked to be UTF-8.
 *
 * Bounded: a line and the data of an event have at most `bytes_max` bytes each.
 *
 * Ownership: the slices of an event are valid within on_event only.
 */
#ifndef NET_SSE_READ_H
#define NET_SSE_READ_H

#include "base/buf.h"

struct sse_event {
    struct slice type; /* empty: "message" */
    struct slice data;
    struct slice id; /* the last id that was given, in this event or before; may be empty */
};

/* An error ends the reading, and is what sse_reader_feed() returns. */
typedef enum err_code sse_event_fn(const struct sse_event *event, void *arg, struct err *err);

/* Zeroed is not ready: see sse_reader_init(). */
struct sse_reader {
    sse_event_fn *on_event;
    void *arg;
    struct buf line; /* the part of a line that came in the pieces before */
    struct buf type;
    struct buf data; /* each of its lines with a '\n' */
    struct buf id;
    size_t bytes_max;
    unsigned bom_seen; /* bytes of a BOM that were taken */
    int is_begun;      /* no BOM any more */
    int is_after_cr;   /* an LF now belongs to the line before */
};

void sse_reader_init(struct sse_reader *reader, size_t bytes_max, sse_event_fn *on_event,
                     void *arg);
void sse_reader_release(struct sse_reader *reader); /* NULL-safe, repeatable */

/* ERR_LIMIT: too long. After an error the reader can only be released. */
enum err_code sse_reader_feed(struct sse_reader *reader, struct slice bytes,
                              struct err *err) MUST_CHECK;

#endif
