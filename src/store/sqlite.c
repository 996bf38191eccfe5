/*
 * sqlite.c - the store in an SQLite file: its threads and queues.
 *
 *   loop thread   submits, and completes what comes back
 *   writer        one; takes all writes that have gathered while its last commit was on its way
 *   readers       two: one leaves lists alone, so that a search through a million sessions never
 *                 holds up a session that only wants its journal
 *   checkpointer  sqlite_checkpoint.c
 *
 * Operations change hands under one lock: an op belongs to the queue, then to the thread that took
 * it, then to the done queue. Writes are carried out and completed in the order of submission.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_backup.h"
#include "store/sqlite_check.h"
#include "store/sqlite_checkpoint.h"
#include "store/sqlite_commit.h"
#include "store/sqlite_read.h"
#include "store/sqlite_schema.h"

enum { READERS = 2 };

struct op_queue {
    struct store_op *first;
    struct store_op **end;
};

struct sqlite_store;

struct reader {
    struct sqlite_store *store;
    struct sqlite_reader *db;
    int takes_lists;
    pthread_t thread;
    int is_started;
};

struct sqlite_store {
    struct store base; /* first */
    struct loop_wake *wake;
    struct sqlite_writer *writer; /* NULL: opened read-only */
    struct sqlite_checkpointer *checkpointer;
    struct reader readers[READERS];
    pthread_t writer_thread;
    int is_writer_started;
    int64_t nudged_bytes; /* the log's length at the last nudge; the writer's thread's */

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t has_write, has_read, has_done;
    struct op_queue writes, reads, lists, done;
    struct store_stats batches; /* since the loop's thread last looked */
    int is_stopping;
};

static struct sqlite_store *sqlite_of(struct store *store)
{
    ASSERT(store->backend == &store_backend_sqlite);
    return CONTAINER_OF(store, struct sqlite_store, base);
}

/* ---- queues; under the lock ---- */

