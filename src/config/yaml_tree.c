/* yaml_tree.c - looking at a tree that was read. */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "config/yaml_impl.h"

struct yaml_node *yaml_root(const struct yaml *doc)
{
    return doc->root;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *name)
{
    if (map->kind != YAML_MAP)
        return NULL;
    for (struct yaml_node *node = map->first; node; node = node->next)
        if (strcmp(node->name, name) == 0)
            return node;
    return NULL;
}

struct place yaml_where(const struct yaml_node *node)
{
    return node->name ? node->name_at : node->at;
}

int yaml_is_null(const struct yaml_node *node)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

    if (node->kind != YAML_TEXT || !node->is_plain)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        if (slice_is(node->text, nulls[i]))
            return 1;
    return 0;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    switch (kind) {
    case YAML_TEXT: return "a single value";
    case YAML_LIST: return "a list";
    case YAML_MAP: return "a mapping";
    }
    assert_failed("a YAML node has a kind", __FILE__, __LINE__);
}

/* Recurses no deeper than YAML_DEPTH_MAX. */
static void put_path(struct buf *buf, const struct yaml_node *node)
{
    enum { NAME_MAX_SHOWN = 40 };

    if (!node->parent)
        return;
    put_path(buf, node->parent);
    if (!node->name) {
        buf_putf(buf, "[%zu]", node->index);
        return;
    }
    if (buf->len > 0)
        buf_puts(buf, ".");
    utf8_put_visible(buf, utf8_prefix(slice_of(node->name), NAME_MAX_SHOWN), 0);
}

struct yaml_path yaml_path(const struct yaml_node *node)
{
    enum { PART_MAX = 40 * 10 + 2 }; /* each byte of a name may become \u{10ffff} */
    CLEANUP(buf_release) struct buf buf = { .max = (size_t)YAML_DEPTH_MAX * PART_MAX };
    struct yaml_path path;

    put_path(&buf, node);
    struct slice shown = utf8_prefix(buf_slice(&buf), sizeof(path.text) - 4);

    (void)snprintf(path.text, sizeof(path.text), "%.*s%s", (int)shown.len,
                   shown.ptr ? shown.ptr : "", shown.len < buf.len ? "..." : "");
    return path;
}

static const struct yaml_node *child_named(const struct yaml_node *map, struct slice name)
{
    const struct yaml_node *node = map->kind == YAML_MAP ? map->first : NULL;

    while (node && !slice_is(name, node->name))
        node = node->next;
    return node;
}

static const struct yaml_node *child_at(const struct yaml_node *list, size_t index)
{
    const struct yaml_node *node = list->kind == YAML_LIST ? list->first : NULL;

    while (node && node->index < index)
        node = node->next;
    return node;
}

const struct yaml_node *yaml_follow(const struct yaml_node *node, const char *path)
{
    const struct yaml_node *next = node;

    while (next) {
        node = next;
        if (*path == '[') {
            char *end = NULL;

            next = child_at(node, strtoul(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : "";
        } else {
            path += *path == '.';
            struct slice name = { path, strcspn(path, ".[:") };

            next = child_named(node, name);
            path += name.len;
        }
    }
    return node;
}

/* Is that the name, with ~0 for ~ and ~1 for a slash? */
static int is_pointed_at(const char *name, struct slice step)
{
    size_t i = 0;

    for (; *name && i < step.len; name++, i++) {
        char c = step.ptr[i];

        if (c == '~' && i + 1 < step.len)
            c = step.ptr[++i] == '1' ? '/' : '~';
        if (c != *name)
            return 0;
    }
    return !*name && i == step.len;
}

static const struct yaml_node *child_pointed_at(const struct yaml_node *node, struct slice step)
{
    const struct yaml_node *child = node->kind == YAML_MAP ? node->first : NULL;

    if (node->kind == YAML_LIST && step.len > 0 && step.ptr[0] >= '0' && step.ptr[0] <= '9')
        return child_at(node, strtoul(step.ptr, NULL, 10));
    while (child && !is_pointed_at(child->name, step))
        child = child->next;
    return child;
}

const struct yaml_node *yaml_follow_pointer(const struct yaml_node *node, const char *pointer)
{
    const struct yaml_node *next = node;

    while (next) {
        node = next;
        if (*pointer != '/')
            break;
        struct slice step = { pointer + 1, strcspn(pointer + 1, "/") };

        next = child_pointed_at(node, step);
        pointer += 1 + step.len;
    }
    return node;
}
