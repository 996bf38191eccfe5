/* scripted_history.c - what was said and what tools gave, out of a request's messages. */
#include "model/scripted_template.h"

#include "base/utf8.h"

enum { HISTORY_BYTES_MAX = 64 << 20, NAME_SHOWN_MAX = 40 };

static int has_role(const struct json *message, const char *role)
{
    return slice_is(json_str(json_get(message, "role")), role);
}

enum err_code script_history_read(struct script_history *history, struct slice messages,
                                  struct err *err)
{
    CLEANUP(buf_release) struct buf list = { .max = HISTORY_BYTES_MAX };

    if (buf_add(&list, SLICE_LIT("["), err) || buf_add(&list, messages, err) ||
        buf_add(&list, SLICE_LIT("]"), err) ||
        json_read(&history->root, buf_slice(&list), HISTORY_BYTES_MAX, err))
        return err_wrap(err, "the session's messages");
    history->replies = 0;
    for (size_t i = 0; i < json_count(history->root); i++)
        history->replies += (size_t)has_role(json_at(history->root, i), "assistant");
    return ERR_NONE;
}

void script_history_release(struct script_history *history)
{
    json_free(history->root);
    *history = (struct script_history){ 0 };
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = (struct slice){ text.ptr + 1, text.len - 1 };
    return text;
}

struct slice script_next_line(struct slice *rest)
{
    while (rest->len > 0) {
        const char *end = memchr(rest->ptr, '\n', rest->len);
        size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
        size_t taken = end ? len + 1 : len;
        struct slice line = trim((struct slice){ rest->ptr, len });

        *rest = (struct slice){ rest->ptr + taken, rest->len - taken };
        if (line.len > 0)
            return line;
    }
    return (struct slice){ NULL, 0 };
}

/* The name of the tool that message i, a result, is of: that of the nearest call with its id. */
static struct slice tool_of_result(const struct json *messages, size_t i)
{
    struct slice id = json_str(json_get(json_at(messages, i), "tool_call_id"));

    while (i-- > 0) {
        const struct json *calls = json_get(json_at(messages, i), "tool_calls");

        for (size_t c = 0; c < json_count(calls); c++) {
            const struct json *call = json_at(calls, c);

            if (slice_equal(json_str(json_get(call, "id")), id))
                return json_str(json_get(json_get(call, "function"), "name"));
        }
    }
    return (struct slice){ NULL, 0 };
}

static struct slice content_of(const struct json *message)
{
    struct slice content = trim(json_str(json_get(message, "content")));

    return content.ptr ? content : SLICE_LIT("");
}

static int is_result_of(const struct json *messages, size_t i, struct slice tool)
{
    return has_role(json_at(messages, i), "tool") && slice_equal(tool_of_result(messages, i), tool);
}

static int has_later_result(const struct json *messages, size_t i, struct slice tool)
{
    while (++i < json_count(messages))
        if (is_result_of(messages, i, tool))
            return 1;
    return 0;
}

/* "a, b", newest first; what does not fit is left out. */
static void list_tools(struct buf *out, const struct json *messages)
{
    struct err full = { 0 };

    for (size_t i = json_count(messages); i-- > 0;) {
        struct slice tool = tool_of_result(messages, i);

        if (tool.len == 0 || !is_result_of(messages, i, tool) ||
            has_later_result(messages, i, tool))
            continue;
        if (buf_addf(out, &full, "%s%.*s", out->len > 0 ? ", " : "",
                     (int)utf8_prefix(tool, NAME_SHOWN_MAX).len, tool.ptr))
            return;
    }
    if (out->len == 0)
        buf_puts(out, "no tool");
}

enum err_code script_history_result(struct slice *ret_text, const struct script_history *history,
                                    struct slice tool, struct err *err)
{
    CLEANUP(buf_release) struct buf have = { .max = 200 };

    for (size_t i = json_count(history->root); i-- > 0;) {
        if (is_result_of(history->root, i, tool)) {
            *ret_text = content_of(json_at(history->root, i));
            return ERR_NONE;
        }
    }
    list_tools(&have, history->root);
    return err_set(err, ERR_NOT_FOUND, "there is no result of %.*s; there are results of %s",
                   (int)utf8_prefix(tool, NAME_SHOWN_MAX).len, tool.ptr, buf_cstr(&have));
}

struct slice script_history_input(const struct script_history *history)
{
    for (size_t i = json_count(history->root); i-- > 0;)
        if (has_role(json_at(history->root, i), "user"))
            return content_of(json_at(history->root, i));
    return SLICE_LIT("");
}

enum err_code script_history_put_results(struct buf *out, const struct script_history *history,
                                         struct err *err)
{
    const struct json *messages = history->root;
    size_t i = json_count(messages);
    const char *parting = "";

    while (i > 0 && !has_role(json_at(messages, i - 1), "assistant"))
        i--;
    for (; i < json_count(messages); i++) {
        struct slice tool = tool_of_result(messages, i);
        struct slice text = content_of(json_at(messages, i));

        if (!is_result_of(messages, i, tool))
            continue;
        if (buf_addf(out, err, "%s%.*s: ", parting, (int)tool.len, tool.len > 0 ? tool.ptr : "") ||
            buf_add(out, text, err))
            return err->code;
        parting = "\n";
    }
    return ERR_NONE;
}
