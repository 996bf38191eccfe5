/* model_job.c - an attempt of a model call in flight, and the permits for them. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_internal.h"

struct model_job {
    struct live *live;
    struct model_job *next;
    uint32_t call;
    uint32_t attempt;
    struct model_client *client;
    struct buf instructions;
    struct model_call request;
};

const struct config_model *engine_model(const struct live *live)
{
    return config_model(live->engine->deps.config, live->revision->model_name);
}

/*
 * The format in which this session's messages are kept: its model's, or where that is gone from the
 * configuration, the one that every provider so far has.
 */
const struct model_format *engine_format(const struct live *live)
{
    const struct config_model *model = engine_model(live);

    return live->engine->deps.formats[model ? model->account->provider : PROVIDER_OPENAI];
}

struct spend model_reservation(const struct live *live, const struct config_model *model)
{
    const struct tick *tick = live->tick;
    size_t context_len = live->context ? strlen(live->context) : 0; /* is in the instructions */

    if (tick && tick->context.ptr) /* a new one comes in the tick that asks */
        context_len = tick->context.len;
    uint64_t bytes = live->revision->instructions.len + live->revision->tools_wire.len +
                     live->history.read.text.len + context_len;
    return price_reservation(&model->price, bytes, live->revision->max_output_tokens);
}

void permits_changed(struct engine *engine)
{
    size_t most = engine->deps.config->limits.model_calls;

    queue_want(engine->queue,
               engine->drain || engine->model_calls >= most ? 0 : most - engine->model_calls);
}

static void job_free(struct model_job *job)
{
    buf_release(&job->instructions);
    free(job);
}

static void job_unlink(struct model_job *job)
{
    struct model_job **at = &job->live->model_jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

static void on_done(struct model_call *call, void *arg)
{
    struct model_job *job = arg;
    struct live *live = job->live;
    struct engine *engine = live->engine;

    /* What a drain stopped was interrupted, not failed: recover_input() says so. */
    if (!engine->drain || call->result.error != MODEL_CANCELLED)
        answer_input(live, job->call, job->attempt, &call->result);
    job_unlink(job);
    job_free(job);
    engine->model_calls--;
    permits_changed(engine);
    live_pump(live);
    drain_check(engine);
}

static void on_delta(struct model_call *call, struct slice text, void *arg)
{
    const struct model_job *job = arg;
    const struct engine_deps *deps = &job->live->engine->deps;

    (void)call;
    deps->on_delta(deps->arg, id_slice(&job->live->id), job->call, job->attempt, text);
}

/* What keeps a request from being made at all ends its attempt like a refusal by the provider. */
static void job_refused(struct model_job *job, const char *message)
{
    struct model_result result = { .error = MODEL_REFUSED };

    (void)snprintf(result.message, sizeof(result.message), "%s", message);
    job->request.result = result;
    on_done(&job->request, job);
}

static void set_request(struct model_job *job, const struct config_model *model)
{
    struct live *live = job->live;
    const struct revision *revision = live->revision;

    job->request = (struct model_call){
        .base_url = slice_of(model->account->base_url),
        .api_key = slice_of(model->account->api_key),
        .model = revision->model,
        .instructions = buf_slice(&job->instructions),
        .tools = buf_slice(&revision->tools_wire),
        .messages = buf_slice(&live->history.read.text),
        .max_output_tokens = revision->max_output_tokens,
        .timeout_ms = revision->timeout_ms,
        .idle_timeout_ms = model->idle_timeout_ms,
        .is_streamed = model->is_streamed,
        .attempt = job->attempt,
        .script = slice_of(model->script),
        .user = id_slice(&live->id),
        .done = on_done,
        .on_delta = live->engine->deps.on_delta ? on_delta : NULL,
        .arg = job,
    };
}

void model_job_start(struct live *live, uint32_t call, uint32_t attempt)
{
    const struct config_model *model = engine_model(live);
    struct model_job *job = xcalloc(1, sizeof(*job));
    struct err err;

    ASSERT(model); /* it was there in the tick that asked, and does not change while we run */
    *job = (struct model_job){ .live = live,
                               .next = live->model_jobs,
                               .call = call,
                               .attempt = attempt,
                               .client = live->engine->deps.models[model->account->provider],
                               .instructions.max = HISTORY_BYTES_MAX };
    live->model_jobs = job;
    if (live->history.is_too_large) {
        (void)err_set(
            &err, ERR_LIMIT,
            "the conversation is larger than the %d MiB that a request may have; give the "
            "agent a window, or begin a new session",
            HISTORY_BYTES_MAX >> 20);
        job_refused(job, err.msg);
        return;
    }
    if (revision_instructions(live->revision, slice_of(live->context), &job->instructions, &err)) {
        job_refused(job, err.msg);
        return;
    }
    set_request(job, model);
    model_client_start(job->client, &job->request);
}

void model_job_stop(struct live *live, uint32_t call, uint32_t attempt)
{
    for (struct model_job *job = live->model_jobs; job; job = job->next) {
        if (job->call == call && job->attempt == attempt)
            model_client_cancel(job->client, &job->request);
    }
}

void model_jobs_stop(struct live *live)
{
    for (struct model_job *job = live->model_jobs; job; job = job->next)
        model_client_cancel(job->client, &job->request);
}

void model_jobs_free(struct live *live)
{
    while (live->model_jobs) {
        struct model_job *job = live->model_jobs;

        live->model_jobs = job->next;
        job_free(job);
    }
}
