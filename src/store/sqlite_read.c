/*
 * sqlite_read.c - the readers of the SQLite store: statements into rows.
 *
 * What is stored is checked on its way out: a status, a kind or a number that cannot be is
 * ERR_CORRUPT with the name of the session, never a wrong value in memory. A list leaves such a row
 * out, and a scan marks it: one bad row is one session.
 */
#include "store/sqlite_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "store/sqlite_audit_read.h"
#include "store/sqlite_delivery.h"
#include "store/sqlite_list.h"
#include "store/sqlite_schedule.h"

enum {
    READER_CACHE_KIB = 16 * 1024,
    RESULT_MAX = 256 * 1024 * 1024, /* a page, and with it the longest row */
    COLUMN_STATE = 25,
    COLUMN_TASK,
    COLUMN_END,
    COLUMN_CONTEXT,
};

/* In the order of read_row(). */
#define ROW_COLUMNS                                                                                \
    "s.key, s.id, s.tenant, s.agent, s.revision, s.parent, s.version, s.status, s.is_paused,"      \
    " s.is_live, s.owner, s.epoch, s.wake_at_ms, s.created_at_ms, s.updated_at_ms, s.ended_at_ms," \
    " s.turn, s.steps, s.tokens, s.nanousd, s.seq, s.task_seq, s.end_seq, s.context_seq,"          \
    " s.metadata"
#define TEXT_COLUMNS "t.body, e.body, c.body"
#define SCAN         "SELECT " ROW_COLUMNS ", s.state FROM session s "
/* Rows whose session was erased are nobody's, until they are purged. */
#define IS_THERE " AND EXISTS (SELECT 1 FROM session WHERE key = ?1)"
#define EVENTS_WHERE                                                                               \
    " FROM event WHERE session = ?1 AND seq > ?2 AND seq <= ?3" IS_THERE " ORDER BY seq LIMIT ?4"

/* In the order of read_approval(). */
#define APPROVAL_COLUMNS                                                                           \
    "SELECT a.key, s.id, s.agent, a.call, a.kind, a.status, a.tool, a.requested_at_ms,"            \
    " a.expires_at_ms, a.decided_at_ms, a.body FROM approval a "

enum statement {
    ST_LOAD,
    ST_LOAD_TEXTS,
    ST_EVENTS,                                  /* + enum store_events_what */
    ST_SCAN = ST_EVENTS + STORE_EVENTS_ALL + 1, /* + enum store_scan_what */
    ST_KEY = ST_SCAN + STORE_SCAN_ALL + 1,
    ST_INBOX,
    ST_REVISION,
    ST_BLOB,
    ST_APPROVALS,
    ST_APPROVALS_OF_STATUS,
    ST_APPROVAL,
    ST_DELIVERIES,
    ST_DELIVERY,
    ST_DELIVERY_DUE,
    ST_TOMBSTONE,
    ST_SIGNALS,
    ST_SIZE,
    ST_API_KEYS,
    ST_AUDIT_NEWEST,
    ST_AUDIT_OLDEST,
    ST_AUDIT_CHAIN,
    ST_SCHEDULES,
    STATEMENT_COUNT
};

