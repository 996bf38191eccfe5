/* build_trigger.c - signed webhooks from outside: who may send them, and what they do. */
#include "config/build.h"
#include "core/fill.h"

enum { GITHUB_SECRET_MIN = 16 };

/* ---- secrets ---- */

/* GitHub takes any text, and it is the key itself. */
static int github_secret(struct build *build, const struct yaml_node *node, struct slice *ret_key)
{
    CLEANUP(buf_release) struct buf key = { .max = node->text.len + 1 };

    if (node->text.len < GITHUB_SECRET_MIN) {
        report_error(build->report, node->at,
                     "%s is shorter than %d bytes; make one with: openssl rand -hex 32",
                     yaml_path(node).text, GITHUB_SECRET_MIN);
        return 0;
    }
    buf_put(&key, node->text);
    ret_key->len = key.len;
    ret_key->ptr = build_own(build, &key);
    return 1;
}

static void add_key(struct build *build, struct config_trigger *trigger,
                    const struct yaml_node *node)
{
    struct slice key = { NULL, 0 };

    if (node->is_bad || trigger->keys_n == CONFIG_WEBHOOK_KEYS_MAX)
        return;
    if (trigger->is_github ? github_secret(build, node, &key)
                           : build_signing_key(build, node, &key))
        trigger->keys[trigger->keys_n++] = key;
}

static void trigger_keys(struct build *build, struct config_trigger *trigger, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "secret");

    if (node && node->kind == YAML_TEXT)
        add_key(build, trigger, node);
    for (const struct yaml_node *child = node ? node->first : NULL; child; child = child->next)
        add_key(build, trigger, child);
}

/* ---- templates ---- */

static const char *template_text(struct build *build, const struct yaml_node *node)
{
    struct err err = { 0 };

    if (!node)
        return "";
    if (fill_check(node->text, &err))
        report_error(build->report, node->at, "%s: %s", yaml_path(node).text, err.msg);
    return build_text(build, node->text);
}

static void trigger_metadata(struct build *build, struct config_trigger *trigger,
                             const struct yaml_node *map)
{
    size_t n = map ? map->count : 0;
    struct config_template *templates = arena_alloc(build->impl->arena, n * sizeof(*templates));

    for (const struct yaml_node *node = map ? map->first : NULL; node; node = node->next) {
        if (strcmp(node->name, "trigger") == 0)
            report_error(build->report, node->name_at, "%s is what pawl adds; choose another name",
                         yaml_path(node).text);
        templates[node->index] =
            (struct config_template){ .name = build_text(build, slice_of(node->name)),
                                      .text = template_text(build, node->is_bad ? NULL : node) };
    }
    trigger->metadata = templates;
    trigger->metadata_n = n;
}

/* ---- what it does ---- */

static void refuse_beside(struct build *build, struct fields fields, const char *name,
                          const char *other)
{
    const struct yaml_node *node = fields_node(fields, name);

    if (node)
        report_error(build->report, node->name_at, "%s is not for a trigger with '%s'",
                     yaml_path(node).text, other);
}

static void trigger_message(struct build *build, struct config_trigger *trigger,
                            struct fields fields)
{
    struct fields message = fields_inner(fields, "message");
    static const char *const others[] = { "input", "context", "metadata" };

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        refuse_beside(build, fields, others[i], "message");
    trigger->session = template_text(build, fields_node(message, "session"));
    trigger->text = template_text(build, fields_node(message, "content"));
}

static void trigger_create(struct build *build, struct config_trigger *trigger,
                           struct fields fields)
{
    const struct yaml_node *ref = fields_node(fields, "agent");
    const struct yaml_node *found = ref ? build_find(build, "agents", ref) : NULL;

    if (!fields_has(fields, "input"))
        report_error(build->report, yaml_where(fields.map), "'input' is missing in %s: text",
                     yaml_path(fields.map).text);
    trigger->agent = found ? &build->agents[found->index] : NULL;
    trigger->text = template_text(build, fields_node(fields, "input"));
    trigger->context = build_object(build, fields_node(fields, "context"));
    trigger_metadata(build, trigger, fields_node(fields, "metadata"));
}

static void build_trigger(struct build *build, struct config_trigger *trigger, struct fields fields)
{
    int has_message = fields_has(fields, "message");

    trigger->name = build_text(build, slice_of(fields.map->name));
    if (fields.map->is_bad)
        return;
    trigger->is_github = slice_is(fields_text(fields, "signature"), "github");
    trigger_keys(build, trigger, fields);
    if (has_message)
        refuse_beside(build, fields, "agent", "message");
    if (has_message)
        trigger_message(build, trigger, fields);
    else if (fields_has(fields, "agent"))
        trigger_create(build, trigger, fields);
    else
        report_error(build->report, yaml_where(fields.map),
                     "%s does nothing; add 'agent', which begins a session, or 'message'",
                     yaml_path(fields.map).text);
}

void build_triggers(struct build *build)
{
    const struct yaml_node *map = fields_node(build->top, "triggers");
    size_t n = map ? map->count : 0;
    struct config_trigger *triggers = arena_alloc(build->impl->arena, n * sizeof(*triggers));

    build->config->triggers = triggers;
    build->config->triggers_n = n;
    for (const struct yaml_node *node = map ? map->first : NULL; node; node = node->next)
        build_trigger(build, &triggers[node->index], (struct fields){ node, SECTION_TRIGGER });
}
