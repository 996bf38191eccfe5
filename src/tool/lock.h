/*
 * lock.h - the file lock that lets one process at a time work on a store.
 *
 * It is an flock(2) of the open file, so a forked process that keeps the descriptor shares it:
 * the lock is free when the last of them has closed it or is dead. The file stays (to remove
 * it would race with the next taker) and names its holder's process id.
 */
#ifndef TOOL_LOCK_H
#define TOOL_LOCK_H

#include "base/err.h"

/* ERR_CONFLICT: somebody else holds it; the message names the file and the process. */
enum err_code lock_take(int *ret_fd, const char *path, struct err *err) MUST_CHECK;

#endif
