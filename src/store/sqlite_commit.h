/*
 * sqlite_commit.h - the writing half of the SQLite store: many operations, one transaction.
 * For src/store/sqlite*.c only; all calls on the writer's thread but open and close.
 */
#ifndef STORE_SQLITE_COMMIT_H
#define STORE_SQLITE_COMMIT_H

#include "store/backend.h"
#include "store/sqlite_db.h"

struct sqlite_writer;

/* Bounds of one transaction: what must be written before anybody in it is answered. */
enum {
    SQLITE_BATCH_OPS_MAX = 512,
    SQLITE_BATCH_BYTES_MAX = 4 * 1024 * 1024,
};

enum err_code sqlite_writer_open(struct sqlite_writer **ret_writer, const char *path,
                                 struct err *err) MUST_CHECK;
void sqlite_writer_close(struct sqlite_writer *writer); /* NULL-safe */

/*
 * Carries out ops[0..n) in their order and fills in their outcomes, after everything is on the
 * disk. What fails for its own data fails alone; what the machine refuses fails for all that are
 * left. An op that sqlite_op_is_unfinished() goes to the end of the queue instead of being
 * completed: a sweep is done in pieces.
 */
void sqlite_writer_run(struct sqlite_writer *writer, struct store_op *const *ops, size_t n);
int sqlite_op_is_unfinished(const struct sqlite_writer *writer, size_t i);

/* The size of the write-ahead log after the last commit. */
int64_t sqlite_writer_wal_bytes(const struct sqlite_writer *writer);

/* How much an operation adds to a transaction, about. */
size_t sqlite_op_bytes(const struct store_op *op);

#endif
