/*
 * json_schema_keywords.c - each keyword of a schema checked, and put where the check will look.
 */
#include <math.h>
#include <stdlib.h>

#include "base/json_schema_compile.h"
#include "base/map.h"
#include "base/nearest.h"

const char *const json_type_names[JSON_TYPE_COUNT] = {
    [TYPE_NULL] = "null",     [TYPE_BOOLEAN] = "boolean", [TYPE_INTEGER] = "integer",
    [TYPE_NUMBER] = "number", [TYPE_STRING] = "string",   [TYPE_ARRAY] = "array",
    [TYPE_OBJECT] = "object",
};

enum { PATTERN_OVERHEAD = 64 }; /* what a small one takes beside its instructions, in those */

/* A keyword where it stands. */
struct entry {
    struct schema_node *node;
    const char *name;
    const struct json *value;
    const struct json_step *at;
};

typedef void compile_fn(struct compiler *c, const struct entry *entry, size_t offset);

static void *field(const struct entry *entry, size_t offset)
{
    return (char *)entry->node + offset;
}

static int is_kind(struct compiler *c, const struct entry *entry, enum json_kind kind,
                   const char *wanted)
{
    if (json_kind(entry->value) == kind)
        return 1;
    fault_add(&c->notes->errors, entry->at, "must be %s, not %s", wanted,
              json_kind_name(json_kind(entry->value)));
    return 0;
}

static void compile_schema(struct compiler *c, const struct entry *entry, size_t offset)
{
    *(const struct schema_node **)field(entry, offset) = schema_node_at(c, entry->value, entry->at);
}

static void compile_schemas(struct compiler *c, const struct entry *entry, size_t offset)
{
    struct schema_list *list = field(entry, offset);
    size_t n = json_count(entry->value);

    if (!is_kind(c, entry, JSON_KIND_ARRAY, "a list of schemas"))
        return;
    if (n == 0)
        schema_complain(c, entry->at, "must be a list of schemas that is not empty");
    if (!schema_count_parts(c, n))
        return;
    list->at = arena_alloc(c->schema->arena, n * sizeof(*list->at));
    for (size_t i = 0; i < n; i++)
        list->at[i].node =
            schema_node_at(c, json_at(entry->value, i), schema_step_index(c, entry->at, i));
    list->n = n;
}

/* Draft 7's list is 2020-12's prefixItems; then its additionalItems is 2020-12's items. */
static void compile_items(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (json_kind(entry->value) != JSON_KIND_ARRAY)
        compile_schema(c, entry, offset);
    else if (json_get(entry->node->json, "prefixItems"))
        schema_complain(c, entry->at, "must be a schema beside 'prefixItems', not a list");
    else
        compile_schemas(c, entry, offsetof(struct schema_node, prefix));
}

static void compile_members(struct compiler *c, const struct entry *entry, size_t offset)
{
    struct schema_members *members = field(entry, offset);

    if (!is_kind(c, entry, JSON_KIND_OBJECT, "an object of names and schemas") ||
        !schema_count_parts(c, json_count(entry->value)))
        return;
    members->json = entry->value;
    members->at = arena_alloc(c->schema->arena, json_count(entry->value) * sizeof(*members->at));
    for (struct json_iter *it = json_first(entry->value); it; it = json_next(entry->value, it)) {
        const char *name = json_iter_key(it);

        members->at[members->n++] = (struct schema_member){
            .name = name,
            .node = schema_node_at(c, json_iter_value(it), schema_step_key(c, entry->at, name)),
        };
    }
}

/* Whose schemas are used where a $ref leads to them. */
static void compile_definitions(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    if (!is_kind(c, entry, JSON_KIND_OBJECT, "an object of names and schemas") ||
        !schema_count_parts(c, json_count(entry->value)))
        return;
    for (struct json_iter *it = json_first(entry->value); it; it = json_next(entry->value, it))
        (void)schema_node_at(c, json_iter_value(it),
                             schema_step_key(c, entry->at, json_iter_key(it)));
}

/* ---- patterns ---- */

static const struct regex *regex_at(struct compiler *c, const char *pattern,
                                    const struct json_step *at)
{
    struct regex *regex = NULL;
    struct err err;

    if (regex_new(&regex, slice_of(pattern), &err)) {
        fault_add(&c->notes->errors, at, "is no pattern that can be checked: %s", err.msg);
        return NULL;
    }
    struct schema_regex *kept = arena_alloc(c->schema->arena, sizeof(*kept));

    *kept = (struct schema_regex){ .next = c->schema->regexes, .regex = regex };
    c->schema->regexes = kept;
    c->program += regex_size(regex) + PATTERN_OVERHEAD;
    if (c->program > JSON_SCHEMA_PROGRAMS_MAX)
        c->is_too_large = 1;
    return regex;
}

