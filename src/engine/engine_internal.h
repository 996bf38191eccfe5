/*
 * engine_internal.h - what the files of the engine share. For src/engine/ only.
 *
 * A session in the hands of this process is a `struct live`. It is brought in by live_get(), takes
 * its inputs in order, and is let go when nothing of it is in flight and nothing is left to do.
 * One tick of it at a time is on its way to the store (tick.c); inputs that come meanwhile wait.
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "core/approval.h"
#include "core/event_json.h"
#include "engine/engine.h"
#include "engine/history.h"
#include "engine/revision.h"

struct fork;
struct live;
struct tick;
struct input;

enum { ENGINE_SPARE_MAX = 64 };

struct engine {
    struct engine_deps deps;
    struct random random;
    struct queue *queue;   /* sessions that wait for a permit */
    struct map *lives;     /* id -> struct live */
    struct map *revisions; /* hash -> struct revision, one reference each */
    uint32_t worker;       /* this process, as the store knows it */
    uint32_t epoch;
    size_t model_calls;          /* permits given out */
    struct tool_job *tool_first; /* wait for a place to run */
    struct tool_job **tool_last;
    size_t tool_waiting;
    struct loop_post tool_place; /* one is free: the next may run */
    size_t tool_runs;
    size_t builtin_runs;
    struct timed *timed; /* sessions that sleep until a time near by (timed.c) */
    struct recovery *recovery;
    struct sweep *sweep;
    struct schedules *schedules;
    struct trim *trim;
    struct purge *purge;
    struct retention *retention;
    struct suspects *suspects;
    struct output_reader *output_reader;
    int64_t began_ms;    /* mono: when this process began to take up sessions */
    struct list asked;   /* requests in the hands of no session (requests.c) */
    struct start *start; /* until it has started */
    struct drain *drain; /* not NULL: nothing new is begun */
    struct arena *spare[ENGINE_SPARE_MAX];
    size_t spare_n;
    int is_handing_over; /* the end of a drain: sessions are left without an owner */
    struct engine_stats stats;
};

/* ---- inputs: what a session has to take up; each becomes events of a tick (live.c) ---- */

/*
 * Adds the events of this input to the tick. Called again, for another tick, if the store
 * refused the first: so it must not change what it points to.
 */
typedef void input_apply_fn(struct live *live, struct tick *tick, struct input *input);
/* The tick that took it up is committed (ERR_NONE), or it cannot be. Frees the input. */
typedef void input_end_fn(struct live *live, struct input *input, const struct err *err);

struct input {
    input_apply_fn *apply;
    input_end_fn *end;
    int is_alone;   /* its tick has no events before it: it looks at what is committed */
    int is_request; /* somebody waits: it is answered when the store refuses, not kept */
    struct input *next;
};

/* A tool call of this session, as the model asked for it. Kept while it is open. */
struct call_info {
    struct call_info *next;
    uint32_t number;
    char *id; /* the provider's */
    char *tool;
    char *arguments; /* JSON text */
    char *refusal;   /* why it is not carried out; NULL: it is */
    char *approval;  /* what people are asked, and have said (approvals.h); NULL: nobody is */
    int is_edited;   /* its arguments are a person's */
    int has_row;     /* it was asked about: load.c reads that */
};

/* A signal that no call has taken yet. */
struct kept_signal {
    uint32_t seq;
    uint64_t name_hash;
    char *data; /* JSON */
    size_t data_len;
};

