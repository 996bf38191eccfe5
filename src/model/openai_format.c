/* openai_format.c - requests and messages as the chat completions API wants them. */
#include "model/openai_format.h"

#include <strings.h>

#include "model/openai.h"

enum { NAME_BYTES_MAX = 64 }; /* of a function, by the API's rule ^[a-zA-Z0-9_-]{1,64}$ */

static void put_member(struct buf *buf, const char *key, struct slice text)
{
    json_key(buf, key);
    json_put_str(buf, text);
}

static void put_user(struct buf *wire, struct slice text)
{
    json_begin(wire, '{');
    put_member(wire, "role", SLICE_LIT("user"));
    put_member(wire, "content", text);
    json_end(wire, '}');
}

static void put_tool_result(struct buf *wire, struct slice call_id, struct slice output,
                            int is_error)
{
    const struct slice mark = SLICE_LIT("Error: ");
    CLEANUP(buf_release) struct buf marked = { .max = mark.len + output.len };

    if (is_error) {
        buf_put(&marked, mark);
        buf_put(&marked, output);
        output = buf_slice(&marked);
    }
    json_begin(wire, '{');
    put_member(wire, "role", SLICE_LIT("tool"));
    put_member(wire, "tool_call_id", call_id);
    put_member(wire, "content", output);
    json_end(wire, '}');
}

static void put_tool(struct buf *tools, const struct model_tool *tool)
{
    json_begin(tools, '{');
    put_member(tools, "type", SLICE_LIT("function"));
    json_key(tools, "function");
    json_begin(tools, '{');
    put_member(tools, "name", tool->name);
    if (tool->description.len > 0)
        put_member(tools, "description", tool->description);
    json_key(tools, "parameters");
    json_put_raw(tools, tool->parameters.len > 0
                            ? tool->parameters
                            : SLICE_LIT("{\"type\":\"object\",\"properties\":{}}"));
    json_end(tools, '}');
    json_end(tools, '}');
}

static void put_tools(struct buf *tools, const struct model_tool *at, size_t n)
{
    if (n == 0)
        return; /* an empty list is an error to the API */
    json_begin(tools, '[');
    for (size_t i = 0; i < n; i++)
        put_tool(tools, &at[i]);
    json_end(tools, ']');
}

const struct model_format model_format_openai = {
    .name = "openai",
    .put_user = put_user,
    .put_tool_result = put_tool_result,
    .put_tools = put_tools,
};

/* ---- the assistant's message ---- */

static const char *const kept_members[] = { "reasoning_content", "reasoning_details",
                                            "extra_content" };

int openai_is_kept(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(kept_members); i++)
        if (strcmp(key, kept_members[i]) == 0)
            return 1;
    return 0;
}

static void put_kept(struct buf *wire, const struct json *from)
{
    struct err err = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(kept_members); i++) {
        const struct json *value = json_get(from, kept_members[i]);
        enum json_kind kind = json_kind(value);

        if (kind == JSON_KIND_ABSENT || kind == JSON_KIND_NULL)
            continue;
        json_key(wire, kept_members[i]);
        if (json_write(wire, value, &err))
            assert_failed(err.msg, __FILE__, __LINE__);
    }
}

static int is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static void put_mended_name(struct buf *wire, struct slice name)
{
    char mended[NAME_BYTES_MAX];
    size_t len = name.len < sizeof(mended) ? name.len : sizeof(mended);

    ASSERT(len > 0);
    for (size_t i = 0; i < len; i++)
        if (is_name_char(name.ptr[i]))
            mended[i] = name.ptr[i];
        else
            mended[i] = '_';
    put_member(wire, "name", (struct slice){ mended, len });
}

static void put_call(struct buf *wire, const struct model_tool_call *call, const struct json *kept)
{
    json_begin(wire, '{');
    put_member(wire, "id", call->id);
    put_member(wire, "type", SLICE_LIT("function"));
    json_key(wire, "function");
    json_begin(wire, '{');
    put_mended_name(wire, call->name);
    put_member(wire, "arguments", call->arguments);
    json_end(wire, '}');
    put_kept(wire, kept);
    json_end(wire, '}');
}

void openai_put_assistant(struct buf *wire, const struct openai_message *message)
{
    json_begin(wire, '{');
    put_member(wire, "role", SLICE_LIT("assistant"));
    json_key(wire, "content");
    if (message->is_text_null)
        json_put_null(wire);
    else
        json_put_str(wire, message->text);
    if (message->calls_n > 0) { /* an empty list is an error to the API */
        json_key(wire, "tool_calls");
        json_begin(wire, '[');
        for (size_t i = 0; i < message->calls_n; i++)
            put_call(wire, &message->calls[i], message->kept ? message->kept_calls[i] : NULL);
        json_end(wire, ']');
    }
    put_kept(wire, message->kept);
    json_end(wire, '}');
}

/* ---- the request ---- */

struct slice openai_host(struct slice url)
{
    const char *at = url.len > 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    size_t len = 0;

    if (!at)
        return (struct slice){ NULL, 0 };
    const char *end = url.ptr + url.len;

    at += 3;

    while (at + len < end && !strchr("/?#", at[len]))
        len++;
    const char *user_end = memrchr(at, '@', len);

    if (user_end) {
        len -= (size_t)(user_end + 1 - at);
        at = user_end + 1;
    }
    const char *port = memchr(at, ':', len);

    return (struct slice){ at, port ? (size_t)(port - at) : len };
}

/* Is host `name`, or a name under it? */
static int is_at(struct slice host, const char *name)
{
    size_t len = strlen(name);

    if (host.len < len || strncasecmp(host.ptr + host.len - len, name, len) != 0)
        return 0;
    return host.len == len || host.ptr[host.len - len - 1] == '.';
}

size_t openai_request_bytes(const struct model_call *call)
{
    const size_t escaped = 6; /* bytes that one byte of a text may take: \u00XX */

    return 512 + escaped * (call->model.len + call->instructions.len + call->user.len) +
           call->tools.len + call->messages.len;
}

void openai_put_request(struct buf *body, const struct model_call *call)
{
    struct slice host = openai_host(call->base_url);
    int is_openai = is_at(host, "api.openai.com");
    int is_azure = is_at(host, "openai.azure.com");

    json_begin(body, '{');
    put_member(body, "model", call->model);
    json_key(body, "messages");
    json_begin(body, '[');
    if (call->instructions.len > 0) {
        json_begin(body, '{');
        put_member(body, "role", SLICE_LIT("system"));
        put_member(body, "content", call->instructions);
        json_end(body, '}');
    }
    if (call->messages.len > 0)
        json_put_raw(body, call->messages);
    json_end(body, ']');
    if (call->tools.len > 0) {
        json_key(body, "tools");
        json_put_raw(body, call->tools);
    }
    if (call->max_output_tokens > 0) {
        json_key(body, is_openai || is_azure ? "max_completion_tokens" : "max_tokens");
        json_put_int(body, call->max_output_tokens);
    }
    if (call->is_streamed)
        json_put_raw(body,
                     SLICE_LIT("\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    if (call->user.len > 0)
        put_member(body, is_openai ? "safety_identifier" : "user", call->user);
    json_end(body, '}');
}
