/*
 * launcher_process.h - the launcher itself: the process behind launcher.h's socket. Included by
 * src/tool/ only.
 *
 * It is the first process of a process namespace of its own (as an ordinary user in a user
 * namespace of its own, too). So all that descends from it ends when it ends, by the kernel and
 * before anyone can wait for it; what lost its parent becomes its child; and one kill(-1) reaches
 * everything. One thread, and nothing in it blocks but the report of an end to the server.
 */
#ifndef TOOL_LAUNCHER_PROCESS_H
#define TOOL_LAUNCHER_PROCESS_H

#include "tool/sandbox.h"

/*
 * Forks. The parent gets the child's pid; the child serves the socket until it ends, ends all
 * tools, and exits: it does not return. lock_fd, or -1, is kept open until then. The child says
 * WIRE_READY or WIRE_REFUSED first.
 */
enum err_code launcher_process_start(pid_t *ret_pid, const struct sandbox *box, int sock,
                                     int lock_fd, struct err *err) MUST_CHECK;

#endif