static const char *const statement_sql[STATEMENT_COUNT] = {
    [ST_LOAD] = SCAN "WHERE s.id = ?1",
    [ST_LOAD_TEXTS] = NULL, /* with sqlite_text_joins: see prepare_all() */
    [ST_EVENTS + STORE_EVENTS_BODIES] =
        "SELECT seq, at_ms, kind, body, NULL, NULL, 0, 0" EVENTS_WHERE,
    [ST_EVENTS + STORE_EVENTS_WIRES] = "SELECT seq, at_ms, kind, CASE WHEN wire IS NULL THEN body "
                                       "END, wire, NULL, 0, 0" EVENTS_WHERE,
    [ST_EVENTS + STORE_EVENTS_ALL] =
        "SELECT e.seq, e.at_ms, e.kind, e.body, e.wire, b.hash, b.bytes, n.call FROM event e"
        " LEFT JOIN blob_name n ON n.session = e.session AND n.seq = e.seq"
        " LEFT JOIN blob b ON b.key = n.blob"
        " WHERE e.session = ?1 AND e.seq > ?2 AND e.seq <= ?3" IS_THERE " ORDER BY e.seq LIMIT ?4",
    [ST_SCAN + STORE_SCAN_LIVE] = SCAN "INDEXED BY session_live WHERE s.is_live = 1 AND s.key > ?1"
                                       " ORDER BY s.key LIMIT ?3",
    [ST_SCAN + STORE_SCAN_TIMED] = SCAN "INDEXED BY session_wake WHERE s.wake_at_ms <> 0"
                                        " AND (s.wake_at_ms, s.key) > (?2, ?1)"
                                        " ORDER BY s.wake_at_ms, s.key LIMIT ?3",
    [ST_SCAN + STORE_SCAN_ENDED] =
        SCAN "INDEXED BY session_ended_at WHERE s.ended_at_ms <> 0"
             " AND (s.ended_at_ms, s.key) > (?2, ?1) AND (s.parent IS NULL OR NOT EXISTS"
             " (SELECT 1 FROM session p WHERE p.id = s.parent AND p.ended_at_ms = 0))"
             " ORDER BY s.ended_at_ms, s.key LIMIT ?3",
    [ST_SCAN + STORE_SCAN_INBOX] = SCAN "WHERE s.key IN (SELECT session FROM inbox"
                                        " WHERE session > ?1) ORDER BY s.key LIMIT ?3",
    [ST_SCAN + STORE_SCAN_ALL] = SCAN "WHERE s.key > ?1 ORDER BY s.key LIMIT ?3",
    [ST_KEY] = "SELECT body_hash, response, at_ms FROM idempotency"
               " WHERE tenant = ?1 AND route = ?2 AND key = ?3",
    [ST_INBOX] = "SELECT id, kind, body, at_ms FROM inbox WHERE session = ?1" IS_THERE
                 " ORDER BY id LIMIT ?2",
    /* A piece, and with it what it is a piece of; one row without a piece where none is asked for.
     */
    [ST_BLOB] =
        "SELECT b.hash, b.bytes, p.at, p.data FROM blob_name n JOIN blob b ON b.key = n.blob"
        " LEFT JOIN blob_piece p ON p.blob = b.key AND p.at < ?4"
        " AND p.at >= (SELECT coalesce(max(at), 0) FROM blob_piece"
        " WHERE blob = b.key AND at <= ?3)"
        " WHERE n.session = ?1 AND n.call = ?2" IS_THERE " ORDER BY p.at",
    [ST_APPROVALS] = APPROVAL_COLUMNS "CROSS JOIN session s ON s.key = a.session"
                                      " WHERE +a.tenant = ?1 AND a.key < ?3"
                                      " ORDER BY a.key DESC LIMIT ?4",
    [ST_APPROVALS_OF_STATUS] =
        APPROVAL_COLUMNS "INDEXED BY approval_status CROSS JOIN session s ON s.key = a.session"
                         " WHERE a.tenant = ?1 AND a.status = ?2 AND a.key < ?3"
                         " ORDER BY a.key DESC LIMIT ?4",
    [ST_APPROVAL] = APPROVAL_COLUMNS "JOIN session s ON s.key = a.session"
                                     " WHERE s.id = ?1 AND a.call = ?2"
                                     " AND s.tenant = ?3",
    [ST_DELIVERIES] = SQLITE_DELIVERIES,
    [ST_DELIVERY] = SQLITE_DELIVERY,
    [ST_DELIVERY_DUE] = SQLITE_DELIVERY_DUE,
    [ST_SIZE] = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p,"
                " pragma_freelist_count f, pragma_page_size s",
    [ST_SIGNALS] = "SELECT seq, at_ms, kind, body, NULL, NULL, NULL, NULL FROM signal"
                   " JOIN event USING (session, seq) WHERE session = ?1 ORDER BY seq",
    [ST_TOMBSTONE] = "SELECT erased_at_ms, reason, tenant FROM tombstone WHERE id = ?1",
    [ST_API_KEYS] = "SELECT key, id, secret_hash, name, roles, tenant, created_at_ms, created_by,"
                    " revoked_at_ms FROM api_key WHERE key > ?1 ORDER BY key LIMIT ?2",
    [ST_AUDIT_NEWEST] = SQLITE_AUDIT_NEWEST,
    [ST_AUDIT_OLDEST] = SQLITE_AUDIT_OLDEST,
    [ST_AUDIT_CHAIN] = SQLITE_AUDIT_CHAIN,
    [ST_SCHEDULES] = SQLITE_SCHEDULES,
    [ST_REVISION] = "SELECT agent, text FROM agent_revision WHERE hash = ?1",
};

