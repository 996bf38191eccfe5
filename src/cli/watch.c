#include "cli/watch.h"

#include <stdio.h>

#include "cli/command.h"
#include "net/sse_read.h"

enum {
    EVENT_BYTES_MAX = 64 * 1024 * 1024,
    STREAM_MS = 24 * 60 * 60 * 1000, /* then it is asked for anew */
    SILENCE_MS = 60000,              /* the server says something every 15 seconds */
    PAUSE_FIRST_MS = 50,
    PAUSE_MAX_MS = 1000,
};

/* One stream after the other. */
struct watching {
    struct client *client;
    struct watch *watch;
    struct sse_reader reader;
    struct loop_timer silence;
    char last[16]; /* watch->after as text */
    int is_enough;
    int has_heard;  /* something came in this stream */
    struct err err; /* of what came: it is no stream of events */
};

static enum err_code on_message(const struct sse_event *message, void *arg, struct err *err)
{
    struct watching *w = arg;
    CLEANUP(json_cleanup) struct json *json = NULL;

    if (json_read(&json, message->data, EVENT_BYTES_MAX, err))
        return err_wrap(err, "an event of the stream");
    if (slice_is(message->type, "delta")) {
        if (w->watch->on_delta)
            w->watch->on_delta(w->watch->arg, json);
        return ERR_NONE;
    }
    int64_t seq = json_int(json_get(json, "seq"), 0);

    if (message->type.len > 0 || w->is_enough)
        return ERR_NONE; /* of a later version; or more than was asked for */
    if (seq != (int64_t)w->watch->after + 1)
        return err_set(err, ERR_CORRUPT, "event %lld came after event %u", (long long)seq,
                       w->watch->after);
    w->watch->after = (uint32_t)seq;
    w->is_enough = w->watch->on_event(w->watch->arg, json);
    return ERR_NONE;
}

static void on_silence(void *arg)
{
    struct watching *w = arg;

    client_give_up(w->client);
}

static int on_piece(void *arg, struct slice bytes)
{
    struct watching *w = arg;

    w->has_heard = 1;
    loop_timer_start(w->client->loop, &w->silence, SILENCE_MS, on_silence, w);
    return sse_reader_feed(&w->reader, bytes, &w->err) || w->is_enough;
}

static enum err_code stream_once(struct watching *w, struct answer *ret_answer, struct err *err)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    const struct client_request request = { .method = "GET",
                                            .timeout_ms = STREAM_MS,
                                            .accept = "text/event-stream",
                                            .last_event_id = w->last,
                                            .on_piece = on_piece,
                                            .arg = w };
    struct client_request sent = request;

    buf_puts(&path, "/v1/sessions/");
    client_put_escaped(&path, slice_of(w->watch->session));
    buf_puts(&path, "/events");
    sent.path = buf_cstr(&path);
    (void)snprintf(w->last, sizeof(w->last), "%u", w->watch->after);
    w->has_heard = 0;
    sse_reader_init(&w->reader, EVENT_BYTES_MAX, on_message, w);
    loop_timer_start(w->client->loop, &w->silence, SILENCE_MS, on_silence, w);
    enum err_code code = client_call(w->client, &sent, ret_answer, err);

    loop_timer_stop(w->client->loop, &w->silence);
    sse_reader_release(&w->reader);
    return code;
}

/* Whether to ask again: it was cut off, ended by the server, or the server is gone or starts. */
static int may_come_back(const struct watching *w, enum err_code code, int status)
{
    if (w->err.code)
        return 0;
    return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT ||
           (code == ERR_NONE && (status == 200 || status == 503));
}

static int fail(const struct watching *w, const struct err *err, const struct answer *answer)
{
    if (w->err.code)
        return command_fail(EXIT_FAILED, "%s", w->err.msg);
    if (err->code)
        return client_fail(w->client, err);
    return command_fail(EXIT_FAILED, "%s", answer->problem);
}

/* The exit code, or -1: there is something to come, and it may be asked for again. */
static int stream_to_its_end(struct watching *w, int is_last_try)
{
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct err err = { 0 };
    enum err_code code = stream_once(w, &answer, &err);

    if (w->is_enough || (code == ERR_NONE && answer.status == 204))
        return EXIT_GOOD;
    if (may_come_back(w, code, answer.status) && !(is_last_try && !w->has_heard))
        return -1;
    return fail(w, &err, &answer);
}

int watch_run(struct client *client, struct watch *watch)
{
    struct watching w = { .client = client, .watch = watch };
    const struct client_patience *patience = &watch->patience;
    int64_t pause_ms = PAUSE_FIRST_MS;
    int64_t until_ms = 0; /* counts from the first failure since something was heard */
    int failures = 0;

    for (;;) {
        struct err err = { 0 };
        int status = stream_to_its_end(&w, until_ms != 0 && loop_mono_ms(client->loop) >= until_ms);

        if (status >= 0)
            return status;
        if (w.has_heard) {
            pause_ms = PAUSE_FIRST_MS;
            until_ms = 0;
            failures = 0;
        }
        if (until_ms == 0)
            until_ms = loop_mono_ms(client->loop) + patience->ms;
        /* A stream that ends may go on at once: only one that does not is a server that is gone. */
        if (++failures == 2 && patience->on_lost)
            patience->on_lost(patience->arg);
        if (client_pause(client, pause_ms, &err))
            return client_fail(client, &err);
        pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
    }
}
