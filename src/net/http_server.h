/*
 * http_server.h - incoming HTTP over libmicrohttpd on the loop.
 *
 * A request is handed over whole: its method, path, query, headers and body are there when
 * on_request runs. It is answered by exactly one http_reply(), at once or later; until then the
 * connection is suspended and costs no thread. A client that goes away before is found when
 * the answer is written; nothing is cancelled by it.
 *
 * Refused here, before on_request, each with an application/problem+json and a closed
 * connection where the framing cannot be trusted: two Content-Lengths or Content-Length beside
 * Transfer-Encoding (400), a Content-Length that is no number (400), a body over body_bytes_max
 * (413), headers too large (431), a Host that is not in `hosts` (421), an Origin that is not
 * this server's (403), more than connections_max connections.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/buf.h"
#include "loop/loop.h"

struct http_server;
struct http_request;

typedef void http_request_fn(struct http_request *request, void *arg);

struct http_server_config {
    const char *host; /* an address: "127.0.0.1", "::1" */
    uint16_t port;    /* 0: any free one; see http_server_port() */
    size_t body_bytes_max;
    unsigned connections_max;
    int64_t idle_timeout_ms; /* a connection without progress is closed */
    http_request_fn *on_request;
    void *arg;
};

/* ERR_UNAVAILABLE if the address is in use: the message names it and what to do. */
enum err_code http_server_new(struct http_server **ret_server, struct loop *loop,
                              const struct http_server_config *config, struct err *err) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server);

/* No new connections; open requests go on. Then on_idle once no request is open. */
void http_server_drain(struct http_server *server, loop_fn *on_idle, void *arg);
void http_server_free(struct http_server *server); /* open requests are dropped; NULL-safe */

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
 * Answers. Copies what it is given. extra: pairs "Name", "value", ended by NULL; may be NULL.
 * content_type NULL: no body.
 */
void http_reply(struct http_request *request, int status, const char *content_type,
                struct slice body, const char *const *extra);

#endif
