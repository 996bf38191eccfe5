/*
 * events_stream.c - GET /v1/sessions/{id}/events as text/event-stream: the journal as it grows.
 *
 * The journal is paged from the store, old events and new ones alike (one read for all that want
 * the same page, page_share.h): a page is read when the reader has taken the one before, so a
 * stream holds a page at most however long its history is and however slow its reader. At the end
 * of the journal it waits, as a long-poll does, and a commit wakes it.
 *
 * Deltas come beside that, as they are: they are in no journal. They are given from the moment on
 * when the reader has all events that there were. To a reader that has not taken STREAM_HELD_MAX of
 * them the rest of that attempt is not given: what was said is in the event that ends the attempt.
 * So what it gets of an attempt has no holes, and is a beginning of the text at least.
 */
#include <stdlib.h>
#include <strings.h>

#include "api/ask.h"
#include "api/page_share.h"
#include "api/stream.h"
#include "api/waiters.h"
#include "base/log.h"
#include "net/http_stream.h"
#include "net/sse_write.h"

enum {
    STREAM_HELD_MAX = 256 * 1024, /* of deltas */
    HEARTBEAT_MS = 15000,         /* most proxies give a silent connection 30 s or more */
    RETRY_MS = 1000,
    ROOM_RETRY_MS = 500,
    DELTA_FIXED_MAX = 128, /* of a delta without its text */
};

struct stream {
    struct id session;
    int64_t key;
    uint32_t sent; /* the last seq that was written */
    struct page_wish wish;
    int is_final;          /* no event of this session is to come */
    uint32_t skipped_call; /* of which no more deltas are given; 0: none */
    uint32_t skipped_attempt;
    int has_told_skip; /* since it was empty */
    int lacks_room;    /* the page that was read last was not taken */
    struct waiter *waiter;
    struct http_stream *http;
};

static void free_stream(void *work)
{
    struct stream *stream = work;

    page_wish_drop(&stream->wish);
    waiter_free(stream->waiter);
    free(stream);
}

static void end(struct ask *ask)
{
    struct stream *stream = ask->work;

    http_stream_end(stream->http);
    ask->api->streams_n--;
    ask_end(ask);
}

/* ---- events ---- */

/* False: there is no room for it now, and it is to be read again later. */
static int write_page(struct stream *stream, const struct store_events *page, struct slice text)
{
    if (!http_stream_offer(stream->http, text))
        return 0;
    stream->sent = page->events[page->events_n - 1].seq;
    for (size_t i = 0; i < page->events_n; i++)
        stream->is_final |= page->events[i].kind == EV_CANCELLED;
    return 1;
}

static void read_page(struct ask *ask)
{
    struct stream *stream = ask->work;

    page_wish_make(ask->api->pages, &stream->wish, stream->key, stream->sent);
}

static void put_attempt(struct buf *json, uint32_t call, uint32_t attempt)
{
    json_key(json, "call");
    json_put_int(json, call);
    json_key(json, "attempt");
    json_put_int(json, attempt);
}

/* Said once until the reader has caught up: a stuck one must not gather even these. */
static void skip_rest(struct stream *stream, const struct said *said)
{
    CLEANUP(buf_release) struct buf json = { .max = DELTA_FIXED_MAX };

    stream->skipped_call = said->call;
    stream->skipped_attempt = said->attempt;
    if (stream->has_told_skip)
        return;
    stream->has_told_skip = 1;
    json_begin(&json, '{');
    put_attempt(&json, said->call, said->attempt);
    json_end(&json, '}');
    const struct sse_message event = { .name = SLICE_LIT("skipped"), .data = buf_slice(&json) };
    CLEANUP(buf_release) struct buf text = { .max = sse_bytes_max(&event) };

    sse_put(&text, &event);
    http_stream_write(stream->http, buf_slice(&text));
}

/* A delta. */
static void on_say(void *arg, const struct said *said)
{
    const struct ask *ask = arg;
    struct stream *stream = ask->work;

    if ((said->call == stream->skipped_call && said->attempt == stream->skipped_attempt))
        return;
    if (!http_stream_offer(stream->http, said->text))
        skip_rest(stream, said);
}

