/* mem_api_key.c - keys of the API in memory. */
#include <stdlib.h>

#include "store/mem.h"

static struct store_api_key *find(const struct mem_store *m, struct slice id)
{
    for (size_t i = 0; i < m->api_keys_n; i++) {
        if (slice_equal(m->api_keys[i].id, id))
            return &m->api_keys[i];
    }
    return NULL;
}

static struct slice copy(struct slice text)
{
    return mem_copy(text.ptr ? text : SLICE_LIT(""));
}

void mem_api_key_add(struct mem_store *m, struct store_op *op)
{
    const struct store_api_key *row = &op->api_key.row;

    if (find(m, row->id)) {
        (void)err_set(&op->err, ERR_CONFLICT, "there is a key '%.*s' already",
                      (int)(row->id.len < 64 ? row->id.len : 64), row->id.ptr);
        return;
    }
    m->api_keys = mem_grow(m->api_keys, m->api_keys_n, &m->api_keys_cap, sizeof(*m->api_keys));
    m->api_keys[m->api_keys_n] = (struct store_api_key){
        .key = (int64_t)m->api_keys_n + 1,
        .id = mem_copy(row->id),
        .secret_hash = copy(row->secret_hash),
        .name = copy(row->name),
        .roles = copy(row->roles),
        .tenant = copy(row->tenant),
        .created_at_ms = row->created_at_ms,
        .created_by = copy(row->created_by),
        .revoked_at_ms = row->revoked_at_ms,
    };
    m->api_keys_n++;
}

int mem_api_key_revoke(struct mem_store *m, struct store_op *op)
{
    struct slice id = op->api_key.row.id;
    struct store_api_key *row = find(m, id);

    if (!row)
        (void)err_set(&op->err, ERR_NOT_FOUND, "there is no key '%.*s'",
                      (int)(id.len < 64 ? id.len : 64), id.len ? id.ptr : "");
    if (!row || row->revoked_at_ms != 0)
        return 0;
    row->revoked_at_ms = op->api_key.row.revoked_at_ms;
    return 1;
}

void mem_api_keys(struct mem_store *m, struct store_op *op)
{
    struct store_api_key *rows = arena_alloc(m->scratch, op->api_keys.limit * sizeof(*rows));

    op->api_keys.rows = rows;
    op->api_keys.rows_n = 0;
    op->api_keys.has_more = 0;
    for (size_t i = 0; i < m->api_keys_n; i++) {
        if (m->api_keys[i].key <= op->api_keys.after_key)
            continue;
        if (op->api_keys.rows_n == op->api_keys.limit) {
            op->api_keys.has_more = 1;
            return;
        }
        rows[op->api_keys.rows_n++] = m->api_keys[i];
    }
}

void mem_api_keys_free(struct mem_store *m)
{
    for (size_t i = 0; i < m->api_keys_n; i++) {
        const struct store_api_key *row = &m->api_keys[i];
        const struct slice owned[] = { row->id,    row->secret_hash, row->name,
                                       row->roles, row->tenant,      row->created_by };

        for (size_t k = 0; k < ARRAY_LEN(owned); k++)
            mem_drop(owned[k]);
    }
    free(m->api_keys);
}
