#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/nearest.h"
#include "base/utf8.h"

static const struct command *const commands[] = {
    &command_init,       &command_check,     &command_serve,     &command_run,
    &command_ps,         &command_show,      &command_events,    &command_output,
    &command_send,       &command_cancel,    &command_pause,     &command_resume,
    &command_retry,      &command_fork,      &command_approvals, &command_approve,
    &command_reject,     &command_answer,    &command_settle,    &command_signal,
    &command_deliveries, &command_redeliver, &command_set,       &command_erase,
    &command_verify,     &command_backup,    &command_key,       &command_audit,
    &command_schedules,  &command_version,
};

static const char exit_codes_text[] =
    "Exit codes:\n"
    "  0    good\n"
    "  1    the session did not complete, the request was refused, verify found a fault, or there\n"
    "       is no such session\n"
    "  2    the command line is wrong\n"
    "  3    no server answers, or not to the end\n"
    "  4    pawl.yaml is wrong\n"
    "  5    the server or the store cannot be opened here\n"
    "  130  interrupted (Ctrl-C); a session goes on in the server\n";

int command_fail(int exit_code, const char *fmt, ...)
{
    char message[2048];
    CLEANUP(buf_release) struct buf visible = { .max = (size_t)64 * 1024 };
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    utf8_put_visible(&visible, slice_of(message), 1);
    (void)fprintf(stderr, "pawl: %s\n", buf_cstr(&visible));
    return exit_code;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void print_overview(FILE *out)
{
    (void)fprintf(out, "pawl %s - a durable engine for AI agents\n\n", PAWL_VERSION);
    (void)fprintf(out, "usage: pawl COMMAND [ARGUMENTS]\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    (void)fprintf(out,
                  "  %-10s %s\n\n"
                  "'pawl COMMAND --help' says more about one. A first session:\n\n"
                  "  pawl init && pawl serve          and, once it is ready, in another terminal:\n"
                  "  pawl run hello \"What time is it?\"\n\n%s",
                  "help", "this text, or 'pawl help COMMAND'", exit_codes_text);
}

static void print_options(const struct option *option)
{
    (void)printf("\nOptions:\n");
    for (; option->name; option++) {
        char left[40];

        (void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
                       option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
                       option->name, option->value ? " " : "", option->value ? option->value : "");
        (void)printf("  %-27s %s\n", left, option->help);
    }
    (void)printf("  %-27s %s\n", "-h, --help", "this text");
}

static int print_help(const struct command *command)
{
    (void)printf("usage: pawl %s%s%s [OPTIONS]\n\n%s.\n", command->name,
                 command->words[0] ? " " : "", command->words, command->summary);
    if (command->help[0])
        (void)printf("\n%s", command->help);
    print_options(command->options);
    return EXIT_GOOD;
}

static int fail_usage(const struct command *command, const char *message)
{
    return command_fail(EXIT_USAGE, "%s\nusage: pawl %s%s%s [OPTIONS]; see pawl %s --help", message,
                        command->name, command->words[0] ? " " : "", command->words, command->name);
}

/* What the command calls its nth word: "CALL" of "ID CALL". There is one. */
static struct slice word_name(const struct command *command, unsigned n)
{
    const char *name = command->words;

    for (; n > 0; n--)
        name += strcspn(name, " ") + 1;
    return (struct slice){ name, strcspn(name, " ") };
}

/* A text may be empty, and so may the server say; what names something never is. */
static int check_words(const struct command *command, const struct args *args)
{
    char message[128];

    for (unsigned i = 0; i < command->words_max; i++) {
        struct slice name = word_name(command, i);
        const char *wrong = NULL;

        if (i >= args->words_n)
            wrong = i < command->words_min ? "is missing" : NULL;
        else if (!args->words[i][0] && (slice_is(name, "ID") || slice_is(name, "CALL")))
            wrong = "is empty; is a variable of the shell unset?";
        if (!wrong)
            continue;
        (void)snprintf(message, sizeof(message), "%.*s %s", (int)name.len, name.ptr, wrong);
        return fail_usage(command, message);
    }
    return EXIT_GOOD;
}

static int fail_unknown(const char *name)
{
    const char *known[ARRAY_LEN(commands) + 1];

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        known[i] = commands[i]->name;
    known[ARRAY_LEN(commands)] = "help";
    const char *nearest = nearest_word(slice_of(name), known, ARRAY_LEN(known));

    return command_fail(EXIT_USAGE, "there is no command '%.64s'%s%s%s; 'pawl help' lists them",
                        name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "");
}

static int run_command(const struct command *command, int argc, char *const *argv)
{
    struct args args;
    struct err err = { 0 };

    if (args_read(&args, command->options, argc, argv, &err))
        return fail_usage(command, err.msg);
    if (args.wants_help)
        return print_help(command);
    if (args.words_n > command->words_max)
        return fail_usage(command, "too many words; quote what belongs together");
    int status = check_words(command, &args);

    if (status != EXIT_GOOD)
        return status;
    status = command->run(&args);

    /* What could not be written was not said: a full disk must not look like success. */
    if (fflush(stdout) != 0 || ferror(stdout))
        return command_fail(EXIT_FAILED, "standard output cannot be written");
    return status;
}

static int help(int argc, char *const *argv)
{
    const struct command *command = argc > 0 ? find_command(argv[0]) : NULL;

    if (command)
        return print_help(command);
    if (argc > 0)
        return fail_unknown(argv[0]);
    print_overview(stdout);
    return EXIT_GOOD;
}

int command_main(int argc, char *const *argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);

    if (!command)
        return fail_unknown(name);
    return run_command(command, argc - 2, argv + 2);
}
