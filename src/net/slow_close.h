/*
 * slow_close.h - closing a connection on a client that is still sending.
 *
 * A socket closed with unread bytes sends a reset, and the reset may destroy an answer that the
 * client has not read yet: a refused upload would look like a broken network. So what the
 * client still sends is read and thrown away until it ends, for a short time and up to a bound.
 */
#ifndef NET_SLOW_CLOSE_H
#define NET_SLOW_CLOSE_H

#include "loop/loop.h"

struct slow_close;

struct slow_close *slow_close_new(struct loop *loop);
void slow_close_free(struct slow_close *closer); /* closes what is left; NULL-safe */

/* Takes fd over: a non-blocking socket that has been shut down for writing. */
void slow_close_add(struct slow_close *closer, int fd);

#endif
