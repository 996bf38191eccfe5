#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static enum err_code fail(struct err *err, int errnum)
{
    char reason[96];

    (void)err_sys(err, errnum, "read"); /* for the code */
    enum err_code code = err->code;

    return err_set(err, code, "%s", strerror_r(errnum, reason, sizeof(reason)));
}

enum err_code file_read(struct buf *buf, const char *path, struct err *err)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char chunk[16 * 1024];

    if (fd < 0)
        return fail(err, errno);
    while (buf->len < buf->max) {
        size_t room = buf->max - buf->len;
        ssize_t got = read(fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno);
        if (got == 0)
            break;
        buf_put(buf, (struct slice){ chunk, (size_t)got });
    }
    explicit_bzero(chunk, sizeof(chunk)); /* a key may stand in the file */
    return ERR_NONE;
}
