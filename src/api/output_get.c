/*
 * output_get.c - GET /v1/sessions/{id}/calls/{n}/output: what a call printed, as it is.
 *
 * One that is kept beside its event goes out a stretch at a time, each read from the store when the
 * reader has taken the one before, so that an answer holds little however long it is; one that
 * finds no room among what all answers hold is read again later. Its length is said first: an
 * answer that has to end early is seen to be cut. Of all others the event has the whole, and it is
 * looked for there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/ask.h"
#include "base/id.h"
#include "base/log.h"
#include "core/event_json.h"
#include "net/http_stream.h"

enum {
    STRETCH_BYTES = 256 * 1024,
    EVENTS_PAGE = 200,
    FILE_NAME_MAX = 96,
    ROOM_RETRY_MS = 500,
};

#define OUTPUT_TYPE "application/octet-stream"

struct output {
    struct loop *loop;
    struct loop_timer room; /* armed while a stretch that found no room is to be read again */
    struct id id;
    int64_t session; /* its key */
    uint32_t seq;    /* of its last event */
    uint32_t call;
    uint64_t offset; /* of the next byte */
    uint64_t until;  /* not above this */
    struct http_stream *http;
    int is_reading;
    int is_gone;
    char disposition[FILE_NAME_MAX];
    const char *extra[3];
};

static void free_output(void *work)
{
    struct output *output = work;

    loop_timer_stop(output->loop, &output->room);
    free(output);
}

static void no_output(struct ask *ask)
{
    const struct output *output = ask->work;

    ask_reply_problem(ask, 404, "output_not_found",
                      "Call %u of this session has no output: it has not ended, has failed, or is "
                      "not there. GET .../steps lists the calls.",
                      output->call);
}

static void past_the_end(struct ask *ask, uint64_t bytes)
{
    const struct output *output = ask->work;

    ask_reply_problem(ask, 400, "invalid_parameter",
                      "There is nothing at 'offset' %llu: the output of call %u has %llu bytes.",
                      (unsigned long long)output->offset, output->call, (unsigned long long)bytes);
}

/* ---- beside its event ---- */

static void end(struct ask *ask)
{
    struct output *output = ask->work;

    http_stream_end(output->http);
    ask->api->streams_n--;
    ask_end(ask);
}

static void on_stretch(struct store_op *op, void *arg);

static void read_stretch(struct ask *ask)
{
    struct output *output = ask->work;
    uint64_t left = output->until - output->offset;

    output->is_reading = 1;
    ask->op = (struct store_op){
        .kind = STORE_BLOB,
        .blob = { .session = output->session,
                  .call = output->call,
                  .offset = output->offset,
                  .length = left < STRETCH_BYTES ? (uint32_t)left : STRETCH_BYTES },
    };
    ask_submit(ask, on_stretch);
}

static void go_on(struct ask *ask)
{
    const struct output *output = ask->work;

    if (output->offset < output->until && ask->api->phase != API_STOPPING)
        read_stretch(ask);
    else
        end(ask);
}

static void on_empty(void *arg)
{
    struct ask *ask = arg;
    const struct output *output = ask->work;

    if (!output->is_reading)
        go_on(ask);
}

static void on_room(void *arg)
{
    go_on(arg);
}

/* Holding nothing meanwhile, as streams of events do. */
static void take_stretch(struct ask *ask, struct slice bytes)
{
    struct output *output = ask->work;

    if (http_stream_offer(output->http, bytes))
        output->offset += bytes.len; /* once it was taken, on_empty() goes on */
    else
        loop_timer_start(output->loop, &output->room, ROOM_RETRY_MS, on_room, ask);
}

static void on_gone(void *arg)
{
    struct ask *ask = arg;
    struct output *output = ask->work;

    ask->api->streams_n--;
    output->is_gone = 1;
    if (!output->is_reading)
        ask_end(ask);
}

static void on_cut(struct ask *ask)
{
    const struct output *output = ask->work;

    if (output->http && !output->is_reading)
        end(ask);
}

static void begin(struct ask *ask)
{
    struct output *output = ask->work;
    const struct http_stream_config config = { .content_type = OUTPUT_TYPE,
                                               .extra = output->extra,
                                               .length = output->until - output->offset,
                                               .held_bytes_max = STRETCH_BYTES,
                                               .on_empty = on_empty,
                                               .on_gone = on_gone,
                                               .arg = ask };

    ask->match.id = (struct slice){ NULL, 0 }; /* was the request's */
    ask->match.number = (struct slice){ NULL, 0 };
    output->http = http_reply_stream(TAKE(ask->request), &config);
    if (!output->http) {
        ask_end(ask);
        return;
    }
    ask->api->streams_n++;
    ask->on_cut = on_cut;
}

