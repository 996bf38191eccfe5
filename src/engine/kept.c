#include "engine/kept.h"

#include "base/json.h"

static void drop(struct kept *kept, int64_t seq)
{
    size_t n = 0;

    for (size_t i = 0; i < kept->n; i++) {
        if (kept->seqs[i] != seq)
            kept->seqs[n++] = kept->seqs[i];
    }
    kept->n = n;
}

void kept_add(struct kept *kept, const struct store_event *event)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };

    if (event->kind == EV_SIGNAL) { /* one that is taken at once is dropped by the next event */
        if (kept->n < ARRAY_LEN(kept->seqs))
            kept->seqs[kept->n++] = event->seq;
        else
            kept->is_too_many = 1;
    }
    if (event->kind != EV_TOOL_FINISHED || kept->n == 0 ||
        json_read(&body, event->body, STORE_BODY_MAX, &err))
        return;
    drop(kept, json_int(json_get(body, "signal"), 0));
}
