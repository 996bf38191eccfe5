/* json_schema_check.c - a value against a compiled schema. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json_schema_check.h"

enum {
    DEPTH_MAX = 1000,     /* of schemas, on our own stack */
    BYTES_A_LOOK = 16,    /* of a text that is only gone through */
    LOOKS_A_FAULT = 64,   /* that its words are worth */
    ALTERNATIVES_MAX = 9, /* that the words about none of them fitting name */
};

int check_take_work(struct check *c, uint64_t looks)
{
    if (c->work <= looks) {
        c->work = 0;
        c->is_over = 1;
        return 0;
    }
    c->work -= looks;
    return 1;
}

int check_pattern(struct check *c, const struct regex *regex, struct slice text)
{
    enum regex_verdict verdict = regex_test(regex, text, &c->work);

    if (verdict == REGEX_TOO_MUCH_WORK)
        c->is_over = 1;
    return verdict == REGEX_YES;
}

int check_fail(struct check *c, const struct json_step *at, const char *fmt, ...)
{
    va_list ap;

    if (!check_wants(c) || !check_take_work(c, LOOKS_A_FAULT))
        return 0;
    va_start(ap, fmt);
    fault_addv(c->faults, at, fmt, ap);
    va_end(ap);
    return 0;
}

int check_fail_count(struct check *c, const struct json_step *at, const char *bound, size_t wanted,
                     const char *unit, size_t has)
{
    return check_fail(c, at, "must have %s %zu %s%s, has %zu", bound, wanted, unit,
                      wanted == 1 ? "" : "s", has);
}

/* "must be at most 100, is 250" */
static int fail_bound(struct check *c, const struct json_step *at, const char *bound,
                      const struct json *wanted, const struct json *value)
{
    /* An object's names are gone through for its excerpt. */
    if (!check_wants(c) || !check_take_work(c, json_count(wanted) + json_count(value)))
        return 0;
    return check_fail(c, at, "must be %s %s, is %s", bound, json_excerpt(wanted).text,
                      json_excerpt(value).text);
}

/* ---- what any value can be held to ---- */

static unsigned types_of(const struct json *value)
{
    switch (json_kind(value)) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL: return 1u << TYPE_NULL;
    case JSON_KIND_BOOL: return 1u << TYPE_BOOLEAN;
    case JSON_KIND_INT: return 1u << TYPE_INTEGER | 1u << TYPE_NUMBER;
    case JSON_KIND_REAL:
        return 1u << TYPE_NUMBER | (value_is_integer(value) ? 1u << TYPE_INTEGER : 0);
    case JSON_KIND_STRING: return 1u << TYPE_STRING;
    case JSON_KIND_ARRAY: return 1u << TYPE_ARRAY;
    case JSON_KIND_OBJECT: return 1u << TYPE_OBJECT;
    }
    assert_failed("a JSON node has a kind", __FILE__, __LINE__);
}

static int check_type(struct check *c, const struct schema_node *node, const struct json *value,
                      const struct json_step *at)
{
    char wanted[96] = "";
    size_t len = 0;

    if (node->types == 0 || (node->types & types_of(value)))
        return 1;
    for (unsigned i = 0; i < JSON_TYPE_COUNT; i++)
        if (node->types & 1u << i)
            len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "%s%s",
                                    len > 0 ? " or " : "", json_type_names[i]);
    return check_fail(c, at, "must be %s, is %s", wanted, json_kind_name(json_kind(value)));
}

static int is_among(struct check *c, const struct json *choices, const struct json *value)
{
    for (size_t i = 0; i < json_count(choices) && c->work > 0; i++)
        if (value_equal(json_at(choices, i), value, &c->work))
            return 1;
    return 0;
}

static int check_constants(struct check *c, const struct schema_node *node,
                           const struct json *value, const struct json_step *at)
{
    int is_fine = 1;

    if (node->constant && !value_equal(node->constant, value, &c->work))
        is_fine = fail_bound(c, at, "exactly", node->constant, value);
    if (node->choices && !is_among(c, node->choices, value))
        is_fine = fail_bound(c, at, "one of", node->choices, value);
    return check_take_work(c, 1) && is_fine;
}

/* ---- numbers and strings ---- */

