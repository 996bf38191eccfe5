/*
 * json_schema.c - a schema compiled: each keyword checked and put in its place.
 *
 * Schemas wait in a list until their keywords are read, so nothing recurses, and each place of the
 * JSON is compiled once however many `$ref` lead to it. At last the order in which schemas apply to
 * the same value is gone through: one that comes back to itself there would never end.
 */
#include <stdlib.h>

#include "base/json_schema_compile.h"
#include "base/map.h"

enum {
    ARENA_BYTES_MAX = 256 * 1024 * 1024, /* far above what the limits let come together */
};

void schema_complain(struct compiler *c, const struct json_step *at, const char *what)
{
    fault_add(&c->notes->errors, at, "%s", what);
}

int schema_count_parts(struct compiler *c, size_t n)
{
    if (n > JSON_SCHEMA_PARTS_MAX - c->parts) {
        c->is_too_large = 1;
        return 0;
    }
    c->parts += n;
    return 1;
}

static const struct json_step *step_new(struct compiler *c, struct json_step step)
{
    struct json_step *kept = arena_alloc(c->schema->arena, sizeof(*kept));

    *kept = step;
    return kept;
}

const struct json_step *schema_step_key(struct compiler *c, const struct json_step *up,
                                        const char *key)
{
    return step_new(c, (struct json_step){ .up = up, .key = key, .index = STEP_KEY });
}

const struct json_step *schema_step_index(struct compiler *c, const struct json_step *up,
                                          size_t index)
{
    return step_new(c, (struct json_step){ .up = up, .index = index });
}

static struct schema_node *node_new(struct compiler *c, const struct json *json,
                                    const struct json_step *at)
{
    struct schema_node *node = arena_alloc(c->schema->arena, sizeof(*node));

    node->json = json;
    node->at = at;
    node->length_max = node->items_max = node->properties_max = node->contains_max = SIZE_MAX;
    node->contains_min = 1;
    return node;
}

/* The schema at a place, to be read later; NULL: what stands there is none, or too much. */
const struct schema_node *schema_node_at(struct compiler *c, const struct json *json,
                                         const struct json_step *at)
{
    static const struct schema_node always = { .length_max = SIZE_MAX,
                                               .items_max = SIZE_MAX,
                                               .contains_max = SIZE_MAX,
                                               .properties_max = SIZE_MAX };
    static const struct schema_node never = { .is_never = 1 };

    if (json_kind(json) == JSON_KIND_BOOL)
        return json_bool(json, 0) ? &always : &never;
    if (json_kind(json) != JSON_KIND_OBJECT) {
        fault_add(&c->notes->errors, at, "must be a schema (an object), not %s",
                  json_kind_name(json_kind(json)));
        return NULL;
    }
    struct schema_node *node = map_get_u64(c->nodes, (uintptr_t)json);

    if (node || !schema_count_parts(c, 1))
        return node;
    node = node_new(c, json, at);
    (void)map_put_u64(c->nodes, (uintptr_t)json, node);
    *c->last = node;
    c->last = &node->next;
    return node;
}

/* ---- the whole ---- */

static void compile_all(struct compiler *c)
{
    c->schema->root = schema_node_at(c, c->root, NULL);
    for (struct schema_node *node = c->first; node && !c->is_too_large; node = node->next)
        schema_compile_node(c, node);
    if (c->is_too_large)
        schema_complain(c, NULL, "is too large");
    else if (c->notes->errors.n == 0)
        schema_check_circles(c);
}

static enum err_code first_error(const struct compiler *c, struct err *err)
{
    const struct json_schema_fault *fault = &c->notes->errors.at[0];

    if (c->is_too_large)
        return err_set(err, ERR_LIMIT, "it is too large");
    if (c->notes->errors.n > 0)
        return err_set(err, ERR_INVALID, "%s%s%s", fault->pointer, fault->pointer[0] ? " " : "it ",
                       fault->what);
    return ERR_NONE;
}

enum err_code json_schema_new(struct json_schema **ret_schema, const struct json *json,
                              struct json_schema_notes *notes, struct err *err)
{
    struct json_schema *schema = xcalloc(1, sizeof(*schema));
    struct json_schema_notes *own = notes ? NULL : xcalloc(1, sizeof(*own));
    struct compiler c = { .schema = schema, .root = json, .notes = notes ? notes : own };

    c.notes->errors.n = c.notes->warnings.n = 0;
    c.last = &c.first;
    c.nodes = map_new();
    schema->arena = arena_new(ARENA_BYTES_MAX);
    compile_all(&c);
    map_free(c.nodes);
    enum err_code code = first_error(&c, err);

    free(own);
    if (code) {
        json_schema_free(schema);
        return code;
    }
    *ret_schema = schema;
    return ERR_NONE;
}

void json_schema_free(struct json_schema *schema)
{
    if (!schema)
        return;
    for (struct schema_regex *kept = schema->regexes; kept; kept = kept->next)
        regex_free(kept->regex);
    arena_free(schema->arena);
    free(schema);
}
