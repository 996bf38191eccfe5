/* output.c - `pawl output`: what a tool call printed, whole, to standard output. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"

enum { PATH_BYTES_MAX = 64 * 1024, READ_MS = 3600 * 1000 };

struct copy {
    int is_broken; /* nobody reads it any more, or the disk is full */
};

static int on_piece(void *arg, struct slice bytes)
{
    struct copy *copy = arg;

    copy->is_broken = fwrite(bytes.ptr, 1, bytes.len, stdout) != bytes.len;
    return copy->is_broken;
}

static void put_path(struct buf *path, const struct args *args)
{
    buf_puts(path, "/v1/sessions/");
    client_put_escaped(path, slice_of(args->words[0]));
    buf_puts(path, "/calls/");
    client_put_escaped(path, slice_of(args->words[1]));
    buf_puts(path, "/output");
}

static int print_output(struct client *client, const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = PATH_BYTES_MAX };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct copy copy = { 0 };
    struct err err = { 0 };

    put_path(&path, args);
    enum err_code code = client_call(client,
                                     &(struct client_request){ .method = "GET",
                                                               .path = buf_cstr(&path),
                                                               .timeout_ms = READ_MS,
                                                               .on_piece = on_piece,
                                                               .arg = &copy },
                                     &answer, &err);

    if (copy.is_broken || fflush(stdout) != 0)
        return command_fail(EXIT_FAILED, "the output cannot be written");
    if (code == ERR_TIMEOUT)
        return command_fail(EXIT_FAILED, "the output was cut off: %s; ask again: pawl output %s %s",
                            err.msg, args->words[0], args->words[1]);
    if (code)
        return client_fail(client, &err);
    if (answer.status != 200)
        return command_fail(EXIT_FAILED, "%s", answer.problem);
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    struct client client;
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = print_output(&client, args);

    client_close(&client);
    return status;
}

static const struct option options[] = {
    OPTION_SERVER,
    OPTIONS_END,
};

const struct command command_output = {
    .name = "output",
    .words = "ID CALL",
    .summary = "Writes what a tool call printed, whole, to standard output",
    .help =
        "CALL is the number that `pawl show` and `pawl events` give. The bytes are those of the\n"
        "tool, also where the model was sent a part of them only.\n\n" SERVER_HELP,
    .options = options,
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
