/* backup.c - `pawl backup`: a copy of the store, beside a running server if there is one. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/known.h"
#include "store/store.h"

static int backup(const char *url, const char *path)
{
    struct err err = { 0 };

    if (path[0] == '\0')
        return command_fail(EXIT_USAGE, "the name of the file is empty");
    switch (store_backup(url, path, &err)) {
    case ERR_NONE: break;
    case ERR_INVALID: return command_fail(EXIT_USAGE, "%s", err.msg);
    case ERR_CONFLICT: return command_fail(EXIT_FAILED, "%s", err.msg);
    default: return command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
    }
    (void)printf("%s is a copy of %s; 'pawl verify --store sqlite:%s' checks it\n", path, url,
                 path);
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    char *url = NULL;
    int status = known_store_url(&url, args);

    if (status == EXIT_GOOD)
        status = backup(url, args->words[0]);
    free(url);
    return status;
}

static const struct option options[] = {
    OPTION_CONFIG,
    OPTION_STORE,
    OPTIONS_END,
};

const struct command command_backup = {
    .name = "backup",
    .words = "FILE",
    .summary = "Copies the store, as it is at this moment, into a new file",
    .help = "May run beside a server, which goes on. FILE must not be there; it appears under its\n"
            "name when all of it is on the disk. Exits with 1 if FILE is there already, with 5 if\n"
            "the store cannot be read or FILE cannot be written.\n",
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
