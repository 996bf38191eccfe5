/*
 * environment.h - the variables that a tool sees: a few fixed ones, who calls it, its secrets,
 * and nothing of the server's own. Included by src/tool/ only.
 *
 *   PATH HOME LANG TMPDIR      as on a small Debian; HOME is the scratch folder
 *   PAWL_SCRATCH               the session's writable folder, kept from call to call
 *   PAWL_SESSION PAWL_CALL PAWL_ATTEMPT PAWL_IDEMPOTENCY_KEY PAWL_TOOL
 *
 * They are handed to bubblewrap as its own environment and inherited from there, so that no
 * value stands in a command line, where every user of the machine could read it.
 */
#ifndef TOOL_ENVIRONMENT_H
#define TOOL_ENVIRONMENT_H

#include "tool/tool.h"

#define SANDBOX_PATH    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SANDBOX_SCRATCH "/scratch"

/*
 * Appends NAME=value, each with its 0. ERR_INVALID for a secret whose name is no name of a
 * variable, is one of those above, or would act on bubblewrap itself (LD_*), or whose value
 * holds a 0; ERR_LIMIT for more than max of them. No message holds a value.
 */
enum err_code environment_put(struct buf *packet, const struct tool_run *run, uint32_t max,
                              uint32_t *ret_n, struct err *err) MUST_CHECK;

#endif
