/*
 * approvals.h - what people are asked about calls of a session, and what they have said. For
 * src/engine/ only.
 *
 * What a tick changes of it is the tick's own until the tick is committed: a refused one leaves no
 * trace, and two decisions in one tick see each other.
 */
#ifndef ENGINE_APPROVALS_H
#define ENGINE_APPROVALS_H

#include "core/approval.h"
#include "store/store.h"

struct call_info;
struct engine_request;
struct tick;

/* More than a person can look at: such a call is refused instead of asked about. */
enum { APPROVAL_ARGUMENTS_MAX = 1024 * 1024 };

/* Slices live as long as the tick. */
struct approval_record {
    struct slice arguments; /* canonical JSON: as they are to run */
    struct slice hash;      /* of exactly that text */
    struct approval_need need;
    uint8_t still_needed;
    int is_edited;          /* they are not what the model asked for */
    struct slice decisions; /* JSON: [{by, decision, at, note, arguments_hash}, ...] */
    struct slice answer;    /* of a question; NULL: none yet */
};

struct slice approval_arguments_hash(struct tick *tick, struct slice arguments);

/* Members of an object: who is needed, and until when. */
void approval_put_need(struct buf *json, const struct approval_need *need);

/* `decisions` with this one more: what the request's person said. */
struct slice approval_with_decision(struct tick *tick, const struct approval_record *record,
                                    const struct engine_request *request, const char *decision);

/* Of a call that nobody had to approve: one in doubt, or a question. */
struct approval_record approval_plain(struct tick *tick, const struct call_info *info);

/* The body of the call's row. */
struct slice approval_write(struct tick *tick, const struct approval_record *record);

/*
 * 0: nobody was asked about this call, or it is closed. Else what is known of it after this tick's
 * inputs so far.
 */
int approval_record_of(struct tick *tick, uint32_t call, struct approval_record *ret_record);

/* It is so from this tick on. PENDING: it is still asked. */
void approval_set(struct tick *tick, uint32_t call, enum approval_status status,
                  const struct approval_record *record);

/* What people were asked about the call before this tick; _COUNT: nothing. */
enum approval_kind approval_asked_before(struct tick *tick, uint32_t call);

/* Adds the rows that this tick changes to its commit. */
void approvals_put(struct tick *tick, struct store_commit *commit);
/* The tick is committed: the calls are what it says. */
void approvals_keep(struct tick *tick);
/* From a stored row. */
enum err_code approval_take(struct call_info *info, struct slice body, struct err *err) MUST_CHECK;

/* What the model reads of a result: that the arguments were others, if they were. */
struct slice approval_tell(struct tick *tick, const struct call_info *info, struct slice output);

/* The event that is due when nobody has decided in time. */
void follow_expired(struct tick *tick, uint32_t number);

#endif
