/* sqlite_tick.c - what changes a session: its ticks, and its inbox. */
#include "store/sqlite_write.h"

/* ---- checks, each before the first write of its operation ---- */

static enum progress judge_key(sqlite3_stmt *st, const struct store_idempotency *key,
                               struct write_outcome *o)
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

static enum progress check_key(struct write *w, const struct store_idempotency *key,
                               struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_KEY_GET];
    int found = 0;

    if (key->key.len == 0)
        return GO_ON;
    sqlite_bind_text(st, 1, key->tenant);
    sqlite_bind_text(st, 2, key->route);
    sqlite_bind_text(st, 3, key->key);
    enum progress progress = write_first_row(w, ST_KEY_GET, &found, o);

    if (found)
        progress = judge_key(st, key, o);
    (void)sqlite3_reset(st);
    return progress;
}

static enum progress look_up_worker(struct write *w, uint32_t worker, struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_WORKER_EPOCH];
    int found = 0;

    sqlite_bind_int(st, 1, worker);
    enum progress progress = write_first_row(w, ST_WORKER_EPOCH, &found, o);

    w->fence_worker = worker;
    w->fence_epoch = found ? sqlite3_column_int64(st, 0) : -1;
    (void)sqlite3_reset(st);
    return progress;
}

static enum progress check_owner(struct write *w, const struct store_session *row,
                                 struct write_outcome *o)
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

static enum progress check_inbox(struct write *w, const struct store_commit *commit,
                                 struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_INBOX_HAS];

    for (size_t i = 0; i < commit->inbox_done_n; i++) {
        int found = 0;

        sqlite_bind_int(st, 1, commit->inbox_done[i]);
        sqlite_bind_int(st, 2, commit->row.key);
        enum progress progress = write_first_row(w, ST_INBOX_HAS, &found, o);

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

/* What a new session's journal begins with must be there. */
static enum progress check_source(struct write *w, const struct store_commit *commit,
                                  struct write_outcome *o)
{
    struct write_where where = { 0 };

    if (commit->copy_of == 0)
        return GO_ON;
    enum progress progress = write_where(w, commit->copy_of, &where, o);

    if (progress != GO_ON || where.seq >= commit->copy_n)
        return progress;
    (void)err_set(&o->err, ERR_INVALID, "session %lld has %lld events, not %u",
                  (long long)commit->copy_of, (long long)where.seq, commit->copy_n);
    return REFUSED;
}

static enum progress check_new(struct write *w, const struct store_commit *commit,
                               struct write_outcome *o)
{
    const struct store_session *row = &commit->row;
    int found = 0;

    sqlite_bind_text(w->st[ST_ID_TAKEN], 1, row->id);
    enum progress progress = write_first_row(w, ST_ID_TAKEN, &found, o);

    (void)sqlite3_reset(w->st[ST_ID_TAKEN]);
    if (progress != GO_ON)
        return progress;
    if (found)
        (void)err_set(&o->err, ERR_CONFLICT, "session %.*s is there already", (int)row->id.len,
                      row->id.ptr);
    else if (row->seq - commit->events_n != commit->copy_n)
        (void)err_set(&o->err, ERR_INVALID, "a new session's events begin with %u",
                      commit->copy_n + 1);
    return o->err.code ? REFUSED : check_source(w, commit, o);
}

static enum progress create(struct write *w, const struct store_commit *commit,
                            struct write_outcome *o)
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
    progress = write_run(w, ST_SESSION_INSERT, o);
    o->key = sqlite3_last_insert_rowid(w->db);
    return progress;
}

static enum progress copy_rows(struct write *w, const struct store_commit *commit,
                               enum statement which, int *ret_copied, struct write_outcome *o)
{
    sqlite_bind_int(w->st[which], 1, commit->copy_of);
    sqlite_bind_int(w->st[which], 2, o->key);
    sqlite_bind_int(w->st[which], 3, commit->copy_n);
    return write_run_counted(w, which, ret_copied, o);
}

