/*
 * sqlite_files.h - are the files that are open still the ones that their names lead to?
 *
 * Somebody may remove or replace the store under a running server. SQLite goes on with the files
 * that it has, and all that it writes is gone when they are closed: so nothing may be promised any
 * more. For src/store/sqlite*.c only; one thread at a time.
 */
#ifndef STORE_SQLITE_FILES_H
#define STORE_SQLITE_FILES_H

#include <sqlite3.h>
#include <sys/types.h>

#include "base/err.h"

struct sqlite_file {
    const char *path; /* of the connection */
    dev_t dev;
    ino_t ino;
};

struct sqlite_files {
    struct sqlite_file database, log;
};

/* Looks at the files of an open connection, which has read from them. They are db's. */
enum err_code sqlite_files_note(struct sqlite_files *ret_files, sqlite3 *db,
                                struct err *err) MUST_CHECK;

/* ERR_UNAVAILABLE, and what to do, if a name leads to nothing or to another file. */
enum err_code sqlite_files_check(const struct sqlite_files *files, struct err *err) MUST_CHECK;

#endif
