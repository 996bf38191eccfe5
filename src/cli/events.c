/* events.c - `pawl events`: a session's journal, a JSON object a line. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/journal.h"
#include "cli/watch.h"

enum { FOLLOW_PATIENCE_MS = 60000 };

static void print_event(void *arg, const struct json *event)
{
    CLEANUP(buf_release) struct buf line = { .max = (size_t)1024 * 1024 * 1024 };
    struct err err = { 0 };

    (void)arg;
    /* What was read can be written: only memory could be short, and that ends the process. */
    if (json_write(&line, event, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    (void)printf("%s\n", buf_cstr(&line));
}

static int print_watched(void *arg, const struct json *event)
{
    print_event(arg, event);
    return fflush(stdout) != 0; /* nobody reads it any more */
}

static int follow(struct client *client, const char *session, uint32_t after)
{
    struct watch watch = { .session = session,
                           .after = after,
                           .patience = { .ms = FOLLOW_PATIENCE_MS },
                           .on_event = print_watched };

    return watch_run(client, &watch);
}

static int print_all(struct client *client, const struct args *args)
{
    struct journal journal = { .session = args->words[0] };
    struct err err = { 0 };
    int status = EXIT_GOOD;
    int goes_on = 1;

    if (args_number(args, "after", 0, &journal.after, &err))
        return command_fail(EXIT_USAGE, "%s", err.msg);
    if (args_has(args, "follow"))
        return follow(client, journal.session, journal.after);
    while (status == EXIT_GOOD && goes_on) {
        size_t n = 0;

        status = journal_read(client, &journal, print_event, NULL, &n, &goes_on);
        (void)fflush(stdout);
    }
    return status;
}

static int run(const struct args *args)
{
    struct client client;
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = print_all(&client, args);

    client_close(&client);
    return status;
}

static const struct option options[] = {
    { "after", "SEQ", "only events after this one", 0, 0 },
    { "follow", NULL, "and those that are still to come, until Ctrl-C", 'f', 0 },
    OPTION_SERVER,
    OPTIONS_END,
};

const struct command command_events = {
    .name = "events",
    .words = "ID",
    .summary = "Prints a session's journal, a JSON object a line",
    .help = SERVER_HELP,
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
