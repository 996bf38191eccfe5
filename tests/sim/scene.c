/* scene.c - a configuration, drawn: few of everything, and all limits within reach. */
#include <stdio.h>

#include "config/revision.h"
#include "core/notice.h"
#include "sim/book.h"

static const char *name(struct scene *scene, const char *prefix, size_t i)
{
    ASSERT(scene->names_n < ARRAY_LEN(scene->names));
    char *text = scene->names[scene->names_n++];

    (void)snprintf(text, sizeof(scene->names[0]), "%s%zu", prefix, i + 1);
    return text;
}

static struct retry_policy draw_retry(struct world *world)
{
    return (struct retry_policy){ .attempts = 1 + below(world, 4),
                                  .first_ms = 1 + below(world, 3000),
                                  .max_ms = 1000 + below(world, 20000) };
}

static void draw_model(struct world *world, size_t i)
{
    struct scene *scene = &world->scene;

    scene->models[i] = (struct config_model){ .name = name(scene, "model", i),
                                              .account = &scene->account,
                                              .model = "sim-1",
                                              .max_output_tokens = 1 + below(world, 500),
                                              .timeout_ms = 1000 + below(world, 60000),
                                              .price = { below(world, 3000), below(world, 3000),
                                                         below(world, 9000) },
                                              .has_price = 1,
                                              .retry = draw_retry(world) };
}

static void draw_approval(struct world *world, size_t i)
{
    struct sim_approval *approval = &world->scene.approvals[i];

    *approval = (struct sim_approval){ 0 };
    if (book_waits(&world->scene.tools[i]) || !chance(world, world->weights.tool_approval))
        return;
    approval->approvers = 1 + below(world, 3);
    approval->is_conditional = below(world, 2) != 0;
    approval->expires_ms = below(world, 2) ? 1000 * (1 + below(world, 60)) : 0;
    approval->on_expiry = approval->expires_ms
                              ? (enum expiry_action)below(world, EXPIRY_ACTION_COUNT)
                              : EXPIRY_REJECT;
    (void)snprintf(approval->text, sizeof(approval->text),
                   "[{\"when\":%s,\"approvers\":%u,\"expires_ms\":%lld,\"on_expiry\":\"%s\","
                   "\"escalate_to\":\"boss\"}]",
                   approval->is_conditional ? "[{\"path\":\"/a\",\"eq\":1}]" : "\"always\"",
                   approval->approvers, (long long)approval->expires_ms,
                   expiry_action_name(approval->on_expiry));
    world->scene.tools[i].approval = approval->text;
}

static const char *draw_builtin(struct world *world)
{
    static const char *const waits[] = { "ask_user", "sleep_until", "wait_for_event" };

    if (chance(world, world->weights.tool_waits))
        return waits[below(world, ARRAY_LEN(waits))];
    return below(world, 3) ? "read_output" : "echo";
}

static void draw_tool(struct world *world, size_t i)
{
    static const char *const command[] = { "./tool", NULL };
    static const char *const parameters[] = {
        "{\"type\":\"object\"}",
        "{\"properties\":{\"a\":{\"maximum\":9}},\"type\":\"object\"}",
    };
    static const char *const reconcile[] = { "./reconcile", NULL };
    struct scene *scene = &world->scene;

    scene->tools[i] = (struct config_tool){
        .name = name(scene, "tool", i),
        .description = "does something",
        .parameters = parameters[below(world, ARRAY_LEN(parameters))],
        .kind = below(world, 3) && !chance(world, world->weights.tool_waits / 2)
                    ? TOOL_KIND_EXEC
                    : TOOL_KIND_BUILTIN,
        .command = command,
        .timeout_ms = 1000 + below(world, 30000),
        .retry = draw_retry(world),
    };
    if (scene->tools[i].kind == TOOL_KIND_EXEC && chance(world, world->weights.tool_once)) {
        scene->tools[i].is_once = 1;
        scene->tools[i].reconcile = below(world, 3) ? reconcile : NULL;
        scene->tools[i].reconcile_timeout_ms = 1000 + below(world, 30000);
    }
    if (scene->tools[i].kind == TOOL_KIND_BUILTIN)
        scene->tools[i].builtin = draw_builtin(world);
    draw_approval(world, i);
}

static struct session_limits draw_limits(struct world *world)
{
    return (struct session_limits){
        .steps = below(world, 3) ? 1 + below(world, 30) : 0,
        .wall_ms = below(world, 2) ? 1000 + below(world, 300000) : 0,
        .tokens = below(world, 3) ? 0 : 500 + below(world, 20000),
        .nanousd = below(world, 3) ? 0 : 100000 + below(world, 50000000),
    };
}