static void compile_pattern(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    if (!is_kind(c, entry, JSON_KIND_STRING, "a string"))
        return;
    entry->node->pattern_text = json_str(entry->value).ptr; /* NUL is not in it, but behind it */
    entry->node->pattern = regex_at(c, entry->node->pattern_text, entry->at);
}

static void compile_patterns(struct compiler *c, const struct entry *entry, size_t offset)
{
    struct schema_members *members = field(entry, offset);

    compile_members(c, entry, offset);
    for (size_t i = 0; i < members->n && !c->is_too_large; i++)
        members->at[i].pattern =
            regex_at(c, members->at[i].name, schema_step_key(c, entry->at, members->at[i].name));
}

/* ---- plain values ---- */

static void compile_value(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)c;
    *(const struct json **)field(entry, offset) = entry->value;
}

static void compile_number(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (json_kind(entry->value) == JSON_KIND_INT || is_kind(c, entry, JSON_KIND_REAL, "a number"))
        compile_value(c, entry, offset);
}

static void compile_positive(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (json_number(entry->value, 1) > 0)
        compile_number(c, entry, offset);
    else
        schema_complain(c, entry->at, "must be a number above 0");
}

static void compile_count(struct compiler *c, const struct entry *entry, size_t offset)
{
    double number = json_number(entry->value, -1);

    if (number < 0 || number != floor(number) || number >= 0x1p63) {
        schema_complain(c, entry->at, "must be a whole number from 0");
        return;
    }
    *(size_t *)field(entry, offset) = (size_t)json_int(entry->value, (int64_t)number);
}

static void compile_flag(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (is_kind(c, entry, JSON_KIND_BOOL, "true or false"))
        *(int *)field(entry, offset) = json_bool(entry->value, 0);
}

static void compile_choices(struct compiler *c, const struct entry *entry, size_t offset)
{
    uint64_t work = JSON_SCHEMA_WORK_MAX;
    size_t first = 0;
    size_t second = 0;

    if (!is_kind(c, entry, JSON_KIND_ARRAY, "a list that is not empty"))
        return;
    if (json_count(entry->value) == 0)
        schema_complain(c, entry->at, "must be a list that is not empty");
    if (value_twins(entry->value, &first, &second, &work))
        schema_complain(c, schema_step_index(c, entry->at, second), "must not be there twice");
    if (work == 0)
        c->is_too_large = 1;
    compile_value(c, entry, offset);
}

/* ---- names ---- */

/* A list of strings, none twice. */
static int check_names(struct compiler *c, const struct json *names, const struct json_step *at)
{
    struct map *seen = NULL;
    size_t before = c->notes->errors.n;

    if (json_kind(names) != JSON_KIND_ARRAY) {
        fault_add(&c->notes->errors, at, "must be a list of strings, not %s",
                  json_kind_name(json_kind(names)));
        return 0;
    }
    if (!schema_count_parts(c, json_count(names)))
        return 0;
    seen = map_new();
    for (size_t i = 0; i < json_count(names); i++) {
        const struct json *name = json_at(names, i);

        if (json_kind(name) != JSON_KIND_STRING)
            fault_add(&c->notes->errors, schema_step_index(c, at, i), "must be a string, not %s",
                      json_kind_name(json_kind(name)));
        else if (map_put(seen, json_str(name), c))
            schema_complain(c, schema_step_index(c, at, i), "must not be there twice");
    }
    map_free(seen);
    return c->notes->errors.n == before;
}

static void compile_names(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (check_names(c, entry->value, entry->at))
        compile_value(c, entry, offset);
}

static void add_dependency(struct compiler *c, struct schema_node *node,
                           struct schema_dependency dependency)
{
    struct schema_dependency *kept = arena_alloc(c->schema->arena, sizeof(*kept));

    *kept = dependency;
    kept->next = node->dependencies;
    node->dependencies = kept;
}

