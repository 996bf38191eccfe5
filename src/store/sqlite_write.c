/* sqlite_write.c - the statements of the writer, and the operations that are one or two of them. */
#include "store/sqlite_write.h"

/* Parameters of the three statements that write a session; see bind_row(). */
#define TICK_COLUMNS                                                                               \
    "status = ?4, is_paused = ?5, owner = ?7, epoch = ?8, updated_at_ms = ?10, turn = ?12,"        \
    " steps = ?13, tokens = ?14, nanousd = ?15, seq = ?16, task_seq = ?17, end_seq = ?18,"         \
    " context_seq = ?19, state = ?20, version = version + 1"
/* What is left of blobs that were erased, in the order of their keys. CROSS JOIN: SQLite would
 * look for the few blobs in all the pieces that there are. */
#define PIECES_ERASED " FROM erased_blob e CROSS JOIN blob_piece p ON p.blob = e.blob"
#define SAME_VERSION  " WHERE key = ?1 AND version = ?2 AND seq = ?3"

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
    [ST_BLOB_KEY] = "SELECT key FROM blob WHERE hash = ?1",
    [ST_BLOB_INSERT] = "INSERT INTO blob (hash, bytes) VALUES (?1, ?2)",
    [ST_BLOB_PIECE] = "INSERT INTO blob_piece (blob, at, data) VALUES (?1, ?2, ?3)",
    [ST_BLOB_NAME] = "INSERT INTO blob_name (session, seq, call, blob) VALUES (?1, ?2, ?3, ?4)",
    [ST_EVENTS_COPY] = "INSERT INTO event (session, seq, at_ms, kind, wire, body)"
                       " SELECT ?2, seq, at_ms, kind, wire, body FROM event"
                       " WHERE session = ?1 AND seq <= ?3 ORDER BY seq",
    [ST_BLOB_NAMES_COPY] = "INSERT INTO blob_name (session, seq, call, blob)"
                           " SELECT ?2, seq, call, blob FROM blob_name"
                           " WHERE session = ?1 AND seq <= ?3",
    [ST_APPROVAL_PUT] =
        "INSERT INTO approval (session, call, tenant, kind, status, tool, requested_at_ms,"
        " expires_at_ms, decided_at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        " ON CONFLICT (session, call) DO UPDATE SET kind = excluded.kind, status = excluded.status,"
        " requested_at_ms = CASE WHEN kind = excluded.kind AND status = 'pending'"
        " THEN requested_at_ms ELSE excluded.requested_at_ms END,"
        " expires_at_ms = excluded.expires_at_ms, decided_at_ms = excluded.decided_at_ms,"
        " tool = excluded.tool, body = excluded.body",
    [ST_APPROVAL_CLOSE] = "UPDATE approval SET status = ?3, decided_at_ms = ?4"
                          " WHERE session = ?1 AND call = ?2",
    [ST_APPROVALS_CLEAR] = "DELETE FROM approval WHERE key IN"
                           " (SELECT key FROM approval WHERE session = ?1 LIMIT ?2)",
    [ST_DELIVERY_INSERT] =
        "INSERT INTO delivery (id, message_id, webhook, event, session, tenant, status, attempts,"
        " next_at_ms, created_at_ms, delivered_at_ms, last_status, last_error, body)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0, ?7, ?8, 0, 0, '', ?9)",
    [ST_DELIVERY_WHERE] = "SELECT status, attempts FROM delivery WHERE key = ?1",
    [ST_DELIVERY_SET] = "UPDATE delivery SET status = ?2, attempts = ?3, next_at_ms = ?4,"
                        " delivered_at_ms = ?5, last_status = ?6, last_error = ?7 WHERE key = ?1",
    /* Keys are in the order of time, so the oldest are the first: no index, and none is needed. */
    [ST_DELIVERY_SWEEP] = "DELETE FROM delivery WHERE key IN (SELECT key FROM"
                          " (SELECT key, created_at_ms FROM delivery ORDER BY key LIMIT ?2)"
                          " WHERE created_at_ms < ?1)",
    [ST_DELIVERIES_CLEAR] = "DELETE FROM delivery WHERE key IN"
                            " (SELECT key FROM delivery WHERE session = ?1 LIMIT ?2)",
    [ST_SIGNAL_KEEP] = "INSERT INTO signal (session, seq) VALUES (?1, ?2)",
    [ST_SIGNAL_TAKE] = "DELETE FROM signal WHERE session = ?1 AND seq = ?2",
    [ST_SIGNALS_CLEAR] = "DELETE FROM signal WHERE session = ?1 AND seq IN"
                         " (SELECT seq FROM signal WHERE session = ?1 LIMIT ?2)",
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
    [ST_TOMBSTONE_PUT] = "INSERT INTO tombstone (id, tenant, agent, created_at_ms, erased_at_ms,"
                         " tokens, nanousd, reason) SELECT id, tenant, agent, created_at_ms, ?2,"
                         " tokens, nanousd, ?3 FROM session WHERE key = ?1",
    [ST_SESSION_DELETE] = "DELETE FROM session WHERE key = ?1",
    [ST_ERASED_PUT] = "INSERT INTO erased (session) VALUES (?1)",
    [ST_ERASED_NEXT] = "SELECT session FROM erased ORDER BY session LIMIT 1",
    [ST_ERASED_DELETE] = "DELETE FROM erased WHERE session = ?1",
    [ST_EVENTS_FIRST] = "SELECT seq, wire, body FROM event WHERE session = ?1 ORDER BY seq",
    [ST_EVENTS_DELETE] = "DELETE FROM event WHERE session = ?1 AND seq <= ?2",
    [ST_INBOX_CLEAR] = "DELETE FROM inbox WHERE id IN"
                       " (SELECT id FROM inbox WHERE session = ?1 ORDER BY id LIMIT ?2)",
    /* Blobs that nothing names but these events. */
    [ST_BLOBS_ERASED_PUT] = "INSERT OR IGNORE INTO erased_blob SELECT blob FROM blob_name n"
                            " WHERE session = ?1 AND seq <= ?2 AND NOT EXISTS"
                            " (SELECT 1 FROM blob_name o WHERE o.blob = n.blob"
                            " AND (o.session <> ?1 OR o.seq > ?2))",
    /* Those of them: erased_blob may have many more, of others. */
    [ST_BLOBS_DELETE] = "DELETE FROM blob WHERE key IN (SELECT n.blob FROM blob_name n"
                        " CROSS JOIN erased_blob e ON e.blob = n.blob"
                        " WHERE n.session = ?1 AND n.seq <= ?2)",
    [ST_BLOB_NAMES_DELETE] = "DELETE FROM blob_name WHERE session = ?1 AND seq <= ?2",
    [ST_BLOB_PIECES_DELETE] = "DELETE FROM blob_piece WHERE rowid IN"
                              " (SELECT p.rowid" PIECES_ERASED " LIMIT ?1)",
    [ST_BLOBS_ERASED_CLEAR] =
        "DELETE FROM erased_blob WHERE blob < coalesce((SELECT e.blob" PIECES_ERASED
        " ORDER BY e.blob LIMIT 1), 9223372036854775807)",
    [ST_SWEEP] = "DELETE FROM idempotency WHERE rowid IN"
                 " (SELECT rowid FROM idempotency WHERE at_ms < ?1 LIMIT ?2)",
    [ST_SCHEDULE_LAST] = "SELECT last_session FROM schedule WHERE name = ?1 AND last_at_ms >= ?2",
    [ST_SCHEDULE_FIRED] = "INSERT INTO schedule (name, spec, next_at_ms, last_at_ms, last_session)"
                          " VALUES (?1, '', ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE SET"
                          " next_at_ms = excluded.next_at_ms, last_at_ms = excluded.last_at_ms,"
                          " last_session = excluded.last_session",
    [ST_SCHEDULE_PUT] = "INSERT INTO schedule (name, spec, next_at_ms, last_at_ms, last_session)"
                        " VALUES (?1, ?2, ?3, 0, '') ON CONFLICT (name) DO UPDATE SET"
                        " spec = excluded.spec, next_at_ms = excluded.next_at_ms",
    [ST_SCHEDULE_DELETE] = "DELETE FROM schedule WHERE name = ?1",
    [ST_API_KEY_HAS] = "SELECT 1 FROM api_key WHERE id = ?1",
    [ST_API_KEY_INSERT] = "INSERT INTO api_key (id, secret_hash, name, roles, tenant,"
                          " created_at_ms, created_by, revoked_at_ms)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [ST_API_KEY_REVOKE] = "UPDATE api_key SET revoked_at_ms = ?2"
                          " WHERE id = ?1 AND revoked_at_ms = 0",
    /* Also of one that somebody has taken out: sqlite_sequence remembers that it was there. */
    [ST_AUDIT_LAST] = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'),"
                      " 0), coalesce((SELECT max(seq) FROM audit), 0)),"
                      " coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),"
                      " (SELECT hash FROM audit_anchor), '')",
    [ST_AUDIT_INSERT] = "INSERT OR IGNORE INTO audit (seq, at_ms, tenant, actor, actor_name,"
                        " address, action, target, call, request_hash, outcome, prev_hash, hash)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [ST_AUDIT_OLD] = "SELECT seq, hash FROM audit WHERE at_ms < ?1 AND"
                     " seq < (SELECT min(seq) FROM audit) + ?2 ORDER BY seq DESC LIMIT 1",
    [ST_AUDIT_ANCHOR_PUT] = "INSERT OR REPLACE INTO audit_anchor (id, seq, hash)"
                            " VALUES (1, ?1, ?2)",
    [ST_AUDIT_DELETE] = "DELETE FROM audit WHERE seq <= ?1",
};

