/* build.h - from a checked tree to struct config: for config.c and build_*.c only. */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "base/arena.h"
#include "config/check.h"
#include "config/config.h"

/* A file's folder, which the system bounds, and a text of 64 KiB, which check.c does. */
enum { PATH_BYTES_MAX = 131072 };

/* A text outside of the arena: it is large, or a secret, and so is overwritten at the end. */
struct owned {
    char *text;
    size_t len;
};

/* What config_load() gives out is its `base`. */
struct config_impl {
    struct config base;
    struct arena *arena;
    struct owned *owned;
    size_t owned_n;
};

struct build {
    struct config_impl *impl;
    struct config *config; /* of impl */
    const struct config_known *known;
    struct fields top;
    struct report *report;
    size_t script_bytes; /* of all scripts so far */
    /* The arrays of *config, as long as they are being filled. */
    struct config_account *accounts;
    struct config_model *models;
    struct config_tool *tools;
    struct config_agent *agents;
    struct config_webhook *webhooks;
};

/* Each fills its part of build->config; what is wrong goes to build->report. In this order: */
void build_server(struct build *build);
void build_models(struct build *build); /* and accounts */
void build_tools(struct build *build);
void build_agents(struct build *build);
void build_webhooks(struct build *build);
void build_schedules(struct build *build);
void build_triggers(struct build *build);
void build_write_paths(struct build *build); /* what no tool may change; of a tree without errors */
void build_warnings(struct build *build);    /* of what nobody uses */

/* The tool's command, paths and secrets. */
void build_exec(struct build *build, struct config_tool *tool, struct fields exec);
void build_paths(struct build *build, struct config_tool *tool, struct fields exec);
void build_reconcile(struct build *build, struct config_tool *tool, struct fields reconcile);
void build_approval(struct build *build, struct config_tool *tool, struct fields fields);

/* The rest are helpers of those. */

/* The key in a secret of Standard Webhooks. 0: it is none, and that is reported. */
int build_signing_key(struct build *build, const struct yaml_node *node, struct slice *ret_key);
struct retry_policy build_retry(struct build *build, struct fields retry);
const char *build_text(struct build *build, struct slice text); /* a copy; "" for { NULL } */
const char *build_own(struct build *build, struct buf *text);   /* takes it over */
const char *build_path(struct build *build, struct slice path); /* made absolute: config->dir */

/* A mapping of texts as the members of a JSON object: "a":"1","b":"2". "" if map is NULL. */
const char *build_members(struct build *build, const struct yaml_node *map);

/* The same as a whole object, {"a":"1"}; "" if map is NULL. */
const char *build_object(struct build *build, const struct yaml_node *map);

/* The node of `section` that `ref` names, or NULL and an error. */
const struct yaml_node *build_find(struct build *build, const char *section,
                                   const struct yaml_node *ref);

#endif
