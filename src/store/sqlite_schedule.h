/*
 * sqlite_schedule.h - the rows of schedules, as they are read from the SQLite store. For
 * src/store/sqlite*.c only; what is written of them is in sqlite_write.h.
 */
#ifndef STORE_SQLITE_SCHEDULE_H
#define STORE_SQLITE_SCHEDULE_H

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_db.h"

/* In the order of read_row(). */
#define SQLITE_SCHEDULES                                                                           \
    "SELECT name, spec, next_at_ms, last_at_ms, last_session FROM schedule WHERE name > ?1"        \
    " ORDER BY name LIMIT ?2"

/* STORE_SCHEDULES by its statement; the caller resets it. */
void sqlite_schedules_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op);

#endif