enum err_code write_prepare(struct write *w, struct err *err)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite_db_prepare(w->db, statement_sql[i], &w->st[i], err))
            return err->code;
    }
    return ERR_NONE;
}

void write_close(struct write *w)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(w->st[i]);
    sqlite_db_close(w->db);
}

static enum progress fail(struct write *w, int rc, struct write_outcome *o)
{
    (void)sqlite_db_error(w->db, rc, "write to the store", &o->err);
    return FAILED;
}

enum progress write_run(struct write *w, enum statement which, struct write_outcome *o)
{
    int rc = sqlite3_step(w->st[which]);

    (void)sqlite3_reset(w->st[which]); /* gives the step's error once more */
    return rc == SQLITE_DONE ? GO_ON : fail(w, rc, o);
}

enum progress write_run_counted(struct write *w, enum statement which, int *ret_changed,
                                struct write_outcome *o)
{
    enum progress progress = write_run(w, which, o);

    if (progress == GO_ON)
        *ret_changed = sqlite3_changes(w->db);
    return progress;
}

enum progress write_first_row(struct write *w, enum statement which, int *ret_found,
                              struct write_outcome *o)
{
    int rc = sqlite3_step(w->st[which]);

    *ret_found = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? GO_ON : fail(w, rc, o);
}

