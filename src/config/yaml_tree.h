/*
 * yaml_tree.h - a YAML file as a tree in which every node knows its line and column.
 *
 * A deliberately small YAML: one document of mappings, lists and scalars. Anchors, aliases, tags,
 * duplicate keys, keys that are not text, NUL, bad UTF-8, several documents, and what is deeper or
 * larger than the limits below are refused. A reader of a configuration sees what is there;
 * nothing in it points elsewhere or grows when it is read.
 *
 * Ownership: nodes and texts belong to the document and live until yaml_free().
 */
#ifndef CONFIG_YAML_TREE_H
#define CONFIG_YAML_TREE_H

#include "config/report.h"

enum {
    YAML_BYTES_MAX = 4 * 1024 * 1024,
    YAML_DEPTH_MAX = 64,
    YAML_NODES_MAX = 100 * 1000,
    YAML_EXPANDED_MAX = 8 * 1024 * 1024, /* bytes that the environment may add to one document */
};

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    struct place at;
    struct slice text;    /* YAML_TEXT: its value, 0-terminated; may change: yaml_expand() */
    struct slice written; /* YAML_TEXT: the same as it is in the file: fit to be shown */
    char *bytes;          /* where the document keeps the text, to overwrite it */
    int is_plain;         /* YAML_TEXT: without quotes, so it may be a number, true, null */
    int is_bad;           /* reported already: whoever comes later takes it for absent */
    const char *name;     /* of a mapping's value: its key; else NULL */
    struct place name_at; /* where that key stands */
    size_t index;         /* among its siblings */
    struct yaml_node *parent;
    struct yaml_node *first; /* children of a list or a mapping, in the order of the file */
    struct yaml_node *last;
    struct yaml_node *next;
    size_t count;
};

struct yaml;

/*
 * Reads a text. What is wrong goes to the report, with `file` as its name (borrowed for as long as
 * the report); NULL if there is nothing to go on with. With errors in the report the tree may
 * lack what could not be read.
 */
struct yaml *yaml_read(const char *file, struct slice text, struct report *report);
void yaml_free(struct yaml *doc); /* NULL-safe; overwrites the texts: some are secrets */
struct yaml_node *yaml_root(const struct yaml *doc); /* never NULL */

struct yaml_node *yaml_get(const struct yaml_node *map, const char *name); /* NULL: absent */
struct place yaml_where(const struct yaml_node *node); /* its key's place, or else its own */
int yaml_is_null(const struct yaml_node *node);        /* nothing, ~ or null, without quotes */
const char *yaml_kind_name(enum yaml_kind kind);       /* "a mapping", ... */

/*
 * Replaces ${NAME} and ${NAME:-default} in a scalar by what the environment has, and $$ by one
 * dollar; a dollar before anything else is a dollar. The default counts where the variable is not
 * set or empty. 0, is_bad and an error in the report if that is impossible; for a secret it says
 * what to export and offers no default. Call it once a node.
 */
int yaml_expand(struct yaml *doc, struct yaml_node *node, int is_secret, struct report *report);

/* A node's way from the root: "tools.refund.parameters.required[0]"; "" for the root. */
struct yaml_path {
    char text[160];
};
struct yaml_path yaml_path(const struct yaml_node *node);

/*
 * The other way round, for messages of others that begin with a path: goes down from `node` along
 * "replies[0].calls[1].tool: must be ..." as far as that leads. Never NULL.
 */
const struct yaml_node *yaml_follow(const struct yaml_node *node, const char *path);
/* The same along a JSON pointer: "/replies/0/calls". */
const struct yaml_node *yaml_follow_pointer(const struct yaml_node *node, const char *pointer);

#endif
