#include "queue/queue.h"

#include "queue/backend.h"

/* The only place that lists the backends. */
static const struct queue_backend *const backends[] = {
    &queue_backend_local,
};

enum err_code queue_open(struct queue **ret_queue, const char *url, struct loop *loop,
                         queue_hint_fn *on_hint, void *arg, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        const struct queue_backend *b = backends[i];
        size_t len = strlen(b->scheme);
        struct queue *queue = NULL;

        if (strncmp(url, b->scheme, len) != 0 || (url[len] != ':' && url[len] != 0))
            continue;
        if (b->open(&queue, url, loop, err))
            return err->code;
        queue->backend = b;
        queue->on_hint = on_hint;
        queue->arg = arg;
        *ret_queue = queue;
        return ERR_NONE;
    }
    return err_set(err, ERR_INVALID, "no queue of the kind '%.64s'; this pawl knows: store", url);
}

void queue_send(struct queue *queue, struct slice session)
{
    queue->backend->send(queue, session);
}

void queue_want(struct queue *queue, size_t n)
{
    queue->backend->want(queue, n);
}

size_t queue_depth(const struct queue *queue)
{
    return queue->backend->depth(queue);
}

void queue_close(struct queue *queue)
{
    if (queue)
        queue->backend->close(queue);
}
