/*
 * mem.h - the inside of the store in memory. For src/store/mem*.c only.
 *
 * Everything is owned by struct mem_store and copied on its way in. Results point into it, or
 * into its scratch arena, which lasts for one operation.
 */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include "base/arena.h"
#include "base/map.h"
#include "store/backend.h"

struct mem_session {
    struct store_session row;   /* its slices are ours: mem_copy() */
    struct store_event *events; /* seq 1 is events[0] */
    int64_t erased_at_ms;       /* not 0: only its id and what it had spent are left, */
    enum store_erasure erasure;
    int has_left;  /* and what of its journal and inbox is to be purged */
    size_t purged; /* events, from the first on */
    size_t events_cap;
    uint32_t *signals; /* seqs of those that no call has taken, in order */
    size_t signals_n, signals_cap;
};

struct mem_inbox_row {
    int64_t session;
    struct store_inbox_row row;
};

struct mem_approval {
    int64_t session;
    struct store_approval row; /* by key; its slices are ours, but for those of the session */
};

struct mem_delivery {
    int64_t session;
    struct store_delivery row; /* by key; its slices are ours, but for those of the session */
};

struct mem_revision {
    struct slice hash, agent, text;
};

/* Named by events whose blob has this hash and no data. */
struct mem_blob {
    struct slice hash, data;
    size_t names;
};

struct mem_worker {
    struct slice name;
    uint32_t epoch; /* 0: forgotten, no commit of it passes */
    int64_t beat_at_ms;
};

struct mem_store {
    struct store base; /* first */
    struct loop *loop;
    struct loop_post post;
    struct store_op *queue; /* by backend_next, in the order of submission */
    struct store_op **queue_end;
    struct arena *scratch;

    struct mem_session **sessions; /* key k is sessions[k - 1]; none is ever removed */
    size_t sessions_n, sessions_cap;
    struct map *session_by_id;
    struct mem_inbox_row *inbox; /* by id */
    size_t inbox_n, inbox_cap;
    int64_t inbox_last;
    struct mem_approval *approvals; /* by key */
    size_t approvals_n, approvals_cap;
    int64_t approvals_last;
    struct mem_delivery *deliveries; /* by key */
    size_t deliveries_n, deliveries_cap;
    int64_t deliveries_last;
    struct store_idempotency *keys;
    size_t keys_n, keys_cap;
    struct mem_blob *blobs;
    size_t blobs_n, blobs_cap;
    struct map *revisions;
    struct store_schedule *schedules; /* by name; their slices are ours */
    size_t schedules_n, schedules_cap;
    struct store_api_key *api_keys; /* by key; their slices are ours */
    size_t api_keys_n, api_keys_cap;
    struct store_audit *audits; /* by seq; their slices are ours */
    size_t audits_n, audits_cap;
    struct audit_link audit_begin, audit_end;
    struct mem_worker *workers; /* id i is workers[i - 1] */
    size_t workers_n, workers_cap;
    uint32_t epoch_last;
};

/* Ours from now on, until mem_drop(). NULL stays NULL. */
struct slice mem_copy(struct slice bytes);
void mem_drop(struct slice bytes);

/* Room for one more in *array, whose members have that size. */
void *mem_grow(void *array, size_t n, size_t *cap, size_t size);

void mem_drop_event(struct mem_session *session); /* the first one that is left */
void mem_drop_approval(struct mem_approval *approval);
struct mem_approval *mem_approval(const struct mem_store *m, int64_t session,
                                  uint32_t call);                        /* NULL: none */
struct mem_blob *mem_blob(const struct mem_store *m, struct slice hash); /* NULL: none */
struct mem_session *mem_session(const struct mem_store *m, int64_t key); /* NULL: none */
const struct store_idempotency *mem_key(const struct mem_store *m,
                                        const struct store_idempotency *key); /* NULL: none */

/* One operation, at once; the outcome is in op. */
void mem_write(struct mem_store *m, struct store_op *op);
void mem_read(struct mem_store *m, struct store_op *op);

/* mem_schedule.c */
/* True if its schedule has begun the session already: the outcome is set. */
int mem_has_fired(const struct mem_store *m, struct store_op *op);
void mem_fire(struct mem_store *m, const struct store_commit *commit);
void mem_schedule_set(struct mem_store *m, const struct store_op *op);
void mem_schedules(struct mem_store *m, struct store_op *op);
void mem_schedules_free(struct mem_store *m);

/* mem_api_key.c */
void mem_api_key_add(struct mem_store *m, struct store_op *op);
int mem_api_key_revoke(struct mem_store *m, struct store_op *op); /* true: it was in force */
void mem_api_keys(struct mem_store *m, struct store_op *op);
void mem_api_keys_free(struct mem_store *m);

/* mem_delivery.c */
void mem_add_deliveries(struct mem_store *m, int64_t session, const struct store_commit *commit);
/* At most so many of the session's; *rows is lowered by those that went. */
void mem_delete_deliveries(struct mem_store *m, int64_t session, uint32_t *rows);
int mem_set_delivery(struct mem_store *m, struct store_op *op); /* 0: nothing has changed */
void mem_sweep_deliveries(struct mem_store *m, struct store_op *op);
void mem_deliveries(const struct mem_store *m, struct store_deliveries *op);
void mem_delivery(const struct mem_store *m, struct store_op *op);
void mem_delivery_due(const struct mem_store *m, struct store_deliveries *op);
void mem_drop_delivery(struct mem_delivery *delivery);

/* mem_audit.c */
void mem_audits_put(struct mem_store *m, const struct store_op *op); /* of what was written */
void mem_audit_trim(struct mem_store *m, struct store_op *op);
void mem_audit(struct mem_store *m, struct store_audit_page *page);
void mem_audit_free(struct mem_store *m);

/* Filters of lists; see struct store_filter. */
int mem_matches(const struct mem_session *session, const struct store_filter *filter);

#endif
