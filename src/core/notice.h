/*
 * notice.h - what the outside can be told of a session: the events of webhooks, and their names.
 */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include "base/buf.h"

enum notice {
    NOTICE_SESSION_COMPLETED,
    NOTICE_SESSION_FAILED,
    NOTICE_SESSION_CANCELLED,
    NOTICE_SESSION_BUDGET_REACHED, /* beside NOTICE_SESSION_FAILED */
    NOTICE_APPROVAL_REQUESTED,     /* also when others are asked, or about other arguments */
    NOTICE_APPROVAL_DECIDED,
    NOTICE_APPROVAL_EXPIRED,
    NOTICE_QUESTION_REQUESTED,
    NOTICE_TOOL_IN_DOUBT, /* a person has to say what became of it */
    NOTICE_COUNT
};

const char *notice_name(enum notice notice); /* "session.completed", ... */
enum notice notice_of(struct slice name);    /* _COUNT: it is none */

#endif
