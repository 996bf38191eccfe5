/* mem_delivery.c - the store in memory: what webhooks are told. */
#include "store/mem.h"

void mem_drop_delivery(struct mem_delivery *delivery)
{
    mem_drop(delivery->row.id);
    mem_drop(delivery->row.message_id);
    mem_drop(delivery->row.webhook);
    mem_drop(delivery->row.event);
    mem_drop(delivery->row.last_error);
    mem_drop(delivery->row.body);
}

void mem_add_deliveries(struct mem_store *m, int64_t session, const struct store_commit *commit)
{
    for (size_t i = 0; i < commit->deliveries_n; i++) {
        const struct store_delivery *given = &commit->deliveries[i];

        m->deliveries =
            mem_grow(m->deliveries, m->deliveries_n, &m->deliveries_cap, sizeof(*m->deliveries));
        m->deliveries[m->deliveries_n++] = (struct mem_delivery){
            .session = session,
            .row = { .key = ++m->deliveries_last,
                     .id = mem_copy(given->id),
                     .message_id = mem_copy(given->message_id),
                     .webhook = mem_copy(given->webhook),
                     .event = mem_copy(given->event),
                     .next_at_ms = given->next_at_ms,
                     .created_at_ms = given->created_at_ms,
                     .last_error = mem_copy(SLICE_LIT("")),
                     .body = mem_copy(given->body) },
        };
    }
}

static void drop_at(struct mem_store *m, size_t i)
{
    mem_drop_delivery(&m->deliveries[i]);
    memmove(&m->deliveries[i], &m->deliveries[i + 1],
            (m->deliveries_n - i - 1) * sizeof(*m->deliveries));
    m->deliveries_n--;
}

void mem_delete_deliveries(struct mem_store *m, int64_t session, uint32_t *rows)
{
    for (size_t i = 0; i < m->deliveries_n && *rows != 0;) {
        if (m->deliveries[i].session != session) {
            i++;
            continue;
        }
        drop_at(m, i);
        --*rows;
    }
}

int mem_set_delivery(struct mem_store *m, struct store_op *op)
{
    const struct store_delivery *set = &op->delivery_set.row;
    size_t i = 0;

    while (i < m->deliveries_n && m->deliveries[i].row.key != set->key)
        i++;
    if (i == m->deliveries_n) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "there is no delivery %lld", (long long)set->key);
        return 0;
    }
    struct store_delivery *row = &m->deliveries[i].row;

    if (op->delivery_set.is_anew && row->status == DELIVERY_PENDING && row->attempts == 0)
        return 0;
    if (!op->delivery_set.is_anew &&
        (row->status != DELIVERY_PENDING || row->attempts != op->delivery_set.attempts_was)) {
        (void)err_set(&op->err, ERR_CONFLICT, "delivery %lld is another's by now",
                      (long long)set->key);
        return 0;
    }
    mem_drop(row->last_error);
    row->status = set->status;
    row->attempts = set->attempts;
    row->next_at_ms = set->next_at_ms;
    row->delivered_at_ms = set->delivered_at_ms;
    row->last_status = set->last_status;
    row->last_error = mem_copy(set->last_error.ptr ? set->last_error : SLICE_LIT(""));
    return 1;
}

void mem_sweep_deliveries(struct mem_store *m, struct store_op *op)
{
    uint32_t deleted = 0;
    size_t i = 0;

    for (uint32_t seen = 0; seen < op->delivery_sweep.limit && i < m->deliveries_n; seen++) {
        if (m->deliveries[i].row.created_at_ms < op->delivery_sweep.before_ms) {
            drop_at(m, i);
            deleted++;
        } else {
            i++;
        }
    }
    op->delivery_sweep.has_left = deleted == op->delivery_sweep.limit;
}

/* ---- read ---- */

/* False: its session is not there any more. */
static int read_row(const struct mem_store *m, const struct mem_delivery *delivery,
                    struct store_delivery *ret_row)
{
    const struct mem_session *session = mem_session(m, delivery->session);

    if (!session)
        return 0;
    *ret_row = delivery->row;
    ret_row->session = session->row.id;
    ret_row->tenant = session->row.tenant;
    return 1;
}

static int is_listed(const struct store_delivery *row, const struct store_deliveries *op)
{
    return slice_equal(row->tenant, op->tenant) &&
           (op->webhook.len == 0 || slice_equal(row->webhook, op->webhook)) &&
           (op->status == DELIVERY_STATUS_COUNT || row->status == op->status) &&
           (op->before_key <= 0 || row->key < op->before_key);
}

/* False: the page is full. */
static int add_row(struct store_deliveries *op, struct store_delivery *rows,
                   const struct store_delivery *row)
{
    if (op->rows_n == op->limit) {
        op->has_more = 1;
        return 0;
    }
    op->last_key = row->key;
    rows[op->rows_n++] = *row;
    return 1;
}

static struct store_delivery *begin(const struct mem_store *m, struct store_deliveries *op)
{
    struct store_delivery *rows = arena_alloc(m->scratch, op->limit * sizeof(*rows));

    op->rows = rows;
    op->rows_n = 0;
    op->last_key = 0;
    op->has_more = 0;
    return rows;
}

void mem_deliveries(const struct mem_store *m, struct store_deliveries *op)
{
    struct store_delivery *rows = begin(m, op);
    struct store_delivery row;

    for (size_t i = m->deliveries_n; i-- > 0;) {
        if (read_row(m, &m->deliveries[i], &row) && is_listed(&row, op) && !add_row(op, rows, &row))
            return;
    }
}

void mem_delivery(const struct mem_store *m, struct store_op *op)
{
    struct slice id = op->delivery.id;

    for (size_t i = 0; i < m->deliveries_n; i++) {
        if (slice_equal(m->deliveries[i].row.id, id) &&
            read_row(m, &m->deliveries[i], &op->delivery))
            return;
    }
    (void)err_set(&op->err, ERR_NOT_FOUND, "there is no delivery %.*s",
                  (int)(id.len < 64 ? id.len : 64), id.ptr);
}

/* Of those that come after (after_ms, after_key), the first by that order. */
static int next_due(const struct mem_store *m, struct slice webhook, int64_t after_ms,
                    int64_t after_key, struct store_delivery *ret_row)
{
    int found = 0;
    struct store_delivery row;

    for (size_t i = 0; i < m->deliveries_n; i++) {
        if (!read_row(m, &m->deliveries[i], &row) || row.status != DELIVERY_PENDING ||
            !slice_equal(row.webhook, webhook) || row.next_at_ms < after_ms ||
            (row.next_at_ms == after_ms && row.key <= after_key))
            continue;
        if (!found || row.next_at_ms < ret_row->next_at_ms)
            *ret_row = row;
        found = 1;
    }
    return found;
}

void mem_delivery_due(const struct mem_store *m, struct store_deliveries *op)
{
    struct store_delivery *rows = begin(m, op);
    struct store_delivery row = { .next_at_ms = INT64_MIN };

    while (next_due(m, op->webhook, row.next_at_ms, row.key, &row)) {
        if (!add_row(op, rows, &row))
            return;
    }
}
