/*
 * sqlite_schema.h - the tables of the SQLite store, and how an older file becomes a present one.
 * For src/store/sqlite*.c and its tests.
 *
 * Migrations are data: the i-th text (from 1) turns schema i-1 into schema i. They are never
 * changed once released, only added to. Each runs in one transaction with the row in `schema`
 * that takes note of it, so a crash leaves the file at one version or the next.
 */
#ifndef STORE_SQLITE_SCHEMA_H
#define STORE_SQLITE_SCHEMA_H

#include "store/sqlite_db.h"

struct sqlite_migrations {
    const char *const *sql;
    unsigned n; /* the version that this program knows */
};

extern const struct sqlite_migrations sqlite_schema;

/*
 * Whose file is it, and at which version? 0: nobody's yet. ERR_CORRUPT: not a database, another
 * program's, or of a newer schema than known->n. `path` is for the messages.
 */
enum err_code sqlite_schema_version(sqlite3 *db, const struct sqlite_migrations *known,
                                    const char *path, unsigned *ret_version,
                                    struct err *err) MUST_CHECK;

/* Brings the file to version known->n. */
enum err_code sqlite_schema_migrate(sqlite3 *db, const struct sqlite_migrations *known,
                                    const char *path, int64_t now_ms, struct err *err) MUST_CHECK;

/*
 * Before a store is opened: makes the file if need be, sets what is set once in a file's life
 * (page size, WAL), migrates it. Read-only: only checks that it is there, ours, and up to date.
 */
enum err_code sqlite_schema_prepare(const char *path, int is_read_only, struct err *err) MUST_CHECK;

#endif
