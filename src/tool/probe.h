/*
 * probe.h - does the sandbox work on this machine? Included by src/tool/ only.
 */
#ifndef TOOL_PROBE_H
#define TOOL_PROBE_H

#include "base/err.h"

/*
 * Runs `true` in the sandbox, by a launcher that has said WIRE_READY, and waits for it: the same
 * way that every tool takes, with every layer. ERR_UNAVAILABLE with what failed, and where it can
 * be known with what to do about it. Blocks: it is for the start of the server.
 */
enum err_code probe_sandbox(int sock, struct err *err) MUST_CHECK;

#endif
