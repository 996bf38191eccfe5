/*
 * sqlite_commit.c - the writer of the SQLite store: operations into statements, batches into
 * transactions.
 *
 * Each operation makes its checks before its first write (key, owner, inbox, version), so one that
 * is refused leaves no trace and the transaction goes on without a savepoint. An operation whose
 * statement fails for its data (a row that contradicts the file) did write: the transaction is
 * rolled back, those before it are run again and committed, it gets its error, and the rest go on.
 * SQLite reports such an error at the very statement, so nobody has to search for the culprit.
 *
 * Outcomes are kept aside until the commit has returned, and put into the operations only then.
 */
#include "store/sqlite_commit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/sqlite_files.h"

enum { SWEEP_PIECE = 1000, WRITER_CACHE_KIB = 64 * 1024 };

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
    ST_INBOX_DELETE,
    ST_INBOX_INSERT,
    ST_REVISION_PUT,
    ST_WORKER_INSERT,
    ST_WORKER_START,
    ST_WORKER_FORGET,
    ST_WORKER_BEAT,
    ST_TOMBSTONE_PUT,
    ST_EVENTS_DELETE,
    ST_INBOX_CLEAR,
    ST_SESSION_DELETE,
    ST_SWEEP,
    STATEMENT_COUNT
};

/* Parameters of the three statements that write a session; see bind_row(). */
#define TICK_COLUMNS                                                                               \
    "status = ?4, is_paused = ?5, owner = ?7, epoch = ?8, updated_at_ms = ?10, turn = ?12,"        \
    " steps = ?13, tokens = ?14, nanousd = ?15, seq = ?16, task_seq = ?17, end_seq = ?18,"         \
    " context_seq = ?19, state = ?20, version = version + 1"
#define SAME_VERSION " WHERE key = ?1 AND version = ?2 AND seq = ?3"

static const char *const statement_sql[STATEMENT_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLLBACK] = "ROLLBACK",
    [ST_KEY_GET] = "SELECT body_hash, response FROM idempotency"
                   " WHERE tenant = ?1 AND route = ?2 AND key = ?3",
    [ST_KEY_PUT] = "INSERT INTO idempotency (tenant, route, key, body_hash, response, at_ms)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [ST_WORKER_EPOCH] = "SELECT epoch FROM worker WHERE id = ?1",
    [ST_INBOX_HAS] = "SELECT 1 FROM inbox WHERE id = ?1 AND session = ?2",
    [ST_ID_TAKEN] = "SELECT 1 FROM session WHERE id = ?1"
                    " UNION ALL SELECT 1 FROM tombstone WHERE id = ?1",
    [ST_SESSION_INSERT] =
        "INSERT INTO session (id, tenant, agent, revision, parent, version, status, is_paused,"
        " is_live, owner, epoch, wake_at_ms, created_at_ms, updated_at_ms, ended_at_ms, turn,"
        " steps, tokens, nanousd, seq, task_seq, end_seq, context_seq, metadata, state)"
        " VALUES (?22, ?23, ?24, ?25, ?26, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?27, ?10, ?11, ?12, ?13,"
        " ?14, ?15, ?16, ?17, ?18, ?19, coalesce(?21, '{}'), ?20)",
    /*
     * Most ticks change neither the liveness nor the timer nor the end. SQLite takes an entry out
     * of an index and puts it in again if its column is merely named in SET: so this one does not
     * name them, and finds no row if one of them is to change.
     */
    [ST_SESSION_TICK] = "UPDATE session SET " TICK_COLUMNS SAME_VERSION
                        " AND is_live = ?6 AND wake_at_ms = ?9 AND ended_at_ms = ?11",
    [ST_SESSION_UPDATE] = "UPDATE session SET " TICK_COLUMNS ", is_live = ?6, wake_at_ms = ?9,"
                          " ended_at_ms = ?11, metadata = coalesce(?21, metadata)" SAME_VERSION,
    [ST_SESSION_WHERE] = "SELECT version, seq FROM session WHERE key = ?1",
    [ST_EVENT_INSERT] = "INSERT INTO event (session, seq, at_ms, kind, wire, body)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [ST_INBOX_DELETE] = "DELETE FROM inbox WHERE id = ?1",
    [ST_INBOX_INSERT] = "INSERT INTO inbox (session, kind, body, at_ms) VALUES (?1, ?2, ?3, ?4)",
    [ST_REVISION_PUT] = "INSERT INTO agent_revision (hash, agent, text) VALUES (?1, ?2, ?3)"
                        " ON CONFLICT (hash) DO NOTHING",
    [ST_WORKER_INSERT] = "INSERT INTO worker (name, epoch, started_at_ms, beat_at_ms)"
                         " SELECT ?1, 0, ?2, ?2 WHERE NOT EXISTS"
                         " (SELECT 1 FROM worker WHERE name = ?1)",
    [ST_WORKER_START] = "UPDATE worker SET epoch = (SELECT max(epoch) + 1 FROM worker),"
                        " started_at_ms = ?2, beat_at_ms = ?2 WHERE name = ?1"
                        " RETURNING id, epoch",
    [ST_WORKER_FORGET] = "DELETE FROM worker WHERE beat_at_ms < ?1",
    [ST_WORKER_BEAT] = "UPDATE worker SET beat_at_ms = ?3 WHERE id = ?1 AND epoch = ?2",
    [ST_TOMBSTONE_PUT] = "INSERT INTO tombstone SELECT id, tenant, agent, created_at_ms, ?2,"
                         " tokens, nanousd FROM session WHERE key = ?1",
    [ST_EVENTS_DELETE] = "DELETE FROM event WHERE session = ?1",
    [ST_INBOX_CLEAR] = "DELETE FROM inbox WHERE session = ?1",
    [ST_SESSION_DELETE] = "DELETE FROM session WHERE key = ?1",
    [ST_SWEEP] = "DELETE FROM idempotency WHERE rowid IN"
                 " (SELECT rowid FROM idempotency WHERE at_ms < ?1 LIMIT ?2)",
};

