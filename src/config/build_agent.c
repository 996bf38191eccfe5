/* build_agent.c - agents: names resolved, limits, and the revision; and what nobody uses. */
#include <stdlib.h>

#include "config/build.h"
#include "config/revision.h"

/* Tools of MCP servers are named "mcp:SERVER/TOOL". */
static int is_mcp(struct slice name)
{
    return name.len > 4 && memcmp(name.ptr, "mcp:", 4) == 0;
}

static int is_repeated(const struct yaml_node *item)
{
    for (const struct yaml_node *other = item->parent->first; other != item; other = other->next)
        if (slice_equal(other->text, item->text))
            return 1;
    return 0;
}

static const struct config_tool *find_tool(struct build *build, const struct yaml_node *ref)
{
    if (ref->is_bad)
        return NULL;
    if (is_mcp(ref->text)) {
        report_error(build->report, ref->at,
                     "%s: tools of MCP servers come in a later version; remove it for now",
                     yaml_path(ref).text);
        return NULL;
    }
    if (is_repeated(ref)) {
        report_error(build->report, ref->at, "%s: %s stands here twice", yaml_path(ref).text,
                     quote(ref->written).text);
        return NULL;
    }
    const struct yaml_node *found = build_find(build, "tools", ref);

    return found ? &build->tools[found->index] : NULL;
}

static void agent_tools(struct build *build, struct config_agent *agent,
                        const struct yaml_node *list)
{
    size_t n = list ? list->count : 0;
    const struct config_tool **tools =
        arena_alloc(build->impl->arena, (n + 1) * sizeof(struct config_tool *));

    for (const struct yaml_node *node = list ? list->first : NULL; node; node = node->next)
        tools[node->index] = find_tool(build, node);
    agent->tools = tools;
    agent->tools_n = n;
}

static void agent_limits(struct build *build, struct config_agent *agent, struct fields limits)
{
    const struct yaml_node *usd = fields_node(limits, "usd");

    agent->limits = (struct session_limits){
        .steps = (uint32_t)fields_number(limits, "steps"),
        .wall_ms = fields_number(limits, "wall"),
        .tokens = fields_number(limits, "tokens"),
        .nanousd = fields_number(limits, "usd"),
        .crashes = build->config->limits.crashes,
    };
    if (usd && agent->model && !agent->model->has_price)
        report_error(build->report, usd->at,
                     "%s: models.%s has no 'price', so money cannot be counted; give it one, or "
                     "remove this",
                     yaml_path(usd).text, agent->model->name);
}

/* A script finds its place by counting the answers that it is shown. */
static void agent_window(struct build *build, struct config_agent *agent, struct fields window)
{
    if (!window.map || window.map->is_bad)
        return;
    if (agent->model && agent->model->account &&
        agent->model->account->provider == PROVIDER_SCRIPTED)
        report_error(build->report, window.map->at,
                     "%s: a scripted model counts the answers that it is sent, so it needs all of "
                     "them; remove this",
                     yaml_path(window.map).text);
    agent->window_messages = (uint32_t)fields_number(window, "messages");
}

static void agent_instructions(struct build *build, struct config_agent *agent,
                               const struct yaml_node *node)
{
    size_t max = build->config->limits.instructions_bytes;

    if (!node)
        return;
    if (node->text.len > max)
        report_error(build->report, node->at, "%s has %zu bytes; limits.instructions allows %zu",
                     yaml_path(node).text, node->text.len, max);
    agent->instructions = build_text(build, node->text);
}

static void build_agent(struct build *build, struct config_agent *agent, struct fields fields)
{
    const struct yaml_node *ref = fields_node(fields, "model");

    agent->name = build_text(build, slice_of(fields.map->name));
    agent->instructions = "";
    if (fields.map->is_bad)
        return;
    const struct yaml_node *found = ref ? build_find(build, "models", ref) : NULL;

    agent->model = found ? &build->models[found->index] : NULL;
    agent_instructions(build, agent, fields_node(fields, "instructions"));
    agent_tools(build, agent, fields_node(fields, "tools"));
    agent_limits(build, agent, fields_inner(fields, "limits"));
    agent_window(build, agent, fields_inner(fields, "window"));
}

/* Only of what is whole: after an error there is nothing that a session could be started with. */
static void build_revisions(struct build *build)
{
    CLEANUP(buf_release) struct buf text = { .max = REVISION_BYTES_MAX };

    for (size_t i = 0; i < build->config->agents_n; i++) {
        char name[SHA256_TEXT_MAX];

        revision_make(&build->agents[i], &text, name);
        build->agents[i].revision = build_text(build, slice_of(name));
        build->agents[i].revision_text = build_own(build, &text);
    }
}

void build_agents(struct build *build)
{
    const struct yaml_node *agents = fields_node(build->top, "agents");
    size_t n = agents ? agents->count : 0;

    build->agents = arena_alloc(build->impl->arena, n * sizeof(*build->agents));
    build->config->agents = build->agents;
    build->config->agents_n = n;
    for (const struct yaml_node *node = agents ? agents->first : NULL; node; node = node->next)
        build_agent(build, &build->agents[node->index], (struct fields){ node, SECTION_AGENT });
    if (report_errors(build->report) == 0)
        build_revisions(build);
}

static int is_used(const struct config *config, const struct config_tool *tool,
                   const struct config_model *model)
{
    for (size_t i = 0; i < config->agents_n; i++) {
        const struct config_agent *agent = &config->agents[i];

        if (model && agent->model == model)
            return 1;
        for (size_t k = 0; tool && k < agent->tools_n; k++)
            if (agent->tools[k] == tool)
                return 1;
    }
    return 0;
}

static void warn(struct build *build, const char *section, size_t index, const char *by)
{
    const struct yaml_node *node = fields_node(build->top, section)->first;

    while (node->index < index)
        node = node->next;
    report_warning(build->report, node->name_at, "no %s uses %s", by, yaml_path(node).text);
}

void build_warnings(struct build *build)
{
    const struct config *config = build->config;
    const struct yaml_node *accounts = fields_node(build->top, "accounts");

    for (size_t i = 0; accounts && i < accounts->count; i++) {
        size_t users = 0;

        for (size_t k = 0; k < config->models_n; k++)
            users += config->models[k].account == &config->accounts[i];
        if (users == 0)
            warn(build, "accounts", i, "model");
    }
    for (size_t i = 0; i < config->models_n; i++)
        if (!is_used(config, NULL, &config->models[i]))
            warn(build, "models", i, "agent");
    for (size_t i = 0; i < config->tools_n; i++)
        if (!is_used(config, &config->tools[i], NULL))
            warn(build, "tools", i, "agent");
}
