/*
 * session.h - the life of a session, as a pure state machine.
 *
 * session_step() reads its arguments and writes its outputs: no I/O, no clock, no randomness, no
 * allocation, no log. The server, the simulator, `pawl verify` and a replayed bug report all run
 * this same code. The legal moves are two tables: session_step.c for a session as a whole, and
 * session_calls.c for one call of it.
 *
 * What a session can do:
 *
 *   - It has turns, one after the other. `created` and a message to an idle session begin one;
 *     `turn_ended` or `cancelled` ends it. Cancelled is final.
 *   - Within a turn the model is asked; its answer ends the turn or asks for up to 32 tool calls;
 *     once each of these has its answer the model is asked again. There is at most one model
 *     call at a time, and none while a tool call is open.
 *   - A call has a number, unique in its session, and attempts 1, 2, 3... The first success of any
 *     attempt wins, once. A failure counts only for the attempt that is current. Whatever comes
 *     later is IGNORED, but for the usage of a model call, which is always paid (model_usage).
 *   - Money: model_started reserves; the answer settles; an attempt that ended without usage stays
 *     charged. No legal model_started passes a ceiling.
 *   - A sent `effects: once` call is never sent again unless it is proven not to have happened.
 *     It outlives its turn as an orphan until somebody says what happened; so does a child, until
 *     its cost is known. An orphan holds up nothing and shows in no status; only its slot is taken.
 *   - Paused, it begins nothing; what is in flight may end. Times and signals are waited for, and
 *     what became of a call in doubt is looked into, all the same.
 *   - A message that comes while it is busy joins the next model call of the turn, or begins the
 *     next turn: none is lost, also not one that came between two attempts of a model call.
 *
 * What it cannot do: go on after `cancelled`, skip a number, take back an event, or hold more than
 * SESSION_CALLS_MAX calls or SESSION_EVENTS_MAX events. What it does not know, and the engine sees
 * to: texts and arguments; whether a child's budget fits (else the call is refused); a signal that
 * came before its wait (tool_finished answers that call at once); the deadline of a model call.
 *
 * Durability contract with the engine: one tick applies one or more events and commits them, the
 * new state and what the commands need in ONE transaction; commands are carried out after it. Some
 * events must be followed by others in the same tick: as long as session_due() names one, only
 * that one is legal (and `forked`, for a copy that was cut off there) and nothing may be committed.
 * After a crash, session_interruptions() names the event for each call that was in flight; applying
 * it issues its command again.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/event.h"

enum session_mode {
    SESSION_NEW,       /* before `created` */
    SESSION_ACTIVE,    /* a turn is under way */
    SESSION_ENDING,    /* turn_ended is due; never committed */
    SESSION_IDLE,      /* its last turn has ended; a message starts the next */
    SESSION_CANCELLED, /* for good */
    SESSION_MODE_COUNT
};

/* What people see; folded from the state by session_status(). */
enum session_status {
    STATUS_PENDING,
    STATUS_RUNNING,
    STATUS_AWAITING_TOOL,
    STATUS_AWAITING_HUMAN_APPROVAL,
    STATUS_AWAITING_INPUT,
    STATUS_SLEEPING,
    STATUS_COMPLETED,
    STATUS_FAILED,
    STATUS_CANCELLED,
    STATUS_COUNT
};

/* The one model call of a session. */
enum model_phase {
    MODEL_NONE,    /* nothing is asked */
    MODEL_WANTED,  /* to be asked as soon as there is a permit: model_started */
    MODEL_RUNNING, /* asked; its reservation is held */
    MODEL_BACKOFF, /* failed; wanted again at due_ms */
    MODEL_PHASE_COUNT
};

/* One tool call. */
enum call_phase {
    CALL_FREE,      /* the slot is empty */
    CALL_REFUSED,   /* tool_failed is due: the call itself was no good */
    CALL_APPROVAL,  /* people decide; due_ms: expiry */
    CALL_EXPIRED,   /* approval_expired is due */
    CALL_HELD,      /* may run, but the session is paused */
    CALL_RUNNING,   /* handed out; running it again is harmless, or it has not left yet */
    CALL_SENT,      /* `once` and gone, or claimed by an executor; due_ms: its lease */
    CALL_OVERDUE,   /* the lease is over: tool_failed or tool_in_doubt is due */
    CALL_BACKOFF,   /* failed; runs again at due_ms */
    CALL_DOUBT,     /* in doubt; looked into from due_ms on */
    CALL_RECONCILE, /* its reconcile command runs */
    CALL_PERSON,    /* in doubt; only a person can tell */
    CALL_WAITING,   /* a question, a time, a signal, a child; due_ms: the time, or the timeout */
    CALL_ANSWERED,  /* what it waited for has come: tool_finished is due */
    CALL_PHASE_COUNT
};

