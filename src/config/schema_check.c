#include "config/schema_check.h"

#include "base/nearest.h"
#include "config/yaml_json.h"

enum shape {
    SHAPE_ANY,
    SHAPE_TYPE, /* a type's name, or a list of them */
    SHAPE_TEXT,
    SHAPE_BOOL,
    SHAPE_NUMBER,
    SHAPE_POSITIVE, /* a number above 0 */
    SHAPE_COUNT,    /* a whole number from 0 */
    SHAPE_LIST,
    SHAPE_VALUES, /* a list that is not empty */
    SHAPE_NAMES,  /* a list of texts, none twice */
    SHAPE_SCHEMA,
    SHAPE_SCHEMAS, /* a list of schemas that is not empty */
    SHAPE_SCHEMA_OR_SCHEMAS,
    SHAPE_SCHEMA_MAP, /* names, and for each a schema */
    SHAPE_NAMES_MAP,  /* names, and for each a list of texts */
};

static const struct keyword {
    const char *name;
    enum shape shape;
} keywords[] = {
    { "type", SHAPE_TYPE },
    { "properties", SHAPE_SCHEMA_MAP },
    { "required", SHAPE_NAMES },
    { "description", SHAPE_TEXT },
    { "enum", SHAPE_VALUES },
    { "items", SHAPE_SCHEMA_OR_SCHEMAS },
    { "additionalProperties", SHAPE_SCHEMA },
    { "minimum", SHAPE_NUMBER },
    { "maximum", SHAPE_NUMBER },
    { "exclusiveMinimum", SHAPE_NUMBER },
    { "exclusiveMaximum", SHAPE_NUMBER },
    { "multipleOf", SHAPE_POSITIVE },
    { "minLength", SHAPE_COUNT },
    { "maxLength", SHAPE_COUNT },
    { "pattern", SHAPE_TEXT },
    { "format", SHAPE_TEXT },
    { "minItems", SHAPE_COUNT },
    { "maxItems", SHAPE_COUNT },
    { "uniqueItems", SHAPE_BOOL },
    { "minProperties", SHAPE_COUNT },
    { "maxProperties", SHAPE_COUNT },
    { "title", SHAPE_TEXT },
    { "default", SHAPE_ANY },
    { "const", SHAPE_ANY },
    { "examples", SHAPE_LIST },
    { "allOf", SHAPE_SCHEMAS },
    { "anyOf", SHAPE_SCHEMAS },
    { "oneOf", SHAPE_SCHEMAS },
    { "not", SHAPE_SCHEMA },
    { "if", SHAPE_SCHEMA },
    { "then", SHAPE_SCHEMA },
    { "else", SHAPE_SCHEMA },
    { "prefixItems", SHAPE_SCHEMAS },
    { "additionalItems", SHAPE_SCHEMA },
    { "contains", SHAPE_SCHEMA },
    { "minContains", SHAPE_COUNT },
    { "maxContains", SHAPE_COUNT },
    { "propertyNames", SHAPE_SCHEMA },
    { "patternProperties", SHAPE_SCHEMA_MAP },
    { "dependentSchemas", SHAPE_SCHEMA_MAP },
    { "dependentRequired", SHAPE_NAMES_MAP },
    { "unevaluatedItems", SHAPE_SCHEMA },
    { "unevaluatedProperties", SHAPE_SCHEMA },
    { "$defs", SHAPE_SCHEMA_MAP },
    { "definitions", SHAPE_SCHEMA_MAP },
    { "$ref", SHAPE_TEXT },
    { "$schema", SHAPE_TEXT },
    { "$id", SHAPE_TEXT },
    { "$anchor", SHAPE_TEXT },
    { "$comment", SHAPE_TEXT },
    { "contentEncoding", SHAPE_TEXT },
    { "contentMediaType", SHAPE_TEXT },
    { "contentSchema", SHAPE_SCHEMA },
    { "deprecated", SHAPE_BOOL },
    { "readOnly", SHAPE_BOOL },
    { "writeOnly", SHAPE_BOOL },
};

static const char *const type_names[] = { "object", "string",  "number", "integer",
                                          "array",  "boolean", "null" };

static int check_schema(const struct yaml_node *schema, struct report *report);

static int refuse(const struct yaml_node *node, const char *wanted, struct report *report)
{
    report_error(report, node->at, "%s is no JSON Schema: %s must be %s, not %s",
                 yaml_path(node).text, node->name ? quote(slice_of(node->name)).text : "it", wanted,
                 json_kind_name(yaml_json_kind(node)));
    return 0;
}

static int check_type_name(const struct yaml_node *node, struct report *report)
{
    if (yaml_json_kind(node) != JSON_KIND_STRING)
        return refuse(node, "the name of a type", report);
    for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
        if (slice_is(node->text, type_names[i]))
            return 1;
    const char *nearest = nearest_word(node->written, type_names, ARRAY_LEN(type_names));

    report_error(report, node->at, "%s is no JSON Schema: there is no type %s; did you mean '%s'?",
                 yaml_path(node).text, quote(node->written).text, nearest ? nearest : "string");
    return 0;
}

static int check_type(const struct yaml_node *node, struct report *report)
{
    int is_fine = 1;

    if (node->kind != YAML_LIST)
        return check_type_name(node, report);
    if (node->count == 0)
        return refuse(node, "a type, or a list of some", report);
    for (const struct yaml_node *child = node->first; child; child = child->next)
        is_fine &= check_type_name(child, report);
    return is_fine;
}

