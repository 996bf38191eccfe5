/*
 * http_request.h - one request between libmicrohttpd and its owner. Included by src/net/ only.
 *
 * http_server.c moves it through its phases; http_request.c gives its parts out and makes
 * its answer.
 */
#ifndef NET_HTTP_REQUEST_H
#define NET_HTTP_REQUEST_H

#include <netinet/in.h>

#include <microhttpd.h>

#include "base/list.h"
#include "net/http_check.h"
#include "net/http_idle.h"
#include "net/http_room.h"
#include "net/http_server.h"
#include "net/http_target.h"

enum http_phase {
    HTTP_PHASE_HEAD,     /* its first line was read */
    HTTP_PHASE_BODY,     /* its headers are good; the body follows */
    HTTP_PHASE_OPEN,     /* on_request has it */
    HTTP_PHASE_ANSWERED, /* http_reply() was called, or it was refused */
};

/* A connection, as long as libmicrohttpd knows it. */
struct http_conn {
    struct http_server *server;
    struct link link;
    struct MHD_Connection *connection;
    struct http_request *request; /* the one being read or answered, or NULL */
    struct http_idler idler;
    int fd;
    int lingers;        /* when it closes, the client may still be sending */
    int is_handed_over; /* its socket lives on in a stream */
};

/* What the streams of a server (http_stream.c) have in common. */
struct http_streams {
    struct loop *loop;
    struct slow_close *closer;
    struct http_room *room;
    int64_t idle_timeout_ms;
    struct list all;
    unsigned n;
    loop_fn *on_end; /* one is gone */
    void *arg;
};

struct http_request {
    struct http_conn *conn;
    struct http_request *next_answered;
    enum http_phase phase;
    int is_counted; /* among the server's open requests */
    int is_suspended;
    int is_answered;       /* in the server's list of those to resume */
    struct err target_err; /* why the target cannot be read; told once the headers are here */
    struct http_target target;
    const char *raw_target; /* libmicrohttpd's, which decodes it in place */
    size_t raw_target_len;
    const char *method;
    int is_head; /* its method is given out as GET */
    int is_http_1_0;
    struct buf body;
    char peer[INET6_ADDRSTRLEN];
    struct MHD_Response *response; /* from http_reply() until libmicrohttpd has it */
    struct http_tenant answer;     /* its body, until the client has it */
    unsigned status;
    int is_handed_over; /* a stream has its socket: libmicrohttpd is to let go of it */
};

struct http_request *http_request_new(struct http_conn *conn, const char *raw_target,
                                      size_t body_bytes_max);
void http_request_free(struct http_request *request);

/* Takes what the headers say. Refuses by answering: see the phase afterwards. */
void http_request_begin(struct http_request *request, const char *method, const char *version,
                        const struct http_self *self);

/* True: the room of answers is full, and the request, a change, was refused before it is made. */
int http_request_refuse_full(struct http_request *request);

/* Gathers what http_check() looks at: the headers as libmicrohttpd has read them. */
void http_request_read_head(const struct http_request *request, struct http_head *ret_head);

/* http_head_bytes.c: these, with the method and the version, are every byte of the head. */
int http_request_is_all_read(const struct http_request *request, const char *method,
                             const char *version, size_t head_bytes);

/*
 * Answers past libmicrohttpd, by writing to the socket and shutting it down, where it takes no
 * answer (amid a body) or would send a broken one. Nothing of an answer may be sent yet.
 */
void http_request_refuse_raw(struct http_request *request, const struct http_refusal *refusal);

/* http_server.c: a suspended request has its answer now. */
void http_server_answered(struct http_server *server, struct http_request *request);
int http_server_is_draining(const struct http_server *server);
struct http_streams *http_server_streams(struct http_server *server);
struct http_room *http_server_room(struct http_server *server);

/*
 * http_server.c: a descriptor of the request's socket, which is the caller's from then on; the
 * request is over. -1: there is none left, and the request is as it was.
 */
int http_server_hand_over(struct http_request *request);

/* http_stream.c: all that are open, without a word to their owners. */
void http_streams_drop(struct http_streams *streams);

#endif
