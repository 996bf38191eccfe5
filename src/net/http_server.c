/*
 * How libmicrohttpd is driven: it accepts and polls nothing itself. The loop watches its epoll
 * descriptor; when that is ready, when MHD_get_timeout() is over, and when answers are there, run()
 * lets it work. It calls back on_line() when a request line was read, on_access() for the headers,
 * each piece of the body and the end, on_completed() when the answer is out or the connection is
 * gone.
 *
 * Resuming costs a walk over all suspended connections, so answers are gathered and resumed in
 * one batch a turn.
 *
 * It runs in what it calls turbo mode, for one of its effects: it does not shut a socket down
 * before it closes it, so that a stream can take the socket over. conn_closed() does so instead.
 */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http_listen.h"
#include "net/http_request.h"
#include "net/slow_close.h"

enum {
    /* Per connection; holds the head, and pieces of the body on their way. */
    POOL_BYTES = 2 * HTTP_HEAD_BYTES_MAX,
    POOL_STEP_BYTES = 4096,
    BODY_BYTES_A_MS = 64, /* a large body may take longer than the idle time */
    GIVES_WAY_MS = 1000,  /* a connection that is idle for so long is closed for a new one */
};

struct http_server {
    struct loop *loop;
    struct http_self self;
    char host[INET6_ADDRSTRLEN];
    http_request_fn *on_request;
    void *arg;
    struct http_listener *listener; /* NULL: it drains */
    unsigned connections_max;
    unsigned conns_n;
    void (*on_short)(int errnum);
    struct MHD_Daemon *daemon;
    struct loop_fd *watch;
    struct loop_timer timer;
    struct loop_post post;
    struct slow_close *closer;
    struct http_streams streams;
    struct http_room room;
    struct http_idle idle;
    struct list conns;
    struct http_request *answered; /* suspended, with their answer */
    unsigned open_n;               /* requests whose headers were taken */
    int is_running;                /* inside libmicrohttpd */
    int is_draining;
    int is_closing;
    loop_fn *on_idle;
    void *idle_arg;
};

static void run(void *arg);

/* ---- one request ---- */

static void *on_line(void *arg, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = arg;
    struct http_conn *conn =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    conn->request = http_request_new(conn, target ? target : "", server->self.body_bytes_max);
    return conn->request;
}

static enum MHD_Result take_body(struct http_server *server, struct http_request *request,
                                 struct slice bytes)
{
    struct http_refusal refusal = { .status = 413, .code = "body_too_large" };
    struct err err = { 0 };

    if (!buf_add(&request->body, bytes, &err))
        return MHD_YES;
    /* Only a chunked body gets here: a Content-Length is checked before. */
    (void)snprintf(refusal.detail, sizeof(refusal.detail),
                   "The body is larger than the limit of %zu bytes; send less.",
                   server->self.body_bytes_max);
    http_request_refuse_raw(request, &refusal);
    return MHD_NO;
}

static enum MHD_Result give_response(struct http_request *request)
{
    struct MHD_Response *response = TAKE(request->response);
    enum MHD_Result result =
        MHD_queue_response(request->conn->connection, request->status, response);

    MHD_destroy_response(response);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
static enum MHD_Result on_access(void *arg, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_len, void **slot)
{
    struct http_server *server = arg;
    struct http_request *request = *slot;

    (void)connection;
    (void)url;
    if (request->is_handed_over)
        return MHD_NO;
    if (request->phase == HTTP_PHASE_HEAD && !server->is_closing) {
        request->is_counted = 1;
        server->open_n++;
        http_request_begin(request, method, version, &server->self);
    } else if (*data_len > 0 && !server->is_closing) {
        struct slice bytes = { data, *data_len };

        *data_len = 0;
        return take_body(server, request, bytes);
    } else if (request->phase == HTTP_PHASE_BODY && !server->is_closing) {
        request->phase = HTTP_PHASE_OPEN;
        http_idle_end(&server->idle, &request->conn->idler);
        if (!http_request_refuse_full(request))
            server->on_request(request, server->arg);
    }
    if (request->is_handed_over)
        return MHD_NO;
    if (request->response)
        return give_response(request);
    if (server->is_closing)
        return MHD_NO;
    if (request->phase == HTTP_PHASE_OPEN) {
        MHD_suspend_connection(request->conn->connection);
        request->is_suspended = 1;
    }
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    struct http_server *server = arg;
    struct http_request *request = TAKE(*slot);

