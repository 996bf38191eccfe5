/* erase.c - `pawl erase`: a session that has ended is taken out of the store, for good. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/talk.h"

/* On a terminal a person is asked. Anything else must say --yes: nobody erases by accident. */
static int is_meant(const char *id, int *ret_status)
{
    char line[16] = "";

    *ret_status = EXIT_GOOD;
    if (!isatty(STDIN_FILENO)) {
        *ret_status = command_fail(EXIT_USAGE, "what is erased cannot be brought back; say --yes");
        return 0;
    }
    (void)fprintf(stderr, "Erase session %.64s? It cannot be brought back. [y/N] ", id);
    (void)fflush(stderr);
    if (!fgets(line, sizeof(line), stdin))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "y") == 0 || strcmp(line, "yes") == 0)
        return 1;
    *ret_status = command_fail(EXIT_FAILED, "nothing was erased");
    return 0;
}

static int print_erased(struct client *client, const struct args *args, const struct json *answer)
{
    struct slice id = json_str(json_get(answer, "id"));

    (void)client;
    (void)args;
    (void)printf(
        "%.*s is erased: its journal, context and metadata, and its tools' folder\n"
        "what stays: its id, tenant and agent, when it was created and erased, what it had "
        "spent;\n"
        "backups may hold the rest, and so does the write-ahead log until it starts over\n",
        (int)id.len, id.ptr ? id.ptr : "");
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    const struct talk talk = {
        .method = "DELETE", .route = "", .status = 200, .print = print_erased
    };
    int status = EXIT_GOOD;

    if (!args_has(args, "yes") && !is_meant(args->words[0], &status))
        return status;
    return talk_to(args, &talk, (struct slice){ 0 });
}

static const struct option options[] = {
    { "yes", NULL, "do not ask; needed where no terminal is there to be asked on", 'y', 0 },
    OPTION_JSON("the answer, as the API gives it"),
    OPTION_SERVER,
    OPTIONS_END,
};

const struct command command_erase = {
    .name = "erase",
    .words = "ID",
    .summary = "Erases a session that has ended: its journal is gone for good",
    .help = "Asks first, on a terminal. A session whose turn is under way is to be cancelled\n"
            "before, and a call in doubt to be settled. A tombstone stays, and says that it was\n"
            "there. Backups are not touched.\n\n" SERVER_HELP,
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
