/*
 * arguments.h - may a tool call of the model be carried out? For src/engine/ only.
 *
 * It may if the session's revision has the tool, and the arguments are a JSON object that fits the
 * JSON Schema in the tool's `parameters`. A tool whose schema or approvals this version cannot
 * compile (a revision that another version stored) is never run: nothing runs with arguments
 * unchecked.
 */
#ifndef ENGINE_ARGUMENTS_H
#define ENGINE_ARGUMENTS_H

#include "core/approval.h"
#include "model/model.h"

struct tick;

enum { ARGUMENTS_BYTES_MAX = 16 * 1024 * 1024 };

enum arguments_fit {
    ARGUMENTS_UNKNOWN, /* there is no tool, or no schema, to say */
    ARGUMENTS_FIT,
    ARGUMENTS_MISFIT,
};

/* Slices live as long as the tick, or the call that was checked. */
struct arguments_check {
    struct slice text; /* canonical JSON, none being {}; or what came, if that is no object */
    int is_object;
    enum arguments_fit fit;
    struct slice refusal;      /* in words for the model; NULL: it may be carried out */
    struct approval_need need; /* the people who must agree before that */
    struct call_decl decl;     /* its type, and what it waits for, if it does: all else is 0 */
};

struct arguments_check arguments_check(struct tick *tick, const struct model_tool_call *call);

#endif
