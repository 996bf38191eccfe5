/*
 * sqlite_read.h - the reading half of the SQLite store, on connections of its own beside the
 * writer. For src/store/sqlite*.c only.
 *
 * Each operation is one statement, so it sees one state of the file: that of the last commit
 * before it began.
 */
#ifndef STORE_SQLITE_READ_H
#define STORE_SQLITE_READ_H

#include "store/backend.h"
#include "store/sqlite_db.h"

struct sqlite_reader;

enum err_code sqlite_reader_open(struct sqlite_reader **ret_reader, const char *path,
                                 enum sqlite_db_mode mode, struct err *err) MUST_CHECK;
void sqlite_reader_close(struct sqlite_reader *reader); /* NULL-safe */

/* Fills in op; what it found is in the arena that op->backend_slot names. */
void sqlite_reader_run(struct sqlite_reader *reader, struct store_op *op);

#endif
