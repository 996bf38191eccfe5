/*
 * http_room.h - the memory that answers share while their clients take them. Included by src/net/
 * only.
 *
 * Each answer that is given out and each stream with something to send is a tenant, with as many
 * bytes as it holds. Who wants to hold more asks http_room_has() first; when there is no room,
 * those that hold something for longer than patience_ms are cut off: their sockets are shut down,
 * which their owners see from the loop. So clients that do not read cannot keep others out for
 * long.
 *
 * Ownership: tenants are members of what they stand for, and leave (0 bytes) before that is freed.
 */
#ifndef NET_HTTP_ROOM_H
#define NET_HTTP_ROOM_H

#include "base/list.h"
#include "loop/loop.h"

struct http_room {
    struct loop *loop;
    size_t bytes_max;
    int64_t patience_ms;
    size_t bytes;
    struct list tenants;
};

struct http_tenant {
    struct link link; /* while it holds something */
    size_t bytes;
    int64_t since_ms; /* mono; it has not been empty since */
    int fd;
};

int http_room_has(struct http_room *room, size_t bytes);

/* The tenant holds so many bytes now, whether there is room or not. */
void http_room_set(struct http_room *room, struct http_tenant *tenant, size_t bytes);

#endif
