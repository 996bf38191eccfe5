/*
 * sandbox.h - one tool's process, from fork to exec: its user, its view of the machine, the
 * command line of bubblewrap, its limits. Included by src/tool/ only.
 *
 * What a tool finds: its own user, process, network, IPC, mount and host name namespaces; /usr,
 * /etc and the like read-only; the project folder read-only at its own path, and as working
 * folder; its write paths, where they are; empty /tmp and /dev/shm as large as its memory limit;
 * /scratch, its session's, to write to; no capability; a filter of system calls (filter.h). The
 * server's store and the other sessions' scratch folders are covered. As root it runs under an
 * unprivileged user.
 */
#ifndef TOOL_SANDBOX_H
#define TOOL_SANDBOX_H

#include "tool/wire.h"

/* The same for all tools; made before the launcher forks, and its own copy from then on. */
struct sandbox {
    char *bwrap;       /* the path of bubblewrap */
    char *project_dir; /* its real path */
    char *scratch_root;
    char **covered; /* the store and the scratch root, NULL-terminated */
    struct buf filter;
    int scratch_fd; /* the root, open */
    uint32_t uid_base;
    int is_root;
};

/*
 * Finds bubblewrap, makes the filter, and makes and opens the scratch root. masked may be NULL.
 * ERR_INVALID: a path that cannot be used; ERR_UNAVAILABLE: something is missing.
 */
enum err_code sandbox_init(struct sandbox *ret_box, const char *project_dir,
                           const char *scratch_root, const char *const *masked, uint32_t uid_base,
                           struct err *err) MUST_CHECK;
void sandbox_release(struct sandbox *box); /* NULL-safe, repeatable */

/* The user under which this session's tools run. */
uid_t sandbox_uid(const struct sandbox *box, const char *session);

/*
 * In a forked process of the launcher: becomes bubblewrap, with the tool's stdin, stdout and
 * stderr as its own. status_fd: where bubblewrap reports (--json-status-fd); gate_fd: what it
 * waits for before it runs the command. If it cannot, it says why on stderr and exits.
 */
_Noreturn void sandbox_exec(const struct sandbox *box, const struct wire_message *order,
                            const int fds[WIRE_FDS], int status_fd, int gate_fd);

/*
 * The tool's limits, set on the waiting first process of its sandbox. Not before: bubblewrap
 * would be limited with it, and the number of processes would be counted over all that the same
 * user runs. Inside the tool's own user namespace only its own are counted (Linux 5.14).
 */
enum err_code sandbox_limit(const struct sandbox *box, pid_t init, uid_t uid,
                            const struct wire_limits *limits, struct err *err) MUST_CHECK;

#endif