struct live {
    struct engine *engine;
    struct id id;
    struct session_state *state; /* as committed; NULL: packed, see live_state() */
    unsigned char *packed;       /* session_encode() of it, or NULL */
    size_t packed_len;
    struct store_session row; /* as committed; slices point to the members below */
    char *tenant, *agent, *parent, *metadata;
    struct revision *revision;
    char *context; /* JSON object, or NULL */
    struct call_info *calls;
    struct kept_signal *signals; /* by seq */
    size_t signals_n;
    struct history history;
    int has_history;   /* `history` is the journal's */
    struct load *load; /* under way */
    int is_loading;    /* row, revision or history are on their way */
    int needs_row;     /* the store's row is to be read (again) before anything else */
    int is_recovering; /* an input is there that takes up what its dead owner left in flight */
    struct err *gone;  /* not NULL: it is not in the store, and inputs are answered with this */
    int is_erased;     /* it was, once, */
    enum store_erasure erasure; /* and why */
    int is_perhaps_erased;      /* the store could not say */
    struct tick *tick;          /* on its way to the store, or being built */
    struct input *inputs;       /* first in */
    struct input **inputs_last;
    struct model_job *model_jobs; /* in flight: one that is wanted, and ones that were stopped */
    struct tool_job *tool_jobs;   /* waiting or running */
    struct loop_timer timer;      /* its next due time, while it is here */
    int64_t timer_due_ms;         /* that the timer is armed for */
    int64_t waited_ms;            /* it has waited until this time, whatever the clock says now */
    struct loop_post pump;
    int64_t retry_ms;   /* the store refused: wait so long before the next try */
    int is_backing_off; /* that time has not passed */
    int has_permit;     /* a hint brought it here: it may ask the model now */
};

/* The session of that id, loaded if need be. Never NULL; what is not there answers its inputs so.
 */
struct live *live_get(struct engine *engine, struct slice id);
/* About to be created, with an empty history; takes over the reference to its revision. */
struct live *live_born(struct engine *engine, const struct id *id, struct revision *revision,
                       struct slice tenant, struct slice agent, struct slice metadata);
void live_input(struct live *live, struct input *input);       /* takes over input */
void live_input_first(struct live *live, struct input *input); /* before all others */
void live_pump(struct live *live); /* soon: takes up what has come, or lets the session go */
void live_free(struct live *live); /* inputs that are left are told that nobody knows */
void live_retry_later(struct live *live, const struct err *err); /* the store refused */
void live_gone(struct live *live, enum err_code code, const struct err *err);
struct call_info *live_call(const struct live *live, uint32_t number);
struct call_info *live_add_call(struct live *live, uint32_t number, struct slice id,
                                struct slice tool, struct slice arguments, struct slice refusal);
void live_drop_calls(struct live *live);           /* of calls that are no longer open */
void text_replace(char **text, struct slice with); /* one of the texts of a session: a copy */

/*
 * live_state.c: what the session is. While it waits for an answer that is kept in its stored form,
 * a hundred bytes instead of two thousand. What live_state() points to is there until the next
 * live_state_pack(), at the end of a turn of the loop that did something for the session.
 */
const struct session_state *live_state(struct live *live);
void live_state_set(struct live *live, const struct session_state *state);
void live_state_pack(struct live *live);
void live_state_release(struct live *live);

/* load.c: row, revision, history. Each ends in live_pump(). */
void load_row(struct live *live);
void load_history(struct live *live);
void live_forget_history(struct live *live); /* it is read again before the model is asked */

/* ---- tick.c: events gathered, committed together, carried out ---- */

struct tick_event {
    struct session_event *event;      /* kind, call, attempt and what decides: set */
    const struct event_extra *extras; /* ended by a NULL name; or NULL */
    const struct event_extra *const *call_extras;
    struct slice wire;      /* or NULL */
    struct store_blob blob; /* its data stay in place as long as the tick's inputs */
};

/* What an event knows of the end that it leads to. NULL: as the end's cause says. */
struct tick_reason {
    struct slice code;
    struct slice message;
    struct slice output; /* what the turn came to */
};

/* A turn that ended in it: what is to be told of it, which the row may have left behind. */
struct tick_end {
    struct tick_end *next;
    enum session_status status;
    uint32_t turn;
    uint32_t steps;
    struct spend spent;
    struct slice code;
    struct slice message;
};

/* What a wait has come to, for the answer that is about to follow. NULL: its time has come. */
struct tick_came {
    struct slice text;
    uint32_t signal_seq; /* of a signal; else 0 */
};

/* A signal that came in this tick and found no call, or one of before that a call has taken. */
struct tick_signal {
    struct tick_signal *next;
    uint32_t seq;
    uint64_t name_hash;
    struct slice data;
    int is_new;
    int is_taken;
};

enum { TICK_EVENTS_MAX = 160 };

/* What the tick changes of what people are asked about a call. */
struct tick_ask {
    struct tick_ask *next;
    uint32_t call;
    enum approval_status status;
    struct slice body;      /* of its row */
    struct slice arguments; /* that it is to run with; NULL: as the model wrote them */
};

