/* mem_commit.c - the store in memory: what changes it. All checks come before the first write. */
#include <stdlib.h>

#include "store/mem.h"

/* True if the key has been used: the outcome is set. */
static int is_used(const struct mem_store *m, const struct store_idempotency *key, int *is_replay,
                   struct slice *replay, struct err *err)
{
    const struct store_idempotency *known = key->key.len ? mem_key(m, key) : NULL;

    if (!known)
        return 0;
    if (!slice_equal(known->body_hash, key->body_hash)) {
        (void)err_set(err, ERR_INVALID, "this idempotency key was used with another body");
        return 1;
    }
    *is_replay = 1;
    *replay = known->response;
    (void)err_set(err, ERR_CONFLICT, "this idempotency key was used before");
    return 1;
}

static void remember(struct mem_store *m, const struct store_idempotency *key)
{
    if (key->key.len == 0)
        return;
    m->keys = mem_grow(m->keys, m->keys_n, &m->keys_cap, sizeof(*m->keys));
    m->keys[m->keys_n++] = (struct store_idempotency){
        .tenant = mem_copy(key->tenant),
        .route = mem_copy(key->route),
        .key = mem_copy(key->key),
        .body_hash = mem_copy(key->body_hash),
        .response = mem_copy(key->response),
        .at_ms = key->at_ms,
    };
}

static enum err_code check_owner(const struct mem_store *m, const struct store_session *row,
                                 struct err *err)
{
    if (row->owner == 0)
        return ERR_NONE;
    if (row->owner <= m->workers_n && m->workers[row->owner - 1].epoch != 0 &&
        m->workers[row->owner - 1].epoch == row->epoch)
        return ERR_NONE;
    return err_set(err, ERR_CONFLICT, "worker %u is no longer at epoch %u", row->owner, row->epoch);
}

static size_t find_inbox(const struct mem_store *m, int64_t id)
{
    size_t i = 0;

    while (i < m->inbox_n && m->inbox[i].row.id != id)
        i++;
    return i;
}

static enum err_code check_inbox(const struct mem_store *m, const struct store_commit *commit,
                                 struct err *err)
{
    for (size_t i = 0; i < commit->inbox_done_n; i++) {
        size_t at = find_inbox(m, commit->inbox_done[i]);

        if (at == m->inbox_n || m->inbox[at].session != commit->row.key)
            return err_set(err, ERR_CONFLICT, "inbox row %lld has been taken up already",
                           (long long)commit->inbox_done[i]);
    }
    return ERR_NONE;
}

/* The stored session must be the one that the tick was decided on. */
static enum err_code check_version(const struct mem_store *m, const struct store_commit *commit,
                                   struct err *err)
{
    const struct store_session *row = &commit->row;
    const struct mem_session *session = mem_session(m, row->key);

    if (row->key == 0 && map_get(m->session_by_id, row->id))
        return err_set(err, ERR_CONFLICT, "session %.*s is there already", (int)row->id.len,
                       row->id.ptr);
    if (row->key != 0 && !session)
        return err_set(err, ERR_NOT_FOUND, "no session has the key %lld", (long long)row->key);
    if (session && session->row.version != row->version)
        return err_set(err, ERR_CONFLICT, "session %lld is at version %llu, not %llu",
                       (long long)row->key, (unsigned long long)session->row.version,
                       (unsigned long long)row->version);
    uint32_t before = session ? session->row.seq : commit->copy_n;

    if (row->seq - commit->events_n != before)
        return err_set(err, ERR_INVALID, "session %lld has %u events, the tick's do not follow",
                       (long long)row->key, before);
    const struct mem_session *source = mem_session(m, commit->copy_of);

    if (commit->copy_of != 0 && !source)
        return err_set(err, ERR_NOT_FOUND, "no session has the key %lld",
                       (long long)commit->copy_of);
    if (source && source->row.seq < commit->copy_n)
        return err_set(err, ERR_INVALID, "session %lld has %u events, not %u",
                       (long long)commit->copy_of, source->row.seq, commit->copy_n);
    return ERR_NONE;
}

