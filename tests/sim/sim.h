/*
 * sim.h - a world in which the real engine lives: its clock, store, model, tools and clients.
 *
 * One seed is one world. The world draws its own weights (swarm testing: some worlds crash all
 * the time, some never), lets the engine run in chaos, then in peace until every session has come
 * to its end, and writes down in a book (book.h) what was seen from outside. Everything random
 * comes from the seed, so a failing seed replays exactly.
 *
 *   disk     the mem store, on a loop of its own: it outlives the processes
 *   process  an engine with its loop and a store that delays, refuses and loses answers (disk.c);
 *            a crash frees all of it at once, what was on its way may or may not have happened
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "engine/engine.h"

struct book;
struct asked;

/* Percentages and times, drawn by each world. */
struct weights {
    uint32_t store_delay_ms;  /* at most */
    uint32_t store_refuses;   /* an operation: surely nothing happened */
    uint32_t store_loses;     /* the answer to an operation: nobody knows */
    uint32_t commit_survives; /* of what was on its way in a crash */
    uint32_t page_rows;       /* a page of rows or events is no longer than this */
    uint32_t model_fails;
    uint32_t model_calls_tools;
    uint32_t model_no_usage;
    uint32_t model_slow;
    uint32_t model_late; /* an answer comes although it was cancelled */
    uint32_t model_many; /* tool calls in one answer: up to 40 */
    uint32_t model_odd;  /* unknown tools, bad arguments, answers cut or withheld */
    uint32_t tool_fails;
    uint32_t tool_slow;
    uint32_t tool_late;      /* ends by itself although it was stopped */
    uint32_t tool_long;      /* says more than the model may read */
    uint32_t tool_once;      /* percent of the tools: effects: once */
    uint32_t tool_approval;  /* percent of the tools: people must agree */
    uint32_t tool_waits;     /* percent of the builtins: a question, a sleep, a wait for a signal */
    uint32_t config_changes; /* restarts: a model or a tool is gone, or back */
    uint32_t pill;           /* percent of sessions under which the process dies */
    uint32_t act[17];        /* enum act: how often which */
    uint32_t pause_ms;       /* between two acts, at most */
    uint32_t keyed;          /* requests with an Idempotency-Key */
    uint32_t sessions_max;
};

enum act {
    ACT_CREATE,
    ACT_MESSAGE,
    ACT_CANCEL,
    ACT_PAUSE,
    ACT_RESUME,
    ACT_RETRY,
    ACT_PATCH,
    ACT_SETTLE,
    ACT_DECIDE,
    ACT_ANSWER,
    ACT_SIGNAL,
    ACT_FORK,
    ACT_ERASE,
    ACT_REPLAY,
    ACT_CRASH,
    ACT_DRAIN,
    ACT_JUMP, /* of the wall clock */
    ACT_COUNT
};

enum process { PROCESS_DOWN, PROCESS_STARTING, PROCESS_UP, PROCESS_DRAINING };

enum { SCENE_MODELS_MAX = 2, SCENE_TOOLS_MAX = 4, SCENE_AGENTS_MAX = 4 };

/* Who must agree to the calls of a tool. */
struct sim_approval {
    uint32_t approvers; /* 0: nobody */
    int is_conditional; /* only if the argument "a" is 1, or is not there */
    int64_t expires_ms; /* 0: never */
    enum expiry_action on_expiry;
    char text[256]; /* the same, as the configuration says it */
};

/* The configuration, and what its const pointers point to. */
struct scene {
    struct config config;
    struct config_account account;
    struct config_model models[SCENE_MODELS_MAX];
    size_t models_n, tools_n; /* drawn; the configuration may lack the last of them */
    struct config_tool tools[SCENE_TOOLS_MAX];
    struct sim_approval approvals[SCENE_TOOLS_MAX];
    const struct config_tool *agent_tools[SCENE_AGENTS_MAX][SCENE_TOOLS_MAX];
    struct config_agent agents[SCENE_AGENTS_MAX];
    struct config_webhook webhooks[2];
    struct buf revision_texts[SCENE_AGENTS_MAX];
    char revisions[SCENE_AGENTS_MAX][SHA256_TEXT_MAX];
    char names[32][16];
    size_t names_n;
};