enum progress write_where(struct write *w, int64_t session, struct write_where *ret_where,
                          struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_SESSION_WHERE];
    int found = 0;

    sqlite_bind_int(st, 1, session);
    enum progress progress = write_first_row(w, ST_SESSION_WHERE, &found, o);

    if (found)
        *ret_where = (struct write_where){ .version = (uint64_t)sqlite3_column_int64(st, 0),
                                           .seq = sqlite3_column_int64(st, 1) };
    (void)sqlite3_reset(st);
    if (progress != GO_ON || found)
        return progress;
    (void)err_set(&o->err, ERR_NOT_FOUND, "no session has the key %lld", (long long)session);
    return REFUSED;
}

static enum progress revision_put(struct write *w, const struct store_op *op,
                                  struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_REVISION_PUT];

    sqlite_bind_text(st, 1, op->revision.hash);
    sqlite_bind_text(st, 2, op->revision.agent);
    sqlite_bind_text(st, 3, op->revision.text);
    return write_run(w, ST_REVISION_PUT, o);
}

static enum progress worker_start(struct write *w, const struct store_op *op,
                                  struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_START];
    int found = 0;

    sqlite_bind_text(w->st[ST_WORKER_INSERT], 1, op->worker.name);
    sqlite_bind_int(w->st[ST_WORKER_INSERT], 2, op->worker.at_ms);
    enum progress progress = write_run(w, ST_WORKER_INSERT, o);

    if (progress != GO_ON)
        return progress;
    sqlite_bind_text(st, 1, op->worker.name);
    sqlite_bind_int(st, 2, op->worker.at_ms);
    progress = write_first_row(w, ST_WORKER_START, &found, o);
    if (found) {
        o->key = sqlite3_column_int64(st, 0);
        o->epoch = (uint32_t)sqlite3_column_int64(st, 1);
    }
    (void)sqlite3_reset(st);
    w->fence_worker = 0; /* its epoch may be another now */
    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(w->st[ST_WORKER_FORGET], 1, op->worker.at_ms - STORE_WORKER_FORGET_MS);
    return write_run(w, ST_WORKER_FORGET, o);
}