struct session_model {
    uint8_t phase;         /* enum model_phase */
    uint16_t failures;     /* of this call: what the retry policy counts */
    uint32_t number;       /* 0: none yet in this session */
    uint32_t attempt;      /* the one that runs, or runs next */
    int64_t since_ms;      /* when it came into this phase */
    int64_t due_ms;        /* MODEL_BACKOFF: when it is wanted again; MODEL_RUNNING: its deadline */
    struct spend reserved; /* MODEL_RUNNING */
    uint32_t missed;     /* messages that came between its attempts: the first has not seen them */
    uint32_t missed_seq; /* the first of them */
};

struct session_call {
    uint8_t phase; /* enum call_phase */
    uint8_t type;  /* enum call_type */
    uint8_t is_once;
    uint8_t has_reconcile;
    uint8_t is_orphan; /* its turn has ended: settled for the record, the model has moved on */
    uint8_t on_expiry; /* enum expiry_action */
    uint8_t approvals_needed;
    uint16_t failures;
    uint32_t number;
    uint32_t attempt; /* the one that runs, or runs next */
    uint32_t source;  /* seq of the model_answered that asked for it: where its arguments are */
    int64_t since_ms;
    int64_t due_ms; /* 0: never */
    uint64_t signal_hash;
    struct spend reserved; /* CALL_CHILD */
};

enum { SESSION_UNSETTLED_MAX = 4 };

/* An attempt that was charged without its usage: a late model_usage replaces that. */
struct session_unsettled {
    uint32_t call; /* 0: free */
    uint32_t attempt;
    struct spend charged;
};

struct session_state {
    uint8_t mode; /* enum session_mode */
    uint8_t end;  /* enum end_cause: of the end that is due, or of the last one */
    uint8_t is_paused;
    uint8_t is_turn_started; /* the model was asked in this turn: no longer PENDING */
    uint32_t seq;            /* of the last event applied */
    uint32_t last_call;      /* the highest number given */
    uint32_t turn;           /* 1, 2, 3... */
    uint32_t turn_seq;       /* the event that holds this turn's input */
    uint32_t unread;         /* messages since then that no model call has seen */
    uint32_t unread_seq;     /* the first of them: the next turn's input */
    uint32_t steps;          /* taken in this turn */
    uint32_t crashes;        /* in a row, counted */
    struct session_limits limits;
    struct spend spent;    /* settled and charged */
    int64_t wall_used_ms;  /* of this turn, up to wall_since_ms */
    int64_t wall_since_ms; /* the turn's clock runs since then; 0: it stands */
    struct session_model model;
    struct session_call calls[SESSION_CALLS_MAX];
    struct session_unsettled unsettled[SESSION_UNSETTLED_MAX];
};

/*
 * What the outside has to do, after the commit. A tick's commands are carried out in order, and one
 * whose call a later event of the tick has stopped or closed is not carried out at all.
 * ASK, WITHDRAW, START_CHILD and CANCEL_CHILD are rows that belong into the commit itself.
 */
enum command_kind {
    CMD_CALL_MODEL, /* ask: the attempt has started */
    CMD_STOP_MODEL, /* its answer is no longer wanted; its usage is */
    CMD_RUN_TOOL,   /* run it; an `effects: once` call: commit tool_sent first */
    CMD_SEND_TOOL,  /* tool_sent is committed: now it may leave */
    CMD_STOP_TOOL,  /* end its processes, withdraw its task */
    CMD_ASK,        /* put an approval, a question or a doubt into the inbox of people */
    CMD_WITHDRAW,   /* take it out again */
    CMD_RECONCILE,  /* run the tool's reconcile command */
    CMD_START_CHILD,
    CMD_CANCEL_CHILD,
    CMD_TURN_ENDED, /* tell whoever wants to know */
    CMD_KIND_COUNT
};

struct session_command {
    enum command_kind kind;
    uint32_t call;
    uint32_t attempt;
};

enum { SESSION_COMMANDS_MAX = SESSION_CALLS_MAX * 2 + 4 };

struct session_commands {
    unsigned n;
    struct session_command at[SESSION_COMMANDS_MAX];
};

enum verdict {
    VERDICT_MOVED,    /* append the event, store the state, carry out the commands */
    VERDICT_IGNORED,  /* late or doubled; acknowledge it and forget it */
    VERDICT_REJECTED, /* has no meaning here: the caller's mistake (409), or ours */
    VERDICT_COUNT
};

/*
 * Applies one event. On VERDICT_MOVED updates *state and sets *ret_commands (the commands of this
 * event alone); otherwise leaves both untouched. Never fails, and takes any event: what comes from
 * a stored journal is checked here, not trusted.
 */
enum verdict session_step(struct session_state *state, const struct session_event *event,
                          struct session_commands *ret_commands);

/* ---- what must follow in the same tick ---- */
struct session_due {
    enum event_kind kind; /* turn_ended, or a tool's or approval's end: those in enum call_phase */
    uint32_t call;
    uint32_t attempt;
    enum end_cause cause; /* EV_TURN_ENDED */
};

