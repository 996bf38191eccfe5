/*
 * say.c - `pawl send`, `cancel`, `pause`, `resume`, `retry`, `fork`, `set`, `settle` and `signal`:
 * what one says to a session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fields.h"
#include "cli/journal.h"
#include "cli/talk.h"
#include "cli/term.h"

/* A POST of these fields; text_name: what the session's second word is, or NULL. */
static int say(const struct args *args, const char *route, const char *text_name)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const struct talk talk = { .method = "POST", .route = route, .status = 200 };
    int status = EXIT_GOOD;

    json_begin(&body, '{');
    if (text_name)
        status = fields_put_text(&body, text_name, args->words[1]);
    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "reason", args_value(args, "reason", NULL));
    if (status == EXIT_GOOD)
        status = fields_put_budget(&body, args);
    json_end(&body, '}');
    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

static int run_send(const struct args *args)
{
    return say(args, "/messages", "content");
}

static int run_cancel(const struct args *args)
{
    return say(args, "/cancel", NULL);
}

static int run_pause(const struct args *args)
{
    return say(args, "/pause", NULL);
}

static int run_resume(const struct args *args)
{
    return say(args, "/resume", NULL);
}

static int run_retry(const struct args *args)
{
    return say(args, "/retry", NULL);
}

static int run_set(const struct args *args)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const struct talk talk = { .method = "PATCH", .route = "", .status = 200 };

    json_begin(&body, '{');
    int status = fields_put_context(&body, args);

    if (status == EXIT_GOOD)
        status = fields_put_metadata(&body, args);
    if (status == EXIT_GOOD)
        status = fields_put_budget(&body, args);
    json_end(&body, '}');
    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

static int print_copy(struct client *client, const struct args *args, const struct json *session)
{
    struct slice id = json_str(json_get(session, "id"));

    (void)client;
    (void)printf("%.*s is a copy of %.64s; 'pawl resume' lets it go on\n", (int)id.len,
                 id.ptr ? id.ptr : "", args->words[0]);
    return talk_print_session(args, session);
}

static int run_fork(const struct args *args)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const struct talk talk = {
        .method = "POST",
        .route = "/fork",
        .status = 201,
        .print = print_copy,
        .look = "pawl ps --all",
    };

    json_begin(&body, '{');
    int status = fields_put_number(&body, args, "at");

    json_end(&body, '}');
    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

/* ---- settle ---- */

struct verdict_line {
    int64_t call;
    struct buf text; /* of the last verdict on this call */
};

static void put_shown(struct buf *out, const struct json *event, const char *name)
{
    text_put_line(out, json_str(json_get(event, name)), 200);
}

static void on_event(void *arg, const struct json *event)
{
    struct verdict_line *line = arg;

    if (json_int(json_get(event, "call"), 0) != line->call ||
        !slice_is(json_str(json_get(event, "kind")), "tool_reconciled"))
        return;
    buf_clear(&line->text);
    buf_putf(&line->text, "event %lld: call %lld, attempt %lld, ",
             (long long)json_int(json_get(event, "seq"), 0), (long long)line->call,
             (long long)json_int(json_get(event, "attempt"), 0));
    put_shown(&line->text, event, "outcome");
    buf_puts(&line->text, ", says ");
    put_shown(&line->text, event, "by");
    if (json_get(event, "note")) {
        buf_puts(&line->text, ": ");
        put_shown(&line->text, event, "note");
    }
    buf_puts(&line->text, "\n");
    if (json_get(event, "output")) {
        buf_puts(&line->text, "the tool's output: ");
        put_shown(&line->text, event, "output");
        buf_puts(&line->text, "\n");
    }
}

/* What stands in the journal now, and then what the session does. */
static int print_verdict(struct client *client, const struct args *args, const struct json *session)
{
    struct journal journal = { .session = args->words[0] };
    struct verdict_line line = { .call = strtoll(args->words[1], NULL, 10), /* checked: digits */
                                 .text.max = (size_t)64 * 1024 };
    struct term term = term_of(stdout, args);
    int status = EXIT_GOOD;
    int has_more = 1;

    while (status == EXIT_GOOD && has_more) {
        size_t n = 0;

        status = journal_read(client, &journal, on_event, &line, &n, &has_more);
    }
    if (status == EXIT_GOOD) {
        term_put(&term, &line.text);
        status = talk_print_session(args, session);
    }
    buf_release(&line.text);
    return status;
}

/* What else could stand in the place of a number would name another route. */
static int run_settle(const struct args *args)
{
    CLEANUP(buf_release) struct buf route = { .max = 64 };
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const char *call = args->words[1];
    size_t len = strlen(call);

    if (len == 0 || len > 10 || strspn(call, "0123456789") != len)
        return command_fail(EXIT_USAGE, "the call is a number, as 'pawl show' has it, not '%.64s'",
                            call);
    buf_putf(&route, "/calls/%s/settle", call);
    json_begin(&body, '{');
    int status = fields_put_text(&body, "outcome", args->words[2]);

    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "output", args_value(args, "output", NULL));
    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "note", args_value(args, "note", NULL));
    json_end(&body, '}');
    const struct talk talk = {
        .method = "POST", .route = buf_cstr(&route), .status = 200, .print = print_verdict
    };

    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

