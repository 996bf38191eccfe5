#include "cli/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

void store_lock_resolve(const char *path, char ret_real[PATH_MAX])
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (realpath(path, ret_real))
        return;
    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
                   slash ? path : ".");
    if (!slash || !realpath(folder[0] ? folder : "/", ret_real)) {
        (void)snprintf(ret_real, PATH_MAX, "%s", path);
        return;
    }
    (void)snprintf(ret_real + strlen(ret_real), PATH_MAX - strlen(ret_real), "%s", slash);
}

enum err_code store_lock_guard(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open the store %s", path);
    *ret_fd = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT,
                       "the store is in use: another server works on %s, by this name or another; "
                       "stop it first",
                       path);
    return ERR_NONE;
}
