/*
 * tool_job.c - attempts of tool calls: waiting for a place, running, stopped.
 *
 * Commands share the machine: at most limits.tool_runs of them run at a time, the others wait here,
 * first come, first served. Builtins run at once.
 *
 * An `effects: once` run that has its place leaves only when `tool_sent` is committed; and neither
 * it nor the look at what became of it begins before the last process of the run before has ended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine_internal.h"

enum { STDERR_BYTES_MAX = 16 * 1024 };

static void job_free(struct tool_job *job)
{
    tool_output_free(job->run.result.kept);
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
    const struct engine *engine = job->live->engine;

    if (job->is_reader)
        return output_reader_runner(engine->output_reader);
    return job->is_exec ? engine->deps.exec : engine->deps.builtin;
}

/* Only commands count against limits.tool_runs; a drain waits for both. */
static size_t *running_of(struct tool_job *job)
{
    struct engine *engine = job->live->engine;

    return job->is_exec ? &engine->tool_runs : &engine->builtin_runs;
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

/* The newest come first in the list. */
static int has_elder(const struct tool_job *job)
{
    for (const struct tool_job *other = job->next; other; other = other->next) {
        if (other->call == job->call)
            return 1;
    }
    return 0;
}

/* What waited for the last process of an earlier run may get in line. */
static void elder_ended(struct live *live)
{
    for (struct tool_job *job = live->tool_jobs; job; job = job->next) {
        if (job->is_behind && !has_elder(job)) {
            job->is_behind = 0;
            job_wait(job);
        }
    }
}

/* A run that was to be stopped may have ended by itself before: then it is known what it did. */
static void tell(struct tool_job *job)
{
    struct tool_result *result = &job->run.result;

    if (job->is_reconcile && !job->is_stopped)
        reconcile_input(job->live, job->call, job->attempt, result);
    if (!job->is_reconcile && (!job->is_stopped || (job->is_once && result->end == TOOL_EXITED)))
        outcome_input(job->live, job->call, job->attempt, result);
}

static void on_done(struct tool_run *run, void *arg)
{
    struct tool_job *job = arg;
    struct live *live = job->live;
    struct engine *engine = live->engine;

    (void)run;
    tell(job);
    --*running_of(job);
    job_unlink(job);
    job_free(job);
    elder_ended(live);
    live_pump(live);
    tool_jobs_next(engine);
    drain_check(engine);
}

static void job_run(struct tool_job *job)
{
    job->is_waiting = 0;
    ++*running_of(job);
    if (job->is_once && !job->is_reconcile) {
        job->is_sending = 1;
        sent_input(job->live, job->call, job->attempt);
        return;
    }
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
                            .output_bytes_max = limits->output_bytes,
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
    job->arguments = xstrdup(info->arguments);
    (void)snprintf(job->key, sizeof(job->key), "%s:%u", live->id.text, info->number);
    return job;
}

static void set_run(struct tool_job *job)
{
    job->run = (struct tool_run){ .spec = &job->spec,
                                  .session = id_slice(&job->live->id),
                                  .key = slice_of(job->key),
                                  .call = job->call,
                                  .attempt = job->attempt,
                                  .arguments = slice_of(job->arguments),
                                  .done = on_done,
                                  .arg = job };
}

/* The tool is in the session's revision and no longer in the configuration. */
static void set_gone(struct tool_result *result, const char *what)
{
    *result = (struct tool_result){ .end = TOOL_NOT_STARTED };
    (void)err_set(&result->err, ERR_NOT_FOUND,
                  "%s is no longer in pawl.yaml; put it back, or go on without it", what);
}

static const struct config_tool *tool_of(struct live *live, const struct call_info *info)
{
    return config_tool(live->engine->deps.config, slice_of(info->tool));
}

static void on_place(void *arg)
{
    tool_jobs_next(arg);
}

/* Not now: the commands that follow may stop the one that would begin. */
static void begin_next_soon(struct engine *engine)
{
    loop_post(engine->deps.loop, &engine->tool_place, on_place, engine);
}

static void get_in_line(struct tool_job *job)
{
    job->is_behind = job->is_once && has_elder(job);
    if (job->is_behind)
        return;
    job_wait(job);
    begin_next_soon(job->live->engine);
}

void tool_job_start(struct live *live, uint32_t call, uint32_t attempt)
{
    const struct call_info *info = live_call(live, call);
    const struct session_call *slot = session_call(live_state(live), call);
    const struct config_tool *tool;
    struct tool_result gone;
    struct tool_job *job;

    ASSERT(info && slot);
    tool = tool_of(live, info);
    if (!tool) {
        set_gone(&gone, "the tool");
        outcome_input(live, call, attempt, &gone);
        return;
    }
    job = job_new(live, info, attempt);
    set_spec(job, tool);
    set_run(job);
    job->is_exec = tool->kind == TOOL_KIND_EXEC;
    job->is_reader = output_is_read_by(tool);
    job->is_once = slot->is_once;
    if (job->is_exec || job->is_once)
        get_in_line(job);
    else
        job_run(job);
}

void tool_job_reconcile(struct live *live, uint32_t call, uint32_t attempt)
{
    const struct call_info *info = live_call(live, call);
    const struct config_tool *tool;
    struct tool_result gone;
    struct tool_job *job;

    ASSERT(info);
    tool = tool_of(live, info);
    if (!tool || !tool->reconcile) {
        set_gone(&gone, tool ? "the tool's reconcile command" : "the tool");
        reconcile_input(live, call, attempt, &gone);
        return;
    }
    job = job_new(live, info, attempt);
    set_spec(job, tool);
    job->spec.argv = tool->reconcile;
    job->spec.timeout_ms = tool->reconcile_timeout_ms;
    set_run(job);
    job->is_exec = 1;
    job->is_once = 1;
    job->is_reconcile = 1;
    get_in_line(job);
}

struct tool_job *tool_job_sending(struct live *live, uint32_t call, uint32_t attempt)
{
    struct tool_job *job = live->tool_jobs;

    while (job && (job->call != call || job->attempt != attempt || !job->is_sending))
        job = job->next;
    return job;
}

void tool_job_send(struct live *live, uint32_t call, uint32_t attempt)
{
    struct tool_job *job = tool_job_sending(live, call, attempt);

    if (!job) { /* it was stopped while this was being committed */
        unsent_input(live, call, attempt);
        return;
    }
    job->is_sending = 0;
    tool_runner_start(runner_of(job), &job->run);
}

/* It has not left: nothing of it is to be ended. */
static void job_drop(struct tool_job *job)
{
    struct live *live = job->live;

    if (job->is_waiting)
        job_unwait(job);
    if (job->is_sending)
        --*running_of(job);
    job_unlink(job);
    job_free(job);
    elder_ended(live);
    live_pump(live);
    begin_next_soon(live->engine);
    drain_check(live->engine);
}

static void job_stop(struct tool_job *job)
{
    if (job->is_behind || job->is_waiting || job->is_sending) {
        job_drop(job);
        return;
    }
    if (!job->is_stopped)
        tool_runner_stop(runner_of(job), &job->run);
    job->is_stopped = 1;
}

void tool_job_stop(struct live *live, uint32_t call, uint32_t attempt)
{
    for (struct tool_job *job = live->tool_jobs, *next; job; job = next) {
        next = job->next;
        if (job->call == call && job->attempt == attempt)
            job_stop(job);
    }
}

void tool_jobs_stop(struct live *live)
{
    for (struct tool_job *job = live->tool_jobs, *next; job; job = next) {
        next = job->next;
        job_stop(job);
    }
}

void tool_jobs_drop_behind(struct live *live)
{
    for (struct tool_job *job = live->tool_jobs, *next; job; job = next) {
        next = job->next;
        if (job->is_behind) /* the newest come first: none has moved up */
            job_drop(job);
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
