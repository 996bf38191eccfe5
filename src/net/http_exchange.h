/*
 * http_exchange.h - one http_call while it is open, and how it is put to curl. Included by
 * src/net/ only.
 */
#ifndef NET_HTTP_EXCHANGE_H
#define NET_HTTP_EXCHANGE_H

#include <curl/curl.h>

#include "base/list.h"
#include "net/http_client.h"
#include "net/http_shard.h"

enum {
    HTTP_READ_BYTES = 1024, /* curl's least; a call in flight costs 12 KB with it */
};

struct http_exchange {
    struct http_client *client;
    struct http_call *call;
    struct link link; /* of the client's open ones */
    struct http_exchange *next_todo;
    int is_todo; /* to be started or ended in the client's next turn */
    int is_cancelled;
    struct http_shard *shard; /* NULL: not with curl */
    CURL *easy;
    struct curl_slist *headers;
    struct buf response;
    size_t received;  /* bytes of the body */
    int is_sent;      /* the peer may have got the request, or a part of it */
    int has_head;     /* the answer's headers came to their end */
    int is_lost;      /* curl wanted to send it a second time */
    int is_too_large; /* response_bytes_max */
    int is_cut_off;   /* by on_body */
    int is_refused;   /* an address that is not public */
    int is_short;     /* no descriptor was free for it */
    char *where;      /* "https://host:port" for messages: paths and queries hold keys */
    char reason[CURL_ERROR_SIZE];
};

/* Checks the call and sets up exchange->easy, a fresh handle, for it. Else ERR_INVALID. */
enum err_code http_exchange_prepare(struct http_exchange *exchange, struct err *err) MUST_CHECK;

/* What it means that curl ended with this code: fills call->err. */
void http_exchange_judge(struct http_exchange *exchange, CURLcode code);

#endif
