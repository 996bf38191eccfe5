/*
 * approval.h - must people agree to a tool call with these arguments, and who?
 *
 * A policy is a list of entries; any entry that matches asks. It is JSON, as config/ makes it and a
 * session's revision keeps it:
 *
 *   [{"when": "always" or [{"path": "/amount", "gt": 100}, ...], "approvers": 1, "risk": "high",
 *     "reason": "...", "role": "...", "expires_ms": 0, "on_expiry": "reject", "escalate_to":
 * "..."}]
 *
 * An entry matches if one of its conditions does; a condition, if all of its tests hold: eq, ne,
 * in, gt, lt, matches. A test that cannot be made holds, so that what nobody thought of is asked:
 * nothing is at the path, or it is of a kind that cannot be compared. Of several entries that match
 * the one with the most approvers counts; of equal ones, the first.
 *
 * Judging is pure: the same policy and arguments give the same answer anywhere, later.
 *
 * Ownership: a policy borrows the JSON that it was made from. Slices of a need point into that.
 */
#ifndef CORE_APPROVAL_H
#define CORE_APPROVAL_H

#include "base/json.h"
#include "core/event.h"

struct approval_policy;

enum { APPROVERS_MAX = 16, APPROVAL_ENTRIES_MAX = 32 };

/* ERR_INVALID: it is none, or one that this version cannot judge by. NULL entries: nobody asks. */
enum err_code approval_policy_new(struct approval_policy **ret_policy, const struct json *entries,
                                  struct err *err) MUST_CHECK;
void approval_policy_free(struct approval_policy *policy); /* NULL-safe */

struct approval_need {
    uint8_t approvers; /* distinct people; 0: nobody is asked, and the rest says nothing */
    struct slice risk; /* texts for people; NULL: none */
    struct slice reason;
    struct slice role; /* whose decision it is */
    struct slice escalate_to;
    int64_t expires_ms; /* after it was asked; 0: never */
    enum expiry_action on_expiry;
};

struct approval_need approval_judge(const struct approval_policy *policy,
                                    const struct json *arguments);

/* ---- what people are asked, as lists show it ---- */

enum approval_kind {
    APPROVAL_CALL,     /* may this call run? */
    APPROVAL_IN_DOUBT, /* a call that must not be repeated may have happened: did it? */
    APPROVAL_QUESTION, /* the model asks something */
    APPROVAL_KIND_COUNT
};

enum approval_status {
    APPROVAL_PENDING,
    APPROVAL_APPROVED,
    APPROVAL_REJECTED,
    APPROVAL_EXPIRED,   /* nobody decided in time */
    APPROVAL_SETTLED,   /* IN_DOUBT: it is known what happened */
    APPROVAL_CANCELLED, /* its turn ended before anybody decided */
    APPROVAL_ANSWERED,  /* QUESTION: somebody did */
    APPROVAL_STATUS_COUNT
};

const char *approval_kind_name(enum approval_kind kind);       /* "approval", "in_doubt", ... */
const char *approval_status_name(enum approval_status status); /* "pending", ... */
enum approval_kind approval_kind_of(struct slice name);        /* _COUNT: none of them */
enum approval_status approval_status_of(struct slice name);

#endif
