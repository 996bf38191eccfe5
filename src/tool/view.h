/*
 * view.h - mount namespaces: the launcher's own, and what each tool's bubblewrap finds in it.
 * Included by src/tool/ only.
 *
 * Why not leave the paths to bubblewrap: as root it runs under the tools' unprivileged user,
 * and that user may not pass through /root or a home to a project there. So while it still may,
 * each tool's process binds what its tool shall see (project, scratch folder, read and write paths)
 * below VIEW_STAGE, a small tmpfs over /sys that only the launcher's namespace has (nothing here
 * needs /sys), and covers what no tool may see at its own place, before anything is bound from
 * there.
 */
#ifndef TOOL_VIEW_H
#define TOOL_VIEW_H

#include <stdint.h>

#include "base/err.h"

#define VIEW_STAGE   "/sys"
#define VIEW_PROJECT VIEW_STAGE "/project"
#define VIEW_SCRATCH VIEW_STAGE "/scratch"

enum { VIEW_STAGED_MAX = 64 };

/* For a process that is alone in new mount and process namespaces: /proc, VIEW_STAGE. */
enum err_code view_init(struct err *err) MUST_CHECK;

struct view {
    const char *project_dir;
    const char *scratch_dir;    /* the session's */
    const char *const *covered; /* NULL-terminated, absolute; what is not there is left out */
    const char *const *read_paths;
    const char *const *write_paths; /* real paths: what has become a link since is refused */
    uint32_t read_folders;          /* out: bit i: the i-th read path is a folder, not a file */
};

/* Where the i-th read path was bound, or the i-th write path. They return staged. */
const char *view_staged(char staged[VIEW_STAGED_MAX], unsigned i, int is_dir);
const char *view_staged_write(char staged[VIEW_STAGED_MAX], unsigned i);

/* Gives this process a mount namespace of its own, and makes the view in it. */
enum err_code view_enter(struct view *view, struct err *err) MUST_CHECK;

#endif
