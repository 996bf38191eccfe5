/*
 * launcher.h - the small process that starts every command, and outlives a killed server just
 * long enough to end them all.
 *
 * Promise: after the server is gone, by whatever way, no tool of it is left by the time the
 * store's lock is free. So a new server that got the lock is alone.
 *
 * How: launcher_start() takes the lock and forks, before any thread, database or secret is
 * there. The launcher shares the lock's open file description, starts each tool in bubblewrap
 * (sandbox.h) with its pipes passed over a socket, and when that socket ends kills all of them,
 * waits until they are dead, and exits; only then the lock is free.
 *
 * Threads: every call belongs to the loop's thread; launcher_start() to a process with one.
 */
#ifndef TOOL_LAUNCHER_H
#define TOOL_LAUNCHER_H

#include "loop/loop.h"
#include "tool/tool.h"

struct launcher;

struct launcher_config {
    const char *lock_path;    /* "" or NULL: no lock (an executor without a store, a test) */
    const char *project_dir;  /* absolute; the tools' working folder, bound read-only */
    const char *scratch_root; /* absolute; holds a folder a session, made when first needed */
    const char *output_dir; /* absolute; for outputs in files without a name (output.h). Or NULL */
    /* NULL-terminated absolute paths that no tool may see: the store. Each is covered for a tool
     * if it is there when the tool starts. */
    const char *const *masked;
    uint32_t uid_base; /* as root: tools of a session run as one of 65536 ids from here */
};

/*
 * Takes the lock and forks. ERR_CONFLICT if another server (or its last tools) holds the lock:
 * the message names the lock and the holder's process id. ERR_UNAVAILABLE if bubblewrap or a
 * layer of the sandbox is missing: the message says which, and what to install. ERR_INVALID if
 * the project folder cannot be one (no absolute path, or it lies in what tools may not see).
 */
enum err_code launcher_start(struct launcher **ret_launcher, const struct launcher_config *config,
                             struct err *err) MUST_CHECK;

/* From now on runs can be started. If the launcher dies, all runs end as TOOL_LOST, later ones
 * as TOOL_NOT_STARTED, and on_lost is called: the server cannot go on and ends itself. */
void launcher_attach(struct launcher *launcher, struct loop *loop, loop_fn *on_lost, void *arg);

/* The runner of `exec:` tools. Borrowed from the launcher. */
struct tool_runner *launcher_runner(struct launcher *launcher);

/* Removes a session's scratch folder; no run of it may be open. */
void launcher_forget_session(struct launcher *launcher, struct slice session);

/* Ends every run (each gets its done call), waits for the launcher, frees. NULL-safe. */
void launcher_stop(struct launcher *launcher);

#endif