struct tick {
    struct live *live;
    struct arena *arena;
    struct session_state state; /* after the events so far */
    struct store_event *events; /* in arena */
    size_t events_n, events_cap;
    size_t bytes; /* of their bodies and wires */
    size_t blob_bytes;
    struct session_command *commands;
    size_t commands_n;
    size_t commands_cap;
    struct input *inputs; /* taken up by it */
    struct input **inputs_last;
    int64_t now_ms;
    uint32_t task_seq, end_seq, context_seq; /* new ones, or 0 */
    struct slice context, metadata;          /* new ones, or NULL */
    struct tick_ask *asks;
    struct store_audit *audits; /* of requests that it takes up; in arena */
    size_t audits_n, audits_cap;
    struct tick_reason reason; /* of the end that is about to follow */
    struct tick_came came;
    struct tick_signal *signals; /* by seq: those of before that were taken, and new ones */
    struct tick_signal **signals_last;
    struct tick_end *ends; /* of turns, in order */
    struct tick_end **ends_last;
    struct tick_notice *notices; /* what webhooks are to be told of it (notices.c) */
    struct tick_notice **notices_last;
    int has_deliveries;
    int has_permit;    /* it holds one for a model_started */
    int is_claim;      /* commit even without events: the owner changes */
    int needs_history; /* the model is wanted, and what to send it is not here */
    int is_erasure;    /* it has no events: the session is taken out of the store */
    int64_t copy_of;   /* a fork: its journal begins with copy_n events of this session */
    uint32_t copy_n;
    const uint32_t *copy_signals; /* and it keeps these of them */
    size_t copy_signals_n;
    struct input *keyed; /* the one input that the store may know: by its key, or its schedule */
    struct store_session row; /* as it was sent to the store */
    struct store_op op;
};

/* False: its body or its wire is longer than the store takes. For what the outside has sized. */
int tick_fits(const struct tick_event *add);
/* Applies an event to the tick's state; on MOVED it will be recorded. Sets its seq and time. */
enum verdict tick_add(struct tick *tick, const struct tick_event *add);
void tick_run(struct live *live); /* builds a tick from what waits, and commits it */
/* A string that lives as long as the tick. */
struct slice tick_text(struct tick *tick, const char *fmt, ...) PRINTF(2, 3);
void tick_free(struct tick *tick);
void tick_end_inputs(struct tick *tick, const struct err *err); /* those that it took up */
/* It was not recorded: what it took up waits for the next. Ends it. */
void tick_drop(struct tick *tick);

/* notices.c: what webhooks are told. Noted with each event, and added to the commit as rows. */
void notices_note(struct tick *tick, const struct session_event *event);
void notices_put(struct tick *tick, struct store_commit *commit);

/* follow.c: what must or may follow in the same tick */
void follow_dues(struct tick *tick);
void follow_model(struct tick *tick);

/* waits.c: the answer of a call that has waited */
void follow_answered(struct tick *tick, const struct session_due *due);
void wait_answer(struct tick *tick, uint32_t call, struct tick_came came);

/* signals.c: events from outside, which a call takes, or the session keeps until one does */
void signal_apply(struct live *live, struct tick *tick, struct input *input);
int follow_kept(struct tick *tick); /* true: a call that waits has taken one that was kept */
void signals_put(struct tick *tick, struct store_commit *commit);
void signals_keep(struct tick *tick); /* it is committed */
enum err_code signals_take(struct live *live, const struct store_load *load, struct err *err);
void signals_free(struct live *live);

/* commands.c */
void commands_carry_out(struct live *live, const struct session_command *at, size_t n);

/* ---- model_job.c, answer.c: asking the model ---- */

void model_job_start(struct live *live, uint32_t call, uint32_t attempt);
void model_job_stop(struct live *live, uint32_t call, uint32_t attempt);
void model_jobs_stop(struct live *live); /* all of them */
void model_jobs_free(struct live *live);
struct spend model_reservation(const struct live *live, const struct config_model *model);
void permits_changed(struct engine *engine);

/* Hands the result of an attempt to its session; copies what it needs. */
void answer_input(struct live *live, uint32_t call, uint32_t attempt,
                  const struct model_result *result);
