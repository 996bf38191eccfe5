/* json_schema_check_parts.c - the parts of a value: items of arrays, members of objects. */
#include <stdio.h>

#include "base/json_schema_check.h"

/* ---- arrays ---- */

static int check_items(struct check *c, const struct schema_node *node, const struct json *value,
                       const struct json_step *at)
{
    size_t n = json_count(value);
    int is_fine = 1;

    if (!node->items && n > node->prefix.n)
        n = node->prefix.n;
    for (size_t i = 0; i < n && check_goes_on(c, is_fine); i++) {
        const struct json_step step = { .up = at, .index = i };

        is_fine &= check_node(c, i < node->prefix.n ? node->prefix.at[i].node : node->items,
                              json_at(value, i), &step);
    }
    return is_fine;
}

static int check_contains(struct check *c, const struct schema_node *node, const struct json *value,
                          const struct json_step *at)
{
    size_t fitting = 0;

    for (size_t i = 0; i < json_count(value) && fitting <= node->contains_max; i++) {
        const struct json_step step = { .up = at, .index = i };

        if (fitting >= node->contains_min && node->contains_max == SIZE_MAX)
            break;
        fitting += (size_t)check_silently(c, node->contains, json_at(value, i), &step);
        if (c->is_over)
            return 0;
    }
    if (fitting >= node->contains_min && fitting <= node->contains_max)
        return 1;
    return check_fail(c, at, "must have at %s %zu item%s that fit%s 'contains', has %zu%s",
                      fitting < node->contains_min ? "least" : "most",
                      fitting < node->contains_min ? node->contains_min : node->contains_max,
                      fitting < node->contains_min && node->contains_min == 1 ? "" : "s",
                      fitting < node->contains_min && node->contains_min == 1 ? "s" : "", fitting,
                      fitting < node->contains_min ? "" : " or more");
}

static int check_unique(struct check *c, const struct json *value, const struct json_step *at)
{
    size_t first;
    size_t second;
    int is_found = value_twins(value, &first, &second, &c->work);

    if (!check_take_work(c, 1))
        return 0;
    return !is_found ||
           check_fail(c, at, "must not have the same item twice; items %zu and %zu are", first,
                      second);
}

int check_array(struct check *c, const struct schema_node *node, const struct json *value,
                const struct json_step *at)
{
    size_t n = json_count(value);
    int is_fine = 1;

    if (n < node->items_min)
        is_fine = check_fail_count(c, at, "at least", node->items_min, "item", n);
    if (n > node->items_max)
        is_fine = check_fail_count(c, at, "at most", node->items_max, "item", n);
    if (check_goes_on(c, is_fine))
        is_fine &= check_items(c, node, value, at);
    if (node->contains && check_goes_on(c, is_fine))
        is_fine &= check_contains(c, node, value, at);
    if (node->is_unique && check_goes_on(c, is_fine))
        is_fine &= check_unique(c, value, at);
    return is_fine;
}

/* ---- objects ---- */

/* "is missing", or with a reason behind that. */
static int check_names(struct check *c, const struct json *names, const char *because,
                       const struct json *value, const struct json_step *at)
{
    int is_fine = 1;

    for (size_t i = 0; i < json_count(names) && check_goes_on(c, is_fine); i++) {
        const char *name = json_str(json_at(names, i)).ptr;
        const struct json_step step = { .up = at, .key = name, .index = STEP_KEY };

        if (!check_take_work(c, 1))
            return 0;
        if (json_get(value, name))
            continue;
        is_fine = because ? check_fail(c, &step, "is missing, which '%.80s' needs", because)
                          : check_fail(c, &step, "is missing");
    }
    return is_fine;
}

static int check_properties(struct check *c, const struct schema_node *node,
                            const struct json *value, const struct json_step *at)
{
    int is_fine = 1;

    for (size_t i = 0; i < node->properties.n && check_goes_on(c, is_fine); i++) {
        const struct schema_member *member = &node->properties.at[i];
        const struct json *inner = json_get(value, member->name);
        const struct json_step step = { .up = at, .key = member->name, .index = STEP_KEY };

        if (!check_take_work(c, 1))
            return 0;
        if (inner)
            is_fine &= check_node(c, member->node, inner, &step);
    }
    return is_fine;
}

