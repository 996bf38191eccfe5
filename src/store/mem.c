/*
 * mem.c - the store in memory: the reference that every other backend is compared to.
 *
 * It is meant to be seen to be right: arrays, and loops over them. What is durable here is what
 * the caller keeps open. It needs no threads, so it runs on a simulated loop, too.
 */
#include "store/mem.h"

#include <stdlib.h>

enum { SCRATCH_MAX = 256 * 1024 * 1024 }; /* a page's rows and what filters parse */

static struct mem_store *mem_of(struct store *store)
{
    ASSERT(store->backend == &store_backend_mem);
    return CONTAINER_OF(store, struct mem_store, base);
}

struct slice mem_copy(struct slice bytes)
{
    if (!bytes.ptr)
        return (struct slice){ 0 };
    char *copy = xrealloc(NULL, bytes.len + 1); /* so that an empty one is not NULL */

    memcpy(copy, bytes.ptr, bytes.len);
    copy[bytes.len] = 0;
    return (struct slice){ copy, bytes.len };
}

void mem_drop(struct slice bytes)
{
    union {
        const char *borrowed;
        void *owned;
    } p = { .borrowed = bytes.ptr };

    free(p.owned);
}

void *mem_grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 8;
    return xrealloc(array, *cap * size);
}

struct mem_session *mem_session(const struct mem_store *m, int64_t key)
{
    if (key < 1 || (uint64_t)key > m->sessions_n)
        return NULL;
    return m->sessions[key - 1]->erased_at_ms ? NULL : m->sessions[key - 1];
}

const struct store_idempotency *mem_key(const struct mem_store *m,
                                        const struct store_idempotency *key)
{
    for (size_t i = 0; i < m->keys_n; i++) {
        const struct store_idempotency *known = &m->keys[i];

        if (slice_equal(known->tenant, key->tenant) && slice_equal(known->route, key->route) &&
            slice_equal(known->key, key->key))
            return known;
    }
    return NULL;
}

struct mem_blob *mem_blob(const struct mem_store *m, struct slice hash)
{
    for (size_t i = 0; i < m->blobs_n; i++) {
        if (slice_equal(m->blobs[i].hash, hash))
            return &m->blobs[i];
    }
    return NULL;
}

struct mem_approval *mem_approval(const struct mem_store *m, int64_t session, uint32_t call)
{
    for (size_t i = m->approvals_n; i-- > 0;) {
        if (m->approvals[i].session == session && m->approvals[i].row.call == call)
            return &m->approvals[i];
    }
    return NULL;
}

static void finish(struct mem_store *m, struct store_op *op)
{
    arena_reset(m->scratch);
    if (store_check_input(op, &op->err) == ERR_NONE) {
        if (store_op_writes(op->kind))
            mem_write(m, op);
        else
            mem_read(m, op);
    }
    store_complete(&m->base, op);
}

/* What done calls submit meanwhile waits for the next turn. */
static void finish_queued(void *arg)
{
    struct mem_store *m = arg;
    struct store_op *op = m->queue;

    m->queue = NULL;
    m->queue_end = &m->queue;
    m->base.stats.batches++;
    while (op) {
        struct store_op *next = op->backend_next; /* done may free op */

        finish(m, op);
        op = next;
    }
}

static enum err_code mem_open(struct store **ret_store, const char *url,
                              enum store_open_flags flags, struct loop *loop, struct err *err)
{
    if (strcmp(url, "mem:") != 0)
        return err_set(err, ERR_INVALID, "a store in memory has no name: write mem:, not '%.64s'",
                       url);
    if (flags == STORE_OPEN_READ_ONLY)
        return err_set(err, ERR_INVALID, "a store in memory is empty when it is opened");
    struct mem_store *m = xcalloc(1, sizeof(*m));

    m->base.backend = &store_backend_mem;
    m->loop = loop;
    m->queue_end = &m->queue;
    m->scratch = arena_new(SCRATCH_MAX);
    m->session_by_id = map_new();
    m->revisions = map_new();
    *ret_store = &m->base;
    return ERR_NONE;
}

