#include "config/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "base/utf8.h"
#include "config/yaml_json.h"

enum { NAME_MAX_BYTES = 64 };

struct check {
    struct yaml *doc;
    struct report *report;
};

static void check_map(struct check *check, struct yaml_node *map, enum section section);

struct hint hint_among(const char *const *known, size_t known_n, struct slice word)
{
    struct hint hint = { "" };
    const char *nearest = nearest_word(word, known, known_n);

    if (nearest)
        (void)snprintf(hint.text, sizeof(hint.text), "; did you mean '%.64s'?", nearest);
    return hint;
}

struct hint hint_of(const struct yaml_node *known, struct slice word)
{
    struct hint hint = { "" };

    if (!known || known->count == 0 || known->count > HINTS_KNOWN_MAX)
        return hint;
    const char **names = xcalloc(known->count, sizeof(*names));
    size_t n = 0;

    for (const struct yaml_node *node = known->first; node; node = node->next)
        names[n++] = node->name;
    hint = hint_among(names, n, word);
    free((void *)names);
    return hint;
}

/* " in tools.refund", or "" at the top. */
static struct yaml_path inside(const struct yaml_node *map)
{
    struct yaml_path path = { "" };

    if (map->parent) {
        struct yaml_path outer = yaml_path(map);
        struct slice shown = utf8_prefix(slice_of(outer.text), sizeof(path.text) - 8);

        (void)snprintf(path.text, sizeof(path.text), " in %.*s", (int)shown.len, shown.ptr);
    }
    return path;
}

static void bad(struct yaml_node *node)
{
    node->is_bad = 1;
}

static void check_unknown(struct check *check, struct yaml_node *node, enum section section)
{
    enum { SECTION_KEYS_MAX = 32 };
    const char *known[SECTION_KEYS_MAX];
    size_t n = 0;
    const struct key *key;

    for (size_t i = 0; (key = keys_at(i)); i++) {
        if (key->section != section)
            continue;
        ASSERT(n < SECTION_KEYS_MAX);
        known[n++] = key->name;
    }
    report_error(check->report, node->name_at, "unknown key %s%s%s",
                 quote(slice_of(node->name)).text, inside(node->parent).text,
                 hint_among(known, n, slice_of(node->name)).text);
    bad(node);
}

/* 0 and an error if the node is not of this kind. */
static int check_kind(struct check *check, struct yaml_node *node, enum yaml_kind kind,
                      const struct key *key)
{
    if (node->kind == kind && !(kind == YAML_TEXT && yaml_is_null(node)))
        return 1;
    if (node->kind == kind)
        report_error(check->report, yaml_where(node), "%s has no value; write %s, or remove it",
                     yaml_path(node).text, value_type_name(key->type));
    else
        report_error(check->report, node->at, "%s must be %s, not %s", yaml_path(node).text,
                     value_type_name(key->type), yaml_kind_name(node->kind));
    bad(node);
    return 0;
}

/* A section whose every line is commented out is an empty one. */
static void check_container(struct yaml_node *node, enum yaml_kind kind)
{
    if (yaml_is_null(node))
        node->kind = kind;
}

static int check_scalar(struct check *check, struct yaml_node *node, const struct key *key)
{
    return !node->is_bad && check_kind(check, node, YAML_TEXT, key) &&
           yaml_expand(check->doc, node, key->type == VALUE_SECRET, check->report);
}

static void check_text(struct check *check, struct yaml_node *node, const struct key *key)
{
    struct bounds bounds = key_bounds(key);

    if (!check_scalar(check, node, key))
        return;
    if (node->text.len < (uint64_t)bounds.min) {
        report_error(check->report, node->at, "%s is empty", yaml_path(node).text);
        bad(node);
    }
    if (node->text.len > (uint64_t)bounds.max) {
        report_error(check->report, node->at, "%s is longer than %s", yaml_path(node).text,
                     key->max);
        bad(node);
    }
}

static size_t count_words(const char *const *words)
{
    size_t n = 0;

    while (n < KEY_CHOICES_MAX && words[n])
        n++;
    return n;
}

static int has_word(const char *const *words, struct slice word)
{
    for (size_t i = 0; i < count_words(words); i++)
        if (slice_is(word, words[i]))
            return 1;
    return 0;
}

