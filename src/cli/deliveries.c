/* deliveries.c - `pawl deliveries` and `pawl redeliver`: what webhooks were told. */
#include <stdio.h>

#include "cli/talk.h"
#include "cli/term.h"

enum { OUT_BYTES_MAX = 16 * 1024 * 1024, WORD_CHARS = 64, LINE_CHARS = 400, LIMIT = 50 };

static enum style style_of(struct slice status)
{
    if (slice_is(status, "delivered"))
        return STYLE_GREEN;
    return slice_is(status, "pending") ? STYLE_YELLOW : STYLE_RED;
}

static void put_text(struct buf *out, const char *before, const struct json *row, const char *name,
                     size_t chars)
{
    struct slice text = json_str(json_get(row, name));

    if (!text.ptr)
        return;
    buf_puts(out, before);
    text_put_line(out, text, chars);
}

/* A line, and below it what went wrong the last time. */
static void put_delivery(struct buf *out, const struct term *term, const struct json *row)
{
    struct slice status = json_str(json_get(row, "status"));
    int64_t attempts = json_int(json_get(row, "attempts"), 0);

    put_text(out, "", row, "id", WORD_CHARS);
    buf_puts(out, "  ");
    text_put_styled(out, term->has_color, style_of(status), "%-9.*s", (int)status.len,
                    status.ptr ? status.ptr : "");
    put_text(out, "  ", row, "webhook", WORD_CHARS);
    put_text(out, "  ", row, "event", WORD_CHARS);
    put_text(out, "  ", row, "session", WORD_CHARS);
    buf_putf(out, "  %lld attempt%s", (long long)attempts, attempts == 1 ? "" : "s");
    put_text(out, attempts > 0 ? ", next at " : ", due at ", row, "next_at", WORD_CHARS);
    buf_puts(out, "\n");
    if (json_str(json_get(row, "last_error")).ptr) {
        put_text(out, "    ", row, "last_error", LINE_CHARS);
        buf_puts(out, "\n");
    }
}

static int print_list(const struct args *args, const struct json *page)
{
    const struct json *data = json_get(page, "data");
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);

    if (args_has(args, "json"))
        return client_print_json(data);
    for (size_t i = 0; i < json_count(data); i++)
        put_delivery(&out, &term, json_at(data, i));
    term_put(&term, &out);
    if (json_count(data) == 0)
        (void)fputs("no delivery\n", stderr);
    if (json_str(json_get(page, "next_cursor")).ptr)
        (void)fputs("there are more; --limit shows up to 1000\n", stderr);
    return EXIT_GOOD;
}

static void put_query(struct buf *path, const struct args *args, const char *name)
{
    const char *value = args_value(args, name, NULL);

    if (!value)
        return;
    buf_putf(path, "&%s=", name);
    client_put_escaped(path, slice_of(value));
}

static int run_list(const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)1024 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct err err = { 0 };
    uint32_t limit;

    if (args_number(args, "limit", LIMIT, &limit, &err))
        return command_fail(EXIT_USAGE, "%s", err.msg);
    buf_putf(&path, "/v1/deliveries?limit=%u", limit);
    put_query(&path, args, "status");
    put_query(&path, args, "webhook");
    int status = client_fetch(args, buf_cstr(&path), &answer);

    return status == EXIT_GOOD ? print_list(args, answer.json) : status;
}

static int print_one(struct client *client, const struct args *args, const struct json *row)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct term term = term_of(stdout, args);

    (void)client;
    put_delivery(&out, &term, row);
    term_put(&term, &out);
    return EXIT_GOOD;
}

static int run_redeliver(const struct args *args)
{
    static const struct talk talk = {
        .method = "POST",
        .base = "/v1/deliveries/",
        .route = "/redeliver",
        .status = 202,
        .print = print_one,
        .look = "pawl deliveries",
    };

    return talk_to(args, &talk, SLICE_LIT("{}"));
}

static const struct option list_options[] = {
    { "status", "STATUS", "only these: pending, delivered, failed, disabled", 0, 0 },
    { "webhook", "NAME", "only those to this webhook", 0, 0 },
    { "limit", "N", "at most N, newest first (default: 50)", 'n', 0 },
    OPTION_JSON("as the API gives them, in an array"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

static const struct option redeliver_options[] = {
    OPTION_JSON("the delivery, as the API gives it"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_deliveries = {
    .name = "deliveries",
    .words = "",
    .summary = "Lists what webhooks were told",
    .help = "Newest first, with what went wrong the last time. They are kept for 30 "
            "days.\n\n" SERVER_HELP,
    .options = list_options,
    .run = run_list,
};

const struct command command_redeliver = {
    .name = "redeliver",
    .words = "ID",
    .summary = "Tells a webhook once more",
    .help =
        "ID is the delivery's, as 'pawl deliveries' has it. The same message is sent again, with\n"
        "the same webhook-id; its attempts start over.\n\n" SERVER_HELP,
    .options = redeliver_options,
    .words_min = 1,
    .words_max = 1,
    .run = run_redeliver,
};