/* What an operation came to, as long as its transaction may still be lost. */
struct outcome {
    struct err err;
    int64_t key; /* of a session, an inbox row, a worker */
    int is_unfinished;
    struct arena *arena; /* of replay */
    struct slice replay;
    int is_replay;
    uint32_t epoch;
};

struct sqlite_writer {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENT_COUNT];
    struct sqlite_files files;
    int wal_pages;
    /* The last worker looked up in this transaction: all ticks of a batch have the same one. */
    uint32_t fence_worker;
    int64_t fence_epoch;
    struct outcome outcomes[SQLITE_BATCH_OPS_MAX];
};

enum progress {
    GO_ON,
    REFUSED, /* the outcome says why; nothing of this operation is written */
    FAILED,  /* the same, but the transaction is spoilt */
};

/* ---- statements ---- */

static enum progress fail(struct sqlite_writer *w, int rc, struct outcome *o)
{
    (void)sqlite_db_error(w->db, rc, "write to the store", &o->err);
    return FAILED;
}

/* A statement that gives no rows. */
static enum progress run(struct sqlite_writer *w, enum statement which, struct outcome *o)
{
    int rc = sqlite3_step(w->st[which]);

    (void)sqlite3_reset(w->st[which]); /* gives the step's error once more */
    return rc == SQLITE_DONE ? GO_ON : fail(w, rc, o);
}

/* The same for one where it counts whether it met a row. */
static enum progress run_counted(struct sqlite_writer *w, enum statement which, int *ret_changed,
                                 struct outcome *o)
{
    enum progress progress = run(w, which, o);

    *ret_changed = sqlite3_changes(w->db);
    return progress;
}

/* The first row of a query, if any; the caller resets the statement. */
static enum progress first_row(struct sqlite_writer *w, enum statement which, int *ret_found,
                               struct outcome *o)
{
    int rc = sqlite3_step(w->st[which]);

    *ret_found = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? GO_ON : fail(w, rc, o);
}