static void check_choice(struct check *check, struct yaml_node *node, const struct key *key)
{
    CLEANUP(buf_release) struct buf words = { .max = 256 };

    if (!check_scalar(check, node, key) || has_word(key->choices, node->text))
        return;
    for (size_t i = 0; i < count_words(key->choices); i++)
        buf_putf(&words, "%s%s", i > 0 ? " or " : "", key->choices[i]);
    if (has_word(key->later_choices, node->text))
        report_error(check->report, node->at, "%s: %s comes in a later version; write %s for now",
                     yaml_path(node).text, quote(node->written).text, buf_cstr(&words));
    else
        report_error(check->report, node->at, "%s: %s is not known; write %s%s",
                     yaml_path(node).text, quote(node->written).text, buf_cstr(&words),
                     hint_among(key->choices, count_words(key->choices), node->written).text);
    bad(node);
}

static void check_number(struct check *check, struct yaml_node *node, const struct key *key)
{
    struct bounds bounds = key_bounds(key);
    struct err err = { 0 };
    int64_t value = 0;

    if (!check_scalar(check, node, key))
        return;
    if (value_parse(&value, key->type, node->text, &err)) {
        /* The message quotes the text, and one from the environment must not be seen: what is
         * written in its place holds a dollar, so it is no number either. */
        enum err_code code = value_parse(&value, key->type, node->written, &err);

        ASSERT(code != ERR_NONE);
        report_error(check->report, node->at, "%s: %s", yaml_path(node).text, err.msg);
        bad(node);
    } else if (value < bounds.min || value > bounds.max) {
        report_error(check->report, node->at, "%s: %s is too %s: it must be %s %s",
                     yaml_path(node).text, quote(node->written).text,
                     value < bounds.min ? "small" : "large",
                     value < bounds.min ? "at least" : "at most",
                     value < bounds.min ? key->min : key->max);
        bad(node);
    }
}

static void check_count(struct check *check, struct yaml_node *node, const struct key *key)
{
    if (node->count <= (uint64_t)key_bounds(key).max)
        return;
    report_error(check->report, node->at, "%s has %zu entries; at most %s are allowed",
                 yaml_path(node).text, node->count, key->max);
    bad(node);
}

static void check_texts(struct check *check, struct yaml_node *node, const struct key *key)
{
    const struct key item = { .type = VALUE_TEXT, .min = "1B", .max = "64KiB" };

    check_container(node, YAML_LIST);
    if (!check_kind(check, node, YAML_LIST, key))
        return;
    check_count(check, node, key);
    for (struct yaml_node *child = node->first; child; child = child->next)
        check_text(check, child, &item);
}

/* One, or a list of them. */
static void check_secrets(struct check *check, struct yaml_node *node, const struct key *key)
{
    const struct key item = { .type = VALUE_SECRET, .min = "1B", .max = "4KiB" };

    if (node->kind != YAML_LIST) {
        check_text(check, node, &item);
        return;
    }
    check_count(check, node, key);
    for (struct yaml_node *child = node->first; child; child = child->next)
        check_text(check, child, &item);
    if (node->count == 0)
        report_error(check->report, yaml_where(node), "%s is empty; it needs one entry at least",
                     yaml_path(node).text);
}

static void check_command(struct check *check, struct yaml_node *node, const struct key *key)
{
    const struct key word = { .type = VALUE_TEXT, .min = "1B", .max = "4KiB" };

    if (node->kind != YAML_TEXT) {
        check_texts(check, node, key);
        return;
    }
    check_text(check, node, &word);
    if (!node->is_bad && strpbrk(node->text.ptr, " \t\n|&;<>()`\"'*?")) {
        report_error(check->report, node->at,
                     "%s is a command line, and no shell reads it; write a list: [program, "
                     "argument, ...]",
                     yaml_path(node).text);
        bad(node);
    }
}

/* Names go into URLs, into the provider's tool names and into folders. */
static int is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len > 0 && len <= NAME_MAX_BYTES && text[len] == '\0';
}

static void check_named_maps(struct check *check, struct yaml_node *node, const struct key *key)
{
    check_container(node, YAML_MAP);
    if (!check_kind(check, node, YAML_MAP, key))
        return;
    check_count(check, node, key);
    if (key->is_required && node->count == 0)
        report_error(check->report, yaml_where(node), "'%s' is empty; it needs one entry at least",
                     key->name);
    for (struct yaml_node *child = node->first; child; child = child->next) {
        if (!is_name(child->name))
            report_error(check->report, child->name_at,
                         "%s is no name: write 1 to %d of the characters A-Z a-z 0-9 _ -",
                         quote(slice_of(child->name)).text, NAME_MAX_BYTES);
        check_container(child, YAML_MAP);
        if (check_kind(check, child, YAML_MAP, &(struct key){ .type = VALUE_MAP }))
            check_map(check, child, key->inner);
    }
}

