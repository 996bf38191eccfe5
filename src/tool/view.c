#include "tool/view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/wire.h"

#define COVER_FILE VIEW_STAGE "/covered-file"
#define COVER_DIR  VIEW_STAGE "/covered-folder"

static enum err_code make_file(const char *path, mode_t mode, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return err_sys(err, errno, "make %s", path);
    (void)close(fd);
    return ERR_NONE;
}

static enum err_code make_dir(const char *path, mode_t mode, struct err *err)
{
    return mkdir(path, mode) != 0 ? err_sys(err, errno, "make %s", path) : ERR_NONE;
}

const char *view_staged(char staged[VIEW_STAGED_MAX], unsigned i, int is_dir)
{
    (void)snprintf(staged, VIEW_STAGED_MAX, VIEW_STAGE "/%s%u", is_dir ? "folder" : "file", i);
    return staged;
}

const char *view_staged_write(char staged[VIEW_STAGED_MAX], unsigned i)
{
    (void)snprintf(staged, VIEW_STAGED_MAX, VIEW_STAGE "/write%u", i);
    return staged;
}

/* The mount points are made once, for all tools: each binds over them in its own namespace. */
static enum err_code make_stage(struct err *err)
{
    char path[VIEW_STAGED_MAX];

    if (mount("pawl", VIEW_STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") != 0)
        return err_sys(err, errno, "mount a tmpfs");
    if (make_dir(VIEW_PROJECT, 0755, err) || make_dir(VIEW_SCRATCH, 0755, err) ||
        make_dir(COVER_DIR, 0, err) || make_file(COVER_FILE, 0, err))
        return err->code;
    for (unsigned i = 0; i < WIRE_READ_PATHS_MAX; i++) {
        if (make_dir(view_staged(path, i, 1), 0755, err) ||
            make_file(view_staged(path, i, 0), 0644, err))
            return err->code;
    }
    for (unsigned i = 0; i < WIRE_WRITE_PATHS_MAX; i++) {
        if (make_dir(view_staged_write(path, i), 0755, err))
            return err->code;
    }
    return ERR_NONE;
}

static enum err_code make_mounts(struct err *err)
{
    /* Slave: what is mounted or unmounted outside later is so in here, too, not the reverse. */
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) != 0)
        return err_sys(err, errno, "part from the machine's mounts");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
        return err_sys(err, errno, "mount /proc for the tools' processes");
    return make_stage(err);
}

enum err_code view_init(struct err *err)
{
    mode_t former = umask(022);
    enum err_code code = make_mounts(err);

    (void)umask(former);
    return code;
}

static enum err_code bind(const char *from, const char *to, struct err *err)
{
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
        return err_sys(err, errno, "bind %s", from);
    return ERR_NONE;
}

/* By its real path: a link to it leads to the cover, too. */
static enum err_code cover(const char *path, struct err *err)
{
    char real[PATH_MAX];
    struct stat stat_buf;

    if (!realpath(path, real)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return ERR_NONE;
        return err_sys(err, errno, "cover %s", path);
    }
    if (stat(real, &stat_buf) != 0)
        return err_sys(err, errno, "cover %s", real);
    return bind(S_ISDIR(stat_buf.st_mode) ? COVER_DIR : COVER_FILE, real, err);
}

static enum err_code bind_read_path(struct view *view, unsigned i, struct err *err)
{
    const char *path = view->read_paths[i];
    char staged[VIEW_STAGED_MAX];
    struct stat stat_buf;

    if (path[0] != '/' || path[1] == '\0')
        return err_set(err, ERR_INVALID, "cannot give it %s: no absolute path below /", path);
    if (stat(path, &stat_buf) != 0)
        return err_sys(err, errno, "cannot give it %s to read", path);
    int is_dir = S_ISDIR(stat_buf.st_mode);

    if (is_dir)
        view->read_folders |= 1u << i;
    return bind(path, view_staged(staged, i, is_dir), err);
}

/*
 * A tool that may change a folder could put a link there, and the next one would be given what it
 * leads to. So no part of the path may be a link, and what was looked at is what is bound.
 */
static enum err_code bind_write_path(const char *path, unsigned i, struct err *err)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_NO_SYMLINKS };
    char opened[64];
    char staged[VIEW_STAGED_MAX];

    if (path[0] != '/' || path[1] == '\0')
        return err_set(err, ERR_INVALID, "cannot give it %s: no absolute path below /", path);
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_UNAVAILABLE,
                       "cannot give it %s to write to: a part of the path is a symbolic link",
                       path);
    if (fd < 0)
        return err_sys(err, errno, "cannot give it %s to write to", path);
    (void)snprintf(opened, sizeof(opened), "/proc/self/fd/%d", fd);
    enum err_code code = bind(opened, view_staged_write(staged, i), err);

    (void)close(fd);
    return code;
}

enum err_code view_enter(struct view *view, struct err *err)
{
    if (unshare(CLONE_NEWNS) != 0)
        return err_sys(err, errno, "make a mount namespace");
    /* The scratch folder first: its root is among what is covered. */
    if (bind(view->scratch_dir, VIEW_SCRATCH, err))
        return err->code;
    for (size_t i = 0; view->covered[i]; i++) {
        if (cover(view->covered[i], err))
            return err->code;
    }
    if (bind(view->project_dir, VIEW_PROJECT, err))
        return err->code;
    ASSERT(WIRE_READ_PATHS_MAX <= 32); /* bits of read_folders */
    for (unsigned i = 0; view->read_paths[i]; i++) {
        if (bind_read_path(view, i, err))
            return err->code;
    }
    for (unsigned i = 0; view->write_paths[i]; i++) {
        if (bind_write_path(view->write_paths[i], i, err))
            return err->code;
    }
    return ERR_NONE;
}
