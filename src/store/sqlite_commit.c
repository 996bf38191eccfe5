/*
 * sqlite_commit.c - the writer of the SQLite store: batches into transactions.
 *
 * An operation that is refused leaves no trace. After one that failed for its data the transaction
 * is rolled back, those before it are run again and committed, it gets its error, and the rest go
 * on. SQLite reports such an error at the very statement, so nobody has to search for the culprit.
 *
 * Outcomes are kept aside until the commit has returned, and put into the operations only then.
 */
#include "store/sqlite_commit.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite_files.h"
#include "store/sqlite_write.h"

enum {
    WRITER_CACHE_KIB = 64 * 1024,
    ROW_BYTES = 512, /* and its index entries, about */
};

struct sqlite_writer {
    struct write write;
    struct sqlite_files files;
    struct audit_link audit; /* the last row of the chain that is committed */
    int wal_pages;
    struct write_outcome outcomes[SQLITE_BATCH_OPS_MAX];
};

enum fate {
    COMMITTED,
    SPOILT, /* by one operation's data; nothing of the transaction is left */
    LOST,   /* the machine refused; nothing is left either */
};

static void clear(struct write_outcome *o)
{
    arena_free(o->arena);
    *o = (struct write_outcome){ 0 };
}

static void roll_back(struct sqlite_writer *w)
{
    /* SQLite has ended the transaction by itself after some errors. */
    if (!sqlite3_get_autocommit(w->write.db)) {
        (void)sqlite3_step(w->write.st[ST_ROLLBACK]);
        (void)sqlite3_reset(w->write.st[ST_ROLLBACK]);
    }
    ASSERT(sqlite3_get_autocommit(w->write.db));
}

/* Carries out ops[from..*until). SPOILT, LOST: *until is the operation whose outcome says why. */
static enum fate transact(struct sqlite_writer *w, struct store_op *const *ops, size_t from,
                          size_t *until)
{
    struct write_outcome *first = &w->outcomes[from];

    for (size_t i = from; i < *until; i++)
        clear(&w->outcomes[i]);
    w->write.fence_worker = 0;
    w->write.audit = w->audit;
    if (write_run(&w->write, ST_BEGIN, first) != GO_ON) {
        *until = from;
        return LOST;
    }
    for (size_t i = from; i < *until; i++) {
        if (write_op(&w->write, ops[i], &w->outcomes[i]) != FAILED)
            continue;
        roll_back(w);
        *until = i;
        return w->outcomes[i].err.code == ERR_UNAVAILABLE ? LOST : SPOILT;
    }
    struct write_outcome commit = { 0 };

    if (write_run(&w->write, ST_COMMIT, &commit) == GO_ON) {
        w->audit = w->write.audit;
        return COMMITTED;
    }
    roll_back(w);
    clear(first);
    first->err = commit.err;
    *until = from;
    return LOST;
}

static void lose(struct sqlite_writer *w, size_t why, size_t from, size_t n)
{
    struct err err = w->outcomes[why].err;

    for (size_t i = from; i < n; i++) {
        clear(&w->outcomes[i]);
        w->outcomes[i].err = err;
    }
}

static void deliver(struct store_op *op, struct write_outcome *o)
{
    op->err = o->err;
    op->backend_slot = TAKE(o->arena);
    if (op->kind == STORE_COMMIT) {
        op->commit.is_replay = o->is_replay;
        op->commit.replay = o->replay;
    }
    if (op->kind == STORE_INBOX_ADD) {
        op->inbox.is_replay = o->is_replay;
        op->inbox.replay = o->replay;
    }
    if (o->err.code != ERR_NONE)
        return;
    if (op->kind == STORE_COMMIT) {
        op->commit.row.key = o->key;
        op->commit.row.version++;
    } else if (op->kind == STORE_ERASE) {
        op->erase.has_left = o->has_left;
    } else if (op->kind == STORE_PURGE) {
        op->purge.has_left = o->has_left;
    } else if (op->kind == STORE_DELIVERY_SWEEP) {
        op->delivery_sweep.has_left = o->has_left;
    } else if (op->kind == STORE_INBOX_ADD) {
        op->inbox.row.id = o->key;
    } else if (op->kind == STORE_WORKER_START) {
        op->worker.id = (uint32_t)o->key;
        op->worker.epoch = o->epoch;
    }
}