/* From row to row inside the database: a long journal does not go through memory. */
static enum progress copy(struct write *w, const struct store_commit *commit,
                          struct write_outcome *o)
{
    int names = 0;
    int copied = 0;

    if (commit->copy_of == 0)
        return GO_ON;
    enum progress progress = copy_rows(w, commit, ST_EVENTS_COPY, &copied, o);

    if (progress == GO_ON && copied != (int)commit->copy_n) {
        (void)err_set(&o->err, ERR_CORRUPT,
                      "the journal of session %lld has %d of its first %u events",
                      (long long)commit->copy_of, copied, commit->copy_n);
        return FAILED;
    }
    return progress == GO_ON ? copy_rows(w, commit, ST_BLOB_NAMES_COPY, &names, o) : progress;
}

/* No row has this key, version and seq: which of them is it? */
static enum progress explain_miss(struct write *w, const struct store_commit *commit,
                                  struct write_outcome *o)
{
    const struct store_session *row = &commit->row;
    struct write_where where = { 0 };
    enum progress progress = write_where(w, row->key, &where, o);

    if (progress != GO_ON)
        return progress;
    if (where.version != row->version)
        (void)err_set(&o->err, ERR_CONFLICT, "session %lld is at version %llu, not %llu",
                      (long long)row->key, (unsigned long long)where.version,
                      (unsigned long long)row->version);
    else
        (void)err_set(&o->err, ERR_INVALID,
                      "session %lld has %lld events, the tick's do not follow", (long long)row->key,
                      (long long)where.seq);
    return REFUSED;
}

static enum progress update(struct write *w, const struct store_commit *commit,
                            struct write_outcome *o)
{
    int changed = 0;
    enum progress progress = GO_ON;

    o->key = commit->row.key;
    if (!commit->row.metadata.ptr) {
        bind_row(w->st[ST_SESSION_TICK], &commit->row);
        bind_version(w->st[ST_SESSION_TICK], commit);
        progress = write_run_counted(w, ST_SESSION_TICK, &changed, o);
    }
    if (progress == GO_ON && changed == 0) {
        bind_row(w->st[ST_SESSION_UPDATE], &commit->row);
        bind_version(w->st[ST_SESSION_UPDATE], commit);
        sqlite_bind_text_or_null(w->st[ST_SESSION_UPDATE], 21, commit->row.metadata);
        progress = write_run_counted(w, ST_SESSION_UPDATE, &changed, o);
    }
    if (progress == GO_ON && changed == 0)
        return explain_miss(w, commit, o);
    return progress;
}

static enum progress append(struct write *w, int64_t session, const struct store_event *event,
                            struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_EVENT_INSERT];

    sqlite_bind_int(st, 1, session);
    sqlite_bind_int(st, 2, event->seq);
    sqlite_bind_int(st, 3, event->at_ms);
    sqlite_bind_text(st, 4, slice_of(event_kind_name(event->kind)));
    sqlite_bind_text_or_null(st, 5, event->wire);
    sqlite_bind_text(st, 6, event->body);
    enum progress progress = write_run(w, ST_EVENT_INSERT, o);

    return progress == GO_ON ? write_blob(w, session, event, o) : progress;
}

static enum progress put_approval(struct write *w, int64_t session, struct slice tenant,
                                  const struct store_approval *approval, struct write_outcome *o)
{
    enum statement which = approval->body.ptr ? ST_APPROVAL_PUT : ST_APPROVAL_CLOSE;
    sqlite3_stmt *st = w->st[which];
    struct slice status = slice_of(approval_status_name(approval->status));

    sqlite_bind_int(st, 1, session);
    sqlite_bind_int(st, 2, approval->call);
    if (which == ST_APPROVAL_CLOSE) {
        sqlite_bind_text(st, 3, status);
        sqlite_bind_int(st, 4, approval->decided_at_ms);
        return write_run(w, which, o);
    }
    sqlite_bind_text(st, 3, tenant);
    sqlite_bind_text(st, 4, slice_of(approval_kind_name(approval->kind)));
    sqlite_bind_text(st, 5, status);
    sqlite_bind_text(st, 6, approval->tool);
    sqlite_bind_int(st, 7, approval->requested_at_ms);
    sqlite_bind_int(st, 8, approval->expires_at_ms);
    sqlite_bind_int(st, 9, approval->decided_at_ms);
    sqlite_bind_text(st, 10, approval->body);
    return write_run(w, which, o);
}

