/* openai_merge.c - a tree of what came so far; its leaves are texts that grow. */
#include "model/openai_merge.h"

#include <stdlib.h>

enum { NODES_MAX = 65536 };

enum node_kind {
    NODE_NONE,
    NODE_TEXT,   /* a string */
    NODE_RAW,    /* JSON of a number or boolean; in a list, of elements parted by commas */
    NODE_OBJECT, /* members, with keys */
    NODE_LIST,   /* elements: objects and NODE_RAW */
};

struct node {
    enum node_kind kind;
    int has_index;
    int64_t index;
    char *key; /* NULL in a list */
    struct buf text;
    struct node *inner;
    size_t inner_n, inner_cap;
};

struct openai_merge {
    struct node root;
    size_t bytes_max;
    size_t nodes;
    const char *why; /* what was wrong, or NULL */
};

static void node_clear(struct node *node)
{
    for (size_t i = 0; i < node->inner_n; i++) {
        node_clear(&node->inner[i]);
        free(node->inner[i].key);
    }
    free(node->inner);
    buf_release(&node->text);
    *node = (struct node){ .key = node->key, .index = node->index, .has_index = node->has_index };
}

/* Makes it empty and of this kind, unless it is of this kind already. */
static void node_become(struct openai_merge *merge, struct node *node, enum node_kind kind)
{
    if (node->kind == kind)
        return;
    node_clear(node);
    node->kind = kind;
    node->text.max = merge->bytes_max;
}

/* NULL: there are too many, and merge->why says so. */
static struct node *add_inner(struct openai_merge *merge, struct node *to, const char *key)
{
    if (to->inner_n == OPENAI_MERGE_MEMBERS_MAX || merge->nodes == NODES_MAX) {
        merge->why = "the stream has too many members or tool calls";
        return NULL;
    }
    if (to->inner_n == to->inner_cap) {
        to->inner_cap = to->inner_cap > 0 ? 2 * to->inner_cap : 4;
        to->inner = xrealloc(to->inner, to->inner_cap * sizeof(*to->inner));
    }
    struct node *node = &to->inner[to->inner_n++];

    *node = (struct node){ .key = key ? xstrdup(key) : NULL };
    merge->nodes++;
    return node;
}

static struct node *find_member(const struct node *object, const char *key)
{
    for (size_t i = 0; i < object->inner_n; i++)
        if (strcmp(object->inner[i].key, key) == 0)
            return &object->inner[i];
    return NULL;
}

