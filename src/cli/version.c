#include <stdio.h>

#include "cli/command.h"

static int run(const struct args *args)
{
    (void)args;
    (void)printf("pawl %s\n", PAWL_VERSION);
    return EXIT_GOOD;
}

static const struct option options[] = { OPTIONS_END };

const struct command command_version = {
    .name = "version",
    .words = "",
    .summary = "Prints the version",
    .help = "",
    .options = options,
    .run = run,
};
