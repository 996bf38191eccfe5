#include "engine/revision.h"

#include <stdlib.h>

#include "core/waiting.h"

enum { REVISION_BYTES_MAX = 16 * 1024 * 1024 };

static struct retry_policy read_retry(const struct json *node)
{
    const struct json *retry = json_get(node, "retry");

    return (struct retry_policy){ .attempts = (uint32_t)json_int(json_get(retry, "attempts"), 1),
                                  .first_ms = json_int(json_get(retry, "first_ms"), 1000),
                                  .max_ms = json_int(json_get(retry, "max_ms"), 30000) };
}

static struct session_limits read_limits(const struct json *node)
{
    return (struct session_limits){
        .steps = (uint32_t)json_int(json_get(node, "steps"), 0),
        .wall_ms = json_int(json_get(node, "wall_ms"), 0),
        .tokens = json_int(json_get(node, "tokens"), 0),
        .nanousd = json_int(json_get(node, "nanousd"), 0),
    };
}

static enum err_code read_tool(struct revision_tool *tool, const struct json *node, struct err *err)
{
    CLEANUP(buf_release) struct buf parameters = { .max = REVISION_BYTES_MAX };
    struct err defect = { 0 };

    *tool = (struct revision_tool){
        .name = json_str(json_get(node, "name")),
        .description = json_str(json_get(node, "description")),
        .retry = read_retry(node),
        .is_once = slice_is(json_str(json_get(node, "effects")), "once"),
        .type = waiting_type_of(json_str(json_get(node, "builtin"))),
    };
    if (json_write(&parameters, json_get(node, "parameters"), err))
        return err_wrap(err, "the parameters of a tool");
    if (json_schema_new(&tool->schema, json_get(node, "parameters"), NULL, &defect)) {
        (void)err_wrap(&defect, "its parameters are no JSON Schema");
    } else if (approval_policy_new(&tool->policy, json_get(node, "approval"), &defect)) {
        (void)err_wrap(&defect, "its approvals cannot be judged");
        json_schema_free(TAKE(tool->schema));
    }
    if (defect.code != ERR_NONE)
        tool->defect = xstrdup(defect.msg);
    tool->parameters_text = buf_detach(&parameters);
    tool->parameters = slice_of(tool->parameters_text);
    return ERR_NONE;
}

static enum err_code read_tools(struct revision *revision, const struct model_format *format,
                                struct err *err)
{
    const struct json *tools = json_get(revision->root, "tools");
    size_t n = json_count(tools);
    struct model_tool *shown = xcalloc(n + 1, sizeof(*shown));

    revision->tools = xcalloc(n + 1, sizeof(*revision->tools));
    revision->tools_n = n;
    for (size_t i = 0; i < n; i++) {
        struct revision_tool *tool = &revision->tools[i];

        if (read_tool(tool, json_at(tools, i), err)) {
            free(shown);
            return err->code;
        }
        shown[i] = (struct model_tool){ .name = tool->name,
                                        .description = tool->description,
                                        .parameters = tool->parameters };
    }
    if (n > 0)
        format->put_tools(&revision->tools_wire, shown, n);
    free(shown);
    return ERR_NONE;
}

static const struct model_format *format_of(const struct json *root,
                                            const struct model_format *const formats[])
{
    return slice_is(json_str(json_get(json_get(root, "model"), "provider")), "scripted")
               ? formats[PROVIDER_SCRIPTED]
               : formats[PROVIDER_OPENAI];
}

static enum err_code read_all(struct revision *revision, const struct model_format *const formats[],
                              struct err *err)
{
    const struct json *root = revision->root;
    const struct json *model = json_get(root, "model");

    revision->model_name = json_str(json_get(root, "model_name"));
    revision->model = json_str(json_get(model, "model"));
    revision->max_output_tokens = json_int(json_get(model, "max_output_tokens"), 0);
    revision->timeout_ms = json_int(json_get(model, "timeout_ms"), 0);
    revision->retry = read_retry(model);
    revision->instructions = json_str(json_get(root, "instructions"));
    revision->limits = read_limits(json_get(root, "limits"));
    revision->window_messages =
        (uint32_t)json_int(json_get(json_get(root, "window"), "messages"), 0);
    if (!revision->model_name.ptr || revision->max_output_tokens <= 0 || revision->timeout_ms <= 0)
        return err_set(err, ERR_CORRUPT, "it names no model, or no limits of its answers");
    return read_tools(revision, format_of(root, formats), err);
}

