/*
 * talk.c - `pawl send`, `cancel`, `pause`, `resume`, `retry` and `settle`: what one says to a
 * session.
 *
 * Each is one POST with an Idempotency-Key, so an answer that is lost with its server is asked for
 * again until there is one, and what was asked for is done once.
 */
#include <stdio.h>

#include "base/id.h"
#include "base/utf8.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/show.h"
#include "cli/term.h"

enum { PATIENCE_MS = 60000, OUT_BYTES_MAX = 1024 * 1024 * 1024, BODY_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- what is said ---- */

static int put_text(struct buf *body, const char *name, const char *text)
{
    if (!text)
        return EXIT_GOOD;
    if (!utf8_is_valid(slice_of(text)))
        return command_fail(EXIT_USAGE, "the %s is not UTF-8", name);
    json_key(body, name);
    json_put_str(body, slice_of(text));
    return EXIT_GOOD;
}

/* What is too little or too much the server knows; what is no number would be no JSON. */
static int put_number(struct buf *body, const struct args *args, const char *name)
{
    CLEANUP(json_cleanup) struct json *number = NULL;
    const char *text = args_value(args, name, NULL);
    struct err err = { 0 };

    if (!text)
        return EXIT_GOOD;
    if (json_read(&number, slice_of(text), BODY_BYTES_MAX, &err) ||
        (json_kind(number) != JSON_KIND_INT && json_kind(number) != JSON_KIND_REAL))
        return command_fail(EXIT_USAGE, "--%s takes a number, not '%.64s'", name, text);
    json_key(body, name);
    json_put_raw(body, slice_of(text));
    return EXIT_GOOD;
}

static int put_budget(struct buf *body, const struct args *args)
{
    int status = EXIT_GOOD;

    if (!args_has(args, "usd") && !args_has(args, "tokens"))
        return status;
    json_key(body, "budget");
    json_begin(body, '{');
    status = put_number(body, args, "usd");
    if (status == EXIT_GOOD)
        status = put_number(body, args, "tokens");
    json_end(body, '}');
    return status;
}

static int put_body(struct buf *body, const struct args *args)
{
    json_begin(body, '{');
    int status = EXIT_GOOD;

    if (args->words_n == 2)
        status = put_text(body, "content", args->words[1]);
    if (args->words_n == 3)
        status = put_text(body, "outcome", args->words[2]);
    if (status == EXIT_GOOD)
        status = put_text(body, "output", args_value(args, "output", NULL));
    if (status == EXIT_GOOD)
        status = put_text(body, "note", args_value(args, "note", NULL));
    if (status == EXIT_GOOD)
        status = put_text(body, "reason", args_value(args, "reason", NULL));
    if (status == EXIT_GOOD)
        status = put_budget(body, args);
    json_end(body, '}');
    return status;
}

/* ---- saying it ---- */

static int print_session(const struct args *args, const struct json *session)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);
    struct err err = { 0 };

    if (!args_has(args, "json")) {
        show_put_end(&out, session, term.has_color);
    } else {
        if (json_write(&out, session, &err))
            return command_fail(EXIT_FAILED, "%s", err.msg);
        buf_puts(&out, "\n");
    }
    term_put(&term, &out);
    return EXIT_GOOD;
}

static void on_lost(void *arg)
{
    (void)arg;
    (void)command_fail(EXIT_GOOD, "the server is gone; looking for it for %d seconds",
                       PATIENCE_MS / 1000);
}

static int post(struct client *client, const struct args *args, const char *route,
                const struct buf *body)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    const struct client_patience patience = { .ms = PATIENCE_MS, .on_lost = on_lost };
    struct random random;
    struct err err = { 0 };

    random_seed_from_kernel(&random);
    struct id key = id_make("cli_", loop_wall_ms(client->loop), &random);

    buf_puts(&path, "/v1/sessions/");
    client_put_escaped(&path, slice_of(args->words[0]));
    buf_putf(&path, "/%s", route);
    const struct client_request request = {
        .method = "POST",
        .path = buf_cstr(&path),
        .body = buf_slice(body),
        .idempotency_key = args_value(args, "key", key.text),
    };

    client_catch_interrupt(client);
    if (client_change(client, &request, &patience, &answer, &err)) {
        if (client->is_interrupted)
            return command_fail(EXIT_INTERRUPTED,
                                "interrupted; 'pawl show %.64s' says whether it was done",
                                args->words[0]);
        return client_fail(client, &err);
    }
    if (answer.status != 200)
        return command_fail(EXIT_FAILED, "%s", answer.problem);
    return print_session(args, answer.json);
}