static void put_value(struct buf *buf, const struct json *value)
{
    struct err err = { 0 };

    if (json_write(buf, value, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
}

/* ---- strings ---- */

static int is_name(const char *key)
{
    static const char *const names[] = { "id", "type", "name", "role", "format" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return 1;
    return 0;
}

/* The end of a list where elements that nothing is merged into are appended; or NULL. */
static struct node *run_of(struct openai_merge *merge, struct node *list)
{
    struct node *last = list->inner_n > 0 ? &list->inner[list->inner_n - 1] : NULL;

    if (last && last->kind == NODE_RAW)
        return last;
    last = add_inner(merge, list, NULL);
    if (last)
        node_become(merge, last, NODE_RAW);
    return last;
}

static void add_text_part(struct openai_merge *merge, struct node *list, struct slice text)
{
    struct node *run = text.len > 0 ? run_of(merge, list) : NULL;

    if (!run)
        return;
    json_begin(&run->text, '{');
    json_key(&run->text, "type");
    json_put_str(&run->text, SLICE_LIT("text"));
    json_key(&run->text, "text");
    json_put_str(&run->text, text);
    json_end(&run->text, '}');
}

static void merge_text(struct openai_merge *merge, struct node *node, struct slice text)
{
    if (node->kind == NODE_LIST && strcmp(node->key, "content") == 0) {
        add_text_part(merge, node, text);
        return;
    }
    node_become(merge, node, NODE_TEXT);
    if (node->text.len == 0 || !is_name(node->key))
        buf_put(&node->text, text);
}

/* ---- objects and lists ---- */

static void merge_value(struct openai_merge *merge, struct node *node, const struct json *value);

static void merge_members(struct openai_merge *merge, struct node *object, const struct json *from)
{
    for (struct json_iter *it = json_first(from); it && !merge->why; it = json_next(from, it)) {
        const char *key = json_iter_key(it);

        if (json_kind(json_iter_value(it)) == JSON_KIND_NULL)
            continue;
        struct node *member = find_member(object, key);

        if (!member)
            member = add_inner(merge, object, key);
        if (member)
            merge_value(merge, member, json_iter_value(it));
    }
}

/* Do both have this member, and not the same? */
static int differ(const struct node *object, const struct json *element, const char *key)
{
    const struct node *member = find_member(object, key);
    struct slice text = json_str(json_get(element, key));

    return member && member->kind == NODE_TEXT && member->text.len > 0 && text.len > 0 &&
           !slice_equal(buf_slice(&member->text), text);
}

/*
 * Some servers count all calls as number 0, but each has its own id; others give each delta of one
 * call a new id, but only its first has the function's name.
 */
static int is_of(const struct node *object, const struct json *element)
{
    const struct json *function = json_get(element, "function");

    if (differ(object, element, "type"))
        return 0;
    return !differ(object, element, "id") ||
           (function && json_str(json_get(function, "name")).len == 0);
}

static struct node *find_by_index(const struct node *list, const struct json *element,
                                  int64_t index)
{
    for (size_t i = list->inner_n; i-- > 0;) {
        struct node *object = &list->inner[i];

        if (object->has_index && object->index == index && is_of(object, element))
            return object;
    }
    return NULL;
}

/* Without an index: what has the id of the last one, or nothing to tell it by, goes on with it. */
static struct node *find_last(const struct node *list, const struct json *element)
{
    struct node *last = list->inner_n > 0 ? &list->inner[list->inner_n - 1] : NULL;
    int has_id = json_str(json_get(element, "id")).len > 0;

    if (!last || last->kind != NODE_OBJECT || !is_of(last, element))
        return NULL;
    return has_id || !json_get(element, "type") ? last : NULL;
}

static void merge_element(struct openai_merge *merge, struct node *list, const struct json *element)
{
    const struct json *index = json_get(element, "index");
    int has_index = json_kind(index) == JSON_KIND_INT;
    struct node *object =
        has_index ? find_by_index(list, element, json_int(index, 0)) : find_last(list, element);

    if (json_kind(element) != JSON_KIND_OBJECT ||
        (!object && !has_index && json_str(json_get(element, "id")).len == 0)) {
        struct node *run = run_of(merge, list);

        if (run && run->text.len > 0)
            buf_puts(&run->text, ",");
        if (run)
            put_value(&run->text, element);
        return;
    }
    if (!object)
        object = add_inner(merge, list, NULL);
    if (!object)
        return;
    node_become(merge, object, NODE_OBJECT);
    object->has_index = has_index;
    object->index = json_int(index, 0);
    merge_members(merge, object, element);
}

static void merge_list(struct openai_merge *merge, struct node *node, const struct json *list)
{
    CLEANUP(buf_release) struct buf before = { 0 };

    if (node->kind == NODE_TEXT && strcmp(node->key, "content") == 0) {
        before = node->text;
        node->text = (struct buf){ 0 };
    }
    node_become(merge, node, NODE_LIST);
    if (before.len > 0)
        add_text_part(merge, node, buf_slice(&before));
    for (size_t i = 0; i < json_count(list) && !merge->why; i++)
        merge_element(merge, node, json_at(list, i));
}

static void merge_value(struct openai_merge *merge, struct node *node, const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL: return;
    case JSON_KIND_STRING: merge_text(merge, node, json_str(value)); return;
    case JSON_KIND_ARRAY: merge_list(merge, node, value); return;
    case JSON_KIND_OBJECT:
        node_become(merge, node, NODE_OBJECT);
        merge_members(merge, node, value);
        return;
    case JSON_KIND_BOOL:
    case JSON_KIND_INT:
    case JSON_KIND_REAL:
        node_become(merge, node, NODE_RAW);
        buf_clear(&node->text);
        put_value(&node->text, value);
        return;
    }
}

/* ---- the whole ---- */

struct openai_merge *openai_merge_new(size_t bytes_max)
{
    struct openai_merge *merge = xcalloc(1, sizeof(*merge));

    merge->bytes_max = bytes_max;
    merge->root.kind = NODE_OBJECT;
    return merge;
}

void openai_merge_free(struct openai_merge *merge)
{
    if (!merge)
        return;
    node_clear(&merge->root);
    free(merge);
}

const char *openai_merge_add(struct openai_merge *merge, const struct json *delta)
{
    ASSERT(json_kind(delta) == JSON_KIND_OBJECT && !merge->why);
    merge_members(merge, &merge->root, delta);
    return merge->why;
}

static void put_node(struct buf *buf, const struct node *node)
{
    int is_list = node->kind == NODE_LIST;

    switch (node->kind) {
    case NODE_NONE: json_put_null(buf); return;
    case NODE_TEXT: json_put_str(buf, buf_slice(&node->text)); return;
    case NODE_RAW: json_put_raw(buf, buf_slice(&node->text)); return;
    case NODE_OBJECT:
    case NODE_LIST: break;
    }
    json_begin(buf, is_list ? '[' : '{');
    for (size_t i = 0; i < node->inner_n; i++) {
        if (!is_list)
            json_key(buf, node->inner[i].key);
        put_node(buf, &node->inner[i]);
    }
    json_end(buf, is_list ? ']' : '}');
}

void openai_merge_put(struct buf *buf, const struct openai_merge *merge)
{
    put_node(buf, &merge->root);
}
