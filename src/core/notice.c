#include "core/notice.h"

static const char *const names[NOTICE_COUNT] = {
    [NOTICE_SESSION_COMPLETED] = "session.completed",
    [NOTICE_SESSION_FAILED] = "session.failed",
    [NOTICE_SESSION_CANCELLED] = "session.cancelled",
    [NOTICE_SESSION_BUDGET_REACHED] = "session.budget_reached",
    [NOTICE_APPROVAL_REQUESTED] = "approval.requested",
    [NOTICE_APPROVAL_DECIDED] = "approval.decided",
    [NOTICE_APPROVAL_EXPIRED] = "approval.expired",
    [NOTICE_QUESTION_REQUESTED] = "question.requested",
    [NOTICE_TOOL_IN_DOUBT] = "tool.in_doubt",
};

const char *notice_name(enum notice notice)
{
    ASSERT(notice < NOTICE_COUNT);
    return names[notice];
}

enum notice notice_of(struct slice name)
{
    unsigned i = 0;

    while (i < NOTICE_COUNT && !slice_is(name, names[i]))
        i++;
    return (enum notice)i;
}
