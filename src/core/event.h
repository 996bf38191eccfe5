/*
 * event.h - what can happen to a session: one entry of its journal, as the core sees it.
 *
 * A journal entry is numbered 1, 2, 3... in its session, appended, never changed. Its stored
 * body is JSON (event_json.h) and holds more than stands here: texts, arguments, outputs. A
 * struct session_event is the part that decides something; it has a fixed size and points to
 * nothing. Every value that decided something (a deadline, a jittered retry time, a cost) is in
 * the event, so folding the journal through session_step() gives the same state anywhere, later.
 *
 * Units: *_ms are milliseconds (wall, since 1970); nanousd is 10^-9 US dollars, so that a price
 * of 0.025 dollars a million tokens is 25 a token, exactly.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdint.h>

#include "base/buf.h"

enum event_kind {
    EV_CREATED,          /* the session, and with it its first turn */
    EV_MESSAGE,          /* a person or program says something */
    EV_MODEL_STARTED,    /* an attempt of a model call: its money is reserved */
    EV_MODEL_ANSWERED,   /* its answer: text, or tool calls */
    EV_MODEL_FAILED,     /* its error: tried again at retry_at_ms, or final */
    EV_MODEL_USAGE,      /* what an attempt cost that had ended without saying so */
    EV_TOOL_SENT,        /* an `effects: once` call is about to leave; an executor has claimed */
    EV_TOOL_FINISHED,    /* a call has its answer for the model */
    EV_TOOL_FAILED,      /* an attempt came to nothing: tried again, or final */
    EV_TOOL_IN_DOUBT,    /* a sent `effects: once` call ended without proof */
    EV_TOOL_RECONCILED,  /* what really happened to an attempt in doubt, which it must name */
    EV_APPROVAL_DECIDED, /* a person decided on a call */
    EV_APPROVAL_EXPIRED, /* nobody did in time */
    EV_INPUT_ANSWERED,   /* a person answered a question */
    EV_TIMER_FIRED,      /* a due time of a slot, or of the turn, has passed */
    EV_SIGNAL,           /* a named event from outside */
    EV_CHILD_ENDED,      /* a child session's turn ended */
    EV_INTERRUPTED,      /* an attempt was lost with its process: not a failure; without a call: the
                            process died, and nothing of this session was at work */
    EV_TURN_ENDED,       /* each turn's end but a cancelled one */
    EV_BUDGET_CHANGED,   /* new ceilings of money and tokens */
    EV_CONTEXT_CHANGED,  /* new context or metadata; nothing for the core */
    EV_PAUSED,           /* nothing new is begun from here */
    EV_RESUMED,          /* ...until here */
    EV_CANCELLED,        /* final */
    EV_RETRIED,          /* a failed turn goes on, its counters at zero */
    EV_FORKED,           /* all before was copied from another session */
    EV_KIND_COUNT
};

/* Ceilings; 0 is "none". Steps and wall time are a turn's, money and tokens a session's. */
struct session_limits {
    uint32_t steps;  /* model calls and tool calls */
    int64_t wall_ms; /* stands still while only people, timers or signals are awaited */
    int64_t tokens;
    int64_t nanousd;
    uint32_t crashes; /* in a row, without a recorded answer: then the session is poison */
};

struct spend {
    int64_t tokens; /* input and output */
    int64_t nanousd;
};

/* Why a turn ended. The core decides it, but for BUDGET and CONFIG, which only the engine sees. */
enum end_cause {
    END_NONE,
    END_COMPLETED,
    END_MODEL,     /* a model call failed for good */
    END_TRUNCATED, /* the last answer was cut at max_output_tokens */
    END_FILTERED,  /* the provider withheld the answer */
    END_STEPS,     /* more steps than the turn may take */
    END_WALL,      /* more time than the turn may take */
    END_BUDGET,    /* the next call's reservation would pass a ceiling */
    END_CONFIG,    /* the model or its account is gone from the configuration */
    END_POISON,    /* its process died under it too often */
    END_APPROVAL,  /* an approval expired with `on_expiry: fail` */
    END_CAUSE_COUNT
};

/* What a call asks of the outside. */
enum call_type {
    CALL_TOOL,     /* a tool that runs somewhere */
    CALL_QUESTION, /* ask_user */
    CALL_SLEEP,    /* sleep_until */
    CALL_SIGNAL,   /* wait_for_event */
    CALL_CHILD,    /* another agent */
    CALL_TYPE_COUNT
};

/* What becomes of an approval that nobody gives. */
enum expiry_action { EXPIRY_REJECT, EXPIRY_FAIL, EXPIRY_ESCALATE, EXPIRY_ACTION_COUNT };

enum {
    SESSION_CALLS_MAX = 32,
    SESSION_EVENTS_MAX = 1 << 26, /* of one journal: no counter of a session can overflow */
};

