#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "store/backend.h"

/* The only place that lists the backends. */
static const struct store_backend *const backends[] = {
    &store_backend_mem,
    &store_backend_sqlite,
};

/* NULL: err says what to write. */
static const struct store_backend *backend_of(const char *url, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        const struct store_backend *b = backends[i];
        size_t len = strlen(b->scheme);

        ASSERT(b->open && b->backup && b->submit && b->close);
        if (strncmp(url, b->scheme, len) == 0 && url[len] == ':')
            return b;
    }
    (void)err_set(err, ERR_INVALID,
                  "no store is named by '%.64s': write sqlite:PATH, or mem: for a trial", url);
    return NULL;
}

enum err_code store_open(struct store **ret_store, const char *url, enum store_open_flags flags,
                         struct loop *loop, struct err *err)
{
    const struct store_backend *backend = backend_of(url, err);

    return backend ? backend->open(ret_store, url, flags, loop, err) : err->code;
}

enum err_code store_backup(const char *url, const char *path, struct err *err)
{
    const struct store_backend *backend = backend_of(url, err);

    return backend ? backend->backup(url, path, err) : err->code;
}

enum err_code store_check(const char *url, store_fault_fn *fault, void *arg, struct err *err)
{
    const struct store_backend *backend = backend_of(url, err);

    return backend ? backend->check(url, fault, arg, err) : err->code;
}

static const char *const erasures[STORE_ERASURE_COUNT] = {
    [STORE_ERASURE_REQUEST] = "request",
    [STORE_ERASURE_RETENTION] = "retention",
};

const char *store_erasure_name(enum store_erasure why)
{
    ASSERT((size_t)why < ARRAY_LEN(erasures));
    return erasures[why];
}

enum store_erasure store_erasure_of(struct slice name)
{
    unsigned i = 0;

    while (i < STORE_ERASURE_COUNT && !slice_is(name, erasures[i]))
        i++;
    return (enum store_erasure)i;
}

static const char *const delivery_statuses[DELIVERY_STATUS_COUNT] = {
    [DELIVERY_PENDING] = "pending",
    [DELIVERY_DELIVERED] = "delivered",
    [DELIVERY_FAILED] = "failed",
    [DELIVERY_DISABLED] = "disabled",
};

const char *delivery_status_name(enum delivery_status status)
{
    ASSERT(status < DELIVERY_STATUS_COUNT);
    return delivery_statuses[status];
}

enum delivery_status delivery_status_of(struct slice name)
{
    unsigned i = 0;

    while (i < DELIVERY_STATUS_COUNT && !slice_is(name, delivery_statuses[i]))
        i++;
    return (enum delivery_status)i;
}

int store_op_writes(enum store_op_kind kind)
{
    switch (kind) {
    case STORE_COMMIT:
    case STORE_INBOX_ADD:
    case STORE_REVISION_PUT:
    case STORE_WORKER_START:
    case STORE_WORKER_BEAT:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE:
    case STORE_DELIVERY_SET:
    case STORE_DELIVERY_SWEEP:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULE_SET:
    case STORE_SWEEP: return 1;
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
    case STORE_OP_KIND_COUNT: break;
    }
    return 0;
}

int store_status_is_end(enum session_status status)
{
    return status == STATUS_COMPLETED || status == STATUS_FAILED || status == STATUS_CANCELLED;
}

/* ---- what comes from outside: an error and no assertion ---- */

static enum err_code check_name(struct slice name, const char *what, struct err *err)
{
    if (name.len <= STORE_NAME_MAX)
        return ERR_NONE;
    return err_set(err, ERR_LIMIT, "%s has %zu bytes, at most %d can be stored", what, name.len,
                   (int)STORE_NAME_MAX);
}

static enum err_code check_body(struct slice body, const char *what, struct err *err)
{
    if (body.len <= STORE_BODY_MAX)
        return ERR_NONE;
    return err_set(err, ERR_LIMIT, "%s has %zu bytes, at most %d can be stored", what, body.len,
                   (int)STORE_BODY_MAX);
}

static enum err_code check_metadata(struct slice metadata, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err reason = { 0 };

    if (check_body(metadata, "metadata", err))
        return err->code;
    if (!metadata.ptr)
        return ERR_NONE;
    if (json_read(&root, metadata, STORE_BODY_MAX, &reason))
        return err_set(err, ERR_INVALID, "metadata: %s", reason.msg);
    if (json_kind(root) != JSON_KIND_OBJECT)
        return err_set(err, ERR_INVALID, "metadata: must be a JSON object");
    return ERR_NONE;
}

