#include "api/page_share.h"

#include <stdlib.h>

#include "api/json_event.h"
#include "base/map.h"
#include "net/sse_write.h"

enum { PAGE_EVENTS = 50, SEQ_TEXT_MAX = 16 };

/* Bytes, without padding: the map compares them. */
struct page_key {
    int64_t session;
    uint64_t after;
};

struct page {
    struct page_share *share;
    struct page_key key;
    struct list wishes;
    struct store_op op;
};

struct page_share {
    struct store *store;
    struct map *pages; /* those that are being read */
};

struct page_share *page_share_new(struct store *store)
{
    struct page_share *share = xcalloc(1, sizeof(*share));

    share->store = store;
    share->pages = map_new();
    return share;
}

void page_share_free(struct page_share *share)
{
    void *page = NULL;

    if (!share)
        return;
    for (size_t at = 0; map_each(share->pages, &at, &page);)
        free(page);
    map_free(share->pages);
    free(share);
}

static struct slice bytes_of(const struct page_key *key)
{
    return (struct slice){ (const char *)key, sizeof(*key) };
}

static void put_events(struct buf *text, const struct store_events *events)
{
    CLEANUP(buf_release) struct buf json = { .max = STORE_PAGE_BYTES_MAX + STORE_BODY_MAX };

    for (size_t i = 0; i < events->events_n; i++) {
        CLEANUP(buf_release) struct buf seq = { .max = SEQ_TEXT_MAX };

        buf_clear(&json);
        json_put_event(&json, &events->events[i]);
        buf_putf(&seq, "%u", events->events[i].seq);
        sse_put(text, &(struct sse_message){ .id = buf_slice(&seq), .data = buf_slice(&json) });
    }
}

static void on_read(struct store_op *op, void *arg)
{
    struct page *page = arg;
    CLEANUP(buf_release) struct buf text = { .max = (size_t)1024 * 1024 * 1024 };

    (void)map_remove(page->share->pages, bytes_of(&page->key)); /* a new wish is a new read */
    if (op->err.code == ERR_NONE)
        put_events(&text, &op->events);
    for (struct link *link; (link = list_take(&page->wishes));) {
        struct page_wish *wish = CONTAINER_OF(link, struct page_wish, link);

        wish->page = NULL;
        wish->fn(wish->arg, op, buf_slice(&text));
    }
    free(page);
}

static struct page *page_new(struct page_share *share, const struct page_key *key)
{
    struct page *page = xcalloc(1, sizeof(*page));

    page->share = share;
    page->key = *key;
    page->op = (struct store_op){ .kind = STORE_EVENTS,
                                  .events = { .session = key->session,
                                              .after = (uint32_t)key->after,
                                              .limit = PAGE_EVENTS,
                                              .what = STORE_EVENTS_BODIES },
                                  .done = on_read,
                                  .arg = page };
    (void)map_put(share->pages, bytes_of(&page->key), page);
    store_submit(share->store, &page->op);
    return page;
}

void page_wish_make(struct page_share *share, struct page_wish *wish, int64_t session,
                    uint32_t after)
{
    const struct page_key key = { session, after };
    struct page *page = map_get(share->pages, bytes_of(&key));

    ASSERT(!wish->page);
    wish->page = page ? page : page_new(share, &key);
    list_add(&wish->page->wishes, &wish->link);
}

void page_wish_drop(struct page_wish *wish)
{
    if (wish->page)
        list_remove(&TAKE(wish->page)->wishes, &wish->link);
}
