/*
 * sqlite_backup.h - a copy of a store that others go on writing to. For src/store/ only.
 *
 * It is of one moment and compact: SQLite writes what a reader sees into a new file (VACUUM INTO),
 * and what was deleted is not in it. Writers are not held up; their log cannot start over until the
 * copy is done.
 */
#ifndef STORE_SQLITE_BACKUP_H
#define STORE_SQLITE_BACKUP_H

#include "base/err.h"

/* See store_backup(). */
enum err_code sqlite_backup(const char *store, const char *path, struct err *err) MUST_CHECK;

#endif