/* ---- signal ---- */

static int run_signal(const struct args *args)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf route = { .max = (size_t)64 * 1024 };
    const char *data = args->words_n > 2 ? args->words[2] : "{}";
    struct err err = { 0 };

    if (json_read(&root, slice_of(data), FIELDS_BYTES_MAX, &err))
        return command_fail(EXIT_USAGE, "the data are no JSON: %s", err.msg);
    if (json_kind(root) != JSON_KIND_OBJECT)
        return command_fail(EXIT_USAGE, "the data are a JSON object, as in '{\"order\":7}'");
    buf_puts(&route, "/signals/");
    client_put_escaped(&route, slice_of(args->words[1]));
    const struct talk talk = { .method = "POST", .route = buf_cstr(&route), .status = 200 };

    return talk_to(args, &talk, slice_of(data));
}

/* ---- the commands ---- */

#define OPTION_REASON                                                                              \
    {                                                                                              \
        "reason", "TEXT", "why; it stands in the session's journal", 'r', 0                        \
    }

static const struct option send_options[] = { TALK_OPTIONS };
static const struct option reason_options[] = { OPTION_REASON, TALK_OPTIONS };
static const struct option retry_options[] = { OPTIONS_BUDGET, OPTION_REASON, TALK_OPTIONS };
static const struct option set_options[] = { OPTION_CONTEXT, OPTION_METADATA, OPTIONS_BUDGET,
                                             TALK_OPTIONS };
static const struct option fork_options[] = {
    { "at", "N", "only its events up to this one; see 'pawl events'", 0, 0 },
    TALK_OPTIONS,
};
static const struct option settle_options[] = {
    { "output", "TEXT", "what the tool said, or would have said: the model gets it", 0, 0 },
    { "note", "TEXT", "how that is known; it stands in the session's journal", 0, 0 },
    TALK_OPTIONS,
};

/* The rest of a command's row: its words, how many, what it takes and what it does. */
#define SAYS(words_text, n, its_options, its_run)                                                  \
    .words = (words_text), .words_min = (n), .words_max = (n), .options = (its_options),           \
    .run = (its_run)

const struct command command_send = {
    .name = "send",
    .summary = "Says something to a session",
    .help = "It joins the turn that is under way, or starts the next one. 'pawl events ID -f'\n"
            "follows what comes of it.\n\n" SERVER_HELP,
    SAYS("ID TEXT", 2, send_options, run_send),
};

const struct command command_cancel = {
    .name = "cancel",
    .summary = "Ends a session for good, with all that runs for it",
    .help = SERVER_HELP,
    SAYS("ID", 1, reason_options, run_cancel),
};

const struct command command_pause = {
    .name = "pause",
    .summary = "Lets a session begin nothing new; what is at work may end",
    .help = SERVER_HELP,
    SAYS("ID", 1, reason_options, run_pause),
};

const struct command command_resume = {
    .name = "resume",
    .summary = "Lets a paused session go on",
    .help = SERVER_HELP,
    SAYS("ID", 1, reason_options, run_resume),
};

const struct command command_retry = {
    .name = "retry",
    .summary = "Lets a failed session go on, with a larger budget if need be",
    .help = "The turn goes on where it failed, its counters at zero. One that failed with\n"
            "budget_reached needs a larger budget: --usd or --tokens.\n\n" SERVER_HELP,
    SAYS("ID", 1, retry_options, run_retry),
};

const struct command command_fork = {
    .name = "fork",
    .summary = "Makes a new session that begins where this one is, or was",
    .help = "The new session has the events of this one, all or those up to --at, and is paused:\n"
            "talk to it, set its context, then 'pawl resume'. Its usage is zero. Calls that were\n"
            "open at that point are not run in it; the model is told so. This session goes on as\n"
            "if nothing had happened.\n\n" SERVER_HELP,
    SAYS("ID", 1, fork_options, run_fork),
};

const struct command command_set = {
    .name = "set",
    .summary = "Changes the context, the metadata or the budget of a session",
    .help = "A context that is given takes the place of the former one as a whole, and so do the\n"
            "metadata; of the budget what is given counts. The next model call sees the new\n"
            "context.\n\n" SERVER_HELP,
    SAYS("ID", 1, set_options, run_set),
};

const struct command command_settle = {
    .name = "settle",
    .summary = "Says what became of a call that is in doubt",
    .help = "A tool with 'effects: once' that was lost while it ran is not run again before it is\n"
            "known that it did nothing. Where its 'reconcile' command cannot tell, a person does:\n"
            "'pawl show ID' names the call, its tool and its arguments. What did not happen is\n"
            "sent again. Prints what stands in the journal now.\n\n" SERVER_HELP,
    SAYS("ID CALL happened|not_happened", 3, settle_options, run_settle),
};

const struct command command_signal = {
    .name = "signal",
    .words = "ID NAME [JSON]",
    .summary = "Tells a session of an event from outside",
    .help =
        "A call of 'builtin: wait_for_event' with that NAME gets JSON, an object; without one the\n"
        "session keeps it until a call waits for it.\n\n" SERVER_HELP,
    .options = send_options,
    .words_min = 2,
    .words_max = 3,
    .run = run_signal,
};
