/*
 * retention.c - sessions that ended long ago, or whose place is needed, are taken out of the store.
 *
 * A round goes through the ended sessions, the longest-ended first, a page at a time: first those
 * that are older than `retention.age`, then, while more than `retention.bytes` are in use, those
 * that are left. What has not ended is in no such page; what has a call in doubt, or is in the
 * hands of this process, is passed over. The next round begins a while after the last.
 */
#include <stdlib.h>

#include "base/log.h"
#include "engine/engine_internal.h"

enum {
    PAGE = 16, /* erased together, and then the ticks of others come in */
    PAUSE_MS = 5,
    PURGE_MS = 100, /* looked at so often whether it has ended */
    EVERY_LEAST_MS = 1000,
    EVERY_MOST_MS = 10 * 60 * 1000,
    EVERY_BYTES_MS = 30 * 1000,
    AGE_PARTS = 20, /* of its age, so much too late */
};

struct going {
    struct retention *retention;
    struct store_op op;
    struct id id;
    char *tenant;
    struct store_audit audit;
};

struct retention {
    struct engine *engine;
    struct config_retention wanted;
    struct loop_timer timer;
    struct store_op op;
    struct going going[PAGE];
    unsigned going_n; /* under way */
    int is_for_bytes; /* this round has come to those that are young, */
    int64_t used;     /* and so much was in use before the last page of them */
    uint32_t limit;   /* of the next page */
    int64_t before_ms;
    int64_t after_ms, after_key; /* the last one that was looked at */
    int has_more;
    int has_passed_over; /* one that may go in the next round */
    int has_said;        /* that there is not enough that may go */
    int has_failed;      /* the store could not be looked at: said in this round */
    uint64_t by_age, by_bytes;
};

static void next_page(struct retention *retention);

/* ---- rounds ---- */

static int64_t every_ms(const struct config_retention *wanted)
{
    int64_t every_ms = EVERY_MOST_MS;

    if (wanted->age_ms != 0 && wanted->age_ms / AGE_PARTS < every_ms)
        every_ms = wanted->age_ms / AGE_PARTS;
    if (wanted->bytes != 0 && every_ms > EVERY_BYTES_MS)
        every_ms = EVERY_BYTES_MS;
    return every_ms < EVERY_LEAST_MS ? EVERY_LEAST_MS : every_ms;
}

static void on_time(void *arg);

static void end_round(struct retention *retention)
{
    struct engine *engine = retention->engine;

    if (retention->by_age + retention->by_bytes > 0)
        log_line(LOG_INFO, "retention removed sessions", "by_age",
                 log_int((int64_t)retention->by_age), "by_bytes",
                 log_int((int64_t)retention->by_bytes), NULL);
    loop_timer_start(engine->deps.loop, &retention->timer, every_ms(&retention->wanted), on_time,
                     retention);
}

/* What the store refused is for the next round. */
static void look_failed(struct retention *retention, const struct err *err)
{
    retention->has_passed_over = 1;
    if (retention->has_failed)
        return;
    retention->has_failed = 1;
    log_line(LOG_WARN, "retention cannot look at the sessions now; trying again", "error", err->msg,
             NULL);
}

static void begin_pass(struct retention *retention)
{
    retention->after_ms = 0;
    retention->after_key = 0;
    retention->has_more = 1;
    retention->has_passed_over = 0;
}

static void measure(void *arg);

/* All that is old enough is gone: is there place enough? */
static void begin_bytes(struct retention *retention)
{
    if (retention->wanted.bytes == 0) {
        end_round(retention);
        return;
    }
    retention->is_for_bytes = 1;
    retention->used = 0;
    retention->limit = 1;
    begin_pass(retention);
    measure(retention);
}

static void on_time(void *arg)
{
    struct retention *retention = arg;

    if (retention->engine->drain)
        return;
    retention->by_age = 0;
    retention->by_bytes = 0;
    retention->has_failed = 0;
    retention->is_for_bytes = 0;
    retention->before_ms = loop_wall_ms(retention->engine->deps.loop) - retention->wanted.age_ms;
    if (retention->wanted.age_ms == 0) {
        begin_bytes(retention);
        return;
    }
    begin_pass(retention);
    retention->limit = PAGE;
    next_page(retention);
}

