/* exit_code.h - how `pawl` ends. Documented in docs/cli.md and `pawl help`; they never change. */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,       /* the session did not complete, verify found a fault, no such session */
    EXIT_USAGE = 2,        /* the command line is wrong */
    EXIT_UNREACHABLE = 3,  /* no server answers, or not to the end */
    EXIT_CONFIG = 4,       /* pawl.yaml is wrong */
    EXIT_CANNOT_RUN = 5,   /* the server or the store cannot be opened here */
    EXIT_INTERRUPTED = 130 /* Ctrl-C; a session goes on in the server */
};

#endif