/* Why a call of the model cannot be carried out, in words for the model. */
struct slice answer_refusal(const struct live *live, uint32_t call);
struct slice answers_at_cancel(struct tick *tick);
/* {"code":…,"message":…} that lives as long as the tick */
struct slice tick_error(struct tick *tick, const char *code, struct slice message);
const struct model_format *engine_format(const struct live *live);

/* ---- tool_job.c, outcome.c: running tools ---- */

struct tool_job {
    struct live *live;
    struct tool_job *next;       /* of its session */
    struct tool_job *next_ready; /* of those that wait for a place */
    uint32_t call;
    uint32_t attempt;
    int is_behind;  /* processes of an earlier run of its call have not ended */
    int is_waiting; /* for a place */
    int is_sending; /* `effects: once`: it has its place, and tool_sent is being committed */
    int is_exec;
    int is_reader; /* read_output.c runs it */
    int is_once;
    int is_reconcile; /* it does not run the tool: it looks what became of it */
    int is_stopped;   /* its result is not wanted */
    struct tool_spec spec;
    struct tool_env *secrets;
    char *arguments;
    char key[ID_TEXT_MAX + 16];
    struct tool_run run;
};

void tool_job_start(struct live *live, uint32_t call, uint32_t attempt);
void tool_job_send(struct live *live, uint32_t call, uint32_t attempt); /* tool_sent is committed */
void tool_job_reconcile(struct live *live, uint32_t call, uint32_t attempt);
struct tool_job *tool_job_sending(struct live *live, uint32_t call, uint32_t attempt); /* or NULL */
void tool_job_stop(struct live *live, uint32_t call, uint32_t attempt);
void tool_jobs_next(struct engine *engine);    /* a place is free */
void tool_jobs_stop(struct live *live);        /* all of them */
void tool_jobs_drop_behind(struct live *live); /* what waits for an earlier run to end */
void tool_jobs_free(struct live *live);

/* The end of an attempt, or of a reconcile command. For outcome.c and once.c alone. */
struct outcome {
    struct input input;
    struct arena *arena;
    uint32_t call;
    uint32_t attempt;
    struct tool_result result; /* slices in arena, or in what it kept */
    uint64_t random64;         /* of an attempt: when the next one is due */
};

/* Copies what it needs, and takes what was kept. */
struct outcome *outcome_new(struct live *live, uint32_t call, uint32_t attempt,
                            struct tool_result *result, input_apply_fn *apply);
/* Hands the end of an attempt to its session; copies what it needs, and takes what was kept. */
void outcome_input(struct live *live, uint32_t call, uint32_t attempt, struct tool_result *result);
struct slice outcome_failure(struct tick *tick, const struct tool_result *result, const char *tool);
enum { TOOL_EXIT_TRY_AGAIN = 75 }; /* EX_TEMPFAIL: nothing happened */

/* ---- output.c: what the model and the journal get of what a tool printed ---- */

struct output {
    struct buf text; /* stdout, or its ends; of a failure the status and the end of stderr, too */
    struct buf name; /* JSON: how the event names the blob; empty: there is none */
    char hash[SHA256_TEXT_MAX];
    struct store_blob blob;
};

/* Each byte of it may take six as JSON, and in the wire, too: so much surely fits an event. */
enum { OUTPUT_FITS_BYTES = STORE_BODY_MAX / 8 };

/* max: the most of stdout that stands in the text. Of a zeroed one, or to build it again. */
void output_put(struct output *output, const struct live *live, uint32_t call,
                const struct tool_result *result, size_t max);
struct slice output_text(const struct output *output); /* never NULL */
void output_release(struct output *output);

/* ---- read_output.c: the builtin that reads the rest ---- */

int output_is_read_by(const struct config_tool *tool);
struct output_reader *output_reader_new(struct engine *engine);
struct tool_runner *output_reader_runner(struct output_reader *reader);
void output_reader_free(struct output_reader *reader); /* with all that it has under way */

/* ---- once.c: calls that must not happen twice ---- */

