/*
 * json_schema.h - is a JSON value as its JSON Schema says, and if not, where and why?
 *
 * Keywords are those of draft 2020-12 and of draft 7 where they say the same or cannot be confused:
 * all that check a value but `unevaluatedItems`, `unevaluatedProperties`, `$dynamicRef`,
 * `$recursiveRef` and a `$ref` that leaves the schema ("#" and "#/..." stay in it). Those are
 * refused when the schema is compiled, so that nothing in it is silently unchecked. What stands
 * beside a `$ref` counts. Annotations, `format` among them, are left alone, as the specification
 * has it; so is a keyword that it does not know.
 *
 * Time and memory are bounded for any schema and any value: patterns match in linear time
 * (regex.h), and each check has JSON_SCHEMA_WORK_MAX looks. What takes more is ERR_LIMIT.
 *
 * Ownership: a schema borrows from the JSON that it was compiled from, which outlives it.
 * Threads: a compiled schema does not change; any number may check with it.
 */
#ifndef BASE_JSON_SCHEMA_H
#define BASE_JSON_SCHEMA_H

#include "base/json.h"

struct json_schema;

enum {
    JSON_SCHEMA_WORK_MAX = 2 * 1000 * 1000, /* well below a tenth of a second */
    JSON_SCHEMA_PARTS_MAX = 20 * 1000,      /* schemas in the schema, and names in them */
    JSON_SCHEMA_PROGRAMS_MAX = 64 * 1024,   /* instructions of all its patterns (regex_size()) */
    JSON_SCHEMA_FAULTS_MAX = 8,
    JSON_SCHEMA_FAULTS_TEXT_MAX = 8 * 1024, /* what they all take as text */
};

/* One thing that is wrong: a JSON pointer, "" for the whole, and what must be instead. */
struct json_schema_fault {
    char pointer[192]; /* cut if long */
    char what[256];
};

struct json_schema_faults {
    size_t n; /* further ones are left out */
    struct json_schema_fault at[JSON_SCHEMA_FAULTS_MAX];
};

/* What is wrong with a schema, with pointers into it. */
struct json_schema_notes {
    struct json_schema_faults errors;
    struct json_schema_faults warnings; /* an unknown keyword that is nearly a known one */
};

/*
 * ERR_INVALID: it is no schema, or has what is not supported; ERR_LIMIT: it is too large. *err has
 * the first error. No message shows a value of the schema. notes may be NULL.
 */
enum err_code json_schema_new(struct json_schema **ret_schema, const struct json *json,
                              struct json_schema_notes *notes, struct err *err) MUST_CHECK;
void json_schema_free(struct json_schema *schema); /* NULL-safe */

/*
 * ERR_INVALID: the value does not fit; ERR_LIMIT: that cannot be said without too much work. Unlike
 * other ret_ arguments, *ret_faults is filled in on failure, and only then; with NULL for it the
 * answer is the same and comes faster. *err has the first fault, or without faults only the
 * verdict.
 */
enum err_code json_schema_check(const struct json_schema *schema, const struct json *value,
                                struct json_schema_faults *ret_faults, struct err *err) MUST_CHECK;

/* "/amount: must be at most 100, is 250; /order: is missing". */
void json_schema_faults_put(struct buf *text, const struct json_schema_faults *faults);

#endif
