#include "net/slow_close.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"

enum {
    SLOW_CLOSE_MS = 2000,
    SLOW_CLOSE_BYTES_MAX = 16 * 1024 * 1024,
    SLOW_CLOSE_SOCKETS_MAX = 64, /* more are closed at once: a courtesy must not cost descriptors */
    SLOW_CLOSE_READ_BYTES = 16 * 1024,
};

struct socket_left {
    struct slow_close *closer;
    struct link link;
    int fd;
    struct loop_fd *watch;
    struct loop_timer timer;
    size_t bytes_left;
};

struct slow_close {
    struct loop *loop;
    struct list sockets;
    unsigned n;
};

struct slow_close *slow_close_new(struct loop *loop)
{
    struct slow_close *closer = xcalloc(1, sizeof(*closer));

    closer->loop = loop;
    return closer;
}

static void close_socket(struct socket_left *left)
{
    loop_fd_stop(left->watch);
    loop_timer_stop(left->closer->loop, &left->timer);
    (void)close(left->fd);
    list_remove(&left->closer->sockets, &left->link);
    left->closer->n--;
    free(left);
}

static void on_late(void *arg)
{
    close_socket(arg);
}

static void on_readable(void *arg, unsigned events)
{
    struct socket_left *left = arg;
    char bytes[SLOW_CLOSE_READ_BYTES];
    ssize_t n = recv(left->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || (size_t)n >= left->bytes_left)
        close_socket(left);
    else
        left->bytes_left -= (size_t)n;
}

void slow_close_add(struct slow_close *closer, int fd)
{
    if (closer->n >= SLOW_CLOSE_SOCKETS_MAX) {
        (void)close(fd);
        return;
    }
    struct socket_left *left = xcalloc(1, sizeof(*left));

    *left = (struct socket_left){
        .closer = closer,
        .fd = fd,
        .bytes_left = SLOW_CLOSE_BYTES_MAX,
    };
    list_add(&closer->sockets, &left->link);
    closer->n++;
    left->watch = loop_fd_start(closer->loop, fd, LOOP_READ, on_readable, left);
    loop_timer_start(closer->loop, &left->timer, SLOW_CLOSE_MS, on_late, left);
}

void slow_close_free(struct slow_close *closer)
{
    if (!closer)
        return;
    for (struct link *at = list_first(&closer->sockets), *next; at; at = next) {
        next = at->next;
        close_socket(CONTAINER_OF(at, struct socket_left, link));
    }
    free(closer);
}
