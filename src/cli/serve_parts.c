#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "auth/address.h"
#include "base/log.h"
#include "cli/lock_wait.h"
#include "cli/serve.h"
#include "cli/store_lock.h"

enum {
    CONNECTIONS_BESIDE = 1000, /* of requests that are no streams */
    CONNECTIONS_LEAST = 64,
    MODEL_CALLS_LEAST = 16,
    OWN_DESCRIPTORS = 256,   /* of the store, the loop, the log */
    RUN_DESCRIPTORS = 4,     /* of a tool that runs */
    IDLE_TIMEOUT_MS = 75000, /* longer than the longest wait for events */
    RESPONSE_PATIENCE_MS = 10000,
    LOCK_WAIT_SECONDS = 10,
    /* Users that nobody has: systemd.io/UIDS-GIDS leaves 1879048192 and above unused. */
    UID_BASE = 0x70000000,
};

/* ---- limits ---- */

static int64_t raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    return limit.rlim_cur > INT_MAX ? INT_MAX : (int64_t)limit.rlim_cur;
}

static int64_t at_least(int64_t value, int64_t least)
{
    return value > least ? value : least;
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/*
 * What is in flight needs descriptors; what the system does not give cannot be promised. With less
 * than the least of everything a lack here would look like a provider that is not there.
 */
static enum err_code fit_limits(struct server *server, struct err *err)
{
    struct config_limits *limits = &server->config.limits;
    int64_t given = raise_descriptors();
    int64_t spare = given - OWN_DESCRIPTORS - (int64_t)limits->tool_runs * RUN_DESCRIPTORS;
    int64_t wanted = limits->model_calls;
    int64_t streams = limits->streams;
    int64_t least = given - spare + MODEL_CALLS_LEAST + CONNECTIONS_LEAST;

    if (given < least)
        return err_set(
            err, ERR_LIMIT,
            "%lld file descriptors (ulimit -n) are too few: at least %lld are needed with "
            "limits.tool_runs %u; raise the limit (systemd: LimitNOFILE), or lower "
            "limits.tool_runs",
            (long long)given, (long long)least, (unsigned)limits->tool_runs);

    if (wanted > spare / 2)
        limits->model_calls = (uint32_t)at_least(spare / 2, MODEL_CALLS_LEAST);
    spare = at_least(spare - limits->model_calls, CONNECTIONS_LEAST);
    server->connections_max = (unsigned)at_most(spare, streams + CONNECTIONS_BESIDE);
    /* Streams never take all connections: who would end one could not be heard. */
    limits->streams =
        (uint32_t)at_most(streams, at_least((int64_t)server->connections_max - CONNECTIONS_BESIDE,
                                            server->connections_max / 2));
    if (limits->model_calls < wanted || limits->streams < streams)
        log_line(LOG_INFO, "limits are lowered to the descriptors that there are (ulimit -n)",
                 "descriptors", log_int(given), "model_calls", log_int(limits->model_calls),
                 "streams", log_int(limits->streams), "connections",
                 log_int(server->connections_max), NULL);
    return ERR_NONE;
}

/* ---- the launcher ---- */

struct places {
    char store[PATH_MAX + 16];
    char lock[PATH_MAX + 16], wal[PATH_MAX + 16], shm[PATH_MAX + 16], scratch[PATH_MAX + 16];
    char config[PATH_MAX];
    char outputs[PATH_MAX + 16]; /* the store's folder */
};

static void find_places(const struct server *server, struct places *ret_places)
{
    char real[PATH_MAX];
    const char *store = config_store_path(&server->config);

    *ret_places = (struct places){ 0 };
    if (store) {
        store_lock_resolve(store, real); /* by another name it is the same store */
        store = real;
        (void)snprintf(ret_places->store, sizeof(ret_places->store), "%s", store);
        (void)snprintf(ret_places->lock, sizeof(ret_places->lock), "%s.lock", store);
        (void)snprintf(ret_places->wal, sizeof(ret_places->wal), "%s-wal", store);
        (void)snprintf(ret_places->shm, sizeof(ret_places->shm), "%s-shm", store);
        (void)snprintf(ret_places->scratch, sizeof(ret_places->scratch), "%s.scratch", store);
    } else {
        (void)snprintf(ret_places->scratch, sizeof(ret_places->scratch), "%s/.pawl.scratch",
                       server->config.dir);
    }
    if (store)
        (void)snprintf(ret_places->outputs, sizeof(ret_places->outputs), "%.*s",
                       (int)(strrchr(store, '/') - store + 1), store);
    else
        (void)snprintf(ret_places->outputs, sizeof(ret_places->outputs), "%s", server->config.dir);
    if (!realpath(server->config.path, ret_places->config))
        ret_places->config[0] = '\0'; /* it was read, so it is gone now: nothing to hide */
}

static enum err_code start_launcher(struct server *server, struct err *err)
{
    struct places places;
    const char *masked[6] = { NULL };
    size_t n = 0;

    find_places(server, &places);
    if (places.config[0])
        masked[n++] = places.config; /* keys may stand in it */
    if (places.lock[0]) {
        masked[n++] = places.store;
        masked[n++] = places.wal;
        masked[n++] = places.shm;
        masked[n++] = places.lock;
    }
    const struct launcher_config config = { .lock_path = places.lock,
                                            .project_dir = server->config.dir,
                                            .scratch_root = places.scratch,
                                            .output_dir = places.outputs,
                                            .masked = masked,
                                            .uid_base = UID_BASE };

    if (launcher_start(&server->launcher, &config, err) != ERR_CONFLICT)
        return err->code;
    if (!lock_wait(places.lock, LOCK_WAIT_SECONDS))
        return err->code;
    *err = (struct err){ 0 };
    return launcher_start(&server->launcher, &config, err);
}

static enum err_code guard_store(struct server *server, struct err *err)
{
    const char *store = config_store_path(&server->config);

    return store ? store_lock_guard(store, &server->guard_fd, err) : ERR_NONE;
}

/* ---- keys ---- */

static void on_keys(void *arg, const struct err *err)
{
    struct server *server = arg;

    server->keys_err = *err;
    loop_stop(server->loop);
}

/* Whoever reaches the server from another machine must be asked who he is. */
static enum err_code check_keys(const struct server *server, struct err *err)
{
    if (auth_is_loopback(server->config.listen_host) || keyring_admins(server->keys) > 0)
        return ERR_NONE;
    return err_set(err, ERR_INVALID,
                   "listen: other machines can reach %s, and the store has no key, so everybody "
                   "could do everything; make one first: pawl key create NAME --role admin "
                   "--offline -c %s",
                   server->config.listen_host, server->config.path);
}

/* Before anybody is listened to. */
static enum err_code load_keys(struct server *server, struct err *err)
{
    server->keys = keyring_new();
    keyring_load(server->keys, server->store, on_keys, server);
    loop_run(server->loop);
    if (server->keys_err.code) {
        *err = server->keys_err;
        return err->code;
    }
    return check_keys(server, err);
}

/* ---- the rest ---- */

static void make_tools_and_models(struct server *server)
{
    server->http_client = http_client_new(server->loop);
    server->openai = openai_new(server->loop, server->http_client);
    server->scripted = scripted_new(server->loop);
    server->builtin = builtin_new(server->loop);
    launcher_attach(server->launcher, server->loop, serve_on_launcher_lost, server);
}

static void start_call(void *arg, struct http_call *call)
{
    struct server *server = arg;

    http_call_start(server->http_client, call);
}

static void make_sender(struct server *server)
{
    const struct config *config = &server->config;
    const struct sender_deps deps = { .loop = server->loop,
                                      .store = server->store,
                                      .webhooks = server->webhooks,
                                      .webhooks_n = config->webhooks_n,
                                      .call = start_call,
                                      .on_disabled = serve_on_disabled,
                                      .arg = server };

    for (size_t i = 0; i < config->webhooks_n; i++) {
        const struct config_webhook *from = &config->webhooks[i];
        struct webhook *to = &server->webhooks[i];

        *to = (struct webhook){ .name = from->name,
                                .url = from->url,
                                .keys_n = from->keys_n,
                                .allows_private = from->allows_private };
        for (size_t k = 0; k < from->keys_n; k++)
            to->keys[k] = from->keys[k];
    }
    server->sender = sender_new(&deps);
}

static void make_engine(struct server *server)
{
    const struct engine_deps deps = {
        .loop = server->loop,
        .store = server->store,
        .config = &server->config,
        .models = { [PROVIDER_OPENAI] = openai_client(server->openai),
                    [PROVIDER_SCRIPTED] = scripted_client(server->scripted) },
        .formats = { [PROVIDER_OPENAI] = &model_format_openai,
                     [PROVIDER_SCRIPTED] = &model_format_openai },
        .exec = launcher_runner(server->launcher),
        .builtin = builtin_runner(server->builtin),
        .name = server->name,
        .on_commit = serve_on_commit,
        .on_delta = serve_on_delta,
        .on_ended = serve_on_ended,
        .on_erased = serve_on_erased,
        .on_deliveries = serve_on_deliveries,
        .on_fatal = serve_on_fatal,
        .arg = server,
    };
    char host[64] = "";

    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(server->name, sizeof(server->name), "%s:%ld", host, (long)getpid());
    server->engine = engine_new(&deps);
}

static void on_short(int errnum)
{
    char text[96];

    log_line(LOG_ERROR, "new connections wait until others are closed (ulimit -n)", "error",
             strerror_r(errnum, text, sizeof(text)), NULL);
}

static enum err_code make_http(struct server *server, struct err *err)
{
    const struct api_deps deps = { .loop = server->loop,
                                   .store = server->store,
                                   .engine = server->engine,
                                   .config = &server->config,
                                   .keys = server->keys,
                                   .on_redeliver = serve_on_deliveries,
                                   .arg = server };

    server->api = api_new(&deps);
    const struct http_server_config config = {
        .host = server->config.listen_host,
        .port = server->config.listen_port,
        .body_bytes_max = server->config.limits.request_bytes,
        .connections_max = server->connections_max,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .response_bytes_max = server->config.limits.response_bytes,
        .response_patience_ms = RESPONSE_PATIENCE_MS,
        .on_short = on_short,
        .on_request = api_on_request,
        .arg = server->api,
    };

    return http_server_new(&server->http, server->loop, &config, err);
}

enum err_code serve_parts_make(struct server *server, struct err *err)
{
    /* First of all, while there is no thread, no database and nothing for tools to inherit. */
    if (start_launcher(server, err))
        return err->code;
    /* A peer that goes away is an error of a write, not the end of the server. */
    (void)signal(SIGPIPE, SIG_IGN);
    if (fit_limits(server, err) || loop_new(&server->loop, err) ||
        store_open(&server->store, server->config.store, STORE_OPEN_READ_WRITE, server->loop,
                   err) ||
        guard_store(server, err) || load_keys(server, err))
        return err->code;
    make_tools_and_models(server);
    make_sender(server);
    make_engine(server);
    return make_http(server, err);
}

void serve_parts_free(struct server *server)
{
    /* Whoever completes goes before whom it would complete to. */
    if (server->sender)
        sender_stop(server->sender);
    launcher_stop(server->launcher);
    http_client_free(server->http_client);
    store_close(server->store);
    sender_free(server->sender);
    engine_free(server->engine);
    api_free(server->api);
    keyring_free(server->keys);
    http_server_free(server->http);
    openai_free(server->openai);
    scripted_free(server->scripted);
    builtin_free(server->builtin);
    loop_free(server->loop);
    config_free(server->loaded);
}
