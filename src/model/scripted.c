/*
 * scripted.c - the client that follows a script: every answer comes by a timer.
 *
 * Who listens for deltas gets the text in pieces, spread over the delay: word by word, or several
 * words at once where there are many.
 */
#include "model/scripted.h"

#include <stdlib.h>

#include "model/scripted_reply.h"

enum { PIECES_MAX = 20 };

struct scripted {
    struct model_client client; /* first: see scripted_of() */
    struct loop *loop;
    size_t open; /* calls */
};

/* A call on its way. */
struct scripted_run {
    struct scripted *scripted;
    struct model_call *call;
    struct script_reply reply;
    struct slice unsaid; /* of the text, for who listens */
    size_t piece_bytes;  /* about so many at once */
    int64_t pause_ms;    /* between two pieces */
    int64_t left_ms;     /* until the answer is whole */
    struct loop_timer timer;
};

static struct scripted *scripted_of(struct model_client *client)
{
    return CONTAINER_OF(client, struct scripted, client);
}

static void finish(struct scripted_run *run)
{
    struct model_call *call = run->call;

    run->scripted->open--;
    call->client_slot = NULL;
    call->result = run->reply.result;
    call->done(call, call->arg);
    script_reply_release(&run->reply);
    free(run);
}

/* Up to the end of a word, so that a text is not torn where nobody would. */
static struct slice take_piece(struct scripted_run *run)
{
    struct slice *rest = &run->unsaid;
    size_t len = run->piece_bytes < rest->len ? run->piece_bytes : rest->len;

    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\n')
        len++;
    struct slice piece = { rest->ptr, len };

    *rest = (struct slice){ rest->ptr + len, rest->len - len };
    return piece;
}

static void on_time(void *arg)
{
    struct scripted_run *run = arg;
    struct model_call *call = run->call;

    while (run->unsaid.len > 0) {
        struct slice piece = take_piece(run);
        int64_t pause_ms = run->unsaid.len > 0 ? run->pause_ms : run->left_ms;

        call->on_delta(call, piece, call->arg);
        run->left_ms -= pause_ms;
        if (pause_ms > 0) {
            loop_timer_start(run->scripted->loop, &run->timer, pause_ms, on_time, run);
            return;
        }
    }
    finish(run);
}

/* How the text is said over the delay. Returns when the first piece is due. */
static int64_t plan_pieces(struct scripted_run *run)
{
    int64_t delay_ms = run->reply.delay_ms;
    size_t len = run->reply.result.text.len;

    if (!run->call->on_delta || run->reply.result.error || len == 0)
        return delay_ms;
    run->unsaid = run->reply.result.text;
    run->piece_bytes = len / PIECES_MAX + 1;
    size_t words = 1;

    for (size_t i = 0; i < len; i++)
        words += run->unsaid.ptr[i] == ' ' || run->unsaid.ptr[i] == '\n';
    int64_t pieces = words < PIECES_MAX ? (int64_t)words : PIECES_MAX;

    run->pause_ms = delay_ms / (pieces + 1);
    run->left_ms = delay_ms - run->pause_ms;
    return run->pause_ms;
}

static void start(struct model_client *client, struct model_call *call)
{
    struct scripted *scripted = scripted_of(client);
    struct scripted_run *run = xcalloc(1, sizeof(*run));

    run->scripted = scripted;
    run->call = call;
    script_reply_make(&run->reply, call);
    call->client_slot = run;
    scripted->open++;
    loop_timer_start(scripted->loop, &run->timer, plan_pieces(run), on_time, run);
}

static void cancel(struct model_client *client, struct model_call *call)
{
    struct scripted_run *run = call->client_slot;

    if (!run)
        return; /* not open */
    run->unsaid = (struct slice){ NULL, 0 };
    run->reply.result =
        (struct model_result){ .error = MODEL_CANCELLED, .message = "scripted: cancelled" };
    loop_timer_start(scripted_of(client)->loop, &run->timer, 0, on_time, run);
}

static const struct model_client_ops scripted_ops = { .start = start, .cancel = cancel };

struct scripted *scripted_new(struct loop *loop)
{
    struct scripted *scripted = xcalloc(1, sizeof(*scripted));

    scripted->client.ops = &scripted_ops;
    scripted->loop = loop;
    return scripted;
}

void scripted_free(struct scripted *scripted)
{
    if (!scripted)
        return;
    ASSERT(scripted->open == 0);
    free(scripted);
}

struct model_client *scripted_client(struct scripted *scripted)
{
    return &scripted->client;
}
