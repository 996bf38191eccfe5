/*
 * check.h - the table of keys laid over a tree, and the values taken out of it.
 *
 * check_tree() finds what can be said of a value without any other: unknown keys, wrong kinds,
 * numbers out of bounds, missing keys. It expands the texts. What is wrong is reported once and
 * marked; the readers below take it for absent, so that the checks which follow (names that refer
 * to each other, files, the environment) add their own errors and repeat none.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/keys.h"
#include "config/yaml_tree.h"

void check_tree(struct yaml *doc, struct report *report);

/* A mapping, and which section of the table it is. map NULL: it is not in the file. */
struct fields {
    const struct yaml_node *map;
    enum section section;
};

/* Each takes the name of a key that the table has. */
int fields_has(struct fields fields, const char *name); /* it stands there, right or wrong */
const struct yaml_node *fields_node(struct fields fields, const char *name); /* NULL: absent */
struct fields fields_inner(struct fields fields, const char *name);          /* VALUE_MAP */
struct slice fields_text(struct fields fields, const char *name); /* or fallback, or { NULL } */
int64_t fields_number(struct fields fields, const char *name);    /* or fallback, or 0 */

/* "; did you mean 'x'?", or "" if no child of the mapping `known` has a name near it. */
struct hint {
    char text[96];
};
struct hint hint_of(const struct yaml_node *known, struct slice word);
struct hint hint_among(const char *const *known, size_t known_n, struct slice word);

enum { HINTS_KNOWN_MAX = 1000 }; /* of more names none is looked for */

#endif