/* Holding nothing meanwhile: others are slow, and this one may be quick. */
static void wait_for_room(struct ask *ask)
{
    const struct stream *stream = ask->work;

    if (ask->api->phase == API_STOPPING)
        end(ask);
    else
        waiter_park(stream->waiter, ROOM_RETRY_MS);
}

static void on_page(void *arg, const struct store_op *op, struct slice text)
{
    struct ask *ask = arg;
    struct stream *stream = ask->work;

    if (op->err.code) {
        log_line(LOG_ERROR, "a stream of events ends: a read failed", "session",
                 stream->session.text, "error", op->err.msg, NULL);
        end(ask); /* the reader comes back with the id that it had last */
    } else if (op->events.events_n > 0) {
        stream->lacks_room = !write_page(stream, &op->events, text);
        if (stream->lacks_room)
            wait_for_room(ask);
        /* Else, once it was taken, on_empty() goes on. */
    } else if (stream->is_final || ask->api->phase == API_STOPPING ||
               waiter_seq(stream->waiter) == WAITER_ERASED) {
        end(ask); /* who comes again is told if it was erased */
    } else if (waiter_seq(stream->waiter) > stream->sent) {
        read_page(ask); /* committed while we read */
    } else {
        waiter_on_say(stream->waiter, on_say);
        waiter_park(stream->waiter, HEARTBEAT_MS);
    }
}

static void write_heartbeat(struct http_stream *http)
{
    CLEANUP(buf_release) struct buf text = { .max = SSE_FIXED_MAX };

    sse_put_heartbeat(&text);
    http_stream_write(http, buf_slice(&text));
}

/* A commit, the time for a heartbeat, or the end of the server. */
static void on_woken(void *arg)
{
    struct ask *ask = arg;
    struct stream *stream = ask->work;

    if (waiter_seq(stream->waiter) > stream->sent || stream->lacks_room) {
        read_page(ask);
    } else if (ask->api->phase == API_STOPPING) {
        end(ask);
    } else {
        if (http_stream_is_empty(stream->http)) /* else there is enough that proves it alive */
            write_heartbeat(stream->http);
        waiter_park(stream->waiter, HEARTBEAT_MS);
    }
}

/* Deltas and heartbeats run dry, too: then it is parked, or a page is on its way. */
static void on_empty(void *arg)
{
    struct ask *ask = arg;
    struct stream *stream = ask->work;

    stream->has_told_skip = 0;
    if (!stream->wish.page && !waiter_is_parked(stream->waiter))
        read_page(ask);
}

static void on_gone(void *arg)
{
    struct ask *ask = arg;

    ask->api->streams_n--;
    ask_end(ask);
}

/* ---- deltas ---- */

void streams_say_delta(struct waiters *waiters, const struct stream_delta *delta)
{
    CLEANUP(buf_release) struct buf json = { .max = delta->text.len * 6 + DELTA_FIXED_MAX };

    if (!waiters_are_listening(waiters, delta->session))
        return;
    json_begin(&json, '{');
    put_attempt(&json, delta->call, delta->attempt);
    json_key(&json, "text");
    json_put_str(&json, delta->text);
    json_end(&json, '}');
    const struct sse_message event = { .name = SLICE_LIT("delta"), .data = buf_slice(&json) };
    CLEANUP(buf_release) struct buf text = { .max = sse_bytes_max(&event) };

    sse_put(&text, &event);
    waiters_say(waiters, delta->session,
                &(struct said){ delta->call, delta->attempt, buf_slice(&text) });
}

/* ---- the beginning ---- */

