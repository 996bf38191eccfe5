/* build_tool.c - tools: what the model is told of them, and which kind they are. */
#include <stdlib.h>

#include "config/build.h"
#include "config/schema_check.h"
#include "config/yaml_json.h"
#include "core/waiting.h"

enum { PARAMETERS_BYTES_MAX = 64 * 1024, BUILTINS_MAX = 64 };

static const char no_arguments[] = "{\"properties\":{},\"type\":\"object\"}";

/* The canonical text of a schema that is ours: a builtin's. */
static const char *known_schema(struct build *build, const char *schema)
{
    CLEANUP(json_cleanup) struct json *value = NULL;
    CLEANUP(buf_release) struct buf canonical = { .max = PARAMETERS_BYTES_MAX };
    struct err err = { 0 };

    if (json_read(&value, slice_of(schema), PARAMETERS_BYTES_MAX, &err) ||
        json_write_canonical(&canonical, value, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    return build_own(build, &canonical);
}

static const char *build_parameters(struct build *build, struct fields fields,
                                    const char *otherwise)
{
    const struct yaml_node *node = fields_node(fields, "parameters");
    CLEANUP(buf_release) struct buf canonical = { .max = PARAMETERS_BYTES_MAX };

    if (!node)
        return known_schema(build, otherwise);
    if (!yaml_json_canonical(&canonical, node, PARAMETERS_BYTES_MAX, build->report) ||
        !schema_check(node, buf_slice(&canonical), build->report))
        return NULL;
    return build_own(build, &canonical);
}

static void refuse_builtin(struct build *build, const struct yaml_node *node)
{
    const char *names[BUILTINS_MAX];
    size_t n = 0;

    for (const char *name; n < BUILTINS_MAX && (name = build->known->builtin_name(n)); n++)
        names[n] = name;
    report_error(build->report, node->at, "%s: there is no builtin tool %s%s", yaml_path(node).text,
                 quote(node->written).text, hint_among(names, n, node->written).text);
}

/* Nothing of it runs: what is about runs has no meaning for it. */
static void check_waiting(struct build *build, struct fields fields)
{
    const char *builtin = fields_text(fields, "builtin").ptr;
    const struct yaml_node *approval = fields_node(fields, "approval");
    const struct yaml_node *retry = fields_node(fields, "retry");

    if (approval && !slice_is(approval->text, "never"))
        report_error(build->report, approval->name_at,
                     "%s: '%s' only waits, so there is nothing to approve; remove it",
                     yaml_path(approval).text, builtin);
    if (retry)
        report_error(build->report, retry->name_at,
                     "%s: '%s' only waits, so nothing of it is tried again; remove it",
                     yaml_path(retry).text, builtin);
}

static void build_builtin(struct build *build, struct config_tool *tool, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "builtin");
    const char *description = NULL;
    const char *parameters = NULL;

    tool->kind = TOOL_KIND_BUILTIN;
    if (!node)
        return; /* reported */
    if (!build->known->builtin(node->text, &description, &parameters)) {
        refuse_builtin(build, node);
        return;
    }
    if (waiting_type_of(node->text) != CALL_TOOL)
        check_waiting(build, fields);
    tool->builtin = build_text(build, node->text);
    tool->description = build_text(build, slice_of(description));
    tool->parameters = build_parameters(build, fields, parameters);
}

/* Is there a kind of tool that a later version brings? Then that was said, and is enough. */
static int has_later_kind(const struct yaml_node *map)
{
    static const char *const kinds[] = { "remote", "http", "mcp", "agent" };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (yaml_get(map, kinds[i]))
            return 1;
    return 0;
}

static void build_command(struct build *build, struct config_tool *tool, struct fields fields)
{
    tool->kind = TOOL_KIND_EXEC;
    tool->parameters = build_parameters(build, fields, no_arguments);
    if (!fields_has(fields, "description"))
        report_error(build->report, yaml_where(fields.map),
                     "'description' is missing in %s: what the model is told about the tool",
                     yaml_path(fields.map).text);
    build_exec(build, tool, fields_inner(fields, "exec"));
}

/* What must not be repeated is a command: builtins change nothing outside of the session. */
static void build_effects(struct build *build, struct config_tool *tool, struct fields fields)
{
    const struct yaml_node *effects = fields_node(fields, "effects");
    const struct yaml_node *reconcile = fields_node(fields, "reconcile");

    tool->is_once = slice_is(fields_text(fields, "effects"), "once");
    if (tool->is_once && effects && fields_has(fields, "builtin"))
        report_error(build->report, effects->at,
                     "%s: a builtin does nothing that must not be repeated; 'once' is for commands "
                     "('exec')",
                     yaml_path(effects).text);
    if (!reconcile)
        return;
    if (!tool->is_once)
        report_error(build->report, reconcile->name_at,
                     "%s is for tools with 'effects: once'; this one is simply run again",
                     yaml_path(reconcile).text);
    build_reconcile(build, tool, fields_inner(fields, "reconcile"));
}

static void build_tool(struct build *build, struct config_tool *tool, struct fields fields)
{
    int has_exec = fields_has(fields, "exec");
    int has_builtin = fields_has(fields, "builtin");

    tool->name = build_text(build, slice_of(fields.map->name));
    tool->description = "";
    if (fields.map->is_bad)
        return;
    tool->retry = build_retry(build, fields_inner(fields, "retry"));
    build_effects(build, tool, fields);
    build_approval(build, tool, fields);
    if (has_exec && has_builtin)
        report_error(build->report, yaml_get(fields.map, "builtin")->name_at,
                     "%s has both 'exec' and 'builtin'; remove one", yaml_path(fields.map).text);
    else if (has_exec)
        build_command(build, tool, fields);
    else if (has_builtin)
        build_builtin(build, tool, fields);
    else if (!has_later_kind(fields.map))
        report_error(build->report, yaml_where(fields.map),
                     "%s needs 'exec' (a command) or 'builtin'", yaml_path(fields.map).text);
    if (fields_text(fields, "description").ptr)
        tool->description = build_text(build, fields_text(fields, "description"));
}

void build_tools(struct build *build)
{
    const struct yaml_node *tools = fields_node(build->top, "tools");
    size_t n = tools ? tools->count : 0;

    build->tools = arena_alloc(build->impl->arena, n * sizeof(*build->tools));
    build->config->tools = build->tools;
    build->config->tools_n = n;
    for (const struct yaml_node *node = tools ? tools->first : NULL; node; node = node->next)
        build_tool(build, &build->tools[node->index], (struct fields){ node, SECTION_TOOL });
}
