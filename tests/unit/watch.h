/*
 * watch.h - an observer of one session who sees only its events and commands.
 *
 * It keeps its own account of what is open, what was answered and what it cost, and never looks at
 * the state: what it believes and what the core says must agree. It shares no code with the core.
 */
#ifndef UNIT_WATCH_H
#define UNIT_WATCH_H

#include "core/session.h"

enum { WATCH_CALLS_MAX = 8192, WATCH_OPEN_MAX = 128, WATCH_CHARGED_MAX = 512 };

struct watch_call {
    uint8_t is_once;
    uint8_t is_child_started;
    uint8_t answers;   /* that the model, or the record, got: at most one */
    uint32_t unproven; /* an attempt that was sent and may have happened, or 0 */
    struct spend reserved;
};

/* What an attempt was charged. Of these the latest few may still be replaced by its usage. */
struct watch_charge {
    uint32_t call;
    uint32_t attempt;
    struct spend amount;
};

struct watch {
    uint32_t calls_n; /* the highest number seen */
    struct watch_call calls[WATCH_CALLS_MAX];
    unsigned open_n;
    struct session_command open[WATCH_OPEN_MAX]; /* handed out, and not answered */
    unsigned charged_n;
    struct watch_charge charged[WATCH_CHARGED_MAX];
    struct spend reserved; /* by the model call that runs */
    struct spend used;
    struct session_limits limits;
    int is_money_absurd; /* sums saturate: no account is kept any more */
};

/* Takes note of an event that moved. Returns what is wrong with it, or NULL. */
const char *watch_event(struct watch *watch, const struct session_event *event,
                        const struct session_commands *commands);

/* The same for a state that may be committed: do its open commands and its money agree? */
const char *watch_state(const struct watch *watch, const struct session_state *state);

#endif
