/*
 * Level-triggered, on the loop: what is not taken now is there in the next turn. So that nobody
 * spins where nothing can be taken, the loop does not watch the socket then.
 */
#include "net/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 1024,
    TAKEN_A_TURN = 64, /* requests that are there want their turn, too */
    RETRY_MS = 100,
    SHORTAGE_OVER_MS = 60000,
};

struct http_listener {
    struct loop *loop;
    struct http_listener_config config;
    int fd;
    uint16_t port;
    int64_t short_ms; /* the last time that the system had no descriptor; 0: never */
    struct loop_fd *watch;
    struct loop_timer retry;
};

/* ---- opening ---- */

static enum err_code read_address(const struct http_listener_config *config,
                                  union http_address *ret_address, struct err *err)
{
    union http_address address = { .v6 = { .sin6_family = AF_INET6 } };

    if (inet_pton(AF_INET6, config->host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_port = htons(config->port);
        *ret_address = address;
        return ERR_NONE;
    }
    address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(config->port) };
    if (inet_pton(AF_INET, config->host, &address.v4.sin_addr) == 1) {
        *ret_address = address;
        return ERR_NONE;
    }
    return err_set(err, ERR_INVALID,
                   "'%s' is not an IP address to listen on; write one, like 127.0.0.1",
                   config->host);
}

static enum err_code listen_failed(const struct http_listener_config *config, int errnum,
                                   struct err *err)
{
    char reason[96];

    if (errnum == EADDRINUSE)
        (void)err_set(err, ERR_UNAVAILABLE,
                      "address %s port %u is in use: stop the program that has it, or listen on "
                      "another port",
                      config->host, (unsigned)config->port);
    else
        (void)err_set(err, ERR_UNAVAILABLE, "cannot listen on %s port %u: %s", config->host,
                      (unsigned)config->port, strerror_r(errnum, reason, sizeof(reason)));
    err->sys = errnum;
    return err->code;
}

static void fd_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static int fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

static enum err_code open_listener(int *ret_fd, uint16_t *ret_port,
                                   const struct http_listener_config *config, struct err *err)
{
    union http_address address = { 0 };
    socklen_t len = sizeof(address);
    int on = 1;

    if (read_address(config, &address, err))
        return err->code;
    CLEANUP(fd_close)
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &address.any, sizeof(address)) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ||
        getsockname(fd, &address.any, &len) != 0)
        return listen_failed(config, errno, err);
    *ret_port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *ret_fd = fd_take(&fd);
    return ERR_NONE;
}

/* ---- taking ---- */

static void on_retry(void *arg)
{
    http_listener_resume(arg);
}

static void wait_for_place(struct http_listener *listener)
{
    listener->config.want_place(listener->config.arg);
    loop_fd_change(listener->watch, 0);
    loop_timer_start(listener->loop, &listener->retry, RETRY_MS, on_retry, listener);
}

void http_listener_resume(struct http_listener *listener)
{
    if (!listener)
        return;
    loop_timer_stop(listener->loop, &listener->retry);
    loop_fd_change(listener->watch, LOOP_READ);
}

/* At the edge one is taken now and then: it is the same shortage. */
static void note_shortage(struct http_listener *listener, int errnum)
{
    int64_t now_ms = loop_mono_ms(listener->loop);
    int is_new = listener->short_ms == 0 || now_ms - listener->short_ms > SHORTAGE_OVER_MS;

    listener->short_ms = now_ms;
    if (is_new)
        listener->config.on_short(listener->config.arg, errnum);
}

/* False: it makes no sense to go on in this turn. */
static int take_one(struct http_listener *listener)
{
    union http_address from = { 0 };
    socklen_t len = sizeof(from);
    int fd = accept4(listener->fd, &from.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        listener->config.on_taken(listener->config.arg, fd, &from, len);
        return 1;
    }
    if (errno == EAGAIN)
        return 0;
    if (errno == EINTR || errno == ECONNABORTED)
        return 1;
    /* EMFILE, ENFILE, ENOBUFS, ENOMEM; whatever else there is does not pass at once, either. */
    note_shortage(listener, errno);
    wait_for_place(listener);
    return 0;
}

static void on_events(void *arg, unsigned events)
{
    struct http_listener *listener = arg;
    unsigned places = listener->config.places(listener->config.arg);

    (void)events;
    if (places == 0)
        wait_for_place(listener);
    for (unsigned i = 0; i < TAKEN_A_TURN && i < places; i++) {
        if (!take_one(listener))
            return;
    }
}

/* ---- life ---- */

enum err_code http_listener_new(struct http_listener **ret_listener, struct loop *loop,
                                const struct http_listener_config *config, struct err *err)
{
    uint16_t port = 0;
    int fd = -1;

    if (open_listener(&fd, &port, config, err))
        return err->code;
    struct http_listener *listener = xcalloc(1, sizeof(*listener));

    *listener = (struct http_listener){ .loop = loop, .config = *config, .fd = fd, .port = port };
    listener->watch = loop_fd_start(loop, fd, LOOP_READ, on_events, listener);
    *ret_listener = listener;
    return ERR_NONE;
}

uint16_t http_listener_port(const struct http_listener *listener)
{
    return listener->port;
}

void http_listener_free(struct http_listener *listener)
{
    if (!listener)
        return;
    loop_fd_stop(listener->watch);
    loop_timer_stop(listener->loop, &listener->retry);
    (void)close(listener->fd);
    free(listener);
}