/* ---- checks, each before the first write of its operation ---- */

static enum progress judge_key(sqlite3_stmt *st, const struct store_idempotency *key,
                               struct outcome *o)
{
    struct slice response = sqlite_column(st, 1);

    if (!slice_equal(sqlite_column(st, 0), key->body_hash)) {
        (void)err_set(&o->err, ERR_INVALID, "this idempotency key was used with another body");
        return REFUSED;
    }
    o->arena = arena_new(response.len + 64);
    o->replay = arena_slice(o->arena, response);
    o->is_replay = 1;
    (void)err_set(&o->err, ERR_CONFLICT, "this idempotency key was used before");
    return REFUSED;
}

static enum progress check_key(struct sqlite_writer *w, const struct store_idempotency *key,
                               struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_KEY_GET];
    int found = 0;

    if (key->key.len == 0)
        return GO_ON;
    sqlite_bind_text(st, 1, key->tenant);
    sqlite_bind_text(st, 2, key->route);
    sqlite_bind_text(st, 3, key->key);
    enum progress progress = first_row(w, ST_KEY_GET, &found, o);

    if (found)
        progress = judge_key(st, key, o);
    (void)sqlite3_reset(st);
    return progress;
}

static enum progress look_up_worker(struct sqlite_writer *w, uint32_t worker, struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_EPOCH];
    int found = 0;

    sqlite_bind_int(st, 1, worker);
    enum progress progress = first_row(w, ST_WORKER_EPOCH, &found, o);

    w->fence_worker = worker;
    w->fence_epoch = found ? sqlite3_column_int64(st, 0) : -1;
    (void)sqlite3_reset(st);
    return progress;
}

static enum progress check_owner(struct sqlite_writer *w, const struct store_session *row,
                                 struct outcome *o)
{
    enum progress progress = GO_ON;

    if (row->owner == 0)
        return GO_ON;
    if (w->fence_worker != row->owner)
        progress = look_up_worker(w, row->owner, o);
    if (progress != GO_ON || w->fence_epoch == row->epoch)
        return progress;
    (void)err_set(&o->err, ERR_CONFLICT, "worker %u is no longer at epoch %u", row->owner,
                  row->epoch);
    return REFUSED;
}

static enum progress check_inbox(struct sqlite_writer *w, const struct store_commit *commit,
                                 struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_INBOX_HAS];

    for (size_t i = 0; i < commit->inbox_done_n; i++) {
        int found = 0;

        sqlite_bind_int(st, 1, commit->inbox_done[i]);
        sqlite_bind_int(st, 2, commit->row.key);
        enum progress progress = first_row(w, ST_INBOX_HAS, &found, o);

        (void)sqlite3_reset(st);
        if (progress != GO_ON)
            return progress;
        if (!found) {
            (void)err_set(&o->err, ERR_CONFLICT, "inbox row %lld has been taken up already",
                          (long long)commit->inbox_done[i]);
            return REFUSED;
        }
    }
    return GO_ON;
}

/* ---- a tick ---- */

/* The numbers are those of ST_SESSION_INSERT, _TICK and _UPDATE; ?21 is not in all of them. */
static void bind_row(sqlite3_stmt *st, const struct store_session *row)
{
    const int64_t ints[] = {
        [5] = row->is_paused != 0, [6] = row->is_live != 0,   [7] = row->owner,
        [8] = row->epoch,          [9] = row->wake_at_ms,     [10] = row->updated_at_ms,
        [11] = row->ended_at_ms,   [12] = row->turn,          [13] = row->steps,
        [14] = row->spent.tokens,  [15] = row->spent.nanousd, [16] = row->seq,
        [17] = row->task_seq,      [18] = row->end_seq,       [19] = row->context_seq,
    };

    sqlite_bind_text(st, 4, slice_of(session_status_name(row->status)));
    for (int i = 5; i < (int)ARRAY_LEN(ints); i++)
        sqlite_bind_int(st, i, ints[i]);
    sqlite_bind_blob(st, 20, row->state);
}

