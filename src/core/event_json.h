/*
 * event_json.h - the stored body of a journal entry: JSON, version 1.
 *
 * The body of an event is one object that begins with "v". It holds what decides (struct
 * session_event) under fixed names, and what does not (texts, outputs, who did it) beside it.
 * seq, at and kind are columns of their own and are put in front when the event is shown.
 *
 *   tool_finished  {"v":1,"call":3,"attempt":1,"output":"42","is_error":false,"duration_ms":12}
 *   model_answered {"v":1,"call":2,"attempt":1,"finish":"stop",
 *                   "used":{"tokens":15,"usd":0.0001,"nanousd":100000},"first_call":3,
 *                   "calls":[{"call":3,"type":"tool","id":"call_1","tool":"now",...}],...}
 *
 * Amounts: "usd" is a decimal number of dollars for people, beside the exact "nanousd". A member
 * that is 0 or false is left out.
 */
#ifndef CORE_EVENT_JSON_H
#define CORE_EVENT_JSON_H

#include "core/event.h"

enum extra_kind { EXTRA_TEXT, EXTRA_JSON, EXTRA_INT, EXTRA_BOOL };

/*
 * A member that decides nothing. Absent if kind is TEXT or JSON and text.ptr is NULL. Its name is
 * none that event_json.c writes in the same object: a body with a name twice cannot be read.
 */
struct event_extra {
    const char *name;
    enum extra_kind kind;
    struct slice text;
    int64_t number;
};

/* The most of a body that is not extra: 32 declared calls and the fixed members. */
enum { EVENT_BODY_FIXED_MAX = 16384 };

/*
 * Appends the body. call_extras: for model_answered, an array of calls_n pointers, each to
 * extras ended by one whose name is NULL; else NULL. extras end the same way; NULL for none.
 * The caller has sized body->max for the texts plus EVENT_BODY_FIXED_MAX.
 */
void event_write(struct buf *body, const struct session_event *event,
                 const struct event_extra *extras, const struct event_extra *const *call_extras);

/*
 * Reads a stored body into *ret_event, but for seq and at_ms, which are columns. Checks kinds,
 * ranges and names; ERR_CORRUPT says which member is wrong. Members it does not know are left
 * alone: a newer minor version may add some.
 */
enum err_code event_read(struct session_event *ret_event, enum event_kind kind, struct slice body,
                         struct err *err) MUST_CHECK;

#endif
