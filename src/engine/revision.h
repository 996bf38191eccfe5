/*
 * revision.h - what a session keeps of its agent when the file changes.
 *
 * Read back from the canonical text that config/ made and the store holds. URLs, keys, prices,
 * limits of accounts and the commands of tools are not in it: the present configuration's count.
 */
#ifndef ENGINE_REVISION_H
#define ENGINE_REVISION_H

#include "base/json_schema.h"
#include "config/config.h"
#include "core/approval.h"
#include "core/event.h"
#include "core/retry.h"
#include "model/model.h"

struct revision_tool {
    struct slice name;
    struct slice description;
    struct slice parameters;    /* JSON Schema text */
    char *parameters_text;      /* which this holds */
    struct json_schema *schema; /* compiled; NULL: this version cannot, and never runs the tool */
    struct approval_policy *policy; /* who must agree to its calls; NULL as schema is */
    char *defect;                   /* why it is never run, in words; else NULL */
    struct retry_policy retry;
    int is_once;         /* effects: once */
    enum call_type type; /* of its calls: CALL_TOOL, or what the session waits for */
};

/* Slices point into the text that it owns. Shared by the sessions that have it; counted. */
struct revision {
    char *hash;
    struct json *root;
    struct slice model_name; /* key in `models` of the present configuration */
    struct slice model;      /* the provider's name of it */
    int64_t max_output_tokens;
    int64_t timeout_ms;
    uint32_t window_messages; /* of the history, in a request; 0: all */
    struct retry_policy retry;
    struct slice instructions;
    struct session_limits limits;
    struct revision_tool *tools;
    size_t tools_n;
    struct buf tools_wire; /* for the request, rendered once */
    unsigned refs;
};

/* The caller gets the first reference. ERR_CORRUPT: the text is no revision. */
enum err_code revision_new(struct revision **ret_revision, struct slice hash, struct slice text,
                           const struct model_format *const formats[], struct err *err) MUST_CHECK;
struct revision *revision_ref(struct revision *revision);
void revision_unref(struct revision *revision); /* NULL-safe */

const struct revision_tool *revision_tool(const struct revision *revision, struct slice name);

/*
 * The instructions with their {{context.x.y}} filled in from a JSON object. ERR_INVALID names a
 * value that is not there.
 */
enum err_code revision_instructions(const struct revision *revision, struct slice context,
                                    struct buf *ret_text, struct err *err) MUST_CHECK;

#endif