static enum progress worker_beat(struct write *w, const struct store_op *op,
                                 struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_BEAT];
    int changed = 0;

    sqlite_bind_int(st, 1, op->worker.id);
    sqlite_bind_int(st, 2, op->worker.epoch);
    sqlite_bind_int(st, 3, op->worker.at_ms);
    enum progress progress = write_run_counted(w, ST_WORKER_BEAT, &changed, o);

    if (progress != GO_ON || changed != 0)
        return progress;
    (void)err_set(&o->err, ERR_CONFLICT, "worker %u is no longer at epoch %u", op->worker.id,
                  op->worker.epoch);
    return REFUSED;
}

static enum progress run_op(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    switch (op->kind) {
    case STORE_COMMIT: return write_tick(w, op, o);
    case STORE_INBOX_ADD: return write_inbox(w, op, o);
    case STORE_REVISION_PUT: return revision_put(w, op, o);
    case STORE_WORKER_START: return worker_start(w, op, o);
    case STORE_WORKER_BEAT: return worker_beat(w, op, o);
    case STORE_ERASE: return write_erase(w, op, o);
    case STORE_PURGE: return write_purge(w, op, o);
    case STORE_SWEEP: return write_sweep(w, op, o);
    case STORE_SCHEDULE_SET: return write_schedule_set(w, op, o);
    case STORE_API_KEY_ADD: return write_api_key_add(w, op, o);
    case STORE_API_KEY_REVOKE: return write_api_key_revoke(w, op, o);
    case STORE_DELIVERY_SET: return write_delivery_set(w, op, o);
    case STORE_DELIVERY_SWEEP: return write_delivery_sweep(w, op, o);
    case STORE_AUDIT_TRIM: return write_audit_trim(w, op, o);
    case STORE_LOAD:
    case STORE_EVENTS:
    case STORE_LIST:
    case STORE_SCAN:
    case STORE_KEY:
    case STORE_BLOB:
    case STORE_APPROVALS:
    case STORE_APPROVAL:
    case STORE_DELIVERIES:
    case STORE_DELIVERY:
    case STORE_DELIVERY_DUE:
    case STORE_INBOX_LIST:
    case STORE_REVISION_GET:
    case STORE_SIZE:
    case STORE_API_KEYS:
    case STORE_AUDIT:
    case STORE_AUDIT_CHAIN:
    case STORE_SCHEDULES:
    case STORE_OP_KIND_COUNT: break;
    }
    assert_failed("a read is not written", __FILE__, __LINE__);
}

enum progress write_op(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    if (store_check_input(op, &o->err))
        return REFUSED;
    enum progress progress = run_op(w, op, o);

    return progress == GO_ON && !o->is_idle ? write_audits(w, op, o) : progress;
}
