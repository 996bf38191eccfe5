/* build_approval.c - who must agree to a tool's calls: pawl.yaml's words as core/approval.h reads
 * them. */
#include "base/regex.h"
#include "config/build.h"
#include "config/yaml_json.h"

enum { APPROVAL_BYTES_MAX = 1024 * 1024 };

static void put_text(struct buf *json, const char *key, struct slice text)
{
    if (!text.ptr)
        return;
    json_key(json, key);
    json_put_str(json, text);
}

static void check_path(struct build *build, const struct yaml_node *path)
{
    if (path && path->text.len > 0 && path->text.ptr[0] != '/')
        report_error(build->report, path->at,
                     "%s: %s is no JSON pointer; it begins with a /, as in /amount",
                     yaml_path(path).text, quote(path->written).text);
}

static void check_pattern(struct build *build, const struct yaml_node *pattern)
{
    struct regex *regex = NULL;
    struct err err = { 0 };

    if (pattern && regex_new(&regex, pattern->text, &err))
        report_error(build->report, pattern->at, "%s: %s", yaml_path(pattern).text, err.msg);
    regex_free(regex);
}

static void put_condition(struct build *build, const struct yaml_node *map, struct buf *json)
{
    static const char *const tests[] = { "eq", "ne", "gt", "lt", "in", "matches" };
    struct fields fields = { map, SECTION_CONDITION };
    int has_test =
        map->count > (fields_has(fields, "path") ? 1u : 0u); /* or what is no key at all */

    check_path(build, fields_node(fields, "path"));
    check_pattern(build, fields_node(fields, "matches"));
    json_begin(json, '{');
    put_text(json, "path", fields_text(fields, "path"));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        const struct yaml_node *test = fields_node(fields, tests[i]);

        if (!test)
            continue;
        json_key(json, tests[i]);
        if (i + 1 == ARRAY_LEN(tests)) /* a pattern is text, whatever it looks like */
            json_put_str(json, test->text);
        else
            (void)yaml_json_write(json, test, build->report);
    }
    json_end(json, '}');
    if (!has_test && !map->is_bad)
        report_error(build->report, yaml_where(map),
                     "%s tests nothing; write eq, ne, gt, lt, in or matches", yaml_path(map).text);
}

static void put_when(struct build *build, struct fields fields, struct buf *json)
{
    const struct yaml_node *when = fields_node(fields, "when");

    json_key(json, "when");
    if (!when || when->kind == YAML_TEXT) {
        json_put_str(json, SLICE_LIT("always"));
        return;
    }
    json_begin(json, '[');
    for (const struct yaml_node *node = when->first; node; node = node->next)
        put_condition(build, node, json);
    json_end(json, ']');
}

static void check_expiry(struct build *build, struct fields fields)
{
    const struct yaml_node *on_expiry = fields_node(fields, "on_expiry");
    const struct yaml_node *escalate_to = fields_node(fields, "escalate_to");
    int escalates = slice_is(fields_text(fields, "on_expiry"), "escalate");

    if (on_expiry && !fields_has(fields, "expires"))
        report_error(build->report, on_expiry->name_at,
                     "%s is for approvals that expire; add 'expires'", yaml_path(on_expiry).text);
    if (escalates && !fields_has(fields, "escalate_to"))
        report_error(build->report, on_expiry->at,
                     "%s: add 'escalate_to', the role that decides then",
                     yaml_path(on_expiry).text);
    if (escalate_to && !escalates)
        report_error(build->report, escalate_to->name_at, "%s is for 'on_expiry: escalate'",
                     yaml_path(escalate_to).text);
}

static void put_entry(struct build *build, const struct yaml_node *map, struct buf *json)
{
    struct fields fields = { map, SECTION_APPROVAL };

    check_expiry(build, fields);
    json_begin(json, '{');
    put_when(build, fields, json);
    json_key(json, "approvers");
    json_put_int(json, fields_number(fields, "approvers"));
    put_text(json, "risk", fields_text(fields, "risk"));
    put_text(json, "reason", fields_text(fields, "reason"));
    put_text(json, "role", fields_text(fields, "role"));
    put_text(json, "escalate_to", fields_text(fields, "escalate_to"));
    json_key(json, "expires_ms");
    json_put_int(json, fields_number(fields, "expires"));
    put_text(json, "on_expiry", fields_text(fields, "on_expiry"));
    json_end(json, '}');
}

void build_approval(struct build *build, struct config_tool *tool, struct fields fields)
{
    const struct yaml_node *node = fields_node(fields, "approval");
    CLEANUP(buf_release) struct buf json = { .max = YAML_JSON_MAX };

    if (!node || slice_is(node->text, "never"))
        return;
    json_begin(&json, '[');
    if (node->kind == YAML_LIST) {
        for (const struct yaml_node *entry = node->first; entry; entry = entry->next)
            put_entry(build, entry, &json);
    } else { /* `always` is a mapping without a key */
        put_entry(build, node->kind == YAML_MAP ? node : NULL, &json);
    }
    json_end(&json, ']');
    if (json.len > APPROVAL_BYTES_MAX)
        report_error(build->report, node->at, "%s is larger than %d KiB", yaml_path(node).text,
                     APPROVAL_BYTES_MAX / 1024);
    else
        tool->approval = build_own(build, &json);
}
