/*
 * recovery.c - taking up what a former process left.
 *
 * Every live session is looked at once at the start. One with an owner was in flight when its
 * process died: each of its calls is recorded as interrupted, and handed out again. One without
 * was handed over, and its open commands are carried out. One that waits for a permit is put in
 * line. Whoever brings a session in for another reason, before its turn comes here, meets the same
 * owner in its row: so that is where it is recovered (recover_inherited()).
 */
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine_internal.h"

enum { PAGE = 500, RETRY_MS = 1000 };

struct recovery {
    struct engine *engine;
    struct store_op op;
    struct loop_timer again;
    int64_t after_key;
};

struct recover {
    struct input input;
    enum interrupted_by by;
};

static void recover_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct recover *recover = CONTAINER_OF(input, struct recover, input);
    struct session_interruption lost[SESSION_INTERRUPTIONS_MAX];
    unsigned n = session_interruptions(&tick->state, lost);

    for (unsigned i = 0; i < n; i++) {
        struct session_event event = { .kind = lost[i].kind,
                                       .call = lost[i].call,
                                       .attempt = lost[i].attempt };
        int counts = recover->by == INTERRUPTED_CRASH && i == 0;

        if (event.kind == EV_INTERRUPTED) {
            event.interrupted.by = recover->by;
            event.interrupted.counts = (uint8_t)counts;
            event.interrupted.charged = lost[i].charged;
            (void)tick_add(tick, &(struct tick_event){ .event = &event });
        } else {
            (void)doubt_add(tick, &(struct doubt){ .call = lost[i].call,
                                                   .attempt = lost[i].attempt,
                                                   .cause = interrupted_by_name(recover->by),
                                                   .counts = counts });
        }
        follow_dues(tick); /* poison ends the turn, and what is left of the list is ignored */
    }
    if (recover->by == INTERRUPTED_CRASH && tick->state.crashes >= SUSPECT_CRASHES)
        suspect_lost(live);
}

static void recover_end(struct live *live, struct input *input, const struct err *err)
{
    struct recover *recover = CONTAINER_OF(input, struct recover, input);

    (void)err;
    if (recover->by == INTERRUPTED_CRASH)
        live->is_recovering = 0;
    free(recover);
}

static struct input *recover_new(enum interrupted_by by)
{
    struct recover *recover = xcalloc(1, sizeof(*recover));

    recover->input = (struct input){ .apply = recover_apply, .end = recover_end };
    recover->by = by;
    return &recover->input;
}

void recover_input(struct live *live, enum interrupted_by by)
{
    live_input(live, recover_new(by));
}

static int is_mine(const struct engine *engine, const struct store_session *row)
{
    return row->owner == engine->worker && row->epoch == engine->epoch;
}

/* Once: its row may be read again before the interruptions are recorded. */
void recover_inherited(struct live *live)
{
    if (live->row.owner == 0 || is_mine(live->engine, &live->row) || live->is_recovering)
        return;
    live->is_recovering = 1;
    if (live->engine->stats.recovered++ == 0)
        suspects_crash_seen(live->engine);
    live_input_first(live, recover_new(INTERRUPTED_CRASH));
}

static void take_up(struct engine *engine, const struct store_session *row)
{
    if (!row_is_usable(row)) {
        log_line(LOG_ERROR, "a session cannot be read and is left alone; see pawl verify", "key",
                 log_int(row->key), NULL);
        return;
    }
    if (!is_mine(engine, row)) /* else it was begun by this process, beside the recovery */
        live_pump(live_get(engine, row->id));
}

static void next_page(void *arg);

static void recovery_end(struct recovery *recovery)
{
    struct engine *engine = recovery->engine;

    recovery_free(recovery);
    engine->recovery = NULL;
    drain_check(engine);
}

static void on_page(struct store_op *op, void *arg)
{
    struct recovery *recovery = arg;
    struct engine *engine = recovery->engine;

    if (engine->drain) { /* the next process takes up the rest */
        recovery_end(recovery);
        return;
    }
    if (store_is_damage(&op->err)) { /* which no waiting mends */
        log_line(LOG_ERROR,
                 "the sessions of the former process cannot be read and are left alone; "
                 "see pawl verify",
                 "error", op->err.msg, NULL);
        recovery_end(recovery);
        return;
    }
    if (op->err.code != ERR_NONE) {
        log_line(LOG_ERROR, "the sessions of the former process cannot be read; trying again",
                 "error", op->err.msg, NULL);
        loop_timer_start(engine->deps.loop, &recovery->again, RETRY_MS, next_page, recovery);
        return;
    }
    for (size_t i = 0; i < op->scan.rows_n; i++) {
        take_up(engine, &op->scan.rows[i]);
        recovery->after_key = op->scan.rows[i].key;
    }
    if (op->scan.has_more && op->scan.rows_n > 0) {
        next_page(recovery);
        return;
    }
    recovery_end(recovery);
}

static void next_page(void *arg)
{
    struct recovery *recovery = arg;

    recovery->op = (struct store_op){
        .kind = STORE_SCAN,
        .scan = { .what = STORE_SCAN_LIVE, .after_key = recovery->after_key, .limit = PAGE },
        .done = on_page,
        .arg = recovery
    };
    store_submit(recovery->engine->deps.store, &recovery->op);
}

void recovery_start(struct engine *engine)
{
    engine->recovery = xcalloc(1, sizeof(*engine->recovery));
    engine->recovery->engine = engine;
    next_page(engine->recovery);
}

void recovery_free(struct recovery *recovery)
{
    if (!recovery)
        return;
    loop_timer_stop(recovery->engine->deps.loop, &recovery->again);
    free(recovery);
}
