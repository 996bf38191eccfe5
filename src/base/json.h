/*
 * json.h - JSON read strictly, and written straight into a buf.
 *
 * Reading refuses duplicate keys, bad UTF-8, lone surrogates, NUL in strings, trailing
 * bytes, integers beyond int64, and what is deeper or larger than the limits: each with
 * ERR_INVALID or ERR_LIMIT and the line and column. Objects keep their order.
 *
 * Ownership: json_read() gives a root that the caller ends with json_free(). Every other
 * node and slice is borrowed from that root.
 * Every reader takes NULL for "absent" and then answers absent: lookups chain safely.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json; /* a node; opaque */

enum json_kind {
    JSON_KIND_ABSENT, /* the node is NULL */
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INT,
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

enum { JSON_DEPTH_MAX = 128 };

/* Any value may be the root. bytes_max bounds the text. */
enum err_code json_read(struct json **ret_root, struct slice text, size_t bytes_max,
                        struct err *err) MUST_CHECK;
void json_free(struct json *root);     /* NULL-safe */
void json_cleanup(struct json **root); /* for CLEANUP() */

enum json_kind json_kind(const struct json *node);
const char *json_kind_name(enum json_kind kind); /* "object", "string", ... */
const struct json *json_get(const struct json *object, const char *key); /* NULL: absent */
size_t json_count(const struct json *node); /* of an array or object, else 0 */
const struct json *json_at(const struct json *array, size_t i);

/*
 * The value at a JSON pointer (RFC 6901): "" is the root, "/a/0" the first element of its "a".
 * NULL: nothing is there, or it is no pointer.
 */
const struct json *json_pointer(const struct json *root, struct slice pointer);

/* Members in order: for (it = json_first(o); it; it = json_next(o, it)). */
struct json_iter;
struct json_iter *json_first(const struct json *object);
struct json_iter *json_next(const struct json *object, struct json_iter *it);
const char *json_iter_key(struct json_iter *it);
const struct json *json_iter_value(struct json_iter *it);

/* Values with a fallback for "absent or of another kind". */
struct slice json_str(const struct json *node); /* else { NULL, 0 } */
int64_t json_int(const struct json *node, int64_t otherwise);
double json_number(const struct json *node, double otherwise); /* an int or a real */
int json_bool(const struct json *node, int otherwise);

/* Compact text of a node, in its order; canonical: keys sorted, for hashing. */
enum err_code json_write(struct buf *buf, const struct json *node, struct err *err) MUST_CHECK;
enum err_code json_write_canonical(struct buf *buf, const struct json *node,
                                   struct err *err) MUST_CHECK;

/*
 * Writing by hand. The caller keeps the structure right; these add the commas: each value
 * or key written puts a ',' before itself unless it follows '{', '[', ':', ',' or nothing.
 * A full buf ends the process (see buf_put): size the buf from checked limits.
 */
void json_begin(struct buf *buf, char bracket); /* '{' or '[' */
void json_end(struct buf *buf, char bracket);   /* '}' or ']' */
void json_key(struct buf *buf, const char *key);
void json_put_str(struct buf *buf, struct slice text); /* no control stays; bad UTF-8: U+FFFD */
void json_put_int(struct buf *buf, int64_t value);
void json_put_usd(struct buf *buf, int64_t nanousd); /* as decimal dollars: 1234000 -> 0.001234 */
void json_put_bool(struct buf *buf, int value);
void json_put_null(struct buf *buf);
void json_put_raw(struct buf *buf, struct slice json); /* text that is JSON already */

#endif
