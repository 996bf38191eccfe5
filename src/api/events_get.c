/*
 * events_get.c - GET /v1/sessions/{id}/events: a stretch of the journal, now or when there is one.
 *
 * With wait=S an empty answer is held back until an event is committed, up to S seconds. The
 * waiter notes commits from before the first read on, so none falls between reading and waiting.
 */
#include <stdlib.h>

#include "api/ask.h"
#include "api/json_event.h"
#include "api/stream.h"
#include "api/waiters.h"

enum { EVENTS_LIMIT = 100, WAIT_SECONDS_MAX = 60 };

struct follow {
    uint32_t after;
    uint32_t limit;
    int64_t key;
    int64_t until_ms; /* mono; 0: do not wait */
    struct waiter *waiter;
};

static void free_follow(void *work)
{
    struct follow *follow = work;

    waiter_free(follow->waiter);
    free(follow);
}

static void read_events(struct ask *ask);

static void reply(struct ask *ask, const struct store_events *events)
{
    size_t bytes_max = 1024;

    for (size_t i = 0; i < events->events_n; i++)
        bytes_max += events->events[i].body.len + JSON_EVENT_FIXED_MAX;
    CLEANUP(buf_release) struct buf json = { .max = bytes_max };

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (size_t i = 0; i < events->events_n; i++)
        json_put_event(&json, &events->events[i]);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    if (events->has_more && events->events_n > 0) {
        CLEANUP(buf_release) struct buf seq = { .max = 16 };

        buf_putf(&seq, "%u", events->events[events->events_n - 1].seq);
        json_put_str(&json, buf_slice(&seq));
    } else {
        json_put_null(&json);
    }
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

static void on_row(struct store_op *op, void *arg);

static void on_events(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct follow *follow = ask->work;

    if (ask->is_cut) {
        login_refuse_cut(ask);
        return;
    }
    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    if (op->events.events_n == 0 && follow->waiter && waiter_seq(follow->waiter) == WAITER_ERASED) {
        (void)ask_load_session(ask, 0, on_row); /* its tombstone says why */
        return;
    }
    int64_t left_ms = follow->waiter ? follow->until_ms - loop_mono_ms(ask->api->deps.loop) : 0;

    if (op->events.events_n > 0 || left_ms <= 0 || ask->api->phase == API_STOPPING)
        reply(ask, &op->events);
    else if (waiter_seq(follow->waiter) > follow->after)
        read_events(ask); /* committed while we read */
    else
        waiter_park(follow->waiter, left_ms);
}

static void read_events(struct ask *ask)
{
    const struct follow *follow = ask->work;

    ask->op = (struct store_op){ .kind = STORE_EVENTS,
                                 .events = { .session = follow->key,
                                             .after = follow->after,
                                             .limit = follow->limit,
                                             .what = STORE_EVENTS_BODIES } };
    ask_submit(ask, on_events);
}

/* Something was committed, or the time is over: either way what there is, is the answer. */
static void on_woken(void *arg)
{
    read_events(arg);
}

/* While it is parked; else the read under way sees it. */
static void on_cut(struct ask *ask)
{
    const struct follow *follow = ask->work;

    if (waiter_is_parked(follow->waiter))
        login_refuse_cut(ask);
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct follow *follow = ask->work;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    follow->key = op->load.row.key;
    read_events(ask);
}

void events_get(struct ask *ask)
{
    int64_t after = 0;
    int64_t limit = EVENTS_LIMIT;
    int64_t wait_s = 0;
    struct refusal refusal;

    if (stream_is_wanted(ask)) {
        events_stream(ask);
        return;
    }
    if (ask_query_int(ask, "after", 0, UINT32_MAX, &after, &refusal) ||
        ask_query_int(ask, "limit", 1, STORE_PAGE_MAX, &limit, &refusal) ||
        ask_query_int(ask, "wait", 0, WAIT_SECONDS_MAX, &wait_s, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    struct follow *follow = xcalloc(1, sizeof(*follow));

    *follow = (struct follow){ .after = (uint32_t)after, .limit = (uint32_t)limit };
    ask->work = follow;
    ask->free_work = free_follow;
    if (ask_load_session(ask, 0, on_row) && wait_s > 0) {
        follow->waiter = waiter_new(ask->api->waiters, ask->match.id, on_woken, ask);
        follow->until_ms = loop_mono_ms(ask->api->deps.loop) + wait_s * 1000;
        ask->on_cut = on_cut;
    }
}
