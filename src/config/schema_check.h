/*
 * schema_check.h - is this a JSON Schema of an object? For the `parameters` of tools.
 *
 * Providers refuse a request with a bad schema, every time and for all tools at once; so what is no
 * schema is refused here, with its place. Source of the keywords: JSON Schema 2020-12, and those of
 * draft 7 that are still in use.
 */
#ifndef CONFIG_SCHEMA_CHECK_H
#define CONFIG_SCHEMA_CHECK_H

#include "config/yaml_tree.h"

int schema_check(const struct yaml_node *schema, struct report *report); /* 0: errors reported */

#endif
