/* scripted.c - the client that follows a script: every answer comes by a timer. */
#include "model/scripted.h"

#include <stdlib.h>

#include "model/scripted_reply.h"

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
    struct loop_timer timer;
};

static struct scripted *scripted_of(struct model_client *client)
{
    return CONTAINER_OF(client, struct scripted, client);
}

static void on_time(void *arg)
{
    struct scripted_run *run = arg;
    struct model_call *call = run->call;

    run->scripted->open--;
    call->client_slot = NULL;
    call->result = run->reply.result;
    call->done(call, call->arg);
    script_reply_release(&run->reply);
    free(run);
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
    loop_timer_start(scripted->loop, &run->timer, run->reply.delay_ms, on_time, run);
}

static void cancel(struct model_client *client, struct model_call *call)
{
    struct scripted_run *run = call->client_slot;

    if (!run)
        return; /* not open */
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