static void mem_submit(struct store *store, struct store_op *op)
{
    struct mem_store *m = mem_of(store);

    *m->queue_end = op;
    m->queue_end = &op->backend_next;
    loop_post(m->loop, &m->post, finish_queued, m);
}

void mem_drop_event(struct mem_session *session)
{
    const struct store_event *event = &session->events[session->purged++];

    mem_drop(event->body);
    mem_drop(event->wire);
    mem_drop(event->blob.hash);
}

void mem_drop_approval(struct mem_approval *approval)
{
    mem_drop(approval->row.tool);
    mem_drop(approval->row.body);
}

static void free_session(struct mem_session *session)
{
    const struct store_session *row = &session->row;
    const struct slice owned[] = { row->id,     row->tenant,   row->agent, row->revision,
                                   row->parent, row->metadata, row->state };

    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        mem_drop(owned[i]);
    while (session->purged < session->row.seq)
        mem_drop_event(session);
    free(session->events);
    free(session->signals);
    free(session);
}

static void free_revisions(struct map *revisions)
{
    void *value = NULL;

    for (size_t at = 0; map_each(revisions, &at, &value);) {
        struct mem_revision *revision = value;

        mem_drop(revision->hash);
        mem_drop(revision->agent);
        mem_drop(revision->text);
        free(revision);
    }
    map_free(revisions);
}

static void free_rows(struct mem_store *m)
{
    for (size_t i = 0; i < m->sessions_n; i++)
        free_session(m->sessions[i]);
    for (size_t i = 0; i < m->inbox_n; i++) {
        mem_drop(m->inbox[i].row.kind);
        mem_drop(m->inbox[i].row.body);
    }
    for (size_t i = 0; i < m->keys_n; i++) {
        mem_drop(m->keys[i].tenant);
        mem_drop(m->keys[i].route);
        mem_drop(m->keys[i].key);
        mem_drop(m->keys[i].body_hash);
        mem_drop(m->keys[i].response);
    }
    for (size_t i = 0; i < m->workers_n; i++)
        mem_drop(m->workers[i].name);
    for (size_t i = 0; i < m->approvals_n; i++)
        mem_drop_approval(&m->approvals[i]);
    for (size_t i = 0; i < m->deliveries_n; i++)
        mem_drop_delivery(&m->deliveries[i]);
    for (size_t i = 0; i < m->blobs_n; i++) {
        mem_drop(m->blobs[i].hash);
        mem_drop(m->blobs[i].data);
    }
    free_revisions(m->revisions);
    mem_api_keys_free(m);
    mem_audit_free(m);
    mem_schedules_free(m);
    map_free(m->session_by_id);
    free(m->sessions);
    free(m->inbox);
    free(m->keys);
    free(m->workers);
    free(m->blobs);
    free(m->approvals);
    free(m->deliveries);
}

static void mem_close(struct store *store)
{
    struct mem_store *m = mem_of(store);

    while (m->queue)
        finish_queued(m);
    loop_post_cancel(m->loop, &m->post);
    free_rows(m);
    arena_free(m->scratch);
    free(m);
}

static enum err_code mem_backup(const char *url, const char *path, struct err *err)
{
    (void)path;
    return err_set(err, ERR_INVALID, "'%.64s' is in the memory of its process: nothing to copy",
                   url);
}

static enum err_code mem_check(const char *url, store_fault_fn *fault, void *arg, struct err *err)
{
    (void)fault;
    (void)arg;
    return err_set(err, ERR_INVALID, "'%.64s' is in the memory of its process: nothing to check",
                   url);
}

const struct store_backend store_backend_mem = {
    .scheme = "mem",
    .open = mem_open,
    .backup = mem_backup,
    .check = mem_check,
    .submit = mem_submit,
    .close = mem_close,
};
