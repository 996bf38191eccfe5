/* sqlite_delivery.c - what webhooks are told: its rows of the SQLite store. */
#include "store/sqlite_delivery.h"

#include "store/sqlite_write.h"

/* ---- written ---- */

enum progress write_deliveries(struct write *w, int64_t session, const struct store_commit *commit,
                               struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_DELIVERY_INSERT];
    enum progress progress = GO_ON;

    for (size_t i = 0; i < commit->deliveries_n && progress == GO_ON; i++) {
        const struct store_delivery *row = &commit->deliveries[i];

        sqlite_bind_text(st, 1, row->id);
        sqlite_bind_text(st, 2, row->message_id);
        sqlite_bind_text(st, 3, row->webhook);
        sqlite_bind_text(st, 4, row->event);
        sqlite_bind_int(st, 5, session);
        sqlite_bind_text(st, 6, commit->row.tenant);
        sqlite_bind_int(st, 7, row->next_at_ms);
        sqlite_bind_int(st, 8, row->created_at_ms);
        sqlite_bind_text(st, 9, row->body);
        progress = write_run(w, ST_DELIVERY_INSERT, o);
    }
    return progress;
}

/* Is it as the attempt found it? */
static enum progress check_set(struct write *w, const struct store_op *op, struct write_outcome *o)
{
    sqlite3_stmt *st = w->st[ST_DELIVERY_WHERE];
    int64_t key = op->delivery_set.row.key;
    int found = 0;

    sqlite_bind_int(st, 1, key);
    enum progress progress = write_first_row(w, ST_DELIVERY_WHERE, &found, o);
    int is_pending = found && slice_is(sqlite_column(st, 0), "pending");
    int64_t attempts = found ? sqlite3_column_int64(st, 1) : 0;
    int is_same = is_pending && attempts == op->delivery_set.attempts_was;
    int is_begun = is_pending && attempts == 0;

    (void)sqlite3_reset(st);
    if (progress != GO_ON)
        return progress;
    if (found && op->delivery_set.is_anew) {
        o->is_idle = is_begun;
        return GO_ON;
    }
    if (is_same)
        return GO_ON;
    if (found)
        (void)err_set(&o->err, ERR_CONFLICT, "delivery %lld is another's by now", (long long)key);
    else
        (void)err_set(&o->err, ERR_NOT_FOUND, "there is no delivery %lld", (long long)key);
    return REFUSED;
}

enum progress write_delivery_set(struct write *w, const struct store_op *op,
                                 struct write_outcome *o)
{
    const struct store_delivery *row = &op->delivery_set.row;
    sqlite3_stmt *st = w->st[ST_DELIVERY_SET];
    enum progress progress = check_set(w, op, o);

    if (progress != GO_ON || o->is_idle)
        return progress;
    sqlite_bind_int(st, 1, row->key);
    sqlite_bind_text(st, 2, slice_of(delivery_status_name(row->status)));
    sqlite_bind_int(st, 3, row->attempts);
    sqlite_bind_int(st, 4, row->next_at_ms);
    sqlite_bind_int(st, 5, row->delivered_at_ms);
    sqlite_bind_int(st, 6, row->last_status);
    sqlite_bind_text(st, 7, row->last_error.ptr ? row->last_error : SLICE_LIT(""));
    return write_run(w, ST_DELIVERY_SET, o);
}

enum progress write_delivery_sweep(struct write *w, const struct store_op *op,
                                   struct write_outcome *o)
{
    int deleted = 0;

    sqlite_bind_int(w->st[ST_DELIVERY_SWEEP], 1, op->delivery_sweep.before_ms);
    sqlite_bind_int(w->st[ST_DELIVERY_SWEEP], 2, op->delivery_sweep.limit);
    enum progress progress = write_run_counted(w, ST_DELIVERY_SWEEP, &deleted, o);

    o->has_left = (uint32_t)deleted == op->delivery_sweep.limit;
    return progress;
}

/* ---- read ---- */

struct cursor {
    sqlite3_stmt *st;
    struct arena *arena;
    size_t bytes; /* of what was copied: a page's bound */
    int is_bad;   /* a column of this row cannot be */
};

static struct slice text(struct cursor *at, int i)
{
    struct slice bytes = sqlite_column(at->st, i);

