/*
 * fill.h - templates that are filled from a JSON value: "Ticket {{body.id}}: {{body.text}}". Pure.
 *
 * {{body}} is the whole value, {{body.a.b}} a member of a member, {{body.list.0}} the first element
 * of an array. A text is put as it is, everything else as JSON. What is not there, or null, is what
 * `default` says: {{body.a | default: "none"}}; without one the template cannot be filled. What was
 * put in is not looked at again.
 */
#ifndef CORE_FILL_H
#define CORE_FILL_H

#include "base/json.h"

/* ERR_INVALID: the message says what is wrong with which placeholder. */
enum err_code fill_check(struct slice text, struct err *err) MUST_CHECK;

/*
 * Appends a text that was checked. ERR_INVALID: something is not there; the message names it.
 * ERR_LIMIT: `out` is full.
 */
enum err_code fill_put(struct buf *out, struct slice text, const struct json *body,
                       struct err *err) MUST_CHECK;

#endif