static int say(const struct args *args, const char *route)
{
    CLEANUP(buf_release) struct buf body = { .max = BODY_BYTES_MAX };
    struct client client;
    struct err err = { 0 };
    int status = put_body(&body, args);

    if (status != EXIT_GOOD)
        return status;
    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    status = post(&client, args, route, &body);
    client_close(&client);
    return status;
}

/* ---- the commands ---- */

#define OPTION_REASON                                                                              \
    {                                                                                              \
        "reason", "TEXT", "why; it stands in the session's journal", 'r', 0                        \
    }
#define OPTION_KEY                                                                                 \
    {                                                                                              \
        "key", "KEY", "Idempotency-Key: the same again is done once", 0, 0                         \
    }
#define TALK_OPTIONS                                                                               \
    OPTION_KEY, OPTION_JSON("the session, as the API gives it"), OPTION_SERVER, OPTION_NO_COLOR,   \
        OPTIONS_END

static int run_send(const struct args *args)
{
    return say(args, "messages");
}

static int run_cancel(const struct args *args)
{
    return say(args, "cancel");
}

static int run_pause(const struct args *args)
{
    return say(args, "pause");
}

static int run_resume(const struct args *args)
{
    return say(args, "resume");
}

static int run_retry(const struct args *args)
{
    return say(args, "retry");
}

/* What else could stand in the place of a number would name another route. */
static int run_settle(const struct args *args)
{
    CLEANUP(buf_release) struct buf route = { .max = 64 };
    const char *call = args->words[1];
    size_t len = strlen(call);

    if (len == 0 || len > 10 || strspn(call, "0123456789") != len)
        return command_fail(EXIT_USAGE, "the call is a number, as 'pawl show' has it, not '%.64s'",
                            call);
    buf_putf(&route, "calls/%s/settle", call);
    return say(args, buf_cstr(&route));
}

static const struct option settle_options[] = {
    { "output", "TEXT", "what the tool said, or would have said: the model gets it", 0, 0 },
    { "note", "TEXT", "how that is known; it stands in the session's journal", 0, 0 },
    TALK_OPTIONS,
};
static const struct option send_options[] = { TALK_OPTIONS };
static const struct option reason_options[] = { OPTION_REASON, TALK_OPTIONS };
static const struct option retry_options[] = {
    { "usd", "DOLLARS", "raises the session's budget to so many US dollars", 0, 0 },
    { "tokens", "N", "raises the session's budget to so many tokens", 0, 0 },
    OPTION_REASON,
    TALK_OPTIONS,
};

const struct command command_send = {
    .name = "send",
    .words = "ID TEXT",
    .summary = "Says something to a session",
    .help = "It joins the turn that is under way, or starts the next one. 'pawl events ID -f'\n"
            "follows what comes of it.\n\n" SERVER_HELP,
    .options = send_options,
    .words_min = 2,
    .words_max = 2,
    .run = run_send,
};

const struct command command_cancel = {
    .name = "cancel",
    .words = "ID",
    .summary = "Ends a session for good, with all that runs for it",
    .help = SERVER_HELP,
    .options = reason_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_cancel,
};

const struct command command_pause = {
    .name = "pause",
    .words = "ID",
    .summary = "Lets a session begin nothing new; what is at work may end",
    .help = SERVER_HELP,
    .options = reason_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_pause,
};

const struct command command_resume = {
    .name = "resume",
    .words = "ID",
    .summary = "Lets a paused session go on",
    .help = SERVER_HELP,
    .options = reason_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_resume,
};

const struct command command_retry = {
    .name = "retry",
    .words = "ID",
    .summary = "Lets a failed session go on, with a larger budget if need be",
    .help = "The turn goes on where it failed, its counters at zero. One that failed with\n"
            "budget_reached needs a larger budget: --usd or --tokens.\n\n" SERVER_HELP,
    .options = retry_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_retry,
};

const struct command command_settle = {
    .name = "settle",
    .words = "ID CALL happened|not_happened",
    .summary = "Says what became of a call that is in doubt",
    .help = "A tool with 'effects: once' that was lost while it ran is not run again before it is\n"
            "known that it did nothing. Where its 'reconcile' command cannot tell, a person does:\n"
            "'pawl show ID' names the call, its tool and its arguments. What did not happen is\n"
            "sent again.\n\n" SERVER_HELP,
    .options = settle_options,
    .words_min = 3,
    .words_max = 3,
    .run = run_settle,
};
