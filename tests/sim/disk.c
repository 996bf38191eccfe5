/*
 * disk.c - the store of a process: a wrapper round the mem store that outlives it.
 *
 * An operation takes a while, and a write has two moments: when it happens and when its answer
 * comes. Between them the process may die. The mem store runs on a loop of its own, which is
 * stepped here at the moment at which an operation happens.
 */
#include <stdlib.h>

#include "sim/book.h"
#include "store/backend.h"

enum { PEACE_DELAY_MS = 100 };

struct sim_store {
    struct store base; /* first */
    struct world *world;
};

enum fate { FATE_WELL, FATE_REFUSED, FATE_LOST_AFTER, FATE_LOST_BEFORE };

struct sim_op {
    struct link link; /* world->ops */
    struct world *world;
    struct store_op *op;
    struct loop_timer timer;
    enum fate fate;
    int has_happened;
    struct id session; /* of a commit: the engine may free what op points to */
    uint32_t seq;
};

static struct sim_store *store_of(struct store *store)
{
    return CONTAINER_OF(store, struct sim_store, base);
}

static void on_done(struct store_op *op, void *arg)
{
    (void)op;
    *(int *)arg = 1;
}

/* Done at once; what comes out stands in *op, its own completion is left alone. */
void disk_do(struct world *world, struct store_op *op)
{
    struct store_op inner = *op;
    int is_done = 0;

    inner.done = on_done;
    inner.arg = &is_done;
    store_submit(world->disk, &inner);
    (void)loop_step(world->disk_loop);
    ASSERT(is_done);
    inner.done = op->done;
    inner.arg = op->arg;
    inner.backend_slot = op->backend_slot;
    inner.backend_next = op->backend_next;
    *op = inner;
}

static void happen(struct sim_op *s)
{
    disk_do(s->world, s->op);
    s->has_happened = 1;
    if (s->op->kind == STORE_SIZE)
        s->world->used_bytes = s->op->size.used;
    if (s->op->kind == STORE_COMMIT && s->op->err.code == ERR_NONE)
        book_written(s->world->book, &s->op->commit);
    if (s->op->kind == STORE_COMMIT && s->op->err.code == ERR_NONE)
        book_audited(s->world, s->op);
    if (s->op->kind == STORE_ERASE && s->op->err.code == ERR_NONE)
        book_erased(s->world->book, s->op);
}

static void complete(struct sim_op *s)
{
    struct world *world = s->world;
    struct store_op *op = s->op;

    if (op->kind == STORE_COMMIT)
        trace(world, "store  answers a commit: %s", err_code_name(op->err.code));
    if (op->kind == STORE_COMMIT && op->err.code == ERR_NONE)
        book_known(world->book, id_slice(&s->session), s->seq);
    if (op->kind == STORE_LOAD && op->err.code == ERR_NONE)
        book_known(world->book, op->load.row.id, op->load.row.seq);
    if (op->kind == STORE_BLOB && (op->err.code == ERR_TIMEOUT || op->err.code == ERR_UNAVAILABLE))
        world->unread_n++;
    list_remove(&world->ops, &s->link);
    free(s);
    store_complete(world->store, op);
}

static void on_answer_time(void *arg)
{
    struct sim_op *s = arg;

    if (s->fate == FATE_LOST_AFTER || s->fate == FATE_LOST_BEFORE) {
        (void)err_set(&s->op->err, ERR_TIMEOUT, "the connection was lost");
        if (s->op->kind == STORE_COMMIT)
            s->op->commit.is_replay = 0;
    }
    complete(s);
}

static int is_write(const struct store_op *op)
{
    return op->kind == STORE_COMMIT || op->kind == STORE_ERASE || op->kind == STORE_REVISION_PUT ||
           op->kind == STORE_WORKER_START || op->kind == STORE_PURGE || op->kind == STORE_SWEEP;
}

static int64_t delay(struct world *world)
{
    uint32_t most_ms = world->weights.store_delay_ms;

    if (world->is_peace && most_ms > PEACE_DELAY_MS)
        most_ms = PEACE_DELAY_MS;
    return below(world, 3) ? below(world, most_ms + 1) : 0;
}

