/*
 * approvals.c - `pawl approvals`, `approve`, `reject` and `answer`: what people are asked, and what
 * they say.
 *
 * Questions and arguments come from a model: each is shown whole, arguments as JSON on a line of
 * their own, with everything visible that would steer a terminal, turn the reading direction or
 * hide. A decision names the hash of the arguments that were printed, so it never counts for
 * others.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/fields.h"
#include "cli/talk.h"
#include "cli/term.h"

enum { OUT_BYTES_MAX = 1024 * 1024 * 1024, WORD_CHARS = 64, LINE_CHARS = 400, LIMIT = 50 };

static const char route[] = "/v1/approvals/";

/* ---- one of them, for people ---- */

static void put_label(struct buf *out, const struct term *term, const char *label)
{
    text_put_styled(out, term->has_color, STYLE_DIM, "  %-10s ", label);
}

static void put_text(struct buf *out, const struct term *term, const char *label,
                     const struct json *text)
{
    if (!json_str(text).ptr)
        return;
    put_label(out, term, label);
    text_put_line(out, json_str(text), LINE_CHARS);
    buf_puts(out, "\n");
}

/* "name": value, all of it. */
static void put_arguments(struct buf *out, const struct term *term, const struct json *arguments)
{
    for (struct json_iter *it = json_first(arguments); it; it = json_next(arguments, it)) {
        CLEANUP(buf_release) struct buf member = { .max = OUT_BYTES_MAX };
        struct err err = { 0 };

        json_put_str(&member, slice_of(json_iter_key(it)));
        buf_puts(&member, ": ");
        if (json_write(&member, json_iter_value(it), &err))
            buf_puts(&member, "?"); /* it was read from JSON */
        put_label(out, term, it == json_first(arguments) ? "arguments" : "");
        utf8_put_visible(out, buf_slice(&member), 0);
        buf_puts(out, "\n");
    }
    if (json_count(arguments) == 0) {
        put_label(out, term, "arguments");
        buf_puts(out, "none\n");
    }
}

static void put_visible(struct buf *out, const struct term *term, const char *label,
                        struct slice text)
{
    put_label(out, term, label);
    utf8_put_visible(out, text, 0);
    buf_puts(out, "\n");
}

/* Whole, with the command that answers it, or who has. */
static void put_question(struct buf *out, const struct term *term, const struct json *asked)
{
    const struct json *choices = json_get(asked, "choices");
    const struct json *decision = json_at(json_get(asked, "decisions"), 0);

    put_visible(out, term, "question", json_str(json_get(asked, "question")));
    for (size_t i = 0; i < json_count(choices); i++)
        put_visible(out, term, i == 0 ? "choices" : "", json_str(json_at(choices, i)));
    if (slice_is(json_str(json_get(asked, "status")), "pending")) {
        put_label(out, term, "answer it");
        buf_puts(out, "pawl answer ");
        text_put_line(out, json_str(json_get(asked, "id")), WORD_CHARS);
        buf_puts(out, " TEXT\n");
    }
    if (!json_get(asked, "answer") || !json_str(json_get(asked, "answer")).ptr)
        return;
    put_visible(out, term, "answer", json_str(json_get(asked, "answer")));
    put_text(out, term, "by", json_get(decision, "by"));
    put_text(out, term, "note", json_get(decision, "note"));
}

static void put_people(struct buf *out, const struct term *term, const struct json *approval)
{
    const struct json *decisions = json_get(approval, "decisions");

    if (!json_get(approval, "approvers"))
        return;
    put_label(out, term, "needs");
    buf_putf(out, "%lld of %lld\n", (long long)json_int(json_get(approval, "still_needed"), 0),
             (long long)json_int(json_get(approval, "approvers"), 0));
    for (size_t i = 0; i < json_count(decisions); i++) {
        const struct json *decision = json_at(decisions, i);

        put_label(out, term, "decided");
        text_put_line(out, json_str(json_get(decision, "by")), WORD_CHARS);
        buf_puts(out, ": ");
        text_put_line(out, json_str(json_get(decision, "decision")), WORD_CHARS);
        if (json_str(json_get(decision, "note")).ptr) {
            buf_puts(out, ", ");
            text_put_line(out, json_str(json_get(decision, "note")), LINE_CHARS);
        }
        buf_puts(out, "\n");
    }
}

static int is_question(const struct json *approval)
{
    return slice_is(json_str(json_get(approval, "kind")), "question");
}

