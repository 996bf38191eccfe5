/*
 * fields.h - members of a request's body, from the words and options of a command line.
 *
 * Each appends its member if there is one to append. The exit code: EXIT_GOOD, or EXIT_USAGE, and
 * what is wrong is printed. What is too little or too much the server knows.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "base/buf.h"
#include "cli/args.h"

enum { FIELDS_BYTES_MAX = 64 * 1024 * 1024 };

int fields_put_text(struct buf *body, const char *name, const char *text);          /* NULL: none */
int fields_put_number(struct buf *body, const struct args *args, const char *name); /* --name */
int fields_put_budget(struct buf *body, const struct args *args);   /* --usd, --tokens */
int fields_put_context(struct buf *body, const struct args *args);  /* --context JSON */
int fields_put_metadata(struct buf *body, const struct args *args); /* --metadata NAME=VALUE */

/* Rows for the options tables. */
#define OPTION_CONTEXT                                                                             \
    {                                                                                              \
        "context", "JSON", "an object for the agent's instructions: {{context.NAME}}", 0, 0        \
    }
#define OPTION_METADATA                                                                            \
    {                                                                                              \
        "metadata", "NAME=VALUE", "to find the session by; may be repeated", 'm', 1                \
    }
#define OPTIONS_BUDGET                                                                             \
    { "usd", "DOLLARS", "sets the session's budget to so many US dollars", 0, 0 },                 \
    {                                                                                              \
        "tokens", "N", "sets the session's budget to so many tokens", 0, 0                         \
    }

#endif
