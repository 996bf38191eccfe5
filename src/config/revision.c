#include "config/revision.h"

#include "base/json.h"

static const char *provider_name(enum config_provider provider)
{
    switch (provider) {
    case PROVIDER_OPENAI: return "openai";
    case PROVIDER_SCRIPTED: return "scripted";
    case PROVIDER_COUNT: break;
    }
    assert_failed("a provider has a name", __FILE__, __LINE__);
}

static const char *kind_name(enum config_tool_kind kind)
{
    switch (kind) {
    case TOOL_KIND_EXEC: return "exec";
    case TOOL_KIND_BUILTIN: return "builtin";
    }
    assert_failed("a tool has a kind", __FILE__, __LINE__);
}

static void put_text(struct buf *buf, const char *key, const char *text)
{
    json_key(buf, key);
    json_put_str(buf, slice_of(text));
}

static void put_int(struct buf *buf, const char *key, int64_t value)
{
    json_key(buf, key);
    json_put_int(buf, value);
}

static void put_retry(struct buf *buf, const struct retry_policy *retry)
{
    json_key(buf, "retry");
    json_begin(buf, '{');
    put_int(buf, "attempts", retry->attempts);
    put_int(buf, "first_ms", retry->first_ms);
    put_int(buf, "max_ms", retry->max_ms);
    json_end(buf, '}');
}

static void put_limits(struct buf *buf, const struct session_limits *limits)
{
    json_key(buf, "limits");
    json_begin(buf, '{');
    put_int(buf, "steps", limits->steps);
    put_int(buf, "wall_ms", limits->wall_ms);
    put_int(buf, "tokens", limits->tokens);
    put_int(buf, "nanousd", limits->nanousd);
    json_end(buf, '}');
}

/* Only where there is one: an agent without keeps the revision that it had in former versions. */
static void put_window(struct buf *buf, uint32_t messages)
{
    if (messages == 0)
        return;
    json_key(buf, "window");
    json_begin(buf, '{');
    put_int(buf, "messages", messages);
    json_end(buf, '}');
}

static void put_model(struct buf *buf, const struct config_model *model)
{
    put_text(buf, "account", model->account->name);
    put_text(buf, "model_name", model->name);
    json_key(buf, "model");
    json_begin(buf, '{');
    put_text(buf, "provider", provider_name(model->account->provider));
    put_text(buf, "model", model->model);
    put_int(buf, "max_output_tokens", model->max_output_tokens);
    put_int(buf, "timeout_ms", model->timeout_ms);
    put_retry(buf, &model->retry);
    json_end(buf, '}');
}

static void put_tool(struct buf *buf, const struct config_tool *tool)
{
    json_begin(buf, '{');
    put_text(buf, "name", tool->name);
    put_text(buf, "description", tool->description);
    json_key(buf, "parameters");
    json_put_raw(buf, slice_of(tool->parameters));
    put_text(buf, "kind", kind_name(tool->kind));
    if (tool->kind == TOOL_KIND_BUILTIN)
        put_text(buf, "builtin", tool->builtin);
    put_text(buf, "effects", tool->is_once ? "once" : "repeatable");
    put_retry(buf, &tool->retry);
    if (tool->approval) { /* one without keeps the text that it had in former versions */
        json_key(buf, "approval");
        json_put_raw(buf, slice_of(tool->approval));
    }
    json_end(buf, '}');
}

void revision_make(const struct config_agent *agent, struct buf *ret_text,
                   char ret_name[SHA256_TEXT_MAX])
{
    CLEANUP(buf_release) struct buf unsorted = { .max = REVISION_BYTES_MAX };
    CLEANUP(json_cleanup) struct json *value = NULL;
    struct err err = { 0 };

    ASSERT(ret_text->len == 0 && ret_text->max >= REVISION_BYTES_MAX);
    json_begin(&unsorted, '{');
    put_int(&unsorted, "v", 1);
    put_model(&unsorted, agent->model);
    put_text(&unsorted, "instructions", agent->instructions);
    put_limits(&unsorted, &agent->limits);
    put_window(&unsorted, agent->window_messages);
    json_key(&unsorted, "tools");
    json_begin(&unsorted, '[');
    for (size_t i = 0; i < agent->tools_n; i++)
        put_tool(&unsorted, agent->tools[i]);
    json_end(&unsorted, ']');
    json_end(&unsorted, '}');
    /* We wrote it from what was checked, so it reads. */
    if (json_read(&value, buf_slice(&unsorted), unsorted.max, &err) ||
        json_write_canonical(ret_text, value, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    struct sha256 hash = sha256_of(buf_slice(ret_text));

    (void)sha256_text(ret_name, &hash);
}
