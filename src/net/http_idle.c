#include "net/http_idle.h"

static struct http_idler *idler_of(struct link *link)
{
    return link ? CONTAINER_OF(link, struct http_idler, link) : NULL;
}

static void on_time(void *arg);

/* Set for the one that was the oldest at some time; who is looks when it is over. */
static void watch_oldest(struct http_idle *idle)
{
    const struct http_idler *oldest = idler_of(idle->oldest);

    if (oldest && idle->timer.heap_at == 0)
        loop_timer_start(idle->loop, &idle->timer,
                         oldest->since_ms + idle->wait_ms - loop_mono_ms(idle->loop), on_time,
                         idle);
}

static void on_time(void *arg)
{
    struct http_idle *idle = arg;

    for (struct http_idler *late; (late = http_idle_longest(idle, idle->wait_ms));) {
        http_idle_end(idle, late);
        idle->on_late(late);
    }
    watch_oldest(idle);
}

void http_idle_begin(struct http_idle *idle, struct http_idler *idler)
{
    http_idle_end(idle, idler);
    idler->is_idle = 1;
    idler->since_ms = loop_mono_ms(idle->loop);
    list_add(&idle->all, &idler->link);
    if (!idle->oldest)
        idle->oldest = &idler->link;
    watch_oldest(idle);
}

void http_idle_end(struct http_idle *idle, struct http_idler *idler)
{
    if (!idler->is_idle)
        return;
    if (idle->oldest == &idler->link)
        idle->oldest = idler->link.prev;
    list_remove(&idle->all, &idler->link);
    idler->is_idle = 0;
}

struct http_idler *http_idle_longest(const struct http_idle *idle, int64_t at_least_ms)
{
    struct http_idler *oldest = idler_of(idle->oldest);

    if (oldest && loop_mono_ms(idle->loop) - oldest->since_ms >= at_least_ms)
        return oldest;
    return NULL;
}

void http_idle_release(struct http_idle *idle)
{
    ASSERT(!idle->oldest);
    loop_timer_stop(idle->loop, &idle->timer);
}