static void on_stretch(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct output *output = ask->work;
    enum err_code code = op->err.code;

    output->is_reading = 0;
    if (code && code != ERR_NOT_FOUND)
        log_line(LOG_ERROR, "an output is cut off: a read failed", "session", output->id.text,
                 "call", log_int(output->call), "error", op->err.msg, NULL);
    if (output->is_gone) {
        ask_end(ask);
    } else if (ask->is_cut || code || op->blob.data.len == 0) {
        end(ask); /* it was erased meanwhile, or cannot be read: less than was promised */
    } else {
        take_stretch(ask, op->blob.data);
    }
}

/* ---- in its event ---- */

static void reply_text(struct ask *ask, struct slice text)
{
    struct output *output = ask->work;
    uint64_t until = output->until < text.len ? output->until : text.len;

    if (output->offset > text.len) {
        past_the_end(ask, text.len);
        return;
    }
    http_reply(ask->request, 200, OUTPUT_TYPE,
               (struct slice){ text.ptr + output->offset, (size_t)(until - output->offset) },
               output->extra);
    ask_end(ask);
}

/* True if this event has the output of the call: the answer is sent. */
static int has_text(struct ask *ask, const struct store_event *event)
{
    const struct output *output = ask->work;
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };

    if (event->kind != EV_TOOL_FINISHED && event->kind != EV_TOOL_RECONCILED)
        return 0;
    if (json_read(&body, event->body, STORE_BODY_MAX, &err))
        return 0; /* `pawl verify` says so */
    struct slice text = json_str(json_get(body, "output"));

    if (json_int(json_get(body, "call"), 0) != output->call || !text.ptr)
        return 0;
    reply_text(ask, text);
    return 1;
}

static void on_events(struct store_op *op, void *arg);

static void read_events(struct ask *ask, uint32_t after)
{
    const struct output *output = ask->work;

    ask->op = (struct store_op){ .kind = STORE_EVENTS,
                                 .events = { .session = output->session,
                                             .after = after,
                                             .until = output->seq,
                                             .limit = EVENTS_PAGE,
                                             .what = STORE_EVENTS_BODIES } };
    ask_submit(ask, on_events);
}

static void on_events(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    size_t n = op->events.events_n;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (has_text(ask, &op->events.events[i]))
            return;
    }
    if (op->events.has_more && n > 0)
        read_events(ask, op->events.events[n - 1].seq);
    else
        no_output(ask);
}

/* ---- which of them ---- */

static void on_found(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct output *output = ask->work;

    if (op->err.code == ERR_NOT_FOUND) {
        read_events(ask, 0);
    } else if (op->err.code) {
        ask_store_failed(ask, &op->err);
    } else if (output->offset >= op->blob.bytes) {
        past_the_end(ask, op->blob.bytes);
    } else if (ask->api->streams_n >= ask->api->deps.config->limits.streams) {
        ask_reply_problem(ask, 503, "too_many_streams",
                          "All %u streams that limits.streams allows are open; try again.",
                          ask->api->deps.config->limits.streams);
    } else {
        if (output->until > op->blob.bytes)
            output->until = op->blob.bytes;
        begin(ask);
    }
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct output *output = ask->work;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    output->session = op->load.row.key;
    output->seq = op->load.row.seq;
    ask->op = (struct store_op){
        .kind = STORE_BLOB,
        .blob = { .session = output->session, .call = output->call, .length = 1 }
    };
    ask_submit(ask, on_found);
}

static int read_query(const struct ask *ask, struct output *output, struct refusal *ret_refusal)
{
    int64_t offset = 0;
    int64_t length = INT32_MAX;

    if (ask_query_int(ask, "offset", 0, STORE_BLOB_OFFSET_MAX, &offset, ret_refusal) ||
        ask_query_int(ask, "length", 1, INT32_MAX, &length, ret_refusal))
        return 1;
    output->offset = (uint64_t)offset;
    output->until = (uint64_t)(offset + length);
    return 0;
}

void output_get(struct ask *ask)
{
    struct output *output = xcalloc(1, sizeof(*output));
    struct refusal refusal;
    int64_t call = 0;

    output->loop = ask->api->deps.loop;
    ask->work = output;
    ask->free_work = free_output;
    if (!ask_read_int(ask->match.number, 1, UINT32_MAX, &call)) {
        ask_reply_problem(ask, 404, "call_not_found", "A call has a number, from 1 on.");
        return;
    }
    if (read_query(ask, output, &refusal)) {
        ask_refuse(ask, &refusal);
        return;
    }
    output->call = (uint32_t)call;
    (void)snprintf(output->disposition, sizeof(output->disposition),
                   "attachment; filename=\"call-%u.out\"", output->call);
    output->extra[0] = "Content-Disposition";
    output->extra[1] = output->disposition;
    if (ask_load_session(ask, 0, on_row))
        memcpy(output->id.text, ask->match.id.ptr, ask->match.id.len);
}