struct sqlite_reader {
    sqlite3 *db;
    sqlite3_stmt *st[STATEMENT_COUNT];
};

/* The rows of one statement, on their way into one operation's arena. */
struct rows {
    sqlite3 *db;
    sqlite3_stmt *st;
    struct arena *arena;
    struct err *err;
    size_t bytes; /* of what was copied: a page's bound */
    int is_bad;   /* a column of this row cannot be */
};

/* ---- columns ---- */

static int64_t column_int(struct rows *rows, int i, int64_t max)
{
    int64_t value = sqlite3_column_int64(rows->st, i);

    if (value < 0 || value > max)
        rows->is_bad = 1;
    return value;
}

static uint32_t column_u32(struct rows *rows, int i)
{
    return (uint32_t)column_int(rows, i, UINT32_MAX);
}

static struct slice column_text(struct rows *rows, int i)
{
    struct slice bytes = sqlite_column(rows->st, i);

    rows->bytes += bytes.len;
    return bytes.ptr ? arena_slice(rows->arena, bytes) : bytes;
}

static enum session_status column_status(struct rows *rows, int i)
{
    enum session_status status = session_status_of(sqlite_column(rows->st, i));

    if (status == STATUS_COUNT)
        rows->is_bad = 1;
    return status;
}

static int is_name(struct slice text)
{
    return text.len <= STORE_NAME_MAX && utf8_is_valid(text);
}

/* What one column alone does not show, and what was checked when it was written. */
static int is_possible(const struct store_session *row)
{
    return row->key > 0 && row->version > 0 && row->id.len > 0 && is_name(row->id) &&
           is_name(row->tenant) && is_name(row->agent) && is_name(row->revision) &&
           is_name(row->parent) && store_status_is_end(row->status) == (row->ended_at_ms != 0);
}

static struct store_session read_row(struct rows *rows)
{
    struct store_session row = {
        .key = column_int(rows, 0, INT64_MAX),
        .id = column_text(rows, 1),
        .tenant = column_text(rows, 2),
        .agent = column_text(rows, 3),
        .revision = column_text(rows, 4),
        .parent = column_text(rows, 5),
        .version = (uint64_t)column_int(rows, 6, INT64_MAX),
        .status = column_status(rows, 7),
        .is_paused = (int)column_int(rows, 8, 1),
        .is_live = (int)column_int(rows, 9, 1),
        .owner = column_u32(rows, 10),
        .epoch = column_u32(rows, 11),
        .wake_at_ms = sqlite3_column_int64(rows->st, 12),
        .created_at_ms = sqlite3_column_int64(rows->st, 13),
        .updated_at_ms = sqlite3_column_int64(rows->st, 14),
        .ended_at_ms = sqlite3_column_int64(rows->st, 15),
        .turn = column_u32(rows, 16),
        .steps = column_u32(rows, 17),
        .spent = { .tokens = sqlite3_column_int64(rows->st, 18),
                   .nanousd = sqlite3_column_int64(rows->st, 19) },
        .seq = column_u32(rows, 20),
        .task_seq = column_u32(rows, 21),
        .end_seq = column_u32(rows, 22),
        .context_seq = column_u32(rows, 23),
        .metadata = column_text(rows, 24),
        .state = column_text(rows, COLUMN_STATE),
    };

    if (!is_possible(&row))
        rows->is_bad = 1;
    return row;
}

static struct store_load read_load(struct rows *rows)
{
    return (struct store_load){
        .row = read_row(rows),
        .task = column_text(rows, COLUMN_TASK),
        .end = column_text(rows, COLUMN_END),
        .context = column_text(rows, COLUMN_CONTEXT),
    };
}

/* ---- stepping ---- */

/* True if there is a row. False: the end, or an error that is in rows->err. */
static int next(struct rows *rows)
{
    int rc = sqlite3_step(rows->st);

    rows->is_bad = 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        (void)sqlite_db_error(rows->db, rc, "read the store", rows->err);
    return rc == SQLITE_ROW;
}

