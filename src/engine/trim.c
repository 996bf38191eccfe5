/* trim.c - who did what long ago is forgotten, if the configuration wants that. */
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine_internal.h"

enum {
    EVERY_LEAST_MS = 1000,
    EVERY_MOST_MS = 60 * 60 * 1000,
    AGE_PARTS = 20, /* of its age, so much too late */
};

struct trim {
    struct engine *engine;
    struct loop_timer timer;
    struct store_op op;
    int has_said; /* that the store refuses it */
};

static void on_time(void *arg);

static void wait_on(struct trim *trim)
{
    int64_t every_ms = trim->engine->deps.config->retention.audit_ms / AGE_PARTS;

    if (every_ms < EVERY_LEAST_MS)
        every_ms = EVERY_LEAST_MS;
    if (every_ms > EVERY_MOST_MS)
        every_ms = EVERY_MOST_MS;
    loop_timer_start(trim->engine->deps.loop, &trim->timer, every_ms, on_time, trim);
}

/* Said once, until it works again. */
static void on_trimmed(struct store_op *op, void *arg)
{
    struct trim *trim = arg;

    if (op->err.code && !trim->has_said)
        log_line(LOG_WARN, "the oldest rows of the audit cannot be removed now; trying again",
                 "error", op->err.msg, NULL);
    trim->has_said = op->err.code != ERR_NONE;
    if (!trim->engine->drain)
        wait_on(trim);
}

static void on_time(void *arg)
{
    struct trim *trim = arg;
    struct engine *engine = trim->engine;
    int64_t now_ms = loop_wall_ms(engine->deps.loop);

    if (engine->drain)
        return;
    trim->op =
        (struct store_op){ .kind = STORE_AUDIT_TRIM,
                           .audit_trim.before_ms = now_ms - engine->deps.config->retention.audit_ms,
                           .done = on_trimmed,
                           .arg = trim };
    store_submit(engine->deps.store, &trim->op);
}

struct trim *trim_new(struct engine *engine)
{
    struct trim *trim = xcalloc(1, sizeof(*trim));

    trim->engine = engine;
    return trim;
}

void trim_start(struct trim *trim)
{
    if (trim->engine->deps.config->retention.audit_ms != 0)
        loop_timer_start(trim->engine->deps.loop, &trim->timer, EVERY_LEAST_MS, on_time, trim);
}

void trim_free(struct trim *trim)
{
    if (!trim)
        return;
    loop_timer_stop(trim->engine->deps.loop, &trim->timer);
    free(trim);
}
