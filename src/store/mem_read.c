/* mem_read.c - the store in memory: what only looks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "store/mem.h"

/* ---- filters ---- */

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Case counts for all but ASCII letters. */
static int contains(struct slice text, struct slice part)
{
    for (size_t at = 0; at + part.len <= text.len; at++) {
        size_t i = 0;

        while (i < part.len && lower(text.ptr[at + i]) == lower(part.ptr[i]))
            i++;
        if (i == part.len)
            return 1;
    }
    return 0;
}

static struct slice body_at(const struct mem_session *session, uint32_t seq)
{
    if (seq == 0 || seq > session->row.seq)
        return (struct slice){ 0 };
    return session->events[seq - 1].body;
}

static int json_contains(const struct json *node, struct slice part)
{
    CLEANUP(buf_release) struct buf text = { .max = 2 * (size_t)STORE_BODY_MAX };
    struct err err = { 0 };

    if (json_kind(node) == JSON_KIND_STRING)
        return contains(json_str(node), part);
    if (!node || json_write(&text, node, &err))
        return 0;
    return contains(buf_slice(&text), part);
}

static int task_contains(const struct mem_session *session, struct slice part)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct slice text = body_at(session, session->row.task_seq);
    struct err err = { 0 };

    if (!text.ptr || json_read(&body, text, STORE_BODY_MAX, &err))
        return 0;
    const struct json *input = json_get(body, "input");

    return json_contains(input ? input : json_get(body, "content"), part);
}

static int value_is(const struct json *node, struct slice value)
{
    char number[24];

    switch (json_kind(node)) {
    case JSON_KIND_STRING: return slice_equal(json_str(node), value);
    case JSON_KIND_BOOL: return slice_is(value, json_bool(node, 0) ? "true" : "false");
    case JSON_KIND_INT:
        (void)snprintf(number, sizeof(number), "%" PRId64, json_int(node, 0));
        return slice_is(value, number);
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL:
    case JSON_KIND_REAL:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT: break;
    }
    return 0;
}

static int has_member(const struct json *object, struct slice name, struct slice value)
{
    for (struct json_iter *it = json_first(object); it; it = json_next(object, it)) {
        if (slice_is(name, json_iter_key(it)))
            return value_is(json_iter_value(it), value);
    }
    return 0;
}

static int metadata_match(const struct mem_session *session, const struct store_filter *filter)
{
    CLEANUP(json_cleanup) struct json *metadata = NULL;
    struct err err = { 0 };

    if (filter->metadata_n == 0)
        return 1;
    if (json_read(&metadata, session->row.metadata, STORE_BODY_MAX, &err))
        return 0;
    for (size_t i = 0; i < filter->metadata_n; i++) {
        if (!has_member(metadata, filter->metadata[i].name, filter->metadata[i].value))
            return 0;
    }
    return 1;
}

int mem_matches(const struct mem_session *session, const struct store_filter *filter)
{
    const struct store_session *row = &session->row;

    if (!slice_equal(row->tenant, filter->tenant))
        return 0;
    if (filter->agent.len && !slice_equal(row->agent, filter->agent))
        return 0;
    if (filter->statuses && !(filter->statuses & 1u << row->status))
        return 0;
    if (filter->text.len && !contains(row->id, filter->text) &&
        !task_contains(session, filter->text))
        return 0;
    return metadata_match(session, filter);
}

/* ---- rows ---- */

static struct store_load with_texts(const struct mem_session *session)
{
    return (struct store_load){
        .row = session->row,
        .task = body_at(session, session->row.task_seq),
        .end = body_at(session, session->row.end_seq),
        .context = body_at(session, session->row.context_seq),
    };
}

static void signals(const struct mem_store *m, const struct mem_session *session,
                    struct store_load *load)
{
    struct store_event *found = arena_alloc(m->scratch, (session->signals_n + 1) * sizeof(*found));

    for (size_t i = 0; i < session->signals_n; i++) {
        found[i] = session->events[session->signals[i] - 1];
        found[i].wire = (struct slice){ 0 };
    }
    load->signals = found;
    load->signals_n = session->signals_n;
}

