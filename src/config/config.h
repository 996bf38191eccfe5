/*
 * config.h - pawl.yaml: read, checked, and reported with file, line and column.
 *
 * config_load() reports every error that it can find, not just the first; each has its place and,
 * where there is one, the nearest known word. Unknown keys are errors, and so is what a later
 * version brings: it is refused by name. ${NAME} and ${NAME:-default} in scalars are taken from the
 * environment after parsing; aliases, duplicate keys and several documents are refused.
 *
 * Ownership: everything in struct config belongs to it and lives until config_free().
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "core/cron.h"
#include "core/event.h"
#include "core/price.h"
#include "core/retry.h"

enum config_provider { PROVIDER_OPENAI, PROVIDER_SCRIPTED, PROVIDER_COUNT };

struct config_account {
    const char *name;
    enum config_provider provider;
    const char *base_url;
    const char *api_key; /* secret; "" if none */
};

struct config_model {
    const char *name;
    const struct config_account *account;
    const char *model;
    int64_t max_output_tokens;
    int64_t timeout_ms;
    int64_t idle_timeout_ms; /* of a stream that has begun */
    int is_streamed;
    struct price price;
    int has_price;
    struct retry_policy retry;
    const char *script; /* PROVIDER_SCRIPTED: the script as JSON text, checked; else NULL */
};

enum config_tool_kind { TOOL_KIND_EXEC, TOOL_KIND_BUILTIN };

struct config_secret {
    const char *name;
    const char *value; /* from the environment; never printed */
};

struct config_tool {
    const char *name;
    const char *description;
    const char *parameters; /* JSON Schema, canonical JSON text of an object */
    enum config_tool_kind kind;
    const char *builtin; /* TOOL_KIND_BUILTIN: its name */
    /* TOOL_KIND_EXEC */
    const char *const *command;     /* NULL-terminated */
    const char *const *read_paths;  /* NULL-terminated, absolute */
    const char *const *write_paths; /* NULL-terminated, real paths of folders */
    const struct config_secret *secrets;
    size_t secrets_n;
    int has_network;
    int64_t timeout_ms;
    int64_t cpu_ms;
    uint64_t memory_bytes;
    uint32_t processes_max;
    uint64_t file_bytes_max;
    int is_once;                  /* effects: once */
    const char *const *reconcile; /* NULL-terminated; NULL: there is none */
    int64_t reconcile_timeout_ms;
    struct retry_policy retry;
    const char *approval; /* who must agree to a call, JSON (core/approval.h); NULL: nobody */
};

struct config_agent {
    const char *name;
    const struct config_model *model;
    const char *instructions;
    const struct config_tool *const *tools; /* in the order of the file */
    size_t tools_n;
    struct session_limits limits;
    uint32_t window_messages; /* of the history, in a request; 0: all */
    /*
     * The revision: canonical JSON of what a session keeps when the file changes, and its name,
     * the SHA-256 of that text in hex (see docs/configuration.md for its members).
     */
    const char *revision_text;
    const char *revision;
};

enum { CONFIG_WEBHOOKS_MAX = 16, CONFIG_WEBHOOK_KEYS_MAX = 3 };

struct config_webhook {
    const char *name;
    const char *url;
    struct slice keys[CONFIG_WEBHOOK_KEYS_MAX]; /* secret: bytes; all of them sign */
    size_t keys_n;
    uint32_t events; /* bits 1 << enum notice (core/notice.h) */
    int allows_private;
};

struct config_limits {
    size_t request_bytes;
    size_t instructions_bytes;
    size_t tool_output_bytes; /* of one, to the model */
    size_t output_bytes;      /* of one, kept */
    uint32_t tool_calls;      /* of an answer that are run */
    uint32_t tool_runs;       /* commands that run at the same time on this machine */
    uint32_t model_calls;     /* calls in flight */
    uint32_t streams;         /* of events, open */
    size_t response_bytes;    /* of answers that are not taken yet, together */
    uint32_t crashes;         /* in a row, alone: then a session is poison */
};

/* Sessions that the clock begins: again and again (cron), or once (at). */
struct config_schedule {
    const char *name;
    const char *cron_text; /* NULL: once */
    struct cron cron;
    const char *zone; /* of cron: zone_new() knows it */
    int64_t at_ms;
    const struct config_agent *agent;
    const char *input;
    const char *context;  /* a JSON object of strings, or "" */
    const char *metadata; /* the members of one, without its braces, or "" */
    int skips_missed;
    int is_enabled;
};

/* A template (core/fill.h), checked. */
struct config_template {
    const char *name;
    const char *text;
};

/* A signed webhook from outside: it begins a session, or says something to one. */
struct config_trigger {
    const char *name;
    struct slice keys[CONFIG_WEBHOOK_KEYS_MAX]; /* secret: bytes; each of them is good */
    size_t keys_n;
    int is_github;
    const struct config_agent *agent; /* NULL: it is a message */
    const char *text;                 /* template of the input or the content */
    const char *context;              /* a JSON object of strings, or "" */
    const struct config_template *metadata;
    size_t metadata_n;
    const char *session; /* template of the message's session */
};

/* 0: no such limit. */
struct config_retention {
    int64_t age_ms;   /* since the end of a session */
    int64_t bytes;    /* of the store, in use */
    int64_t audit_ms; /* of a row that says who did what */
};

struct config {
    const char *path; /* as given */
    const char *dir;  /* absolute: the file's folder; relative paths are relative to it */
    const char *listen_host;
    uint16_t listen_port;
    const char *store; /* a url; sqlite paths made absolute */
    const struct config_account *accounts;
    size_t accounts_n;
    const struct config_model *models;
    size_t models_n;
    const struct config_tool *tools;
    size_t tools_n;
    const struct config_agent *agents;
    size_t agents_n;
    const struct config_schedule *schedules;
    size_t schedules_n;
    const struct config_trigger *triggers;
    size_t triggers_n;
    struct config_limits limits;
    struct config_retention retention;
    const struct config_webhook *webhooks;
    size_t webhooks_n;
};

/* What other rooms know, handed in so that this one need not depend on them. */
struct config_known {
    /* Is there a builtin tool of that name? Then what the model is told of it. */
    int (*builtin)(struct slice name, const char **ret_description, const char **ret_parameters);
    /* Nearest builtin names for a suggestion: by index, NULL at the end. */
    const char *(*builtin_name)(size_t i);
    enum err_code (*script_check)(struct slice script_json, struct err *err);
};

/*
 * Reads and checks a file. *ret_report is written in any case and the caller's to release: text
 * for people, a line each. On failure these are all errors
 * ("pawl.yaml:12:5: unknown key 'desription' in tools.refund; did you mean 'description'?"), sorted
 * by place, at most 100, and err.msg is "pawl.yaml has 3 errors". On success they are warnings
 * ("pawl.yaml:9:3: warning: no agent uses tools.refund"), mostly none. No line shows a secret, or
 * anything else that came from the environment.
 */
enum err_code config_load(struct config **ret_config, const char *path,
                          const struct config_known *known, struct buf *ret_report,
                          struct err *err) MUST_CHECK;
void config_free(struct config *config); /* NULL-safe; overwrites secrets */

/* The file of a store that is one ("sqlite:PATH"), or NULL. */
const char *config_store_path(const struct config *config);

const struct config_account *config_account(const struct config *config, struct slice name);
const struct config_model *config_model(const struct config *config, struct slice name);
const struct config_tool *config_tool(const struct config *config, struct slice name);
const struct config_trigger *config_trigger(const struct config *config, struct slice name);
const struct config_agent *config_agent(const struct config *config, struct slice name);

#endif
