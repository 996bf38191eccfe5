/*
 * capture.h - what a tool prints on stderr, kept within a bound: all of it is counted, only so much
 * is kept. Included by src/tool/ only.
 *
 * Of what is too long the beginning and the end are kept (of a log: the cause stands first and the
 * last words stand last), with a line between them that says what was left out.
 */
#ifndef TOOL_CAPTURE_H
#define TOOL_CAPTURE_H

#include "base/buf.h"

struct capture {
    uint64_t total; /* bytes that came, kept or not */
    struct buf head;
    char *ring; /* the last ring_max bytes after the head; made when first needed */
    size_t ring_max;
    size_t ring_at;  /* where the next byte goes */
    size_t ring_len; /* bytes in it */
};

/* max: how many bytes are kept; 0 keeps none. */
void capture_init(struct capture *capture, size_t max);
void capture_add(struct capture *capture, struct slice bytes);

/* What was kept, and the line about the gap. To be called once, after the last byte; valid until
 * release. */
struct slice capture_text(struct capture *capture);
void capture_release(struct capture *capture); /* NULL-safe, repeatable */

#endif
