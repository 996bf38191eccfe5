/*
 * How libmicrohttpd reads a stream: it calls give() whenever it can send. When there is nothing to
 * give, give() suspends the connection (a reader that only answers 0 would be called again at once,
 * for ever), and the next write has it resumed, in one batch with all others of this loop turn.
 */
#include "net/http_stream.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "net/http_request.h"

enum {
    HELD_BYTES_LIMIT = 1024 * 1024 * 1024, /* one piece may be of any size; this is none */
    /* libmicrohttpd sends chunks from its own buffer; this one is for HTTP/1.0, which has none. */
    BLOCK_BYTES = 1024,
};

struct http_stream {
    struct http_request *request;
    struct buf held;
    size_t given; /* of what is held */
    size_t held_max;
    int is_ended;
    int is_broken;
    http_stream_fn *on_empty;
    http_stream_fn *on_gone;
    void *arg;
};

/* Lets libmicrohttpd ask again; if the connection is not suspended it does so by itself. */
static void wake(struct http_stream *stream)
{
    struct http_request *request = stream->request;

    if (request->is_suspended)
        http_server_answered(request->conn->server, request);
}

static void run_dry(struct http_stream *stream)
{
    buf_release(&stream->held); /* thousands wait: an empty one holds no memory */
    stream->held.max = HELD_BYTES_LIMIT;
    stream->given = 0;
    MHD_suspend_connection(stream->request->conn->connection);
    stream->request->is_suspended = 1;
    if (stream->on_empty)
        stream->on_empty(stream->arg);
}

static ssize_t give(void *arg, uint64_t at, char *to, size_t max)
{
    struct http_stream *stream = arg;
    size_t n = stream->held.len - stream->given;

    (void)at;
    if (stream->is_broken || http_server_is_closing(stream->request->conn->server))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0 && stream->is_ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) {
        run_dry(stream);
        return 0;
    }
    n = n < max ? n : max;
    memcpy(to, stream->held.data + stream->given, n);
    stream->given += n;
    return (ssize_t)n;
}

struct http_stream *http_reply_stream(struct http_request *request,
                                      const struct http_stream_config *config)
{
    struct http_stream *stream = xcalloc(1, sizeof(*stream));

    ASSERT(config->content_type && config->on_gone && config->held_bytes_max > 0);
    *stream = (struct http_stream){ .request = request,
                                    .held.max = HELD_BYTES_LIMIT,
                                    .held_max = config->held_bytes_max,
                                    .on_empty = config->on_empty,
                                    .on_gone = config->on_gone,
                                    .arg = config->arg };
    request->stream = stream;
    http_request_reply_with(request,
                            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, give,
                                                              stream, NULL),
                            config->content_type);
    return stream;
}

int http_stream_is_empty(const struct http_stream *stream)
{
    return stream->held.len == stream->given;
}

/* The reader takes nothing, so libmicrohttpd would wait for it: it finds the socket shut down. */
static void break_off(struct http_stream *stream)
{
    stream->is_broken = 1;
    (void)shutdown(stream->request->conn->fd, SHUT_RDWR);
    wake(stream);
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

void http_stream_write(struct http_stream *stream, struct slice bytes)
{
    struct err err = { 0 };
    size_t held = stream->held.len - stream->given;

    ASSERT(!stream->is_ended);
    if (stream->is_broken)
        return;
    if (held > 0 && held + bytes.len > stream->held_max) {
        break_off(stream);
        return;
    }
    drop_given(stream);
    if (buf_add(&stream->held, bytes, &err))
        break_off(stream);
    else
        wake(stream);
}

void http_stream_end(struct http_stream *stream)
{
    stream->is_ended = 1;
    stream->on_empty = NULL;
    stream->on_gone = NULL;
    wake(stream);
}

void http_stream_gone(struct http_stream *stream, int is_closing)
{
    http_stream_fn *on_gone = is_closing ? NULL : stream->on_gone;
    void *arg = stream->arg;

    buf_release(&stream->held);
    free(stream);
    if (on_gone)
        on_gone(arg);
}
