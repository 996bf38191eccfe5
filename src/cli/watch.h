/*
 * watch.h - a session's events as they are committed, over a stream that is kept up.
 *
 * A stream that ends or breaks off is asked for again from the last event on, for as long as the
 * patience lasts: each event is given once, and none is left out, over a restart of the server,
 * too.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/client.h"

struct watch {
    const char *session;
    uint32_t after; /* the last seq that was given */
    struct client_patience patience;
    /* Non-zero: enough, watch_run() ends. */
    int (*on_event)(void *arg, const struct json *event);
    /* NULL, or told what a model is writing: {call, attempt, text}. */
    void (*on_delta)(void *arg, const struct json *delta);
    void *arg;
};

/*
 * Until on_event says that it is enough, or no event can come any more: EXIT_GOOD. Else what is
 * wrong is printed, but for EXIT_INTERRUPTED.
 */
int watch_run(struct client *client, struct watch *watch);

#endif
