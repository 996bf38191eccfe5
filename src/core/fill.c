#include "core/fill.h"

#include <stdio.h>

#include "base/utf8.h"

enum { NAME_TEXT_MAX = 128, SHOWN_MAX = 80, VISIBLE_MAX = 800, DEFAULT_MAX = 4096 };

struct place {
    struct slice text; /* as written between the braces, trimmed */
    struct slice path; /* behind "body", with its first dot; empty: all of it */
    struct json *otherwise;
};

static void place_release(struct place *place)
{
    json_free(place->otherwise);
}

static struct slice from(struct slice text, size_t skip)
{
    return (struct slice){ text.ptr + skip, text.len - skip };
}

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = from(text, 1);
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static enum err_code refuse(const struct place *place, struct err *err, const char *why)
{
    CLEANUP(buf_release) struct buf shown = { .max = VISIBLE_MAX };

    utf8_put_visible(&shown, utf8_prefix(place->text, SHOWN_MAX), 0);
    return err_set(err, ERR_INVALID, "{{%s}}: %s", buf_cstr(&shown), why);
}

/* The name behind the next dot, taken off with it. */
static struct slice take_name(struct slice *path)
{
    struct slice rest = from(*path, 1);
    const char *dot = rest.len > 0 ? memchr(rest.ptr, '.', rest.len) : NULL;
    size_t len = dot ? (size_t)(dot - rest.ptr) : rest.len;

    *path = from(rest, len);
    return (struct slice){ rest.ptr, len };
}

static enum err_code check_path(const struct place *place, struct err *err)
{
    struct slice path = place->path;

    if (path.len > 0 && path.ptr[0] != '.')
        return refuse(place, err, "it begins with body, as in {{body.id}}");
    while (path.len > 0) {
        struct slice name = take_name(&path);

        if (name.len == 0 || name.len >= NAME_TEXT_MAX)
            return refuse(place, err, "a name between its dots is empty or too long");
    }
    return ERR_NONE;
}

static enum err_code read_default(struct place *place, struct slice text, struct err *err)
{
    static const struct slice word = { "default:", 8 };
    struct err reason;

    if (text.len <= word.len || memcmp(text.ptr, word.ptr, word.len) != 0)
        return refuse(place, err, "after '|' comes default: \"...\"");
    if (json_read(&place->otherwise, from(text, word.len), DEFAULT_MAX, &reason) ||
        json_kind(place->otherwise) != JSON_KIND_STRING)
        return refuse(place, err, "a default is a text in double quotes");
    return ERR_NONE;
}

/* text: what stands between the braces. */
static enum err_code read_place(struct place *place, struct slice text, struct err *err)
{
    static const struct slice root = { "body", 4 };
    struct slice rest = trimmed(text);
    const char *bar = rest.len > 0 ? memchr(rest.ptr, '|', rest.len) : NULL;

    place->text = rest;
    if (bar) {
        size_t before = (size_t)(bar - rest.ptr);

        if (read_default(place, trimmed(from(rest, before + 1)), err))
            return err->code;
        rest = trimmed((struct slice){ rest.ptr, before });
    }
    if (rest.len < root.len || memcmp(rest.ptr, root.ptr, root.len) != 0)
        return refuse(place, err, "it begins with body, as in {{body.id}}");
    place->path = from(rest, root.len);
    return check_path(place, err);
}

static const struct json *member(const struct json *node, struct slice name)
{
    char key[NAME_TEXT_MAX];
    size_t index = 0;

    if (json_kind(node) == JSON_KIND_OBJECT) {
        (void)snprintf(key, sizeof(key), "%.*s", (int)name.len, name.ptr);
        return json_get(node, key);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9' || i > 8)
            return NULL;
        index = index * 10 + (size_t)(name.ptr[i] - '0');
    }
    return index < json_count(node) ? json_at(node, index) : NULL;
}

static enum err_code put_place(struct buf *out, const struct place *place, const struct json *body,
                               struct err *err)
{
    const struct json *value = body;

    for (struct slice path = place->path; path.len > 0 && value;)
        value = member(value, take_name(&path));
    if (json_kind(value) == JSON_KIND_NULL || json_kind(value) == JSON_KIND_ABSENT)
        value = place->otherwise;
    if (!value)
        return refuse(place, err, "the body does not have it");
    if (json_kind(value) == JSON_KIND_STRING)
        return buf_add(out, json_str(value), err);
    return json_write(out, value, err);
}

/* out NULL: it is only checked. */
static enum err_code go_through(struct buf *out, struct slice text, const struct json *body,
                                struct err *err)
{
    while (text.len > 0) {
        CLEANUP(place_release) struct place place = { .otherwise = NULL };
        const char *open = memmem(text.ptr, text.len, "{{", 2);
        size_t before = open ? (size_t)(open - text.ptr) : text.len;

        if (out && buf_add(out, (struct slice){ text.ptr, before }, err))
            return err->code;
        if (!open)
            return ERR_NONE;
        struct slice rest = from(text, before + 2);
        const char *close = memmem(rest.ptr, rest.len, "}}", 2);

        if (!close)
            return err_set(err, ERR_INVALID, "there is a '{{' without '}}'");
        size_t len = (size_t)(close - rest.ptr);

        if (read_place(&place, (struct slice){ rest.ptr, len }, err) ||
            (out && put_place(out, &place, body, err)))
            return err->code;
        text = from(rest, len + 2);
    }
    return ERR_NONE;
}

enum err_code fill_check(struct slice text, struct err *err)
{
    return go_through(NULL, text, NULL, err);
}

enum err_code fill_put(struct buf *out, struct slice text, const struct json *body, struct err *err)
{
    return go_through(out, text, body, err);
}
