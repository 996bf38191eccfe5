/*
 * purge.c - what erased sessions have left goes piece by piece, so that the journal of a million
 * events holds nobody up.
 *
 * The store knows what is left: a start goes on where the last process ended. Between two pieces
 * the ticks have the store for themselves.
 */
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine_internal.h"

enum { PAUSE_MS = 5, RETRY_MS = 10000 };

struct purge {
    struct engine *engine;
    struct loop_timer timer;
    struct store_op op;
    int is_busy;   /* a piece is under way, or the pause before one */
    int is_wanted; /* the store may have more than that piece knew */
    int has_said;  /* that the store refuses it */
    int is_stuck;  /* on a damaged page: the next process may try again */
};

static void on_time(void *arg);

/* Said once, until it works again. */
static void note(struct purge *purge, const struct err *err)
{
    if (err->code != ERR_NONE && !purge->has_said)
        log_line(LOG_WARN, "what erased sessions left cannot be removed now; trying again", "error",
                 err->msg, NULL);
    purge->has_said = err->code != ERR_NONE;
}

static void on_piece(struct store_op *op, void *arg)
{
    struct purge *purge = arg;
    struct engine *engine = purge->engine;
    int is_refused = op->err.code != ERR_NONE; /* a full disk, say: later */

    if (store_is_damage(&op->err)) { /* which no waiting mends */
        log_line(LOG_ERROR, "what erased sessions left cannot be removed; see pawl verify", "error",
                 op->err.msg, NULL);
        purge->is_stuck = 1;
        purge->is_busy = 0;
        return;
    }
    note(purge, &op->err);
    if (engine->drain || (!is_refused && !op->purge.has_left && !purge->is_wanted)) {
        purge->is_busy = 0;
        return;
    }
    loop_timer_start(engine->deps.loop, &purge->timer, is_refused ? RETRY_MS : PAUSE_MS, on_time,
                     purge);
}

static void on_time(void *arg)
{
    struct purge *purge = arg;

    if (purge->engine->drain) {
        purge->is_busy = 0;
        return;
    }
    purge->is_wanted = 0;
    purge->op = (struct store_op){
        .kind = STORE_PURGE, .purge.limit = STORE_PURGE_MAX, .done = on_piece, .arg = purge
    };
    store_submit(purge->engine->deps.store, &purge->op);
}

struct purge *purge_new(struct engine *engine)
{
    struct purge *purge = xcalloc(1, sizeof(*purge));

    purge->engine = engine;
    return purge;
}

void purge_start(struct purge *purge)
{
    purge->is_wanted = 1;
    if (purge->is_busy || purge->is_stuck)
        return;
    purge->is_busy = 1;
    on_time(purge);
}

int purge_is_busy(const struct purge *purge)
{
    return purge->is_busy;
}

int purge_is_stuck(const struct purge *purge)
{
    return purge->is_stuck;
}

void purge_free(struct purge *purge)
{
    if (!purge)
        return;
    loop_timer_stop(purge->engine->deps.loop, &purge->timer);
    free(purge);
}
