/*
 * args.h - the command line of one subcommand: options and words.
 *
 * Pure. Options may stand anywhere: --name VALUE, --name=VALUE, -n VALUE; `--` ends them. One that
 * is not known, lacks its value or is given twice is an error that says what to write instead.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdint.h>

#include "base/err.h"

struct option {
    const char *name;  /* "json": --json */
    const char *value; /* what stands for its value in the help, "FILE"; NULL: it takes none */
    const char *help;
    char letter; /* 'c': -c; or 0 */
    char is_repeatable;
};

struct command; /* command.h */

enum { ARGS_WORDS_MAX = 8, ARGS_GIVEN_MAX = 64 };

struct args {
    const char *words[ARGS_WORDS_MAX + 1]; /* NULL-terminated */
    unsigned words_n;
    struct {
        const struct option *option;
        const char *value; /* NULL for an option that takes none */
    } given[ARGS_GIVEN_MAX];
    unsigned given_n;
    int wants_help;
};

/* options: ended by one whose name is NULL. ERR_INVALID; the message is for the user. */
enum err_code args_read(struct args *ret_args, const struct option *options, int argc,
                        char *const *argv, struct err *err) MUST_CHECK;

int args_has(const struct args *args, const char *name);
/* The value of an option, or `otherwise`. */
const char *args_value(const struct args *args, const char *name, const char *otherwise);
/* The same for a whole number; ERR_INVALID for one that is none, or that 32 bits cannot hold. */
enum err_code args_number(const struct args *args, const char *name, uint32_t otherwise,
                          uint32_t *ret_number, struct err *err) MUST_CHECK;
/* for (unsigned at = 0; (value = args_next(args, "metadata", &at));) */
const char *args_next(const struct args *args, const char *name, unsigned *at);

#endif