static void bind_version(sqlite3_stmt *st, const struct store_commit *commit)
{
    sqlite_bind_int(st, 1, commit->row.key);
    sqlite_bind_int(st, 2, (int64_t)commit->row.version);
    sqlite_bind_int(st, 3, (int64_t)commit->row.seq - (int64_t)commit->events_n);
}

static enum progress check_new(struct sqlite_writer *w, const struct store_commit *commit,
                               struct outcome *o)
{
    const struct store_session *row = &commit->row;
    int found = 0;

    sqlite_bind_text(w->st[ST_ID_TAKEN], 1, row->id);
    enum progress progress = first_row(w, ST_ID_TAKEN, &found, o);

    (void)sqlite3_reset(w->st[ST_ID_TAKEN]);
    if (progress != GO_ON)
        return progress;
    if (found)
        (void)err_set(&o->err, ERR_CONFLICT, "session %.*s is there already", (int)row->id.len,
                      row->id.ptr);
    else if (row->seq != commit->events_n)
        (void)err_set(&o->err, ERR_INVALID, "a new session's events begin with 1");
    return o->err.code ? REFUSED : GO_ON;
}

static enum progress create(struct sqlite_writer *w, const struct store_commit *commit,
                            struct outcome *o)
{
    const struct store_session *row = &commit->row;
    sqlite3_stmt *st = w->st[ST_SESSION_INSERT];
    enum progress progress = check_new(w, commit, o);

    if (progress != GO_ON)
        return progress;
    bind_row(st, row);
    sqlite_bind_text_or_null(st, 21, row->metadata);
    sqlite_bind_text(st, 22, row->id);
    sqlite_bind_text(st, 23, row->tenant);
    sqlite_bind_text(st, 24, row->agent);
    sqlite_bind_text(st, 25, row->revision);
    sqlite_bind_text_or_null(st, 26, row->parent.len ? row->parent : (struct slice){ 0 });
    sqlite_bind_int(st, 27, row->created_at_ms);
    progress = run(w, ST_SESSION_INSERT, o);
    o->key = sqlite3_last_insert_rowid(w->db);
    return progress;
}

/* No row has this key, version and seq: which of them is it? */
static enum progress explain_miss(struct sqlite_writer *w, const struct store_commit *commit,
                                  struct outcome *o)
{
    const struct store_session *row = &commit->row;
    sqlite3_stmt *st = w->st[ST_SESSION_WHERE];
    int found = 0;

    sqlite_bind_int(st, 1, row->key);
    enum progress progress = first_row(w, ST_SESSION_WHERE, &found, o);
    int64_t version = found ? sqlite3_column_int64(st, 0) : 0;
    int64_t seq = found ? sqlite3_column_int64(st, 1) : 0;

    (void)sqlite3_reset(st);
    if (progress != GO_ON)
        return progress;
    if (!found)
        (void)err_set(&o->err, ERR_NOT_FOUND, "no session has the key %lld", (long long)row->key);
    else if ((uint64_t)version != row->version)
        (void)err_set(&o->err, ERR_CONFLICT, "session %lld is at version %lld, not %llu",
                      (long long)row->key, (long long)version, (unsigned long long)row->version);
    else
        (void)err_set(&o->err, ERR_INVALID,
                      "session %lld has %lld events, the tick's do not follow", (long long)row->key,
                      (long long)seq);
    return REFUSED;
}

static enum progress update(struct sqlite_writer *w, const struct store_commit *commit,
                            struct outcome *o)
{
    int changed = 0;
    enum progress progress = GO_ON;

    o->key = commit->row.key;
    if (!commit->row.metadata.ptr) {
        bind_row(w->st[ST_SESSION_TICK], &commit->row);
        bind_version(w->st[ST_SESSION_TICK], commit);
        progress = run_counted(w, ST_SESSION_TICK, &changed, o);
    }
    if (progress == GO_ON && changed == 0) {
        bind_row(w->st[ST_SESSION_UPDATE], &commit->row);
        bind_version(w->st[ST_SESSION_UPDATE], commit);
        sqlite_bind_text_or_null(w->st[ST_SESSION_UPDATE], 21, commit->row.metadata);
        progress = run_counted(w, ST_SESSION_UPDATE, &changed, o);
    }
    if (progress == GO_ON && changed == 0)
        return explain_miss(w, commit, o);
    return progress;
}

