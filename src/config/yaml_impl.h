/* yaml_impl.h - what a document is made of: for yaml*.c only. */
#ifndef CONFIG_YAML_IMPL_H
#define CONFIG_YAML_IMPL_H

#include "base/arena.h"
#include "config/yaml_tree.h"

struct yaml {
    struct arena *arena;
    struct yaml_node *root;
    size_t expanded_bytes; /* by the environment, so far */
};

#endif
