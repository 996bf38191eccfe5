/* backend.h - what a queue backend implements. For src/queue/ only. Every member is mandatory. */
#ifndef QUEUE_BACKEND_H
#define QUEUE_BACKEND_H

#include "queue/queue.h"

struct queue_backend {
    const char *scheme; /* "store", or "redis" for urls that start with "redis:" */
    enum err_code (*open)(struct queue **ret_queue, const char *url, struct loop *loop,
                          struct err *err);
    void (*send)(struct queue *queue, struct slice session);
    void (*want)(struct queue *queue, size_t n);
    size_t (*depth)(const struct queue *queue);
    void (*close)(struct queue *queue);
};

struct queue { /* first member of each backend's own */
    const struct queue_backend *backend;
    queue_hint_fn *on_hint;
    void *arg;
};

extern const struct queue_backend queue_backend_local;

#endif