/* Small, so that most requests of a session are cut. */
static uint32_t draw_window(struct world *world)
{
    return below(world, 2) ? 1 + below(world, below(world, 2) ? 6 : 40) : 0;
}

static void draw_agent(struct world *world, size_t i, size_t models_n, size_t tools_n)
{
    struct scene *scene = &world->scene;
    struct config_agent *agent = &scene->agents[i];

    *agent = (struct config_agent){ .name = name(scene, "agent", i),
                                    .model = &scene->models[below(world, (uint32_t)models_n)],
                                    .instructions = "Help {{context.who}}.",
                                    .tools = scene->agent_tools[i],
                                    .limits = draw_limits(world),
                                    .window_messages = draw_window(world) };
    for (size_t k = 0; k < tools_n; k++) {
        if (below(world, 4) || k == 0)
            scene->agent_tools[i][agent->tools_n++] = &scene->tools[k];
    }
    scene->revision_texts[i].max = REVISION_BYTES_MAX;
    revision_make(agent, &scene->revision_texts[i], scene->revisions[i]);
    agent->revision_text = buf_cstr(&scene->revision_texts[i]);
    agent->revision = scene->revisions[i];
}

/* One that is told of all, and one that is told of some. */
static void draw_webhooks(struct world *world)
{
    struct scene *scene = &world->scene;

    scene->webhooks[0] =
        (struct config_webhook){ .name = "all", .events = (1u << NOTICE_COUNT) - 1 };
    scene->webhooks[1] =
        (struct config_webhook){ .name = "some", .events = below(world, 1u << NOTICE_COUNT) };
    scene->config.webhooks = scene->webhooks;
    scene->config.webhooks_n = below(world, 3);
}

void scene_draw(struct world *world)
{
    struct scene *scene = &world->scene;
    size_t models_n = 1 + below(world, SCENE_MODELS_MAX);
    size_t tools_n = 1 + below(world, SCENE_TOOLS_MAX);
    size_t agents_n = 1 + below(world, SCENE_AGENTS_MAX);

    scene->account = (struct config_account){
        .name = "account", .provider = PROVIDER_OPENAI, .base_url = "http://sim", .api_key = ""
    };
    scene->models_n = models_n;
    scene->tools_n = tools_n;
    for (size_t i = 0; i < models_n; i++)
        draw_model(world, i);
    for (size_t i = 0; i < tools_n; i++)
        draw_tool(world, i);
    for (size_t i = 0; i < agents_n; i++)
        draw_agent(world, i, models_n, tools_n);
    struct config_retention retention = { 0 };

    if (below(world, 4) == 0)
        retention.age_ms = 1000 + below(world, 20000);
    if (below(world, 6) == 0)
        retention.bytes = below(world, 20000);
    uint32_t tool_calls = below(world, 4) ? CALLS_MAX : 1 + below(world, 4);

    scene->config = (struct config){ .path = "sim",
                                     .retention = retention,
                                     .accounts = &scene->account,
                                     .accounts_n = 1,
                                     .models = scene->models,
                                     .models_n = models_n,
                                     .tools = scene->tools,
                                     .tools_n = tools_n,
                                     .agents = scene->agents,
                                     .agents_n = agents_n,
                                     .limits = { .tool_output_bytes = OUTPUT_MODEL_MAX,
                                                 .instructions_bytes = 65536,
                                                 .output_bytes = 65536,
                                                 .tool_calls = tool_calls,
                                                 .tool_runs = 1 + below(world, 5),
                                                 .model_calls = 1 + below(world, 4),
                                                 .crashes = 3 + below(world, 4) } };
    draw_webhooks(world);
}

/* At least one of each stays, and in peace all of them are there. */
void scene_change(struct world *world)
{
    struct scene *scene = &world->scene;
    int is_less = !world->is_peace && chance(world, world->weights.config_changes);

    scene->config.models_n = is_less && below(world, 2) ? 1 : scene->models_n;
    scene->config.tools_n = is_less && below(world, 2) ? 1 : scene->tools_n;
    if (scene->config.models_n < scene->models_n || scene->config.tools_n < scene->tools_n)
        trace(world, "somebody has edited the configuration: %zu models, %zu tools",
              scene->config.models_n, scene->config.tools_n);
}

void scene_release(struct scene *scene)
{
    for (size_t i = 0; i < SCENE_AGENTS_MAX; i++)
        buf_release(&scene->revision_texts[i]);
}
