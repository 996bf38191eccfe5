#include "bench/fill.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/id.h"
#include "bench/process.h"
#include "store/store.h"

enum { AT_ONCE = 1024 };

struct copy {
    struct store_op op;
    struct id id;
};

static struct {
    struct loop *loop;
    struct store *store;
    struct arena *arena;
    struct random random;
    struct store_session row;
    struct store_event *events;
    size_t events_n;
    size_t wanted, begun, done;
    struct copy copies[AT_ONCE];
} fill;

static void check(const struct err *err)
{
    if (err->code)
        bench_die("fill the store: %s", err->msg);
}

/* ---- the session that is copied ---- */

static struct slice keep(struct slice bytes)
{
    return bytes.ptr ? arena_slice(fill.arena, bytes) : bytes;
}

static void on_events(struct store_op *op, void *arg)
{
    (void)arg;
    check(&op->err);
    fill.events_n = op->events.events_n;
    fill.events = arena_alloc(fill.arena, fill.events_n * sizeof(*fill.events));
    for (size_t i = 0; i < fill.events_n; i++) {
        fill.events[i] = op->events.events[i];
        fill.events[i].body = keep(fill.events[i].body);
        fill.events[i].wire = keep(fill.events[i].wire);
    }
    loop_stop(fill.loop);
}

static void on_row(struct store_op *op, void *arg)
{
    struct store_session *row = &fill.row;

    (void)arg;
    check(&op->err);
    *row = op->load.row;
    row->tenant = keep(row->tenant);
    row->agent = keep(row->agent);
    row->revision = keep(row->revision);
    row->parent = keep(row->parent);
    row->metadata = keep(row->metadata);
    row->state = keep(row->state);
    *op = (struct store_op){
        .kind = STORE_EVENTS,
        .events = { .session = row->key, .limit = STORE_PAGE_MAX, .what = STORE_EVENTS_ALL },
        .done = on_events
    };
    store_submit(fill.store, op);
}

static void on_list(struct store_op *op, void *arg)
{
    (void)arg;
    check(&op->err);
    if (op->list.rows_n == 0)
        bench_die("fill the store: there is no session to copy");
    struct slice id = keep(op->list.rows[0].row.id);

    *op = (struct store_op){ .kind = STORE_LOAD, .load.id = id, .done = on_row };
    store_submit(fill.store, op);
}

/* ---- its copies ---- */

static void next(struct copy *copy);

static void on_copied(struct store_op *op, void *arg)
{
    check(&op->err);
    fill.done++;
    next(arg);
    if (fill.done == fill.wanted)
        loop_stop(fill.loop);
}

static void next(struct copy *copy)
{
    if (fill.begun == fill.wanted)
        return;
    copy->id = id_make("ses_", loop_wall_ms(fill.loop), &fill.random);
    copy->op = (struct store_op){ .kind = STORE_COMMIT, .done = on_copied, .arg = copy };
    copy->op.commit.row = fill.row;
    copy->op.commit.row.id = id_slice(&copy->id);
    copy->op.commit.row.key = 0;
    copy->op.commit.row.version = 0;
    copy->op.commit.events = fill.events;
    copy->op.commit.events_n = fill.events_n;
    fill.begun++;
    store_submit(fill.store, &copy->op);
}

void fill_store(const char *path, size_t copies)
{
    struct store_op op = { .kind = STORE_LIST, .list.limit = 1, .done = on_list };
    char url[PATH_MAX + 16];
    struct err err = { 0 };

    (void)snprintf(url, sizeof(url), "sqlite:%s", path);
    if (loop_new(&fill.loop, &err) ||
        store_open(&fill.store, url, STORE_OPEN_READ_WRITE, fill.loop, &err))
        check(&err);
    fill.arena = arena_new((size_t)64 * 1024 * 1024);
    random_seed_from_kernel(&fill.random);
    store_submit(fill.store, &op);
    loop_run(fill.loop);
    fill.wanted = copies;
    fill.begun = fill.done = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        next(&fill.copies[i]);
    loop_run(fill.loop);
    store_close(fill.store);
    loop_free(fill.loop);
    arena_free(fill.arena);
}
