/*
 * api.h - the HTTP interface: routes, strict input, and what goes out as JSON.
 *
 * Reads go straight to the store; changes go to the engine. A 201 is sent after the commit, and
 * not before. Every error is a problem document (net/problem.h) with a stable code and a detail
 * that says what to do next. docs/api.md describes the routes.
 *
 * Ownership: the api borrows everything in struct api_deps; it must outlive the api.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef API_API_H
#define API_API_H

#include "auth/keyring.h"
#include "config/config.h"
#include "engine/engine.h"
#include "loop/loop.h"
#include "net/http_server.h"
#include "store/store.h"

struct api;

struct api_deps {
    struct loop *loop;
    struct store *store;
    struct engine *engine;
    const struct config *config;
    struct keyring *keys;            /* loaded; the api changes it */
    void (*on_redeliver)(void *arg); /* a delivery begins anew: it is due */
    void *arg;
};

enum api_phase {
    API_STARTING, /* changes are refused, /readyz is 503 */
    API_READY,
    API_DRAINING, /* as STARTING, for another reason; who waits for events goes on waiting */
    API_STOPPING, /* and nobody waits any more: requests end with what there is */
};

struct api *api_new(const struct api_deps *deps); /* API_STARTING */
void api_set_phase(struct api *api, enum api_phase phase);

/* For http_server_config: arg is the api. */
void api_on_request(struct http_request *request, void *arg);

/* For engine_deps.on_commit: wakes those who wait for this session's events. */
void api_on_commit(struct api *api, struct slice session, uint32_t seq);
void api_on_erased(struct api *api, struct slice session);

/* For engine_deps.on_delta: a piece of an answer, for those who watch it being written. */
void api_on_delta(struct api *api, struct slice session, uint32_t call, uint32_t attempt,
                  struct slice text);

/* Requests still open are forgotten, not answered; no completion for them may come after it. */
void api_free(struct api *api); /* NULL-safe */

#endif
