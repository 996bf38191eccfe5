/* json_schema_fault.c - what is wrong, and where, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json_schema_internal.h"
#include "base/utf8.h"

/* A text of fixed size that takes what fits; *is_cut says whether that was less. */
struct line {
    char *text;
    size_t size; /* with its end */
    size_t len;
    int is_cut;
};

/* All or, where it does not fit, no byte of it. */
static void line_add(struct line *line, struct slice bytes)
{
    if (line->is_cut || bytes.len >= line->size - line->len) {
        line->is_cut = 1;
        return;
    }
    memcpy(line->text + line->len, bytes.ptr, bytes.len);
    line->len += bytes.len;
    line->text[line->len] = '\0';
}

static void line_add_key(struct line *line, const char *key)
{
    for (; *key; key++) {
        if (*key == '~' || *key == '/')
            line_add(line, *key == '~' ? SLICE_LIT("~0") : SLICE_LIT("~1"));
        else
            line_add(line, (struct slice){ key, 1 });
    }
}

/* Recurses no deeper than a way is long: that of the JSON in which it leads. */
static void line_add_steps(struct line *line, const struct json_step *at)
{
    char number[24];

    if (!at)
        return;
    line_add_steps(line, at->up);
    line_add(line, SLICE_LIT("/"));
    if (at->index == STEP_KEY) {
        line_add_key(line, at->key);
        return;
    }
    (void)snprintf(number, sizeof(number), "%zu", at->index);
    line_add(line, slice_of(number));
}

/* Takes the beginning of a character away from the end of a text that was cut anywhere. */
static void mend(char *text)
{
    size_t len = strlen(text);
    size_t last = len;
    uint32_t c;

    while (last > 0 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last > 0)
        last--;
    if (len > 0 && utf8_decode((struct slice){ text + last, len - last }, &c) == 0)
        text[last] = '\0';
}

void fault_pointer(char *to, size_t size, const struct json_step *at)
{
    struct line line = { .text = to, .size = size };

    to[0] = '\0';
    line_add_steps(&line, at);
    mend(to);
}

void fault_addv(struct json_schema_faults *faults, const struct json_step *at, const char *fmt,
                va_list ap)
{
    if (!faults || faults->n == ARRAY_LEN(faults->at))
        return;
    struct json_schema_fault *fault = &faults->at[faults->n++];

    fault_pointer(fault->pointer, sizeof(fault->pointer), at);
    (void)vsnprintf(fault->what, sizeof(fault->what), fmt, ap);
    mend(fault->what);
}

void fault_add(struct json_schema_faults *faults, const struct json_step *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fault_addv(faults, at, fmt, ap);
    va_end(ap);
}

struct json_excerpt json_excerpt(const struct json *value)
{
    static const char dots[] = "...";
    struct json_excerpt excerpt;
    CLEANUP(buf_release) struct buf text = { .max = sizeof(excerpt.text) * 4 };
    struct err err;

    /* What is far too long to be written whole: of a string its beginning says something. */
    if (json_write(&text, value, &err) && json_kind(value) == JSON_KIND_STRING) {
        json_put_str(&text, utf8_prefix(json_str(value), sizeof(excerpt.text) / 2));
        buf_puts(&text, dots);
    } else if (text.len == 0) {
        buf_puts(&text, json_kind(value) == JSON_KIND_ARRAY ? "[...]" : "{...}");
    }
    if (text.len < sizeof(excerpt.text)) {
        memcpy(excerpt.text, buf_cstr(&text), text.len + 1);
        return excerpt;
    }
    size_t len = utf8_prefix(buf_slice(&text), sizeof(excerpt.text) - sizeof(dots)).len;

    memcpy(excerpt.text, text.data, len);
    memcpy(excerpt.text + len, dots, sizeof(dots));
    return excerpt;
}

void json_schema_faults_put(struct buf *text, const struct json_schema_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct json_schema_fault *fault = &faults->at[i];

        buf_putf(text, "%s%s%s%s", i > 0 ? "; " : "", fault->pointer, fault->pointer[0] ? ": " : "",
                 fault->what);
    }
}