enum err_code revision_new(struct revision **ret_revision, struct slice hash, struct slice text,
                           const struct model_format *const formats[], struct err *err)
{
    struct revision *revision = xcalloc(1, sizeof(*revision));

    revision->refs = 1;
    revision->tools_wire.max = REVISION_BYTES_MAX;
    revision->hash = slice_dup(hash);
    if (json_read(&revision->root, text, REVISION_BYTES_MAX, err) ||
        read_all(revision, formats, err)) {
        (void)err_wrap(err, "revision %.12s", revision->hash);
        revision_unref(revision);
        return err->code;
    }
    *ret_revision = revision;
    return ERR_NONE;
}

struct revision *revision_ref(struct revision *revision)
{
    revision->refs++;
    return revision;
}

void revision_unref(struct revision *revision)
{
    if (!revision || --revision->refs > 0)
        return;
    for (size_t i = 0; i < revision->tools_n; i++) {
        free(revision->tools[i].parameters_text);
        free(revision->tools[i].defect);
        json_schema_free(revision->tools[i].schema);
        approval_policy_free(revision->tools[i].policy);
    }
    free(revision->tools);
    free(revision->hash);
    json_free(revision->root);
    buf_release(&revision->tools_wire);
    free(revision);
}

const struct revision_tool *revision_tool(const struct revision *revision, struct slice name)
{
    for (size_t i = 0; i < revision->tools_n; i++) {
        if (slice_equal(revision->tools[i].name, name))
            return &revision->tools[i];
    }
    return NULL;
}

/* ---- {{context.x.y}} ---- */

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = (struct slice){ text.ptr + 1, text.len - 1 };
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static const struct json *look_up(const struct json *context, struct slice path)
{
    const struct json *node = context;

    while (path.len > 0 && node) {
        const char *dot = memchr(path.ptr, '.', path.len);
        size_t n = dot ? (size_t)(dot - path.ptr) : path.len;
        char key[128];

        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path.ptr, n);
        key[n] = 0;
        node = json_get(node, key);
        path = dot ? (struct slice){ dot + 1, path.len - n - 1 } : (struct slice){ 0 };
    }
    return node;
}

static enum err_code put_value(struct buf *text, const struct json *value, struct err *err)
{
    if (json_kind(value) == JSON_KIND_STRING)
        return buf_add(text, json_str(value), err);
    return json_write(text, value, err);
}

static enum err_code put_place(struct buf *text, struct slice name, const struct json *context,
                               struct err *err)
{
    static const struct slice prefix = { "context.", 8 };
    struct slice path = trimmed(name);

    if (path.len <= prefix.len || memcmp(path.ptr, prefix.ptr, prefix.len) != 0)
        return err_set(err, ERR_INVALID,
                       "the agent's instructions name {{%.*s}}; only {{context.…}} is known",
                       (int)name.len, name.ptr);
    const struct json *value =
        look_up(context, (struct slice){ path.ptr + prefix.len, path.len - prefix.len });
    if (!value)
        return err_set(err, ERR_INVALID,
                       "the agent's instructions need %.*s, which the context does not have; "
                       "give it with the session",
                       (int)path.len, path.ptr);
    return put_value(text, value, err);
}

static enum err_code put_filled(struct buf *text, struct slice rest, const struct json *context,
                                struct err *err)
{
    while (rest.len > 0) {
        const char *open = memmem(rest.ptr, rest.len, "{{", 2);
        size_t before = open ? (size_t)(open - rest.ptr) : rest.len;

        if (buf_add(text, (struct slice){ rest.ptr, before }, err))
            return err->code;
        if (!open)
            return ERR_NONE;
        const char *name = open + 2;
        size_t left = rest.len - before - 2;
        const char *close = memmem(name, left, "}}", 2);
        if (!close)
            return err_set(err, ERR_INVALID, "the agent's instructions have a '{{' without '}}'");
        size_t n = (size_t)(close - name);
        if (put_place(text, (struct slice){ name, n }, context, err))
            return err->code;
        rest = (struct slice){ close + 2, left - n - 2 };
    }
    return ERR_NONE;
}

enum err_code revision_instructions(const struct revision *revision, struct slice context,
                                    struct buf *ret_text, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (context.len > 0 && json_read(&root, context, REVISION_BYTES_MAX, err))
        return err_wrap(err, "the context");
    return put_filled(ret_text, revision->instructions, root, err);
}