/* It has its place: records that it is about to leave. CMD_SEND_TOOL follows, or it is stopped. */
void sent_input(struct live *live, uint32_t call, uint32_t attempt);
/* It was recorded, and then stopped before it left. */
void unsent_input(struct live *live, uint32_t call, uint32_t attempt);
/* It was recorded by a process that is gone: nobody knows whether it left. */
void lost_input(struct live *live, uint32_t call, uint32_t attempt);
/* It ended without proof. */
struct doubt {
    uint32_t call;
    uint32_t attempt;
    const char *cause;
    int counts;         /* toward poison */
    struct slice error; /* JSON; or NULL */
};
enum verdict doubt_add(struct tick *tick, const struct doubt *doubt);
/* True if this attempt is in doubt: whatever its run tells now is proof. */
int is_in_doubt(const struct session_state *state, uint32_t call, uint32_t attempt);
/* What became of a call in doubt: by whom it is said, and what the tool said if it happened. */
struct verdict_on_doubt {
    uint32_t call;
    uint32_t attempt;
    enum reconcile_outcome outcome;
    struct slice output;          /* for the journal and the model; NULL: none */
    const struct output *printed; /* where it comes from, if a command printed it */
    struct slice by;
    struct slice note;  /* or NULL */
    struct slice error; /* JSON; or NULL */
};
enum verdict reconciled_add(struct tick *tick, const struct verdict_on_doubt *said,
                            uint32_t *ret_seq);
/* As outcome_input(), of a reconcile command. */
void reconcile_input(struct live *live, uint32_t call, uint32_t attempt,
                     struct tool_result *result);

/* ---- requests.c ---- */

/* A request on its way. For requests.c and fork.c alone. */
struct asked {
    struct input input;
    struct engine *engine;
    struct engine_request *request;
    struct revision *revision; /* CREATE */
    struct fork *fork;         /* FORK */
    struct link aside;         /* engine->asked: in the hands of no session */
    struct loop_post answer;   /* for one that is refused before any session is touched */
    struct store_op op;        /* what is read for it meanwhile */
};

/* What became of the input of a live session that it was: an err, and the code that it has. */
void asked_set_err(struct asked *asked, const struct live *live, const struct err *err);
/* Its request has an error: answers it, unless its key says that it was done before. */
void asked_refused(struct asked *asked);
/* The end of an input that records something: answers, also for a key that was seen before. */
void asked_done(struct live *live, struct input *input, const struct err *err);

void requests_free(struct engine *engine); /* answers those that no session has */

/* For the files that carry a kind of request out: the one that this input brings. */
struct engine_request *request_of(struct input *input);
/* The same where its apply begins: what an earlier try came to is forgotten. */
struct engine_request *request_anew(struct input *input);
struct slice request_by(const struct engine_request *request); /* who decides: a name, always */
void request_refuse(struct engine_request *request, const char *code, enum err_code err_code,
                    const char *message);
/* "call 3 of session ses_..." and then this. Always 0. */
int request_refuse_call(struct engine_request *request, const char *code, enum err_code err_code,
                        const char *fmt, ...) PRINTF(4, 5);
/* The core rejected its event: 409, with what the session is at. */
void request_refuse_state(struct tick *tick, struct engine_request *request);
/* Whether the instructions can be had from the request's context, within limits.instructions; if
 * not, it is refused. */
int request_fills(struct engine *engine, struct engine_request *request,
                  const struct revision *revision);
/* Whether it asks for a budget in dollars that cannot be kept; then it is refused. NULL: the model
 * is gone from the configuration, nothing is called. */
int request_lacks_price(struct engine_request *request, const struct config_model *model);
/* It is recorded by the event `seq` of this tick; its Idempotency-Key goes with it. */
void request_taken(struct tick *tick, struct input *input, uint32_t seq);
/* The budget that it asks for, as far as it does, as an event. */
enum verdict request_add_budget(struct tick *tick, struct engine_request *request,
                                uint32_t *ret_seq);

/* audit.c: this tick does what the request asks */
void audit_add(struct tick *tick, const struct engine_request *request);

/* erase.c: an input that is_alone makes the tick an erasure, which is submitted by itself */
void erase_apply(struct live *live, struct tick *tick, struct input *input);
void erase_submit(struct tick *tick);
/* STORE_ERASE of it, without done and arg. */
struct store_op erase_op(const struct store_session *row, int64_t at_ms, enum store_erasure why);
/* It is not in the store any more, but perhaps for what is to be purged: all are told. */
void erase_done(struct engine *engine, struct slice session, int has_left);
void erase_unsure(struct live *live); /* its row is read again, and then all are told, if so */

