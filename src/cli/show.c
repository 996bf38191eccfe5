/* show.c - `pawl show`: one session as a timeline. */
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/journal.h"
#include "cli/show.h"
#include "cli/term.h"
#include "cli/timeline.h"

enum { OUT_BYTES_MAX = 1024 * 1024 * 1024 };

static void put_path(struct buf *path, const char *session, const char *rest)
{
    buf_puts(path, "/v1/sessions/");
    client_put_escaped(path, slice_of(session));
    buf_puts(path, rest);
}

int show_get_session(struct client *client, const char *id, struct answer *ret_answer)
{
    CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };

    put_path(&path, id, "");
    return client_get(client, buf_cstr(&path), ret_answer);
}

/* ---- as JSON ---- */

static int put_steps(struct client *client, const char *id, struct buf *out)
{
    CLEANUP(buf_release) struct buf cursor = { .max = 1024 };
    int status = EXIT_GOOD;

    do {
        CLEANUP(buf_release) struct buf path = { .max = (size_t)64 * 1024 };
        CLEANUP(answer_release) struct answer answer = { 0 };
        struct err err = { 0 };

        put_path(&path, id, "/steps?limit=1000");
        if (cursor.len > 0)
            buf_putf(&path, "&cursor=%s", buf_cstr(&cursor));
        status = client_get(client, buf_cstr(&path), &answer);
        if (status != EXIT_GOOD)
            return status;
        const struct json *data = json_get(answer.json, "data");

        for (size_t i = 0; i < json_count(data); i++) {
            CLEANUP(buf_release) struct buf step = { .max = OUT_BYTES_MAX };

            if (json_write(&step, json_at(data, i), &err))
                return command_fail(EXIT_FAILED, "%s", err.msg);
            json_put_raw(out, buf_slice(&step));
        }
        buf_clear(&cursor);
        buf_put(&cursor, json_str(json_get(answer.json, "next_cursor")));
    } while (cursor.len > 0);
    return status;
}

