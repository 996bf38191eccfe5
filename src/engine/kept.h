/*
 * kept.h - which signals of a journal no call has taken, told from its events alone.
 *
 * The store has the same list beside the session; `pawl verify` compares them, and a copy of a
 * session begins with those that were kept at its point of the journal.
 */
#ifndef ENGINE_KEPT_H
#define ENGINE_KEPT_H

#include "core/waiting.h"
#include "store/store.h"

struct kept {
    uint32_t
        seqs[SIGNALS_KEPT_MAX + 1]; /* in order; one that is taken at once is here for a moment */
    size_t n;
    int is_too_many; /* there were more at some point than a session keeps: seqs is not all */
};

/* The next event of the journal. */
void kept_add(struct kept *kept, const struct store_event *event);

#endif
