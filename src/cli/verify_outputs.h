/*
 * verify_outputs.h - are outputs that events name there, and what their names say? For verify.c.
 *
 * Events are added, and then all that were are looked at, one after the other and a stretch at a
 * time. Threads: the loop's.
 */
#ifndef CLI_VERIFY_OUTPUTS_H
#define CLI_VERIFY_OUTPUTS_H

#include "base/hash.h"
#include "engine/verify.h"

struct named_output {
    uint32_t seq; /* of the event that names it */
    uint32_t call;
    char hash[SHA256_TEXT_MAX];
};

struct verify_outputs {
    struct store *store;
    int64_t session; /* its key */
    struct named_output *at;
    size_t n, cap;
    struct sha256_sum *sum;
    uint64_t offset;
    struct store_op op;
    verify_fault_fn *on_fault;
    void (*done)(void *arg, const struct err *err); /* an error: the store cannot be read */
    void *arg;                                      /* for both */
};

/* Of an event that names none nothing is kept. */
void verify_outputs_add(struct verify_outputs *outputs, const struct store_event *event);

/* Looks at all that were added, and forgets them. done runs in the end, perhaps before this
 * returns.
 */
void verify_outputs_run(struct verify_outputs *outputs, int64_t session);
void verify_outputs_release(struct verify_outputs *outputs);

#endif
