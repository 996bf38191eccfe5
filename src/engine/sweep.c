/* sweep.c - forgets what need not be kept: the Idempotency-Keys of yesterday. */
#include <stdlib.h>

#include "engine/engine_internal.h"

enum { SWEEP_EVERY_MS = 60 * 60 * 1000, KEEP_MS = 24 * 60 * 60 * 1000 };

struct sweep {
    struct engine *engine;
    struct loop_timer timer;
    struct store_op op;
};

static void on_time(void *arg);

/* What could not be swept now will be the next time. */
static void on_swept(struct store_op *op, void *arg)
{
    struct sweep *sweep = arg;

    (void)op;
    loop_timer_start(sweep->engine->deps.loop, &sweep->timer, SWEEP_EVERY_MS, on_time, sweep);
}

static void on_time(void *arg)
{
    struct sweep *sweep = arg;
    struct engine *engine = sweep->engine;

    if (engine->drain)
        return;
    sweep->op = (struct store_op){ .kind = STORE_SWEEP,
                                   .sweep.before_ms = loop_wall_ms(engine->deps.loop) - KEEP_MS,
                                   .done = on_swept,
                                   .arg = sweep };
    store_submit(engine->deps.store, &sweep->op);
}

struct sweep *sweep_new(struct engine *engine)
{
    struct sweep *sweep = xcalloc(1, sizeof(*sweep));

    sweep->engine = engine;
    return sweep;
}

void sweep_start(struct sweep *sweep)
{
    loop_timer_start(sweep->engine->deps.loop, &sweep->timer, SWEEP_EVERY_MS, on_time, sweep);
}

void sweep_free(struct sweep *sweep)
{
    if (!sweep)
        return;
    loop_timer_stop(sweep->engine->deps.loop, &sweep->timer);
    free(sweep);
}