    (void)connection;
    if (!request)
        return;
    struct http_conn *conn = request->conn;

    if (request->is_counted)
        server->open_n--;
    if (why == MHD_REQUEST_TERMINATED_WITH_ERROR)
        conn->lingers = 1;
    conn->is_handed_over = request->is_handed_over;
    conn->request = NULL;
    http_request_free(request);
    http_idle_begin(&server->idle, &conn->idler);
    if (server->is_draining &&
        !conn->is_handed_over) /* what was answered before the drain has no "Connection: close" */
        (void)shutdown(conn->fd, SHUT_RD);
}

/*
 * libmicrohttpd 0.9.75 answers a Content-Length that is no number, and cookies that its pool has no
 * room for, by itself, and sends the header of that answer twice: its state machine goes on after
 * the error. Its log message comes before it sends, so the request is refused here first; the
 * library then finds the socket shut down. Nothing is logged: messages hold what clients sent.
 */
static void on_library_message(void *arg, const char *fmt, va_list ap) PRINTF(2, 0);

static void on_library_message(void *arg, const char *fmt, va_list ap)
{
    struct http_server *server = arg;

    (void)fmt;
    (void)ap;
    for (struct link *at = list_first(&server->conns); at; at = at->next) {
        struct http_conn *conn = CONTAINER_OF(at, struct http_conn, link);
        struct http_refusal refusal;
        struct http_head head;

        if (!conn->request || conn->request->phase != HTTP_PHASE_HEAD)
            continue;
        /* bytes is known once all headers were read: then it is this one that is looked at. */
        http_request_read_head(conn->request, &head);
        if (head.bytes == 0)
            continue;
        if (!http_check_framing(&head, &server->self, &refusal))
            http_refuse_size(&refusal);
        http_request_refuse_raw(conn->request, &refusal);
    }
}

/* ---- connections ---- */

static struct http_conn *conn_new(struct http_server *server, struct MHD_Connection *connection)
{
    struct http_conn *conn = xcalloc(1, sizeof(*conn));

