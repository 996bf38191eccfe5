/*
 * sqlite_audit_read.h - who did what, as it is read from the SQLite store. For src/store/sqlite*.c
 * only; what is written of it is in sqlite_write.h.
 */
#ifndef STORE_SQLITE_AUDIT_READ_H
#define STORE_SQLITE_AUDIT_READ_H

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_db.h"

/* In the order of read_row(). There are no indexes: few among many are found by looking at all. */
#define SQLITE_AUDIT_COLUMNS                                                                       \
    "SELECT seq, at_ms, tenant, actor, actor_name, address, action, target, call, request_hash,"   \
    " outcome, prev_hash, hash FROM audit "                                                        \
    "WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR actor = ?2)"                             \
    " AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR target = ?4)"                             \
    " AND at_ms >= ?5 AND at_ms < ?6"
#define SQLITE_AUDIT_NEWEST SQLITE_AUDIT_COLUMNS " AND seq < ?7 ORDER BY seq DESC LIMIT ?8"
#define SQLITE_AUDIT_OLDEST SQLITE_AUDIT_COLUMNS " AND seq > ?7 ORDER BY seq LIMIT ?8"
#define SQLITE_AUDIT_CHAIN                                                                         \
    "SELECT coalesce((SELECT seq FROM audit_anchor), 0),"                                          \
    " coalesce((SELECT hash FROM audit_anchor), ''),"                                              \
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)"

/* STORE_AUDIT, _AUDIT_CHAIN by its statement; the caller resets it. */
void sqlite_audit_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op);

#endif
