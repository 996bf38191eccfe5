/*
 * sandbox_args.h - bubblewrap's command line. Included by src/tool/ only.
 */
#ifndef TOOL_SANDBOX_ARGS_H
#define TOOL_SANDBOX_ARGS_H

#include "base/arena.h"
#include "tool/sandbox.h"

struct sandbox_fds {
    int status;
    int gate;
    int filter;
};

/* read_folders: as in struct view. NULL-terminated; lives in the arena. */
const char *const *sandbox_args(struct arena *arena, const struct sandbox *box,
                                const struct wire_message *order, uint32_t read_folders,
                                const struct sandbox_fds *fds);

#endif
