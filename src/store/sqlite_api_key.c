/* sqlite_api_key.c - keys of the API: made, and revoked. They are few, and never deleted. */
#include "store/sqlite_write.h"

static enum progress is_there(struct write *w, struct slice id, int *ret_is_there,
                              struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_API_KEY_HAS];

    sqlite_bind_text(st, 1, id);
    enum progress progress = write_first_row(w, ST_API_KEY_HAS, ret_is_there, o);

    (void)sqlite3_reset(st);
    return progress;
}

enum progress write_api_key_add(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    const struct store_api_key *row = &op->api_key.row;
    sqlite3_stmt *st = w->st[ST_API_KEY_INSERT];
    int taken = 0;
    enum progress progress = is_there(w, row->id, &taken, o);

    if (progress != GO_ON)
        return progress;
    if (taken) {
        (void)err_set(&o->err, ERR_CONFLICT, "there is a key '%.*s' already",
                      (int)(row->id.len < 64 ? row->id.len : 64), row->id.ptr);
        return REFUSED;
    }
    sqlite_bind_text(st, 1, row->id);
    sqlite_bind_text(st, 2, row->secret_hash);
    sqlite_bind_text(st, 3, row->name);
    sqlite_bind_text(st, 4, row->roles);
    sqlite_bind_text(st, 5, row->tenant);
    sqlite_bind_int(st, 6, row->created_at_ms);
    sqlite_bind_text(st, 7, row->created_by);
    sqlite_bind_int(st, 8, row->revoked_at_ms);
    return write_run(w, ST_API_KEY_INSERT, o);
}

enum progress write_api_key_revoke(struct write *w, const struct store_op *op,
                                   struct write_outcome *o)
{
    const struct store_api_key *row = &op->api_key.row;
    sqlite3_stmt *st = w->st[ST_API_KEY_REVOKE];
    int changed = 0;
    int found = 0;

    sqlite_bind_text(st, 1, row->id);
    sqlite_bind_int(st, 2, row->revoked_at_ms);
    enum progress progress = write_run_counted(w, ST_API_KEY_REVOKE, &changed, o);

    if (progress != GO_ON || changed != 0)
        return progress;
    progress = is_there(w, row->id, &found, o);
    o->is_idle = 1; /* it was revoked before */
    if (progress != GO_ON || found)
        return progress;
    (void)err_set(&o->err, ERR_NOT_FOUND, "there is no key '%.*s'",
                  (int)(row->id.len < 64 ? row->id.len : 64), row->id.len ? row->id.ptr : "");
    return REFUSED;
}