static void check_text_map(struct check *check, struct yaml_node *node, const struct key *key)
{
    const struct key item = { .type = VALUE_TEXT, .max = "1KiB" };

    check_container(node, YAML_MAP);
    if (!check_kind(check, node, YAML_MAP, key))
        return;
    check_count(check, node, key);
    for (struct yaml_node *child = node->first; child; child = child->next) {
        size_t len = strlen(child->name);

        if (len == 0 || len > NAME_MAX_BYTES) {
            report_error(check->report, child->name_at, "%s must have a name of 1 to %d bytes",
                         quote(slice_of(child->name)).text, NAME_MAX_BYTES);
            bad(child);
        }
        if (!child->is_bad)
            check_text(check, child, &item);
    }
}

/* ---- approvals ---- */

/* One of these words. */
static void check_word(struct check *check, struct yaml_node *node, const struct key *key,
                       const char *const *words, size_t n)
{
    int is_known = 0;

    if (!check_scalar(check, node, key))
        return;
    for (size_t i = 0; i < n; i++)
        is_known |= slice_is(node->text, words[i]);
    if (is_known)
        return;
    report_error(check->report, node->at, "%s: %s is not known; write %s%s", yaml_path(node).text,
                 quote(node->written).text, value_type_name(key->type),
                 hint_among(words, n, node->written).text);
    bad(node);
}

/* A list of mappings, none of them missing. */
static void check_maps(struct check *check, struct yaml_node *node, const struct key *key,
                       enum section section)
{
    if (!check_kind(check, node, YAML_LIST, key))
        return;
    check_count(check, node, key);
    if (node->count == 0) {
        report_error(check->report, yaml_where(node), "%s is empty; it needs one entry at least",
                     yaml_path(node).text);
        bad(node);
    }
    for (struct yaml_node *child = node->first; child; child = child->next)
        if (check_kind(check, child, YAML_MAP, &(struct key){ .type = VALUE_MAP }))
            check_map(check, child, section);
}

static void check_approval(struct check *check, struct yaml_node *node, const struct key *key)
{
    static const char *const words[] = { "never", "always" };

    if (node->kind == YAML_TEXT)
        check_word(check, node, key, words, ARRAY_LEN(words));
    else if (node->kind == YAML_MAP)
        check_map(check, node, SECTION_APPROVAL);
    else
        check_maps(check, node, key, SECTION_APPROVAL);
}

static void check_when(struct check *check, struct yaml_node *node, const struct key *key)
{
    static const char *const words[] = { "always" };

    if (node->kind == YAML_TEXT)
        check_word(check, node, key, words, ARRAY_LEN(words));
    else
        check_maps(check, node, key, SECTION_CONDITION);
}

static void check_single(struct check *check, struct yaml_node *node, const struct key *key)
{
    enum json_kind kind = yaml_json_kind(node);

    if (kind != JSON_KIND_NULL && !check_scalar(check, node, key))
        return;
    kind = yaml_json_kind(node);
    if (key->type != VALUE_ANY_NUMBER || kind == JSON_KIND_INT || kind == JSON_KIND_REAL)
        return;
    report_error(check->report, node->at, "%s must be a number, not %s", yaml_path(node).text,
                 json_kind_name(kind));
    bad(node);
}

static void check_singles(struct check *check, struct yaml_node *node, const struct key *key)
{
    if (!check_kind(check, node, YAML_LIST, key))
        return;
    check_count(check, node, key);
    for (struct yaml_node *child = node->first; child; child = child->next)
        check_single(check, child, &(struct key){ .type = VALUE_SINGLE });
}

/* Recurses no deeper than YAML_DEPTH_MAX. */
static void expand_all(struct check *check, struct yaml_node *node)
{
    if (node->kind == YAML_TEXT)
        (void)yaml_expand(check->doc, node, 0, check->report);
    for (struct yaml_node *child = node->first; child; child = child->next)
        expand_all(check, child);
}