static void load(const struct mem_store *m, struct store_op *op)
{
    const struct mem_session *session = map_get(m->session_by_id, op->load.id);

    if (!session || session->erased_at_ms) {
        op->load.erased_at_ms = session ? session->erased_at_ms : 0;
        op->load.erasure = session ? session->erasure : STORE_ERASURE_REQUEST;
        op->load.row.tenant = session ? session->row.tenant : (struct slice){ 0 };
        (void)err_set(&op->err, ERR_NOT_FOUND, "there is no session %.*s",
                      (int)(op->load.id.len < 64 ? op->load.id.len : 64), op->load.id.ptr);
        return;
    }
    struct store_load found = with_texts(session);

    op->load.row = found.row;
    op->load.task = op->load.with_texts ? found.task : (struct slice){ 0 };
    op->load.end = op->load.with_texts ? found.end : (struct slice){ 0 };
    op->load.context = op->load.with_texts ? found.context : (struct slice){ 0 };
    if (op->load.with_signals)
        signals(m, session, &op->load);
}

static struct store_event event_part(const struct store_event *event, enum store_events_what what)
{
    struct store_event part = *event;

    if (what != STORE_EVENTS_ALL)
        part.blob = (struct store_blob){ 0 };
    if (what == STORE_EVENTS_BODIES)
        part.wire = (struct slice){ 0 };
    if (what == STORE_EVENTS_WIRES && part.wire.ptr)
        part.body = (struct slice){ 0 };
    return part;
}

static void events(const struct mem_store *m, struct store_events *op)
{
    const struct mem_session *session = mem_session(m, op->session);
    uint32_t last = session ? session->row.seq : 0;
    struct store_event *found = arena_alloc(m->scratch, op->limit * sizeof(*found));
    size_t bytes = 0;
    uint32_t seq = op->after;

    if (op->until != 0 && op->until < last)
        last = op->until;
    op->events_n = 0;
    while (seq < last && op->events_n < op->limit && bytes < STORE_PAGE_BYTES_MAX) {
        struct store_event part = event_part(&session->events[seq++], op->what);

        bytes += part.body.len + part.wire.len;
        found[op->events_n++] = part;
    }
    op->events = found;
    op->has_more = seq < last;
}

static void list(const struct mem_store *m, struct store_list *op)
{
    struct store_load *rows = arena_alloc(m->scratch, op->limit * sizeof(*rows));
    int64_t key = (int64_t)m->sessions_n;
    size_t bytes = 0;

    if (op->before_key > 0 && op->before_key <= key)
        key = op->before_key - 1;
    op->rows_n = 0;
    op->has_more = 0;
    op->last_key = 0;
    for (; key > 0; key--) {
        const struct mem_session *session = mem_session(m, key);

        if (!session || !mem_matches(session, &op->filter))
            continue;
        if (op->rows_n == op->limit || bytes >= STORE_PAGE_BYTES_MAX) {
            op->has_more = 1;
            break;
        }
        struct store_load *row = &rows[op->rows_n++];

        *row = with_texts(session);
        op->last_key = key;
        row->row.state = (struct slice){ 0 };
        bytes += row->task.len + row->end.len + row->context.len + row->row.metadata.len;
    }
    op->rows = rows;
}

/* ---- scans ---- */

static int has_inbox(const struct mem_store *m, int64_t session)
{
    for (size_t i = 0; i < m->inbox_n; i++) {
        if (m->inbox[i].session == session)
            return 1;
    }
    return 0;
}

/* What a scan is ordered by, before the key. */
static int64_t scan_time(const struct store_session *row, enum store_scan_what what)
{
    if (what == STORE_SCAN_TIMED)
        return row->wake_at_ms;
    return what == STORE_SCAN_ENDED ? row->ended_at_ms : 0;
}

static int is_after(const struct store_session *row, const struct store_scan *scan)
{
    int is_by_time = scan->what == STORE_SCAN_TIMED || scan->what == STORE_SCAN_ENDED;
    int64_t time_ms = scan_time(row, scan->what);

    if (!is_by_time || time_ms == scan->after_ms)
        return row->key > scan->after_key;
    return time_ms > scan->after_ms;
}

static int is_needed_by_parent(const struct mem_store *m, const struct store_session *row)
{
    const struct mem_session *parent =
        row->parent.len ? map_get(m->session_by_id, row->parent) : NULL;

    return parent && !parent->erased_at_ms && parent->row.ended_at_ms == 0;
}