static enum err_code check_blobs(const struct mem_store *m, const struct store_commit *commit,
                                 struct err *err)
{
    for (size_t i = 0; i < commit->events_n; i++) {
        const struct store_blob *blob = &commit->events[i].blob;

        if (blob->hash.len > 0 && !blob->data.ptr && !mem_blob(m, blob->hash))
            return err_set(err, ERR_NOT_FOUND, "event %u names a blob that is not there",
                           commit->events[i].seq);
    }
    return ERR_NONE;
}

static struct mem_session *add_session(struct mem_store *m, const struct store_session *row)
{
    struct mem_session *session = xcalloc(1, sizeof(*session));

    session->row.id = mem_copy(row->id);
    session->row.tenant = mem_copy(row->tenant);
    session->row.agent = mem_copy(row->agent);
    session->row.revision = mem_copy(row->revision);
    session->row.parent = mem_copy(row->parent);
    session->row.metadata = mem_copy(SLICE_LIT("{}"));
    session->row.created_at_ms = row->created_at_ms;
    m->sessions =
        mem_grow(m->sessions, m->sessions_n, &m->sessions_cap, sizeof(struct mem_session *));
    m->sessions[m->sessions_n++] = session;
    session->row.key = (int64_t)m->sessions_n;
    (void)map_put(m->session_by_id, row->id, session);
    return session;
}

static void update_row(struct store_session *stored, const struct store_session *row)
{
    struct store_session next = *row;

    mem_drop(stored->state);
    if (row->metadata.ptr)
        mem_drop(stored->metadata);
    next.key = stored->key;
    next.id = stored->id;
    next.tenant = stored->tenant;
    next.agent = stored->agent;
    next.revision = stored->revision;
    next.parent = stored->parent;
    next.created_at_ms = stored->created_at_ms;
    next.version = stored->version + 1;
    next.state = mem_copy(row->state);
    next.metadata = row->metadata.ptr ? mem_copy(row->metadata) : stored->metadata;
    *stored = next;
}

static void name_blob(struct mem_store *m, const struct store_blob *blob)
{
    struct mem_blob *stored = mem_blob(m, blob->hash);

    if (blob->hash.len == 0)
        return;
    if (!stored) {
        m->blobs = mem_grow(m->blobs, m->blobs_n, &m->blobs_cap, sizeof(*m->blobs));
        stored = &m->blobs[m->blobs_n++];
        *stored = (struct mem_blob){ .hash = mem_copy(blob->hash), .data = mem_copy(blob->data) };
    }
    stored->names++;
}

static void drop_name(struct mem_store *m, const struct store_blob *blob)
{
    struct mem_blob *stored = mem_blob(m, blob->hash);

    if (blob->hash.len == 0 || --stored->names > 0)
        return;
    mem_drop(stored->hash);
    mem_drop(stored->data);
    *stored = m->blobs[--m->blobs_n];
}

static void append(struct mem_store *m, struct mem_session *session,
                   const struct store_event *event)
{
    struct store_event *stored;

    name_blob(m, &event->blob);
    session->events =
        mem_grow(session->events, event->seq - 1, &session->events_cap, sizeof(*session->events));
    stored = &session->events[event->seq - 1];
    *stored = *event;
    stored->body = mem_copy(event->body);
    stored->wire = mem_copy(event->wire);
    stored->blob.hash = mem_copy(event->blob.hash);
    stored->blob.data = (struct slice){ 0 };
}

static struct mem_approval *add_approval(struct mem_store *m, int64_t session, uint32_t call)
{
    m->approvals = mem_grow(m->approvals, m->approvals_n, &m->approvals_cap, sizeof(*m->approvals));
    m->approvals[m->approvals_n] = (struct mem_approval){
        .session = session,
        .row = { .key = ++m->approvals_last, .call = call, .kind = APPROVAL_KIND_COUNT }
    };
    return &m->approvals[m->approvals_n++];
}

