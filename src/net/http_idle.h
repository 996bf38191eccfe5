/*
 * http_idle.h - the connections from which a whole request is awaited. Included by src/net/ only.
 *
 * A connection is idle from its start, or its last answer, until the next request is there to its
 * last byte: whoever sends one byte a second is as idle as whoever sends none. After wait_ms
 * on_late gets it. The longest idle can be told, so that one of them can give its place to a
 * newcomer.
 */
#ifndef NET_HTTP_IDLE_H
#define NET_HTTP_IDLE_H

#include "base/list.h"
#include "loop/loop.h"

struct http_idler {
    struct link link;
    int is_idle;
    int64_t since_ms; /* mono */
};

struct http_idle {
    struct loop *loop;
    int64_t wait_ms;
    void (*on_late)(struct http_idler *idler); /* no longer among them */
    struct list all;                           /* the youngest first */
    struct link *oldest;
    struct loop_timer timer;
};

void http_idle_begin(struct http_idle *idle, struct http_idler *idler); /* anew, if it was idle */
void http_idle_end(struct http_idle *idle, struct http_idler *idler);   /* not idle: a no-op */

/* The longest idle, if it is so for at least_ms; NULL: there is none. */
struct http_idler *http_idle_longest(const struct http_idle *idle, int64_t at_least_ms);

void http_idle_release(struct http_idle *idle); /* nobody is left in it */

#endif
