/* session_internal.h - what the files of the session machine share. For src/core/ only. */
#ifndef CORE_SESSION_INTERNAL_H
#define CORE_SESSION_INTERNAL_H

#include "core/session.h"

/* One call of session_step(): `state` is the copy that becomes the new state. */
struct step {
    struct session_state *state;
    const struct session_event *event;
    struct session_commands *commands;
};

typedef enum verdict step_fn(struct step *step);

/* Time and money are bounded, so that sums saturate instead of overflowing. */
#define EVENT_TIME_MAX ((int64_t)1 << 53)
#define SPEND_MAX      ((int64_t)1 << 60)

/* session_life.c: the session as a whole */
step_fn on_created, on_message, on_message_busy, on_turn_ended, on_turn_ended_early, on_cancelled,
    on_retried, on_paused, on_resumed, on_budget_changed, on_context_changed, on_forked;
void turn_end(struct step *step, enum end_cause cause); /* turn_ended is due from here */
void turn_want_model(struct step *step);

/* session_model.c: the one model call */
step_fn on_model_started, on_model_answered, on_model_failed, on_model_usage;
enum verdict model_interrupted(struct step *step);
enum verdict model_retry(struct step *step);
void model_drop(struct step *step); /* the turn ends: its reservation stays charged */

/* session_calls.c: tool calls */
step_fn on_call_event, on_signal, on_timer_fired, on_interrupted;
void call_open(struct step *step, const struct call_decl *decl, uint32_t number);
void call_start(struct step *step, struct session_call *call);
void calls_close(struct step *step);   /* the turn ends: orphans stay */
void calls_hold(struct step *step);    /* paused: what has not left stays */
void calls_release(struct step *step); /* resumed */

/* session_query.c */
struct session_call *call_find(struct session_state *state, uint32_t number);
int call_is_working(const struct session_call *call);
int64_t wall_due_ms(const struct session_state *state);

/* session_step.c */
void command_add(struct step *step, enum command_kind kind, uint32_t call, uint32_t attempt);
int64_t amount_add(int64_t a, int64_t b); /* of values from 0 to SPEND_MAX; saturates */
void spend_add(struct spend *sum, struct spend more);
void spend_subtract(struct spend *sum, struct spend less); /* not below zero */

/* event_check.c: are all values in their ranges? What is not is REJECTED before it can do harm. */
int event_is_sane(const struct session_event *event);

#endif
