/* json_write.c - writing: values straight into a buf, and nodes that were read as text again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/usd.h"
#include "base/utf8.h"

/* How a byte below 0x80 stands in a string: NULL is as it is, "" is \u00XX. */
static const char *const escapes[0x80] = {
    [0x01] = "",
    [0x02] = "",
    [0x03] = "",
    [0x04] = "",
    [0x05] = "",
    [0x06] = "",
    [0x07] = "",
    ['\b'] = "\\b",
    ['\t'] = "\\t",
    ['\n'] = "\\n",
    [0x0b] = "",
    ['\f'] = "\\f",
    ['\r'] = "\\r",
    [0x0e] = "",
    [0x0f] = "",
    [0x10] = "",
    [0x11] = "",
    [0x12] = "",
    [0x13] = "",
    [0x14] = "",
    [0x15] = "",
    [0x16] = "",
    [0x17] = "",
    [0x18] = "",
    [0x19] = "",
    [0x1a] = "",
    [0x1b] = "",
    [0x1c] = "",
    [0x1d] = "",
    [0x1e] = "",
    [0x1f] = "",
    ['"'] = "\\\"",
    ['\\'] = "\\\\",
    [0x7f] = "", /* legal as it is, but this may be shown on a terminal; the same for U+0080.. */
    [0x00] = UTF8_REPLACEMENT, /* json_read() refuses \u0000, and we read what we wrote */
};

/* U+0080 to U+009F: some terminals take them as the beginning of a command. */
static int is_c1_control(uint32_t character)
{
    return character >= 0x80 && character <= 0x9f;
}

/* The length of the run at the start of text that needs no change. */
static size_t plain_run(struct slice text)
{
    size_t at = 0;

    while (at < text.len) {
        unsigned char c = (unsigned char)text.ptr[at];
        uint32_t decoded = 0;
        size_t len = 1;

        if (c < 0x80 && escapes[c])
            break;
        if (c >= 0x80)
            len = utf8_decode((struct slice){ text.ptr + at, text.len - at }, &decoded);
        if (len == 0 || is_c1_control(decoded))
            break;
        at += len;
    }
    return at;
}

/* What plain_run() stopped at; *ret_len bytes of text are done with that. */
static enum err_code add_escaped(struct buf *buf, struct slice text, size_t *ret_len,
                                 struct err *err)
{
    unsigned char c = (unsigned char)text.ptr[0];
    uint32_t decoded;
    size_t len = c >= 0x80 ? utf8_decode(text, &decoded) : 0;

    *ret_len = len > 0 ? len : 1;
    if (len > 0)
        return buf_addf(buf, err, "\\u%04x", (unsigned)decoded);
    if (c >= 0x80)
        return buf_add(buf, SLICE_LIT(UTF8_REPLACEMENT), err);
    if (escapes[c][0] == '\0')
        return buf_addf(buf, err, "\\u%04x", (unsigned)c);
    return buf_add(buf, slice_of(escapes[c]), err);
}

static enum err_code add_string(struct buf *buf, struct slice text, struct err *err)
{
    if (buf_add(buf, SLICE_LIT("\""), err))
        return err->code;
    while (text.len > 0) {
        size_t run = plain_run(text);
        size_t len = 0;

        if (buf_add(buf, (struct slice){ text.ptr, run }, err))
            return err->code;
        text = (struct slice){ text.ptr + run, text.len - run };
        if (text.len > 0 && add_escaped(buf, text, &len, err))
            return err->code;
        text = (struct slice){ text.ptr + len, text.len - len };
    }
    return buf_add(buf, SLICE_LIT("\""), err);
}

/* The shortest of two texts that reads back as the same value, and as a real again. */
static enum err_code add_real(struct buf *buf, double value, struct err *err)
{
    char text[40];

    (void)snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value)
        (void)snprintf(text, sizeof(text), "%.17g", value);
    return buf_addf(buf, err, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static enum err_code add_node(struct buf *buf, const struct json *node, int is_canonical,
                              struct err *err);

static enum err_code add_array(struct buf *buf, const struct json *array, int is_canonical,
                               struct err *err)
{
    size_t count = json_count(array);

    if (buf_add(buf, SLICE_LIT("["), err))
        return err->code;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && buf_add(buf, SLICE_LIT(","), err))
            return err->code;
        if (add_node(buf, json_at(array, i), is_canonical, err))
            return err->code;
    }
    return buf_add(buf, SLICE_LIT("]"), err);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void free_keys(const char ***keys)
{
    free((void *)*keys);
}

