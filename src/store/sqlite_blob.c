/*
 * sqlite_blob.c - what an event names that is too large for it, written with it and read in pieces.
 *
 * A row of one piece is bound and copied as a whole, so pieces bound what a write takes of memory,
 * however large the blob is, and a read of its end does not walk through all of it.
 */
#include "store/sqlite_write.h"

enum { PIECE_BYTES = 256 * 1024 };

/* The key of the blob of that name, or 0. */
static enum progress find(struct write *w, struct slice hash, int64_t *ret_key,
                          struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_BLOB_KEY];
    int found = 0;

    sqlite_bind_text(st, 1, hash);
    enum progress progress = write_first_row(w, ST_BLOB_KEY, &found, o);

    *ret_key = found ? sqlite3_column_int64(st, 0) : 0;
    (void)sqlite3_reset(st);
    return progress;
}

enum progress write_blobs_check(struct write *w, const struct store_commit *commit,
                                struct write_outcome *o)
{
    for (size_t i = 0; i < commit->events_n; i++) {
        const struct store_blob *blob = &commit->events[i].blob;
        int64_t key = 0;

        if (blob->hash.len == 0 || blob->data.ptr)
            continue;
        enum progress progress = find(w, blob->hash, &key, o);

        if (progress != GO_ON)
            return progress;
        if (key == 0) {
            (void)err_set(&o->err, ERR_NOT_FOUND, "event %u names a blob that is not there",
                          commit->events[i].seq);
            return REFUSED;
        }
    }
    return GO_ON;
}

static enum progress put_pieces(struct write *w, int64_t key, struct slice data,
                                struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_BLOB_PIECE];
    enum progress progress = GO_ON;

    for (size_t at = 0; at < data.len && progress == GO_ON; at += PIECE_BYTES) {
        struct slice piece = { data.ptr + at, data.len - at };

        piece.len = piece.len < PIECE_BYTES ? piece.len : PIECE_BYTES;
        sqlite_bind_int(st, 1, key);
        sqlite_bind_int(st, 2, (int64_t)at);
        sqlite_bind_blob(st, 3, piece);
        progress = write_run(w, ST_BLOB_PIECE, o);
    }
    return progress;
}

static enum progress insert(struct write *w, const struct store_blob *blob, int64_t *ret_key,
                            struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_BLOB_INSERT];

    sqlite_bind_text(st, 1, blob->hash);
    sqlite_bind_int(st, 2, (int64_t)blob->bytes);
    enum progress progress = write_run(w, ST_BLOB_INSERT, o);

    *ret_key = sqlite3_last_insert_rowid(w->db);
    return progress == GO_ON ? put_pieces(w, *ret_key, blob->data, o) : progress;
}

enum progress write_blob(struct write *w, int64_t session, const struct store_event *event,
                         struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_BLOB_NAME];
    int64_t key = 0;

    if (event->blob.hash.len == 0)
        return GO_ON;
    enum progress progress = find(w, event->blob.hash, &key, o);

    if (progress == GO_ON && key == 0)
        progress = insert(w, &event->blob, &key, o);
    if (progress != GO_ON)
        return progress;
    sqlite_bind_int(st, 1, session);
    sqlite_bind_int(st, 2, event->seq);
    sqlite_bind_int(st, 3, event->blob.call);
    sqlite_bind_int(st, 4, key);
    return write_run(w, ST_BLOB_NAME, o);
}
