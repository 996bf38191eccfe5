/*
 * queue.h - hints that a session has something to do.
 *
 * A hint says only "look at session S". The store holds the truth: a lost hint is found by the
 * engine's sweep, a doubled one finds nothing to do. Hints come in the order in which they were
 * sent, at most as many as were wanted, each by one call of on_hint on the loop's thread, never
 * from inside queue_send() or queue_want().
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "base/buf.h"
#include "loop/loop.h"

struct queue;

typedef void queue_hint_fn(void *arg, struct slice session);

/* "store": an index in memory, rebuilt at start from the store. ERR_INVALID: no such queue. */
enum err_code queue_open(struct queue **ret_queue, const char *url, struct loop *loop,
                         queue_hint_fn *on_hint, void *arg, struct err *err) MUST_CHECK;

/* A session that waits here already is not put in twice. */
void queue_send(struct queue *queue, struct slice session);

/* No more than `n` further hints, until it is called again. */
void queue_want(struct queue *queue, size_t n);

size_t queue_depth(const struct queue *queue); /* sent and not yet handed out */
void queue_close(struct queue *queue);         /* hints are dropped; NULL-safe */

#endif
