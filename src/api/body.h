/*
 * body.h - a request's body as JSON, read strictly. For api/ only.
 *
 * A body is one object with known fields: an unknown one, one of the wrong type and a missing one
 * are each refused by name. What base/json.h refuses (duplicate keys, bad UTF-8, NUL, depth) is
 * refused with its line and column.
 */
#ifndef API_BODY_H
#define API_BODY_H

#include "api/refusal.h"
#include "base/json.h"

struct field {
    const char *name;
    enum json_kind kind; /* JSON_KIND_REAL takes an integer, too */
    int is_required;
};

struct body_rules {
    const struct field *fields;
    size_t fields_n;
    int may_be_empty; /* no body at all is as good as {} */
};

/*
 * 0 and *ret_root (NULL for a body that was left out), which the caller ends with json_free().
 * rules NULL: any fields, and it may be left out.
 */
int body_read(struct json **ret_root, struct slice content_type, struct slice body,
              const struct body_rules *rules, struct refusal *ret_refusal);

/* The same check for an object inside the body; `path` is its name, "budget". NULL: absent, good.
 */
int body_check_object(const struct json *object, const char *path, const struct field *fields,
                      size_t fields_n, struct refusal *ret_refusal);

#endif
