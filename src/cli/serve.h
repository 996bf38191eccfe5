/*
 * serve.h - the server: all rooms put together, and taken apart again. For cli/ only.
 *
 * serve.c begins and ends it, serve_parts.c makes and frees what it consists of.
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "api/api.h"
#include "model/openai.h"
#include "model/scripted.h"
#include "tool/builtin.h"
#include "tool/launcher.h"
#include "webhook/sender.h"

struct server {
    struct config config; /* with limits that this process can keep */
    struct config *loaded;
    unsigned connections_max;
    struct launcher *launcher;
    struct loop *loop;
    struct store *store;
    int guard_fd; /* on the database, locked; never closed: SQLite's own locks would go with it */
    struct keyring *keys;
    struct err keys_err; /* of loading them */
    struct http_client *http_client;
    struct openai *openai;
    struct scripted *scripted;
    struct builtin *builtin;
    struct webhook webhooks[CONFIG_WEBHOOKS_MAX];
    struct sender *sender; /* what webhooks are told */
    struct engine *engine;
    struct api *api;
    struct http_server *http;
    struct loop_signal *signals[2];
    struct loop_timer stop_timer;
    char name[128];
    int64_t grace_ms;
    int signum; /* that ended it, or 0 */
    int exit_code;
};

/* Callbacks of the engine, the sender and the launcher, in serve.c; arg is the server. */
void serve_on_commit(void *arg, struct slice session, uint32_t seq);
void serve_on_erased(void *arg, struct slice session);
void serve_on_delta(void *arg, struct slice session, uint32_t call, uint32_t attempt,
                    struct slice text);
void serve_on_ended(void *arg, const struct store_session *row, struct slice code,
                    struct slice message);
void serve_on_deliveries(void *arg);
void serve_on_disabled(void *arg, const struct webhook *webhook);
void serve_on_fatal(void *arg, const struct err *err);
void serve_on_launcher_lost(void *arg);

/* Each part after those that it uses; config and grace_ms are set. Frees nothing on failure. */
enum err_code serve_parts_make(struct server *server, struct err *err) MUST_CHECK;
void serve_parts_free(struct server *server); /* whatever there is of them */

#endif
