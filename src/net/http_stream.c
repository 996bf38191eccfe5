/*
 * How a stream leaves libmicrohttpd: its connection there costs 22 KiB while it waits, and does not
 * see a reader go. So the socket is taken over with a descriptor of its own, libmicrohttpd lets go
 * of the connection (it is told not to shut sockets down), and from then on the loop watches
 * it. What is written in one turn of the loop is sent at its end, in one piece.
 */
#include "net/http_stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/http_request.h"
#include "net/problem.h"
#include "net/slow_close.h"

enum {
    HELD_BYTES_LIMIT = 1024 * 1024 * 1024, /* one piece may be of any size; this is none */
    READ_BYTES = 4096,
};

/* The head of a chunk, until its length is known. */
#define CHUNK_HEAD "00000000\r\n"

struct http_stream {
    struct http_streams *streams;
    struct link link;
    struct loop_fd *watch;
    struct loop_post flush;
    struct loop_timer stuck;   /* armed while the reader leaves something untaken */
    struct http_tenant tenant; /* what is held, in the room of all answers */
    struct buf held;
    size_t given; /* of what is held */
    size_t held_max;
    int is_chunked;
    int is_chunk_open;
    size_t chunk_at; /* where the open chunk's head begins in what is held */
    int is_head_only;
    int is_ended;
    http_stream_fn *on_empty;
    http_stream_fn *on_gone;
    void *arg;
};

/* ---- the end ---- */

static void stream_free(struct http_stream *stream)
{
    struct http_streams *streams = stream->streams;

    loop_fd_stop(stream->watch);
    loop_post_cancel(streams->loop, &stream->flush);
    loop_timer_stop(streams->loop, &stream->stuck);
    list_remove(&streams->all, &stream->link);
    streams->n--;
    http_room_set(streams->room, &stream->tenant, 0);
    buf_release(&stream->held);
    free(stream);
}

/* Unread bytes would make the system reset the connection, and the reader lose what was sent. */
static void close_socket(const struct http_streams *streams, int fd)
{
    int unread = 0;

    if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0) {
        (void)shutdown(fd, SHUT_WR);
        slow_close_add(streams->closer, fd);
    } else {
        (void)close(fd);
    }
}

static void finish(struct http_stream *stream)
{
    struct http_streams *streams = stream->streams;
    int fd = stream->tenant.fd;
    http_stream_fn *on_gone = stream->on_gone;
    void *arg = stream->arg;

    stream_free(stream);
    close_socket(streams, fd);
    if (on_gone)
        on_gone(arg);
    streams->on_end(streams->arg);
}

void http_streams_drop(struct http_streams *streams)
{
    for (struct link *at = list_first(&streams->all), *next; at; at = next) {
        struct http_stream *stream = CONTAINER_OF(at, struct http_stream, link);
        int fd = stream->tenant.fd;

        next = at->next;
        stream_free(stream);
        (void)close(fd);
    }
}

/* ---- sending ---- */

static void on_stuck(void *arg)
{
    finish(arg);
}

/* What was given is forgotten once it is the greater part, so that a byte is moved once or so. */
static void drop_given(struct http_stream *stream)
{
    size_t left = stream->held.len - stream->given;

    if (stream->given == 0 || stream->given < left)
        return;
    memmove(stream->held.data, stream->held.data + stream->given, left);
    buf_cut(&stream->held, left);
    stream->given = 0;
}

static void count_held(struct http_stream *stream)
{
    http_room_set(stream->streams->room, &stream->tenant, stream->held.len);
}

static void wait_for_reader(struct http_stream *stream, int has_taken)
{
    const struct http_streams *streams = stream->streams;

    drop_given(stream);
    count_held(stream);
    loop_fd_change(stream->watch, LOOP_READ | LOOP_WRITE);
    if (has_taken || stream->stuck.heap_at == 0)
        loop_timer_start(streams->loop, &stream->stuck, streams->idle_timeout_ms, on_stuck, stream);
}

static void run_dry(struct http_stream *stream)
{
    buf_release(&stream->held); /* thousands wait: an empty one holds no memory */
    stream->held.max = HELD_BYTES_LIMIT;
    stream->given = 0;
    count_held(stream);
    loop_timer_stop(stream->streams->loop, &stream->stuck);
    loop_fd_change(stream->watch, LOOP_READ);
    if (stream->is_ended || stream->is_head_only)
        finish(stream);
    else if (stream->on_empty)
        stream->on_empty(stream->arg);
}

/* What is written until it is sent is one chunk of the answer's body. */
static void open_chunk(struct http_stream *stream)
{
    if (!stream->is_chunked || stream->is_chunk_open)
        return;
    stream->is_chunk_open = 1;
    stream->chunk_at = stream->held.len;
    buf_puts(&stream->held, CHUNK_HEAD);
}