static void put_head(struct buf *out, const struct term *term, const struct json *approval)
{
    struct slice status = json_str(json_get(approval, "status"));
    struct clock clock = clock_system();
    int64_t requested_ms = text_read_time(json_str(json_get(approval, "requested_at")));
    char age[TEXT_SHORT_MAX];

    text_put_line(out, json_str(json_get(approval, "id")), WORD_CHARS);
    buf_puts(out, "  ");
    text_put_styled(out, term->has_color, slice_is(status, "pending") ? STYLE_YELLOW : STYLE_NONE,
                    "%.*s", (int)status.len, status.ptr ? status.ptr : "");
    buf_puts(out, "  ");
    text_put_line(out, json_str(json_get(approval, "agent")), WORD_CHARS);
    if (is_question(approval)) {
        buf_puts(out, " asks");
    } else {
        buf_puts(out, " wants ");
        text_put_line(out, json_str(json_get(approval, "tool")), WORD_CHARS);
    }
    buf_putf(out, ", asked %s ago\n", text_duration(age, clock.wall_ms(clock.arg) - requested_ms));
}

static void put_approval(struct buf *out, const struct term *term, const struct json *approval)
{
    int is_in_doubt = slice_is(json_str(json_get(approval, "kind")), "in_doubt");

    put_head(out, term, approval);
    if (is_question(approval)) {
        put_question(out, term, approval);
        return;
    }
    if (is_in_doubt) {
        put_label(out, term, "in doubt");
        buf_puts(out, "did it happen? Say so with: pawl settle ");
        text_put_line(out, json_str(json_get(approval, "session")), WORD_CHARS);
        buf_putf(out, " %lld happened|not_happened\n",
                 (long long)json_int(json_get(approval, "call"), 0));
    }
    put_text(out, term, "risk", json_get(approval, "risk"));
    put_text(out, term, "reason", json_get(approval, "reason"));
    put_text(out, term, "role", json_get(approval, "role"));
    put_text(out, term, "expires", json_get(approval, "expires_at"));
    put_arguments(out, term, json_get(approval, "arguments"));
    if (json_bool(json_get(approval, "edited"), 0)) {
        put_label(out, term, "");
        buf_puts(out, "(a person has edited them)\n");
    }
    put_text(out, term, "hash", json_get(approval, "arguments_hash"));
    put_people(out, term, approval);
}

/* ---- the list ---- */

static int print_list(const struct args *args, const struct json *page)
{
    const struct json *data = json_get(page, "data");
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);

    if (args_has(args, "json"))
        return client_print_json(data);
    for (size_t i = 0; i < json_count(data); i++) {
        buf_puts(&out, i ? "\n" : "");
        put_approval(&out, &term, json_at(data, i));
    }
    term_put(&term, &out);
    if (json_count(data) == 0)
        (void)fputs(args_has(args, "all") || args_has(args, "status")
                        ? "no approval\n"
                        : "nobody is asked for anything; --all shows what was decided, too\n",
                    stderr);
    if (json_str(json_get(page, "next_cursor")).ptr)
        (void)fputs("there are more; --limit shows up to 1000\n", stderr);
    return EXIT_GOOD;
}

static int run_list(const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    const char *status = args_value(args, "status", args_has(args, "all") ? NULL : "pending");
    struct err err = { 0 };
    uint32_t limit;

    if (args_number(args, "limit", LIMIT, &limit, &err))
        return command_fail(EXIT_USAGE, "%s", err.msg);
    buf_putf(&path, "/v1/approvals?limit=%u", limit);
    if (status) {
        buf_puts(&path, "&status=");
        client_put_escaped(&path, slice_of(status));
    }
    int code = client_fetch(args, buf_cstr(&path), &answer);

    return code == EXIT_GOOD ? print_list(args, answer.json) : code;
}

/* ---- a decision ---- */

static int print_decided(struct client *client, const struct args *args,
                         const struct json *approval)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);

    (void)client;
    put_approval(&out, &term, approval);
    term_put(&term, &out);
    return EXIT_GOOD;
}

static int put_edit(struct buf *body, const struct args *args)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    const char *text = args_value(args, "arguments", NULL);
    struct err err = { 0 };

    if (!text)
        return EXIT_GOOD;
    if (json_read(&root, slice_of(text), FIELDS_BYTES_MAX, &err))
        return command_fail(EXIT_USAGE, "--arguments is no JSON: %s", err.msg);
    if (json_kind(root) != JSON_KIND_OBJECT)
        return command_fail(EXIT_USAGE, "--arguments takes an object, as in '{\"amount\":90}'");
    json_key(body, "arguments");
    json_put_raw(body, slice_of(text));
    return EXIT_GOOD;
}

