/* journal.h - a session's events over HTTP, page by page. */
#ifndef CLI_JOURNAL_H
#define CLI_JOURNAL_H

#include "cli/client.h"

struct journal {
    const char *session;
    uint32_t after;                  /* the last seq that was given */
    unsigned wait_s;                 /* hold an empty answer back so long */
    struct client_patience patience; /* ms 0: none */
};

typedef void journal_fn(void *arg, const struct json *event);

/*
 * One page: each event to fn. *ret_n is how many there were, *ret_has_more whether more are there
 * already. The exit code; what is wrong is printed.
 */
int journal_read(struct client *client, struct journal *journal, journal_fn *fn, void *arg,
                 size_t *ret_n, int *ret_has_more);

#endif
