/*
 * sqlite_db.h - one connection to the SQLite file: opened safely, its errors in our words.
 * For src/store/sqlite*.c only.
 *
 * A connection and its statements belong to one thread.
 */
#ifndef STORE_SQLITE_DB_H
#define STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "base/buf.h"

enum sqlite_db_mode {
    SQLITE_DB_READ_WRITE, /* the file must be there: sqlite_db_create() */
    SQLITE_DB_READ_ONLY,
};

/* 16 KiB pages: rows of 2 KB cost 7 us each instead of 21 with pages of 4 KiB. */
enum { SQLITE_DB_PAGE_BYTES = 16384 };

/* Makes an empty file that only its owner can read, unless there is one. */
enum err_code sqlite_db_create(const char *path, struct err *err) MUST_CHECK;

/* ret_db is ended with sqlite_db_close(). Nothing is read yet. */
enum err_code sqlite_db_open(sqlite3 **ret_db, const char *path, enum sqlite_db_mode mode,
                             struct err *err) MUST_CHECK;
void sqlite_db_close(sqlite3 *db); /* its statements are finalized before; NULL-safe */

/*
 * What a result code of SQLite means to the caller; `doing` goes in front. A failed fsync ends the
 * process here: the kernel may have dropped the pages, so nothing in memory can be believed any
 * more, and what is on the disk decides at the next start.
 */
enum err_code sqlite_db_error(sqlite3 *db, int rc, const char *doing, struct err *err);

enum err_code sqlite_db_exec(sqlite3 *db, const char *sql, const char *doing,
                             struct err *err) MUST_CHECK;

/* The first column of the first row, 0 if there is none. */
enum err_code sqlite_db_int(sqlite3 *db, const char *sql, int64_t *ret_value,
                            struct err *err) MUST_CHECK;

/* Prepares one that is kept and used many times. A statement of ours that is wrong is a bug. */
enum err_code sqlite_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_st,
                                struct err *err) MUST_CHECK;

/* Parameters; the bytes stay where they are until the statement is reset. */
void sqlite_bind_text(sqlite3_stmt *st, int i, struct slice text);         /* never NULL */
void sqlite_bind_text_or_null(sqlite3_stmt *st, int i, struct slice text); /* ptr NULL: NULL */
void sqlite_bind_blob(sqlite3_stmt *st, int i, struct slice bytes);        /* never NULL */
void sqlite_bind_int(sqlite3_stmt *st, int i, int64_t value);

/* Columns; valid until the statement moves on. SQL NULL is { NULL, 0 }, empty is not. */
struct slice sqlite_column(sqlite3_stmt *st, int i);

#endif