static void begin(struct ask *ask)
{
    struct stream *stream = ask->work;
    const struct http_stream_config config = { .content_type = SSE_TYPE,
                                               .held_bytes_max = STREAM_HELD_MAX,
                                               .on_empty = on_empty,
                                               .on_gone = on_gone,
                                               .arg = ask };
    CLEANUP(buf_release) struct buf text = { .max = SSE_FIXED_MAX };

    ask->match.id = (struct slice){ NULL, 0 }; /* was the request's */
    stream->http = http_reply_stream(TAKE(ask->request), &config);
    if (!stream->http) {
        ask_end(ask);
        return;
    }
    ask->api->streams_n++;
    ask->on_cut = end;
    sse_put_retry(&text, RETRY_MS);
    http_stream_write(stream->http, buf_slice(&text)); /* once it was taken, on_empty() goes on */
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct stream *stream = ask->work;
    const struct store_session *row = &op->load.row;

    if (ask->is_cut) {
        login_refuse_cut(ask);
        return;
    }
    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    if (stream->sent > row->seq && stream->sent > waiter_seq(stream->waiter)) {
        ask_reply_problem(ask, 400, "unknown_event",
                          "There is no event %u of this session: its last is %u. Whatever gave "
                          "you that number is no longer there; begin again without it.",
                          stream->sent, row->seq);
        return;
    }
    stream->key = row->key;
    stream->is_final = row->status == STATUS_CANCELLED;
    if (stream->is_final && stream->sent >= row->seq) {
        http_reply(ask->request, 204, NULL, (struct slice){ NULL, 0 }, NULL);
        ask_end(ask);
    } else if (ask->api->streams_n >= ask->api->deps.config->limits.streams) {
        ask_reply_problem(ask, 503, "too_many_streams",
                          "All %u streams that limits.streams allows are open; try again, or ask "
                          "for pages with 'after' and 'wait'.",
                          ask->api->deps.config->limits.streams);
    } else {
        begin(ask);
    }
}

/* Where the reader stopped: its header counts, for a browser sends the first URL again. */
static int read_start(const struct ask *ask, uint32_t *ret_sent, struct refusal *ret_refusal)
{
    struct slice last = http_request_header(ask->request, "Last-Event-ID");
    char text[QUOTED_TEXT_MAX];
    int64_t after = 0;

    if (http_request_query(ask->request, "limit").ptr ||
        http_request_query(ask->request, "wait").ptr)
        return refuse(ret_refusal, 400, "invalid_parameter",
                      "A stream has neither 'limit' nor 'wait': it gives all events and goes on.");
    if (ask_query_int(ask, "after", 0, UINT32_MAX, &after, ret_refusal))
        return 1;
    if (last.ptr && !ask_read_int(last, 0, UINT32_MAX, &after))
        return refuse(ret_refusal, 400, "invalid_last_event_id",
                      "'Last-Event-ID' must be the id of an event of this stream, not '%s'.",
                      quoted_text(text, last));
    *ret_sent = (uint32_t)after;
    return 0;
}

int stream_is_wanted(const struct ask *ask)
{
    struct slice rest = http_request_header(ask->request, "Accept");

    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        struct slice type = { rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len };

        rest = comma ? (struct slice){ comma + 1, rest.len - type.len - 1 }
                     : (struct slice){ NULL, 0 };
        while (type.len > 0 && (type.ptr[0] == ' ' || type.ptr[0] == '\t'))
            type = (struct slice){ type.ptr + 1, type.len - 1 };
        if (type.len < strlen(SSE_TYPE) || strncasecmp(type.ptr, SSE_TYPE, strlen(SSE_TYPE)) != 0)
            continue;
        struct slice rest_of_type = { type.ptr + strlen(SSE_TYPE), type.len - strlen(SSE_TYPE) };

        if (rest_of_type.len == 0 || strchr("; \t", rest_of_type.ptr[0]))
            return 1;
    }
    return 0;
}

void events_stream(struct ask *ask)
{
    struct refusal refusal;
    uint32_t sent = 0;

    if (read_start(ask, &sent, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    struct stream *stream = xcalloc(1, sizeof(*stream));

    stream->sent = sent;
    stream->wish = (struct page_wish){ .fn = on_page, .arg = ask };
    ask->work = stream;
    ask->free_work = free_stream;
    if (!ask_load_session(ask, 0, on_row))
        return;
    memcpy(stream->session.text, ask->match.id.ptr, ask->match.id.len);
    stream->waiter = waiter_new(ask->api->waiters, ask->match.id, on_woken, ask);
}
