/*
 * backend.h - what a store backend implements. For src/store/ and for wrappers in tests.
 *
 * Small on purpose: what to do is data (struct store_op), so a wrapper that traces, delays, fails
 * or reorders operations wraps ONE function.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

/* One per backend, static const. Every member is mandatory. */
struct store_backend {
    const char *scheme; /* "sqlite" serves urls that start with "sqlite:" */

    /* See store_open(). *ret_store embeds `struct store` as its first member. */
    enum err_code (*open)(struct store **ret_store, const char *url, enum store_open_flags flags,
                          struct loop *loop, struct err *err);

    /* See store_backup(); `url` is of this scheme. */
    enum err_code (*backup)(const char *url, const char *path, struct err *err);

    /* See store_check(); `url` is of this scheme. */
    enum err_code (*check)(const char *url, store_fault_fn *fault, void *arg, struct err *err);

    /* Begin op; must not block. Call store_complete(op) exactly once, later, on the loop's thread.
     */
    void (*submit)(struct store *store, struct store_op *op);

    /* Complete what is pending, then free. Never called with NULL. */
    void (*close)(struct store *store);
};

struct store {
    const struct store_backend *backend;
    unsigned pending; /* submitted, not yet completed */
    struct store_stats stats;
};

/* Backends end an operation with this; op->err is already filled in. */
void store_complete(struct store *store, struct store_op *op);

/*
 * Before anything is done: ERR_LIMIT if something in op is larger than store.h allows, ERR_INVALID
 * if metadata are no JSON object.
 */
enum err_code store_check_input(const struct store_op *op, struct err *err) MUST_CHECK;

int store_op_writes(enum store_op_kind kind);

/* As it is stored. */
const char *store_erasure_name(enum store_erasure why);
enum store_erasure store_erasure_of(struct slice name); /* _COUNT: none of them */

/* A status that only an ended turn has. */
int store_status_is_end(enum session_status status);

enum { STORE_WORKER_FORGET_MS = 24 * 3600 * 1000 }; /* see STORE_WORKER_START */

extern const struct store_backend store_backend_mem;
extern const struct store_backend store_backend_sqlite;

#endif