/* False, and an error, if the row that was just read cannot be. */
static int is_sound(struct rows *rows, const char *what, int64_t session, int64_t seq)
{
    if (rows->is_bad)
        (void)err_set(rows->err, ERR_CORRUPT, "%s %lld (%lld) has a value that cannot be", what,
                      (long long)session, (long long)seq);
    return !rows->is_bad;
}

static int page_is_full(const struct rows *rows, size_t n, size_t limit)
{
    return n == limit || rows->bytes >= STORE_PAGE_BYTES_MAX;
}

/* ---- operations: parameters in, rows out ---- */

static void read_one(struct rows *rows, struct store_load *load)
{
    struct store_load found = { 0 };

    sqlite_bind_text(rows->st, 1, load->id);
    if (!next(rows)) {
        if (rows->err->code == ERR_NONE)
            (void)err_set(rows->err, ERR_NOT_FOUND, "there is no session %.*s",
                          (int)(load->id.len < 64 ? load->id.len : 64), load->id.ptr);
        return;
    }
    if (load->with_texts)
        found = read_load(rows);
    else
        found.row = read_row(rows);
    if (!is_sound(rows, "session", found.row.key, 0))
        return;
    load->row = found.row;
    load->task = found.task;
    load->end = found.end;
    load->context = found.context;
}

static struct store_event read_event(struct rows *rows)
{
    enum event_kind kind = event_kind_of(sqlite_column(rows->st, 2));

    if (kind == EV_KIND_COUNT)
        rows->is_bad = 1;
    return (struct store_event){
        .seq = column_u32(rows, 0),
        .at_ms = sqlite3_column_int64(rows->st, 1),
        .kind = kind,
        .body = column_text(rows, 3),
        .wire = column_text(rows, 4),
        .blob = { .hash = column_text(rows, 5),
                  .bytes = (uint64_t)column_int(rows, 6, INT64_MAX),
                  .call = column_u32(rows, 7) },
    };
}

static void read_events(struct rows *rows, struct store_events *op)
{
    struct store_event *found = arena_alloc(rows->arena, op->limit * sizeof(*found));

    op->events_n = 0;
    op->has_more = 0;
    op->events = found;
    sqlite_bind_int(rows->st, 1, op->session);
    sqlite_bind_int(rows->st, 2, op->after);
    sqlite_bind_int(rows->st, 3, op->until ? op->until : UINT32_MAX);
    sqlite_bind_int(rows->st, 4, (int64_t)op->limit + 1);
    while (next(rows)) {
        if (page_is_full(rows, op->events_n, op->limit)) {
            op->has_more = 1;
            return;
        }
        struct store_event event = read_event(rows);

        if (!is_sound(rows, "an event of session", op->session, event.seq))
            return;
        found[op->events_n++] = event;
    }
}

static void read_list(struct rows *rows, struct store_list *op)
{
    struct store_load *found = arena_alloc(rows->arena, op->limit * sizeof(*found));

    op->rows_n = 0;
    op->has_more = 0;
    op->last_key = 0;
    op->rows = found;
    for (uint32_t seen = 0; next(rows); seen++) {
        if (page_is_full(rows, seen, op->limit)) {
            op->has_more = 1;
            return;
        }
        struct store_load load = read_load(rows);

        op->last_key = load.row.key;
        if (!rows->is_bad)
            found[op->rows_n++] = load;
    }
}

static void read_scan(struct rows *rows, struct store_scan *op)
{
    struct store_session *found = arena_alloc(rows->arena, op->limit * sizeof(*found));

    op->rows_n = 0;
    op->has_more = 0;
    op->rows = found;
    sqlite_bind_int(rows->st, 1, op->after_key);
    if (op->what == STORE_SCAN_TIMED || op->what == STORE_SCAN_ENDED)
        sqlite_bind_int(rows->st, 2, op->after_ms);
    sqlite_bind_int(rows->st, 3, (int64_t)op->limit + 1);
    while (next(rows)) {
        if (page_is_full(rows, op->rows_n, op->limit)) {
            op->has_more = 1;
            return;
        }
        struct store_session row = read_row(rows);

        if (rows->is_bad)
            row = (struct store_session){ .key = row.key,
                                          .wake_at_ms = row.wake_at_ms,
                                          .ended_at_ms = row.ended_at_ms,
                                          .id = row.id,
                                          .is_corrupt = 1 };
        found[op->rows_n++] = row;
    }
}

