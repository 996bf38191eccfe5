/*
 * verify_audit.h - is the chain of who did what whole? For verify.c.
 *
 * Read a page at a time, beside a server that goes on writing, and perhaps removes what is too old:
 * what the chain says its beginning and end are is read before its rows are. Threads: the loop's.
 */
#ifndef CLI_VERIFY_AUDIT_H
#define CLI_VERIFY_AUDIT_H

#include "store/store.h"

struct verify_audit {
    struct store *store;
    struct store_op op;
    struct audit_link end; /* the last row that was looked at */
    int64_t last_seq;      /* there was such a row when this began */
    int is_sure;           /* what is missing was not removed meanwhile */
    int64_t first_seq;     /* of the rows that there should be */
    uint64_t rows;
    void (*on_fault)(void *arg, const char *text);
    void (*done)(void *arg, const struct err *err); /* an error: the store cannot be read */
    void *arg;                                      /* for both */
};

/* All but store, on_fault, done and arg are zero. */
void verify_audit_run(struct verify_audit *audit);

#endif
