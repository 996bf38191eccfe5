/*
 * engine.h - the shell round the core: ticks sessions, commits, and carries out.
 *
 * Promise: what a request changed is durable when its done runs with ERR_NONE. Commands are
 * carried out after the commit that recorded them. After a crash, engine_start() takes up
 * every session where its journal stands.
 *
 * Ownership: the engine borrows everything in struct engine_deps; it must outlive the engine. The
 * caller owns *request and all it points to until done has run.
 *
 * Threads: every call belongs to the loop's thread.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/id.h"
#include "config/config.h"
#include "loop/loop.h"
#include "model/model.h"
#include "queue/queue.h"
#include "store/store.h"
#include "tool/tool.h"

struct engine;

struct engine_deps {
    struct loop *loop;
    struct store *store;
    const struct config *config;
    struct model_client *models[PROVIDER_COUNT];
    const struct model_format *formats[PROVIDER_COUNT];
    struct tool_runner *exec;
    struct tool_runner *builtin;
    uint64_t random_seed; /* 0: from the kernel */
    const char *name;     /* of this worker, for people: "host:pid" */

    /* After each commit of a session, with its last seq: for whoever waits for events. */
    void (*on_commit)(void *arg, struct slice session, uint32_t seq);
    /*
     * NULL, or told each piece of a model's answer while it is written. It is in no journal: an
     * attempt that fails may have said something, and the next begins anew.
     */
    void (*on_delta)(void *arg, struct slice session, uint32_t call, uint32_t attempt,
                     struct slice text);
    /* A turn has ended: one log line. */
    void (*on_ended)(void *arg, const struct store_session *row, struct slice code,
                     struct slice message);
    /* NULL, or told of a session that was erased: what is kept of it elsewhere is to go, too. */
    void (*on_erased)(void *arg, struct slice session);
    /* NULL, or told that a commit has written what webhooks are to be told. */
    void (*on_deliveries)(void *arg);
    /* The engine cannot go on (a lost epoch, a corrupt store): the process must end. */
    void (*on_fatal)(void *arg, const struct err *err);
    void *arg;
};

struct engine *engine_new(const struct engine_deps *deps);

/*
 * Registers the worker, stores the agents' revisions, and takes up what a former process left.
 * done runs when new work is welcome; recovery goes on beside it. err.code tells the outcome.
 */
typedef void engine_started_fn(void *arg, const struct err *err);
void engine_start(struct engine *engine, engine_started_fn *done, void *arg);

/*
 * Begins nothing new, gives calls in flight grace_ms to end, then interrupts them (`by: drain`),
 * and leaves every session to the next process. done runs when nothing of it is in flight any more.
 */
void engine_drain(struct engine *engine, int64_t grace_ms, loop_fn *done, void *arg);

/* Frees everything, at any moment; completions of what was in flight must no longer come. */
void engine_free(struct engine *engine); /* NULL-safe */

/* ---- changes to sessions ---- */
enum engine_request_kind {
    ENGINE_CREATE,
    ENGINE_MESSAGE,
    ENGINE_CANCEL,
    ENGINE_PAUSE,
    ENGINE_RESUME,
    ENGINE_RETRY,
    ENGINE_PATCH,  /* context, metadata, budget: those that are given */
    ENGINE_SETTLE, /* what became of a call in doubt */
    ENGINE_FORK,   /* a new session with this one's events up to `at`, paused */
    ENGINE_DECIDE, /* a person's decision on a call that needs it */
    ENGINE_ANSWER, /* a person's answer to a question of the model */
    ENGINE_SIGNAL, /* an event from outside, for a call that waits for it */
    ENGINE_ERASE,  /* one that has ended: a tombstone stays. Of an erased one: done, too */
    ENGINE_REQUEST_KIND_COUNT
};

struct engine_request {
    enum engine_request_kind kind;
    struct slice session;  /* all but CREATE */
    struct slice agent;    /* CREATE */
    struct slice text;     /* CREATE: input; MESSAGE: content; SETTLE: what the tool would have
                              said; ANSWER: it; SIGNAL: its data, a JSON
                              object; CANCEL, PAUSE, ...: reason */
    struct slice name;     /* SIGNAL */
    struct slice context;  /* CREATE, PATCH: a JSON object, or empty */
    struct slice metadata; /* CREATE, PATCH: a JSON object of strings, or empty */
    struct spend budget;   /* ceilings; 0: CREATE: the agent's; RETRY, PATCH: as they are */
    uint32_t at;           /* FORK: the last event that is copied; 0: all */
    uint32_t call;         /* SETTLE, DECIDE, ANSWER: its number; SETTLE: */
    enum reconcile_outcome outcome; /* whether it happened: not OUTCOME_UNKNOWN; */
    struct slice note;              /* and how that is known, or why; may be empty */
    enum decision decision;         /* DECIDE; its reason, for the model, is the note */
    struct slice hash;              /* DECIDE: of the arguments that were shown */
    struct slice arguments;         /* DECIDE: others instead, JSON; may be empty */
    struct slice by;                /* who asks, for the journal and the audit, */
    struct slice actor;             /* by what right: a key's id, "open", "trigger:NAME", ... */
    struct slice address;           /* and from where; may be empty */
    struct slice roles;             /* DECIDE: his, with commas between; NULL: as if all */
    struct store_firing firing;     /* CREATE: the schedule that is due for it, or none */
    /*
     * tenant, route, key, body_hash; the key may be empty. Whose session it is: to another tenant
     * it is not there (CREATE: whose it will be).
     */
    struct store_idempotency idempotency;

    /*
     * Out. ERR_NOT_FOUND (no such session or agent), ERR_INVALID (this request is wrong),
     * ERR_CONFLICT (the session is in no state for it), ERR_LIMIT (shutting down),
     * ERR_UNAVAILABLE (the store refuses: nothing happened), ERR_TIMEOUT (outcome unknown).
     */
    struct err err;
    const char *code; /* a stable word for the problem: "unknown_agent", ...; NULL if none */
    struct id id;     /* the session; CREATE, FORK: the new one */
    int is_replay;    /* an Idempotency-Key that was seen before: nothing new was done */
    uint32_t seq;     /* of the event that was recorded */
    void (*done)(struct engine_request *request, void *arg);
    void *arg;
};

void engine_submit(struct engine *engine, struct engine_request *request);

/* What a schedule of the configuration has done, and will do. */
struct engine_schedule {
    const struct config_schedule *config;
    int64_t next_at_ms;        /* 0: never */
    int64_t last_at_ms;        /* 0: never yet */
    struct slice last_session; /* may be empty */
};

/* The i-th of the configuration's; false: there is none. */
int engine_schedule_at(const struct engine *engine, size_t i, struct engine_schedule *ret_schedule);

struct engine_stats {
    size_t sessions_live; /* in memory */
    size_t model_calls;   /* in flight */
    size_t tool_runs;     /* running */
    size_t tool_waiting;  /* waiting for a place to run */
    size_t ready;         /* sessions that wait for a permit */
    uint64_t ticks;
    uint64_t ended;
    uint64_t recovered;
    uint64_t late;     /* answers that nobody waited for */
    int store_refuses; /* the last write was refused: the disk is full, say */
};

struct engine_stats engine_stats(const struct engine *engine);

#endif
