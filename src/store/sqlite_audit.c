/* sqlite_audit.c - who did what: rows appended with what was done, and the oldest ones removed. */
#include "store/sqlite_write.h"

enum { TRIM_PIECE = 1000 };

static enum progress find_end(struct write *w, struct audit_link *ret_end, struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_AUDIT_LAST];
    int found = 0;
    enum progress progress = write_first_row(w, ST_AUDIT_LAST, &found, o);

    if (found)
        *ret_end = audit_link_of(sqlite3_column_int64(st, 0), sqlite_column(st, 1));
    (void)sqlite3_reset(st);
    return progress;
}

enum err_code write_audit_begin(struct write *w, struct err *err)
{
    struct write_outcome o = { 0 };

    if (find_end(w, &w->audit, &o) != GO_ON)
        *err = o.err;
    return o.err.code;
}

static enum progress insert(struct write *w, const struct store_audit *given, int *ret_inserted,
                            struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_AUDIT_INSERT];
    struct store_audit row = *given;

    row.seq = w->audit.seq + 1;
    row.prev_hash = slice_of(w->audit.hash);
    struct audit_link sealed = audit_seal(&row);

    sqlite_bind_int(st, 1, row.seq);
    sqlite_bind_int(st, 2, row.at_ms);
    sqlite_bind_text(st, 3, row.tenant);
    sqlite_bind_text(st, 4, row.actor);
    sqlite_bind_text(st, 5, row.actor_name);
    sqlite_bind_text(st, 6, row.address);
    sqlite_bind_text(st, 7, row.action);
    sqlite_bind_text(st, 8, row.target);
    sqlite_bind_int(st, 9, row.call);
    sqlite_bind_text(st, 10, row.request_hash);
    sqlite_bind_text(st, 11, row.outcome);
    sqlite_bind_text(st, 12, row.prev_hash);
    sqlite_bind_text(st, 13, slice_of(sealed.hash));
    enum progress progress = write_run_counted(w, ST_AUDIT_INSERT, ret_inserted, o);

    if (progress == GO_ON && *ret_inserted)
        w->audit = sealed;
    return progress;
}

/*
 * A seq that is taken is that of a row which is not ours: somebody wrote to the file. Ours goes
 * behind it, and its hash, which follows our last one, says that it did not come from us.
 */
static enum progress append(struct write *w, const struct store_audit *row, struct write_outcome *o)
{
    struct audit_link end = { 0 };
    int inserted = 0;
    enum progress progress = insert(w, row, &inserted, o);

    if (progress != GO_ON || inserted)
        return progress;
    progress = find_end(w, &end, o);
    if (progress == GO_ON && end.seq < INT64_MAX) {
        w->audit.seq = end.seq;
        progress = insert(w, row, &inserted, o);
    }
    if (progress != GO_ON || inserted)
        return progress;
    (void)err_set(&o->err, ERR_CORRUPT,
                  "no row can follow row %lld of the audit, which somebody else has written: run "
                  "pawl verify, and take that row out",
                  (long long)end.seq);
    return FAILED;
}

enum progress write_audits(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    enum progress progress = GO_ON;

    for (size_t i = 0; i < op->audits_n && progress == GO_ON; i++)
        progress = append(w, &op->audits[i], o);
    return progress;
}

/*
 * In pieces, so that a year's rows do not hold up the ticks behind them. What was written before a
 * row that is old is old, whatever a wrong clock has put into it.
 */
enum progress write_audit_trim(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_AUDIT_OLD];
    struct audit_link last = { 0 };
    int found = 0;

    sqlite_bind_int(st, 1, op->audit_trim.before_ms);
    sqlite_bind_int(st, 2, TRIM_PIECE);
    enum progress progress = write_first_row(w, ST_AUDIT_OLD, &found, o);

    if (found)
        last = audit_link_of(sqlite3_column_int64(st, 0), sqlite_column(st, 1));
    (void)sqlite3_reset(st);
    if (progress != GO_ON || !found)
        return progress;
    sqlite_bind_int(w->st[ST_AUDIT_ANCHOR_PUT], 1, last.seq);
    sqlite_bind_text(w->st[ST_AUDIT_ANCHOR_PUT], 2, slice_of(last.hash));
    progress = write_run(w, ST_AUDIT_ANCHOR_PUT, o);
    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(w->st[ST_AUDIT_DELETE], 1, last.seq);
    o->is_unfinished = 1; /* until there is no such row */
    return write_run(w, ST_AUDIT_DELETE, o);
}