static void on_happen_time(void *arg)
{
    struct sim_op *s = arg;

    if (s->fate == FATE_REFUSED) {
        (void)err_set(&s->op->err, ERR_UNAVAILABLE, "the disk is full");
        complete(s);
        return;
    }
    if (s->fate != FATE_LOST_BEFORE)
        happen(s);
    if (is_write(s->op)) {
        loop_timer_start(s->world->loop, &s->timer, delay(s->world), on_answer_time, s);
        return;
    }
    on_answer_time(s); /* what was read is valid only now */
}

static enum fate draw_fate(struct world *world)
{
    if (world->is_peace)
        return FATE_WELL;
    if (chance(world, world->weights.store_refuses))
        return FATE_REFUSED;
    if (chance(world, world->weights.store_loses))
        return below(world, 2) ? FATE_LOST_AFTER : FATE_LOST_BEFORE;
    return FATE_WELL;
}

/* A page or a piece may end before its limit, and says so. In peace what was erased goes in the
 * time that is left, however long its journal was. */
static void shorten(const struct world *world, struct store_op *op)
{
    uint32_t most = world->weights.page_rows;

    if (op->kind == STORE_EVENTS && op->events.limit > most)
        op->events.limit = most;
    if (op->kind == STORE_SCAN && op->scan.limit > most)
        op->scan.limit = most;
    if (op->kind == STORE_ERASE && op->erase.limit > most)
        op->erase.limit = most;
    if (op->kind == STORE_PURGE && op->purge.limit > most && !world->is_peace)
        op->purge.limit = most;
}

static void submit(struct store *store, struct store_op *op)
{
    struct world *world = store_of(store)->world;
    struct sim_op *s = xcalloc(1, sizeof(*s));

    s->world = world;
    s->op = op;
    s->fate = draw_fate(world);
    shorten(world, op);
    if (op->kind == STORE_COMMIT) {
        struct slice id = op->commit.row.id;

        ASSERT(id.len < sizeof(s->session.text));
        memcpy(s->session.text, id.ptr, id.len);
        s->seq = op->commit.row.seq;
    }
    op->backend_slot = s;
    list_add(&world->ops, &s->link);
    loop_timer_start(world->loop, &s->timer, delay(world), on_happen_time, s);
}

/* A process never closes it: it crashes, or its last operation has ended. */
static void close_store(struct store *store)
{
    free(store_of(store));
}

static enum err_code open_store(struct store **ret_store, const char *url,
                                enum store_open_flags flags, struct loop *loop, struct err *err)
{
    (void)ret_store;
    (void)flags;
    (void)loop;
    return err_set(err, ERR_INVALID, "'%.64s' is opened by disk_connect()", url);
}

static const struct store_backend backend = {
    .scheme = "sim",
    .open = open_store,
    .submit = submit,
    .close = close_store,
};

struct store *disk_connect(struct world *world)
{
    struct sim_store *s = xcalloc(1, sizeof(*s));

    s->base.backend = &backend;
    s->world = world;
    return &s->base;
}

void disk_cut(struct world *world)
{
    for (struct link *at = list_first(&world->ops); at; at = at->next) {
        struct sim_op *s = CONTAINER_OF(at, struct sim_op, link);

        if (is_write(s->op) && !s->has_happened && s->fate != FATE_REFUSED &&
            chance(world, world->weights.commit_survives))
            happen(s);
    }
}

void disk_disconnect(struct world *world)
{
    for (struct link *at = list_first(&world->ops), *next; at; at = next) {
        struct sim_op *s = CONTAINER_OF(at, struct sim_op, link);

        next = at->next;
        loop_timer_stop(world->loop, &s->timer);
        free(s);
    }
    world->ops = (struct list){ 0 };
    store_close(world->store);
    world->store = NULL;
}

void disk_open(struct world *world)
{
    struct err err = { 0 };

    world->disk_loop = loop_new_simulated(world_clock(world));
    if (store_open(&world->disk, "mem:", STORE_OPEN_READ_WRITE, world->disk_loop, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

void disk_close(struct world *world)
{
    store_close(world->disk);
    loop_free(world->disk_loop);
}
