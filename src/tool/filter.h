/*
 * filter.h - the system calls that a tool may not make, as a seccomp program. Included by
 * src/tool/ only.
 *
 * The sandbox's namespaces decide what a tool can reach; this takes away the doors of the
 * kernel that tools do not need and that its bugs come through: new namespaces and mounts,
 * tracing, bpf, io_uring, keys, modules, and sockets of rare families. Refused calls fail with
 * EPERM (clone3 with ENOSYS: its flags cannot be seen from here, and libc then falls back to
 * clone); a call of another architecture ends the process.
 */
#ifndef TOOL_FILTER_H
#define TOOL_FILTER_H

#include "base/buf.h"

enum { FILTER_BYTES_MAX = 32 * 1024 };

/* Appends the program, as bubblewrap reads it from --seccomp. */
enum err_code filter_make(struct buf *ret_program, struct err *err) MUST_CHECK;

#endif