static void put_approval(struct mem_store *m, int64_t session, const struct store_approval *given)
{
    struct mem_approval *stored = mem_approval(m, session, given->call);
    struct store_approval next = *given;

    if (!given->body.ptr) {
        if (!stored)
            return;
        stored->row.status = given->status;
        stored->row.decided_at_ms = given->decided_at_ms;
        return;
    }
    if (!stored)
        stored = add_approval(m, session, given->call);
    if (stored->row.kind == given->kind && stored->row.status == APPROVAL_PENDING)
        next.requested_at_ms = stored->row.requested_at_ms;
    next.key = stored->row.key;
    next.session = (struct slice){ 0 };
    next.agent = (struct slice){ 0 };
    next.tool = mem_copy(given->tool);
    next.body = mem_copy(given->body);
    mem_drop_approval(stored);
    stored->row = next;
}

/* At most so many of them; *rows is lowered by those that went. */
static void delete_approvals(struct mem_store *m, int64_t session, uint32_t *rows)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->approvals_n; i++) {
        if (m->approvals[i].session == session && *rows != 0) {
            mem_drop_approval(&m->approvals[i]);
            (*rows)--;
        } else {
            m->approvals[kept++] = m->approvals[i];
        }
    }
    m->approvals_n = kept;
}

static void delete_inbox(struct mem_store *m, int64_t id)
{
    size_t at = find_inbox(m, id);

    ASSERT(at < m->inbox_n);
    mem_drop(m->inbox[at].row.kind);
    mem_drop(m->inbox[at].row.body);
    memmove(&m->inbox[at], &m->inbox[at + 1], (m->inbox_n - at - 1) * sizeof(*m->inbox));
    m->inbox_n--;
}

static void put_signals(struct mem_session *session, const struct store_commit *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < c->signals_kept_n; i++) {
        session->signals = mem_grow(session->signals, session->signals_n, &session->signals_cap,
                                    sizeof(*session->signals));
        session->signals[session->signals_n++] = c->signals_kept[i];
    }
    for (size_t i = 0; i < session->signals_n; i++) {
        size_t k = 0;

        while (k < c->signals_taken_n && c->signals_taken[k] != session->signals[i])
            k++;
        if (k == c->signals_taken_n)
            session->signals[kept++] = session->signals[i];
    }
    session->signals_n = kept;
}

static void commit(struct mem_store *m, struct store_op *op)
{
    struct store_commit *c = &op->commit;

    if (is_used(m, &c->idempotency, &c->is_replay, &c->replay, &op->err) ||
        check_owner(m, &c->row, &op->err) || check_inbox(m, c, &op->err) || mem_has_fired(m, op) ||
        check_blobs(m, c, &op->err) || check_version(m, c, &op->err))
        return;

    struct mem_session *session = c->row.key ? mem_session(m, c->row.key) : add_session(m, &c->row);

    for (uint32_t i = 0; i < c->copy_n; i++)
        append(m, session, &mem_session(m, c->copy_of)->events[i]);
    for (size_t i = 0; i < c->events_n; i++)
        append(m, session, &c->events[i]);
    update_row(&session->row, &c->row);
    for (size_t i = 0; i < c->approvals_n; i++)
        put_approval(m, session->row.key, &c->approvals[i]);
    mem_add_deliveries(m, session->row.key, c);
    put_signals(session, c);
    for (size_t i = 0; i < c->inbox_done_n; i++)
        delete_inbox(m, c->inbox_done[i]);
    mem_fire(m, c);
    remember(m, &c->idempotency);
    c->row.key = session->row.key;
    c->row.version = session->row.version;
}