static enum err_code check_idempotency(const struct store_idempotency *key, struct err *err)
{
    if (check_name(key->tenant, "a tenant's name", err) || check_name(key->route, "a route", err) ||
        check_name(key->key, "an idempotency key", err) ||
        check_name(key->body_hash, "a body's hash", err) ||
        check_body(key->response, "a remembered response", err))
        return err->code;
    return ERR_NONE;
}

static enum err_code check_delivery(const struct store_delivery *row, struct err *err)
{
    if (check_name(row->id, "a delivery's id", err) ||
        check_name(row->message_id, "a message's id", err) ||
        check_name(row->webhook, "a webhook's name", err) ||
        check_name(row->event, "an event's name", err) ||
        check_name(row->last_error, "a delivery's error", err))
        return err->code;
    if (row->body.len <= STORE_DELIVERY_BODY_MAX)
        return ERR_NONE;
    return err_set(err, ERR_LIMIT, "a delivery has %zu bytes, at most %d can be stored",
                   row->body.len, (int)STORE_DELIVERY_BODY_MAX);
}

static enum err_code check_events(const struct store_commit *commit, struct err *err)
{
    size_t total = commit->row.state.len + commit->row.metadata.len;
    size_t blobs = 0;

    for (size_t i = 0; i < commit->events_n; i++) {
        const struct store_event *event = &commit->events[i];

        if (check_body(event->body, "an event", err) || check_body(event->wire, "a message", err) ||
            check_name(event->blob.hash, "a blob's hash", err))
            return err->code;
        total += event->body.len + event->wire.len;
        blobs += event->blob.data.len;
    }
    if (commit->signals_kept_n > STORE_SIGNALS_MAX)
        return err_set(err, ERR_LIMIT, "a tick keeps %zu signals, at most %d can be",
                       commit->signals_kept_n, (int)STORE_SIGNALS_MAX);
    for (size_t i = 0; i < commit->approvals_n; i++) {
        if (check_name(commit->approvals[i].tool, "a tool's name", err) ||
            check_body(commit->approvals[i].body, "an approval", err))
            return err->code;
        total += commit->approvals[i].body.len;
    }
    for (size_t i = 0; i < commit->deliveries_n; i++) {
        if (check_delivery(&commit->deliveries[i], err))
            return err->code;
        total += commit->deliveries[i].body.len;
    }
    if (blobs > STORE_BLOBS_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a tick has blobs of %zu bytes, at most %d can be committed",
                       blobs, (int)STORE_BLOBS_BYTES_MAX);
    if (total > STORE_COMMIT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a tick has %zu bytes, at most %d can be committed", total,
                       (int)STORE_COMMIT_BYTES_MAX);
    return ERR_NONE;
}

static enum err_code check_commit(const struct store_commit *commit, struct err *err)
{
    const struct store_session *row = &commit->row;

    if (check_name(row->id, "a session's id", err) ||
        check_name(row->tenant, "a tenant's name", err) ||
        check_name(row->agent, "an agent's name", err) ||
        check_name(row->revision, "a revision's hash", err) ||
        check_name(row->parent, "a parent's id", err) || check_metadata(row->metadata, err) ||
        check_body(row->state, "a state", err) || check_events(commit, err))
        return err->code;
    if (check_name(commit->firing.schedule, "a schedule's name", err))
        return err->code;
    return check_idempotency(&commit->idempotency, err);
}

static enum err_code check_api_key(const struct store_api_key *row, struct err *err)
{
    if (check_name(row->id, "a key's id", err) ||
        check_name(row->secret_hash, "a key's hash", err) ||
        check_name(row->name, "a key's name", err) ||
        check_name(row->roles, "a key's roles", err) ||
        check_name(row->tenant, "a tenant's name", err) ||
        check_name(row->created_by, "who made a key", err))
        return err->code;
    return ERR_NONE;
}

static enum err_code check_audit(const struct store_audit *row, struct err *err)
{
    if (check_name(row->tenant, "a tenant's name", err) ||
        check_name(row->actor, "an actor's id", err) ||
        check_name(row->actor_name, "an actor's name", err) ||
        check_name(row->address, "an address", err) ||
        check_name(row->action, "an action's name", err) ||
        check_name(row->target, "a target's id", err) ||
        check_name(row->request_hash, "a body's hash", err) ||
        check_name(row->outcome, "an outcome", err))
        return err->code;
    return ERR_NONE;
}