/* dependentRequired, dependentSchemas, and draft 7's dependencies, which has both in it. */
static void compile_dependencies(struct compiler *c, const struct entry *entry, size_t offset)
{
    int is_of_names = strcmp(entry->name, "dependentSchemas") != 0;
    int is_of_schemas = strcmp(entry->name, "dependentRequired") != 0;

    (void)offset;
    if (!is_kind(c, entry, JSON_KIND_OBJECT, "an object of names and what depends on them") ||
        !schema_count_parts(c, json_count(entry->value)))
        return;
    for (struct json_iter *it = json_first(entry->value); it; it = json_next(entry->value, it)) {
        const struct json *value = json_iter_value(it);
        struct schema_dependency dependency = { .name = json_iter_key(it) };
        const struct json_step *at = schema_step_key(c, entry->at, dependency.name);

        if (!is_of_schemas || (is_of_names && json_kind(value) == JSON_KIND_ARRAY))
            dependency.names = check_names(c, value, at) ? value : NULL;
        else
            dependency.node = schema_node_at(c, value, at);
        add_dependency(c, entry->node, dependency);
    }
}

/* ---- types ---- */

static unsigned type_bit(struct compiler *c, const struct json *name, const struct json_step *at)
{
    if (json_kind(name) != JSON_KIND_STRING) {
        fault_add(&c->notes->errors, at, "must be the name of a type, not %s",
                  json_kind_name(json_kind(name)));
        return 0;
    }
    for (unsigned i = 0; i < JSON_TYPE_COUNT; i++)
        if (slice_is(json_str(name), json_type_names[i]))
            return 1u << i;
    const char *nearest = nearest_word(json_str(name), json_type_names, JSON_TYPE_COUNT);

    fault_add(&c->notes->errors, at, "names a type that there is not; did you mean '%s'?",
              nearest ? nearest : "string");
    return 0;
}

static void compile_type(struct compiler *c, const struct entry *entry, size_t offset)
{
    unsigned *types = field(entry, offset);

    if (json_kind(entry->value) != JSON_KIND_ARRAY) {
        *types = type_bit(c, entry->value, entry->at);
        return;
    }
    if (json_count(entry->value) == 0)
        schema_complain(c, entry->at, "must be a type, or a list of some");
    if (!schema_count_parts(c, json_count(entry->value)))
        return;
    for (size_t i = 0; i < json_count(entry->value); i++) {
        const struct json_step *at = schema_step_index(c, entry->at, i);
        unsigned bit = type_bit(c, json_at(entry->value, i), at);

        if (*types & bit)
            schema_complain(c, at, "must not be there twice");
        *types |= bit;
    }
}

/* ---- $ref, $id, $schema ---- */

static void compile_ref(struct compiler *c, const struct entry *entry, size_t offset)
{
    if (is_kind(c, entry, JSON_KIND_STRING, "a string"))
        *(const struct schema_node **)field(entry, offset) =
            schema_node_at_ref(c, json_str(entry->value), entry->at);
}

/* Below the root it would change what the references in it mean. */
static void compile_id(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    if (is_kind(c, entry, JSON_KIND_STRING, "a string") && entry->node->json != c->root)
        schema_complain(c, entry->at, "is supported at the top of a schema only");
}

static void compile_dialect(struct compiler *c, const struct entry *entry, size_t offset)
{
    static const char *const known[] = {
        "json-schema.org/draft/2020-12/schema",
        "json-schema.org/draft/2019-09/schema",
        "json-schema.org/draft-07/schema",
        "json-schema.org/draft-06/schema",
        "json-schema.org/schema",
    };
    struct slice uri = json_str(entry->value);
    const char *colon = uri.ptr ? strstr(uri.ptr, "://") : NULL;

    (void)offset;
    for (size_t i = 0; colon && i < ARRAY_LEN(known); i++) {
        size_t len = strlen(known[i]);

        if (strncmp(colon + 3, known[i], len) == 0 &&
            (!colon[3 + len] || strcmp(colon + 3 + len, "#") == 0))
            return;
    }
    schema_complain(c, entry->at, "must name JSON Schema of draft 2020-12, 2019-09, 7 or 6");
}

/* ---- what checks nothing ---- */

static void skip_any(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)c;
    (void)entry;
    (void)offset;
}

static void skip_text(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    (void)is_kind(c, entry, JSON_KIND_STRING, "a string");
}

static void skip_list(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    (void)is_kind(c, entry, JSON_KIND_ARRAY, "a list");
}

static void skip_flag(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    (void)is_kind(c, entry, JSON_KIND_BOOL, "true or false");
}

/* It checks a value, and this program does not: better said now. */
static void refuse(struct compiler *c, const struct entry *entry, size_t offset)
{
    (void)offset;
    schema_complain(c, entry->at,
                    "is a keyword that is not supported, and would be left unchecked");
}

/* ---- the keywords ---- */

#define IN(member) offsetof(struct schema_node, member)