static enum progress append(struct sqlite_writer *w, int64_t session,
                            const struct store_event *event, struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_EVENT_INSERT];

    sqlite_bind_int(st, 1, session);
    sqlite_bind_int(st, 2, event->seq);
    sqlite_bind_int(st, 3, event->at_ms);
    sqlite_bind_text(st, 4, slice_of(event_kind_name(event->kind)));
    sqlite_bind_text_or_null(st, 5, event->wire);
    sqlite_bind_text(st, 6, event->body);
    return run(w, ST_EVENT_INSERT, o);
}

static enum progress remember(struct sqlite_writer *w, const struct store_idempotency *key,
                              struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_KEY_PUT];

    if (key->key.len == 0)
        return GO_ON;
    sqlite_bind_text(st, 1, key->tenant);
    sqlite_bind_text(st, 2, key->route);
    sqlite_bind_text(st, 3, key->key);
    sqlite_bind_blob(st, 4, key->body_hash);
    sqlite_bind_text(st, 5, key->response);
    sqlite_bind_int(st, 6, key->at_ms);
    return run(w, ST_KEY_PUT, o);
}

static enum progress check_tick(struct sqlite_writer *w, const struct store_commit *commit,
                                struct outcome *o)
{
    enum progress progress = check_key(w, &commit->idempotency, o);

    if (progress == GO_ON)
        progress = check_owner(w, &commit->row, o);
    if (progress == GO_ON)
        progress = check_inbox(w, commit, o);
    return progress;
}

static enum progress tick(struct sqlite_writer *w, const struct store_op *op, struct outcome *o)
{
    const struct store_commit *commit = &op->commit;
    enum progress progress = check_tick(w, commit, o);

    if (progress == GO_ON) /* the version check is this first write itself */
        progress = commit->row.key ? update(w, commit, o) : create(w, commit, o);
    for (size_t i = 0; i < commit->events_n && progress == GO_ON; i++)
        progress = append(w, o->key, &commit->events[i], o);
    for (size_t i = 0; i < commit->inbox_done_n && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[ST_INBOX_DELETE], 1, commit->inbox_done[i]);
        progress = run(w, ST_INBOX_DELETE, o);
    }
    if (progress == GO_ON)
        progress = remember(w, &commit->idempotency, o);
    return progress;
}

/* ---- the other writes ---- */

static enum progress inbox_add(struct sqlite_writer *w, const struct store_op *op,
                               struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_SESSION_WHERE];
    enum progress progress = check_key(w, &op->inbox.idempotency, o);
    int found = 0;

    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(st, 1, op->inbox.session);
    progress = first_row(w, ST_SESSION_WHERE, &found, o);
    (void)sqlite3_reset(st);
    if (progress != GO_ON)
        return progress;
    if (!found) {
        (void)err_set(&o->err, ERR_NOT_FOUND, "no session has the key %lld",
                      (long long)op->inbox.session);
        return REFUSED;
    }
    st = w->st[ST_INBOX_INSERT];
    sqlite_bind_int(st, 1, op->inbox.session);
    sqlite_bind_text(st, 2, op->inbox.row.kind);
    sqlite_bind_text(st, 3, op->inbox.row.body);
    sqlite_bind_int(st, 4, op->inbox.row.at_ms);
    progress = run(w, ST_INBOX_INSERT, o);
    o->key = sqlite3_last_insert_rowid(w->db);
    return progress == GO_ON ? remember(w, &op->inbox.idempotency, o) : progress;
}