    at->bytes += bytes.len;
    if (!bytes.ptr)
        at->is_bad = 1;
    return bytes.ptr ? arena_slice(at->arena, bytes) : bytes;
}

static int64_t number(struct cursor *at, int i, int64_t max)
{
    int64_t value = sqlite3_column_int64(at->st, i);

    if (value < 0 || value > max)
        at->is_bad = 1;
    return value;
}

static struct store_delivery read_row(struct cursor *at)
{
    at->is_bad = 0;
    struct store_delivery row = {
        .key = number(at, 0, INT64_MAX),
        .id = text(at, 1),
        .message_id = text(at, 2),
        .webhook = text(at, 3),
        .event = text(at, 4),
        .session = text(at, 5),
        .tenant = text(at, 6),
        .status = delivery_status_of(sqlite_column(at->st, 7)),
        .attempts = (uint32_t)number(at, 8, UINT32_MAX),
        .next_at_ms = sqlite3_column_int64(at->st, 9),
        .created_at_ms = sqlite3_column_int64(at->st, 10),
        .delivered_at_ms = sqlite3_column_int64(at->st, 11),
        .last_status = (int32_t)number(at, 12, INT32_MAX),
        .last_error = text(at, 13),
        .body = text(at, 14),
    };

    if (row.status == DELIVERY_STATUS_COUNT || row.id.len > STORE_NAME_MAX ||
        row.body.len > STORE_DELIVERY_BODY_MAX)
        at->is_bad = 1;
    return row;
}

static int next(sqlite3 *db, struct cursor *at, struct err *err)
{
    int rc = sqlite3_step(at->st);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        (void)sqlite_db_error(db, rc, "read the store", err);
    return rc == SQLITE_ROW;
}

static void bind(sqlite3_stmt *st, const struct store_op *op)
{
    const struct store_deliveries *page = &op->deliveries;

    if (op->kind == STORE_DELIVERY_DUE) {
        sqlite_bind_text(st, 1, page->webhook);
        sqlite_bind_int(st, 2, (int64_t)page->limit + 1);
        return;
    }
    sqlite_bind_text(st, 1, page->tenant);
    sqlite_bind_text_or_null(st, 2, slice_or_null(page->webhook));
    sqlite_bind_text_or_null(st, 3,
                             page->status != DELIVERY_STATUS_COUNT
                                 ? slice_of(delivery_status_name(page->status))
                                 : (struct slice){ 0 });
    sqlite_bind_int(st, 4, page->before_key > 0 ? page->before_key : INT64_MAX);
    sqlite_bind_int(st, 5, (int64_t)page->limit + 1);
}

static void read_page(sqlite3 *db, struct cursor *at, struct store_op *op)
{
    struct store_deliveries *page = &op->deliveries;
    struct store_delivery *found = arena_alloc(at->arena, page->limit * sizeof(*found));

    page->rows = found;
    page->rows_n = 0;
    page->last_key = 0;
    page->has_more = 0;
    bind(at->st, op);
    for (uint32_t seen = 0; next(db, at, &op->err); seen++) {
        if (seen == page->limit || at->bytes >= STORE_PAGE_BYTES_MAX) {
            page->has_more = 1;
            return;
        }
        struct store_delivery row = read_row(at);

        page->last_key = row.key;
        if (!at->is_bad)
            found[page->rows_n++] = row;
    }
}

static void read_one(sqlite3 *db, struct cursor *at, struct store_op *op)
{
    struct slice id = op->delivery.id;

    sqlite_bind_text(at->st, 1, id);
    if (next(db, at, &op->err)) {
        op->delivery = read_row(at);
        if (at->is_bad)
            (void)err_set(&op->err, ERR_CORRUPT, "delivery %lld has a value that cannot be",
                          (long long)op->delivery.key);
    } else if (op->err.code == ERR_NONE) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "there is no delivery %.*s",
                      (int)(id.len < 64 ? id.len : 64), id.ptr);
    }
}

void sqlite_delivery_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op)
{
    struct cursor at = { .st = st, .arena = arena };

    if (op->kind == STORE_DELIVERY)
        read_one(db, &at, op);
    else
        read_page(db, &at, op);
}