static int is_scanned(const struct mem_store *m, const struct store_session *row,
                      const struct store_scan *scan)
{
    switch (scan->what) {
    case STORE_SCAN_LIVE: return row->is_live;
    case STORE_SCAN_TIMED: return row->wake_at_ms != 0;
    case STORE_SCAN_ENDED: return row->ended_at_ms != 0 && !is_needed_by_parent(m, row);
    case STORE_SCAN_INBOX: return has_inbox(m, row->key);
    case STORE_SCAN_ALL: break;
    }
    return 1;
}

struct found {
    const struct store_session *row;
    int64_t time_ms;
};

static int by_time(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return x->row->key < y->row->key ? -1 : x->row->key > y->row->key;
}

static void scan(const struct mem_store *m, struct store_scan *op)
{
    struct found *found = arena_alloc(m->scratch, (m->sessions_n + 1) * sizeof(*found));
    struct store_session *rows = arena_alloc(m->scratch, op->limit * sizeof(*rows));
    size_t n = 0;
    size_t bytes = 0;

    for (size_t i = 0; i < m->sessions_n; i++) {
        const struct store_session *row = &m->sessions[i]->row;

        if (!m->sessions[i]->erased_at_ms && is_scanned(m, row, op) && is_after(row, op))
            found[n++] = (struct found){ row, scan_time(row, op->what) };
    }
    qsort(found, n, sizeof(*found), by_time);
    op->rows_n = 0;
    while (op->rows_n < n && op->rows_n < op->limit && bytes < STORE_PAGE_BYTES_MAX) {
        rows[op->rows_n] = *found[op->rows_n].row;
        bytes += rows[op->rows_n].state.len + rows[op->rows_n].metadata.len;
        op->rows_n++;
    }
    op->rows = rows;
    op->has_more = op->rows_n < n;
}

/* ---- the rest ---- */

/* Of what only grows with the sessions; what is to be purged counts until it is. */
static int64_t used_bytes(const struct mem_store *m)
{
    size_t used = 0;

    for (size_t i = 0; i < m->sessions_n; i++) {
        const struct mem_session *session = m->sessions[i];

        used += session->row.state.len + session->row.metadata.len;
        for (size_t e = session->purged; e < session->row.seq; e++)
            used += session->events[e].body.len + session->events[e].wire.len;
    }
    return (int64_t)used;
}

static void key(const struct mem_store *m, struct store_op *op)
{
    const struct store_idempotency *known = mem_key(m, &op->key);

    if (!known) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "this idempotency key was not used");
        return;
    }
    op->key.body_hash = known->body_hash;
    op->key.response = known->response;
    op->key.at_ms = known->at_ms;
}

static void inbox_list(const struct mem_store *m, struct store_op *op)
{
    struct store_inbox_row *rows = arena_alloc(m->scratch, STORE_PAGE_MAX * sizeof(*rows));
    size_t bytes = 0;

    op->inbox.rows_n = 0;
    op->inbox.has_more = 0;
    for (size_t i = 0; i < m->inbox_n && mem_session(m, op->inbox.session); i++) {
        if (m->inbox[i].session != op->inbox.session)
            continue;
        if (op->inbox.rows_n == STORE_PAGE_MAX || bytes >= STORE_PAGE_BYTES_MAX) {
            op->inbox.has_more = 1;
            break;
        }
        bytes += m->inbox[i].row.body.len;
        rows[op->inbox.rows_n++] = m->inbox[i].row;
    }
    op->inbox.rows = rows;
}

static void revision_get(const struct mem_store *m, struct store_op *op)
{
    const struct mem_revision *revision = map_get(m->revisions, op->revision.hash);

    if (!revision) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "there is no revision %.*s",
                      (int)(op->revision.hash.len < 80 ? op->revision.hash.len : 80),
                      op->revision.hash.ptr);
        return;
    }
    op->revision.agent = revision->agent;
    op->revision.text = revision->text;
}

static const struct store_event *find_named(const struct mem_session *session, uint32_t call)
{
    for (size_t i = 0; session && i < session->row.seq; i++) {
        if (session->events[i].blob.hash.len > 0 && session->events[i].blob.call == call)
            return &session->events[i];
    }
    return NULL;
}

