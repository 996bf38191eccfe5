/*
 * play.h - one session, played event by event, for the tests of the core.
 *
 * Whatever a test does, play_try() holds the core to its contract: a state that did not move is
 * untouched, one that moved is valid, its stored form reads back as itself, and its commands and
 * waits fit it. Amounts and times here are small and round; the clock moves 10 ms an event.
 */
#ifndef UNIT_PLAY_H
#define UNIT_PLAY_H

#include "core/session.h"
#include "unit/unit.h"

enum { PLAY_START_MS = 1000, PLAY_STEP_MS = 10 };

struct play {
    struct session_state state;
    struct session_commands commands; /* of the last event that moved */
    int64_t now_ms;
};

/* A session after `created`. */
void play_create(struct play *play, struct session_limits limits);

/* Applies an event as it is, but for seq and at_ms, which are set where they are 0. */
enum verdict play_try(struct play *play, const struct session_event *event);

/* The same; it has to move. */
void play_moves(struct play *play, struct session_event event);
void play_ignored(struct play *play, struct session_event event);
void play_rejected(struct play *play, struct session_event event);

/* ---- the usual events; each has to move ---- */
void play_kind(struct play *play, enum event_kind kind); /* one that has no body */
void play_start_model(struct play *play, struct spend reserved);
void play_answer_text(struct play *play, struct spend used);
void play_answer_calls(struct play *play, const struct call_decl *decls, unsigned n);
void play_answer_tools(struct play *play, unsigned n); /* n plain, repeatable tools */
void play_end_turn(struct play *play);                 /* turn_ended, as it is due */
void play_text_turn(struct play *play); /* asks the model, answers with text, ends the turn */
void play_finish(struct play *play, uint32_t call, uint32_t attempt);
void play_fail(struct play *play, uint32_t call, uint32_t attempt, int64_t retry_at_ms);
void play_timer(struct play *play); /* moves the clock to the first timer, and fires it */

/* ---- what a test looks at ---- */
enum model_phase play_model(const struct play *play);
enum call_phase play_call(const struct play *play, uint32_t call); /* CALL_FREE: it is closed */
int play_has_command(const struct play *play, enum command_kind kind, uint32_t call,
                     uint32_t attempt);
enum event_kind play_due(const struct play *play); /* EV_KIND_COUNT: nothing */
enum wait_kind play_wait(const struct play *play); /* the only one that there is */

/* True if two states have one stored form, and so every member alike. */
int play_same(const struct session_state *a, const struct session_state *b);

#endif
