/*
 * steps_get.c - GET /v1/sessions/{id}/steps.
 *
 * The journal is read from its first event, a page at a time, and folded; so a page deep in a
 * long session costs what lies before it. Writers are not held up by that.
 */
#include <stdlib.h>

#include "api/ask.h"
#include "api/cursor.h"
#include "api/json_step.h"

enum { STEPS_LIMIT = 100 };

struct fold {
    struct steps steps;
    int64_t key;
    uint32_t after;
};

static void free_fold(void *work)
{
    struct fold *fold = work;

    steps_release(&fold->steps);
    free(fold);
}

static void reply(struct ask *ask, const struct steps *steps)
{
    size_t bytes_max = 1024;
    char cursor[CURSOR_TEXT_MAX];

    for (size_t i = 0; i < steps->n; i++)
        bytes_max += json_step_bytes_max(&steps->at[i]);
    CLEANUP(buf_release) struct buf json = { .max = bytes_max };

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (size_t i = 0; i < steps->n; i++)
        json_put_step(&json, &steps->at[i]);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    if (steps->has_more)
        json_put_str(&json, slice_of(cursor_text(cursor, 's', steps->at[steps->n - 1].number)));
    else
        json_put_null(&json);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

static enum err_code take_page(struct fold *fold, const struct store_events *page, struct err *err)
{
    for (size_t i = 0; i < page->events_n; i++) {
        const struct store_event *event = &page->events[i];
        CLEANUP(json_cleanup) struct json *body = NULL;

        if (json_read(&body, event->body, STORE_BODY_MAX, err)) {
            err->code = ERR_CORRUPT;
            return err_wrap(err, "event %u", event->seq);
        }
        steps_add(&fold->steps, event->kind, event->at_ms, body);
        fold->after = event->seq;
    }
    return ERR_NONE;
}

static void read_page(struct ask *ask);

static void on_page(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct fold *fold = ask->work;
    struct err err = { 0 };

    if (op->err.code)
        ask_store_failed(ask, &op->err);
    else if (take_page(fold, &op->events, &err))
        ask_store_failed(ask, &err);
    else if (op->events.has_more && !steps_is_complete(&fold->steps))
        read_page(ask);
    else
        reply(ask, &fold->steps);
}

static void read_page(struct ask *ask)
{
    const struct fold *fold = ask->work;

    ask->op = (struct store_op){ .kind = STORE_EVENTS,
                                 .events = { .session = fold->key,
                                             .after = fold->after,
                                             .limit = STORE_PAGE_MAX,
                                             .what = STORE_EVENTS_BODIES } };
    ask_submit(ask, on_page);
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct fold *fold = ask->work;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    fold->key = op->load.row.key;
    read_page(ask);
}

void steps_get(struct ask *ask)
{
    struct slice cursor = http_request_query(ask->request, "cursor");
    int64_t limit = STEPS_LIMIT;
    int64_t after = 0;
    struct refusal refusal;

    if (ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    if (cursor.ptr && (cursor_read(&after, 's', cursor) || after > UINT32_MAX)) {
        ask_reply_problem(ask, 400, "invalid_cursor",
                          "'cursor' is not one that a list of steps gave: pass 'next_cursor' of "
                          "the former page as it is, or leave it out to begin with the first.");
        return;
    }
    struct fold *fold = xcalloc(1, sizeof(*fold));

    steps_init(&fold->steps, (uint32_t)after, (uint32_t)limit);
    ask->work = fold;
    ask->free_work = free_fold;
    (void)ask_load_session(ask, 0, on_row);
}