static enum progress revision_put(struct sqlite_writer *w, const struct store_op *op,
                                  struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_REVISION_PUT];

    sqlite_bind_text(st, 1, op->revision.hash);
    sqlite_bind_text(st, 2, op->revision.agent);
    sqlite_bind_text(st, 3, op->revision.text);
    return run(w, ST_REVISION_PUT, o);
}

static enum progress worker_start(struct sqlite_writer *w, const struct store_op *op,
                                  struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_START];
    int found = 0;

    sqlite_bind_text(w->st[ST_WORKER_INSERT], 1, op->worker.name);
    sqlite_bind_int(w->st[ST_WORKER_INSERT], 2, op->worker.at_ms);
    enum progress progress = run(w, ST_WORKER_INSERT, o);

    if (progress != GO_ON)
        return progress;
    sqlite_bind_text(st, 1, op->worker.name);
    sqlite_bind_int(st, 2, op->worker.at_ms);
    progress = first_row(w, ST_WORKER_START, &found, o);
    if (found) {
        o->key = sqlite3_column_int64(st, 0);
        o->epoch = (uint32_t)sqlite3_column_int64(st, 1);
    }
    (void)sqlite3_reset(st);
    w->fence_worker = 0; /* its epoch may be another now */
    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(w->st[ST_WORKER_FORGET], 1, op->worker.at_ms - STORE_WORKER_FORGET_MS);
    return run(w, ST_WORKER_FORGET, o);
}

static enum progress worker_beat(struct sqlite_writer *w, const struct store_op *op,
                                 struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_BEAT];
    int changed = 0;

    sqlite_bind_int(st, 1, op->worker.id);
    sqlite_bind_int(st, 2, op->worker.epoch);
    sqlite_bind_int(st, 3, op->worker.at_ms);
    enum progress progress = run_counted(w, ST_WORKER_BEAT, &changed, o);

    if (progress != GO_ON || changed != 0)
        return progress;
    (void)err_set(&o->err, ERR_CONFLICT, "worker %u is no longer at epoch %u", op->worker.id,
                  op->worker.epoch);
    return REFUSED;
}

static enum progress check_version(struct sqlite_writer *w, int64_t session, uint64_t version,
                                   struct outcome *o)
{
    sqlite3_stmt *st = w->st[ST_SESSION_WHERE];
    int found = 0;

    sqlite_bind_int(st, 1, session);
    enum progress progress = first_row(w, ST_SESSION_WHERE, &found, o);
    uint64_t stored = found ? (uint64_t)sqlite3_column_int64(st, 0) : 0;

    (void)sqlite3_reset(st);
    if (progress != GO_ON || stored == version)
        return progress;
    (void)err_set(&o->err, found ? ERR_CONFLICT : ERR_NOT_FOUND,
                  "session %lld is at version %llu, not %llu", (long long)session,
                  (unsigned long long)stored, (unsigned long long)version);
    return REFUSED;
}

/* The connection has secure_delete: what is deleted is overwritten. */
static enum progress erase(struct sqlite_writer *w, const struct store_op *op, struct outcome *o)
{
    static const enum statement steps[] = { ST_TOMBSTONE_PUT, ST_EVENTS_DELETE, ST_INBOX_CLEAR,
                                            ST_SESSION_DELETE };
    enum progress progress = check_version(w, op->erase.session, op->erase.version, o);

    sqlite_bind_int(w->st[ST_TOMBSTONE_PUT], 2, op->erase.at_ms);
    for (size_t i = 0; i < ARRAY_LEN(steps) && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[steps[i]], 1, op->erase.session);
        progress = run(w, steps[i], o);
    }
    return progress;
}

/* In pieces, so that a day's rows do not hold up the ticks behind them. */
static enum progress sweep(struct sqlite_writer *w, const struct store_op *op, struct outcome *o)
{
    int changed = 0;

    sqlite_bind_int(w->st[ST_SWEEP], 1, op->sweep.before_ms);
    sqlite_bind_int(w->st[ST_SWEEP], 2, SWEEP_PIECE);
    enum progress progress = run_counted(w, ST_SWEEP, &changed, o);

