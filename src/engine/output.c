/*
 * output.c - what the model and the journal get of what a tool printed.
 *
 * What is longer than the model may read is kept whole beside the event (struct store_blob); the
 * event and the model get its beginning and its end, and between them how much is left out and, if
 * the agent has the tool for it, how that is read. What is no UTF-8 would not survive as JSON, so
 * it is kept, too.
 */
#include "base/utf8.h"
#include "engine/engine_internal.h"

enum { ERRORS_TO_MODEL_MAX = 4096, NAME_JSON_MAX = 256 };

/* The name by which this agent reads what was left out; NULL: it cannot. */
static const char *reader_name(const struct live *live)
{
    for (size_t i = 0; i < live->revision->tools_n; i++) {
        const struct config_tool *tool =
            config_tool(live->engine->deps.config, live->revision->tools[i].name);

        if (tool && output_is_read_by(tool))
            return tool->name;
    }
    return NULL;
}

static void put_ends(struct buf *text, const struct live *live, uint32_t call, struct slice all,
                     size_t max)
{
    struct slice head = utf8_prefix(all, max / 2);
    struct slice tail = utf8_suffix(all, max / 2);
    const char *reader = reader_name(live);

    buf_put(text, head);
    buf_putf(text, "\n[... %zu of %zu bytes are left out here", all.len - head.len - tail.len,
             all.len);
    if (reader)
        buf_putf(text, "; to read them: %s {\"call\": %u, \"offset\": %zu}", reader, call,
                 head.len);
    buf_puts(text, " ...]\n");
    buf_put(text, tail);
}

static void put_text(struct buf *text, const struct live *live, uint32_t call,
                     const struct tool_result *result, size_t max)
{
    struct slice all = result->output;
    struct slice errors = utf8_suffix(result->errors, ERRORS_TO_MODEL_MAX);

    if (result->status != 0)
        buf_putf(text, "The tool ended with exit status %d.\n", result->status);
    if (all.len > max)
        put_ends(text, live, call, all, max);
    else
        buf_put(text, all);
    if (result->output_bytes > all.len)
        buf_putf(text, "\n[cut: the first %zu of %llu bytes are kept]", all.len,
                 (unsigned long long)result->output_bytes);
    if (result->status != 0 && errors.len > 0) {
        buf_puts(text, all.len > 0 ? "\n" : "");
        buf_put(text, errors);
    }
}

/* As an event names it. */
static void put_name(struct output *output, const struct tool_result *result)
{
    json_begin(&output->name, '{');
    json_key(&output->name, "hash");
    json_put_str(&output->name, output->blob.hash);
    json_key(&output->name, "bytes");
    json_put_int(&output->name, (int64_t)output->blob.bytes);
    if (result->output_bytes > output->blob.bytes) {
        json_key(&output->name, "printed");
        json_put_int(&output->name, (int64_t)result->output_bytes);
    }
    json_end(&output->name, '}');
}

void output_put(struct output *output, const struct live *live, uint32_t call,
                const struct tool_result *result, size_t max)
{
    struct sha256 hash;

    output_release(output);
    *output = (struct output){ .text.max = HISTORY_BYTES_MAX, .name.max = NAME_JSON_MAX };
    put_text(&output->text, live, call, result, max);
    if (result->output.len <= max && utf8_is_valid(result->output))
        return;
    hash = result->kept ? tool_output_hash(result->kept) : sha256_of(result->output);
    output->blob = (struct store_blob){ .hash = slice_of(sha256_text(output->hash, &hash)),
                                        .bytes = result->output.len,
                                        .call = call,
                                        .data = result->output };
    put_name(output, result);
}

struct slice output_text(const struct output *output)
{
    return (struct slice){ buf_cstr(&output->text), output->text.len };
}

void output_release(struct output *output)
{
    buf_release(&output->text);
    buf_release(&output->name);
}