/* ---- place ---- */

/* Said once, until it fits again. */
static void note_fit(struct retention *retention, int64_t used, int is_enough)
{
    if (is_enough) {
        retention->has_said = 0;
        return;
    }
    if (retention->has_said || retention->has_passed_over)
        return;
    retention->has_said = 1;
    log_line(LOG_WARN,
             "the store is larger than retention.bytes, and nothing that is left may go: it has "
             "not ended, or a call of it is in doubt",
             "used", log_int(used), "bytes", log_int(retention->wanted.bytes), NULL);
}

/*
 * No more than it takes: sessions may be of a few kilobytes or of many megabytes. The first page is
 * of one, the next ones are up to twice as long, or as long as what the last one freed lets expect.
 */
static void fit_page(struct retention *retention, int64_t used)
{
    int64_t freed = retention->used - used;
    int64_t most =
        freed > 0 ? (used - retention->wanted.bytes) / (freed / retention->limit + 1) : 0;

    if (retention->used != 0) {
        retention->limit *= 2;
        if (freed > 0 && most < retention->limit)
            retention->limit = most < 1 ? 1 : (uint32_t)most;
        if (retention->limit > PAGE)
            retention->limit = PAGE;
    }
    retention->used = used;
}

static void on_size(struct store_op *op, void *arg)
{
    struct retention *retention = arg;
    int is_enough = op->size.used <= retention->wanted.bytes;

    if (retention->engine->drain)
        return;
    if (op->err.code == ERR_NONE && !is_enough && retention->has_more) {
        fit_page(retention, op->size.used);
        next_page(retention);
        return;
    }
    if (op->err.code == ERR_NONE)
        note_fit(retention, op->size.used, is_enough);
    else
        look_failed(retention, &op->err);
    end_round(retention);
}

/*
 * What has been erased, and is still to be purged, is in use no more. If that never will be, more
 * must not go for it.
 */
static void measure(void *arg)
{
    struct retention *retention = arg;
    struct engine *engine = retention->engine;

    if (engine->drain)
        return;
    if (purge_is_busy(engine->purge)) {
        loop_timer_start(engine->deps.loop, &retention->timer, PURGE_MS, measure, retention);
        return;
    }
    if (purge_is_stuck(engine->purge)) {
        end_round(retention);
        return;
    }
    retention->op = (struct store_op){ .kind = STORE_SIZE, .done = on_size, .arg = retention };
    store_submit(engine->deps.store, &retention->op);
}

/* ---- pages ---- */

static void page_on_time(void *arg)
{
    struct retention *retention = arg;

    if (!retention->engine->drain)
        next_page(retention);
}

static void end_page(struct retention *retention)
{
    if (retention->engine->drain)
        return;
    if (retention->is_for_bytes)
        measure(retention);
    else if (retention->has_more)
        loop_timer_start(retention->engine->deps.loop, &retention->timer, PAUSE_MS, page_on_time,
                         retention);
    else
        begin_bytes(retention);
}

static void gone(struct retention *retention, const struct going *going)
{
    if (retention->is_for_bytes)
        retention->by_bytes++;
    else
        retention->by_age++;
    erase_done(retention->engine, id_slice(&going->id), going->op.erase.has_left);
}

/* Its row says whether it was erased, to whoever has brought it in meanwhile, too. */
static void look_again(struct retention *retention, const struct going *going)
{
    struct live *live = live_get(retention->engine, id_slice(&going->id));

    erase_unsure(live);
    live_pump(live);
}

/* One that was written to meanwhile stays; what the store refused is for the next round. */
static void on_erased(struct store_op *op, void *arg)
{
    struct going *going = arg;
    struct retention *retention = going->retention;

    free(TAKE(going->tenant));
    if (op->err.code == ERR_NONE)
        gone(retention, going);
    else
        retention->has_passed_over = 1;
    if (op->err.code == ERR_TIMEOUT)
        look_again(retention, going);
    if (op->err.code == ERR_UNAVAILABLE)
        retention->has_more = 0;
    if (--retention->going_n == 0)
        end_page(retention);
}

