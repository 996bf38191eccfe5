/* agents_list.c - GET /v1/agents: what there is in pawl.yaml. */
#include "api/ask.h"

/* A name has at most 64 bytes of the plainest kind; an agent has three beside its revision. */
enum { LIST_FIXED_MAX = 256, AGENT_FIXED_MAX = 1024, NAME_MAX_JSON = 80 };

static size_t bytes_max(const struct config *config)
{
    size_t bytes = LIST_FIXED_MAX;

    for (size_t i = 0; i < config->agents_n; i++)
        bytes += AGENT_FIXED_MAX + config->agents[i].tools_n * NAME_MAX_JSON;
    return bytes;
}

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
    CLEANUP(buf_release) struct buf json = { .max = bytes_max(config) };

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
