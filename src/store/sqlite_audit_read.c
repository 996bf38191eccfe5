#include "store/sqlite_audit_read.h"

/* Where a page is being read. */
struct cursor {
    sqlite3 *db;
    sqlite3_stmt *st;
    struct arena *arena;
    size_t bytes;
};

static struct slice text(struct cursor *at, int i)
{
    struct slice bytes = sqlite_column(at->st, i);

    at->bytes += bytes.len;
    return arena_slice(at->arena, bytes);
}

/* Whatever it is like: `pawl verify` says of a row that somebody has changed that it was. */
static struct store_audit read_row(struct cursor *at)
{
    return (struct store_audit){
        .seq = sqlite3_column_int64(at->st, 0),
        .at_ms = sqlite3_column_int64(at->st, 1),
        .tenant = text(at, 2),
        .actor = text(at, 3),
        .actor_name = text(at, 4),
        .address = text(at, 5),
        .action = text(at, 6),
        .target = text(at, 7),
        .call = sqlite3_column_int64(at->st, 8),
        .request_hash = text(at, 9),
        .outcome = text(at, 10),
        .prev_hash = text(at, 11),
        .hash = text(at, 12),
    };
}

static int next(struct cursor *at, struct err *err)
{
    int rc = sqlite3_step(at->st);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        (void)sqlite_db_error(at->db, rc, "read the store", err);
    return rc == SQLITE_ROW;
}

static void bind(sqlite3_stmt *st, const struct store_audit_page *page)
{
    int64_t before_all = page->is_oldest_first ? 0 : INT64_MAX;

    sqlite_bind_text_or_null(st, 1, page->tenant);
    sqlite_bind_text_or_null(st, 2, slice_or_null(page->actor));
    sqlite_bind_text_or_null(st, 3, slice_or_null(page->action));
    sqlite_bind_text_or_null(st, 4, slice_or_null(page->target));
    sqlite_bind_int(st, 5, page->since_ms);
    sqlite_bind_int(st, 6, page->before_ms > 0 ? page->before_ms : INT64_MAX);
    sqlite_bind_int(st, 7, page->from_seq > 0 ? page->from_seq : before_all);
    sqlite_bind_int(st, 8, (int64_t)page->limit + 1);
}

static void read_page(struct cursor *at, struct store_audit_page *page, struct err *err)
{
    struct store_audit *found = arena_alloc(at->arena, page->limit * sizeof(*found));

    page->rows = found;
    page->rows_n = 0;
    page->has_more = 0;
    bind(at->st, page);
    while (next(at, err)) {
        if (page->rows_n == page->limit || at->bytes >= STORE_PAGE_BYTES_MAX) {
            page->has_more = 1;
            return;
        }
        found[page->rows_n++] = read_row(at);
    }
}

void sqlite_audit_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op)
{
    struct cursor at = { .db = db, .st = st, .arena = arena };

    if (op->kind == STORE_AUDIT) {
        read_page(&at, &op->audit, &op->err);
    } else if (next(&at, &op->err)) {
        op->audit_chain.begin = audit_link_of(sqlite3_column_int64(st, 0), sqlite_column(st, 1));
        op->audit_chain.last_seq = sqlite3_column_int64(st, 2);
    }
}
