/*
 * drain.c - a graceful stop: nothing new begins, what is in flight gets its time, and then every
 * session is left in the store without an owner, for the next process to take up.
 */
#include <stdlib.h>

#include "engine/engine_internal.h"

/* A store that does not answer must not keep the process for ever. */
enum { HAND_OVER_MAX_MS = 10000 };

struct drain {
    struct engine *engine;
    loop_fn *done;
    void *arg;
    struct loop_timer grace;
    struct loop_timer give_up;
    struct loop_post check;
    int is_grace_over;
    int is_done;
};

static void finish(void *arg)
{
    struct drain *drain = arg;

    if (drain->is_done)
        return;
    drain->is_done = 1;
    loop_timer_stop(drain->engine->deps.loop, &drain->grace);
    loop_timer_stop(drain->engine->deps.loop, &drain->give_up);
    drain->done(drain->arg);
}

/* Nothing runs any more: what was in flight is interrupted in the journal, and let go. */
static void hand_over(struct drain *drain)
{
    struct engine *engine = drain->engine;
    void *value;

    engine->is_handing_over = 1;
    loop_timer_start(engine->deps.loop, &drain->give_up, HAND_OVER_MAX_MS, finish, drain);
    for (size_t at = 0; map_each(engine->lives, &at, &value);)
        recover_input(value, INTERRUPTED_DRAIN);
}

static void check(void *arg)
{
    struct drain *drain = arg;
    struct engine *engine = drain->engine;

    if (!engine->is_handing_over && !engine->recovery && engine->model_calls == 0 &&
        engine->tool_runs == 0 && engine->builtin_runs == 0)
        hand_over(drain);
    if (engine->is_handing_over && map_count(engine->lives) == 0 && !list_first(&engine->asked))
        finish(drain);
}

void drain_check(struct engine *engine)
{
    if (engine->drain)
        loop_post(engine->deps.loop, &engine->drain->check, check, engine->drain);
}

int drain_is_grace_over(const struct engine *engine)
{
    return engine->drain && engine->drain->is_grace_over;
}

static void stop_all(void *arg)
{
    struct drain *drain = arg;
    void *value;

    drain->is_grace_over = 1;
    for (size_t at = 0; map_each(drain->engine->lives, &at, &value);) {
        model_jobs_stop(value);
        tool_jobs_stop(value);
    }
    drain_check(drain->engine);
}

/* What waits for a place to run has not begun; the next process begins it. */
static void drop_waiting(struct engine *engine)
{
    void *value;

    for (size_t at = 0; map_each(engine->lives, &at, &value);)
        tool_jobs_drop_behind(value);
    while (engine->tool_first) {
        struct tool_job *job = engine->tool_first;

        tool_job_stop(job->live, job->call, job->attempt);
    }
}

void engine_drain(struct engine *engine, int64_t grace_ms, loop_fn *done, void *arg)
{
    struct drain *drain = xcalloc(1, sizeof(*drain));

    ASSERT(!engine->drain);
    *drain = (struct drain){ .engine = engine, .done = done, .arg = arg };
    engine->drain = drain;
    permits_changed(engine);
    drop_waiting(engine);
    loop_timer_start(engine->deps.loop, &drain->grace, grace_ms, stop_all, drain);
    drain_check(engine);
}

void drain_free(struct drain *drain)
{
    if (!drain)
        return;
    loop_timer_stop(drain->engine->deps.loop, &drain->grace);
    loop_timer_stop(drain->engine->deps.loop, &drain->give_up);
    loop_post_cancel(drain->engine->deps.loop, &drain->check);
    free(drain);
}