static int check_number(struct check *c, const struct schema_node *node, const struct json *value,
                        const struct json_step *at)
{
    int is_fine = 1;

    if (node->minimum && value_compare(value, node->minimum) < 0)
        is_fine = fail_bound(c, at, "at least", node->minimum, value);
    if (node->maximum && value_compare(value, node->maximum) > 0)
        is_fine = fail_bound(c, at, "at most", node->maximum, value);
    if (node->above && value_compare(value, node->above) <= 0)
        is_fine = fail_bound(c, at, "above", node->above, value);
    if (node->below && value_compare(value, node->below) >= 0)
        is_fine = fail_bound(c, at, "below", node->below, value);
    if (node->multiple_of && !value_is_multiple(value, node->multiple_of))
        is_fine = fail_bound(c, at, "a multiple of", node->multiple_of, value);
    return is_fine;
}

static size_t count_characters(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

static int check_length(struct check *c, const struct schema_node *node, struct slice text,
                        const struct json_step *at)
{
    if (node->length_min == 0 && node->length_max == SIZE_MAX)
        return 1;
    if (!check_take_work(c, text.len / BYTES_A_LOOK))
        return 0;
    size_t n = count_characters(text);

    if (n < node->length_min)
        return check_fail_count(c, at, "at least", node->length_min, "character", n);
    if (n > node->length_max)
        return check_fail_count(c, at, "at most", node->length_max, "character", n);
    return 1;
}

static int check_string(struct check *c, const struct schema_node *node, const struct json *value,
                        const struct json_step *at)
{
    struct slice text = json_str(value);
    int is_fine = check_length(c, node, text, at);

    if (!node->pattern || !check_goes_on(c, is_fine) || check_pattern(c, node->pattern, text))
        return is_fine;
    return check_fail(c, at, "must match the pattern %s", node->pattern_text);
}

/* ---- schemas that apply to the same value ---- */

static int check_all(struct check *c, const struct schema_node *node, const struct json *value,
                     const struct json_step *at)
{
    int is_fine = !node->ref || check_node(c, node->ref, value, at);

    for (size_t i = 0; i < node->all_of.n && check_goes_on(c, is_fine); i++)
        is_fine &= check_node(c, node->all_of.at[i].node, value, at);
    return is_fine;
}

/* What was wrong with each of several alternatives, as far as there is room. */
struct reasons {
    char own[sizeof(((struct json_schema_fault *)NULL)->pointer)];
    char text[200];
    size_t len;
    size_t before; /* faults that there were */
};

static void reasons_begin(struct reasons *reasons, struct check *c, const struct json_step *at)
{
    reasons->len = 0;
    reasons->text[0] = '\0';
    if (!check_wants(c) || !check_take_work(c, LOOKS_A_FAULT))
        return;
    reasons->before = c->faults->n;
    fault_pointer(reasons->own, sizeof(reasons->own), at);
}

/* Takes the faults of one alternative back, and keeps the words of its first. */
static void reasons_add(struct reasons *reasons, struct check *c, size_t number)
{
    if (!c->faults || c->faults->n == reasons->before)
        return;
    const struct json_schema_fault *first = &c->faults->at[reasons->before];
    int is_elsewhere = strcmp(first->pointer, reasons->own) != 0;

    c->faults->n = reasons->before;
    if (number > ALTERNATIVES_MAX || reasons->len >= sizeof(reasons->text))
        return;
    reasons->len +=
        (size_t)snprintf(reasons->text + reasons->len, sizeof(reasons->text) - reasons->len,
                         "; %zu: %s%s%s", number, is_elsewhere ? first->pointer : "",
                         is_elsewhere ? ": " : "", first->what);
}

static int check_any(struct check *c, const struct schema_list *list, const struct json *value,
                     const struct json_step *at)
{
    struct reasons reasons;
    int is_wanted = check_wants(c);

    reasons_begin(&reasons, c, at);
    for (size_t i = 0; i < list->n && !c->is_over; i++) {
        if (is_wanted ? check_node(c, list->at[i].node, value, at)
                      : check_silently(c, list->at[i].node, value, at))
            return 1;
        if (is_wanted)
            reasons_add(&reasons, c, i + 1);
    }
    return check_fail(c, at, "fits none of %zu alternatives%s", list->n, reasons.text);
}

static int check_one(struct check *c, const struct schema_list *list, const struct json *value,
                     const struct json_step *at)
{
    size_t fitting[2];
    size_t n = 0;

    for (size_t i = 0; i < list->n && n < 2 && !c->is_over; i++)
        if (check_silently(c, list->at[i].node, value, at))
            fitting[n++] = i + 1;
    if (n == 2)
        return check_fail(c, at, "must fit one alternative only, fits number %zu and %zu",
                          fitting[0], fitting[1]);
    return n == 1 || check_any(c, list, value, at); /* none: once more, for the reasons */
}

static int check_condition(struct check *c, const struct schema_node *node,
                           const struct json *value, const struct json_step *at)
{
    const struct schema_node *then =
        check_silently(c, node->condition, value, at) ? node->then : node->otherwise;

    return !then || check_node(c, then, value, at);
}

static int check_in_place(struct check *c, const struct schema_node *node, const struct json *value,
                          const struct json_step *at)
{
    int is_fine = check_all(c, node, value, at);

    if (node->any_of.n > 0 && check_goes_on(c, is_fine))
        is_fine &= check_any(c, &node->any_of, value, at);
    if (node->one_of.n > 0 && check_goes_on(c, is_fine))
        is_fine &= check_one(c, &node->one_of, value, at);
    if (node->condition && check_goes_on(c, is_fine))
        is_fine &= check_condition(c, node, value, at);
    if (node->negated && check_goes_on(c, is_fine) && check_silently(c, node->negated, value, at))
        is_fine = check_fail(c, at, "must not fit the schema in 'not'");
    return is_fine;
}

/* ---- a node ---- */

static int check_kind(struct check *c, const struct schema_node *node, const struct json *value,
                      const struct json_step *at)
{
    switch (json_kind(value)) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL:
    case JSON_KIND_BOOL: return 1;
    case JSON_KIND_INT:
    case JSON_KIND_REAL: return check_number(c, node, value, at);
    case JSON_KIND_STRING: return check_string(c, node, value, at);
    case JSON_KIND_ARRAY: return check_array(c, node, value, at);
    case JSON_KIND_OBJECT: return check_object(c, node, value, at);
    }
    assert_failed("a JSON node has a kind", __FILE__, __LINE__);
}

