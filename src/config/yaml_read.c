/* yaml_read.c - libyaml's events made into a tree of our own, and all refused that is not in it. */
#include "config/yaml_tree.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/utf8.h"
#include "config/yaml_impl.h"

struct reader {
    struct yaml *doc;
    struct report *report;
    const char *file;
    struct slice text;
    yaml_parser_t parser;
    struct yaml_node *open[YAML_DEPTH_MAX]; /* lists and mappings around the next node */
    char *name[YAML_DEPTH_MAX];             /* of an open mapping: the key whose value comes next */
    struct place name_at[YAML_DEPTH_MAX];
    size_t depth;
    size_t nodes;
    size_t documents;
};

static struct place place_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct place){ r->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static struct place place_at(const struct reader *r, size_t offset)
{
    struct place at = { r->file, 1, 1 };
    struct slice rest = { r->text.ptr, offset < r->text.len ? offset : r->text.len };

    while (rest.len > 0) {
        uint32_t c = 0;
        size_t len = utf8_decode(rest, &c);

        if (len == 0)
            len = 1;
        at.column++;
        if (rest.ptr[0] == '\n')
            at = (struct place){ r->file, at.line + 1, 1 };
        rest = (struct slice){ rest.ptr + len, rest.len - len };
    }
    return at;
}

/* libyaml would say where, too, but only by the byte, and after it has given out half a tree. */
static int check_text(struct reader *r)
{
    struct slice rest = r->text;

    if (r->text.len > YAML_BYTES_MAX) {
        report_error(r->report, (struct place){ .file = r->file },
                     "the file is larger than 4 MiB, the most that is read");
        return 0;
    }
    while (rest.len > 0) {
        uint32_t c = 0;
        size_t len = rest.ptr[0] == '\0' ? 0 : utf8_decode(rest, &c);

        if (len == 0) {
            report_error(r->report, place_at(r, r->text.len - rest.len), "%s; save it as UTF-8",
                         rest.ptr[0] == '\0' ? "a NUL byte" : "a byte that is not UTF-8");
            return 0;
        }
        rest = (struct slice){ rest.ptr + len, rest.len - len };
    }
    return 1;
}

static void report_syntax(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    int is_in_reader = p->error == YAML_READER_ERROR;
    struct place at = is_in_reader ? place_at(r, p->problem_offset) : place_of(r, p->problem_mark);
    size_t index = p->problem_mark.index; /* in characters: good enough to look for a tab */
    int is_tab = !is_in_reader && index < r->text.len && r->text.ptr[index] == '\t';

    report_error(r->report, at, "this is no YAML: %s%s%s%s",
                 p->problem ? p->problem : "it cannot be read", p->context ? " " : "",
                 p->context ? p->context : "",
                 is_tab ? "; indent with spaces, YAML has no tabs" : "");
}

static struct yaml_node *add_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = arena_alloc(r->doc->arena, sizeof(*node));
    struct yaml_node *parent = r->depth > 0 ? r->open[r->depth - 1] : NULL;

    node->kind = kind;
    node->at = place_of(r, mark);
    node->parent = parent;
    r->nodes++;
    if (!parent) {
        r->doc->root = node;
        return node;
    }
    node->name = TAKE(r->name[r->depth - 1]);
    node->name_at = r->name_at[r->depth - 1];
    node->index = parent->count++;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

static int is_key_next(const struct reader *r)
{
    return r->depth > 0 && r->open[r->depth - 1]->kind == YAML_MAP && !r->name[r->depth - 1];
}

/* Only what was decorated is wrong: the tree is read on, for its other errors. */
static void check_decoration(struct reader *r, const yaml_event_t *event, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    struct place at = place_of(r, event->start_mark);

    if (anchor)
        report_error(r->report, at, "anchors (&) are not supported; write the value out");
    if (tag)
        report_error(r->report, at, "tags (!) are not supported; remove it");
}

static void add_key(struct reader *r, const yaml_event_t *event)
{
    struct slice text = { (const char *)event->data.scalar.value, event->data.scalar.length };
    struct place at = place_of(r, event->start_mark);

    if (text.len == 0)
        report_error(r->report, at, "a key without a name");
    else if (memchr(text.ptr, '\0', text.len))
        report_error(r->report, at, "a NUL character is not allowed");
    r->name[r->depth - 1] = arena_str(r->doc->arena, text);
    r->name_at[r->depth - 1] = at;
}

static void add_scalar(struct reader *r, const yaml_event_t *event)
{
    struct slice text = { (const char *)event->data.scalar.value, event->data.scalar.length };

    check_decoration(r, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (is_key_next(r)) {
        add_key(r, event);
        return;
    }
    struct yaml_node *node = add_node(r, YAML_TEXT, event->start_mark);

    node->bytes = arena_str(r->doc->arena, text);
    node->text = (struct slice){ node->bytes, text.len };
    node->written = node->text;
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (text.len > 0 && memchr(text.ptr, '\0', text.len)) {
        report_error(r->report, node->at, "a NUL character is not allowed");
        node->is_bad = 1;
    }
}

static void add_alias(struct reader *r, const yaml_event_t *event)
{
    struct place at = place_of(r, event->start_mark);

    report_error(r->report, at, "aliases (*) are not supported; write the value out");
    if (is_key_next(r)) {
        r->name[r->depth - 1] = arena_str(r->doc->arena, SLICE_LIT("*"));
        r->name_at[r->depth - 1] = at;
        return;
    }
    struct yaml_node *node = add_node(r, YAML_TEXT, event->start_mark);

    node->bytes = arena_str(r->doc->arena, SLICE_LIT(""));
    node->text = (struct slice){ node->bytes, 0 };
    node->written = node->text;
    node->is_bad = 1;
}

static int open_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    if (r->depth == YAML_DEPTH_MAX) {
        report_error(r->report, place_of(r, mark), "nested deeper than %d", YAML_DEPTH_MAX);
        return 0;
    }
    if (is_key_next(r)) {
        report_error(r->report, place_of(r, mark), "a key must be text, not %s",
                     yaml_kind_name(kind));
        return 0;
    }
    struct yaml_node *node = add_node(r, kind, mark);

    r->open[r->depth] = node;
    r->name[r->depth] = NULL;
    r->depth++;
    return 1;
}

static int compare_names(const void *left, const void *right)
{
    const struct yaml_node *a = *(const struct yaml_node *const *)left;
    const struct yaml_node *b = *(const struct yaml_node *const *)right;
    int order = strcmp(a->name, b->name);

    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorts, because a file may well have one mapping with all of its keys in it. */
static void check_duplicates(struct reader *r, struct yaml_node *map)
{
    struct yaml_node **sorted = xcalloc(map->count + 1, sizeof(struct yaml_node *));
    size_t n = 0;

    for (struct yaml_node *node = map->first; node; node = node->next)
        sorted[n++] = node;
    qsort((void *)sorted, n, sizeof(struct yaml_node *), compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) != 0)
            continue;
        report_error(r->report, sorted[i]->name_at, "the key %s stands on line %u already",
                     quote(slice_of(sorted[i]->name)).text, sorted[i - 1]->name_at.line);
        sorted[i]->is_bad = 1;
    }
    free((void *)sorted);
}

