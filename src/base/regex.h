/*
 * regex.h - patterns of JSON Schema (ECMA-262 with the flag u), in time that is bounded.
 *
 * A match asks "does it occur in the text?" and is done by sets of states, not by trying: each
 * character costs at most one look at each instruction, so no pattern and no text makes it slow.
 * That leaves out back references, which cannot be matched so. \p{...} is left out for want of
 * Unicode's tables. Both are refused when the pattern is compiled, as is all that is no pattern.
 *
 * Taken although the flag u would refuse it: a backslash before any ASCII punctuation, and a dash
 * beside a class such as \w in brackets; both are common and can mean one thing only.
 *
 * Threads: a compiled pattern does not change; any number may match with it.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include "base/buf.h"

struct regex;

enum { REGEX_PATTERN_BYTES_MAX = 16 * 1024 };

/* ERR_INVALID: it is no pattern, or one that is not supported; ERR_LIMIT: it is too large. */
enum err_code regex_new(struct regex **ret_regex, struct slice pattern, struct err *err) MUST_CHECK;
void regex_free(struct regex *regex); /* NULL-safe */

size_t regex_size(const struct regex *regex); /* in instructions, for limits over several */

enum regex_verdict { REGEX_NO, REGEX_YES, REGEX_TOO_MUCH_WORK };

/* text is UTF-8. *work is how many looks may be taken, and is lowered by those that were. */
enum regex_verdict regex_test(const struct regex *regex, struct slice text, uint64_t *work);

#endif