enum err_code store_check_input(const struct store_op *op, struct err *err)
{
    for (size_t i = 0; i < op->audits_n; i++) {
        if (check_audit(&op->audits[i], err))
            return err->code;
    }
    switch (op->kind) {
    case STORE_COMMIT: return check_commit(&op->commit, err);
    case STORE_INBOX_ADD:
        if (check_name(op->inbox.row.kind, "an inbox row's kind", err) ||
            check_body(op->inbox.row.body, "an inbox row", err))
            return err->code;
        return check_idempotency(&op->inbox.idempotency, err);
    case STORE_REVISION_PUT:
        if (check_name(op->revision.hash, "a revision's hash", err) ||
            check_name(op->revision.agent, "an agent's name", err))
            return err->code;
        return check_body(op->revision.text, "a revision", err);
    case STORE_WORKER_START: return check_name(op->worker.name, "a worker's name", err);
    case STORE_API_KEY_ADD:
    case STORE_API_KEY_REVOKE: return check_api_key(&op->api_key.row, err);
    case STORE_DELIVERY_SET: return check_delivery(&op->delivery_set.row, err);
    case STORE_SCHEDULE_SET:
        if (check_name(op->schedule.row.name, "a schedule's name", err) ||
            check_name(op->schedule.row.spec, "a schedule's times", err))
            return err->code;
        return ERR_NONE;
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
    case STORE_DELIVERY_SWEEP:
    case STORE_INBOX_LIST:
    case STORE_REVISION_GET:
    case STORE_SIZE:
    case STORE_WORKER_BEAT:
    case STORE_ERASE:
    case STORE_PURGE:
    case STORE_SWEEP:
    case STORE_API_KEYS:
    case STORE_AUDIT:
    case STORE_AUDIT_CHAIN:
    case STORE_AUDIT_TRIM:
    case STORE_SCHEDULES:
    case STORE_OP_KIND_COUNT: break;
    }
    return ERR_NONE;
}

/* ---- submit and complete: what only a bug of ours can break ---- */

static void assert_blob(const struct store_blob *blob)
{
    ASSERT((blob->hash.len > 0) == (blob->call > 0));
    ASSERT(!blob->data.ptr || (blob->hash.len > 0 && blob->data.len == blob->bytes));
}

static void assert_firing(const struct store_commit *commit)
{
    ASSERT(commit->firing.schedule.len == 0 || (commit->row.key == 0 && commit->firing.at_ms > 0));
}

static void assert_commit(const struct store_commit *commit)
{
    const struct store_session *row = &commit->row;

    ASSERT(row->status < STATUS_COUNT);
    ASSERT(store_status_is_end(row->status) == (row->ended_at_ms != 0));
    ASSERT(row->key >= 0 && (row->key == 0) == (row->version == 0));
    ASSERT(row->key != 0 || (row->id.len > 0 && commit->events_n > 0));
    ASSERT((commit->copy_of != 0) == (commit->copy_n != 0));
    ASSERT(row->key == 0 || commit->copy_of == 0);
    assert_firing(commit);
    for (size_t i = 0; i < commit->events_n; i++) {
        ASSERT(commit->events[i].kind < EV_KIND_COUNT);
        ASSERT(commit->events[i].seq == row->seq - (commit->events_n - 1 - i));
        assert_blob(&commit->events[i].blob);
    }
    for (size_t i = 0; i < commit->approvals_n; i++) {
        const struct store_approval *approval = &commit->approvals[i];

        ASSERT(approval->call > 0 && approval->kind < APPROVAL_KIND_COUNT);
        ASSERT((approval->status == APPROVAL_PENDING) == (approval->decided_at_ms == 0));
    }
    for (size_t i = 0; i < commit->deliveries_n; i++)
        ASSERT(commit->deliveries[i].id.len > 0 &&
               commit->deliveries[i].status == DELIVERY_PENDING);
}

static void assert_page(uint32_t limit)
{
    ASSERT(limit > 0 && limit <= STORE_PAGE_MAX);
}

static void assert_piece(uint32_t limit)
{
    ASSERT(limit > 0 && limit <= STORE_PURGE_MAX);
}

static void assert_stretch(const struct store_blob_read *read)
{
    ASSERT(read->length > 0 && read->length <= STORE_BLOB_READ_MAX);
    ASSERT(read->offset <= STORE_BLOB_OFFSET_MAX);
}