static enum progress put_signals(struct write *w, int64_t session, enum statement which,
                                 const uint32_t *seqs, size_t n, struct write_outcome *o)
{
    enum progress progress = GO_ON;

    for (size_t i = 0; i < n && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[which], 1, session);
        sqlite_bind_int(w->st[which], 2, seqs[i]);
        progress = write_run(w, which, o);
    }
    return progress;
}

static enum progress remember(struct write *w, const struct store_idempotency *key,
                              struct write_outcome *o)
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
    return write_run(w, ST_KEY_PUT, o);
}

static enum progress check_tick(struct write *w, const struct store_commit *commit,
                                struct write_outcome *o)
{
    enum progress progress = check_key(w, &commit->idempotency, o);

    if (progress == GO_ON)
        progress = check_owner(w, &commit->row, o);
    if (progress == GO_ON)
        progress = check_inbox(w, commit, o);
    if (progress == GO_ON)
        progress = write_firing_check(w, &commit->firing, o);
    if (progress == GO_ON)
        progress = write_blobs_check(w, commit, o);
    return progress;
}

enum progress write_tick(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    const struct store_commit *commit = &op->commit;
    enum progress progress = check_tick(w, commit, o);

    if (progress == GO_ON) /* the version check is this first write itself */
        progress = commit->row.key ? update(w, commit, o) : create(w, commit, o);
    if (progress == GO_ON)
        progress = copy(w, commit, o);
    for (size_t i = 0; i < commit->events_n && progress == GO_ON; i++)
        progress = append(w, o->key, &commit->events[i], o);
    for (size_t i = 0; i < commit->approvals_n && progress == GO_ON; i++)
        progress = put_approval(w, o->key, commit->row.tenant, &commit->approvals[i], o);
    if (progress == GO_ON)
        progress = write_deliveries(w, o->key, commit, o);
    if (progress == GO_ON)
        progress =
            put_signals(w, o->key, ST_SIGNAL_KEEP, commit->signals_kept, commit->signals_kept_n, o);
    if (progress == GO_ON)
        progress = put_signals(w, o->key, ST_SIGNAL_TAKE, commit->signals_taken,
                               commit->signals_taken_n, o);
    for (size_t i = 0; i < commit->inbox_done_n && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[ST_INBOX_DELETE], 1, commit->inbox_done[i]);
        progress = write_run(w, ST_INBOX_DELETE, o);
    }
    if (progress == GO_ON)
        progress = write_firing(w, commit, o);
    if (progress == GO_ON)
        progress = remember(w, &commit->idempotency, o);
    return progress;
}

enum progress write_inbox(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_INBOX_INSERT];
    struct write_where where;
    enum progress progress = check_key(w, &op->inbox.idempotency, o);

    if (progress == GO_ON)
        progress = write_where(w, op->inbox.session, &where, o);
    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(st, 1, op->inbox.session);
    sqlite_bind_text(st, 2, op->inbox.row.kind);
    sqlite_bind_text(st, 3, op->inbox.row.body);
    sqlite_bind_int(st, 4, op->inbox.row.at_ms);
    progress = write_run(w, ST_INBOX_INSERT, o);
    o->key = sqlite3_last_insert_rowid(w->db);
    return progress == GO_ON ? remember(w, &op->inbox.idempotency, o) : progress;
}
