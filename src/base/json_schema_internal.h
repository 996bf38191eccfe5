/*
 * json_schema_internal.h - a compiled schema. For base/ only.
 */
#ifndef BASE_JSON_SCHEMA_INTERNAL_H
#define BASE_JSON_SCHEMA_INTERNAL_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/json_schema.h"
#include "base/regex.h"

/* ---- places and faults (json_schema_fault.c) ---- */

#define STEP_KEY SIZE_MAX

/* A way down from the root, last step first; NULL is the root. */
struct json_step {
    const struct json_step *up;
    const char *key;
    size_t index; /* STEP_KEY: the key counts */
};

/* Where faults go; NULL: nobody reads them. */
void fault_add(struct json_schema_faults *faults, const struct json_step *at, const char *fmt, ...)
    PRINTF(3, 4);
void fault_addv(struct json_schema_faults *faults, const struct json_step *at, const char *fmt,
                va_list ap) PRINTF(3, 0);

/* The JSON pointer of a place, cut to whole characters. */
void fault_pointer(char *to, size_t size, const struct json_step *at);

/* A value as JSON in a few words: what is longer ends in "...". */
struct json_excerpt {
    char text[112];
};
struct json_excerpt json_excerpt(const struct json *value);

/* ---- values (json_schema_value.c); each look lowers *work, and at 0 the answer means nothing ----
 */

int value_is_integer(const struct json *value);                /* 1.0 is one */
int value_compare(const struct json *a, const struct json *b); /* two numbers: <0, 0, >0 */
/* As decimals, which is how they were written: 19.99 is a multiple of 0.01. */
int value_is_multiple(const struct json *value, const struct json *of);
int value_equal(const struct json *a, const struct json *b, uint64_t *work);
/* The first two equal items. 0: there are none. */
int value_twins(const struct json *array, size_t *ret_first, size_t *ret_second, uint64_t *work);

/* ---- the compiled form ---- */

enum json_type {
    TYPE_NULL,
    TYPE_BOOLEAN,
    TYPE_INTEGER,
    TYPE_NUMBER,
    TYPE_STRING,
    TYPE_ARRAY,
    TYPE_OBJECT,
    JSON_TYPE_COUNT
};

extern const char *const json_type_names[JSON_TYPE_COUNT];

struct schema_list {
    struct {
        const struct schema_node *node;
    } * at;
    size_t n;
};

struct schema_member {
    const char *name;
    const struct schema_node *node;
    const struct regex *pattern; /* patternProperties: of the name */
};

struct schema_members {
    const struct json *json; /* to look a name up */
    struct schema_member *at;
    size_t n;
};

/* If the member is there, then these names must be, and the object must fit the node. */
struct schema_dependency {
    const struct schema_dependency *next;
    const char *name;
    const struct json *names;       /* or NULL */
    const struct schema_node *node; /* or NULL */
};

/* One schema. What it does not have is NULL, 0 or a bound that holds for all. */
struct schema_node {
    int is_never;   /* the schema `false` */
    unsigned types; /* bits of enum json_type; 0: any */
    const struct json *constant, *choices;
    const struct json *minimum, *maximum, *above, *below, *multiple_of;
    size_t length_min, length_max;
    const struct regex *pattern;
    const char *pattern_text;
    struct schema_list prefix;
    const struct schema_node *items; /* those behind the prefix */
    const struct schema_node *contains;
    size_t contains_min, contains_max;
    size_t items_min, items_max;
    int is_unique;
    struct schema_members properties, patterns;
    const struct schema_node *additional, *names;
    const struct json *required;
    size_t properties_min, properties_max;
    const struct schema_dependency *dependencies;
    struct schema_list all_of, any_of, one_of;
    const struct schema_node *negated, *condition, *then, *otherwise, *ref;

    /* While it is compiled. */
    const struct json *json;
    const struct json_step *at;
    struct schema_node *next;
    const struct schema_node *prefix_rest; /* additionalItems: counts beside a list in `items` */
    size_t in_place; /* how many schemas apply to the same value as it and are not settled yet */
    size_t height;   /* how many of them stand one in another */
    struct schema_node *ready;
    const struct schema_node *via; /* one that applies to the same value as it */
};

struct schema_regex {
    struct schema_regex *next;
    struct regex *regex;
};

struct json_schema {
    struct arena *arena;
    struct schema_regex *regexes;
    const struct schema_node *root;
};

#endif
