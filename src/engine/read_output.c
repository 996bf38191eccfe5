/*
 * read_output.c - `builtin: read_output`: a stretch of what an earlier call of the same session
 * printed and its event is too small for.
 *
 * It is the engine's, and not with the other builtins, because it reads the store. A wrong argument
 * is the model's to read; a store that cannot be read is a failure, and tried again as the tool's
 * policy says.
 */
#include <stdlib.h>

#include "base/list.h"
#include "base/utf8.h"
#include "engine/engine_internal.h"

enum {
    HEADER_BYTES_MAX = 128,
    LENGTH_LEAST = 4, /* the longest character: so that each stretch has one */
};

struct output_reader {
    struct tool_runner runner; /* first: see reader_of() */
    struct engine *engine;
    struct list readings;
};

struct reading {
    struct link link;
    struct output_reader *reader;
    struct tool_run *run;
    struct store_op op;
    struct loop_post post;
    uint32_t length; /* at most so many bytes are given */
    int64_t started_mono_ms;
    struct buf text;
};

int output_is_read_by(const struct config_tool *tool)
{
    return tool->kind == TOOL_KIND_BUILTIN && strcmp(tool->builtin, "read_output") == 0;
}

static struct output_reader *reader_of(struct tool_runner *runner)
{
    return CONTAINER_OF(runner, struct output_reader, runner);
}

/* ---- its end ---- */

/* It is in no list any more. */
static void reading_free(struct reading *reading)
{
    buf_release(&reading->text);
    free(reading);
}

static void finish(void *arg)
{
    struct reading *reading = arg;
    struct tool_run *run = reading->run;

    run->result.output = buf_slice(&reading->text);
    run->result.output_bytes = reading->text.len;
    run->result.duration_ms =
        loop_mono_ms(reading->reader->engine->deps.loop) - reading->started_mono_ms;
    run->runner_slot = NULL;
    run->done(run, run->arg);
    list_remove(&reading->reader->readings, &reading->link);
    reading_free(reading);
}

/* For the model. */
static void set_error(struct reading *reading, const struct err *err)
{
    reading->run->result.end = TOOL_EXITED;
    reading->run->result.status = 1;
    buf_clear(&reading->text);
    buf_puts(&reading->text, err->msg);
}

/* ---- what was read ---- */

/* It may begin amid a character, if the offset is one that the model made up. */
static size_t lead_in(struct slice data)
{
    size_t n = 0;

    while (n < 3 && n < data.len && ((unsigned char)data.ptr[n] & 0xc0) == 0x80)
        n++;
    return n < data.len ? n : 0;
}

static void put_stretch(struct reading *reading, const struct store_blob_read *read)
{
    CLEANUP(buf_release) struct buf shown = { .max = STORE_BLOB_READ_MAX };
    size_t skipped = read->offset > 0 ? lead_in(read->data) : 0;
    struct slice data = { read->data.ptr + skipped, read->data.len - skipped };
    unsigned long long from = read->offset + skipped;
    unsigned long long next =
        from + utf8_put_text(&shown, utf8_prefix(data, reading->length), reading->length);

    buf_putf(&reading->text, "[bytes %llu to %llu of %llu", from, next - 1,
             (unsigned long long)read->bytes);
    if (next < read->bytes)
        buf_putf(&reading->text, "; more from offset %llu]\n", next);
    else
        buf_puts(&reading->text, "; this is the end]\n");
    buf_put(&reading->text, buf_slice(&shown));
}

static void take(struct reading *reading, const struct store_op *op)
{
    struct tool_result *result = &reading->run->result;
    struct err err = { 0 };

    switch (op->err.code) {
    case ERR_NONE:
        if (op->blob.offset < op->blob.bytes) {
            result->end = TOOL_EXITED;
            put_stretch(reading, &op->blob);
            return;
        }
        (void)err_set(&err, ERR_INVALID,
                      "there is nothing at offset %llu: call %u printed %llu bytes",
                      (unsigned long long)op->blob.offset, op->blob.call,
                      (unsigned long long)op->blob.bytes);
        break;
    case ERR_NOT_FOUND:
        (void)err_set(
            &err, ERR_NOT_FOUND,
            "nothing was left out of call %u, or there is no such call: `call` is the number "
            "in the line that says what was left out",
            op->blob.call);
        break;
    case ERR_CORRUPT:
        (void)err_set(&err, ERR_CORRUPT, "what is stored of call %u is damaged", op->blob.call);
        break;
    case ERR_INVALID:
    case ERR_CONFLICT:
    case ERR_LIMIT:
    case ERR_TIMEOUT:
    case ERR_UNAVAILABLE:
        result->end = TOOL_NOT_STARTED;
        result->err = op->err;
        result->err.code = ERR_UNAVAILABLE;
        return;
    }
    set_error(reading, &err);
}

