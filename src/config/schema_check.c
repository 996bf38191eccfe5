#include "config/schema_check.h"

#include "base/json_schema.h"
#include "config/yaml_json.h"

/* A provider takes no other schema for the arguments of a tool. */
static int check_top(const struct yaml_node *node, struct report *report)
{
    const struct yaml_node *type = NULL;

    if (node->kind != YAML_MAP) {
        report_error(report, node->at,
                     "%s must be a JSON Schema, a mapping that begins with 'type: object', not %s",
                     yaml_path(node).text, json_kind_name(yaml_json_kind(node)));
        return 0;
    }
    type = yaml_get(node, "type");
    if (type && type->kind == YAML_TEXT && slice_is(type->text, "object"))
        return 1;
    report_error(report, type ? type->at : yaml_where(node),
                 "%s is no JSON Schema of an object: write 'type: object' at its top",
                 yaml_path(node).text);
    return 0;
}

static void report_notes(const struct yaml_node *node, const struct json_schema_notes *notes,
                         struct report *report)
{
    for (size_t i = 0; i < notes->errors.n; i++) {
        const struct yaml_node *at = yaml_follow_pointer(node, notes->errors.at[i].pointer);

        report_error(report, at->at, "in the JSON Schema, %s %s", yaml_path(at).text,
                     notes->errors.at[i].what);
    }
    if (notes->errors.n == ARRAY_LEN(notes->errors.at))
        report_error(report, yaml_where(node), "the JSON Schema %s may have more errors",
                     yaml_path(node).text);
    for (size_t i = 0; i < notes->warnings.n; i++) {
        const struct yaml_node *at = yaml_follow_pointer(node, notes->warnings.at[i].pointer);

        report_warning(report, yaml_where(at), "%s %s", yaml_path(at).text,
                       notes->warnings.at[i].what);
    }
}

int schema_check(const struct yaml_node *node, struct slice json, struct report *report)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct json_schema_notes notes;
    struct json_schema *schema = NULL;
    struct err err = { 0 };

    if (!check_top(node, report))
        return 0;
    if (json_read(&root, json, YAML_JSON_MAX, &err)) {
        report_error(report, node->at, "%s is no JSON: %s", yaml_path(node).text, err.msg);
        return 0;
    }
    enum err_code code = json_schema_new(&schema, root, &notes, &err);

    json_schema_free(schema);
    report_notes(node, &notes, report);
    return code == ERR_NONE;
}
