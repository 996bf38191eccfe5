#include "config/yaml_json.h"

enum { NUMBER_BYTES_MAX = 400 };

static size_t digits_at(struct slice text, size_t at)
{
    size_t n = 0;

    while (at + n < text.len && text.ptr[at + n] >= '0' && text.ptr[at + n] <= '9')
        n++;
    return n;
}

/* The parts of a number in decimal, as slices of it. */
struct decimal {
    int is_negative;
    int has_point;
    struct slice whole;
    struct slice fraction;
    struct slice exponent; /* with its e and sign; or empty */
};

/* [-+]? ( digits ( . digits? )? | . digits ) ( [eE] [-+]? digits )? */
static int split_decimal(struct decimal *ret_decimal, struct slice text)
{
    struct decimal d = { 0 };
    size_t at = 0;

    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        d.is_negative = text.ptr[at++] == '-';
    d.whole = (struct slice){ text.ptr + at, digits_at(text, at) };
    at += d.whole.len;
    if (at < text.len && text.ptr[at] == '.') {
        d.has_point = 1;
        at++;
        d.fraction = (struct slice){ text.ptr + at, digits_at(text, at) };
        at += d.fraction.len;
    }
    if (d.whole.len + d.fraction.len == 0)
        return 0;
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        size_t sign = at + 1 < text.len && strchr("+-", text.ptr[at + 1]) ? 1 : 0;
        size_t n = digits_at(text, at + 1 + sign);

        if (n == 0)
            return 0;
        d.exponent = (struct slice){ text.ptr + at, 1 + sign + n };
        at += d.exponent.len;
    }
    if (at != text.len)
        return 0;
    *ret_decimal = d;
    return 1;
}

static int is_special_real(struct slice text)
{
    static const char *const words[] = { ".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf", "+.INF",
                                         "-.inf", "-.Inf", "-.INF", ".nan",  ".NaN",  ".NAN" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_is(text, words[i]))
            return 1;
    return 0;
}

static int is_true(struct slice text)
{
    return slice_is(text, "true") || slice_is(text, "True") || slice_is(text, "TRUE");
}

static int is_false(struct slice text)
{
    return slice_is(text, "false") || slice_is(text, "False") || slice_is(text, "FALSE");
}

static enum json_kind plain_kind(const struct yaml_node *node)
{
    struct decimal d;

    if (yaml_is_null(node))
        return JSON_KIND_NULL;
    if (is_true(node->text) || is_false(node->text))
        return JSON_KIND_BOOL;
    if (is_special_real(node->text))
        return JSON_KIND_REAL;
    if (!split_decimal(&d, node->text))
        return JSON_KIND_STRING;
    return d.has_point || d.exponent.len > 0 ? JSON_KIND_REAL : JSON_KIND_INT;
}

enum json_kind yaml_json_kind(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_LIST: return JSON_KIND_ARRAY;
    case YAML_MAP: return JSON_KIND_OBJECT;
    case YAML_TEXT: return node->is_plain ? plain_kind(node) : JSON_KIND_STRING;
    }
    assert_failed("a YAML node has a kind", __FILE__, __LINE__);
}

/*
 * JSON takes no plus, no leading zeros, and digits on both sides of a point. 0: JSON has no such
 * number, or our reader of JSON refuses it (beyond 64 bits, beyond a double).
 */
static int write_number(struct buf *number, const struct yaml_node *node)
{
    struct decimal d;
    struct json *value = NULL;
    struct err err;

    if (!split_decimal(&d, node->text) || node->text.len > NUMBER_BYTES_MAX)
        return 0;
    while (d.whole.len > 1 && d.whole.ptr[0] == '0')
        d.whole = (struct slice){ d.whole.ptr + 1, d.whole.len - 1 };
    buf_puts(number, d.is_negative ? "-" : "");
    buf_put(number, d.whole.len > 0 ? d.whole : SLICE_LIT("0"));
    if (d.has_point) {
        buf_puts(number, ".");
        buf_put(number, d.fraction.len > 0 ? d.fraction : SLICE_LIT("0"));
    }
    buf_put(number, d.exponent);
    if (json_read(&value, buf_slice(number), number->max, &err))
        return 0;
    json_free(value);
    return 1;
}

double yaml_json_number(const struct yaml_node *node)
{
    CLEANUP(buf_release) struct buf number = { .max = NUMBER_BYTES_MAX + 8 };
    CLEANUP(json_cleanup) struct json *value = NULL;
    struct err err;

    if (!write_number(&number, node) || json_read(&value, buf_slice(&number), number.max, &err))
        return 0;
    return json_number(value, 0);
}

static int put_number(struct buf *json, const struct yaml_node *node, struct report *report)
{
    CLEANUP(buf_release) struct buf number = { .max = NUMBER_BYTES_MAX + 8 };

    if (!write_number(&number, node)) {
        report_error(report, node->at, "%s: %s is out of range for a number; quote it for a text",
                     yaml_path(node).text, quote(node->written).text);
        return 0;
    }
    json_put_raw(json, buf_slice(&number));
    return 1;
}

/* Recurses no deeper than YAML_DEPTH_MAX. */
int yaml_json_write(struct buf *json, const struct yaml_node *node, struct report *report)
{
    enum json_kind kind = yaml_json_kind(node);
    int is_fine = !node->is_bad;

    switch (kind) {
    case JSON_KIND_ABSENT:
    case JSON_KIND_NULL: json_put_null(json); break;
    case JSON_KIND_BOOL: json_put_bool(json, is_true(node->text)); break;
    case JSON_KIND_INT:
    case JSON_KIND_REAL: is_fine &= put_number(json, node, report); break;
    case JSON_KIND_STRING: json_put_str(json, node->text); break;
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        json_begin(json, kind == JSON_KIND_ARRAY ? '[' : '{');
        for (const struct yaml_node *child = node->first; child; child = child->next) {
            if (child->name)
                json_key(json, child->name);
            is_fine &= yaml_json_write(json, child, report);
        }
        json_end(json, kind == JSON_KIND_ARRAY ? ']' : '}');
        break;
    }
    return is_fine;
}

int yaml_json_canonical(struct buf *json, const struct yaml_node *node, size_t bytes_max,
                        struct report *report)
{
    CLEANUP(buf_release) struct buf unsorted = { .max = YAML_JSON_MAX };
    CLEANUP(json_cleanup) struct json *value = NULL;
    struct err err;

    if (!yaml_json_write(&unsorted, node, report))
        return 0;
    if (unsorted.len > bytes_max) {
        report_error(report, yaml_where(node), "%s is larger than %zu KiB", yaml_path(node).text,
                     bytes_max / 1024);
        return 0;
    }
    if (json_read(&value, buf_slice(&unsorted), bytes_max, &err) ||
        json_write_canonical(json, value, &err)) {
        report_error(report, yaml_where(node), "%s: %s", yaml_path(node).text, err.msg);
        return 0;
    }
    return 1;
}