/* A name as a value of its own: JSON has none of it. */
static int check_name(struct check *c, const struct schema_node *names, const char *name,
                      const struct json_step *at)
{
    size_t len = strlen(name);
    CLEANUP(json_cleanup) struct json *value = NULL;
    CLEANUP(buf_release) struct buf text = { .max = len * 6 + 16 };
    struct err err;

    if (!check_take_work(c, len + 16))
        return 0;
    json_put_str(&text, (struct slice){ name, len });
    if (json_read(&value, buf_slice(&text), text.max, &err))
        assert_failed(err.msg, __FILE__, __LINE__);
    return check_silently(c, names, value, at) ||
           check_fail(c, at, "is no name that is allowed here");
}

/* "is not known here; known are: order, amount" */
static int fail_unknown(struct check *c, const struct schema_node *node, const struct json_step *at)
{
    char known[160] = "";
    size_t len = 0;

    if (!check_wants(c))
        return 0;
    for (size_t i = 0; i < node->properties.n && len < sizeof(known); i++)
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%.40s",
                                i > 0 ? ", " : "; known are: ", node->properties.at[i].name);
    return check_fail(c, at, "is not known here%s%s", known, len >= sizeof(known) ? "..." : "");
}

/* A member's value against what patterns of names, and what all other names, have to fit. */
static int check_member(struct check *c, const struct schema_node *node, const char *name,
                        const struct json *value, const struct json_step *at)
{
    int is_known = json_get(node->properties.json, name) != NULL;
    int is_fine = 1;

    for (size_t i = 0; i < node->patterns.n && check_goes_on(c, is_fine); i++) {
        if (!check_pattern(c, node->patterns.at[i].pattern, slice_of(name)))
            continue;
        is_known = 1;
        is_fine &= check_node(c, node->patterns.at[i].node, value, at);
    }
    if (is_known || !node->additional || !check_goes_on(c, is_fine))
        return is_fine;
    if (!node->additional->is_never)
        return is_fine & check_node(c, node->additional, value, at);
    return fail_unknown(c, node, at);
}

static int check_members(struct check *c, const struct schema_node *node, const struct json *value,
                         const struct json_step *at)
{
    int is_fine = 1;

    if (!node->additional && !node->names && node->patterns.n == 0)
        return 1;
    for (struct json_iter *it = json_first(value); it && check_goes_on(c, is_fine);
         it = json_next(value, it)) {
        const char *name = json_iter_key(it);
        const struct json_step step = { .up = at, .key = name, .index = STEP_KEY };

        if (!check_take_work(c, 1))
            return 0;
        if (node->names)
            is_fine &= check_name(c, node->names, name, &step);
        is_fine &= check_member(c, node, name, json_iter_value(it), &step);
    }
    return is_fine;
}

static int check_dependencies(struct check *c, const struct schema_node *node,
                              const struct json *value, const struct json_step *at)
{
    int is_fine = 1;

    for (const struct schema_dependency *d = node->dependencies; d && check_goes_on(c, is_fine);
         d = d->next) {
        if (!check_take_work(c, 1))
            return 0;
        if (!json_get(value, d->name))
            continue;
        if (d->names)
            is_fine &= check_names(c, d->names, d->name, value, at);
        else
            is_fine &= check_node(c, d->node, value, at);
    }
    return is_fine;
}

int check_object(struct check *c, const struct schema_node *node, const struct json *value,
                 const struct json_step *at)
{
    size_t n = json_count(value);
    int is_fine = check_names(c, node->required, NULL, value, at);

    if (n < node->properties_min)
        is_fine = check_fail_count(c, at, "at least", node->properties_min, "member", n);
    if (n > node->properties_max)
        is_fine = check_fail_count(c, at, "at most", node->properties_max, "member", n);
    if (check_goes_on(c, is_fine))
        is_fine &= check_properties(c, node, value, at);
    if (check_goes_on(c, is_fine))
        is_fine &= check_members(c, node, value, at);
    if (node->dependencies && check_goes_on(c, is_fine))
        is_fine &= check_dependencies(c, node, value, at);
    return is_fine;
}
