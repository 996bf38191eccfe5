/* show.h - parts of `pawl show` that `pawl run` uses, too. For cli/ only. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/client.h"

/* The exit code; what is wrong is printed. */
int show_get_session(struct client *client, const char *id, struct answer *ret_answer);

/* Its status, what it cost, its error, and what it waits for. */
void show_put_end(struct buf *out, const struct json *session, int has_color);

#endif
