/*
 * command.h - the subcommands of `pawl`, one row each.
 *
 * A command reads its arguments, does its work, and returns the process's exit code. What it
 * was asked for goes to standard output, everything else to standard error.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/args.h"
#include "cli/exit_code.h"

typedef int command_fn(const struct args *args);

struct command {
    const char *name;
    const char *words;   /* "AGENT INPUT" */
    const char *summary; /* one line */
    const char *help;    /* paragraphs for --help */
    const struct option *options;
    unsigned words_min, words_max;
    command_fn *run;
};

extern const struct command command_init, command_check, command_serve, command_run, command_ps,
    command_show, command_events, command_output, command_send, command_cancel, command_pause,
    command_resume, command_retry, command_fork, command_approvals, command_approve, command_reject,
    command_answer, command_settle, command_signal, command_deliveries, command_redeliver,
    command_set, command_erase, command_verify, command_backup, command_key, command_audit,
    command_schedules, command_version;

/* Rows for the options tables. */
#define OPTION_CONFIG                                                                              \
    {                                                                                              \
        "config", "FILE", "the configuration (default: pawl.yaml)", 'c', 0                         \
    }
#define OPTION_STORE                                                                               \
    {                                                                                              \
        "store", "URL", "this store instead of the configuration's: sqlite:PATH", 0, 0             \
    }
#define OPTION_SERVER                                                                              \
    {                                                                                              \
        "server", "URL", "the address of the server; see above", 's', 0                            \
    }
#define OPTION_JSON(text)                                                                          \
    {                                                                                              \
        "json", NULL, text, 0, 0                                                                   \
    }
#define OPTION_NO_COLOR                                                                            \
    {                                                                                              \
        "no-color", NULL, "no colours; NO_COLOR=1 in the environment does the same", 0, 0          \
    }
#define OPTIONS_END                                                                                \
    {                                                                                              \
        0                                                                                          \
    }

/* Paragraphs of --help. */
#define SERVER_HELP                                                                                \
    "The server is --server, else PAWL_SERVER, else what ./pawl.yaml listens on, else\n"           \
    "http://127.0.0.1:7295. If it asks for a key, that is PAWL_API_KEY.\n"

/* The whole program. argv as main() got it. */
int command_main(int argc, char *const *argv);

/* Prints "pawl: message" on standard error, and gives the exit code back. */
int command_fail(int exit_code, const char *fmt, ...) PRINTF(2, 3);

#endif
