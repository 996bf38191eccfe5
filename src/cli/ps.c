/* ps.c - `pawl ps`: sessions, newest first. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/term.h"
#include "core/session.h"

enum { LINE_BYTES_MAX = 64 * 1024, STATUS_WIDTH = 23, AGENT_WIDTH = 16, LIMIT = 50 };

static void build_path(struct buf *path, const struct args *args, uint32_t limit)
{
    const char *status = args_value(args, "status", NULL);
    const char *agent = args_value(args, "agent", NULL);

    buf_putf(path, "/v1/sessions?limit=%u", limit);
    if (status) {
        buf_puts(path, "&status=");
        client_put_escaped(path, slice_of(status));
    } else if (!args_has(args, "all")) {
        buf_puts(path, "&status=");
        for (unsigned i = 0; i < STATUS_COMPLETED; i++)
            buf_putf(path, "%s%s", i ? "," : "", session_status_name((enum session_status)i));
    }
    if (agent) {
        buf_puts(path, "&agent=");
        client_put_escaped(path, slice_of(agent));
    }
}

static enum style style_of(struct slice status)
{
    if (slice_is(status, "COMPLETED"))
        return STYLE_GREEN;
    if (slice_is(status, "FAILED"))
        return STYLE_RED;
    return slice_is(status, "CANCELLED") ? STYLE_DIM : STYLE_YELLOW;
}

static void put_row(struct buf *buf, const struct json *session, const struct term *term,
                    int64_t now_ms)
{
    struct slice id = json_str(json_get(session, "id"));
    struct slice status = json_str(json_get(session, "status"));
    const struct json *usage = json_get(session, "usage");
    int64_t created_ms = text_read_time(json_str(json_get(session, "created_at")));
    char age[TEXT_SHORT_MAX], tokens[TEXT_SHORT_MAX], usd[TEXT_SHORT_MAX];
    CLEANUP(buf_release) struct buf agent = { .max = LINE_BYTES_MAX };
    enum { FIXED_WIDTH = 40 + 2 + STATUS_WIDTH + 1 + AGENT_WIDTH + 1 + 8 + 6 + 11 + 10 + 4 };

    text_put_line(&agent, json_str(json_get(session, "agent")), AGENT_WIDTH);
    buf_putf(buf, "%-40.*s  ", (int)id.len, id.ptr ? id.ptr : "");
    text_put_styled(buf, term->has_color, style_of(status), "%-*.*s", STATUS_WIDTH, (int)status.len,
                    status.ptr ? status.ptr : "");
    buf_putf(buf, " %-*s %8s %5lld %10s %9s  ", AGENT_WIDTH, buf_cstr(&agent),
             text_duration(age, now_ms - created_ms),
             (long long)json_int(json_get(usage, "steps"), 0),
             text_count(tokens, json_int(json_get(usage, "tokens"), 0)),
             text_dollars(usd, json_number(json_get(usage, "usd"), 0)));
    text_put_line(buf, json_str(json_get(session, "current_task")),
                  term->width > FIXED_WIDTH + 20 ? term->width - FIXED_WIDTH : 20);
    buf_puts(buf, "\n");
}

static int print_table(const struct args *args, const struct json *page)
{
    const struct json *data = json_get(page, "data");
    struct term term = term_of(stdout, args);
    struct clock clock = clock_system();
    CLEANUP(buf_release) struct buf text = { .max = (json_count(data) + 1) * LINE_BYTES_MAX };

    if (json_count(data) == 0) {
        (void)fputs(args_has(args, "all") || args_has(args, "status")
                        ? "no session\n"
                        : "no session is at work; --all shows those that have ended, too\n",
                    stderr);
        return EXIT_GOOD;
    }
    text_put_styled(&text, term.has_color, STYLE_BOLD, "%-40s  %-*s %-*s %8s %5s %10s %9s  %s",
                    "ID", STATUS_WIDTH, "STATUS", AGENT_WIDTH, "AGENT", "AGE", "STEPS", "TOKENS",
                    "USD", "TASK");
    buf_puts(&text, "\n");
    for (size_t i = 0; i < json_count(data); i++)
        put_row(&text, json_at(data, i), &term, clock.wall_ms(clock.arg));
    term_put(&term, &text);
    if (json_str(json_get(page, "next_cursor")).ptr)
        (void)fputs("there are more; --limit shows up to 1000\n", stderr);
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)1024 * 1024 };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct err err = { 0 };
    uint32_t limit;

    if (args_number(args, "limit", LIMIT, &limit, &err))
        return command_fail(EXIT_USAGE, "%s", err.msg);
    build_path(&path, args, limit);
    int status = client_fetch(args, buf_cstr(&path), &answer);

    if (status != EXIT_GOOD)
        return status;
    return args_has(args, "json") ? client_print_json(json_get(answer.json, "data"))
                                  : print_table(args, answer.json);
}

static const struct option options[] = {
    { "all", NULL, "those that have ended, too", 'a', 0 },
    { "status", "STATUS", "only these, by commas: RUNNING,AWAITING_TOOL", 0, 0 },
    { "agent", "NAME", "only of this agent", 0, 0 },
    { "limit", "N", "at most N, newest first (default: 50)", 'n', 0 },
    OPTION_JSON("as the API gives them, in an array"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_ps = {
    .name = "ps",
    .words = "",
    .summary = "Lists sessions",
    .help = "Without --all or --status: those that have not ended.\n\n" SERVER_HELP,
    .options = options,
    .run = run,
};
