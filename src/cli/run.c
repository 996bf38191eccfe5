/*
 * run.c - `pawl run`: starts a session and follows it to the end of its turn.
 *
 * The session is the server's: whatever happens here, it goes on. A connection that is lost is
 * looked for again for a minute, so a server that is killed and started again is a pause and no
 * end; the Idempotency-Key makes sure that the session is created once.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/id.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/fields.h"
#include "cli/journal.h"
#include "cli/show.h"
#include "cli/term.h"
#include "cli/timeline.h"
#include "cli/watch.h"

enum {
    PATIENCE_MS = 60000,
    LIVE_MS = 100,
    SAID_BYTES_MAX = 4096,
    SAID_CHARS_LEAST = 12,
    OUT_BYTES_MAX = 1024 * 1024 * 1024,
};

struct follow {
    struct client client;
    struct term term; /* standard error */
    struct timeline timeline;
    struct loop_timer live;
    unsigned spins;
    int is_live_shown;
    struct buf said; /* the end of what a model is writing */
    uint32_t said_call, said_attempt;
    int is_lost;
    const char *session;
};

/* ---- the live line, on a terminal ---- */

static void clear_live(struct follow *follow)
{
    if (follow->is_live_shown)
        (void)fputs("\r\x1b[K", stderr);
    follow->is_live_shown = 0;
}

/* What is under way, then the end of what the model has written so far, dim. */
static void put_live(struct buf *line, const struct follow *follow)
{
    CLEANUP(buf_release) struct buf open = { .max = (size_t)64 * 1024 };
    size_t room = follow->term.width - TEXT_SHORT_MAX / 2;
    struct slice said = buf_slice(&follow->said);

    timeline_put_open(&open, &follow->timeline);
    if (follow->is_lost) {
        text_put_line(line, SLICE_LIT("the server is gone"), room);
        return;
    }
    size_t begin = line->len;

    text_put_line(line, open.len ? buf_slice(&open) : SLICE_LIT("waits for its turn"), room);
    room -= line->len - begin < room ? line->len - begin : room;
    if (said.len == 0 || room < SAID_CHARS_LEAST)
        return;
    room -= 2; /* the two blanks */
    while (said.len > room || (said.len > 0 && ((unsigned char)said.ptr[0] & 0xc0) == 0x80))
        said = (struct slice){ said.ptr + 1, said.len - 1 };
    buf_puts(line, follow->term.has_color ? "  \x1b[2m" : "  ");
    text_put_line(line, said, room);
    buf_puts(line, follow->term.has_color ? "\x1b[0m" : "");
}

static void on_live(void *arg)
{
    static const char *const spinner[] = { "|", "/", "-", "\\" };
    struct follow *follow = arg;
    CLEANUP(buf_release) struct buf line = { .max = (size_t)128 * 1024 };
    char text[TEXT_SHORT_MAX];
    int64_t since_ms = loop_wall_ms(follow->client.loop) - follow->timeline.first_ms;

    loop_timer_start(follow->client.loop, &follow->live, LIVE_MS, on_live, follow);
    if (follow->timeline.first_ms == 0 || follow->timeline.is_ended)
        return;
    buf_putf(&line, "%s %s  ", spinner[follow->spins++ % ARRAY_LEN(spinner)],
             text_duration(text, since_ms));
    put_live(&line, follow);
    (void)fprintf(stderr, "\r\x1b[K%s", buf_cstr(&line));
    (void)fflush(stderr);
    follow->is_live_shown = 1;
}

/* ---- events ---- */

/*
 * A piece of an answer. What another attempt has said takes the place of what the last one did: an
 * attempt that failed is not heard of again.
 */
