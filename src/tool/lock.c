#include "tool/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { PID_TEXT_MAX = 32 };

/* 0 if the file does not say. */
static long holder_of(int fd)
{
    char text[PID_TEXT_MAX] = "";
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

    return len > 0 ? strtol(text, NULL, 10) : 0;
}

static enum err_code conflict(int fd, const char *path, struct err *err)
{
    long pid = holder_of(fd);
    char holder[PID_TEXT_MAX + 16] = "another server";

    if (pid > 0)
        (void)snprintf(holder, sizeof(holder), "process %ld", pid);
    return err_set(err, ERR_CONFLICT,
                   "the store is in use: %s is held by %s; stop that server first (after a kill "
                   "its last tools may need a moment)",
                   path, holder);
}

static int write_holder(int fd)
{
    char text[PID_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        return -1;
    return 0;
}

enum err_code lock_take(int *ret_fd, const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_sys(err, errno, "open the lock file %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            (void)conflict(fd, path, err);
        else
            (void)err_sys(err, errno, "lock %s", path);
        goto fail;
    }
    if (write_holder(fd) != 0) {
        (void)err_sys(err, errno, "write the lock file %s", path);
        goto fail;
    }
    *ret_fd = fd;
    return ERR_NONE;
fail:
    (void)close(fd);
    return err->code;
}
