/* schedules.c - `pawl schedules`: what the clock begins, and when. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/term.h"

enum { LINE_BYTES_MAX = 64 * 1024, NAME_WIDTH = 20, TIME_WIDTH = 20, WHEN_WIDTH = 34 };

/* To the second; "-" for never. */
static void put_time(struct buf *out, const struct json *time)
{
    struct slice text = json_str(time);
    const char *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;

    if (dot)
        buf_putf(out, "%.*sZ ", (int)(dot - text.ptr), text.ptr);
    else
        buf_putf(out, "%-*s ", TIME_WIDTH, "-");
}

static void put_when(struct buf *out, const struct json *schedule)
{
    CLEANUP(buf_release) struct buf when = { .max = LINE_BYTES_MAX };

    if (json_str(json_get(schedule, "cron")).ptr) {
        buf_put(&when, json_str(json_get(schedule, "cron")));
        buf_puts(&when, " ");
        buf_put(&when, json_str(json_get(schedule, "zone")));
    } else {
        buf_puts(&when, "once");
    }
    CLEANUP(buf_release) struct buf shown = { .max = LINE_BYTES_MAX };

    text_put_line(&shown, buf_slice(&when), WHEN_WIDTH);
    buf_putf(out, "%-*s ", WHEN_WIDTH, buf_cstr(&shown));
}

static void put_row(struct buf *out, const struct json *schedule)
{
    struct slice session = json_str(json_get(schedule, "last_session"));
    CLEANUP(buf_release) struct buf name = { .max = LINE_BYTES_MAX };

    text_put_line(&name, json_str(json_get(schedule, "name")), NAME_WIDTH);
    buf_putf(out, "%-*s ", NAME_WIDTH, buf_cstr(&name));
    put_when(out, schedule);
    if (json_bool(json_get(schedule, "enabled"), 1))
        put_time(out, json_get(schedule, "next_at"));
    else
        buf_putf(out, "%-*s ", TIME_WIDTH, "off");
    put_time(out, json_get(schedule, "last_at"));
    buf_putf(out, "%.*s\n", session.len > 0 ? (int)session.len : 1,
             session.len > 0 ? session.ptr : "-");
}

static int print_table(const struct args *args, const struct json *page)
{
    const struct json *data = json_get(page, "data");
    struct term term = term_of(stdout, args);
    CLEANUP(buf_release) struct buf text = { .max = (json_count(data) + 1) * LINE_BYTES_MAX };

    if (json_count(data) == 0) {
        (void)fputs("pawl.yaml has no schedules\n", stderr);
        return EXIT_GOOD;
    }
    text_put_styled(&text, term.has_color, STYLE_BOLD, "%-*s %-*s %-*s %-*s %s", NAME_WIDTH, "NAME",
                    WHEN_WIDTH, "WHEN", TIME_WIDTH, "NEXT", TIME_WIDTH, "LAST", "LAST SESSION");
    buf_puts(&text, "\n");
    for (size_t i = 0; i < json_count(data); i++)
        put_row(&text, json_at(data, i));
    term_put(&term, &text);
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    CLEANUP(answer_release) struct answer answer = { 0 };
    int status = client_fetch(args, "/v1/schedules", &answer);

    if (status != EXIT_GOOD)
        return status;
    return args_has(args, "json") ? client_print_json(json_get(answer.json, "data"))
                                  : print_table(args, answer.json);
}

static const struct option options[] = {
    OPTION_JSON("as the API gives them, in an array"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_schedules = {
    .name = "schedules",
    .words = "",
    .summary = "Lists the schedules of pawl.yaml, and when they are due",
    .help = "Times are in UTC.\n\n" SERVER_HELP,
    .options = options,
    .run = run,
};
