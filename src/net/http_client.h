/*
 * http_client.h - outgoing HTTP calls, many at once, over libcurl multis on the loop.
 *
 * Completion: every http_call that was started ends in exactly one call of call->done, on the
 * loop's thread, never from inside http_call_start() or http_call_cancel().
 *
 * Ownership: the caller owns *call and all it points to until done has run. The response's
 * bytes are valid during done (or on_body) only.
 *
 * Never retries (not even the silent second try of libcurl on a kept connection), never follows
 * redirects, never reads proxies or credentials from the environment: there is one owner of
 * retries, and it is not here.
 *
 * Messages name scheme, host and port only: paths, queries and headers hold keys. The process has
 * to ignore SIGPIPE: TLS writes may raise it.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "loop/loop.h"

struct http_client;
struct http_call;

enum { HTTP_HEADERS_MAX = 16 };

struct http_header {
    const char *name;
    struct slice value;
};

typedef void http_call_fn(struct http_call *call, void *arg);
/* A piece of the body as it arrives. Non-zero ends the call with ERR_LIMIT. */
typedef int http_body_fn(struct http_call *call, struct slice bytes, void *arg);

struct http_call {
    const char *method; /* "GET", "POST" */
    const char *url;    /* http or https, without user and password */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t headers_n;
    struct slice body;
    int64_t timeout_ms;         /* for the whole call */
    int64_t connect_timeout_ms; /* 0: 10 s */
    size_t response_bytes_max;  /* more ends the call with ERR_LIMIT */
    http_body_fn *on_body;      /* NULL: gathered in response */
    /* Only to addresses that are anybody's (address.h), whatever the name resolves to at that
       moment; on a connection of its own. Else ERR_UNAVAILABLE. */
    int is_public_only;
    http_call_fn *done;
    void *arg;

    /*
     * Out. err.code: ERR_NONE (any status counts), ERR_UNAVAILABLE (surely not received by the
     * peer: no address, refused, TLS), ERR_TIMEOUT (time over or connection lost after it may have
     * been received; also an answer that is cut off or no HTTP), ERR_LIMIT (response too large, or
     * refused by on_body), ERR_CONFLICT (cancelled; may have been received), ERR_INVALID (a URL or
     * header that cannot be sent).
     */
    struct err err;
    int status; /* HTTP status, or 0; there during on_body, too */
    struct slice response;

    void *client_slot;
};

/* TLS is checked against the system's roots. */
struct http_client *http_client_new(struct loop *loop);
/* Open calls end first, as cancelled, each with its done. Not from inside one. NULL-safe. */
void http_client_free(struct http_client *client);

void http_call_start(struct http_client *client, struct http_call *call);
void http_call_cancel(struct http_call *call); /* done follows; not open: a no-op */

/* A response header by name (any case), during on_body and done; { NULL, 0 } if absent. */
struct slice http_call_header(const struct http_call *call, const char *name);

#endif
