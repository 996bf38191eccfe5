/*
 * sqlite_delivery.h - what webhooks are told, as it is read from the SQLite store. For
 * src/store/sqlite*.c only; what is written of it is in sqlite_write.h.
 */
#ifndef STORE_SQLITE_DELIVERY_H
#define STORE_SQLITE_DELIVERY_H

#include "base/arena.h"
#include "store/backend.h"
#include "store/sqlite_db.h"

/* In the order of read_row(). Rows whose session was erased are nobody's, until they are purged. */
#define SQLITE_DELIVERY_COLUMNS                                                                    \
    "SELECT d.key, d.id, d.message_id, d.webhook, d.event, s.id, d.tenant, d.status, d.attempts,"  \
    " d.next_at_ms, d.created_at_ms, d.delivered_at_ms, d.last_status, d.last_error, d.body"       \
    " FROM delivery d "
#define SQLITE_DELIVERY_SESSION "CROSS JOIN session s ON s.key = d.session "

/* Newest first. A list of few among many goes through all of them: 30 days of one store. */
#define SQLITE_DELIVERIES                                                                          \
    SQLITE_DELIVERY_COLUMNS SQLITE_DELIVERY_SESSION                                                \
        "WHERE d.tenant = ?1 AND d.key < ?4 AND (?2 IS NULL OR d.webhook = ?2)"                    \
        " AND (?3 IS NULL OR d.status = ?3) ORDER BY d.key DESC LIMIT ?5"
#define SQLITE_DELIVERY SQLITE_DELIVERY_COLUMNS SQLITE_DELIVERY_SESSION "WHERE d.id = ?1"
#define SQLITE_DELIVERY_DUE                                                                        \
    SQLITE_DELIVERY_COLUMNS                                                                        \
    "INDEXED BY delivery_due " SQLITE_DELIVERY_SESSION                                             \
    "WHERE d.webhook = ?1 AND d.status = 'pending' ORDER BY d.next_at_ms, d.key LIMIT ?2"

/* STORE_DELIVERIES, _DELIVERY, _DELIVERY_DUE by its statement; the caller resets it. */
void sqlite_delivery_read(sqlite3 *db, sqlite3_stmt *st, struct arena *arena, struct store_op *op);

#endif