    o->is_unfinished = changed == SWEEP_PIECE;
    return progress;
}

static enum progress carry_out(struct sqlite_writer *w, const struct store_op *op,
                               struct outcome *o)
{
    if (store_check_input(op, &o->err))
        return REFUSED;
    switch (op->kind) {
    case STORE_COMMIT: return tick(w, op, o);
    case STORE_INBOX_ADD: return inbox_add(w, op, o);
    case STORE_REVISION_PUT: return revision_put(w, op, o);
    case STORE_WORKER_START: return worker_start(w, op, o);
    case STORE_WORKER_BEAT: return worker_beat(w, op, o);
    case STORE_ERASE: return erase(w, op, o);
    case STORE_SWEEP: return sweep(w, op, o);
    case STORE_LOAD:
    case STORE_EVENTS:
    case STORE_LIST:
    case STORE_SCAN:
    case STORE_KEY:
    case STORE_INBOX_LIST:
    case STORE_REVISION_GET:
    case STORE_OP_KIND_COUNT: break;
    }
    assert_failed("a read is not written", __FILE__, __LINE__);
}

/* ---- transactions ---- */

enum fate {
    COMMITTED,
    SPOILT, /* by one operation's data; nothing of the transaction is left */
    LOST,   /* the machine refused; nothing is left either */
};

static void clear(struct outcome *o)
{
    arena_free(o->arena);
    *o = (struct outcome){ 0 };
}

static void roll_back(struct sqlite_writer *w)
{
    /* SQLite has ended the transaction by itself after some errors. */
    if (!sqlite3_get_autocommit(w->db)) {
        (void)sqlite3_step(w->st[ST_ROLLBACK]);
        (void)sqlite3_reset(w->st[ST_ROLLBACK]);
    }
    ASSERT(sqlite3_get_autocommit(w->db));
}

/* Carries out ops[from..*until). SPOILT, LOST: *until is the operation whose outcome says why. */
static enum fate transact(struct sqlite_writer *w, struct store_op *const *ops, size_t from,
                          size_t *until)
{
    struct outcome *first = &w->outcomes[from];

    for (size_t i = from; i < *until; i++)
        clear(&w->outcomes[i]);
    w->fence_worker = 0;
    if (run(w, ST_BEGIN, first) != GO_ON) {
        *until = from;
        return LOST;
    }
    for (size_t i = from; i < *until; i++) {
        if (carry_out(w, ops[i], &w->outcomes[i]) != FAILED)
            continue;
        roll_back(w);
        *until = i;
        return w->outcomes[i].err.code == ERR_UNAVAILABLE ? LOST : SPOILT;
    }
    struct outcome commit = { 0 };

    if (run(w, ST_COMMIT, &commit) == GO_ON)
        return COMMITTED;
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

static void deliver(struct store_op *op, struct outcome *o)
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
    size_t bytes = 512; /* a row and its index entries */

    if (op->kind == STORE_INBOX_ADD)
        bytes += op->inbox.row.body.len;
    if (op->kind == STORE_REVISION_PUT)
        bytes += op->revision.text.len;
    if (op->kind != STORE_COMMIT)
        return bytes;
    bytes += op->commit.row.state.len + op->commit.row.metadata.len;
    for (size_t i = 0; i < op->commit.events_n; i++)
        bytes += op->commit.events[i].body.len + op->commit.events[i].wire.len;
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
    if (sqlite_db_open(&w->db, path, SQLITE_DB_READ_WRITE, err) ||
        sqlite_db_exec(w->db, pragma, "set up the writer", err))
        goto fail;
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite_db_prepare(w->db, statement_sql[i], &w->st[i], err))
            goto fail;
    }
    if (sqlite_files_note(&w->files, w->db, err))
        goto fail;
    (void)sqlite3_wal_hook(w->db, on_wal, w);
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
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(w->st[i]);
    sqlite_db_close(w->db);
    for (size_t i = 0; i < SQLITE_BATCH_OPS_MAX; i++)
        clear(&w->outcomes[i]);
    free(w);
}