/* True, and *ret_due set, if an event is due. A state may be committed only if none is. */
int session_due(const struct session_state *state, struct session_due *ret_due);

/* ---- questions; all of them pure ---- */

/* The model is wanted and nothing forbids it: time to look for a permit. */
int session_wants_model(const struct session_state *state);

/* Would a call with this reservation stay below the session's ceilings? */
int session_can_reserve(const struct session_state *state, struct spend reservation);

/* Spent and reserved together. */
struct spend session_committed_spend(const struct session_state *state);

/* A call is in flight in this process: the session is owned, and a crash interrupts it. */
int session_is_in_flight(const struct session_state *state);

/*
 * What a lost process leaves behind: one entry for each call that was in flight, each to become an
 * event (`interrupted`, or tool_in_doubt for a sent `once` call) of the same tick, in this order.
 * Take the list before the first of them is applied: applying one hands its call out again. The
 * first alone `counts` toward poison. As soon as session_due() names something the rest is void:
 * the end of the turn closes what it was about.
 */
struct session_interruption {
    enum event_kind kind;
    uint32_t call;
    uint32_t attempt;
    struct spend charged; /* a model call: its reservation */
};

enum { SESSION_INTERRUPTIONS_MAX = SESSION_CALLS_MAX + 1 };

unsigned session_interruptions(const struct session_state *state,
                               struct session_interruption ret_at[SESSION_INTERRUPTIONS_MAX]);

/*
 * The commands that are open: what was committed as handed out (CALL_MODEL, RUN_TOOL, SEND_TOOL,
 * RECONCILE; all others are rows, done with their commit). Whoever takes up a session that has no
 * owner carries them out.
 */
void session_open_commands(const struct session_state *state,
                           struct session_commands *ret_commands);

/* In flight, or the model is wanted: a starting process takes it up at once. */
int session_is_live(const struct session_state *state);

/* The earliest due time of the session, 0 for none. Its timers: session_timer(). */
int64_t session_wake_at_ms(const struct session_state *state);

/*
 * The first timer that is due at now_ms: kind, call and which are set. The caller sets seq and
 * at_ms, applies it, and asks again.
 */
int session_timer(const struct session_state *state, int64_t now_ms,
                  struct session_event *ret_event);

enum session_status session_status(const struct session_state *state);
int session_is_ended(const struct session_state *state); /* its turn is over: IDLE or CANCELLED */
/* It has ended, and no call of it is in doubt. */
int session_may_be_erased(const struct session_state *state);

/* Everything the session waits for. Empty only if it has ended: else it is a bug of ours. */
enum wait_kind {
    WAIT_PERMIT, /* the model, as soon as limits allow */
    WAIT_MODEL,  /* the model's answer */
    WAIT_RETRY,  /* a backoff */
    WAIT_TOOL,
    WAIT_APPROVAL,
    WAIT_INPUT,
    WAIT_TIME,
    WAIT_SIGNAL,
    WAIT_CHILD,
    WAIT_RECONCILE,
    WAIT_PERSON, /* a call in doubt */
    WAIT_RESUME, /* paused */
    WAIT_KIND_COUNT
};

struct session_wait {
    enum wait_kind on;
    uint32_t call;
    uint32_t attempt;
    int64_t since_ms;
    int64_t until_ms; /* 0: open */
};

enum { SESSION_WAITS_MAX = SESSION_CALLS_MAX + 2 };

unsigned session_waits(const struct session_state *state,
                       struct session_wait ret_waits[SESSION_WAITS_MAX]);

/* The open call of that number, or NULL. */
const struct session_call *session_call(const struct session_state *state, uint32_t number);

/* A model_answered may declare this many calls: orphans may leave less than SESSION_CALLS_MAX. */
unsigned session_free_slots(const struct session_state *state);

/* True if the state satisfies every rule that must hold between two events. */
int session_is_valid(const struct session_state *state);

const char *session_mode_name(enum session_mode mode);
const char *session_status_name(enum session_status status); /* "AWAITING_TOOL", ... */
enum session_status session_status_of(struct slice name);    /* STATUS_COUNT: none of them */
const char *model_phase_name(enum model_phase phase);
const char *call_phase_name(enum call_phase phase);
const char *command_kind_name(enum command_kind kind);
const char *wait_kind_name(enum wait_kind kind); /* "permit", "approval", ... */
const char *verdict_name(enum verdict verdict);

/* ---- the stored form: versioned, little-endian, only open slots; about 100 to 2,000 bytes ---- */
enum { SESSION_BLOB_MAX = 4096 };

/* Returns the length written to blob. */
size_t session_encode(const struct session_state *state, unsigned char blob[SESSION_BLOB_MAX]);

/* ERR_CORRUPT if the bytes are not a valid state; any bytes are safe to try. */
enum err_code session_decode(struct session_state *ret_state, struct slice blob,
                             struct err *err) MUST_CHECK;

#endif