static int decide(const struct args *args, const char *decision, const char *hash)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const struct talk talk = {
        .method = "POST",
        .base = route,
        .route = "",
        .status = 200,
        .print = print_decided,
        .look = "pawl approvals --all",
    };

    json_begin(&body, '{');
    int status = fields_put_text(&body, "decision", decision);

    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "arguments_hash", hash);
    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "note", args_value(args, "note", NULL));
    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "by", args_value(args, "by", NULL));
    if (status == EXIT_GOOD)
        status = put_edit(&body, args);
    json_end(&body, '}');
    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

/* Without --hash the arguments are read first; what is printed afterwards are those. */
static int run_decision(const struct args *args, const char *decision)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    const char *hash = args_value(args, "hash", NULL);

    if (hash)
        return decide(args, decision, hash);
    buf_puts(&path, route);
    client_put_escaped(&path, slice_of(args->words[0]));
    int status = client_fetch(args, buf_cstr(&path), &answer);

    if (status != EXIT_GOOD)
        return status;
    return decide(args, decision,
                  json_str(json_get(answer.json, "arguments_hash")).ptr
                      ? json_str(json_get(answer.json, "arguments_hash")).ptr
                      : "");
}

static int run_answer(const struct args *args)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    const struct talk talk = {
        .method = "POST",
        .base = route,
        .route = "",
        .status = 200,
        .print = print_decided,
        .look = "pawl approvals --all",
    };

    json_begin(&body, '{');
    int status = fields_put_text(&body, "answer", args->words[1]);

    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "note", args_value(args, "note", NULL));
    if (status == EXIT_GOOD)
        status = fields_put_text(&body, "by", args_value(args, "by", NULL));
    json_end(&body, '}');
    return status == EXIT_GOOD ? talk_to(args, &talk, buf_slice(&body)) : status;
}

static int run_approve(const struct args *args)
{
    return run_decision(args, "approve");
}

static int run_reject(const struct args *args)
{
    return run_decision(args, "reject");
}

/* ---- the commands ---- */

static const struct option list_options[] = {
    { "all", NULL, "those that were decided, too", 'a', 0 },
    { "status", "STATUS", "only these: pending, approved, answered, expired, ...", 0, 0 },
    { "limit", "N", "at most N, newest first (default: 50)", 'n', 0 },
    OPTION_JSON("as the API gives them, in an array"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

#define OPTIONS_DECISION                                                                           \
    { "by", "NAME", "who decides (default: the address that asks)", 0, 0 },                        \
        { "hash", "HASH", "only for arguments with this hash: those that you have seen", 0, 0 },   \
        OPTION_KEY, OPTION_JSON("the approval, as the API gives it"), OPTION_SERVER,               \
        OPTION_NO_COLOR, OPTIONS_END

static const struct option approve_options[] = {
    { "arguments", "JSON", "an object to run with instead; the model is told", 0, 0 },
    { "note", "TEXT", "why; it stands in the session's journal", 0, 0 },
    OPTIONS_DECISION,
};

static const struct option reject_options[] = {
    { "note", "TEXT", "why; the model reads it", 0, 0 },
    OPTIONS_DECISION,
};

static const struct option answer_options[] = {
    { "note", "TEXT", "for the session's journal; the model does not read it", 0, 0 },
    { "by", "NAME", "who answers (default: the address that asks)", 0, 0 },
    OPTION_KEY,
    OPTION_JSON("the question, as the API gives it"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_approvals = {
    .name = "approvals",
    .words = "",
    .summary = "Lists what people are asked",
    .help =
        "Without --all or --status: what still waits for a decision or an answer.\n\n" SERVER_HELP,
    .options = list_options,
    .run = run_list,
};

const struct command command_approve = {
    .name = "approve",
    .words = "ID",
    .summary = "Lets a tool call run that waits for a person",
    .help =
        "ID is the approval's, as 'pawl approvals' has it: SESSION:CALL. It counts for the\n"
        "arguments as they are now; with --hash only for those that you have seen.\n\n" SERVER_HELP,
    .options = approve_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_approve,
};

const struct command command_reject = {
    .name = "reject",
    .words = "ID",
    .summary = "Refuses a tool call that waits for a person",
    .help = "It does not run; the model is told, with the note.\n\n" SERVER_HELP,
    .options = reject_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_reject,
};

const struct command command_answer = {
    .name = "answer",
    .words = "ID TEXT",
    .summary = "Answers a question of a session",
    .help =
        "ID is the question's, as 'pawl approvals' has it: SESSION:CALL. The model reads TEXT;\n"
        "where the question has choices it must be one of them.\n\n" SERVER_HELP,
    .options = answer_options,
    .words_min = 2,
    .words_max = 2,
    .run = run_answer,
};
