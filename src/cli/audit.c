/*
 * audit.c - `pawl audit`: who did what. A table of the newest for people, or all as JSON lines, the
 * oldest first, a page at a time: of any number of rows.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/term.h"
#include "cli/text.h"

enum {
    LIMIT = 50,
    PAGE = 1000,
    PATH_MAX_BYTES = 64 * 1024,
    ROW_BYTES_MAX = 64 * 1024,
    ACTION_WIDTH = 16,
    WHO_WIDTH = 24,
    ADDRESS_WIDTH = 15
};

static void put_filter(struct buf *path, const struct args *args, const char *option,
                       const char *parameter)
{
    const char *value = args_value(args, option, NULL);

    if (!value)
        return;
    buf_putf(path, "&%s=", parameter);
    client_put_escaped(path, slice_of(value));
}

static void put_path(struct buf *path, const struct args *args, uint32_t limit)
{
    buf_putf(path, "/v1/audit?limit=%u", limit);
    put_filter(path, args, "session", "session");
    put_filter(path, args, "actor", "actor");
    put_filter(path, args, "action", "action");
    put_filter(path, args, "since", "since");
    put_filter(path, args, "until", "until");
}

/* ---- a table ---- */

static void put_cell(struct buf *out, struct slice text, size_t width)
{
    CLEANUP(buf_release) struct buf cell = { .max = ROW_BYTES_MAX };

    text_put_line(&cell, text, width);
    size_t shown = text_width(buf_slice(&cell));

    buf_putf(out, "%s%*s  ", buf_cstr(&cell), (int)(shown < width ? width - shown : 0), "");
}

static void put_row(struct buf *out, const struct json *row)
{
    char date[TEXT_SHORT_MAX];
    struct slice outcome = json_str(json_get(row, "outcome"));
    int64_t call = json_int(json_get(row, "call"), 0);
    CLEANUP(buf_release) struct buf target = { .max = ROW_BYTES_MAX };

    text_put_line(&target, json_str(json_get(row, "target")), 80);
    buf_putf(out, "%6lld  %s  ", (long long)json_int(json_get(row, "seq"), 0),
             text_date(date, json_int(json_get(row, "at_ms"), 0)));
    put_cell(out, json_str(json_get(row, "action")), ACTION_WIDTH);
    put_cell(out,
             json_str(json_get(row, "actor_name")).len > 0 ? json_str(json_get(row, "actor_name"))
                                                           : json_str(json_get(row, "actor")),
             WHO_WIDTH);
    put_cell(out, json_str(json_get(row, "address")), ADDRESS_WIDTH);
    buf_puts(out, buf_cstr(&target));
    if (call > 0)
        buf_putf(out, ":%lld", (long long)call);
    if (!slice_is(outcome, "done")) {
        buf_puts(out, "  ");
        text_put_line(out, outcome, 80);
    }
    buf_puts(out, "\n");
}

static int print_table(struct client *client, const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = PATH_MAX_BYTES };
    struct answer answer = { 0 };
    struct err err = { 0 };
    uint32_t limit;

    if (args_number(args, "limit", LIMIT, &limit, &err))
        return command_fail(EXIT_USAGE, "%s", err.msg);
    put_path(&path, args, limit);
    int status = client_get(client, buf_cstr(&path), &answer);
    const struct json *data = json_get(answer.json, "data");
    struct term term = term_of(stdout, args);
    CLEANUP(buf_release) struct buf out = { .max = (json_count(data) + 1) * ROW_BYTES_MAX };

    text_put_styled(&out, term.has_color, STYLE_BOLD, "%6s  %-19s  %-*s  %-*s  %-*s  %s", "SEQ",
                    "WHEN", ACTION_WIDTH, "ACTION", WHO_WIDTH, "WHO", ADDRESS_WIDTH, "FROM",
                    "WHAT");
    buf_puts(&out, "\n");
    for (size_t i = 0; i < json_count(data); i++)
        put_row(&out, json_at(data, i));
    if (status == EXIT_GOOD)
        term_put(&term, &out);
    if (json_str(json_get(answer.json, "next_cursor")).ptr)
        (void)fputs("there are more; --limit shows up to 1000, --jsonl all\n", stderr);
    answer_release(&answer);
    return status;
}

/* ---- all, as lines ---- */

static int print_lines(const struct json *data)
{
    for (size_t i = 0; i < json_count(data); i++) {
        int status = client_print_json(json_at(data, i));

        if (status != EXIT_GOOD)
            return status;
    }
    return fflush(stdout) == 0 ? EXIT_GOOD
                               : command_fail(EXIT_CANNOT_RUN, "the output cannot be written");
}

static int print_all(struct client *client, const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = PATH_MAX_BYTES };
    int status = EXIT_GOOD;
    size_t first_len;

    put_path(&path, args, PAGE);
    buf_puts(&path, "&order=oldest");
    first_len = path.len;
    for (int goes_on = 1; goes_on && status == EXIT_GOOD;) {
        struct answer answer = { 0 };

        status = client_get(client, buf_cstr(&path), &answer);
        if (status == EXIT_GOOD)
            status = print_lines(json_get(answer.json, "data"));
        struct slice cursor = json_str(json_get(answer.json, "next_cursor"));

        goes_on = cursor.ptr != NULL;
        buf_cut(&path, first_len);
        if (goes_on) {
            buf_puts(&path, "&cursor=");
            client_put_escaped(&path, cursor);
        }
        answer_release(&answer);
    }
    return status;
}

static int run(const struct args *args)
{
    struct client client;
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = args_has(args, "jsonl") ? print_all(&client, args) : print_table(&client, args);

    client_close(&client);
    return status;
}

static const struct option options[] = {
    { "session", "ID", "only what was done to this session, or to the key with this id", 0, 0 },
    { "actor", "ID", "only what was done with this key; or `open`, `retention`, `offline`", 0, 0 },
    { "action", "NAME", "only this, like session.erase", 0, 0 },
    { "since", "TIME", "only from then on: 2026-11-23T00:00:00Z", 0, 0 },
    { "until", "TIME", "only before then", 0, 0 },
    { "limit", "N", "at most N, newest first (default: 50)", 'n', 0 },
    { "jsonl", NULL, "all of them, the oldest first, a JSON object a line", 0, 0 },
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_audit = {
    .name = "audit",
    .words = "",
    .summary = "Shows who did what, when and from where",
    .help = "What was refused is not among it. `pawl verify` checks that no row was "
            "changed.\n\n" SERVER_HELP,
    .options = options,
    .run = run,
};
