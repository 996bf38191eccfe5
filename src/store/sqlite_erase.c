/* sqlite_erase.c - what leaves the store. */
#include "store/sqlite_write.h"

enum {
    SWEEP_PIECE = 1000,
    BLOB_PIECES = 2, /* at once, of 256 KiB each */
};

static enum progress check_version(struct write *w, int64_t session, uint64_t version,
                                   struct write_outcome *o)
{
    struct write_where where = { 0 };
    enum progress progress = write_where(w, session, &where, o);

    if (progress != GO_ON || where.version == version)
        return progress;
    (void)err_set(&o->err, ERR_CONFLICT, "session %lld is at version %llu, not %llu",
                  (long long)session, (unsigned long long)where.version,
                  (unsigned long long)version);
    return REFUSED;
}

/* What an operation may still delete, and of one session that was erased: is something left? */
struct piece {
    int64_t session;
    uint32_t rows; /* to go */
    size_t bytes;  /* gone, of all its sessions' events */
    int has_left;  /* surely nothing, if not */
};

static int is_full(const struct piece *piece)
{
    return piece->rows == 0 || piece->bytes >= SQLITE_PIECE_BYTES_MAX;
}

/* ST_INBOX_CLEAR, ST_APPROVALS_CLEAR, ST_SIGNALS_CLEAR, ST_DELIVERIES_CLEAR */
static enum progress clear_rows(struct write *w, enum statement which, struct piece *piece,
                                struct write_outcome *o)
{
    int deleted = 0;

    sqlite_bind_int(w->st[which], 1, piece->session);
    sqlite_bind_int(w->st[which], 2, piece->rows);
    enum progress progress = write_run_counted(w, which, &deleted, o);

    piece->rows -= (uint32_t)deleted;
    return progress;
}

/* Takes the rows of the first events from the piece; *ret_seq is the last one's, 0: none is left.
 */
static enum progress measure_events(struct write *w, struct piece *piece, int64_t *ret_seq,
                                    struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_EVENTS_FIRST];
    enum progress progress = GO_ON;
    int found = 1;

    sqlite_bind_int(st, 1, piece->session);
    while (found && !is_full(piece)) {
        progress = write_first_row(w, ST_EVENTS_FIRST, &found, o);
        if (!found)
            break;
        *ret_seq = sqlite3_column_int64(st, 0);
        piece->bytes += sqlite_column(st, 1).len + sqlite_column(st, 2).len;
        piece->rows--;
    }
    (void)sqlite3_reset(st);
    piece->has_left = found;
    return progress;
}

static enum progress delete_piece(struct write *w, struct piece *piece, struct write_outcome *o)
{
    /* A blob is none from here on, so that nobody names it while its pieces go. */
    static const enum statement steps[] = { ST_BLOBS_ERASED_PUT, ST_BLOBS_DELETE,
                                            ST_BLOB_NAMES_DELETE, ST_EVENTS_DELETE };
    int64_t until_seq = 0;
    enum progress progress = clear_rows(w, ST_INBOX_CLEAR, piece, o);

    if (progress == GO_ON)
        progress = clear_rows(w, ST_APPROVALS_CLEAR, piece, o);
    if (progress == GO_ON)
        progress = clear_rows(w, ST_DELIVERIES_CLEAR, piece, o);
    if (progress == GO_ON)
        progress = clear_rows(w, ST_SIGNALS_CLEAR, piece, o);
    if (progress == GO_ON)
        progress = measure_events(w, piece, &until_seq, o);
    if (until_seq == 0)
        return progress;
    for (size_t i = 0; i < ARRAY_LEN(steps) && progress == GO_ON; i++) {
        sqlite_bind_int(w->st[steps[i]], 1, piece->session);
        sqlite_bind_int(w->st[steps[i]], 2, until_seq);
        progress = write_run(w, steps[i], o);
    }
    return progress;
}

/* Of all blobs that were erased; those whose pieces are gone are forgotten, so that no later piece
 * walks past them. */
static enum progress delete_blob_pieces(struct write *w, struct write_outcome *o)
{
    int deleted = 0;

    sqlite_bind_int(w->st[ST_BLOB_PIECES_DELETE], 1, BLOB_PIECES);
    enum progress progress = write_run_counted(w, ST_BLOB_PIECES_DELETE, &deleted, o);

    if (deleted == BLOB_PIECES)
        o->has_left = 1;
    return progress == GO_ON ? write_run(w, ST_BLOBS_ERASED_CLEAR, o) : progress;
}

static enum progress run_with_key(struct write *w, enum statement which, int64_t session,
                                  struct write_outcome *o)
{
    sqlite_bind_int(w->st[which], 1, session);
    return write_run(w, which, o);
}

/*
 * The row goes at once, so that nobody sees the session any more; `erased` names it until all that
 * was its is gone. The connection has secure_delete: what is deleted is overwritten.
 */
enum progress write_erase(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    struct piece piece = { .session = op->erase.session, .rows = op->erase.limit };
    enum progress progress = check_version(w, piece.session, op->erase.version, o);

    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(w->st[ST_TOMBSTONE_PUT], 2, op->erase.at_ms);
    sqlite_bind_text(w->st[ST_TOMBSTONE_PUT], 3, slice_of(store_erasure_name(op->erase.why)));
    progress = run_with_key(w, ST_TOMBSTONE_PUT, piece.session, o);
    if (progress == GO_ON)
        progress = run_with_key(w, ST_SESSION_DELETE, piece.session, o);
    if (progress == GO_ON)
        progress = delete_piece(w, &piece, o);
    if (progress == GO_ON && piece.has_left)
        progress = run_with_key(w, ST_ERASED_PUT, piece.session, o);
    o->has_left = piece.has_left;
    return progress == GO_ON ? delete_blob_pieces(w, o) : progress;
}

static enum progress next_erased(struct write *w, int64_t *ret_session, int *ret_found,
                                 struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_ERASED_NEXT];
    enum progress progress = write_first_row(w, ST_ERASED_NEXT, ret_found, o);

    *ret_session = *ret_found ? sqlite3_column_int64(st, 0) : 0;
    (void)sqlite3_reset(st);
    return progress;
}

/* A session that is done with counts as a row, so that many small ones are bounded, too. */
enum progress write_purge(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    struct piece piece = { .rows = op->purge.limit };
    enum progress progress = GO_ON;

    while (!is_full(&piece) && progress == GO_ON) {
        progress = next_erased(w, &piece.session, &o->has_left, o);
        if (progress != GO_ON || !o->has_left)
            break;
        progress = delete_piece(w, &piece, o);
        if (progress != GO_ON || piece.has_left)
            break;
        progress = run_with_key(w, ST_ERASED_DELETE, piece.session, o);
        piece.rows--;
    }
    return progress == GO_ON ? delete_blob_pieces(w, o) : progress;
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
