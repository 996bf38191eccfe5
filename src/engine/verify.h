/*
 * verify.h - is a session's row what its journal says?
 *
 * Pure: a row, its events in order, and every fault that they show. Each event must be readable,
 * follow the one before it, and move the core (what a journal holds has happened, so nothing in it
 * may be refused); at the end the folded state must be the stored one, byte for byte, the columns
 * must say what the state says, and the metadata be those that an event gave last. An event that
 * breaks the fold ends it: what would come after is not known.
 *
 * An event that names an output (struct store_blob) must have it: events are to be read with
 * STORE_EVENTS_ALL. What is in it is not looked at here.
 *
 * A journal may have grown since the row was read: give the events up to row->seq only.
 */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include "base/hash.h"
#include "engine/kept.h"
#include "store/store.h"

/* seq: of the event that is at fault; 0: the row is. */
typedef void verify_fault_fn(void *arg, uint32_t seq, const char *text);

struct verify {
    struct store_session row; /* its slices are not used after verify_begin() */
    unsigned char blob[SESSION_BLOB_MAX];
    size_t blob_len;
    struct session_state state;
    struct sha256 stored_metadata,
        metadata;          /* of their canonical texts; the latter by the events */
    int is_metadata_known; /* what is stored can be read */
    struct kept kept;
    int has_signals; /* its journal has: verify_signals() is to be asked, too */
    uint32_t end_seq, context_seq;
    int64_t first_at_ms, end_at_ms;
    int is_broken;
    unsigned faults;
    verify_fault_fn *on_fault;
    void *arg;
};

void verify_begin(struct verify *verify, const struct store_session *row, verify_fault_fn *on_fault,
                  void *arg);
void verify_event(struct verify *verify, const struct store_event *event);
void verify_end(struct verify *verify);
/* The row with its signals, read after verify_begin(). It may have gone on: then this says nothing.
 */
void verify_signals(struct verify *verify, const struct store_load *load);

#endif
