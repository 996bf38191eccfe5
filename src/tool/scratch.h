/*
 * scratch.h - the folders that tools may write to: one a session, below the scratch root.
 * Included by src/tool/ only.
 *
 * Tools write what they like there: links to anywhere, unreadable folders, trees a million
 * deep. So nothing here follows a link, and removal neither recurses nor builds long paths.
 */
#ifndef TOOL_SCRATCH_H
#define TOOL_SCRATCH_H

#include <sys/types.h>

#include "base/buf.h"

enum { SESSION_NAME_MAX = 100 };

/* Letters, digits, '_' and '-', at most SESSION_NAME_MAX: safe as a name of a folder. */
int scratch_name_is_valid(struct slice session);

/* Makes the root if it is not there (its parent must be) and checks that it is a folder. */
enum err_code scratch_root_open(int *ret_fd, const char *path, struct err *err) MUST_CHECK;

/*
 * Somebody removed the root: makes it again, behind the same descriptor. If it cannot, nothing is
 * changed, and scratch_make() says why.
 */
void scratch_root_renew(int root, const char *path);

/* Makes the session's folder if need be, and gives it to owner with mode 0700. */
enum err_code scratch_make(int root, const char *session, uid_t owner, struct err *err) MUST_CHECK;

/* Takes the session's folder out of the way at once, if it has one; scratch_sweep() removes it. */
enum err_code scratch_retire(int root, const char *session, struct err *err) MUST_CHECK;

/* Removes all that was retired, in this run or one before, as far as it can. May take long. */
void scratch_sweep(int root);

#endif
