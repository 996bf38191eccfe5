/*
 * http_listen.h - the socket that new connections come in by. Included by src/net/ only.
 *
 * places() says how many connections may be taken; on_taken() gets the socket of one and owns it.
 * When one waits and there is no place for it, or the system has no descriptor left, want_place()
 * is called and nothing is taken: nobody spins. It is tried again after http_listener_resume(),
 * which whoever frees a place calls, or a moment later.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef NET_HTTP_LISTEN_H
#define NET_HTTP_LISTEN_H

#include <netinet/in.h>

#include "loop/loop.h"

union http_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct http_listener_config {
    const char *host; /* an address */
    uint16_t port;    /* 0: any free one */
    unsigned (*places)(void *arg);
    void (*want_place)(void *arg);
    void (*on_taken)(void *arg, int fd, const union http_address *from, socklen_t len);
    void (*on_short)(void *arg, int errnum); /* of descriptors or memory; once a minute at most */
    void *arg;
};

struct http_listener;

/* ERR_UNAVAILABLE if the address is in use: the message names it and what to do. */
enum err_code http_listener_new(struct http_listener **ret_listener, struct loop *loop,
                                const struct http_listener_config *config,
                                struct err *err) MUST_CHECK;
uint16_t http_listener_port(const struct http_listener *listener);
void http_listener_resume(struct http_listener *listener); /* NULL-safe */
void http_listener_free(struct http_listener *listener);   /* NULL-safe */

#endif
