/* health.c - GET /livez, /readyz, /v1/version. */
#include "api/ask.h"

static void reply_status(struct ask *ask, const char *status)
{
    CLEANUP(buf_release) struct buf json = { .max = 128 };

    json_begin(&json, '{');
    json_key(&json, "status");
    json_put_str(&json, slice_of(status));
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}

/* The loop turns: that this is answered is the answer. */
void livez_get(struct ask *ask)
{
    reply_status(ask, "alive");
}

void readyz_get(struct ask *ask)
{
    switch (ask->api->phase) {
    case API_STARTING:
        ask_reply_problem(ask, 503, "starting", "The server takes up its sessions; try again.");
        return;
    case API_DRAINING:
    case API_STOPPING:
        ask_reply_problem(ask, 503, "draining", "The server is shutting down.");
        return;
    case API_READY: break;
    }
    if (engine_stats(ask->api->deps.engine).store_refuses) {
        ask_reply_problem(ask, 503, "store_unavailable",
                          "The store takes no writes: is its disk full?");
        return;
    }
    if (store_stats(ask->api->deps.store).damaged > 0) {
        ask_reply_problem(ask, 503, "store_damaged",
                          "The file of the store is damaged: run 'pawl verify'.");
        return;
    }
    reply_status(ask, "ready");
}

void version_get(struct ask *ask)
{
    CLEANUP(buf_release) struct buf json = { .max = 128 };

    json_begin(&json, '{');
    json_key(&json, "name");
    json_put_str(&json, SLICE_LIT("pawl"));
    json_key(&json, "version");
    json_put_str(&json, slice_of(PAWL_VERSION));
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}
