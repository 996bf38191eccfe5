/*
 * sqlite_write.h - one operation inside a transaction of the SQLite store: its statements, what it
 * came to, and the functions that carry it out. For src/store/sqlite*.c only, on the writer's
 * thread.
 *
 * Each operation makes its checks before its first write (key, owner, inbox, version), so one that
 * is refused leaves no trace and the transaction goes on without a savepoint. One whose statement
 * fails for its data (a row that contradicts the file) did write: the transaction is spoilt.
 */
#ifndef STORE_SQLITE_WRITE_H
#define STORE_SQLITE_WRITE_H

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_db.h"

/* What one piece of an erasure deletes, about: it costs what ticks that bring as much cost. */
enum { SQLITE_PIECE_BYTES_MAX = 512 * 1024 };

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_KEY_GET,
    ST_KEY_PUT,
    ST_WORKER_EPOCH,
    ST_INBOX_HAS,
    ST_ID_TAKEN,
    ST_SESSION_INSERT,
    ST_SESSION_TICK,
    ST_SESSION_UPDATE,
    ST_SESSION_WHERE,
    ST_EVENT_INSERT,
    ST_BLOB_KEY,
    ST_BLOB_INSERT,
    ST_BLOB_PIECE,
    ST_BLOB_NAME,
    ST_EVENTS_COPY,
    ST_BLOB_NAMES_COPY,
    ST_APPROVAL_PUT,
    ST_APPROVAL_CLOSE,
    ST_APPROVALS_CLEAR,
    ST_DELIVERY_INSERT,
    ST_DELIVERY_WHERE,
    ST_DELIVERY_SET,
    ST_DELIVERY_SWEEP,
    ST_DELIVERIES_CLEAR,
    ST_SIGNAL_KEEP,
    ST_SIGNAL_TAKE,
    ST_SIGNALS_CLEAR,
    ST_INBOX_DELETE,
    ST_INBOX_INSERT,
    ST_REVISION_PUT,
    ST_WORKER_INSERT,
    ST_WORKER_START,
    ST_WORKER_FORGET,
    ST_WORKER_BEAT,
    ST_TOMBSTONE_PUT,
    ST_SESSION_DELETE,
    ST_ERASED_PUT,
    ST_ERASED_NEXT,
    ST_ERASED_DELETE,
    ST_EVENTS_FIRST,
    ST_EVENTS_DELETE,
    ST_INBOX_CLEAR,
    ST_BLOBS_ERASED_PUT,
    ST_BLOBS_DELETE,
    ST_BLOB_NAMES_DELETE,
    ST_BLOB_PIECES_DELETE,
    ST_BLOBS_ERASED_CLEAR,
    ST_SWEEP,
    ST_SCHEDULE_LAST,
    ST_SCHEDULE_FIRED,
    ST_SCHEDULE_PUT,
    ST_SCHEDULE_DELETE,
    ST_API_KEY_HAS,
    ST_API_KEY_INSERT,
    ST_API_KEY_REVOKE,
    ST_AUDIT_LAST,
    ST_AUDIT_INSERT,
    ST_AUDIT_OLD,
    ST_AUDIT_ANCHOR_PUT,
    ST_AUDIT_DELETE,
    STATEMENT_COUNT
};

/* What an operation came to, as long as its transaction may still be lost. */
struct write_outcome {
    struct err err;
    int64_t key;         /* of a session, an inbox row, a worker */
    int is_unfinished;   /* it is to be run again before it is completed */
    int has_left;        /* of what was erased */
    int is_idle;         /* there was nothing to be changed: nobody did anything */
    struct arena *arena; /* of replay */
    struct slice replay;
    int is_replay;
    uint32_t epoch;
};

/* The writer's connection while a transaction is open on it. */
struct write {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENT_COUNT];
    /* The last worker looked up in this transaction: all ticks of a batch have the same one. */
    uint32_t fence_worker;
    int64_t fence_epoch;
    struct audit_link audit; /* the last row of the chain, in this transaction */
};

enum progress {
    GO_ON,
    REFUSED, /* the outcome says why; nothing of this operation is written */
    FAILED,  /* the same, but the transaction is spoilt */
};

/* w->db is open; a failed one is to be closed, too. */
enum err_code write_prepare(struct write *w, struct err *err) MUST_CHECK;
void write_close(struct write *w);

/* A statement that gives no rows; _counted: and how many it changed, if it went on. */
enum progress write_run(struct write *w, enum statement which, struct write_outcome *o);
enum progress write_run_counted(struct write *w, enum statement which, int *ret_changed,
                                struct write_outcome *o);

/* The first row of a query, if any; the caller resets the statement. */
enum progress write_first_row(struct write *w, enum statement which, int *ret_found,
                              struct write_outcome *o);

/* Where a session is. REFUSED, ERR_NOT_FOUND: there is none. */
struct write_where {
    uint64_t version;
    int64_t seq; /* of its last event */
};
enum progress write_where(struct write *w, int64_t session, struct write_where *ret_where,
                          struct write_outcome *o);

/* sqlite_blob.c: what a tick's events name. Checked before the tick's first write. */
enum progress write_blobs_check(struct write *w, const struct store_commit *commit,
                                struct write_outcome *o);
enum progress write_blob(struct write *w, int64_t session, const struct store_event *event,
                         struct write_outcome *o);

/* sqlite_delivery.c */
enum progress write_deliveries(struct write *w, int64_t session, const struct store_commit *commit,
                               struct write_outcome *o);
enum progress write_delivery_set(struct write *w, const struct store_op *op,
                                 struct write_outcome *o);
enum progress write_delivery_sweep(struct write *w, const struct store_op *op,
                                   struct write_outcome *o);

/* sqlite_schedule.c: a creation that a schedule is due for. Checked before the tick's first write.
 */
enum progress write_firing_check(struct write *w, const struct store_firing *firing,
                                 struct write_outcome *o);
enum progress write_firing(struct write *w, const struct store_commit *commit,
                           struct write_outcome *o);

/* Carries out one operation: these by themselves, write_op() any of them. */
enum progress write_op(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_tick(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_inbox(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_erase(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_purge(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_sweep(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_schedule_set(struct write *w, const struct store_op *op,
                                 struct write_outcome *o);

/* sqlite_api_key.c */
enum progress write_api_key_add(struct write *w, const struct store_op *op,
                                struct write_outcome *o);
enum progress write_api_key_revoke(struct write *w, const struct store_op *op,
                                   struct write_outcome *o);

/*
 * sqlite_audit.c: a chain is gone on with where the file's last row is; after that the writer alone
 * knows it, so that a row which somebody puts in or takes out does not pass for the last.
 */
enum err_code write_audit_begin(struct write *w, struct err *err) MUST_CHECK;
enum progress write_audits(struct write *w, const struct store_op *op, struct write_outcome *o);
enum progress write_audit_trim(struct write *w, const struct store_op *op, struct write_outcome *o);

#endif
