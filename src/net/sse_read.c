#include "net/sse_read.h"

static const char bom[] = "\xef\xbb\xbf";

void sse_reader_init(struct sse_reader *reader, size_t bytes_max, sse_event_fn *on_event, void *arg)
{
    ASSERT(bytes_max > 0 && on_event);
    *reader = (struct sse_reader){
        .on_event = on_event,
        .arg = arg,
        .bytes_max = bytes_max,
        .line.max = bytes_max,
        .type.max = bytes_max,
        .data.max = bytes_max + 1, /* with the '\n' that is taken off again */
        .id.max = bytes_max,
    };
}

void sse_reader_release(struct sse_reader *reader)
{
    if (!reader)
        return;
    buf_release(&reader->line);
    buf_release(&reader->type);
    buf_release(&reader->data);
    buf_release(&reader->id);
}

/* ---- lines ---- */

static enum err_code too_long(const struct sse_reader *reader, const char *what, struct err *err)
{
    return err_set(err, ERR_LIMIT, "%s of the event stream has more than %zu bytes", what,
                   reader->bytes_max);
}

static enum err_code dispatch(struct sse_reader *reader, struct err *err)
{
    enum err_code code = ERR_NONE;

    if (reader->data.len > 0) {
        const struct sse_event event = {
            .type = buf_slice(&reader->type),
            .data = { reader->data.data, reader->data.len - 1 },
            .id = buf_slice(&reader->id),
        };

        code = reader->on_event(&event, reader->arg, err);
    }
    buf_clear(&reader->type);
    buf_clear(&reader->data);
    return code;
}

static enum err_code add_data(struct sse_reader *reader, struct slice value, struct err *err)
{
    /* What is full has one byte more than bytes_max: its last '\n'. */
    if (reader->data.len > reader->bytes_max || value.len > reader->bytes_max - reader->data.len)
        return too_long(reader, "an event", err);
    buf_put(&reader->data, value);
    buf_puts(&reader->data, "\n");
    return ERR_NONE;
}

static void set_text(struct buf *buf, struct slice value)
{
    buf_clear(buf);
    buf_put(buf, value);
}

static enum err_code take_line(struct sse_reader *reader, struct slice line, struct err *err)
{
    if (line.len == 0)
        return dispatch(reader, err);
    const char *colon = memchr(line.ptr, ':', line.len);
    struct slice name = { line.ptr, colon ? (size_t)(colon - line.ptr) : line.len };
    struct slice value = { line.ptr + line.len, 0 };

    if (colon) {
        size_t skip = name.len + 1;

        if (skip < line.len && line.ptr[skip] == ' ')
            skip++;
        value = (struct slice){ line.ptr + skip, line.len - skip };
    }
    if (slice_is(name, "data"))
        return add_data(reader, value, err);
    if (slice_is(name, "event"))
        set_text(&reader->type, value);
    else if (slice_is(name, "id") && !memchr(value.ptr, '\0', value.len))
        set_text(&reader->id, value);
    return ERR_NONE;
}

/* ---- bytes ---- */

/* How many bytes are before the end of the first line, or all of them. */
static size_t line_len(struct slice bytes)
{
    size_t lf = bytes.len;
    const char *at = memchr(bytes.ptr, '\n', bytes.len);

    if (at)
        lf = (size_t)(at - bytes.ptr);
    at = lf > 0 ? memchr(bytes.ptr, '\r', lf) : NULL;
    return at ? (size_t)(at - bytes.ptr) : lf;
}

/* A line of which some bytes may have come before; `rest` is the last of it. */
static enum err_code end_line(struct sse_reader *reader, struct slice rest, struct err *err)
{
    struct slice line = rest;

    if (rest.len > reader->bytes_max - reader->line.len)
        return too_long(reader, "a line", err);
    if (reader->line.len > 0) {
        buf_put(&reader->line, rest);
        line = buf_slice(&reader->line);
    }
    enum err_code code = take_line(reader, line, err);

    buf_clear(&reader->line);
    return code;
}

static enum err_code feed_lines(struct sse_reader *reader, struct slice bytes, struct err *err)
{
    while (bytes.len > 0) {
        if (reader->is_after_cr && bytes.ptr[0] == '\n') {
            reader->is_after_cr = 0;
            bytes = (struct slice){ bytes.ptr + 1, bytes.len - 1 };
            continue;
        }
        size_t len = line_len(bytes);

        reader->is_after_cr = 0;
        if (len == bytes.len) {
            if (len > reader->bytes_max - reader->line.len)
                return too_long(reader, "a line", err);
            buf_put(&reader->line, bytes);
            return ERR_NONE;
        }
        if (end_line(reader, (struct slice){ bytes.ptr, len }, err))
            return err->code;
        reader->is_after_cr = bytes.ptr[len] == '\r';
        bytes = (struct slice){ bytes.ptr + len + 1, bytes.len - len - 1 };
    }
    return ERR_NONE;
}

/* Bytes that began like a BOM and were none belong to the first line. */
static enum err_code skip_bom(struct sse_reader *reader, struct slice *bytes, struct err *err)
{
    while (bytes->len > 0 && reader->bom_seen < sizeof(bom) - 1) {
        if (bytes->ptr[0] != bom[reader->bom_seen]) {
            reader->is_begun = 1;
            return feed_lines(reader, (struct slice){ bom, reader->bom_seen }, err);
        }
        reader->bom_seen++;
        *bytes = (struct slice){ bytes->ptr + 1, bytes->len - 1 };
    }
    reader->is_begun = reader->bom_seen == sizeof(bom) - 1;
    return ERR_NONE;
}

enum err_code sse_reader_feed(struct sse_reader *reader, struct slice bytes, struct err *err)
{
    if (!reader->is_begun && skip_bom(reader, &bytes, err))
        return err->code;
    return feed_lines(reader, bytes, err);
}