static int check_inside(struct check *c, const struct schema_node *node, const struct json *value,
                        const struct json_step *at)
{
    if (node->is_never)
        return check_fail(c, at, "is not allowed here");
    if (!check_type(c, node, value, at))
        return 0; /* what else is wrong follows from that */
    int is_fine = check_constants(c, node, value, at);

    if (check_goes_on(c, is_fine))
        is_fine &= check_kind(c, node, value, at);
    if (check_goes_on(c, is_fine))
        is_fine &= check_in_place(c, node, value, at);
    return is_fine;
}

int check_node(struct check *c, const struct schema_node *node, const struct json *value,
               const struct json_step *at)
{
    if (c->depth >= DEPTH_MAX)
        c->is_over = 1;
    if (c->is_over || !check_take_work(c, 1))
        return 0;
    c->depth++;
    int is_fine = check_inside(c, node, value, at);

    c->depth--;
    return is_fine;
}

int check_silently(struct check *c, const struct schema_node *node, const struct json *value,
                   const struct json_step *at)
{
    struct json_schema_faults *faults = c->faults;

    c->faults = NULL;
    int is_fine = check_node(c, node, value, at);

    c->faults = faults;
    return is_fine;
}

/* Once more, for the words: the verdict is known, and must not hang on what words cost. */
static void find_faults(const struct json_schema *schema, const struct json *value,
                        struct json_schema_faults *faults)
{
    struct check c = { .faults = faults, .work = JSON_SCHEMA_WORK_MAX };

    faults->n = 0;
    (void)check_node(&c, schema->root, value, NULL);
    if (!c.is_over && faults->n > 0)
        return;
    faults->n = 0;
    fault_add(faults, NULL, "does not fit; to say where takes too much work");
}

enum err_code json_schema_check(const struct json_schema *schema, const struct json *value,
                                struct json_schema_faults *ret_faults, struct err *err)
{
    struct check c = { .work = JSON_SCHEMA_WORK_MAX };
    int is_fine = check_node(&c, schema->root, value, NULL);

    if (c.is_over) {
        if (ret_faults)
            ret_faults->n = 0;
        fault_add(ret_faults, NULL, "takes too much work to check");
        return err_set(err, ERR_LIMIT, "it takes too much work to check");
    }
    if (is_fine)
        return ERR_NONE;
    if (!ret_faults)
        return err_set(err, ERR_INVALID, "it does not fit its schema");
    find_faults(schema, value, ret_faults);
    return err_set(err, ERR_INVALID, "%s%s%s", ret_faults->at[0].pointer,
                   ret_faults->at[0].pointer[0] ? ": " : "it ", ret_faults->at[0].what);
}
