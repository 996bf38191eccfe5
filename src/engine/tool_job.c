/*
 * tool_job.c - attempts of tool calls: waiting for a place, running, stopped.
 *
 * Commands share the machine: at most limits.tool_runs of them run at a time, the others wait here,
 * first come, first served. Builtins run at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_internal.h"

enum { STDERR_BYTES_MAX = 16 * 1024 };

static void job_free(struct tool_job *job)
{
    free(job->secrets);
    free(job->arguments);
    free(job);
}

static void job_unlink(struct tool_job *job)
{
    struct tool_job **at = &job->live->tool_jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

static struct tool_runner *runner_of(const struct tool_job *job)
{
    const struct engine_deps *deps = &job->live->engine->deps;

    return job->is_exec ? deps->exec : deps->builtin;
}

/* Only commands count against limits.tool_runs; a drain waits for both. */
static size_t *running_of(struct tool_job *job)
{
    struct engine *engine = job->live->engine;

    return job->is_exec ? &engine->tool_runs : &engine->builtin_runs;
}

static void on_done(struct tool_run *run, void *arg)
{
    struct tool_job *job = arg;
    struct live *live = job->live;
    struct engine *engine = live->engine;

    if (!job->is_stopped)
        outcome_input(live, job->call, job->attempt, &run->result);
    --*running_of(job);
    job_unlink(job);
    job_free(job);
    live_pump(live);
    tool_jobs_next(engine);
    drain_check(engine);
}

static void job_run(struct tool_job *job)
{
    job->is_waiting = 0;
    ++*running_of(job);
    tool_runner_start(runner_of(job), &job->run);
}

void tool_jobs_next(struct engine *engine)
{
    while (engine->tool_first && !engine->drain &&
           engine->tool_runs < engine->deps.config->limits.tool_runs) {
        struct tool_job *job = engine->tool_first;

        engine->tool_first = job->next_ready;
        if (!engine->tool_first)
            engine->tool_last = &engine->tool_first;
        engine->tool_waiting--;
        job_run(job);
    }
}

static void job_wait(struct tool_job *job)
{
    struct engine *engine = job->live->engine;

    job->is_waiting = 1;
    job->next_ready = NULL;
    *engine->tool_last = job;
    engine->tool_last = &job->next_ready;
    engine->tool_waiting++;
}

static void job_unwait(struct tool_job *job)
{
    struct engine *engine = job->live->engine;
    struct tool_job **at = &engine->tool_first;

    while (*at != job)
        at = &(*at)->next_ready;
    *at = job->next_ready;
    if (engine->tool_last == &job->next_ready)
        engine->tool_last = at;
    engine->tool_waiting--;
}

static void set_spec(struct tool_job *job, const struct config_tool *tool)
{
    const struct config_limits *limits = &job->live->engine->deps.config->limits;

    job->secrets = xcalloc(tool->secrets_n + 1, sizeof(*job->secrets));
    for (size_t i = 0; i < tool->secrets_n; i++)
        job->secrets[i] = (struct tool_env){ .name = tool->secrets[i].name,
                                             .value = slice_of(tool->secrets[i].value) };
    job->spec =
        (struct tool_spec){ .name = tool->kind == TOOL_KIND_BUILTIN ? tool->builtin : tool->name,
                            .argv = tool->command,
                            .read_paths = tool->read_paths,
                            .write_paths = tool->write_paths,
                            .secrets = job->secrets,
                            .secrets_n = tool->secrets_n,
                            .has_network = tool->has_network,
                            .timeout_ms = tool->timeout_ms,
                            .cpu_ms = tool->cpu_ms,
                            .memory_bytes = tool->memory_bytes,
                            .processes_max = tool->processes_max,
                            .file_bytes_max = tool->file_bytes_max,
                            .output_bytes_max = limits->tool_output_bytes,
                            .stderr_bytes_max = STDERR_BYTES_MAX };
}

static struct tool_job *job_new(struct live *live, const struct call_info *info, uint32_t attempt)
{
    struct tool_job *job = xcalloc(1, sizeof(*job));

    job->live = live;
    job->next = live->tool_jobs;
    live->tool_jobs = job;
    job->call = info->number;
    job->attempt = attempt;
    job->arguments = slice_dup(slice_of(info->arguments));
    (void)snprintf(job->key, sizeof(job->key), "%s:%u", live->id.text, info->number);
    return job;
}

/* The tool is in the session's revision and no longer in the configuration. */
static void gone(struct live *live, uint32_t call, uint32_t attempt)
{
    struct tool_result result = { .end = TOOL_NOT_STARTED };

    (void)err_set(&result.err, ERR_NOT_FOUND,
                  "the tool is no longer in pawl.yaml; put it back, or go on without it");
    outcome_input(live, call, attempt, &result);
}

void tool_job_start(struct live *live, uint32_t call, uint32_t attempt)
{
    const struct call_info *info = live_call(live, call);
    const struct config_tool *tool;
    struct tool_job *job;

    ASSERT(info);
    tool = config_tool(live->engine->deps.config, slice_of(info->tool));
    if (!tool) {
        gone(live, call, attempt);
        return;
    }
    job = job_new(live, info, attempt);
    set_spec(job, tool);
    job->is_exec = tool->kind == TOOL_KIND_EXEC;
    job->run = (struct tool_run){ .spec = &job->spec,
                                  .session = id_slice(&live->id),
                                  .key = slice_of(job->key),
                                  .call = call,
                                  .attempt = attempt,
                                  .arguments = slice_of(job->arguments),
                                  .done = on_done,
                                  .arg = job };
    if (!job->is_exec) {
        job_run(job);
        return;
    }
    job_wait(job);
    tool_jobs_next(live->engine);
}

static void job_stop(struct tool_job *job)
{
    job->is_stopped = 1;
    if (!job->is_waiting) {
        tool_runner_stop(runner_of(job), &job->run);
        return;
    }
    live_pump(job->live);
    job_unwait(job);
    job_unlink(job);
    job_free(job);
}

void tool_job_stop(struct live *live, uint32_t call, uint32_t attempt)
{
    struct tool_job *job = live->tool_jobs;

    while (job && (job->call != call || job->attempt != attempt))
        job = job->next;
    if (job)
        job_stop(job);
}

void tool_jobs_stop(struct live *live)
{
    for (struct tool_job *job = live->tool_jobs, *next; job; job = next) {
        next = job->next;
        job_stop(job);
    }
}

void tool_jobs_free(struct live *live)
{
    while (live->tool_jobs) {
        struct tool_job *job = live->tool_jobs;

        live->tool_jobs = job->next;
        job_free(job);
    }
}