static int show_json(struct client *client, const char *id, const struct answer *session)
{
    CLEANUP(buf_release) struct buf text = { .max = OUT_BYTES_MAX };
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct err err = { 0 };

    if (json_write(&text, session->json, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    json_begin(&out, '{');
    json_key(&out, "session");
    json_put_raw(&out, buf_slice(&text));
    json_key(&out, "steps");
    json_begin(&out, '[');
    int status = put_steps(client, id, &out);

    if (status != EXIT_GOOD)
        return status;
    json_end(&out, ']');
    json_end(&out, '}');
    (void)printf("%s\n", buf_cstr(&out));
    return EXIT_GOOD;
}

/* ---- for people ---- */

static void put_shown(struct buf *out, const struct json *object, const char *name)
{
    CLEANUP(buf_release) struct buf line = { .max = (size_t)64 * 1024 };

    text_put_line(&line, json_str(json_get(object, name)), 200);
    buf_put(out, buf_slice(&line));
}

static void put_waiting(struct buf *out, const struct json *session, int has_color)
{
    const struct json *waiting = json_get(session, "waiting");

    for (size_t i = 0; i < json_count(waiting); i++) {
        const struct json *wait = json_at(waiting, i);
        struct clock clock = clock_system();
        int64_t since_ms = text_read_time(json_str(json_get(wait, "since")));
        int64_t until_ms = text_read_time(json_str(json_get(wait, "until")));
        char since[TEXT_SHORT_MAX], until[TEXT_SHORT_MAX];

        text_put_styled(out, has_color, STYLE_YELLOW, "waits for ");
        put_shown(out, wait, "detail");
        if (since_ms >= 0)
            buf_putf(out, ", since %s", text_duration(since, clock.wall_ms(clock.arg) - since_ms));
        if (until_ms >= 0)
            buf_putf(out, ", until %s at the latest", text_date(until, until_ms));
        buf_puts(out, "\n");
    }
}

void show_put_end(struct buf *out, const struct json *session, int has_color)
{
    struct slice status = json_str(json_get(session, "status"));
    const struct json *usage = json_get(session, "usage");
    const struct json *error = json_get(session, "error");
    int64_t created_ms = text_read_time(json_str(json_get(session, "created_at")));
    int64_t updated_ms = text_read_time(json_str(json_get(session, "updated_at")));
    char steps[TEXT_SHORT_MAX], tokens[TEXT_SHORT_MAX], usd[TEXT_SHORT_MAX], ms[TEXT_SHORT_MAX];
    enum style style = slice_is(status, "COMPLETED") ? STYLE_GREEN
                       : slice_is(status, "FAILED")  ? STYLE_RED
                                                     : STYLE_YELLOW;

    text_put_styled(out, has_color, style, "%.*s%s", (int)status.len, status.ptr ? status.ptr : "",
                    json_bool(json_get(session, "paused"), 0) ? " (paused)" : "");
    buf_putf(out, " after %s: %s steps, %s tokens, %s\n",
             text_duration(ms, updated_ms - created_ms),
             text_count(steps, json_int(json_get(usage, "steps"), 0)),
             text_count(tokens, json_int(json_get(usage, "tokens"), 0)),
             text_dollars(usd, json_number(json_get(usage, "usd"), 0)));
    if (json_kind(error) == JSON_KIND_OBJECT) {
        text_put_styled(out, has_color, STYLE_RED, "error: ");
        put_shown(out, error, "code");
        buf_puts(out, ": ");
        put_shown(out, error, "message");
        buf_puts(out, "\n");
    }
    put_waiting(out, session, has_color);
}

static void put_head(struct buf *out, const struct json *session, const struct term *term)
{
    struct slice id = json_str(json_get(session, "id"));
    struct slice revision = json_str(json_get(session, "revision"));
    char date[TEXT_SHORT_MAX];

    text_put_styled(out, term->has_color, STYLE_BOLD, "%.*s", (int)id.len, id.ptr ? id.ptr : "");
    buf_puts(out, "  agent ");
    put_shown(out, session, "agent");
    buf_putf(out, " (revision %.*s), created %s\n\n", (int)(revision.len < 12 ? revision.len : 12),
             revision.ptr ? revision.ptr : "",
             text_date(date, text_read_time(json_str(json_get(session, "created_at")))));
}

static void add_event(void *arg, const struct json *event)
{
    timeline_add(arg, event);
}

static int read_timeline(struct client *client, const char *id, struct timeline *timeline)
{
    struct journal journal = { .session = id };
    int status = EXIT_GOOD;
    int has_more = 1;
    size_t n;

    while (status == EXIT_GOOD && has_more)
        status = journal_read(client, &journal, add_event, timeline, &n, &has_more);
    return status;
}

static int show_timeline(struct client *client, const struct args *args,
                         const struct answer *session)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    CLEANUP(timeline_release) struct timeline timeline;
    struct term term = term_of(stdout, args);
    const struct timeline_style style = { .has_color = term.has_color, .width = term.width };
    struct slice output = json_str(json_get(session->json, "output"));

    timeline_init(&timeline);
    int status = read_timeline(client, args->words[0], &timeline);

    if (status != EXIT_GOOD)
        return status;
    put_head(&out, session->json, &term);
    timeline_put(&out, &timeline, &style);
    buf_puts(&out, "\n");
    show_put_end(&out, session->json, term.has_color);
    if (output.ptr) {
        buf_puts(&out, "\n");
        utf8_put_visible(&out, output, 1);
        buf_puts(&out, "\n");
    }
    term_put(&term, &out);
    return EXIT_GOOD;
}

static int run(const struct args *args)
{
    struct answer session = { 0 };
    struct client client;
    struct err err = { 0 };

    if (client_open(&client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    int status = show_get_session(&client, args->words[0], &session);

    if (status == EXIT_GOOD)
        status = args_has(args, "json") ? show_json(&client, args->words[0], &session)
                                        : show_timeline(&client, args, &session);
    answer_release(&session);
    client_close(&client);
    return status;
}

static const struct option options[] = {
    OPTION_JSON("the session and its steps as the API gives them"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_show = {
    .name = "show",
    .words = "ID",
    .summary = "Shows one session: what happened when, and what it waits for",
    .help = "Each line is one try of a step, in the order in which they began: the time, the time\n"
            "since the session began, what it was, how long it took, and what came of "
            "it.\n\n" SERVER_HELP,
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