static void erase(struct retention *retention, struct going *going, const struct store_session *row)
{
    struct engine *engine = retention->engine;

    going->retention = retention;
    ASSERT(row->id.len < sizeof(going->id.text)); /* row_is_usable() */
    memcpy(going->id.text, row->id.ptr, row->id.len);
    going->id.text[row->id.len] = 0;
    going->tenant = slice_dup(row->tenant);
    going->audit = (struct store_audit){
        .at_ms = loop_wall_ms(engine->deps.loop),
        .tenant = slice_of(going->tenant),
        .actor = SLICE_LIT("retention"),
        .action = audit_action_name(AUDIT_SESSION_ERASE),
        .target = id_slice(&going->id),
        .outcome = SLICE_LIT("done"),
    };
    going->op = erase_op(row, going->audit.at_ms, STORE_ERASURE_RETENTION);
    going->op.audits = &going->audit;
    going->op.audits_n = 1;
    going->op.done = on_erased;
    going->op.arg = going;
    store_submit(engine->deps.store, &going->op);
}

static int may_go(struct retention *retention, const struct store_session *row)
{
    struct session_state state;
    struct err err;

    if (!row_is_usable(row) || session_decode(&state, row->state, &err))
        return 0; /* `pawl verify` tells of it */
    if (!session_may_be_erased(&state))
        return 0;
    if (!map_get(retention->engine->lives, row->id))
        return 1;
    retention->has_passed_over = 1;
    return 0;
}

static void on_page(struct store_op *op, void *arg)
{
    struct retention *retention = arg;
    struct store_scan *scan = &op->scan;
    unsigned n = 0;

    if (retention->engine->drain)
        return;
    retention->has_more = op->err.code == ERR_NONE && scan->has_more && scan->rows_n > 0;
    if (op->err.code != ERR_NONE) {
        scan->rows_n = 0;
        look_failed(retention, &op->err);
    }
    retention->going_n = 1; /* until all of the page are on their way */
    for (size_t i = 0; i < scan->rows_n; i++) {
        const struct store_session *row = &scan->rows[i];

        if (!retention->is_for_bytes && row->ended_at_ms >= retention->before_ms) {
            retention->has_more = 0;
            break;
        }
        retention->after_ms = row->ended_at_ms;
        retention->after_key = row->key;
        if (!may_go(retention, row))
            continue;
        retention->going_n++;
        erase(retention, &retention->going[n++], row);
    }
    if (--retention->going_n == 0)
        end_page(retention);
}

static void next_page(struct retention *retention)
{
    retention->op = (struct store_op){ .kind = STORE_SCAN,
                                       .scan = { .what = STORE_SCAN_ENDED,
                                                 .after_ms = retention->after_ms,
                                                 .after_key = retention->after_key,
                                                 .limit = retention->limit },
                                       .done = on_page,
                                       .arg = retention };
    store_submit(retention->engine->deps.store, &retention->op);
}

/* ---- life ---- */

struct retention *retention_new(struct engine *engine)
{
    struct retention *retention = xcalloc(1, sizeof(*retention));

    retention->engine = engine;
    retention->wanted = engine->deps.config->retention;
    return retention;
}

void retention_start(struct retention *retention)
{
    const struct config_retention *wanted = &retention->wanted;

    if (wanted->age_ms != 0 || wanted->bytes != 0)
        loop_timer_start(retention->engine->deps.loop, &retention->timer, EVERY_LEAST_MS, on_time,
                         retention);
}

void retention_free(struct retention *retention)
{
    if (!retention)
        return;
    loop_timer_stop(retention->engine->deps.loop, &retention->timer);
    for (unsigned i = 0; i < PAGE; i++)
        free(retention->going[i].tenant); /* of one whose end never came */
    free(retention);
}