static void read_key(struct rows *rows, struct store_idempotency *key)
{
    sqlite_bind_text(rows->st, 1, key->tenant);
    sqlite_bind_text(rows->st, 2, key->route);
    sqlite_bind_text(rows->st, 3, key->key);
    if (next(rows)) {
        key->body_hash = column_text(rows, 0);
        key->response = column_text(rows, 1);
        key->at_ms = sqlite3_column_int64(rows->st, 2);
    } else if (rows->err->code == ERR_NONE) {
        (void)err_set(rows->err, ERR_NOT_FOUND, "this idempotency key was not used");
    }
}

static void read_inbox(struct rows *rows, struct store_op *op)
{
    struct store_inbox_row *found = arena_alloc(rows->arena, STORE_PAGE_MAX * sizeof(*found));

    op->inbox.rows_n = 0;
    op->inbox.has_more = 0;
    op->inbox.rows = found;
    sqlite_bind_int(rows->st, 1, op->inbox.session);
    sqlite_bind_int(rows->st, 2, STORE_PAGE_MAX + 1);
    while (next(rows)) {
        if (page_is_full(rows, op->inbox.rows_n, STORE_PAGE_MAX)) {
            op->inbox.has_more = 1;
            return;
        }
        found[op->inbox.rows_n++] = (struct store_inbox_row){
            .id = sqlite3_column_int64(rows->st, 0),
            .kind = column_text(rows, 1),
            .body = column_text(rows, 2),
            .at_ms = sqlite3_column_int64(rows->st, 3),
        };
    }
}

static void read_revision(struct rows *rows, struct store_op *op)
{
    sqlite_bind_text(rows->st, 1, op->revision.hash);
    if (next(rows)) {
        op->revision.agent = column_text(rows, 0);
        op->revision.text = column_text(rows, 1);
    } else if (rows->err->code == ERR_NONE) {
        (void)err_set(rows->err, ERR_NOT_FOUND, "there is no revision %.*s",
                      (int)(op->revision.hash.len < 80 ? op->revision.hash.len : 80),
                      op->revision.hash.ptr);
    }
}

/* The part of a piece that was asked for, behind those before it; false if they leave a gap. */
static int add_piece(struct rows *rows, const struct store_blob_read *op, struct buf *data)
{
    uint64_t at = (uint64_t)column_int(rows, 2, INT64_MAX);
    struct slice piece = sqlite_column(rows->st, 3);
    uint64_t from = op->offset + data->len; /* the next byte that is wanted */
    uint64_t until = op->offset + op->length;

    if (!piece.ptr) /* none begins before the end of what was asked for */
        return 1;
    if (at > from || rows->is_bad)
        return 0;
    uint64_t skipped = from - at;

    if (skipped >= piece.len)
        return 1;
    piece = (struct slice){ piece.ptr + skipped, piece.len - skipped };
    if (piece.len > until - from)
        piece.len = (size_t)(until - from);
    buf_put(data, piece);
    return 1;
}

/* How many bytes of it a sound store gives. */
static uint64_t wanted_bytes(const struct store_blob_read *op)
{
    uint64_t left = op->offset < op->bytes ? op->bytes - op->offset : 0;

    return left < op->length ? left : op->length;
}

static void read_blob(struct rows *rows, struct store_blob_read *op)
{
    CLEANUP(buf_release) struct buf data = { .max = STORE_BLOB_READ_MAX };
    int is_whole = 1;
    size_t n = 0;

    sqlite_bind_int(rows->st, 1, op->session);
    sqlite_bind_int(rows->st, 2, op->call);
    sqlite_bind_int(rows->st, 3, (int64_t)op->offset);
    sqlite_bind_int(rows->st, 4, (int64_t)op->offset + op->length);
    for (; next(rows); n++) {
        if (n == 0) {
            op->hash = column_text(rows, 0);
            op->bytes = (uint64_t)column_int(rows, 1, INT64_MAX);
        }
        is_whole &= add_piece(rows, op, &data);
    }
    if (rows->err->code)
        return;
    if (n == 0)
        (void)err_set(rows->err, ERR_NOT_FOUND, "call %u has no output beside its event", op->call);
    else if (!is_whole || data.len != wanted_bytes(op))
        (void)err_set(rows->err, ERR_CORRUPT, "pieces of the output of call %u are missing",
                      op->call);
    op->data = arena_slice(rows->arena, buf_slice(&data));
}

