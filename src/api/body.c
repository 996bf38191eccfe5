#include "api/body.h"

#include <stdio.h>
#include <strings.h>

enum { FIELDS_MAX = 16 };

/* "application/json", with or without parameters such as "; charset=utf-8". */
static int is_json_type(struct slice content_type)
{
    static const char wanted[] = "application/json";
    size_t len = 0;

    while (len < content_type.len && content_type.ptr[len] != ';')
        len++;
    while (len > 0 && (content_type.ptr[len - 1] == ' ' || content_type.ptr[len - 1] == '\t'))
        len--;
    return len == sizeof(wanted) - 1 && strncasecmp(content_type.ptr, wanted, len) == 0;
}

/* "budget.usd", or "usd" at the top. */
static const char *path_of(char text[QUOTED_TEXT_MAX], const char *path, const char *name)
{
    char visible[QUOTED_TEXT_MAX];

    (void)snprintf(text, QUOTED_TEXT_MAX, "%s%s%.128s", path ? path : "", path ? "." : "",
                   quoted_text(visible, slice_of(name)));
    return text;
}

static const struct field *find_field(const struct field *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static int refuse_unknown(const char *path, const char *name, const struct field *fields,
                          size_t fields_n, struct refusal *ret_refusal)
{
    const char *known[FIELDS_MAX];
    char where[QUOTED_TEXT_MAX];
    char meant[MEANT_TEXT_MAX];
    char list[256] = "none";
    size_t used = 0;

    ASSERT(fields_n <= FIELDS_MAX);
    for (size_t i = 0; i < fields_n; i++) {
        known[i] = fields[i].name;
        int len = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", known[i]);

        ASSERT(len > 0 && used + (size_t)len < sizeof(list));
        used += (size_t)len;
    }
    (void)meant_text(meant, slice_of(name), known, fields_n);
    return refuse(ret_refusal, 422, "unknown_field", "There is no field '%s'%s Known here: %s.",
                  path_of(where, path, name), meant[0] ? meant : ".", list);
}

static int is_kind(enum json_kind found, enum json_kind wanted)
{
    return found == wanted || (wanted == JSON_KIND_REAL && found == JSON_KIND_INT);
}

static const char *kind_text(enum json_kind kind)
{
    switch (kind) {
    case JSON_KIND_INT: return "an integer";
    case JSON_KIND_REAL: return "a number";
    case JSON_KIND_STRING: return "a string";
    case JSON_KIND_ARRAY: return "an array";
    case JSON_KIND_OBJECT: return "an object";
    case JSON_KIND_BOOL: return "true or false";
    case JSON_KIND_NULL: return "null";
    case JSON_KIND_ABSENT: break;
    }
    return "nothing";
}

int body_check_object(const struct json *object, const char *path, const struct field *fields,
                      size_t fields_n, struct refusal *ret_refusal)
{
    char where[QUOTED_TEXT_MAX];

    for (struct json_iter *it = json_first(object); it; it = json_next(object, it)) {
        const char *name = json_iter_key(it);
        const struct field *field = find_field(fields, fields_n, name);
        enum json_kind kind = json_kind(json_iter_value(it));

        if (!field)
            return refuse_unknown(path, name, fields, fields_n, ret_refusal);
        if (!is_kind(kind, field->kind))
            return refuse(ret_refusal, 422, "wrong_type", "'%s' must be %s, not %s.",
                          path_of(where, path, name), kind_text(field->kind), kind_text(kind));
    }
    for (size_t i = 0; object && i < fields_n; i++) {
        if (fields[i].is_required && !json_get(object, fields[i].name))
            return refuse(ret_refusal, 422, "missing_field", "'%s' is missing; it must be %s.",
                          path_of(where, path, fields[i].name), kind_text(fields[i].kind));
    }
    return 0;
}

int body_read(struct json **ret_root, struct slice content_type, struct slice body,
              const struct body_rules *rules, struct refusal *ret_refusal)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    if (body.len == 0 && (!rules || rules->may_be_empty)) {
        *ret_root = NULL;
        return 0;
    }
    if (!is_json_type(content_type))
        return refuse(ret_refusal, 415, "unsupported_media_type",
                      "The body must be JSON: send it with 'Content-Type: application/json'.");
    if (body.len == 0)
        return refuse(ret_refusal, 400, "invalid_json",
                      "The body is empty; it must be a JSON object.");
    if (json_read(&root, body, body.len, &err))
        return refuse(ret_refusal, 400, "invalid_json", "The body is not taken as JSON: %s.",
                      err.msg);
    if (json_kind(root) != JSON_KIND_OBJECT)
        return refuse(ret_refusal, 422, "wrong_type", "The body must be an object, not %s.",
                      kind_text(json_kind(root)));
    if (rules && body_check_object(root, NULL, rules->fields, rules->fields_n, ret_refusal))
        return 1;
    *ret_root = TAKE(root);
    return 0;
}