static const struct keyword {
    const char *name;
    compile_fn *compile;
    size_t offset;
} keywords[] = {
    { "type", compile_type, IN(types) },
    { "properties", compile_members, IN(properties) },
    { "required", compile_names, IN(required) },
    { "additionalProperties", compile_schema, IN(additional) },
    { "description", skip_text, 0 },
    { "enum", compile_choices, IN(choices) },
    { "const", compile_value, IN(constant) },
    { "items", compile_items, IN(items) },
    { "minimum", compile_number, IN(minimum) },
    { "maximum", compile_number, IN(maximum) },
    { "exclusiveMinimum", compile_number, IN(above) },
    { "exclusiveMaximum", compile_number, IN(below) },
    { "multipleOf", compile_positive, IN(multiple_of) },
    { "minLength", compile_count, IN(length_min) },
    { "maxLength", compile_count, IN(length_max) },
    { "pattern", compile_pattern, 0 },
    { "minItems", compile_count, IN(items_min) },
    { "maxItems", compile_count, IN(items_max) },
    { "uniqueItems", compile_flag, IN(is_unique) },
    { "prefixItems", compile_schemas, IN(prefix) },
    { "additionalItems", compile_schema, IN(prefix_rest) },
    { "contains", compile_schema, IN(contains) },
    { "minContains", compile_count, IN(contains_min) },
    { "maxContains", compile_count, IN(contains_max) },
    { "minProperties", compile_count, IN(properties_min) },
    { "maxProperties", compile_count, IN(properties_max) },
    { "propertyNames", compile_schema, IN(names) },
    { "patternProperties", compile_patterns, IN(patterns) },
    { "dependentRequired", compile_dependencies, 0 },
    { "dependentSchemas", compile_dependencies, 0 },
    { "dependencies", compile_dependencies, 0 },
    { "allOf", compile_schemas, IN(all_of) },
    { "anyOf", compile_schemas, IN(any_of) },
    { "oneOf", compile_schemas, IN(one_of) },
    { "not", compile_schema, IN(negated) },
    { "if", compile_schema, IN(condition) },
    { "then", compile_schema, IN(then) },
    { "else", compile_schema, IN(otherwise) },
    { "$ref", compile_ref, IN(ref) },
    { "$defs", compile_definitions, 0 },
    { "definitions", compile_definitions, 0 },
    { "$schema", compile_dialect, 0 },
    { "$id", compile_id, 0 },
    { "$anchor", skip_text, 0 },
    { "$comment", skip_text, 0 },
    { "title", skip_text, 0 },
    { "default", skip_any, 0 },
    { "examples", skip_list, 0 },
    { "format", skip_text, 0 },
    { "deprecated", skip_flag, 0 },
    { "readOnly", skip_flag, 0 },
    { "writeOnly", skip_flag, 0 },
    { "contentEncoding", skip_text, 0 },
    { "contentMediaType", skip_text, 0 },
    { "contentSchema", skip_any, 0 },
    { "unevaluatedItems", refuse, 0 },
    { "unevaluatedProperties", refuse, 0 },
    { "$dynamicRef", refuse, 0 },
    { "$dynamicAnchor", skip_text, 0 },
    { "$recursiveRef", refuse, 0 },
    { "$recursiveAnchor", skip_flag, 0 },
    { "$vocabulary", refuse, 0 },
    /* Drafts 3 and 4. */
    { "extends", refuse, 0 },
    { "disallow", refuse, 0 },
    { "divisibleBy", refuse, 0 },
};

static void warn_of_unknown(struct compiler *c, const struct entry *entry)
{
    const char *names[ARRAY_LEN(keywords)];

    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        names[i] = keywords[i].name;
    const char *nearest = nearest_word(slice_of(entry->name), names, ARRAY_LEN(names));

    if (nearest)
        fault_add(&c->notes->warnings, entry->at,
                  "is no keyword of JSON Schema; did you mean '%s'?", nearest);
}

static void compile_keyword(struct compiler *c, const struct entry *entry)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (strcmp(entry->name, keywords[i].name) == 0) {
            keywords[i].compile(c, entry, keywords[i].offset);
            return;
        }
    warn_of_unknown(c, entry);
}

void schema_compile_node(struct compiler *c, struct schema_node *node)
{
    for (struct json_iter *it = json_first(node->json); it && !c->is_too_large;
         it = json_next(node->json, it)) {
        const char *name = json_iter_key(it);

        if (!schema_count_parts(c, 1))
            return;
        compile_keyword(c, &(struct entry){ .node = node,
                                            .name = name,
                                            .value = json_iter_value(it),
                                            .at = schema_step_key(c, node->at, name) });
    }
    if (json_kind(json_get(node->json, "items")) == JSON_KIND_ARRAY)
        node->items = node->prefix_rest;
}