static void queue_init(struct op_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_push(struct op_queue *queue, struct store_op *op)
{
    op->backend_next = NULL;
    *queue->end = op;
    queue->end = &op->backend_next;
}

static struct store_op *queue_pop(struct op_queue *queue)
{
    struct store_op *op = queue->first;

    if (!op)
        return NULL;
    queue->first = op->backend_next;
    if (!queue->first)
        queue->end = &queue->first;
    return op;
}

/* A finished operation, for the loop's thread: returns whether that is to be told. */
static int finish(struct sqlite_store *s, struct store_op *op)
{
    int is_first = !s->done.first; /* one wake-up is enough until it has come */

    queue_push(&s->done, op);
    return is_first;
}

/*
 * Threads are woken when the lock is free again: one that is woken before runs into it at once. The
 * store is there as long as its threads are.
 */
static void tell_done(struct sqlite_store *s)
{
    loop_wake_send(s->wake);
    (void)pthread_cond_signal(&s->has_done);
}

/* ---- the writer ---- */

struct batch {
    struct store_op *ops[SQLITE_BATCH_OPS_MAX];
    size_t n;
};

/* Waits for work; false when there is none and there will be none. */
static int take_batch(struct sqlite_store *s, struct batch *batch)
{
    size_t bytes = 0;

    batch->n = 0;
    (void)pthread_mutex_lock(&s->lock);
    while (!s->writes.first && !s->is_stopping)
        (void)pthread_cond_wait(&s->has_write, &s->lock);
    while (s->writes.first && batch->n < SQLITE_BATCH_OPS_MAX && bytes < SQLITE_BATCH_BYTES_MAX) {
        bytes += sqlite_op_bytes(s->writes.first);
        batch->ops[batch->n++] = queue_pop(&s->writes);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return batch->n > 0;
}

static int64_t now_us(void)
{
    struct timespec now;

    ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/*
 * One for each stretch of the log, and one shortly before the writer has to wait, so that little is
 * left to copy then. A pass costs two fsyncs that the next commits stand in line behind.
 */
static int is_time_to_nudge(const struct sqlite_store *s, int64_t bytes)
{
    if (bytes > SQLITE_WAL_LAST_NUDGE_BYTES)
        return s->nudged_bytes <= SQLITE_WAL_LAST_NUDGE_BYTES;
    return bytes - s->nudged_bytes > SQLITE_WAL_NUDGE_BYTES;
}

/*
 * Keeps the log short: nudges the checkpointer early, and waits for it when it lags. If it cannot
 * do its work, the log must not grow until the disk is full: the batch is refused.
 */
static enum err_code keep_log_short(struct sqlite_store *s, struct err *err)
{
    int64_t bytes = sqlite_writer_wal_bytes(s->writer);

    if (bytes > SQLITE_WAL_WAIT_BYTES)
        return sqlite_checkpointer_wait(s->checkpointer, err);
    if (bytes < s->nudged_bytes)
        s->nudged_bytes = 0; /* it has started over */
    if (is_time_to_nudge(s, bytes)) {
        s->nudged_bytes = bytes;
        sqlite_checkpointer_nudge(s->checkpointer);
    }
    return ERR_NONE;
}

static void write_batch(struct sqlite_store *s, struct batch *batch)
{
    struct err err = { 0 };

    if (keep_log_short(s, &err) == ERR_NONE) {
        sqlite_writer_run(s->writer, batch->ops, batch->n);
        return;
    }
    for (size_t i = 0; i < batch->n; i++)
        batch->ops[i]->err = err;
}

static void give_back(struct sqlite_store *s, struct batch *batch, int64_t took_us)
{
    int is_first = 0;

    (void)pthread_mutex_lock(&s->lock);
    s->batches.batches++;
    s->batches.commit_us_total += took_us;
    if (took_us > s->batches.commit_us_max)
        s->batches.commit_us_max = took_us;
    for (size_t i = 0; i < batch->n; i++) {
        if (batch->ops[i]->err.code == ERR_NONE && sqlite_op_is_unfinished(s->writer, i))
            queue_push(&s->writes, batch->ops[i]);
        else
            is_first |= finish(s, batch->ops[i]);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (is_first)
        tell_done(s);
}

static void *run_writer(void *arg)
{
    struct sqlite_store *s = arg;
    struct batch batch;

    while (take_batch(s, &batch)) {
        int64_t began_us = now_us();

        write_batch(s, &batch);
        give_back(s, &batch, now_us() - began_us);
    }
    return NULL;
}

/* ---- readers ---- */

static struct store_op *take_read(struct reader *reader)
{
    struct sqlite_store *s = reader->store;
    struct store_op *op = NULL;

    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        if (reader->takes_lists)
            op = queue_pop(&s->lists);
        if (!op)
            op = queue_pop(&s->reads);
        if (op || s->is_stopping)
            break;
        (void)pthread_cond_wait(&s->has_read, &s->lock);
    }
    int is_more = s->reads.first != NULL; /* whoever was woken for it took a list, perhaps */

    (void)pthread_mutex_unlock(&s->lock);
    if (is_more)
        (void)pthread_cond_signal(&s->has_read);
    return op;
}

static void *run_reader(void *arg)
{
    struct reader *reader = arg;
    struct sqlite_store *s = reader->store;
    struct store_op *op = NULL;

    while ((op = take_read(reader))) {
        sqlite_reader_run(reader->db, op);
        (void)pthread_mutex_lock(&s->lock);
        int is_first = finish(s, op);

        (void)pthread_mutex_unlock(&s->lock);
        if (is_first)
            tell_done(s);
    }
    return NULL;
}

/* ---- the loop's side ---- */

static struct op_queue *queue_of(struct sqlite_store *s, enum store_op_kind kind)
{
    if (store_op_writes(kind))
        return &s->writes;
    return kind == STORE_LIST || kind == STORE_DELIVERIES || kind == STORE_AUDIT ? &s->lists
                                                                                 : &s->reads;
}

static void sqlite_submit(struct store *store, struct store_op *op)
{
    struct sqlite_store *s = sqlite_of(store);
    struct op_queue *queue = queue_of(s, op->kind);

    ASSERT(queue != &s->writes || s->writer); /* nobody writes to what was opened to look at */
    (void)pthread_mutex_lock(&s->lock);
    queue_push(queue, op);
    (void)pthread_mutex_unlock(&s->lock);
    if (queue == &s->writes)
        (void)pthread_cond_signal(&s->has_write);
    else if (queue == &s->reads)
        (void)pthread_cond_signal(&s->has_read);
    else
        (void)pthread_cond_broadcast(&s->has_read); /* whom a signal wakes may not take lists */
}

/* Under the lock: the writer's counts go into the store's, which are the loop's. */
static void take_stats(struct sqlite_store *s)
{
    struct store_stats *stats = &s->base.stats;

    stats->batches += s->batches.batches;
    stats->commit_us_total += s->batches.commit_us_total;
    if (s->batches.commit_us_max > stats->commit_us_max)
        stats->commit_us_max = s->batches.commit_us_max;
    s->batches = (struct store_stats){ 0 };
}

static void complete_done(void *arg)
{
    struct sqlite_store *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    struct store_op *op = s->done.first;

    queue_init(&s->done);
    take_stats(s);
    (void)pthread_mutex_unlock(&s->lock);
    while (op) {
        struct store_op *next = op->backend_next; /* done may free op */
        struct arena *results = op->backend_slot;

        store_complete(&s->base, op);
        arena_free(results);
        op = next;
    }
}

/* ---- life ---- */

static void stop_threads(struct sqlite_store *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->is_stopping = 1;
    (void)pthread_cond_broadcast(&s->has_write);
    (void)pthread_cond_broadcast(&s->has_read);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->is_writer_started)
        (void)pthread_join(s->writer_thread, NULL);
    for (int i = 0; i < READERS; i++) {
        if (s->readers[i].is_started)
            (void)pthread_join(s->readers[i].thread, NULL);
    }
}

/* Half-built ones, too. The last connection to go copies the rest of the log and removes it. */
static void free_store(struct sqlite_store *s)
{
    stop_threads(s);
    sqlite_checkpointer_stop(s->checkpointer);
    for (int i = 0; i < READERS; i++)
        sqlite_reader_close(s->readers[i].db);
    sqlite_writer_close(s->writer);
    loop_wake_free(s->wake);
    (void)pthread_cond_destroy(&s->has_write);
    (void)pthread_cond_destroy(&s->has_read);
    (void)pthread_cond_destroy(&s->has_done);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static void sqlite_close(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);

    while (store->pending > 0) { /* done calls may submit more */
        (void)pthread_mutex_lock(&s->lock);
        while (!s->done.first)
            (void)pthread_cond_wait(&s->has_done, &s->lock);
        (void)pthread_mutex_unlock(&s->lock);
        complete_done(s);
    }
    free_store(s);
}

/* Signals are for the loop's thread. */
static enum err_code start_thread(pthread_t *thread, void *(*fn)(void *), void *arg,
                                  int *is_started, struct err *err)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, fn, arg);

    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return err_sys(err, failed, "start a thread of the store");
    *is_started = 1;
    return ERR_NONE;
}

