/*
 * yaml_json.h - YAML as JSON: for JSON Schemas and for scripts, whose meaning is JSON's.
 *
 * Scalars mean what the core schema of YAML 1.2 says: unquoted null, true, false and numbers are
 * such, `yes` and `on` are text.
 */
#ifndef CONFIG_YAML_JSON_H
#define CONFIG_YAML_JSON_H

#include "base/json.h"
#include "config/yaml_tree.h"

enum { YAML_JSON_MAX = 128 * 1024 * 1024 }; /* more than any document that was read can make */

enum json_kind yaml_json_kind(const struct yaml_node *node);

/* A number's value for comparing; the kind is JSON_KIND_INT or JSON_KIND_REAL. */
double yaml_json_number(const struct yaml_node *node);

/*
 * Appends the node as JSON, in the order of the file. 0 and errors in the report if it cannot be:
 * numbers beyond what JSON readers take, .inf, .nan; or what was reported already. json->max is at
 * least YAML_JSON_MAX.
 */
int yaml_json_write(struct buf *json, const struct yaml_node *node, struct report *report);

/* The same with sorted keys, and at most bytes_max of it. */
int yaml_json_canonical(struct buf *json, const struct yaml_node *node, size_t bytes_max,
                        struct report *report);

#endif
