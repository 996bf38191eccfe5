/*
 * page_share.h - one read of a page of the journal for all streams that want the same. For api/
 * only.
 *
 * All that watch a session have the same events and wake at the same commit: what they need next is
 * read and put into the stream's form once. Who comes while a read is under way joins it, so what
 * it gets may be older than its wish: it looks whether there is more, as after any page.
 */
#ifndef API_PAGE_SHARE_H
#define API_PAGE_SHARE_H

#include "base/list.h"
#include "store/store.h"

struct page_share;
struct page;

/* text: the events as server-sent ones; op->err or op->events say what came of it. Both are lent.
 */
typedef void page_fn(void *arg, const struct store_op *op, struct slice text);

/* A member of the stream; one wish at a time. */
struct page_wish {
    struct link link;
    struct page *page; /* NULL: none is under way */
    page_fn *fn;
    void *arg;
};

struct page_share *page_share_new(struct store *store);
void page_share_free(
    struct page_share *share); /* what is under way must no longer come; NULL-safe */

/* fn is called once, from the loop. */
void page_wish_make(struct page_share *share, struct page_wish *wish, int64_t session,
                    uint32_t after);
void page_wish_drop(struct page_wish *wish); /* fn is not called; none under way: a no-op */

#endif