/* ---- approvals ---- */

static struct store_approval read_approval(struct rows *rows)
{
    struct store_approval row = {
        .key = column_int(rows, 0, INT64_MAX),
        .session = column_text(rows, 1),
        .agent = column_text(rows, 2),
        .call = column_u32(rows, 3),
        .kind = approval_kind_of(sqlite_column(rows->st, 4)),
        .status = approval_status_of(sqlite_column(rows->st, 5)),
        .tool = column_text(rows, 6),
        .requested_at_ms = sqlite3_column_int64(rows->st, 7),
        .expires_at_ms = sqlite3_column_int64(rows->st, 8),
        .decided_at_ms = sqlite3_column_int64(rows->st, 9),
        .body = column_text(rows, 10),
    };

    if (row.kind == APPROVAL_KIND_COUNT || row.status == APPROVAL_STATUS_COUNT)
        rows->is_bad = 1;
    return row;
}

static void read_approvals(struct rows *rows, struct store_approvals *op)
{
    struct store_approval *found = arena_alloc(rows->arena, op->limit * sizeof(*found));

    op->rows_n = 0;
    op->has_more = 0;
    op->last_key = 0;
    op->rows = found;
    sqlite_bind_text(rows->st, 1, op->tenant);
    if (op->status != APPROVAL_STATUS_COUNT)
        sqlite_bind_text(rows->st, 2, slice_of(approval_status_name(op->status)));
    sqlite_bind_int(rows->st, 3, op->before_key > 0 ? op->before_key : INT64_MAX);
    sqlite_bind_int(rows->st, 4, (int64_t)op->limit + 1);
    for (uint32_t seen = 0; next(rows); seen++) {
        if (page_is_full(rows, seen, op->limit)) {
            op->has_more = 1;
            return;
        }
        struct store_approval row = read_approval(rows);

        op->last_key = row.key;
        if (!rows->is_bad)
            found[op->rows_n++] = row;
    }
}

static void read_one_approval(struct rows *rows, struct store_op *op)
{
    sqlite_bind_text(rows->st, 1, op->approval.session);
    sqlite_bind_int(rows->st, 2, op->approval.call);
    sqlite_bind_text(rows->st, 3, op->approval.tenant);
    if (next(rows)) {
        struct store_approval row = read_approval(rows);

        if (is_sound(rows, "the approval of call", op->approval.call, row.key))
            op->approval.row = row;
    } else if (rows->err->code == ERR_NONE) {
        (void)err_set(rows->err, ERR_NOT_FOUND, "nobody was asked about call %u",
                      op->approval.call);
    }
}

/* ---- keys of the API ---- */

static struct store_api_key read_api_key(struct rows *rows)
{
    return (struct store_api_key){
        .key = column_int(rows, 0, INT64_MAX),
        .id = column_text(rows, 1),
        .secret_hash = column_text(rows, 2),
        .name = column_text(rows, 3),
        .roles = column_text(rows, 4),
        .tenant = column_text(rows, 5),
        .created_at_ms = column_int(rows, 6, INT64_MAX),
        .created_by = column_text(rows, 7),
        .revoked_at_ms = column_int(rows, 8, INT64_MAX),
    };
}

static void read_api_keys(struct rows *rows, struct store_op *op)
{
    struct store_api_key *found = arena_alloc(rows->arena, op->api_keys.limit * sizeof(*found));

    op->api_keys.rows_n = 0;
    op->api_keys.has_more = 0;
    op->api_keys.rows = found;
    sqlite_bind_int(rows->st, 1, op->api_keys.after_key);
    sqlite_bind_int(rows->st, 2, (int64_t)op->api_keys.limit + 1);
    while (next(rows)) {
        if (page_is_full(rows, op->api_keys.rows_n, op->api_keys.limit)) {
            op->api_keys.has_more = 1;
            return;
        }
        struct store_api_key row = read_api_key(rows);

        if (!is_sound(rows, "the API key", row.key, row.key))
            return;
        found[op->api_keys.rows_n++] = row;
    }
}

/* ---- dispatch ---- */