static void close_node(struct reader *r)
{
    struct yaml_node *node = r->open[--r->depth];

    if (node->kind == YAML_MAP)
        check_duplicates(r, node);
}

static int take_document(struct reader *r, const yaml_event_t *event)
{
    if (++r->documents == 1)
        return 1;
    report_error(r->report, place_of(r, event->start_mark),
                 "a second document (---) starts here; one file holds one");
    return 0;
}

/* 0: reading cannot go on. */
static int take_event(struct reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return 1;
    case YAML_DOCUMENT_START_EVENT: return take_document(r, event);
    case YAML_ALIAS_EVENT: add_alias(r, event); return 1;
    case YAML_SCALAR_EVENT: add_scalar(r, event); return 1;
    case YAML_SEQUENCE_START_EVENT:
        check_decoration(r, event, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag);
        return open_node(r, YAML_LIST, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        check_decoration(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return open_node(r, YAML_MAP, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_node(r); return 1;
    }
    assert_failed("a YAML event has a type", __FILE__, __LINE__);
}

static int check_size(struct reader *r, const yaml_event_t *event)
{
    if (r->nodes < YAML_NODES_MAX)
        return 1;
    report_error(r->report, place_of(r, event->start_mark), "more than %d values in one file",
                 YAML_NODES_MAX);
    return 0;
}

static int read_events(struct reader *r)
{
    int is_end = 0;

    while (!is_end) {
        yaml_event_t event;

        if (!yaml_parser_parse(&r->parser, &event)) {
            report_syntax(r);
            return 0;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        int is_fine = check_size(r, &event) && take_event(r, &event);

        yaml_event_delete(&event);
        if (!is_fine)
            return 0;
    }
    return 1;
}

static int read_tree(struct reader *r)
{
    int is_read;

    if (!check_text(r))
        return 0;
    if (!yaml_parser_initialize(&r->parser))
        assert_failed("no memory for the YAML parser", __FILE__, __LINE__);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser,
                                 (const unsigned char *)(r->text.ptr ? r->text.ptr : ""),
                                 r->text.len);
    is_read = read_events(r);
    yaml_parser_delete(&r->parser);
    if (is_read && !r->doc->root) {
        report_error(r->report, (struct place){ .file = r->file }, "the file is empty");
        return 0;
    }
    return is_read;
}

/* Some editors begin a file with U+FEFF. libyaml would count it as a column. */
static struct slice without_mark(struct slice text)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t len = sizeof(mark) - 1;

    if (text.len < len || memcmp(text.ptr, mark, len) != 0)
        return text;
    return (struct slice){ text.ptr + len, text.len - len };
}

struct yaml *yaml_read(const char *file, struct slice text, struct report *report)
{
    /* Nodes with their name and text, which an escape such as \L makes half as long again, and what
     * the environment adds; all twice, for the ends of blocks that stay unused. */
    const size_t ceiling = 2 * (YAML_NODES_MAX * (sizeof(struct yaml_node) + 64) +
                                2 * (size_t)YAML_BYTES_MAX + (size_t)YAML_EXPANDED_MAX);
    struct yaml *doc = xcalloc(1, sizeof(*doc));
    struct reader r = { .doc = doc, .report = report, .file = file, .text = without_mark(text) };

    doc->arena = arena_new(ceiling);
    if (read_tree(&r))
        return doc;
    yaml_free(doc);
    return NULL;
}

/* Recurses no deeper than YAML_DEPTH_MAX. */
static void wipe(const struct yaml_node *node)
{
    for (const struct yaml_node *child = node->first; child; child = child->next)
        wipe(child);
    if (node->kind == YAML_TEXT)
        explicit_bzero(node->bytes, node->text.len);
}

void yaml_free(struct yaml *doc)
{
    if (!doc)
        return;
    if (doc->root)
        wipe(doc->root);
    arena_free(doc->arena);
    free(doc);
}