    *conn = (struct http_conn){
        .server = server,
        .connection = connection,
        .fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
    };
    list_add(&server->conns, &conn->link);
    server->conns_n++;
    http_idle_begin(&server->idle, &conn->idler);
    return conn;
}

/* Unread bytes would make the system reset the connection, and the client lose its answer. */
static void linger(struct http_conn *conn)
{
    int unread = 0;

    if (!conn->lingers && (ioctl(conn->fd, FIONREAD, &unread) != 0 || unread == 0))
        return;
    int fd = fcntl(conn->fd, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0)
        slow_close_add(conn->server->closer, fd);
}

/* libmicrohttpd closes its descriptor next. */
static void conn_closed(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    if (!conn->is_handed_over) {
        (void)shutdown(conn->fd, SHUT_WR);
        linger(conn);
    }
    http_idle_end(&server->idle, &conn->idler);
    list_remove(&server->conns, &conn->link);
    server->conns_n--;
    http_listener_resume(server->listener);
    free(conn);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    switch (what) {
    case MHD_CONNECTION_NOTIFY_STARTED: *slot = conn_new(arg, connection); break;
    case MHD_CONNECTION_NOTIFY_CLOSED: conn_closed(TAKE(*slot)); break;
    }
}

/* It has had its time. Who has begun to ask is told so. */
static void on_late(struct http_idler *idler)
{
    const struct http_refusal refusal = { .status = 408,
                                          .code = "request_timeout",
                                          .detail = "The request did not arrive in time, or in "
                                                    "too small pieces; send it again." };
    struct http_conn *conn = CONTAINER_OF(idler, struct http_conn, idler);

    if (conn->request && conn->request->phase != HTTP_PHASE_ANSWERED)
        http_request_refuse_raw(conn->request, &refusal);
    (void)shutdown(conn->fd, SHUT_RDWR);
}

/* ---- new ones ---- */

static unsigned places(void *arg)
{
    const struct http_server *server = arg;
    unsigned taken = server->conns_n + server->streams.n;

    return taken < server->connections_max ? server->connections_max - taken : 0;
}

/* It closes soon, and with that its place is free. */
static void want_place(void *arg)
{
    struct http_server *server = arg;
    struct http_idler *idler = http_idle_longest(&server->idle, GIVES_WAY_MS);

    if (!idler)
        return;
    http_idle_end(&server->idle, idler);
    (void)shutdown(CONTAINER_OF(idler, struct http_conn, idler)->fd, SHUT_RDWR);
}

static void on_taken(void *arg, int fd, const union http_address *from, socklen_t len)
{
    struct http_server *server = arg;

    /* It closes the socket if it fails, which is for want of memory. */
    (void)MHD_add_connection(server->daemon, fd, &from->any, len);
    loop_post(server->loop, &server->post, run, server);
}

static void on_short(void *arg, int errnum)
{
    const struct http_server *server = arg;

    if (server->on_short)
        server->on_short(errnum);
}

/* ---- the loop ---- */

static void resume_answered(struct http_server *server)
{
    while (server->answered) {
        struct http_request *request = server->answered;

        server->answered = request->next_answered;
        request->is_answered = 0;
        request->is_suspended = 0;
        MHD_resume_connection(request->conn->connection);
    }
}

static void schedule(struct http_server *server)
{
    unsigned long long wait_ms = 0;
    int has_wait = MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES;

    if (has_wait && wait_ms == 0)
        loop_post(server->loop, &server->post, run, server);
    else if (has_wait)
        loop_timer_start(server->loop, &server->timer, (int64_t)wait_ms, run, server);
    else
        loop_timer_stop(server->loop, &server->timer);
}

static void run(void *arg)
{
    struct http_server *server = arg;

    resume_answered(server);
    server->is_running = 1;
    (void)MHD_run(server->daemon);
    server->is_running = 0;
    schedule(server);
    if (server->is_draining && server->open_n + server->streams.n == 0 && server->on_idle)
        TAKE(server->on_idle)(server->idle_arg); /* last: it may free the server */
}

static void on_events(void *arg, unsigned events)
{
    (void)events;
    run(arg);
}

void http_server_answered(struct http_server *server, struct http_request *request)
{
    if (request->is_answered)
        return;
    request->is_answered = 1;
    request->next_answered = server->answered;
    server->answered = request;
    loop_post(server->loop, &server->post, run, server);
}

int http_server_is_draining(const struct http_server *server)
{
    return server->is_draining;
}

struct http_streams *http_server_streams(struct http_server *server)
{
    return &server->streams;
}

struct http_room *http_server_room(struct http_server *server)
{
    return &server->room;
}

int http_server_hand_over(struct http_request *request)
{
    int fd = fcntl(request->conn->fd, F_DUPFD_CLOEXEC, 0);

    ASSERT(request->phase == HTTP_PHASE_OPEN);
    if (fd < 0)
        return -1;
    request->phase = HTTP_PHASE_ANSWERED;
    request->is_handed_over = 1;
    if (request->is_suspended)
        http_server_answered(request->conn->server, request);
    return fd;
}

static void on_stream_end(void *arg)
{
    struct http_server *server = arg;

    http_listener_resume(server->listener);
    loop_post(server->loop, &server->post, run, server); /* a drain may wait for it */
}

/* ---- life ---- */

_Noreturn static void on_panic(void *arg, const char *file, unsigned line, const char *reason)
{
    (void)arg;
    assert_failed(reason ? reason : "libmicrohttpd gave up", file, (int)line);
}

static struct MHD_Daemon *start_daemon(struct http_server *server,
                                       const struct http_server_config *config)
{
    unsigned idle_s = (unsigned)((config->idle_timeout_ms + 999) / 1000);

    MHD_set_panic_func(on_panic, NULL);
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_TURBO |
            MHD_USE_NO_LISTEN_SOCKET,
        0, NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_message, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_line, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
        config->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)POOL_STEP_BYTES, MHD_OPTION_END);
}

