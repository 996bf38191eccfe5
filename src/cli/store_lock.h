/*
 * store_lock.h - that one process at a time works on a store: what `serve` and what writes without
 * a server have in common. For cli/ only.
 */
#ifndef CLI_STORE_LOCK_H
#define CLI_STORE_LOCK_H

#include <limits.h>

#include "base/err.h"

/* The one name that a file has however it is reached, whether it is there yet or not. */
void store_lock_resolve(const char *path, char ret_real[PATH_MAX]);

/*
 * The lock file has the name of the store; the store may have two names, and the lock file can be
 * removed. So the database itself is locked, too, for as long as *ret_fd is open: closing it would
 * take SQLite's own locks along, so it is left to the end of the process. ERR_CONFLICT: another has
 * it.
 */
enum err_code store_lock_guard(const char *path, int *ret_fd, struct err *err) MUST_CHECK;

#endif