static void assert_audits(const struct store_op *op)
{
    ASSERT(op->audits_n == 0 || store_op_writes(op->kind));
    for (size_t i = 0; i < op->audits_n; i++) {
        const struct store_audit *row = &op->audits[i];

        ASSERT(row->actor.len > 0 && row->target.len > 0 && row->outcome.len > 0);
        ASSERT(audit_action_of(row->action) != AUDIT_ACTION_COUNT);
    }
}

static void assert_op(const struct store_op *op)
{
    assert_audits(op);
    switch (op->kind) {
    case STORE_COMMIT: assert_commit(&op->commit); break;
    case STORE_EVENTS: assert_page(op->events.limit); break;
    case STORE_LIST:
        assert_page(op->list.limit);
        ASSERT(op->list.filter.metadata_n <= STORE_METADATA_FILTERS_MAX);
        break;
    case STORE_SCAN: assert_page(op->scan.limit); break;
    case STORE_APPROVALS: assert_page(op->approvals.limit); break;
    case STORE_API_KEYS: assert_page(op->api_keys.limit); break;
    case STORE_AUDIT: assert_page(op->audit.limit); break;
    case STORE_SCHEDULES: assert_page(op->schedules.limit); break;
    case STORE_SCHEDULE_SET: ASSERT(op->schedule.row.name.len > 0); break;
    case STORE_API_KEY_ADD: ASSERT(op->api_key.row.id.len > 0); break;
    case STORE_API_KEY_REVOKE: ASSERT(op->api_key.row.revoked_at_ms > 0); break;
    case STORE_DELIVERIES:
    case STORE_DELIVERY_DUE: assert_page(op->deliveries.limit); break;
    case STORE_DELIVERY_SET: ASSERT(op->delivery_set.row.status < DELIVERY_STATUS_COUNT); break;
    case STORE_DELIVERY_SWEEP: assert_piece(op->delivery_sweep.limit); break;
    case STORE_BLOB: assert_stretch(&op->blob); break;
    case STORE_ERASE: ASSERT(op->erase.limit <= STORE_PURGE_MAX); break;
    case STORE_PURGE: assert_piece(op->purge.limit); break;
    case STORE_LOAD:
    case STORE_KEY:
    case STORE_APPROVAL:
    case STORE_DELIVERY:
    case STORE_INBOX_ADD:
    case STORE_INBOX_LIST:
    case STORE_REVISION_PUT:
    case STORE_REVISION_GET:
    case STORE_SIZE:
    case STORE_WORKER_START:
    case STORE_WORKER_BEAT:
    case STORE_AUDIT_CHAIN: break;
    case STORE_SWEEP:
    case STORE_AUDIT_TRIM: ASSERT(op->audits_n == 0); break; /* they are run in pieces */
    case STORE_OP_KIND_COUNT: assert_failed("an operation has a kind", __FILE__, __LINE__); break;
    }
}

/* An operation may be submitted again: what its last run left is no input. */
static void clear_outcome(struct store_op *op)
{
    op->err = (struct err){ 0 };
    if (op->kind == STORE_LOAD)
        op->load.erased_at_ms = 0;
    if (op->kind == STORE_COMMIT) {
        op->commit.is_replay = 0;
        op->commit.replay = (struct slice){ 0 };
    }
    if (op->kind == STORE_INBOX_ADD) {
        op->inbox.is_replay = 0;
        op->inbox.replay = (struct slice){ 0 };
    }
}

void store_submit(struct store *store, struct store_op *op)
{
    ASSERT(op->done);
    assert_op(op);
    clear_outcome(op);
    op->backend_slot = NULL;
    op->backend_next = NULL;
    store->pending++;
    store->backend->submit(store, op);
}

static void count_commit(struct store *store, const struct store_op *op)
{
    if (op->err.code == ERR_NONE)
        store->stats.commits++;
    else if (op->err.code == ERR_CONFLICT && !op->commit.is_replay)
        store->stats.conflicts++;
}

int store_is_damage(const struct err *err)
{
    return err->code == ERR_CORRUPT && err->sys == EUCLEAN;
}

void store_complete(struct store *store, struct store_op *op)
{
    ASSERT(store->pending > 0);
    store->pending--;
    if (store_is_damage(&op->err))
        store->stats.damaged++;
    if (op->kind == STORE_COMMIT) {
        ASSERT(op->err.code != ERR_NONE || (op->commit.row.key > 0 && op->commit.row.version > 0));
        ASSERT(!op->commit.is_replay || op->err.code == ERR_CONFLICT);
        count_commit(store, op);
    }
    op->done(op, op->arg);
}

struct store_stats store_stats(const struct store *store)
{
    return store->stats;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store->backend->close(store);
}
