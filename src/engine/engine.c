/* engine.c - the engine as a whole: made, started, asked about, freed. */
#include "engine/engine.h"

#include <stdlib.h>

#include "engine/engine_internal.h"
#include "engine/schedules.h"

struct start {
    struct engine *engine;
    engine_started_fn *done;
    void *arg;
    struct store_op op;
    size_t agent; /* the next one whose revision is stored */
};

/* A session at the head of the line: if it still wants the model, it may ask. */
static void on_hint(void *arg, struct slice session)
{
    struct engine *engine = arg;
    struct live *live;

    if (engine->drain)
        return;
    live = live_get(engine, session);
    live->has_permit = 1;
    live_pump(live);
}

struct engine *engine_new(const struct engine_deps *deps)
{
    struct engine *engine = xcalloc(1, sizeof(*engine));
    struct err err;

    engine->deps = *deps;
    if (deps->random_seed != 0)
        random_seed(&engine->random, deps->random_seed);
    else
        random_seed_from_kernel(&engine->random);
    engine->lives = map_new();
    engine->revisions = map_new();
    engine->tool_last = &engine->tool_first;
    engine->timed = timed_new(engine);
    engine->sweep = sweep_new(engine);
    engine->schedules = schedules_new(engine);
    engine->trim = trim_new(engine);
    engine->output_reader = output_reader_new(engine);
    engine->purge = purge_new(engine);
    engine->retention = retention_new(engine);
    enum err_code code = queue_open(&engine->queue, "store", deps->loop, on_hint, engine, &err);
    ASSERT(code == ERR_NONE); /* the only kind so far; it needs nothing that could be missing */
    return engine;
}

struct revision *engine_revision(struct engine *engine, struct slice hash)
{
    return map_get(engine->revisions, hash);
}

/* ---- start ---- */

static void start_end(struct start *start, const struct err *err)
{
    engine_started_fn *done = start->done;
    void *arg = start->arg;
    struct engine *engine = start->engine;
    struct err outcome = *err;

    free(start);
    engine->start = NULL;
    if (outcome.code == ERR_NONE) {
        engine->began_ms = loop_mono_ms(engine->deps.loop);
        recovery_start(engine);
        timed_start(engine->timed);
        sweep_start(engine->sweep);
        purge_start(engine->purge);
        retention_start(engine->retention);
        permits_changed(engine);
        schedules_start(engine->schedules);
        trim_start(engine->trim);
    }
    done(arg, &outcome);
}

static void on_put(struct store_op *op, void *arg);

static enum err_code keep_revision(struct engine *engine, const struct config_agent *agent,
                                   struct err *err)
{
    struct revision *revision = NULL;

    if (map_get(engine->revisions, slice_of(agent->revision)))
        return ERR_NONE; /* two agents may be the same but for their names */
    if (revision_new(&revision, slice_of(agent->revision), slice_of(agent->revision_text),
                     engine->deps.formats, err))
        return err_wrap(err, "agent %s", agent->name);
    (void)map_put(engine->revisions, slice_of(revision->hash), revision);
    return ERR_NONE;
}

static void put_next(struct start *start)
{
    struct engine *engine = start->engine;
    const struct config *config = engine->deps.config;
    struct err err = { 0 };

    if (start->agent == config->agents_n) {
        start_end(start, &err);
        return;
    }
    const struct config_agent *agent = &config->agents[start->agent++];
    if (keep_revision(engine, agent, &err)) {
        start_end(start, &err);
        return;
    }
    start->op = (struct store_op){ .kind = STORE_REVISION_PUT,
                                   .revision = { .hash = slice_of(agent->revision),
                                                 .agent = slice_of(agent->name),
                                                 .text = slice_of(agent->revision_text) },
                                   .done = on_put,
                                   .arg = start };
    store_submit(engine->deps.store, &start->op);
}

static void on_put(struct store_op *op, void *arg)
{
    struct start *start = arg;

    if (op->err.code != ERR_NONE) {
        struct err err = op->err;

        start_end(start, &err);
        return;
    }
    put_next(start);
}

static void on_worker(struct store_op *op, void *arg)
{
    struct start *start = arg;

    if (op->err.code == ERR_NONE) {
        start->engine->worker = op->worker.id;
        start->engine->epoch = op->worker.epoch;
    }
    on_put(op, arg);
}

void engine_start(struct engine *engine, engine_started_fn *done, void *arg)
{
    struct start *start = xcalloc(1, sizeof(*start));

    engine->start = start;
    start->engine = engine;
    start->done = done;
    start->arg = arg;
    start->op = (struct store_op){ .kind = STORE_WORKER_START,
                                   .worker = { .name = slice_of(engine->deps.name),
                                               .at_ms = loop_wall_ms(engine->deps.loop) },
                                   .done = on_worker,
                                   .arg = start };
    store_submit(engine->deps.store, &start->op);
}

/* ---- the rest ---- */

enum { ARENA_BYTES_MAX = 512 * 1024 * 1024 };

struct arena *engine_arena(struct engine *engine)
{
    return engine->spare_n > 0 ? engine->spare[--engine->spare_n] : arena_new(ARENA_BYTES_MAX);
}

void engine_arena_done(struct engine *engine, struct arena *arena)
{
    if (engine->spare_n == ENGINE_SPARE_MAX) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    engine->spare[engine->spare_n++] = arena;
}

void engine_fatal(struct engine *engine, const struct err *err)
{
    engine->deps.on_fatal(engine->deps.arg, err);
}

struct slice tick_error(struct tick *tick, const char *code, struct slice message)
{
    CLEANUP(buf_release) struct buf json = { .max = (size_t)1024 * 1024 };

    json_begin(&json, '{');
    json_key(&json, "code");
    json_put_str(&json, slice_of(code));
    json_key(&json, "message");
    json_put_str(&json, message);
    json_end(&json, '}');
    return arena_slice(tick->arena, buf_slice(&json));
}

struct engine_stats engine_stats(const struct engine *engine)
{
    struct engine_stats stats = engine->stats;

    stats.sessions_live = map_count(engine->lives);
    stats.model_calls = engine->model_calls;
    stats.tool_runs = engine->tool_runs;
    stats.tool_waiting = engine->tool_waiting;
    stats.ready = queue_depth(engine->queue);
    return stats;
}

static void free_lives(struct engine *engine)
{
    void *value;

    for (size_t at = 0; map_each(engine->lives, &at, &value);)
        live_free(value);
    map_free(engine->lives);
}

static void free_revisions(struct engine *engine)
{
    void *value;

    for (size_t at = 0; map_each(engine->revisions, &at, &value);)
        revision_unref(value);
    map_free(engine->revisions);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    loop_post_cancel(engine->deps.loop, &engine->tool_place);
    free_lives(engine);
    output_reader_free(engine->output_reader);
    requests_free(engine);
    free(engine->start);
    free_revisions(engine);
    suspects_free(engine->suspects);
    recovery_free(engine->recovery);
    timed_free(engine->timed);
    sweep_free(engine->sweep);
    schedules_free(engine->schedules);
    trim_free(engine->trim);
    purge_free(engine->purge);
    retention_free(engine->retention);
    drain_free(engine->drain);
    queue_close(engine->queue);
    while (engine->spare_n > 0)
        arena_free(engine->spare[--engine->spare_n]);
    free(engine);
}
