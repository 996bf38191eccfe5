#include "cli/talk.h"

#include <stdio.h>

#include "base/id.h"
#include "cli/show.h"
#include "cli/term.h"

enum { PATIENCE_MS = 60000, OUT_BYTES_MAX = 1024 * 1024 * 1024 };

int talk_print_session(const struct args *args, const struct json *session)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);

    show_put_end(&out, session, term.has_color);
    term_put(&term, &out);
    return EXIT_GOOD;
}

static void on_lost(void *arg)
{
    (void)arg;
    (void)command_fail(EXIT_GOOD, "the server is gone; looking for it for %d seconds",
                       PATIENCE_MS / 1000);
}

static int print_answer(struct client *client, const struct args *args, const struct talk *talk,
                        const struct answer *answer)
{
    if (answer->status != talk->status)
        return command_fail(EXIT_FAILED, "%s", answer->problem);
    if (args_has(args, "json"))
        return client_print_json(answer->json);
    return talk->print ? talk->print(client, args, answer->json)
                       : talk_print_session(args, answer->json);
}

static int fail_interrupted(const struct args *args, const struct talk *talk)
{
    if (talk->look)
        return command_fail(EXIT_INTERRUPTED, "interrupted; '%s' says whether it was done",
                            talk->look);
    return command_fail(EXIT_INTERRUPTED, "interrupted; 'pawl show %.64s' says whether it was done",
                        args->words[0]);
}

static int ask(struct client *client, const struct args *args, const struct talk *talk,
               struct slice body)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    const struct client_patience patience = { .ms = PATIENCE_MS, .on_lost = on_lost };
    struct random random;
    struct err err = { 0 };

    random_seed_from_kernel(&random);
    struct id key = id_make("cli_", loop_wall_ms(client->loop), &random);

    buf_puts(&path, talk->base ? talk->base : "/v1/sessions/");
    client_put_escaped(&path, slice_of(args->words[0]));
    buf_puts(&path, talk->route);
    const struct client_request request = {
        .method = talk->method,
        .path = buf_cstr(&path),
        .body = body,
        .idempotency_key = args_value(args, "key", key.text),
    };

    client_catch_interrupt(client);
    if (client_change(client, &request, &patience, &answer, &err))
        return client->is_interrupted ? fail_interrupted(args, talk) : client_fail(client, &err);
    return print_answer(client, args, talk, &answer);
}

int talk_to(const struct args *args, const struct talk *talk, struct slice body)
{
    struct client client;
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = ask(&client, args, talk, body);

    client_close(&client);
    return status;
}
