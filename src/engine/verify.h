/*
 * verify.h - is a session's row what its journal says?
 *
 * Pure: a row, its events in order, and every fault that they show. Each event must be readable,
 * follow the one before it, and move the core (what a journal holds has happened, so nothing in it
 * may be refused); at the end the folded state must be the stored one, byte for byte, and the
 * columns must say what the state and the events say. What a model call needs of an event, its
 * wire, must be there and be JSON. An event that breaks the fold ends it: what would come after
 * is not known.
 *
 * A journal may have grown since the row was read: events above row->seq are only taken note of,
 * in verify->beyond_seq. If it is not 0, read the row again and say its seq to verify_beyond().
 */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include "base/hash.h"
#include "store/store.h"

/* seq: of the event that is at fault; 0: the row is. */
typedef void verify_fault_fn(void *arg, uint32_t seq, const char *text);

/* Of the columns that are texts: a page of rows may not keep them all. metadata: in canonical form.
 */
struct verify_texts {
    struct sha256 agent, revision, tenant, parent, metadata;
};

struct verify {
    struct store_session row;         /* its slices are not used after verify_begin() */
    struct verify_texts stored, told; /* by the row; by the journal */
    char revision[SHA256_TEXT_MAX];   /* its name, or as much of it as a name can have */
    int has_bad_metadata;
    uint32_t beyond_seq; /* the last event above row.seq that was given, or 0 */
    unsigned char blob[SESSION_BLOB_MAX];
    size_t blob_len;
    struct session_state state;
    uint32_t end_seq, context_seq;
    int64_t first_at_ms, end_at_ms;
    int is_broken;
    unsigned faults;
    verify_fault_fn *on_fault;
    void *arg;
};

void verify_begin(struct verify *verify, const struct store_session *row, verify_fault_fn *on_fault,
                  void *arg);
/* With STORE_EVENTS_ALL. */
void verify_event(struct verify *verify, const struct store_event *event);
void verify_end(struct verify *verify);

/* What is stored under verify->revision; text.ptr NULL: nothing. */
void verify_revision(struct verify *verify, struct slice text);

/* The seq of the row, read again after the events. */
void verify_beyond(struct verify *verify, uint32_t seq_now);

#endif
