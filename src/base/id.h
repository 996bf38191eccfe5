/*
 * id.h - public identifiers: a prefix and a UUIDv7 (RFC 9562) in text.
 *
 * "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002". Sorts by the time of its making. Time and
 * randomness are the caller's, so that a simulation makes the same ids again.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/buf.h"
#include "base/random.h"

enum { ID_TEXT_MAX = 48 }; /* prefix, 36 characters, NUL */

struct id {
    char text[ID_TEXT_MAX];
};

/* `prefix` ends with its underscore: "ses_". */
struct id id_make(const char *prefix, int64_t now_ms, struct random *random);

/* True if text is `prefix` and a well-formed UUID in lower case. */
int id_is_valid(struct slice text, const char *prefix);

static inline struct slice id_slice(const struct id *id)
{
    return slice_of(id->text);
}

#endif