static void inbox_add(struct mem_store *m, struct store_op *op)
{
    if (is_used(m, &op->inbox.idempotency, &op->inbox.is_replay, &op->inbox.replay, &op->err))
        return;
    if (!mem_session(m, op->inbox.session)) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "no session has the key %lld",
                      (long long)op->inbox.session);
        return;
    }
    op->inbox.row.id = ++m->inbox_last;
    m->inbox = mem_grow(m->inbox, m->inbox_n, &m->inbox_cap, sizeof(*m->inbox));
    m->inbox[m->inbox_n++] = (struct mem_inbox_row){
        .session = op->inbox.session,
        .row = { .id = op->inbox.row.id,
                 .kind = mem_copy(op->inbox.row.kind),
                 .body = mem_copy(op->inbox.row.body),
                 .at_ms = op->inbox.row.at_ms },
    };
    remember(m, &op->inbox.idempotency);
}

static void revision_put(struct mem_store *m, const struct store_op *op)
{
    if (map_get(m->revisions, op->revision.hash))
        return;
    struct mem_revision *revision = xcalloc(1, sizeof(*revision));

    revision->hash = mem_copy(op->revision.hash);
    revision->agent = mem_copy(op->revision.agent);
    revision->text = mem_copy(op->revision.text);
    (void)map_put(m->revisions, revision->hash, revision);
}

static size_t find_worker(const struct mem_store *m, struct slice name)
{
    size_t i = 0;

    while (i < m->workers_n && !(m->workers[i].epoch && slice_equal(m->workers[i].name, name)))
        i++;
    return i;
}

static void worker_start(struct mem_store *m, struct store_op *op)
{
    int64_t now_ms = op->worker.at_ms;
    size_t at = find_worker(m, op->worker.name);

    if (at == m->workers_n) {
        m->workers = mem_grow(m->workers, m->workers_n, &m->workers_cap, sizeof(*m->workers));
        m->workers[m->workers_n++] = (struct mem_worker){ .name = mem_copy(op->worker.name) };
    }
    m->workers[at].epoch = ++m->epoch_last;
    m->workers[at].beat_at_ms = now_ms;
    for (size_t i = 0; i < m->workers_n; i++) {
        if (m->workers[i].beat_at_ms < now_ms - STORE_WORKER_FORGET_MS)
            m->workers[i].epoch = 0;
    }
    op->worker.id = (uint32_t)at + 1;
    op->worker.epoch = m->workers[at].epoch;
}

static void worker_beat(struct mem_store *m, struct store_op *op)
{
    const struct store_session as_owner = { .owner = op->worker.id, .epoch = op->worker.epoch };

    if (op->worker.id == 0)
        (void)err_set(&op->err, ERR_CONFLICT, "worker 0 is no longer at epoch %u",
                      op->worker.epoch);
    else if (check_owner(m, &as_owner, &op->err) == ERR_NONE)
        m->workers[op->worker.id - 1].beat_at_ms = op->worker.at_ms;
}

static void sweep(struct mem_store *m, int64_t before_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->keys_n; i++) {
        if (m->keys[i].at_ms >= before_ms) {
            m->keys[kept++] = m->keys[i];
            continue;
        }
        mem_drop(m->keys[i].tenant);
        mem_drop(m->keys[i].route);
        mem_drop(m->keys[i].key);
        mem_drop(m->keys[i].body_hash);
        mem_drop(m->keys[i].response);
    }
    m->keys_n = kept;
}

/* Takes the rows that it deletes from *rows; has_left: perhaps that was not all. */
static void delete_piece(struct mem_store *m, struct mem_session *session, uint32_t *rows)
{
    size_t at = 0;

    while (at < m->inbox_n && *rows != 0) {
        if (m->inbox[at].session != session->row.key) {
            at++;
            continue;
        }
        delete_inbox(m, m->inbox[at].row.id);
        (*rows)--;
    }
    delete_approvals(m, session->row.key, rows);
    mem_delete_deliveries(m, session->row.key, rows);
    for (; session->signals_n > 0 && *rows != 0; (*rows)--)
        session->signals_n--;
    while (session->purged < session->row.seq && *rows != 0) {
        drop_name(m, &session->events[session->purged].blob);
        mem_drop_event(session);
        (*rows)--;
    }
    session->has_left = *rows == 0;
}