static enum err_code add_object(struct buf *buf, const struct json *object, int is_canonical,
                                struct err *err)
{
    size_t count = json_count(object);
    CLEANUP(free_keys) const char **keys = xcalloc(count + 1, sizeof(*keys));
    size_t filled = 0;

    for (struct json_iter *it = json_first(object); it; it = json_next(object, it))
        keys[filled++] = json_iter_key(it);
    ASSERT(filled == count);
    if (is_canonical)
        qsort((void *)keys, count, sizeof(*keys), compare_keys);

    if (buf_add(buf, SLICE_LIT("{"), err))
        return err->code;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && buf_add(buf, SLICE_LIT(","), err))
            return err->code;
        if (add_string(buf, slice_of(keys[i]), err) || buf_add(buf, SLICE_LIT(":"), err) ||
            add_node(buf, json_get(object, keys[i]), is_canonical, err))
            return err->code;
    }
    return buf_add(buf, SLICE_LIT("}"), err);
}

/* Recurses no deeper than JSON_DEPTH_MAX: only json_read() makes nodes. */
static enum err_code add_node(struct buf *buf, const struct json *node, int is_canonical,
                              struct err *err)
{
    switch (json_kind(node)) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL: return buf_add(buf, SLICE_LIT("null"), err);
    case JSON_KIND_BOOL: return buf_add(buf, slice_of(json_bool(node, 0) ? "true" : "false"), err);
    case JSON_KIND_INT: return buf_addf(buf, err, "%" PRId64, json_int(node, 0));
    case JSON_KIND_REAL: return add_real(buf, json_number(node, 0), err);
    case JSON_KIND_STRING: return add_string(buf, json_str(node), err);
    case JSON_KIND_ARRAY: return add_array(buf, node, is_canonical, err);
    case JSON_KIND_OBJECT: return add_object(buf, node, is_canonical, err);
    }
    assert_failed("a JSON node has a kind", __FILE__, __LINE__);
}

static enum err_code add_whole(struct buf *buf, const struct json *node, int is_canonical,
                               struct err *err)
{
    size_t before = buf->len;
    enum err_code code = add_node(buf, node, is_canonical, err);

    if (code)
        buf_cut(buf, before); /* half a value is worse than none */
    return code;
}

enum err_code json_write(struct buf *buf, const struct json *node, struct err *err)
{
    return add_whole(buf, node, 0, err);
}

enum err_code json_write_canonical(struct buf *buf, const struct json *node, struct err *err)
{
    return add_whole(buf, node, 1, err);
}

static void put_comma(struct buf *buf)
{
    if (buf->len > 0 && !strchr("{[:,", buf->data[buf->len - 1]))
        buf_puts(buf, ",");
}

void json_begin(struct buf *buf, char bracket)
{
    ASSERT(bracket == '{' || bracket == '[');
    put_comma(buf);
    buf_put(buf, (struct slice){ &bracket, 1 });
}

void json_end(struct buf *buf, char bracket)
{
    ASSERT(bracket == '}' || bracket == ']');
    buf_put(buf, (struct slice){ &bracket, 1 });
}

void json_key(struct buf *buf, const char *key)
{
    json_put_str(buf, slice_of(key));
    buf_puts(buf, ":");
}

void json_put_str(struct buf *buf, struct slice text)
{
    struct err err = { 0 };

    put_comma(buf);
    if (add_string(buf, text, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

enum { INT_TEXT_MAX = 20 }; /* -9223372036854775808 */

/* By hand: an event has a dozen numbers, and printf was a twentieth of a step. */
void json_put_int(struct buf *buf, int64_t value)
{
    char text[INT_TEXT_MAX];
    size_t at = sizeof(text);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        text[--at] = '-';
    put_comma(buf);
    buf_put(buf, (struct slice){ text + at, sizeof(text) - at });
}

void json_put_usd(struct buf *buf, int64_t nanousd)
{
    char text[USD_TEXT_MAX];

    put_comma(buf);
    buf_puts(buf, usd_text(text, nanousd));
}

void json_put_bool(struct buf *buf, int value)
{
    put_comma(buf);
    buf_puts(buf, value ? "true" : "false");
}

void json_put_null(struct buf *buf)
{
    put_comma(buf);
    buf_puts(buf, "null");
}

void json_put_raw(struct buf *buf, struct slice json)
{
    put_comma(buf);
    buf_put(buf, json);
}
