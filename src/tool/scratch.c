#include "tool/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* No session's name begins with a dot. */
#define RETIRED ".gone-"

enum { RETIRED_NAME_MAX = 32 };

int scratch_name_is_valid(struct slice session)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (session.len == 0 || session.len > SESSION_NAME_MAX)
        return 0;
    for (size_t i = 0; i < session.len; i++) {
        if (session.ptr[i] == '\0' || !strchr(allowed, session.ptr[i]))
            return 0;
    }
    return 1;
}

enum err_code scratch_root_open(int *ret_fd, const char *path, struct err *err)
{
    /* 0711: as root the tools' users pass through it to their own folder and list nothing. */
    if (mkdir(path, 0711) != 0 && errno != EEXIST)
        return err_sys(err, errno, "make the scratch folder %s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open the scratch folder %s", path);
    if (faccessat(fd, ".", W_OK | X_OK, 0) != 0) {
        (void)err_sys(err, errno, "write to the scratch folder %s", path);
        (void)close(fd);
        return err->code;
    }
    *ret_fd = fd;
    return ERR_NONE;
}

void scratch_root_renew(int root, const char *path)
{
    struct stat now;
    struct err err = { 0 };
    int fd = -1;

    if ((fstat(root, &now) == 0 && now.st_nlink > 0) || scratch_root_open(&fd, path, &err))
        return;
    (void)dup3(fd, root, O_CLOEXEC);
    (void)close(fd);
}

enum err_code scratch_make(int root, const char *session, uid_t owner, struct err *err)
{
    ASSERT(scratch_name_is_valid(slice_of(session)));
    if (mkdirat(root, session, 0700) != 0 && errno != EEXIST)
        return err_sys(err, errno, "make the session's scratch folder %s", session);
    int fd = openat(root, session, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open the session's scratch folder %s", session);
    enum err_code code = ERR_NONE;

    if ((geteuid() == 0 && fchown(fd, owner, (gid_t)owner) != 0) || fchmod(fd, 0700) != 0)
        code = err_sys(err, errno, "give the scratch folder %s to its user", session);
    (void)close(fd);
    return code;
}

/* Moves a folder to the root under a name that nobody has, also none left by a dead launcher. */
static enum err_code retire(int from, const char *name, int root, struct err *err)
{
    char retired[RETIRED_NAME_MAX];
    uint64_t nonce = 0;

    if (getrandom(&nonce, sizeof(nonce), 0) != (ssize_t)sizeof(nonce))
        return err_sys(err, errno, "draw a name");
    (void)snprintf(retired, sizeof(retired), RETIRED "%016" PRIx64, nonce);
    if (renameat(from, name, root, retired) != 0)
        return err_sys(err, errno, "move the scratch folder %s", name);
    return ERR_NONE;
}

enum err_code scratch_retire(int root, const char *session, struct err *err)
{
    struct err cause = { 0 };

    ASSERT(scratch_name_is_valid(slice_of(session)));
    if (retire(root, session, root, &cause) && cause.code != ERR_NOT_FOUND) {
        *err = cause;
        return err->code;
    }
    return ERR_NONE;
}

static int is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Empties one retired folder: files are unlinked, folders are moved up beside it as retired
 * folders of their own. So a tree of any depth is taken apart level by level.
 */
static void empty_folder(int root, const char *name)
{
    int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct err err = { 0 };

        if (is_dot(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        /* What can be neither removed nor moved stays, and the folder with it: the caller sees
         * that it is not gone. */
        if (retire(dirfd(dir), entry->d_name, root, &err))
            break;
    }
    (void)closedir(dir);
}

/* One pass over the root. True if a folder went: its own folders may now stand beside it. */
static int sweep_once(int root)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int has_removed = 0;

    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, RETIRED, strlen(RETIRED)) != 0)
            continue;
        empty_folder(root, entry->d_name);
        if (unlinkat(root, entry->d_name, AT_REMOVEDIR) == 0)
            has_removed = 1;
    }
    (void)closedir(dir);
    return has_removed;
}

void scratch_sweep(int root)
{
    while (sweep_once(root))
        ;
}