static enum err_code start(struct sqlite_store *s, const char *path, enum store_open_flags flags,
                           struct err *err)
{
    enum sqlite_db_mode mode =
        flags == STORE_OPEN_READ_ONLY ? SQLITE_DB_READ_ONLY : SQLITE_DB_READ_WRITE;

    if (flags == STORE_OPEN_READ_WRITE &&
        (sqlite_writer_open(&s->writer, path, err) ||
         sqlite_checkpointer_start(&s->checkpointer, path, err) ||
         start_thread(&s->writer_thread, run_writer, s, &s->is_writer_started, err)))
        return err->code;
    for (int i = 0; i < READERS; i++) {
        struct reader *reader = &s->readers[i];

        reader->store = s;
        reader->takes_lists = i > 0;
        if (sqlite_reader_open(&reader->db, path, mode, err) ||
            start_thread(&reader->thread, run_reader, reader, &reader->is_started, err))
            return err->code;
    }
    return ERR_NONE;
}

static enum err_code start_store(struct store **ret_store, const char *path,
                                 enum store_open_flags flags, struct loop *loop, struct err *err)
{
    struct sqlite_store *s = xcalloc(1, sizeof(*s));

    s->base.backend = &store_backend_sqlite;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->has_write, NULL);
    (void)pthread_cond_init(&s->has_read, NULL);
    (void)pthread_cond_init(&s->has_done, NULL);
    queue_init(&s->writes);
    queue_init(&s->reads);
    queue_init(&s->lists);
    queue_init(&s->done);
    s->wake = loop_wake_new(loop, complete_done, s);
    if (start(s, path, flags, err)) {
        free_store(s);
        return err->code;
    }
    *ret_store = &s->base;
    return ERR_NONE;
}

static enum err_code read_url(const char *url, const char **ret_path, struct err *err)
{
    *ret_path = url + strlen("sqlite:");
    if ((*ret_path)[0] == 0)
        return err_set(err, ERR_INVALID, "'%s' names no file: write sqlite:PATH", url);
    return ERR_NONE;
}

static enum err_code backup(const char *url, const char *path, struct err *err)
{
    const char *store;

    return read_url(url, &store, err) ? err->code : sqlite_backup(store, path, err);
}

static enum err_code check(const char *url, store_fault_fn *fault, void *arg, struct err *err)
{
    const char *store;

    return read_url(url, &store, err) ? err->code : sqlite_check(store, fault, arg, err);
}

static enum err_code sqlite_open(struct store **ret_store, const char *url,
                                 enum store_open_flags flags, struct loop *loop, struct err *err)
{
    const char *path;

    if (read_url(url, &path, err))
        return err->code;
    if (sqlite_schema_prepare(path, flags == STORE_OPEN_READ_ONLY, err))
        return err->code;
    return start_store(ret_store, path, flags, loop, err);
}

const struct store_backend store_backend_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .backup = backup,
    .check = check,
    .submit = sqlite_submit,
    .close = sqlite_close,
};
