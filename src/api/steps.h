/*
 * steps.h - a journal folded into steps: the units of work that people see.
 *
 * Pure: events in, by seq and from the first one on; steps out. A step is a model call, a tool
 * call, an approval, a wait or a child; each try of it is kept, so that retries and
 * interruptions show. GET .../steps and `pawl show` fold with this same code.
 *
 * Bounded: at most `limit` steps are kept, and about STEPS_BYTES_MAX of their texts; beyond that
 * texts are shortened (is_shortened), and of a step's tries the first and the last
 * STEP_TRIES_MAX - 1 stay.
 *
 * Ownership: texts are copied and live until steps_release().
 */
#ifndef API_STEPS_H
#define API_STEPS_H

#include "base/arena.h"
#include "base/json.h"
#include "core/event.h"
#include "core/price.h"

enum { STEPS_BYTES_MAX = 32 * 1024 * 1024, STEP_TRIES_MAX = 100 };

enum step_kind {
    STEP_MODEL,
    STEP_TOOL,
    STEP_APPROVAL,
    STEP_QUESTION,
    STEP_SLEEP,
    STEP_SIGNAL,
    STEP_CHILD,
    STEP_KIND_COUNT
};

enum step_status {
    STEP_RUNNING,
    STEP_WAITING, /* for a backoff, a person, a time, an event, a child */
    STEP_COMPLETED,
    STEP_FAILED,
    STEP_CANCELLED, /* its turn ended first, or a person said no */
    STEP_STATUS_COUNT
};

enum try_status {
    TRY_RUNNING,
    TRY_COMPLETED,
    TRY_FAILED,
    TRY_INTERRUPTED, /* lost with its process */
    TRY_IN_DOUBT,
    TRY_CANCELLED,
    TRY_STATUS_COUNT
};

struct step_try {
    uint32_t attempt;
    enum try_status status;
    int64_t started_at_ms;
    int64_t ended_at_ms; /* 0: not yet */
    int64_t duration_ms; /* as measured where it ran, else by the journal; -1: not yet */
    struct slice code;   /* why it came to nothing; by whom it was interrupted */
    struct slice message;
    struct slice errors;     /* what the tool printed for people */
    struct slice settled_by; /* of one in doubt: who said what became of it; ptr NULL: nobody yet */
    struct spend reserved;   /* of a model call: what it is charged if nobody says its usage */
    struct spend spend;
};

struct step {
    uint32_t number; /* 1, 2, 3... in the order in which they began */
    uint32_t call;
    enum step_kind kind;
    enum step_status status;
    uint32_t turn;
    int64_t at_ms;
    int64_t ended_at_ms; /* 0: not yet */
    struct slice name;   /* of the tool or model */
    struct slice input;  /* ptr NULL: none */
    struct slice output; /* ptr NULL: none */
    int64_t whole_bytes; /* the output is a part of so many; 0: it is all there is */
    int is_input_json;   /* else it is plain text */
    int is_shortened;
    struct slice code, message; /* the error; ptr NULL: none */
    int has_usage;
    struct usage usage;
    struct spend spend;
    uint32_t first_call, calls_n; /* a model's answer asked for these */
    int is_once;
    struct slice settled_by, note; /* who said what became of its last try that was in doubt */
    int is_orphan;                 /* its turn has ended, and what became of it is not known yet */
    struct step_try *tries;
    size_t tries_n;
};

struct steps {
    struct arena *arena;
    struct step *at;
    size_t n;
    size_t cap;
    uint32_t after; /* steps with a number up to this one are not kept */
    uint32_t limit;
    int has_more;    /* a step was not kept for want of room */
    uint32_t opened; /* number of the last step that began */
    uint32_t turn;
    int is_idle; /* between two turns */
    int is_cancelled;
    uint32_t last_model_call;
    size_t text_max; /* longer texts are cut to it; 0: they are kept whole. Set after init */
    size_t text_bytes;
    struct buf unread; /* what was said since the last model call */
};

void steps_init(struct steps *steps, uint32_t after, uint32_t limit);
void steps_release(struct steps *steps); /* repeatable */

/* One event; body is its stored body, or the event as a client got it. */
void steps_add(struct steps *steps, enum event_kind kind, int64_t at_ms, const struct json *body);

/* Nothing that is still to come can change what is kept. */
int steps_is_complete(const struct steps *steps);

const char *step_status_name(enum step_status status); /* "RUNNING", ... */
const char *try_status_name(enum try_status status);

/* "CALL_LLM", "CALL_TOOL: largest", "APPROVAL: refund", "SLEEP", ... */
void step_put_action(struct buf *buf, const struct step *step);

#endif
