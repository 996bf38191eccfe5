/*
 * timed.c - sessions that sleep until a time.
 *
 * Only those that wake up within the horizon have a timer here; the others are rows that the next
 * look at the store finds in time. So a million sleepers cost nothing but their rows.
 *
 * Times are the wall clock's, which people and NTP set. Set forward it ends waits early. Set back
 * it would make them longer by as much: so what began to wait before that is measured by a clock
 * that goes on. (A clock that was set back while no process ran cannot be told from one that was
 * right.)
 */
#include <stdlib.h>

#include "engine/engine_internal.h"

enum { HORIZON_MS = 600000, LOOK_EVERY_MS = 300000, LOOK_RETRY_MS = 1000, PAGE = 500 };

struct sleeper {
    struct timed *timed;
    struct loop_timer timer;
    int64_t due_ms; /* wall */
    struct id session;
};

struct timed {
    struct engine *engine;
    struct map *sleepers; /* session -> struct sleeper */
    struct loop_timer look;
    struct store_op op;
    int64_t wall_ms, mono_ms; /* of one moment: see steady_ms() */
};

static void look(void *arg);

struct timed *timed_new(struct engine *engine)
{
    struct timed *timed = xcalloc(1, sizeof(*timed));

    timed->engine = engine;
    timed->sleepers = map_new();
    timed->wall_ms = loop_wall_ms(engine->deps.loop);
    timed->mono_ms = loop_mono_ms(engine->deps.loop);
    return timed;
}

/* The wall clock as it was before it was set back, if it was. */
static int64_t steady_ms(struct timed *timed)
{
    const struct loop *loop = timed->engine->deps.loop;
    int64_t wall_ms = loop_wall_ms(loop);
    int64_t mono_ms = loop_mono_ms(loop);
    int64_t steady = timed->wall_ms + (mono_ms - timed->mono_ms);

    if (wall_ms < steady)
        return steady;
    timed->wall_ms = wall_ms;
    timed->mono_ms = mono_ms;
    return wall_ms;
}

/* What was last changed in the future was so before the clock was set back. */
int64_t timed_wait_ms(struct timed *timed, int64_t due_ms, int64_t since_ms)
{
    int64_t now_ms = loop_wall_ms(timed->engine->deps.loop);

    if (since_ms > now_ms) {
        now_ms = steady_ms(timed);
        if (now_ms < since_ms)
            now_ms = since_ms;
    }
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

static void on_due(void *arg)
{
    struct sleeper *sleeper = arg;
    struct engine *engine = sleeper->timed->engine;
    struct id session = sleeper->session;
    int64_t due_ms = sleeper->due_ms;

    (void)map_remove(sleeper->timed->sleepers, id_slice(&session));
    free(sleeper);
    if (engine->drain)
        return;
    struct live *live = live_get(engine, id_slice(&session));

    live->waited_ms = due_ms;
    live_pump(live);
}

void timed_add(struct timed *timed, struct slice session, int64_t due_ms, int64_t since_ms)
{
    struct sleeper *sleeper = map_get(timed->sleepers, session);
    int64_t wait_ms = timed_wait_ms(timed, due_ms, since_ms);

    if (wait_ms > HORIZON_MS)
        return;
    if (!sleeper) {
        sleeper = xcalloc(1, sizeof(*sleeper));
        ASSERT(session.len < sizeof(sleeper->session.text));
        memcpy(sleeper->session.text, session.ptr, session.len);
        sleeper->timed = timed;
        (void)map_put(timed->sleepers, session, sleeper);
    } else if (sleeper->due_ms <= due_ms) {
        return; /* it wakes up sooner, and will look */
    }
    sleeper->due_ms = due_ms;
    loop_timer_start(timed->engine->deps.loop, &sleeper->timer, wait_ms, on_due, sleeper);
}

static void look_again(struct timed *timed, int64_t delay_ms)
{
    loop_timer_start(timed->engine->deps.loop, &timed->look, delay_ms, look, timed);
}

static void on_page(struct store_op *op, void *arg)
{
    struct timed *timed = arg;
    int64_t until_ms = steady_ms(timed) + HORIZON_MS;
    size_t n = op->scan.rows_n;

    if (op->err.code != ERR_NONE) {
        look_again(timed, LOOK_RETRY_MS);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (row_is_usable(&op->scan.rows[i]))
            timed_add(timed, op->scan.rows[i].id, op->scan.rows[i].wake_at_ms,
                      op->scan.rows[i].updated_at_ms);
    if (!op->scan.has_more || n == 0 || op->scan.rows[n - 1].wake_at_ms > until_ms) {
        look_again(timed, LOOK_EVERY_MS);
        return;
    }
    int64_t after_ms = op->scan.rows[n - 1].wake_at_ms;
    int64_t after_key = op->scan.rows[n - 1].key;

    timed->op = (struct store_op){ .kind = STORE_SCAN,
                                   .scan = { .what = STORE_SCAN_TIMED,
                                             .after_ms = after_ms,
                                             .after_key = after_key,
                                             .limit = PAGE },
                                   .done = on_page,
                                   .arg = timed };
    store_submit(timed->engine->deps.store, &timed->op);
}

static void look(void *arg)
{
    struct timed *timed = arg;

    timed->op = (struct store_op){ .kind = STORE_SCAN,
                                   .scan = { .what = STORE_SCAN_TIMED, .limit = PAGE },
                                   .done = on_page,
                                   .arg = timed };
    store_submit(timed->engine->deps.store, &timed->op);
}

void timed_start(struct timed *timed)
{
    look(timed);
}

void timed_free(struct timed *timed)
{
    void *sleeper;

    if (!timed)
        return;
    for (size_t at = 0; map_each(timed->sleepers, &at, &sleeper);) {
        loop_timer_stop(timed->engine->deps.loop, &((struct sleeper *)sleeper)->timer);
        free(sleeper);
    }
    loop_timer_stop(timed->engine->deps.loop, &timed->look);
    map_free(timed->sleepers);
    free(timed);
}
