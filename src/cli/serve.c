/*
 * serve.c - `pawl serve`: the server's life from its first line to its last.
 *
 * A stop: changes are refused and calls in flight get their time (the engine's drain); then the
 * open requests end; then all is taken apart. A second signal, or an error that nobody can go on
 * from, ends the process where it stands, which is safe at any moment.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/known.h"
#include "cli/serve.h"

enum { STOP_REQUESTS_MS = 3000, SIGNAL_EXIT_BASE = 128 };

/* ---- what the others report ---- */

void serve_on_commit(void *arg, struct slice session, uint32_t seq)
{
    struct server *server = arg;

    api_on_commit(server->api, session, seq);
}

void serve_on_erased(void *arg, struct slice session)
{
    struct server *server = arg;

    launcher_forget_session(server->launcher, session);
    api_on_erased(server->api, session);
}

void serve_on_delta(void *arg, struct slice session, uint32_t call, uint32_t attempt,
                    struct slice text)
{
    struct server *server = arg;

    api_on_delta(server->api, session, call, attempt, text);
}

static const char *text_of(char text[256], struct slice slice)
{
    (void)snprintf(text, 256, "%.*s", (int)slice.len, slice.ptr ? slice.ptr : "");
    return text;
}

void serve_on_ended(void *arg, const struct store_session *row, struct slice code,
                    struct slice message)
{
    char id[256], agent[256], why[256], what[256];
    int64_t ended_at_ms = row->ended_at_ms ? row->ended_at_ms : row->updated_at_ms;
    /* Not the row's status: the next turn may have begun in the same tick. */
    int is_failed = code.len > 0 && !slice_is(code, "completed") && !slice_is(code, "cancelled");

    (void)arg;
    log_line(LOG_INFO, is_failed ? "turn failed" : "turn ended", "session", text_of(id, row->id),
             "agent", text_of(agent, row->agent), "status", session_status_name(row->status),
             "steps", log_int(row->steps), "tokens", log_int(row->spent.tokens), "usd",
             log_usd(row->spent.nanousd), "ms", log_int(ended_at_ms - row->created_at_ms),
             is_failed ? "code" : NULL, /* a turn that completed has no more to say */
             text_of(why, code), "message", text_of(what, message), NULL);
}

void serve_on_deliveries(void *arg)
{
    struct server *server = arg;

    sender_wake(server->sender);
}

void serve_on_disabled(void *arg, const struct webhook *webhook)
{
    (void)arg;
    log_line(LOG_WARN, "a webhook wants no more (it answered 410); left alone until the next start",
             "webhook", webhook->name, NULL);
}

/* Everything that counts is committed, so there is nothing to save: the next process recovers. */
static _Noreturn void die(const char *message, const char *error)
{
    log_line(LOG_ERROR, message, "error", error, NULL);
    _exit(EXIT_CANNOT_RUN);
}

void serve_on_fatal(void *arg, const struct err *err)
{
    (void)arg;
    die("the server cannot go on", err->msg);
}

void serve_on_launcher_lost(void *arg)
{
    (void)arg;
    die("the server cannot go on", "the launcher of its tools has died");
}

/* ---- stopping ---- */

static void stop_loop(void *arg)
{
    struct server *server = arg;

    loop_timer_stop(server->loop, &server->stop_timer);
    loop_stop(server->loop);
}

static void on_drained(void *arg)
{
    struct server *server = arg;

    api_set_phase(server->api, API_STOPPING);
    sender_stop(server->sender);
    loop_timer_start(server->loop, &server->stop_timer, STOP_REQUESTS_MS, stop_loop, server);
    http_server_drain(server->http, stop_loop, server);
}

static void on_signal(struct server *server, int signum)
{
    if (server->signum != 0)
        _exit(SIGNAL_EXIT_BASE + signum);
    server->signum = signum;
    log_line(LOG_INFO, "stopping; a second signal ends it at once", "grace_ms",
             log_int(server->grace_ms), NULL);
    api_set_phase(server->api, API_DRAINING);
    engine_drain(server->engine, server->grace_ms, on_drained, server);
}

static void on_sigterm(void *arg)
{
    on_signal(arg, SIGTERM);
}

static void on_sigint(void *arg)
{
    on_signal(arg, SIGINT);
}

/* ---- starting ---- */

static void on_started(void *arg, const struct err *err)
{
    struct server *server = arg;
    const struct config *config = &server->config;
    int is_ipv6 = strchr(config->listen_host, ':') != NULL;

    if (err->code) {
        log_line(LOG_ERROR, "the server cannot start", "error", err->msg, NULL);
        server->exit_code = EXIT_CANNOT_RUN;
        loop_stop(server->loop);
        return;
    }
    if (server->signum == 0) {
        api_set_phase(server->api, API_READY);
        sender_start(server->sender);
    }
    (void)printf("pawl %s ready on http://%s%s%s:%u (store %s, %zu agent%s)\n", PAWL_VERSION,
                 is_ipv6 ? "[" : "", config->listen_host, is_ipv6 ? "]" : "",
                 http_server_port(server->http), config->store, config->agents_n,
                 config->agents_n == 1 ? "" : "s");
    (void)fflush(stdout); /* who waits for this line reads it through a pipe */
}

static int serve(struct server *server)
{
    struct err err = { 0 };

    if (serve_parts_make(server, &err)) {
        (void)command_fail(EXIT_CANNOT_RUN, "%s", err.msg);
        serve_parts_free(server);
        return EXIT_CANNOT_RUN;
    }
    server->signals[0] = loop_signal_start(server->loop, SIGTERM, on_sigterm, server);
    server->signals[1] = loop_signal_start(server->loop, SIGINT, on_sigint, server);
    engine_start(server->engine, on_started, server);
    loop_run(server->loop);
    loop_signal_stop(server->signals[0]);
    loop_signal_stop(server->signals[1]);
    serve_parts_free(server);
    if (server->signum)
        log_line(LOG_INFO, "stopped", NULL);
    return server->exit_code;
}

static int run(const struct args *args)
{
    struct server server = { .exit_code = EXIT_GOOD };
    struct err err = { 0 };
    const char *grace = args_value(args, "grace", "30s");

    if (units_duration_ms(&server.grace_ms, slice_of(grace), &err))
        return command_fail(EXIT_USAGE, "--grace: %s", err.msg);
    int status = known_load(&server.loaded, args_value(args, "config", "pawl.yaml"));

    if (status != EXIT_GOOD)
        return status;
    server.config = *server.loaded;
    if (args_has(args, "log-json"))
        log_setup(LOG_INFO, LOG_FORMAT_JSON);
    return serve(&server);
}

static const struct option options[] = {
    OPTION_CONFIG,
    { "grace", "TIME", "for calls in flight when it is stopped (default: 30s)", 0, 0 },
    { "log-json", NULL, "log lines as JSON", 0, 0 },
    OPTIONS_END,
};

const struct command command_serve = {
    .name = "serve",
    .words = "",
    .summary = "Runs the server",
    .help = "Prints one line when it is ready, and a log line for each turn that ends.\n"
            "SIGTERM or Ctrl-C stops it gracefully: nothing new begins, calls in flight get their\n"
            "time, sessions wait in the store. A second one ends it at once. It may be killed at\n"
            "any moment: the next start goes on where the journal ends.\n",
    .options = options,
    .run = run,
};
