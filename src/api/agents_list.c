/* agents_list.c - GET /v1/agents: what there is in pawl.yaml. */
#include "api/ask.h"

static void put_agent(struct buf *json, const struct config_agent *agent)
{
    json_begin(json, '{');
    json_key(json, "name");
    json_put_str(json, slice_of(agent->name));
    json_key(json, "revision");
    json_put_str(json, slice_of(agent->revision));
    json_key(json, "model");
    json_put_str(json, slice_of(agent->model->name));
    json_key(json, "tools");
    json_begin(json, '[');
    for (size_t i = 0; i < agent->tools_n; i++)
        json_put_str(json, slice_of(agent->tools[i]->name));
    json_end(json, ']');
    json_end(json, '}');
}

void agents_list(struct ask *ask)
{
    const struct config *config = ask->api->deps.config;
    enum { NAMES_BYTES_MAX = 1024 * 1024 * 1024 }; /* they come from one file of a few MiB */
    CLEANUP(buf_release) struct buf json = { .max = NAMES_BYTES_MAX };

    json_begin(&json, '{');
    json_key(&json, "data");
    json_begin(&json, '[');
    for (size_t i = 0; i < config->agents_n; i++)
        put_agent(&json, &config->agents[i]);
    json_end(&json, ']');
    json_key(&json, "next_cursor");
    json_put_null(&json);
    json_end(&json, '}');
    ask_reply(ask, 200, &json, NULL);
}
