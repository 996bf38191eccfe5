/*
 * schema_check.h - is this a JSON Schema of an object that can be checked? For tools' `parameters`.
 *
 * Providers refuse a request with a bad schema, every time and for all tools at once, and
 * a schema that pawl cannot compile (base/json_schema.h) lets no call of the tool through; so both
 * are refused here, with the place.
 */
#ifndef CONFIG_SCHEMA_CHECK_H
#define CONFIG_SCHEMA_CHECK_H

#include "config/yaml_tree.h"

/* json is what yaml_json.h made of the node. 0: errors reported */
int schema_check(const struct yaml_node *node, struct slice json, struct report *report);

#endif
