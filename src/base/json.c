/* json.c - reading: jansson behind json.h, with limits and messages of our own. */
#include "base/json.h"

#include <jansson.h>

/* A struct json is jansson's json_t under another name, so that no header shows the library. */
static const json_t *node_of(const struct json *node)
{
    return (const json_t *)(const void *)node;
}

static const struct json *node_from(const json_t *node)
{
    return (const struct json *)(const void *)node;
}

/* jansson's iterators take the object without const, though they leave it alone. */
static json_t *iterable(const struct json *object)
{
    union {
        const struct json *given;
        json_t *wanted;
    } same = { .given = object };

    return json_is_object(same.wanted) ? same.wanted : NULL;
}

/* Where a reader stands in the text. Columns count bytes, from 1. */
struct place {
    size_t line, column;
};

static struct place place_of(struct slice text, size_t at)
{
    struct place place = { 1, 1 };

    for (size_t i = 0; i < at && i < text.len; i++) {
        place.column++;
        if (text.ptr[i] == '\n')
            place = (struct place){ place.line + 1, 1 };
    }
    return place;
}

static enum err_code fail_at(struct err *err, enum err_code code, struct slice text, size_t at,
                             const char *what)
{
    struct place place = place_of(text, at);

    return err_set(err, code, "line %zu, column %zu: %s", place.line, place.column, what);
}

/*
 * What jansson leaves open or says badly. It recurses to a depth of 2048, which is more than we
 * grant its stack and ours; and it does not place a bare control character in a string. What
 * is malformed otherwise is its business.
 */
static enum err_code prescan(struct slice text, struct err *err)
{
    size_t depth = 0;
    int in_string = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (in_string && (unsigned char)c < 0x20)
            return fail_at(err, ERR_INVALID, text, i, "a control character in a string");
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (in_string)
            continue;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return fail_at(err, ERR_LIMIT, text, i, "nested too deep");
    }
    return ERR_NONE;
}

static const char *explain(enum json_error_code code)
{
    switch (code) {
    case json_error_premature_end_of_input: return "the JSON ends too early";
    case json_error_end_of_input_expected: return "there is more after the end of the JSON";
    case json_error_invalid_utf8: return "not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "a NUL character is not allowed in a string";
    case json_error_duplicate_key: return "the same key twice in one object";
    case json_error_numeric_overflow: return "a number out of range";
    case json_error_stack_overflow: return "nested too deep";
    case json_error_out_of_memory: return "out of memory";
    case json_error_invalid_syntax:
    case json_error_unknown:
    case json_error_null_value:
    case json_error_invalid_argument:
    case json_error_cannot_open_file:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_item_not_found:
    case json_error_index_out_of_range: break;
    }
    return "not valid JSON";
}

static int is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80 || c == '.' || c == '+' || c == '-';
}

/*
 * Where the error is. jansson's position counts the bytes that it had taken: bad UTF-8 not
 * among them, else up to the end of the word that it does not like, whose start says more.
 */
static size_t find_error(struct slice text, const json_error_t *why)
{
    size_t at = why->position > 0 ? (size_t)why->position : 0;

    if (json_error_code(why) == json_error_premature_end_of_input)
        return text.len;
    if (json_error_code(why) == json_error_invalid_utf8 || at == 0 || at > text.len)
        return at;
    at--;
    while (at > 0 && is_word(text.ptr[at]) && is_word(text.ptr[at - 1]))
        at--;
    return at;
}

enum err_code json_read(struct json **ret_root, struct slice text, size_t bytes_max,
                        struct err *err)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    json_error_t why;

    if (text.len > bytes_max)
        return err_set(err, ERR_LIMIT, "the JSON has %zu bytes; at most %zu are allowed", text.len,
                       bytes_max);
    if (prescan(text, err))
        return err->code;
    json_t *root = json_loadb(text.len > 0 ? text.ptr : "", text.len, flags, &why);

    if (!root)
        return fail_at(err, ERR_INVALID, text, find_error(text, &why),
                       explain(json_error_code(&why)));
    *ret_root = (struct json *)(void *)root;
    return ERR_NONE;
}

void json_free(struct json *root)
{
    json_decref((json_t *)(void *)root);
}

void json_cleanup(struct json **root)
{
    json_free(*root);
}

enum json_kind json_kind(const struct json *node)
{
    if (!node)
        return JSON_KIND_ABSENT;
    switch (json_typeof(node_of(node))) {
    case JSON_NULL: return JSON_KIND_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return JSON_KIND_BOOL;
    case JSON_INTEGER: return JSON_KIND_INT;
    case JSON_REAL: return JSON_KIND_REAL;
    case JSON_STRING: return JSON_KIND_STRING;
    case JSON_ARRAY: return JSON_KIND_ARRAY;
    case JSON_OBJECT: return JSON_KIND_OBJECT;
    }
    assert_failed("a JSON node has a type", __FILE__, __LINE__);
}

const char *json_kind_name(enum json_kind kind)
{
    switch (kind) {
    case JSON_KIND_ABSENT: return "absent";
    case JSON_KIND_NULL: return "null";
    case JSON_KIND_BOOL: return "boolean";
    case JSON_KIND_INT: return "integer";
    case JSON_KIND_REAL: return "number";
    case JSON_KIND_STRING: return "string";
    case JSON_KIND_ARRAY: return "array";
    case JSON_KIND_OBJECT: return "object";
    }
    return "unknown";
}

const struct json *json_get(const struct json *object, const char *key)
{
    return node_from(json_object_get(node_of(object), key));
}

size_t json_count(const struct json *node)
{
    const json_t *n = node_of(node);

    return json_is_array(n) ? json_array_size(n) : json_object_size(n);
}

const struct json *json_at(const struct json *array, size_t i)
{
    return node_from(json_array_get(node_of(array), i));
}

struct json_iter *json_first(const struct json *object)
{
    return json_object_iter(iterable(object));
}

struct json_iter *json_next(const struct json *object, struct json_iter *it)
{
    return json_object_iter_next(iterable(object), it);
}

const char *json_iter_key(struct json_iter *it)
{
    return json_object_iter_key(it);
}

const struct json *json_iter_value(struct json_iter *it)
{
    return node_from(json_object_iter_value(it));
}

struct slice json_str(const struct json *node)
{
    const json_t *n = node_of(node);

    return (struct slice){ json_string_value(n), json_string_length(n) };
}

int64_t json_int(const struct json *node, int64_t otherwise)
{
    const json_t *n = node_of(node);

    return json_is_integer(n) ? json_integer_value(n) : otherwise;
}

double json_number(const struct json *node, double otherwise)
{
    const json_t *n = node_of(node);

    return json_is_number(n) ? json_number_value(n) : otherwise;
}

int json_bool(const struct json *node, int otherwise)
{
    const json_t *n = node_of(node);

    return json_is_boolean(n) ? json_is_true(n) : otherwise;
}
