/* mem_audit.c - who did what, in memory. */
#include <stdlib.h>

#include "store/mem.h"

static struct slice copy(struct slice text)
{
    return mem_copy(text.ptr ? text : SLICE_LIT(""));
}

static void drop(const struct store_audit *row)
{
    const struct slice owned[] = { row->tenant, row->actor,       row->actor_name, row->address,
                                   row->action, row->target,      row->outcome,    row->prev_hash,
                                   row->hash,   row->request_hash };

    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        mem_drop(owned[i]);
}

static void append(struct mem_store *m, const struct store_audit *given)
{
    struct store_audit row = *given;

    row.seq = m->audit_end.seq + 1;
    row.prev_hash = slice_of(m->audit_end.hash);
    struct audit_link sealed = audit_seal(&row);

    m->audits = mem_grow(m->audits, m->audits_n, &m->audits_cap, sizeof(*m->audits));
    m->audits[m->audits_n++] = (struct store_audit){
        .seq = row.seq,
        .at_ms = row.at_ms,
        .tenant = copy(row.tenant),
        .actor = copy(row.actor),
        .actor_name = copy(row.actor_name),
        .address = copy(row.address),
        .action = copy(row.action),
        .target = copy(row.target),
        .call = row.call,
        .request_hash = copy(row.request_hash),
        .outcome = copy(row.outcome),
        .prev_hash = copy(row.prev_hash),
        .hash = mem_copy(slice_of(sealed.hash)),
    };
    m->audit_end = sealed;
}

void mem_audits_put(struct mem_store *m, const struct store_op *op)
{
    for (size_t i = 0; i < op->audits_n; i++)
        append(m, &op->audits[i]);
}

void mem_audit_trim(struct mem_store *m, struct store_op *op)
{
    size_t n = m->audits_n;

    while (n > 0 && m->audits[n - 1].at_ms >= op->audit_trim.before_ms)
        n--;
    if (n == 0)
        return;
    m->audit_begin = audit_link_of(m->audits[n - 1].seq, m->audits[n - 1].hash);
    for (size_t i = 0; i < n; i++)
        drop(&m->audits[i]);
    memmove(m->audits, &m->audits[n], (m->audits_n - n) * sizeof(*m->audits));
    m->audits_n -= n;
}

static int is_or_any(struct slice wanted, struct slice value)
{
    return wanted.len == 0 || slice_equal(wanted, value);
}

static int is_wanted(const struct store_audit_page *page, const struct store_audit *row)
{
    if (page->from_seq > 0 &&
        (page->is_oldest_first ? row->seq <= page->from_seq : row->seq >= page->from_seq))
        return 0;
    return (!page->tenant.ptr || slice_equal(page->tenant, row->tenant)) &&
           is_or_any(page->actor, row->actor) && is_or_any(page->action, row->action) &&
           is_or_any(page->target, row->target) && row->at_ms >= page->since_ms &&
           (page->before_ms <= 0 || row->at_ms < page->before_ms);
}

void mem_audit(struct mem_store *m, struct store_audit_page *page)
{
    struct store_audit *rows = arena_alloc(m->scratch, page->limit * sizeof(*rows));

    page->rows = rows;
    page->rows_n = 0;
    page->has_more = 0;
    for (size_t i = 0; i < m->audits_n; i++) {
        const struct store_audit *row = &m->audits[page->is_oldest_first ? i : m->audits_n - 1 - i];

        if (!is_wanted(page, row))
            continue;
        if (page->rows_n == page->limit) {
            page->has_more = 1;
            return;
        }
        rows[page->rows_n++] = *row;
    }
}

void mem_audit_free(struct mem_store *m)
{
    for (size_t i = 0; i < m->audits_n; i++)
        drop(&m->audits[i]);
    free(m->audits);
}