/* One tool call of a model's answer, as it was when the answer was recorded. */
struct call_decl {
    enum call_type type;
    uint8_t is_refused; /* unknown tool, bad arguments, ...: its error answer follows at once */
    uint8_t is_once;    /* effects: once */
    uint8_t has_reconcile;
    uint8_t approvals_needed; /* 0: none is asked */
    enum expiry_action on_expiry;
    int64_t due_ms; /* approval: expiry; sleep: until; signal: timeout; else, and for never, 0 */
    uint64_t signal_hash;  /* CALL_SIGNAL: hash_stable() of the name it waits for */
    struct spend reserved; /* CALL_CHILD: its budget */
};

enum answer_finish { FINISH_STOP, FINISH_LENGTH, FINISH_FILTERED, FINISH_COUNT };

enum decision { DECISION_APPROVE, DECISION_REJECT, DECISION_COUNT };

enum reconcile_outcome { OUTCOME_HAPPENED, OUTCOME_NOT_HAPPENED, OUTCOME_UNKNOWN, OUTCOME_COUNT };

enum timer_kind {
    TIMER_RETRY,     /* a backoff is over */
    TIMER_DEADLINE,  /* a claimed call's lease is over */
    TIMER_WALL,      /* the turn's wall time is used up */
    TIMER_SLEEP,     /* sleep_until, or wait_for_event's timeout */
    TIMER_EXPIRY,    /* an approval's */
    TIMER_RECONCILE, /* a call in doubt may be looked into */
    TIMER_KIND_COUNT
};

enum interrupted_by { INTERRUPTED_CRASH, INTERRUPTED_DRAIN, INTERRUPTED_BY_COUNT };

struct session_event {
    enum event_kind kind;
    uint32_t seq;     /* its number: the state's seq + 1 */
    int64_t at_ms;    /* the only clock that the core ever sees */
    uint32_t call;    /* number of the call it is about, or 0 */
    uint32_t attempt; /* of that call, or 0 */
    union {
        struct session_limits created;
        struct {
            struct spend reserved;
            int64_t deadline_ms;
        } model_started;
        struct {
            struct spend used;
            enum answer_finish finish;
            uint32_t first_call; /* number of calls[0]; the others follow */
            uint32_t calls_n;
            uint32_t unplaced; /* further ones that found no free slot: answered by the engine */
            struct call_decl calls[SESSION_CALLS_MAX];
        } model_answered;
        struct {
            struct spend charged; /* kept as spent: it may have reached the provider */
            int64_t retry_at_ms;  /* 0: final */
        } model_failed;
        struct {
            struct spend used;
        } model_usage;
        struct {
            int64_t deadline_ms; /* an executor's lease; 0: none */
        } tool_sent;
        struct {
            int64_t retry_at_ms; /* 0: final, the model gets the error */
        } tool_failed;
        struct {
            int64_t reconcile_at_ms; /* 0: there is no reconcile command, a person decides */
            uint8_t counts;          /* toward poison, as in `interrupted` */
        } tool_in_doubt;
        struct {
            enum reconcile_outcome outcome;
        } tool_reconciled;
        struct {
            enum decision decision;
            uint8_t still_needed;
        } approval_decided;
        struct {
            enum expiry_action outcome;
            int64_t due_ms; /* EXPIRY_ESCALATE: the fresh expiry */
        } approval_expired;
        struct {
            enum timer_kind which;
        } timer_fired;
        struct {
            uint64_t name_hash;
        } signal;
        struct {
            struct spend used;
        } child_ended;
        struct {
            enum interrupted_by by;
            uint8_t counts; /* toward poison: once a crash, and not for one suspect among many */
            struct spend charged;
        } interrupted;
        struct {
            enum end_cause cause;
            struct spend refused; /* END_BUDGET: the reservation that did not fit */
        } turn_ended;
        struct {
            int64_t tokens;
            int64_t nanousd;
        } budget_changed;
    };
};

/* Names as they stand in the journal: "model_started", "retry", ... NULL-free. */
const char *event_kind_name(enum event_kind kind);
const char *end_cause_name(enum end_cause cause); /* "completed", "budget_reached", "poison", ... */
const char *call_type_name(enum call_type type);
const char *timer_kind_name(enum timer_kind kind);
const char *expiry_action_name(enum expiry_action action);
enum expiry_action expiry_action_of(struct slice name); /* EXPIRY_ACTION_COUNT: none of them */
const char *answer_finish_name(enum answer_finish finish);
const char *decision_name(enum decision decision);
const char *reconcile_outcome_name(enum reconcile_outcome outcome);
const char *interrupted_by_name(enum interrupted_by by);

/* The kind of that name, or EV_KIND_COUNT. */
enum event_kind event_kind_of(struct slice name);

#endif
