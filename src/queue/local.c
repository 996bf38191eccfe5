/* local.c - the queue of a single process: a list in memory, in the order of arrival. */
#include <stdlib.h>

#include "base/map.h"
#include "queue/backend.h"

struct hint {
    struct hint *next;
    size_t len;
    char session[];
};

struct local_queue {
    struct queue base; /* first: see local_of() */
    struct loop *loop;
    struct loop_post deliver;
    struct map *waiting; /* session -> hint: to keep each in once */
    struct hint *first;
    struct hint **last;
    size_t wanted;
};

static struct local_queue *local_of(struct queue *queue)
{
    return CONTAINER_OF(queue, struct local_queue, base);
}

static void deliver(void *arg)
{
    struct local_queue *q = arg;

    while (q->first && q->wanted > 0) {
        struct hint *hint = q->first;
        struct slice session = { hint->session, hint->len };

        q->first = hint->next;
        if (!q->first)
            q->last = &q->first;
        q->wanted--;
        (void)map_remove(q->waiting, session);
        q->base.on_hint(q->base.arg, session);
        free(hint);
    }
}

static enum err_code local_open(struct queue **ret_queue, const char *url, struct loop *loop,
                                struct err *err)
{
    struct local_queue *q = xcalloc(1, sizeof(*q));

    (void)url;
    (void)err;
    q->loop = loop;
    q->waiting = map_new();
    q->last = &q->first;
    *ret_queue = &q->base;
    return ERR_NONE;
}

static void local_send(struct queue *queue, struct slice session)
{
    struct local_queue *q = local_of(queue);

    if (map_get(q->waiting, session))
        return;
    struct hint *hint = xcalloc(1, sizeof(*hint) + session.len);
    hint->len = session.len;
    memcpy(hint->session, session.ptr, session.len);
    (void)map_put(q->waiting, session, hint);
    *q->last = hint;
    q->last = &hint->next;
    if (q->wanted > 0)
        loop_post(q->loop, &q->deliver, deliver, q);
}

static void local_want(struct queue *queue, size_t n)
{
    struct local_queue *q = local_of(queue);

    q->wanted = n;
    if (n > 0 && q->first)
        loop_post(q->loop, &q->deliver, deliver, q);
}

static size_t local_depth(const struct queue *queue)
{
    const struct local_queue *q = (const void *)queue;

    return map_count(q->waiting);
}

static void local_close(struct queue *queue)
{
    struct local_queue *q = local_of(queue);

    loop_post_cancel(q->loop, &q->deliver);
    while (q->first) {
        struct hint *hint = q->first;

        q->first = hint->next;
        free(hint);
    }
    map_free(q->waiting);
    free(q);
}

const struct queue_backend queue_backend_local = {
    .scheme = "store",
    .open = local_open,
    .send = local_send,
    .want = local_want,
    .depth = local_depth,
    .close = local_close,
};
