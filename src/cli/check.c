/* check.c - `pawl check`: is pawl.yaml good? */
#include <stdio.h>

#include "cli/command.h"
#include "cli/known.h"

static int run(const struct args *args)
{
    const char *path = args_value(args, "config", "pawl.yaml");
    struct config *config = NULL;
    int status = known_load(&config, path);

    if (status != EXIT_GOOD)
        return status;
    (void)printf("%s is good: %zu agent%s", path, config->agents_n,
                 config->agents_n == 1 ? "" : "s");
    for (size_t i = 0; i < config->agents_n; i++)
        (void)printf("%s%s", i ? ", " : " (", config->agents[i].name);
    (void)printf("%s, %zu tool%s, %zu model%s\n", config->agents_n ? ")" : "", config->tools_n,
                 config->tools_n == 1 ? "" : "s", config->models_n,
                 config->models_n == 1 ? "" : "s");
    config_free(config);
    return EXIT_GOOD;
}

static const struct option options[] = { OPTION_CONFIG, OPTIONS_END };

const struct command command_check = {
    .name = "check",
    .words = "",
    .summary = "Finds every mistake in pawl.yaml, with file, line and column",
    .help = "Exits with 0 if the file is good, with 4 if it is not.\n",
    .options = options,
    .run = run,
};