static void close_chunk(struct http_stream *stream)
{
    char head[sizeof(CHUNK_HEAD)];

    if (!stream->is_chunk_open)
        return;
    stream->is_chunk_open = 0;
    (void)snprintf(head, sizeof(head), "%08zx\r\n",
                   stream->held.len - stream->chunk_at - strlen(CHUNK_HEAD));
    memcpy(stream->held.data + stream->chunk_at, head, strlen(CHUNK_HEAD));
    buf_puts(&stream->held, "\r\n");
}

static void flush(void *arg)
{
    struct http_stream *stream = arg;
    size_t before = stream->given;

    close_chunk(stream);
    while (stream->given < stream->held.len) {
        ssize_t n = send(stream->tenant.fd, stream->held.data + stream->given,
                         stream->held.len - stream->given, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            stream->given += (size_t)n;
        } else if (errno == EAGAIN) {
            wait_for_reader(stream, stream->given > before);
            return;
        } else if (errno != EINTR) {
            finish(stream);
            return;
        }
    }
    run_dry(stream);
}

/* A reader has nothing more to say; what it says is not kept. */
static int has_left(const struct http_stream *stream)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(stream->tenant.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_events(void *arg, unsigned events)
{
    struct http_stream *stream = arg;

    if ((events & LOOP_READ) && has_left(stream))
        finish(stream);
    else if ((events & LOOP_WRITE) && !http_stream_is_empty(stream))
        flush(stream);
}

/* ---- writing ---- */

static void post_flush(struct http_stream *stream)
{
    /* Until the reader has taken what it was given, the socket says when there is room. */
    if (stream->stuck.heap_at == 0)
        loop_post(stream->streams->loop, &stream->flush, flush, stream);
}

int http_stream_is_empty(const struct http_stream *stream)
{
    return stream->held.len == stream->given;
}

void http_stream_write(struct http_stream *stream, struct slice bytes)
{
    ASSERT(!stream->is_ended);
    if (bytes.len == 0 || stream->is_head_only)
        return;
    open_chunk(stream);
    buf_put(&stream->held, bytes);
    count_held(stream);
    post_flush(stream);
}

int http_stream_offer(struct http_stream *stream, struct slice bytes)
{
    size_t held = stream->held.len - stream->given;

    if ((held > 0 && held + bytes.len > stream->held_max) ||
        !http_room_has(stream->streams->room, bytes.len))
        return 0;
    http_stream_write(stream, bytes);
    return 1;
}

void http_stream_end(struct http_stream *stream)
{
    close_chunk(stream);
    if (stream->is_chunked && !stream->is_head_only)
        buf_puts(&stream->held, "0\r\n\r\n");
    stream->is_ended = 1;
    stream->on_empty = NULL;
    stream->on_gone = NULL;
    post_flush(stream);
}

/* ---- the beginning ---- */

static void put_length(struct http_stream *stream, uint64_t length)
{
    if (length > 0)
        buf_putf(&stream->held, "Content-Length: %llu\r\n", (unsigned long long)length);
    else if (stream->is_chunked)
        buf_puts(&stream->held, "Transfer-Encoding: chunked\r\n");
}

static void put_head(struct http_stream *stream, const struct http_stream_config *config)
{
    time_t now = (time_t)(loop_wall_ms(stream->streams->loop) / 1000);
    char date[64];
    struct tm tm;

    if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        assert_failed("a date has a text", __FILE__, __LINE__);
    buf_putf(&stream->held,
             "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
             "X-Content-Type-Options: nosniff\r\nConnection: close\r\n",
             date, config->content_type);
    for (const char *const *extra = config->extra; extra && extra[0]; extra += 2)
        buf_putf(&stream->held, "%s: %s\r\n", extra[0], extra[1]);
    put_length(stream, config->length);
    buf_puts(&stream->held, "\r\n");
}

struct http_stream *http_reply_stream(struct http_request *request,
                                      const struct http_stream_config *config)
{
    struct http_streams *streams = http_server_streams(request->conn->server);
    int fd = http_server_hand_over(request);
    int yes = 1;

    ASSERT(config->content_type && config->on_gone && config->held_bytes_max > 0);
    if (fd < 0) {
        http_reply_problem(request, 503, "no_descriptors",
                           "The system gives the server no more descriptors (ulimit -n); try "
                           "again when others have closed their connections.");
        return NULL;
    }
    struct http_stream *stream = xcalloc(1, sizeof(*stream));

    *stream = (struct http_stream){ .streams = streams,
                                    .tenant.fd = fd,
                                    .held.max = HELD_BYTES_LIMIT,
                                    .held_max = config->held_bytes_max,
                                    .is_chunked = !request->is_http_1_0 && config->length == 0,
                                    .is_head_only = request->is_head,
                                    .on_empty = config->on_empty,
                                    .on_gone = config->on_gone,
                                    .arg = config->arg };
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    list_add(&streams->all, &stream->link);
    streams->n++;
    put_head(stream, config);
    count_held(stream);
    stream->watch = loop_fd_start(streams->loop, fd, LOOP_READ, on_events, stream);
    post_flush(stream);
    return stream;
}
