/*
 * raw_socket.h - a bare TCP peer on the loop of a test: says exactly the bytes it is told to,
 * and keeps what it hears.
 */
#ifndef UNIT_RAW_SOCKET_H
#define UNIT_RAW_SOCKET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "loop/loop.h"

enum { RAW_BYTES_MAX = 8 * 1024 * 1024 };

struct raw {
    struct loop *loop;
    int fd;
    struct loop_fd *watch;
    struct buf in;
    struct buf out;
    size_t sent;
    int has_end;       /* the peer's end was read */
    int is_closed;     /* and all that was to be said was said */
    int was_reset;     /* an error came instead of an end, or cut us off */
    const char *until; /* raw_read_until() waits for it */
};

static inline void raw_check(struct raw *raw)
{
    if (raw->is_closed || (raw->until && strstr(buf_cstr(&raw->in), raw->until)))
        loop_stop(raw->loop);
}

static inline void raw_write(struct raw *raw)
{
    ssize_t n = send(raw->fd, raw->out.data + raw->sent, raw->out.len - raw->sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        raw->sent += (size_t)n;
    else if (errno != EAGAIN) {
        raw->was_reset = 1;
        raw->sent = raw->out.len;
    }
}

static inline void raw_read(struct raw *raw)
{
    char bytes[65536];
    ssize_t n = recv(raw->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0)
        buf_put(&raw->in, (struct slice){ bytes, (size_t)n });
    else if (n == 0 || errno != EAGAIN) {
        raw->has_end = 1;
        raw->was_reset |= n < 0;
    }
}

static inline void raw_on_events(void *arg, unsigned events)
{
    struct raw *raw = arg;

    if ((events & LOOP_WRITE) && raw->sent < raw->out.len)
        raw_write(raw);
    if ((events & LOOP_READ) && !raw->has_end)
        raw_read(raw);
    int is_sending = raw->sent < raw->out.len;

    raw->is_closed = raw->has_end && !is_sending;
    if (raw->is_closed) {
        loop_fd_stop(raw->watch);
        raw->watch = NULL;
    } else {
        loop_fd_change(raw->watch,
                       (raw->has_end ? 0u : LOOP_READ) | (is_sending ? LOOP_WRITE : 0u));
    }
    raw_check(raw);
}

static inline void raw_watch(struct raw *raw, struct loop *loop, int fd)
{
    int on = 1;

    *raw = (struct raw){ .loop = loop, .fd = fd };
    raw->in.max = raw->out.max = RAW_BYTES_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    raw->watch = loop_fd_start(loop, fd, LOOP_READ, raw_on_events, raw);
}

static inline void raw_open(struct raw *raw, struct loop *loop, uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    raw_watch(raw, loop, fd);
}

static inline void raw_send(struct raw *raw, struct slice bytes)
{
    buf_put(&raw->out, bytes);
    if (raw->watch)
        loop_fd_change(raw->watch, LOOP_READ | LOOP_WRITE);
}

static inline void raw_says(struct raw *raw, const char *text)
{
    raw_send(raw, slice_of(text));
}

/* Runs the loop until the text came, or the peer closed. Others may stop the loop before. */
static inline void raw_read_until(struct raw *raw, const char *text)
{
    raw->until = text;
    while (!raw->is_closed && !strstr(buf_cstr(&raw->in), text))
        loop_run(raw->loop);
    raw->until = NULL;
}

static inline void raw_read_to_end(struct raw *raw)
{
    while (!raw->is_closed)
        loop_run(raw->loop);
}

static inline void raw_close(struct raw *raw)
{
    loop_fd_stop(raw->watch);
    if (raw->fd >= 0)
        (void)close(raw->fd);
    buf_release(&raw->in);
    buf_release(&raw->out);
    *raw = (struct raw){ .fd = -1 };
}

/* Some turns of the loop, so that everybody sees what was sent so far. */
struct raw_turns {
    struct loop *loop;
    struct loop_post post;
    int left;
};

static inline void raw_turn(void *arg)
{
    struct raw_turns *turns = arg;

    if (turns->left-- > 0)
        loop_post(turns->loop, &turns->post, raw_turn, turns);
    else
        loop_stop(turns->loop);
}

static inline void raw_run_turns(struct loop *loop, int n)
{
    struct raw_turns turns = { .loop = loop, .left = n };

    raw_turn(&turns);
    while (turns.left >= 0)
        loop_run(loop);
}

static inline void raw_count(void *arg)
{
    ++*(int *)arg;
}

static inline void raw_stop(void *arg)
{
    loop_stop(arg);
}

/* How often the loop turns while nothing happens for a moment: often means that somebody spins. */
static inline int raw_turns_at_rest(struct loop *loop)
{
    struct loop_timer timer = { 0 };
    int turns = 0;

    raw_run_turns(loop, 10);
    loop_set_turn_end(loop, raw_count, &turns);
    loop_timer_start(loop, &timer, 50, raw_stop, loop);
    loop_run(loop);
    loop_set_turn_end(loop, NULL, NULL);
    return turns;
}

/* A listening socket on a free port of the loopback. */
static inline int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* The n-th (from 1) status in what was heard, or 0. */
static inline int raw_status(const struct raw *raw, int n)
{
    const char *at = buf_cstr(&raw->in);

    for (at = strstr(at, "HTTP/1.1 "); at && n > 1; n--)
        at = strstr(at + 1, "HTTP/1.1 ");
    return at ? (int)strtol(at + 9, NULL, 10) : 0;
}

static inline int raw_heard(const struct raw *raw, const char *text)
{
    return strstr(buf_cstr(&raw->in), text) != NULL;
}

#endif