/* A list is prepared for its filter each time: 50 us beside a page of rows. */
static void run_list(struct sqlite_reader *r, struct rows *rows, struct store_list *list)
{
    if (sqlite_list_prepare(r->db, ROW_COLUMNS ", NULL, " TEXT_COLUMNS, list, &rows->st, rows->err))
        return;
    read_list(rows, list);
    (void)sqlite3_finalize(rows->st);
}

static sqlite3_stmt *statement_of(const struct sqlite_reader *r, const struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD: return r->st[op->load.with_texts ? ST_LOAD_TEXTS : ST_LOAD];
    case STORE_EVENTS: return r->st[ST_EVENTS + (int)op->events.what];
    case STORE_SCAN: return r->st[ST_SCAN + (int)op->scan.what];
    case STORE_KEY: return r->st[ST_KEY];
    case STORE_INBOX_LIST: return r->st[ST_INBOX];
    case STORE_BLOB: return r->st[ST_BLOB];
    case STORE_APPROVALS:
        return r->st[op->approvals.status == APPROVAL_STATUS_COUNT ? ST_APPROVALS
                                                                   : ST_APPROVALS_OF_STATUS];
    case STORE_APPROVAL: return r->st[ST_APPROVAL];
    case STORE_DELIVERIES: return r->st[ST_DELIVERIES];
    case STORE_DELIVERY: return r->st[ST_DELIVERY];
    case STORE_DELIVERY_DUE: return r->st[ST_DELIVERY_DUE];
    case STORE_REVISION_GET: return r->st[ST_REVISION];
    case STORE_SIZE: return r->st[ST_SIZE];
    case STORE_API_KEYS: return r->st[ST_API_KEYS];
    case STORE_AUDIT: return r->st[op->audit.is_oldest_first ? ST_AUDIT_OLDEST : ST_AUDIT_NEWEST];
    case STORE_AUDIT_CHAIN: return r->st[ST_AUDIT_CHAIN];
    case STORE_SCHEDULES: return r->st[ST_SCHEDULES];
    case STORE_LIST:
    case STORE_COMMIT:
    case STORE_INBOX_ADD:
    case STORE_REVISION_PUT:
    case STORE_WORKER_START:
    case STORE_WORKER_BEAT:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_DELIVERY_SET:
    case STORE_DELIVERY_SWEEP:
    case STORE_SWEEP:
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULE_SET:
    case STORE_OP_KIND_COUNT: break;
    }
    assert_failed("a write is not read", __FILE__, __LINE__);
}

static void read_rows(struct rows *rows, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD: read_one(rows, &op->load); break;
    case STORE_EVENTS: read_events(rows, &op->events); break;
    case STORE_SCAN: read_scan(rows, &op->scan); break;
    case STORE_KEY: read_key(rows, &op->key); break;
    case STORE_INBOX_LIST: read_inbox(rows, op); break;
    case STORE_BLOB: read_blob(rows, &op->blob); break;
    case STORE_APPROVALS: read_approvals(rows, &op->approvals); break;
    case STORE_APPROVAL: read_one_approval(rows, op); break;
    case STORE_DELIVERIES:
    case STORE_DELIVERY:
    case STORE_DELIVERY_DUE: sqlite_delivery_read(rows->db, rows->st, rows->arena, op); break;
    case STORE_REVISION_GET: read_revision(rows, op); break;
    case STORE_API_KEYS: read_api_keys(rows, op); break;
    case STORE_AUDIT:
    case STORE_AUDIT_CHAIN: sqlite_audit_read(rows->db, rows->st, rows->arena, op); break;
    case STORE_SCHEDULES: sqlite_schedules_read(rows->db, rows->st, rows->arena, op); break;
    case STORE_SIZE:
        if (next(rows))
            op->size.used = sqlite3_column_int64(rows->st, 0);
        break;
    case STORE_LIST:
    case STORE_COMMIT:
    case STORE_INBOX_ADD:
    case STORE_REVISION_PUT:
    case STORE_WORKER_START:
    case STORE_WORKER_BEAT:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_DELIVERY_SET:
    case STORE_DELIVERY_SWEEP:
    case STORE_SWEEP:
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULE_SET:
    case STORE_OP_KIND_COUNT: break;
    }
}

