/*
 * http_server.h - incoming HTTP over libmicrohttpd on the loop.
 *
 * A request is handed over whole: its method, path, query, headers and body are there when
 * on_request runs. It is answered by exactly one http_reply(), at once or later, or by one
 * http_reply_stream() (http_stream.h); until then the connection is suspended and costs no
 * thread. A client that goes away before is found when the answer is written; nothing is
 * cancelled by it. HEAD is handed over as GET, and the body of its answer is not sent.
 *
 * Refused here, before on_request, each with an application/problem+json (problem.h): a head whose
 * every byte is not plainly read (400 bad_header, see http_head_bytes.c),
 * Content-Length beside Transfer-Encoding, or one that is no number (400 bad_framing), two of
 * Content-Length, Host, Origin, Content-Type, Idempotency-Key or Authorization (400
 * header_repeated), a bad percent escape in the target (400 bad_target), a body over body_bytes_max
 * (413), headers over 16 KiB (431), a Host that is neither the loopback nor `host` (421), an Origin
 * that is not this server's (403). After each the connection is closed. What is no HTTP at all, or
 * far beyond those limits, is refused by libmicrohttpd in words of its own.
 *
 * A request has to arrive within idle_timeout_ms and a second for each 64 KiB of body_bytes_max,
 * from the connection's start or the answer before, in however small pieces; else its connection is
 * closed, with 408 request_timeout if it had begun. At most connections_max are open, streams among
 * them. Beyond that a new one takes the place of the one that is longest without a request, if that
 * is so for a second, or waits in the kernel until one closes.
 *
 * What clients have not taken of their answers is bounded by response_bytes_max in all. Beyond it,
 * the answer to a GET is 503 response_buffers_full instead (but for those of up to 4 KiB), a
 * change is refused the same way before it is made, and a stream gets no more
 * (http_stream_offer()).
 *
 * Nothing is logged in this room: requests hold keys.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/buf.h"
#include "loop/loop.h"

struct http_server;
struct http_request;

enum { HTTP_SMALL_ANSWER_MAX = 4096 }; /* connections_max bounds these */

typedef void http_request_fn(struct http_request *request, void *arg);

struct http_server_config {
    const char *host; /* an address: "127.0.0.1", "::1" */
    uint16_t port;    /* 0: any free one; see http_server_port() */
    size_t body_bytes_max;
    unsigned connections_max;
    int64_t idle_timeout_ms;   /* a connection without progress is closed */
    size_t response_bytes_max; /* all answers that are not taken yet, together */
    int64_t
        response_patience_ms; /* when they are so many, who has not taken his so long is cut off */
    void (*on_short)(int errnum); /* NULL, or: new connections wait for descriptors or memory; told
                                     again when a minute has gone without that */
    http_request_fn *on_request;  /* may reply at once; must not free the server */
    void *arg;
};

/* ERR_UNAVAILABLE if the address is in use: the message names it and what to do. */
enum err_code http_server_new(struct http_server **ret_server, struct loop *loop,
                              const struct http_server_config *config, struct err *err) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server);

/* Once. No new connections; idle ones are closed; open requests go on, and each closes its
 * connection. Then on_idle once no request is open. */
void http_server_drain(struct http_server *server, loop_fn *on_idle, void *arg);

/* Open requests are dropped: none of them may be used any more. NULL-safe. */
void http_server_free(struct http_server *server);

/* ---- a request: valid from on_request until http_reply() ---- */
struct slice http_request_method(const struct http_request *request);
struct slice http_request_path(const struct http_request *request); /* decoded; begins with '/' */
/* The value of a query parameter, decoded; { NULL, 0 } if absent. */
struct slice http_request_query(const struct http_request *request, const char *name);
/* The i-th query parameter's name, NULL after the last: for refusing unknown ones. */
const char *http_request_query_name(const struct http_request *request, size_t i);
struct slice http_request_header(const struct http_request *request, const char *name);
struct slice http_request_body(const struct http_request *request);
const char *http_request_peer(const struct http_request *request); /* "127.0.0.1" */

/*
 * Answers. Copies what it is given. extra: pairs "Name", "value", ended by NULL; may be NULL; what
 * is no header's text there is a bug. content_type NULL: no body. Cache-Control is no-store unless
 * extra has another.
 */
void http_reply(struct http_request *request, int status, const char *content_type,
                struct slice body, const char *const *extra);

#endif