void sqlite_writer_run(struct sqlite_writer *w, struct store_op *const *ops, size_t n)
{
    struct err gone = { 0 };
    size_t from = 0;

    ASSERT(n <= SQLITE_BATCH_OPS_MAX);
    if (n > 0 && sqlite_files_check(&w->files, &gone)) {
        w->outcomes[0].err = gone;
        lose(w, 0, 0, n);
        from = n;
    }
    while (from < n) {
        size_t until = n;
        enum fate fate = transact(w, ops, from, &until);

        while (fate == SPOILT && until > from) /* those before the culprit */
            fate = transact(w, ops, from, &until);
        switch (fate) {
        case COMMITTED: from = until; break;
        case SPOILT: from++; break;
        case LOST:
            lose(w, until, from, n);
            from = n;
            break;
        }
    }
    for (size_t i = 0; i < n; i++)
        deliver(ops[i], &w->outcomes[i]);
}

int sqlite_op_is_unfinished(const struct sqlite_writer *w, size_t i)
{
    return w->outcomes[i].is_unfinished && w->outcomes[i].err.code == ERR_NONE;
}

size_t sqlite_op_bytes(const struct store_op *op)
{
    size_t bytes = ROW_BYTES + op->audits_n * ROW_BYTES;

    if (op->kind == STORE_INBOX_ADD)
        bytes += op->inbox.row.body.len;
    if (op->kind == STORE_REVISION_PUT)
        bytes += op->revision.text.len;
    if (op->kind == STORE_ERASE || op->kind == STORE_PURGE || op->kind == STORE_DELIVERY_SWEEP)
        bytes += SQLITE_PIECE_BYTES_MAX; /* what they overwrite is written, too */
    if (op->kind != STORE_COMMIT)
        return bytes;
    if (op->commit.copy_of != 0)
        bytes += SQLITE_BATCH_BYTES_MAX; /* nobody knows; so nothing more waits for it */
    bytes += op->commit.row.state.len + op->commit.row.metadata.len;
    for (size_t i = 0; i < op->commit.events_n; i++)
        bytes += op->commit.events[i].body.len + op->commit.events[i].wire.len +
                 op->commit.events[i].blob.data.len;
    for (size_t i = 0; i < op->commit.approvals_n; i++)
        bytes += ROW_BYTES + op->commit.approvals[i].body.len;
    for (size_t i = 0; i < op->commit.deliveries_n; i++)
        bytes += ROW_BYTES + op->commit.deliveries[i].body.len;
    return bytes;
}

/* ---- life ---- */

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sqlite_writer *w = arg;

    (void)db;
    (void)name;
    w->wal_pages = pages;
    return SQLITE_OK;
}

int64_t sqlite_writer_wal_bytes(const struct sqlite_writer *w)
{
    return (int64_t)w->wal_pages * SQLITE_DB_PAGE_BYTES;
}

enum err_code sqlite_writer_open(struct sqlite_writer **ret_writer, const char *path,
                                 struct err *err)
{
    struct sqlite_writer *w = xcalloc(1, sizeof(*w));
    char pragma[96];

    (void)snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%d; PRAGMA secure_delete = ON",
                   WRITER_CACHE_KIB);
    if (sqlite_db_open(&w->write.db, path, SQLITE_DB_READ_WRITE, err) ||
        sqlite_db_exec(w->write.db, pragma, "set up the writer", err))
        goto fail;
    if (write_prepare(&w->write, err))
        goto fail;
    if (write_audit_begin(&w->write, err))
        goto fail;
    w->audit = w->write.audit;
    if (sqlite_files_note(&w->files, w->write.db, err))
        goto fail;
    (void)sqlite3_wal_hook(w->write.db, on_wal, w);
    *ret_writer = w;
    return ERR_NONE;

fail:
    sqlite_writer_close(w);
    return err->code;
}

void sqlite_writer_close(struct sqlite_writer *w)
{
    if (!w)
        return;
    write_close(&w->write);
    for (size_t i = 0; i < SQLITE_BATCH_OPS_MAX; i++)
        clear(&w->outcomes[i]);
    free(w);
}
