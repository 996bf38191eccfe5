/*
 * json_schema_compile.h - what the files that compile a schema share. For base/ only.
 */
#ifndef BASE_JSON_SCHEMA_COMPILE_H
#define BASE_JSON_SCHEMA_COMPILE_H

#include "base/json_schema_internal.h"

struct map;

struct compiler {
    struct json_schema *schema;
    const struct json *root;
    struct map *nodes;                 /* a place of the JSON -> its node */
    struct schema_node *first, **last; /* all but booleans, in the order in which they were met */
    size_t parts;
    size_t program; /* instructions of patterns so far */
    int is_too_large;
    struct json_schema_notes *notes;
};

void schema_complain(struct compiler *c, const struct json_step *at, const char *what);

/* 0: with n more parts it is too large. What is allocated for what is read is counted so. */
int schema_count_parts(struct compiler *c, size_t n);

const struct json_step *schema_step_key(struct compiler *c, const struct json_step *up,
                                        const char *key);
const struct json_step *schema_step_index(struct compiler *c, const struct json_step *up,
                                          size_t index);

/* The schema at a place, to be read later; NULL: what stands there is none, or too much. */
const struct schema_node *schema_node_at(struct compiler *c, const struct json *json,
                                         const struct json_step *at);

/* json_schema_keywords.c */
void schema_compile_node(struct compiler *c, struct schema_node *node);

/* json_schema_ref.c: where the `$ref` at `from` leads; NULL: reported. */
const struct schema_node *schema_node_at_ref(struct compiler *c, struct slice ref,
                                             const struct json_step *from);

/* json_schema_circle.c: reports schemas that apply themselves to the value they apply to. */
void schema_check_circles(struct compiler *c);

#endif
