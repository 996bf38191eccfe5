/*
 * sqlite_check.h - STORE_CHECK: is the file whole, and are its tables and indexes ours?
 * For src/store/sqlite*.c only.
 */
#ifndef STORE_SQLITE_CHECK_H
#define STORE_SQLITE_CHECK_H

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_db.h"

/* Fills in op->check and op->err; the faults are in the arena. */
void sqlite_check(sqlite3 *db, struct arena *arena, struct store_op *op);

#endif