static void on_read(struct store_op *op, void *arg)
{
    struct reading *reading = arg;

    take(reading, op);
    finish(reading);
}

/* ---- its arguments: the schema has checked them, unless pawl.yaml has another ---- */

static enum err_code read_number(const struct json *root, const char *name, int64_t least,
                                 int64_t otherwise, int64_t *ret_value, struct err *err)
{
    const struct json *node = json_get(root, name);
    int64_t value = json_int(node, otherwise);

    if ((node && json_kind(node) != JSON_KIND_INT) || value < least || value > INT32_MAX)
        return err_set(err, ERR_INVALID, "`%s` must be a whole number from %lld to %d", name,
                       (long long)least, INT32_MAX);
    *ret_value = value;
    return ERR_NONE;
}

/* So much that its result is not itself one that something is left out of. */
static uint32_t length_max(const struct engine *engine)
{
    size_t most = engine->deps.config->limits.tool_output_bytes;

    most = most > 2 * (size_t)HEADER_BYTES_MAX ? most - HEADER_BYTES_MAX : most / 2;
    return (uint32_t)(most < STORE_BLOB_READ_MAX ? most : STORE_BLOB_READ_MAX - 1);
}

static enum err_code set_op(struct reading *reading, const struct tool_job *job, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct slice arguments = reading->run->arguments;
    int64_t call = 0;
    int64_t offset = 0;
    int64_t length = 0;

    if (json_read(&root, arguments, arguments.len + 1, err) ||
        read_number(root, "call", 1, 0, &call, err) ||
        read_number(root, "offset", 0, 0, &offset, err) ||
        read_number(root, "length", 1, INT32_MAX, &length, err))
        return err->code;
    reading->length = length_max(job->live->engine);
    if (length < reading->length)
        reading->length = length > LENGTH_LEAST ? (uint32_t)length : LENGTH_LEAST;
    reading->op = (struct store_op){ .kind = STORE_BLOB,
                                     .blob = { .session = job->live->row.key,
                                               .call = (uint32_t)call,
                                               .offset = (uint64_t)offset,
                                               .length = reading->length + 1 }, /* is it cut? */
                                     .done = on_read,
                                     .arg = reading };
    return ERR_NONE;
}

static void reading_start(struct tool_runner *runner, struct tool_run *run)
{
    struct output_reader *reader = reader_of(runner);
    const struct engine_deps *deps = &reader->engine->deps;
    struct reading *reading = xcalloc(1, sizeof(*reading));
    struct err err = { 0 };

    *reading = (struct reading){ .reader = reader,
                                 .run = run,
                                 .started_mono_ms = loop_mono_ms(deps->loop),
                                 .text.max = STORE_BLOB_READ_MAX + ERR_MSG_MAX };
    list_add(&reader->readings, &reading->link);
    run->runner_slot = reading;
    run->result.started_at_ms = loop_wall_ms(deps->loop);
    if (set_op(reading, CONTAINER_OF(run, struct tool_job, run), &err)) {
        set_error(reading, &err);
        loop_post(deps->loop, &reading->post, finish, reading);
        return;
    }
    store_submit(deps->store, &reading->op);
}

/* It ends soon by itself. */
static void reading_stop(struct tool_runner *runner, struct tool_run *run)
{
    (void)runner;
    (void)run;
}

static const struct tool_runner_ops ops = { .start = reading_start, .stop = reading_stop };

struct output_reader *output_reader_new(struct engine *engine)
{
    struct output_reader *reader = xcalloc(1, sizeof(*reader));

    *reader = (struct output_reader){ .runner.ops = &ops, .engine = engine };
    return reader;
}

struct tool_runner *output_reader_runner(struct output_reader *reader)
{
    return &reader->runner;
}

void output_reader_free(struct output_reader *reader)
{
    for (struct link *at; (at = list_take(&reader->readings));) {
        struct reading *reading = CONTAINER_OF(at, struct reading, link);

        loop_post_cancel(reader->engine->deps.loop, &reading->post);
        reading_free(reading);
    }
    free(reader);
}