static void make_parts(struct http_server *server, const struct http_server_config *config)
{
    struct loop *loop = server->loop;

    server->closer = slow_close_new(loop);
    server->room = (struct http_room){ .loop = loop,
                                       .bytes_max = config->response_bytes_max,
                                       .patience_ms = config->response_patience_ms };
    server->streams = (struct http_streams){ .loop = loop,
                                             .closer = server->closer,
                                             .room = &server->room,
                                             .idle_timeout_ms = config->idle_timeout_ms,
                                             .on_end = on_stream_end,
                                             .arg = server };
    server->idle = (struct http_idle){
        .loop = loop,
        .wait_ms = config->idle_timeout_ms + (int64_t)(config->body_bytes_max / BODY_BYTES_A_MS),
        .on_late = on_late,
    };
    server->watch =
        loop_fd_start(loop, MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
                      LOOP_READ, on_events, server);
}

enum err_code http_server_new(struct http_server **ret_server, struct loop *loop,
                              const struct http_server_config *config, struct err *err)
{
    struct http_server *server = xcalloc(1, sizeof(*server));
    const struct http_listener_config listener = { .host = config->host,
                                                   .port = config->port,
                                                   .places = places,
                                                   .want_place = want_place,
                                                   .on_taken = on_taken,
                                                   .on_short = on_short,
                                                   .arg = server };

    ASSERT(config->on_request && config->body_bytes_max > 0 && config->connections_max > 0 &&
           config->idle_timeout_ms > 0 && config->response_bytes_max > 0);
    if (http_listener_new(&server->listener, loop, &listener, err)) {
        free(server);
        return err->code;
    }
    server->loop = loop;
    server->on_request = config->on_request;
    server->on_short = config->on_short;
    server->arg = config->arg;
    server->connections_max = config->connections_max;
    (void)snprintf(server->host, sizeof(server->host), "%s", config->host);
    server->self = (struct http_self){ server->host, http_listener_port(server->listener),
                                       config->body_bytes_max };
    server->daemon = start_daemon(server, config);
    if (!server->daemon) {
        http_listener_free(server->listener);
        free(server);
        return err_set(err, ERR_UNAVAILABLE,
                       "the HTTP server cannot start: out of descriptors or memory");
    }
    make_parts(server, config);
    *ret_server = server;
    return ERR_NONE;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->self.port;
}

static void drain(void *arg)
{
    struct http_server *server = arg;

    http_listener_free(TAKE(server->listener));
    /* The library sees the end of a connection that nothing more can come from, and closes it. */
    for (struct link *at = list_first(&server->conns); at; at = at->next) {
        struct http_conn *conn = CONTAINER_OF(at, struct http_conn, link);

        if (!conn->request || conn->request->phase == HTTP_PHASE_HEAD)
            (void)shutdown(conn->fd, SHUT_RD);
    }
    run(server);
}

void http_server_drain(struct http_server *server, loop_fn *on_idle, void *arg)
{
    ASSERT(!server->is_draining);
    server->is_draining = 1;
    server->on_idle = on_idle;
    server->idle_arg = arg;
    loop_post_cancel(server->loop, &server->post);
    loop_post(server->loop, &server->post, drain, server);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    ASSERT(!server->is_running);
    server->is_closing = 1;
    server->answered = NULL;
    http_streams_drop(&server->streams);
    /* The library must not be stopped while a connection is suspended: resumed, each gets its
     * answer if it has one, or is closed. */
    for (struct link *at = list_first(&server->conns); at; at = at->next) {
        struct http_conn *conn = CONTAINER_OF(at, struct http_conn, link);

        if (conn->request && conn->request->is_suspended)
            MHD_resume_connection(conn->connection);
    }
    (void)MHD_run(server->daemon);
    http_listener_free(TAKE(server->listener));
    loop_fd_stop(server->watch);
    loop_timer_stop(server->loop, &server->timer);
    loop_post_cancel(server->loop, &server->post);
    MHD_stop_daemon(server->daemon);
    ASSERT(!list_first(&server->conns) && server->open_n == 0);
    http_idle_release(&server->idle);
    slow_close_free(server->closer);
    free(server);
}