static int is_number(const struct yaml_node *node)
{
    enum json_kind kind = yaml_json_kind(node);

    return kind == JSON_KIND_INT || kind == JSON_KIND_REAL;
}

static int is_twice(const struct yaml_node *item)
{
    for (const struct yaml_node *other = item->parent->first; other != item; other = other->next)
        if (other->kind == YAML_TEXT && slice_equal(other->text, item->text))
            return 1;
    return 0;
}

static int check_names(const struct yaml_node *node, struct report *report)
{
    enum { NAMES_MAX = 1000 };

    if (node->kind != YAML_LIST || node->count > NAMES_MAX)
        return refuse(node, "a list of texts (at most 1000)", report);
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        if (yaml_json_kind(child) != JSON_KIND_STRING)
            return refuse(child, "text", report);
        if (is_twice(child)) {
            report_error(report, child->at, "%s is no JSON Schema: %s stands here twice",
                         yaml_path(node).text, quote(child->written).text);
            return 0;
        }
    }
    return 1;
}

/* Every child with one check. */
static int check_children(const struct yaml_node *node, enum yaml_kind kind, const char *wanted,
                          int (*check)(const struct yaml_node *, struct report *),
                          struct report *report)
{
    int is_fine = 1;

    if (node->kind != kind || (kind == YAML_LIST && node->count == 0))
        return refuse(node, wanted, report);
    for (const struct yaml_node *child = node->first; child; child = child->next)
        is_fine &= check(child, report);
    return is_fine;
}

static int want(int is_so, const struct yaml_node *node, const char *wanted, struct report *report)
{
    return is_so || refuse(node, wanted, report);
}

static int check_shape(const struct yaml_node *node, enum shape shape, struct report *report)
{
    enum json_kind kind = yaml_json_kind(node);

    switch (shape) {
    case SHAPE_ANY: return 1;
    case SHAPE_TYPE: return check_type(node, report);
    case SHAPE_TEXT: return want(kind == JSON_KIND_STRING, node, "text", report);
    case SHAPE_BOOL: return want(kind == JSON_KIND_BOOL, node, "true or false", report);
    case SHAPE_NUMBER: return want(is_number(node), node, "a number", report);
    case SHAPE_POSITIVE:
        return want(is_number(node) && yaml_json_number(node) > 0, node, "a number above 0",
                    report);
    case SHAPE_COUNT:
        return want(kind == JSON_KIND_INT && yaml_json_number(node) >= 0, node,
                    "a whole number from 0", report);
    case SHAPE_LIST: return want(kind == JSON_KIND_ARRAY, node, "a list", report);
    case SHAPE_VALUES:
        return want(kind == JSON_KIND_ARRAY && node->count > 0, node, "a list that is not empty",
                    report);
    case SHAPE_NAMES: return check_names(node, report);
    case SHAPE_SCHEMA: return check_schema(node, report);
    case SHAPE_SCHEMAS:
        return check_children(node, YAML_LIST, "a list of schemas", check_schema, report);
    case SHAPE_SCHEMA_OR_SCHEMAS:
        if (node->kind != YAML_LIST)
            return check_schema(node, report);
        return check_children(node, YAML_LIST, "a list of schemas", check_schema, report);
    case SHAPE_SCHEMA_MAP:
        return check_children(node, YAML_MAP, "a mapping of names to schemas", check_schema,
                              report);
    case SHAPE_NAMES_MAP:
        return check_children(node, YAML_MAP, "a mapping of names to lists", check_names, report);
    }
    assert_failed("a keyword has a shape", __FILE__, __LINE__);
}

/* JSON Schema takes any other keyword, too; one that is nearly known was hardly meant so. */
static void warn_of_unknown(const struct yaml_node *node, struct report *report)
{
    const char *names[ARRAY_LEN(keywords)];

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        names[i] = keywords[i].name;
    const char *nearest = nearest_word(slice_of(node->name), names, ARRAY_LEN(names));

    if (nearest)
        report_warning(report, node->name_at, "JSON Schema does not know %s; did you mean '%s'?",
                       quote(slice_of(node->name)).text, nearest);
}

static int check_keyword(const struct yaml_node *node, struct report *report)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (strcmp(node->name, keywords[i].name) == 0)
            return check_shape(node, keywords[i].shape, report);
    warn_of_unknown(node, report);
    return 1;
}

/* Recurses no deeper than YAML_DEPTH_MAX. */
static int check_schema(const struct yaml_node *schema, struct report *report)
{
    int is_fine = 1;

    if (yaml_json_kind(schema) == JSON_KIND_BOOL)
        return 1;
    if (schema->kind != YAML_MAP)
        return refuse(schema, "a schema (a mapping)", report);
    for (const struct yaml_node *node = schema->first; node; node = node->next)
        is_fine &= check_keyword(node, report);
    return is_fine;
}

int schema_check(const struct yaml_node *schema, struct report *report)
{
    if (schema->kind != YAML_MAP)
        return refuse(schema, "a mapping that begins with 'type: object'", report);
    const struct yaml_node *type = yaml_get(schema, "type");

    if (!type || type->kind != YAML_TEXT || !slice_is(type->text, "object")) {
        report_error(report, type ? type->at : yaml_where(schema),
                     "%s is no JSON Schema of an object: write 'type: object' at its top",
                     yaml_path(schema).text);
        return 0;
    }
    return check_schema(schema, report);
}