/* patch.c: context, metadata and budget are changed */
void patch_apply(struct live *live, struct tick *tick, struct input *input);
/* fork.c: an input of the source that is alone, and adds nothing; what it needs is its own */
void fork_look(struct live *live, struct tick *tick, struct input *input);
void fork_looked(struct live *live, struct input *input, const struct err *err);
void fork_free(struct fork *fork); /* NULL-safe */

/* decide.c: a person decides on a call that needs it */
void decide_apply(struct live *live, struct tick *tick, struct input *input);
/* question.c: a person answers what the model asks */
void question_apply(struct live *live, struct tick *tick, struct input *input);
/* settle.c: a person says what became of a call in doubt */
void settle_apply(struct live *live, struct tick *tick, struct input *input);

/* ---- timed.c, sweep.c, trim.c, purge.c, retention.c, recovery.c, suspects.c, drain.c ---- */

struct timed *timed_new(struct engine *engine);
void timed_start(struct timed *timed);
/* since_ms: when the session was last changed. */
void timed_add(struct timed *timed, struct slice session, int64_t due_ms, int64_t since_ms);
/* How long it still waits that was last changed at since_ms and waits until due_ms. */
int64_t timed_wait_ms(struct timed *timed, int64_t due_ms, int64_t since_ms);
void timed_free(struct timed *timed);

/* Idempotency rows are kept for a day. */
struct sweep *sweep_new(struct engine *engine);
void sweep_start(struct sweep *sweep);
void sweep_free(struct sweep *sweep); /* NULL-safe */

/* Rows of the audit are kept as long as the configuration wants. */
struct trim *trim_new(struct engine *engine);
void trim_start(struct trim *trim);
void trim_free(struct trim *trim); /* NULL-safe */

/* Goes on until nothing is left of sessions that were erased. */
struct purge *purge_new(struct engine *engine);
void purge_start(struct purge *purge); /* under way: no change */
int purge_is_busy(const struct purge *purge);
int purge_is_stuck(const struct purge *purge); /* nothing more is purged: the store is damaged */
void purge_free(struct purge *purge);          /* NULL-safe */

/* Takes sessions out that have ended, as the configuration wants it. */
struct retention *retention_new(struct engine *engine);
void retention_start(struct retention *retention);
void retention_free(struct retention *retention); /* NULL-safe */

/* False: it is left alone, as a session that cannot be read; all others go on. */
static inline int row_is_usable(const struct store_session *row)
{
    return !row->is_corrupt && row->id.len < ID_TEXT_MAX;
}

void recovery_start(struct engine *engine);
void recovery_free(struct recovery *recovery);
void recover_input(struct live *live, enum interrupted_by by); /* takes up what was in flight */
void recover_inherited(
    struct live *live); /* its row was read: was it in flight when its owner died? */

/* Three crashes in a row: from here it is held back at first, and then runs alone. */
enum { SUSPECT_CRASHES = 3 };
void suspects_crash_seen(struct engine *engine); /* it clears those that were held back in it */
void suspect_lost(struct live *live);            /* it was in flight when the process died */
int suspect_is_held(struct live *live, const struct session_state *state); /* puts it in line */
void suspect_committed(struct live *live); /* a recorded answer clears it: the next one's turn */
void suspects_let_go(struct live *live);   /* it leaves this process: the next one's turn, too */
void suspects_free(struct suspects *suspects);

void drain_check(struct engine *engine); /* something ended: perhaps all has; soon, not now */
int drain_is_grace_over(const struct engine *engine); /* what is in flight is stopped */
void drain_free(struct drain *drain);

/* Arenas of a tick or an input: kept for the next one, as each step takes three of them. */
struct arena *engine_arena(struct engine *engine);
void engine_arena_done(struct engine *engine, struct arena *arena);

void engine_fatal(struct engine *engine, const struct err *err);
const struct config_model *engine_model(const struct live *live); /* NULL: no longer configured */
struct revision *engine_revision(struct engine *engine, struct slice hash); /* borrowed; or NULL */

#endif
