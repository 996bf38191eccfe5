/* sqlite_erase.c - what leaves the store. */
#include "store/sqlite_write.h"

enum { SWEEP_PIECE = 1000 };

static enum progress check_version(struct write *w, int64_t session, uint64_t version,
                                   struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_SESSION_WHERE];
    int found = 0;

    sqlite_bind_int(st, 1, session);
    enum progress progress = write_first_row(w, ST_SESSION_WHERE, &found, o);
    uint64_t stored = found ? (uint64_t)sqlite3_column_int64(st, 0) : 0;

    (void)sqlite3_reset(st);
    if (progress != GO_ON || stored == version)
        return progress;
    (void)err_set(&o->err, found ? ERR_CONFLICT : ERR_NOT_FOUND,
                  "session %lld is at version %llu, not %llu", (long long)session,
                  (unsigned long long)stored, (unsigned long long)version);
    return REFUSED;
}

/* Statements whose first parameter is the session. */
static enum progress run_steps(struct write *w, const enum statement *steps, size_t n,
                               int64_t session, struct write_outcome *o)
{
    enum progress progress = GO_ON;

    for (size_t i = 0; i < n && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[steps[i]], 1, session);
        progress = write_run(w, steps[i], o);
    }
    return progress;
}

enum progress write_blobs_drop(struct write *w, int64_t session, struct write_outcome *o)
{
    static const enum statement steps[] = { ST_BLOB_PIECES_DELETE, ST_BLOBS_DELETE,
                                            ST_BLOB_NAMES_DELETE };

    return run_steps(w, steps, ARRAY_LEN(steps), session, o);
}

/* The connection has secure_delete: what is deleted is overwritten. */
enum progress write_erase(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    static const enum statement steps[] = { ST_TOMBSTONE_PUT, ST_EVENTS_DELETE, ST_INBOX_CLEAR,
                                            ST_SESSION_DELETE };
    enum progress progress = check_version(w, op->erase.session, op->erase.version, o);

    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(w->st[ST_TOMBSTONE_PUT], 2, op->erase.at_ms);
    progress = write_blobs_drop(w, op->erase.session, o);
    return progress == GO_ON ? run_steps(w, steps, ARRAY_LEN(steps), op->erase.session, o)
                             : progress;
}

/* In pieces, so that a day's rows do not hold up the ticks behind them. */
enum progress write_sweep(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    int changed = 0;

    sqlite_bind_int(w->st[ST_SWEEP], 1, op->sweep.before_ms);
    sqlite_bind_int(w->st[ST_SWEEP], 2, SWEEP_PIECE);
    enum progress progress = write_run_counted(w, ST_SWEEP, &changed, o);

    o->is_unfinished = changed == SWEEP_PIECE;
    return progress;
}