static void blob(const struct mem_store *m, struct store_op *op)
{
    struct store_blob_read *read = &op->blob;
    const struct store_event *event = find_named(mem_session(m, read->session), read->call);

    if (!event) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "call %u has no output beside its event",
                      read->call);
        return;
    }
    struct slice data = mem_blob(m, event->blob.hash)->data;
    size_t from = read->offset < data.len ? (size_t)read->offset : data.len;
    size_t left = data.len - from;

    read->hash = event->blob.hash;
    read->bytes = data.len;
    read->data = (struct slice){ data.ptr + from, left < read->length ? left : read->length };
}

/* ---- approvals ---- */

static struct store_approval approval_row(const struct mem_store *m,
                                          const struct mem_approval *approval)
{
    const struct mem_session *session = mem_session(m, approval->session);
    struct store_approval row = approval->row;

    row.session = session->row.id;
    row.agent = session->row.agent;
    return row;
}

static int is_listed(const struct mem_store *m, const struct mem_approval *approval,
                     const struct store_approvals *op)
{
    const struct mem_session *session = mem_session(m, approval->session);

    return session && slice_equal(session->row.tenant, op->tenant) &&
           (op->status == APPROVAL_STATUS_COUNT || approval->row.status == op->status) &&
           (op->before_key <= 0 || approval->row.key < op->before_key);
}

static void approvals(const struct mem_store *m, struct store_approvals *op)
{
    struct store_approval *rows = arena_alloc(m->scratch, op->limit * sizeof(*rows));
    size_t bytes = 0;

    op->rows = rows;
    op->rows_n = 0;
    op->last_key = 0;
    op->has_more = 0;
    for (size_t i = m->approvals_n; i-- > 0;) {
        if (!is_listed(m, &m->approvals[i], op))
            continue;
        if (op->rows_n == op->limit || bytes >= STORE_PAGE_BYTES_MAX) {
            op->has_more = 1;
            return;
        }
        bytes += m->approvals[i].row.body.len;
        op->last_key = m->approvals[i].row.key;
        rows[op->rows_n++] = approval_row(m, &m->approvals[i]);
    }
}

static void approval(const struct mem_store *m, struct store_op *op)
{
    const struct mem_session *session = map_get(m->session_by_id, op->approval.session);
    const struct mem_approval *found =
        session && !session->erased_at_ms && slice_equal(session->row.tenant, op->approval.tenant)
            ? mem_approval(m, session->row.key, op->approval.call)
            : NULL;

    if (found)
        op->approval.row = approval_row(m, found);
    else
        (void)err_set(&op->err, ERR_NOT_FOUND, "nobody was asked about call %u", op->approval.call);
}

void mem_read(struct mem_store *m, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD: load(m, op); break;
    case STORE_EVENTS: events(m, &op->events); break;
    case STORE_LIST: list(m, &op->list); break;
    case STORE_SCAN: scan(m, &op->scan); break;
    case STORE_KEY: key(m, op); break;
    case STORE_INBOX_LIST: inbox_list(m, op); break;
    case STORE_BLOB: blob(m, op); break;
    case STORE_APPROVALS: approvals(m, &op->approvals); break;
    case STORE_APPROVAL: approval(m, op); break;
    case STORE_DELIVERIES: mem_deliveries(m, &op->deliveries); break;
    case STORE_DELIVERY: mem_delivery(m, op); break;
    case STORE_DELIVERY_DUE: mem_delivery_due(m, &op->deliveries); break;
    case STORE_REVISION_GET: revision_get(m, op); break;
    case STORE_SIZE: op->size.used = used_bytes(m); break;
    case STORE_API_KEYS: mem_api_keys(m, op); break;
    case STORE_AUDIT: mem_audit(m, &op->audit); break;
    case STORE_AUDIT_CHAIN:
        op->audit_chain.begin = m->audit_begin;
        op->audit_chain.last_seq = m->audit_end.seq;
        break;
    case STORE_SCHEDULES: mem_schedules(m, op); break;
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
    case STORE_OP_KIND_COUNT: assert_failed("a write is not read", __FILE__, __LINE__); break;
    }
}