static void on_delta(void *arg, const struct json *delta)
{
    struct follow *follow = arg;
    struct slice text = json_str(json_get(delta, "text"));
    uint32_t call = (uint32_t)json_int(json_get(delta, "call"), 0);
    uint32_t attempt = (uint32_t)json_int(json_get(delta, "attempt"), 0);
    struct err err = { 0 };

    if (call != follow->said_call || attempt != follow->said_attempt)
        buf_clear(&follow->said);
    follow->said_call = call;
    follow->said_attempt = attempt;
    if (text.len > SAID_BYTES_MAX / 2) /* only its end is shown */
        text = (struct slice){ text.ptr + text.len - SAID_BYTES_MAX / 2, SAID_BYTES_MAX / 2 };
    if (follow->said.len > SAID_BYTES_MAX / 2) {
        size_t dropped = follow->said.len - SAID_BYTES_MAX / 2;

        memmove(follow->said.data, follow->said.data + dropped, SAID_BYTES_MAX / 2);
        buf_cut(&follow->said, SAID_BYTES_MAX / 2);
    }
    if (buf_add(&follow->said, text, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

static void take_event(struct follow *follow, const struct json *event)
{
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    const struct timeline_style style = { .has_color = follow->term.has_color,
                                          .width = follow->term.width };
    size_t marks = follow->timeline.marks_n;

    if (follow->is_lost)
        (void)command_fail(EXIT_GOOD, "the server is back");
    follow->is_lost = 0;
    timeline_add(&follow->timeline, event);
    timeline_put_ended(&out, &follow->timeline, event, &style);
    timeline_put_marks(&out, &follow->timeline, marks, &style);
    if (json_int(json_get(event, "call"), 0) == (int64_t)follow->said_call)
        buf_clear(&follow->said); /* it is answered, has failed, or begins anew */
    if (out.len == 0)
        return;
    clear_live(follow);
    term_put(&follow->term, &out);
}

static int on_event(void *arg, const struct json *event)
{
    struct follow *follow = arg;

    take_event(follow, event);
    return follow->timeline.is_ended;
}

static void on_rest(void *arg, const struct json *event)
{
    take_event(arg, event);
}

static void on_lost(void *arg)
{
    struct follow *follow = arg;

    clear_live(follow);
    follow->is_lost = 1;
    (void)command_fail(EXIT_GOOD,
                       "the server is gone; looking for it for %d seconds. The session goes on "
                       "when it is back.",
                       PATIENCE_MS / 1000);
}

static struct client_patience patience_of(struct follow *follow)
{
    return (struct client_patience){ .ms = PATIENCE_MS, .on_lost = on_lost, .arg = follow };
}

static int detach(struct follow *follow)
{
    clear_live(follow);
    return command_fail(EXIT_INTERRUPTED, "detached; the session goes on: pawl show %s",
                        follow->session);
}

/* ---- the end ---- */

static int is_end(struct slice status)
{
    return slice_is(status, "COMPLETED") || slice_is(status, "FAILED") ||
           slice_is(status, "CANCELLED");
}

static int print_end(struct follow *follow, const struct json *session, int is_json)
{
    CLEANUP(buf_release) struct buf end = { .max = OUT_BYTES_MAX };
    CLEANUP(buf_release) struct buf out = { .max = OUT_BYTES_MAX };
    struct slice output = json_str(json_get(session, "output"));
    int is_completed = slice_is(json_str(json_get(session, "status")), "COMPLETED");
    struct err err = { 0 };

    clear_live(follow);
    show_put_end(&end, session, follow->term.has_color);
    term_put(&follow->term, &end);
    if (is_json) {
        if (json_write(&out, session, &err))
            return command_fail(EXIT_FAILED, "%s", err.msg);
    } else if (output.ptr && isatty(fileno(stdout))) {
        utf8_put_visible(&out, output, 1); /* no escape sequence of a model steers a terminal */
    } else if (output.ptr) {
        buf_put(&out, output);
    }
    if (out.len > 0)
        (void)printf("%s\n", buf_cstr(&out));
    return is_completed ? EXIT_GOOD : EXIT_FAILED;
}

/* Asks for the session over a restart, too: it may die between the last event and this. */
static int get_session(struct follow *follow, struct answer *ret_answer)
{
    CLEANUP(buf_release) struct buf path = { .max = 1024 };
    struct answer answer = { 0 };
    struct err err = { 0 };

    buf_putf(&path, "/v1/sessions/%s", follow->session);
    const struct client_request request = { .method = "GET", .path = buf_cstr(&path) };
    const struct client_patience patience = patience_of(follow);

    if (client_call_patiently(&follow->client, &request, &patience, &answer, &err))
        return client_fail(&follow->client, &err);
    if (answer.status != 200) {
        int status = command_fail(EXIT_FAILED, "%s", answer.problem);

        answer_release(&answer);
        return status;
    }
    *ret_answer = answer;
    return EXIT_GOOD;
}

/* To the end of a turn, and over the turns that have ended already. */
static int follow_turn(struct follow *follow, struct watch *watch)
{
    struct journal journal = { .session = follow->session, .patience = patience_of(follow) };
    int status = watch_run(&follow->client, watch);
    int has_more = 1;

    journal.after = watch->after;
    while (status == EXIT_GOOD && has_more) {
        size_t n = 0;

        status = journal_read(&follow->client, &journal, on_rest, follow, &n, &has_more);
    }
    watch->after = journal.after;
    return status;
}

static int follow_session(struct follow *follow, int is_json)
{
    struct watch watch = { .session = follow->session,
                           .patience = patience_of(follow),
                           .on_event = on_event,
                           .on_delta = follow->term.is_tty ? on_delta : NULL,
                           .arg = follow };

    if (follow->term.is_tty)
        loop_timer_start(follow->client.loop, &follow->live, LIVE_MS, on_live, follow);
    for (;;) {
        CLEANUP(answer_release) struct answer answer = { 0 };
        int status = follow_turn(follow, &watch);

        if (status == EXIT_GOOD)
            status = get_session(follow, &answer);
        if (status == EXIT_INTERRUPTED)
            return detach(follow);
        if (status != EXIT_GOOD)
            return status;
        /* Its turn may have been followed by another at once: then it goes on. */
        if (is_end(json_str(json_get(answer.json, "status"))))
            return print_end(follow, answer.json, is_json);
    }
}

/* ---- the beginning ---- */

static int put_body(const struct args *args, struct buf *body)
{
    for (unsigned i = 0; i < args->words_n; i++) {
        if (!utf8_is_valid(slice_of(args->words[i])))
            return command_fail(EXIT_USAGE, "the %s is not UTF-8", i ? "input" : "agent");
    }
    json_begin(body, '{');
    json_key(body, "agent");
    json_put_str(body, slice_of(args->words[0]));
    json_key(body, "input");
    json_put_str(body, slice_of(args->words[1]));
    int status = fields_put_context(body, args);

    if (status == EXIT_GOOD)
        status = fields_put_metadata(body, args);
    json_end(body, '}');
    return status;
}

static int create(struct follow *follow, const struct client_request *request,
                  struct answer *ret_answer)
{
    struct answer answer = { 0 };
    struct err err = { 0 };
    const struct client_patience patience = patience_of(follow);

    if (client_change(&follow->client, request, &patience, &answer, &err))
        return client_fail(&follow->client, &err);
    if (answer.status != 201 || !json_str(json_get(answer.json, "id")).ptr) {
        int status = command_fail(EXIT_FAILED, "%s", answer.problem);

        answer_release(&answer);
        return status;
    }
    *ret_answer = answer;
    return EXIT_GOOD;
}

static int start_and_follow(struct follow *follow, const struct args *args)
{
    CLEANUP(buf_release) struct buf body = { .max = FIELDS_BYTES_MAX };
    CLEANUP(answer_release) struct answer answer = { 0 };
    struct random random;
    int status = put_body(args, &body);

    if (status != EXIT_GOOD)
        return status;
    random_seed_from_kernel(&random);
    struct id key = id_make("run_", loop_wall_ms(follow->client.loop), &random);
    const struct client_request request = {
        .method = "POST",
        .path = "/v1/sessions",
        .body = buf_slice(&body),
        .idempotency_key = args_value(args, "key", key.text),
    };

    client_catch_interrupt(&follow->client);
    status = create(follow, &request, &answer);
    if (status == EXIT_INTERRUPTED)
        return command_fail(status, "interrupted; 'pawl ps --all' says whether the session began");
    if (status != EXIT_GOOD)
        return status;
    CLEANUP(buf_release) struct buf id = { .max = 256 };

    buf_put(&id, json_str(json_get(answer.json, "id")));
    follow->session = buf_cstr(&id);
    (void)fprintf(stderr, "session %s\n", follow->session);
    return follow_session(follow, args_has(args, "json"));
}

static int run(const struct args *args)
{
    struct follow follow = { .term = term_of(stderr, args), .said.max = SAID_BYTES_MAX };
    struct err err = { 0 };

    if (client_open(&follow.client, args, &err))
        return command_fail(EXIT_FAILED, "%s", err.msg);
    timeline_init(&follow.timeline);
    int status = start_and_follow(&follow, args);

    loop_timer_stop(follow.client.loop, &follow.live);
    timeline_release(&follow.timeline);
    buf_release(&follow.said);
    client_close(&follow.client);
    return status;
}

static const struct option options[] = {
    OPTION_CONTEXT,
    OPTION_METADATA,
    { "key", "KEY", "Idempotency-Key: the same again follows the same session", 0, 0 },
    OPTION_JSON("at the end the session, as the API gives it"),
    OPTION_SERVER,
    OPTION_NO_COLOR,
    OPTIONS_END,
};

const struct command command_run = {
    .name = "run",
    .words = "AGENT INPUT",
    .summary = "Starts a session and follows it to its end",
    .help = "The progress goes to standard error, the output to standard output. Exits with 0 if\n"
            "the session completed, else with 1. Ctrl-C detaches: the session goes on in the\n"
            "server. A server that goes away is looked for again for a minute.\n\n" SERVER_HELP,
    .options = options,
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