static void erase(struct mem_store *m, struct store_op *op)
{
    struct mem_session *session = mem_session(m, op->erase.session);

    if (!session) {
        (void)err_set(&op->err, ERR_NOT_FOUND, "no session has the key %lld",
                      (long long)op->erase.session);
        return;
    }
    if (session->row.version != op->erase.version) {
        (void)err_set(&op->err, ERR_CONFLICT, "session %lld is at version %llu, not %llu",
                      (long long)op->erase.session, (unsigned long long)session->row.version,
                      (unsigned long long)op->erase.version);
        return;
    }
    uint32_t rows = op->erase.limit;

    mem_drop(session->row.metadata);
    mem_drop(session->row.state);
    session->row.metadata = (struct slice){ 0 };
    session->row.state = (struct slice){ 0 };
    session->erased_at_ms = op->erase.at_ms;
    session->erasure = op->erase.why;
    delete_piece(m, session, &rows);
    op->erase.has_left = session->has_left;
}

static void purge(struct mem_store *m, struct store_op *op)
{
    uint32_t rows = op->purge.limit;

    op->purge.has_left = 0;
    for (size_t i = 0; i < m->sessions_n && rows > 0; i++) {
        struct mem_session *session = m->sessions[i];

        if (!session->has_left)
            continue;
        delete_piece(m, session, &rows);
        if (!session->has_left) /* it counts as a row itself, so that many are bounded, too */
            rows--;
        op->purge.has_left = rows == 0;
    }
}

void mem_write(struct mem_store *m, struct store_op *op)
{
    int is_idle = 0; /* there was nothing to be changed */

    switch (op->kind) {
    case STORE_COMMIT: commit(m, op); break;
    case STORE_INBOX_ADD: inbox_add(m, op); break;
    case STORE_REVISION_PUT: revision_put(m, op); break;
    case STORE_WORKER_START: worker_start(m, op); break;
    case STORE_WORKER_BEAT: worker_beat(m, op); break;
    case STORE_ERASE: erase(m, op); break;
    case STORE_PURGE: purge(m, op); break;
    case STORE_SWEEP: sweep(m, op->sweep.before_ms); break;
    case STORE_API_KEY_ADD: mem_api_key_add(m, op); break;
    case STORE_API_KEY_REVOKE: is_idle = !mem_api_key_revoke(m, op); break;
    case STORE_DELIVERY_SET: is_idle = !mem_set_delivery(m, op); break;
    case STORE_DELIVERY_SWEEP: mem_sweep_deliveries(m, op); break;
    case STORE_AUDIT_TRIM: mem_audit_trim(m, op); break;
    case STORE_SCHEDULE_SET: mem_schedule_set(m, op); break;
    case STORE_LOAD:
    case STORE_EVENTS:
    case STORE_LIST:
    case STORE_SCAN:
    case STORE_KEY:
    case STORE_BLOB:
    case STORE_APPROVALS:
    case STORE_APPROVAL:
    case STORE_DELIVERIES:
    case STORE_DELIVERY:
    case STORE_DELIVERY_DUE:
    case STORE_INBOX_LIST:
    case STORE_REVISION_GET:
    case STORE_SIZE:
    case STORE_API_KEYS:
    case STORE_AUDIT:
    case STORE_AUDIT_CHAIN:
    case STORE_SCHEDULES:
    case STORE_OP_KIND_COUNT: assert_failed("a read is not written", __FILE__, __LINE__);
    }
    if (op->err.code == ERR_NONE && !is_idle)
        mem_audits_put(m, op);
}