enum { TRACE_LINES = 400, TRACE_LINE_MAX = 200 };

struct trace {
    char lines[TRACE_LINES][TRACE_LINE_MAX];
    uint64_t lines_n; /* ever */
    uint64_t hash;
    int is_loud; /* every line as it comes */
};

struct world {
    uint64_t seed;
    struct random random;
    struct weights weights;
    struct scene scene;
    struct trace trace;
    struct book *book;

    int64_t mono_ms;
    int64_t wall_ahead_ms;
    int64_t latest_ms;  /* that the wall clock ever showed */
    int64_t used_bytes; /* of the disk, as the engine was told last */
    int is_peace;       /* the second phase: nothing fails any more */

    struct loop *disk_loop;
    struct store *disk;

    enum process process;
    unsigned process_n; /* 1, 2, ... */
    unsigned drained_n; /* the last process that stopped and had nothing left in its hands */
    int is_crash_due;   /* something in a callback asked for it */
    struct err fatal;
    struct loop *loop;
    struct store *store;
    struct engine *engine;
    struct list ops;   /* of the store, on their way */
    unsigned unread_n; /* outputs that could not be read, of which no call has failed yet */
    struct list calls; /* of the model, in flight */
    struct list runs;  /* of tools, in flight */
    struct model_client model;
    struct tool_runner tools;
    int64_t drain_until_ms;
    int is_drained;
    int is_peaceful_drain;

    struct asked **asked; /* all requests ever */
    size_t asked_n;
    size_t created;
    uint32_t tokens; /* names given out */
};

/* ---- world.c ---- */
void world_run(struct world *world, uint64_t seed, int is_loud); /* returns only if all is well */
void world_release(struct world *world);
int64_t world_wall_ms(const struct world *world);
struct clock world_clock(struct world *world);

/* ---- chance ---- */
uint32_t below(struct world *world, uint32_t n);
int chance(struct world *world, uint32_t percent);
uint32_t token(struct world *world); /* a number never given before */

/* ---- trace.c ---- */
void trace(struct world *world, const char *fmt, ...) PRINTF(2, 3);
/* Prints the seed, what is wrong and the last lines of the trace, and ends the process. */
__attribute__((noreturn)) void fail(struct world *world, const char *fmt, ...) PRINTF(2, 3);
void trace_print(const struct world *world, FILE *to);

/* ---- scene.c ---- */
void scene_draw(struct world *world);
void scene_change(struct world *world); /* between two processes somebody edits pawl.yaml */
void scene_release(struct scene *scene);

/* ---- disk.c: the store of a process ---- */
void disk_open(struct world *world);
void disk_close(struct world *world);
struct store *disk_connect(struct world *world);
/* Before a crash frees the engine: what is on its way happens or does not. */
void disk_cut(struct world *world);
void disk_disconnect(struct world *world); /* after it */
/* One operation at once, for whoever looks from outside. Results last until the next. */
void disk_do(struct world *world, struct store_op *op);

/* ---- model_sim.c, tool_sim.c ---- */
extern const struct model_client_ops sim_model_ops;
extern const struct model_format sim_format;
extern const struct tool_runner_ops sim_tool_ops;
void models_drop(struct world *world); /* a crash */
void tools_drop(struct world *world);
const struct tool_run *sim_run_of(struct link *link); /* of world->runs */

/* ---- clients.c ---- */
void client_act(struct world *world, enum act act);
void clients_check(struct world *world); /* at the end: what was acknowledged is there, once */
void clients_resume_all(struct world *world);
void clients_settle_all(struct world *world);      /* what only people can tell */
void clients_decide_all(struct world *world);      /* what people are asked */
void clients_answer_all(struct world *world);      /* questions, and waits for signals */
size_t clients_waiting(const struct world *world); /* requests without an answer */
void clients_release(struct world *world);

#endif