static void check_value(struct check *check, struct yaml_node *node, const struct key *key)
{
    if (node->is_bad)
        return;
    switch (key->type) {
    case VALUE_TEXT:
    case VALUE_SECRET:
    case VALUE_NAME: check_text(check, node, key); return;
    case VALUE_CHOICE: check_choice(check, node, key); return;
    case VALUE_DURATION:
    case VALUE_SIZE:
    case VALUE_COUNT:
    case VALUE_USD:
    case VALUE_PRICE: check_number(check, node, key); return;
    case VALUE_TEXTS: check_texts(check, node, key); return;
    case VALUE_COMMAND: check_command(check, node, key); return;
    case VALUE_MAP:
        check_container(node, YAML_MAP);
        if (check_kind(check, node, YAML_MAP, key))
            check_map(check, node, key->inner);
        return;
    case VALUE_SECRETS: check_secrets(check, node, key); return;
    case VALUE_MAPS:
        check_container(node, YAML_LIST);
        if (node->kind != YAML_LIST || node->count > 0)
            check_maps(check, node, key, key->inner);
        return;
    case VALUE_NAMED_MAPS: check_named_maps(check, node, key); return;
    case VALUE_TEXT_MAP: check_text_map(check, node, key); return;
    case VALUE_SCHEMA: expand_all(check, node); return;
    case VALUE_APPROVAL: check_approval(check, node, key); return;
    case VALUE_WHEN: check_when(check, node, key); return;
    case VALUE_ANY_NUMBER:
    case VALUE_SINGLE: check_single(check, node, key); return;
    case VALUE_SINGLES: check_singles(check, node, key); return;
    case VALUE_SCRIPT: return;
    case VALUE_TYPE_COUNT: break;
    }
    assert_failed("a key has a type", __FILE__, __LINE__);
}

static void check_later(struct check *check, struct yaml_node *node)
{
    report_error(check->report, node->name_at, "'%s'%s comes in a later version; remove it for now",
                 node->name, inside(node->parent).text);
    bad(node);
}

static void check_missing(struct check *check, const struct yaml_node *map, enum section section)
{
    const struct key *key;

    for (size_t i = 0; (key = keys_at(i)); i++) {
        struct fields fields = { map, section };

        if (key->section == section && key->is_required && !fields_has(fields, key->name))
            report_error(check->report, yaml_where(map), "'%s' is missing%s: %s", key->name,
                         inside(map).text, value_type_name(key->type));
    }
}

static void check_map(struct check *check, struct yaml_node *map, enum section section)
{
    for (struct yaml_node *node = map->first; node; node = node->next) {
        const struct key *key = keys_find(section, slice_of(node->name));

        if (node->is_bad)
            continue;
        if (!key)
            check_unknown(check, node, section);
        else if (key->is_later)
            check_later(check, node);
        else
            check_value(check, node, key);
    }
    check_missing(check, map, section);
}

void check_tree(struct yaml *doc, struct report *report)
{
    struct check check = { doc, report };
    struct yaml_node *root = yaml_root(doc);

    if (root->kind != YAML_MAP) {
        report_error(report, root->at, "the file must be a mapping (key: value), not %s",
                     yaml_kind_name(root->kind));
        bad(root);
        return;
    }
    check_map(&check, root, SECTION_TOP);
}

int fields_has(struct fields fields, const char *name)
{
    ASSERT(keys_find(fields.section, slice_of(name)));
    return fields.map && yaml_get(fields.map, name);
}

const struct yaml_node *fields_node(struct fields fields, const char *name)
{
    ASSERT(keys_find(fields.section, slice_of(name)));
    const struct yaml_node *node = fields.map ? yaml_get(fields.map, name) : NULL;

    return node && !node->is_bad ? node : NULL;
}

struct fields fields_inner(struct fields fields, const char *name)
{
    const struct key *key = keys_find(fields.section, slice_of(name));

    ASSERT(key && key->type == VALUE_MAP);
    return (struct fields){ fields_node(fields, name), key->inner };
}

struct slice fields_text(struct fields fields, const char *name)
{
    const struct key *key = keys_find(fields.section, slice_of(name));
    const struct yaml_node *node = fields_node(fields, name);

    ASSERT(key && !value_is_number(key->type));
    return node ? node->text : slice_of(key->fallback);
}

int64_t fields_number(struct fields fields, const char *name)
{
    const struct key *key = keys_find(fields.section, slice_of(name));
    const struct yaml_node *node = fields_node(fields, name);
    struct err err;
    int64_t value = 0;

    ASSERT(key && value_is_number(key->type));
    if (!node && !key->fallback)
        return 0;
    if (value_parse(&value, key->type, node ? node->text : slice_of(key->fallback), &err))
        assert_failed(err.msg, __FILE__, __LINE__); /* checked, or ours */
    return value;
}