/* It is not there: was it ever? Asked apart, so that only such a miss pays for it. */
static void read_tombstone(struct sqlite_reader *r, struct store_op *op)
{
    sqlite3_stmt *st = r->st[ST_TOMBSTONE];

    sqlite_bind_text(st, 1, op->load.id);
    int rc = sqlite3_step(st);

    if (rc == SQLITE_ROW) {
        op->load.erased_at_ms = sqlite3_column_int64(st, 0);
        op->load.erasure = store_erasure_of(sqlite_column(st, 1));
        op->load.row.tenant = arena_slice(op->backend_slot, sqlite_column(st, 2));
        if (op->load.erasure == STORE_ERASURE_COUNT)
            (void)err_set(&op->err, ERR_CORRUPT, "the tombstone of session %.*s gives no reason",
                          (int)op->load.id.len, op->load.id.ptr);
    } else if (rc != SQLITE_DONE)
        (void)sqlite_db_error(r->db, rc, "read the store", &op->err);
    (void)sqlite3_reset(st);
}

/* While the session's row is still being read, so that both are of one moment. */
static void read_signals(struct sqlite_reader *r, struct rows rows, struct store_load *load)
{
    struct store_event *found = NULL; /* most sessions have none */

    rows.st = r->st[ST_SIGNALS];
    load->signals_n = 0;
    sqlite_bind_int(rows.st, 1, load->row.key);
    while (next(&rows)) {
        struct store_event event = read_event(&rows);

        if (!found)
            found = arena_alloc(rows.arena, STORE_SIGNALS_MAX * sizeof(*found));
        rows.is_bad |= load->signals_n == STORE_SIGNALS_MAX || event.kind != EV_SIGNAL;
        if (!is_sound(&rows, "a signal of session", load->row.key, event.seq))
            break;
        found[load->signals_n++] = event;
    }
    load->signals = found;
    (void)sqlite3_reset(rows.st);
}

void sqlite_reader_run(struct sqlite_reader *r, struct store_op *op)
{
    struct rows rows = { .db = r->db, .arena = arena_new(RESULT_MAX), .err = &op->err };

    op->backend_slot = rows.arena;
    if (op->kind == STORE_LIST) {
        run_list(r, &rows, &op->list);
        return;
    }
    rows.st = statement_of(r, op);
    read_rows(&rows, op);
    if (op->kind == STORE_LOAD && op->load.with_signals && op->err.code == ERR_NONE)
        read_signals(r, rows, &op->load);
    (void)sqlite3_reset(rows.st); /* lets go of the state of the file that it saw */
    if (op->kind == STORE_LOAD && op->err.code == ERR_NOT_FOUND)
        read_tombstone(r, op);
}

/* ---- life ---- */

static enum err_code prepare_all(struct sqlite_reader *r, struct err *err)
{
    struct buf load_texts = { .max = 4096 };

    buf_putf(&load_texts, "SELECT %s, s.state, %s FROM session s%s WHERE s.id = ?1", ROW_COLUMNS,
             TEXT_COLUMNS, sqlite_text_joins);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        const char *sql = i == ST_LOAD_TEXTS ? buf_cstr(&load_texts) : statement_sql[i];

        if (sqlite_db_prepare(r->db, sql, &r->st[i], err))
            break;
    }
    buf_release(&load_texts);
    return err->code;
}

enum err_code sqlite_reader_open(struct sqlite_reader **ret_reader, const char *path,
                                 enum sqlite_db_mode mode, struct err *err)
{
    struct sqlite_reader *r = xcalloc(1, sizeof(*r));
    struct err failure = { 0 };
    char pragma[80];

    (void)snprintf(pragma, sizeof(pragma), "PRAGMA query_only = 1; PRAGMA cache_size = -%d",
                   READER_CACHE_KIB);
    if (sqlite_db_open(&r->db, path, mode, &failure) == ERR_NONE &&
        sqlite_db_exec(r->db, pragma, "set up a reader", &failure) == ERR_NONE &&
        prepare_all(r, &failure) == ERR_NONE) {
        *ret_reader = r;
        return ERR_NONE;
    }
    sqlite_reader_close(r);
    *err = failure;
    return err->code;
}

void sqlite_reader_close(struct sqlite_reader *r)
{
    if (!r)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(r->st[i]);
    sqlite_db_close(r->db);
    free(r);
}
