/* session_life.c - turns: how they begin, end, stand still and go on. */
#include "core/session_internal.h"

void turn_end(struct step *step, enum end_cause cause)
{
    step->state->mode = SESSION_ENDING;
    step->state->end = (uint8_t)cause;
}

void turn_want_model(struct step *step)
{
    struct session_state *state = step->state;

    if (state->limits.steps != 0 && state->steps >= state->limits.steps) {
        turn_end(step, END_STEPS);
        return;
    }
    state->steps++;
    state->model = (struct session_model){ .phase = MODEL_WANTED,
                                           .number = ++state->last_call,
                                           .attempt = 1,
                                           .since_ms = step->event->at_ms };
}

/* Counters that are a turn's start again; money, tokens and numbers go on. */
static void turn_restart(struct step *step)
{
    struct session_state *state = step->state;

    state->mode = SESSION_ACTIVE;
    state->end = END_NONE;
    state->unread = 0;
    state->unread_seq = 0;
    state->steps = 0;
    state->crashes = 0;
    state->is_turn_started = 0;
    state->wall_used_ms = 0;
    state->wall_since_ms = 0;
    turn_want_model(step);
}

static void turn_begin(struct step *step, uint32_t input_seq)
{
    step->state->turn++;
    step->state->turn_seq = input_seq;
    turn_restart(step);
}

enum verdict on_created(struct step *step)
{
    step->state->limits = step->event->created;
    turn_begin(step, step->event->seq);
    return VERDICT_MOVED;
}

enum verdict on_message(struct step *step)
{
    turn_begin(step, step->event->seq);
    return VERDICT_MOVED;
}

/* It joins the next model call of this turn; if there is none, it is the next turn's input. */
enum verdict on_message_busy(struct step *step)
{
    if (step->state->unread++ == 0)
        step->state->unread_seq = step->event->seq;
    return VERDICT_MOVED;
}

static void turn_close(struct step *step, enum session_mode mode)
{
    model_drop(step);
    calls_close(step);
    step->state->mode = (uint8_t)mode;
    command_add(step, CMD_TURN_ENDED, 0, 0);
}

/*
 * After these ends the next turn would end as this one did, and after POISON it might take the
 * process down again: messages that nobody has read then wait until somebody speaks anew.
 */
static int end_holds_messages(enum end_cause cause)
{
    return cause == END_POISON || cause == END_BUDGET || cause == END_CONFIG;
}

static void turn_next(struct step *step)
{
    struct session_state *state = step->state;

    if (state->unread > 0 && !end_holds_messages((enum end_cause)state->end))
        turn_begin(step, state->unread_seq);
}

enum verdict on_turn_ended(struct step *step)
{
    if (step->event->turn_ended.cause != (enum end_cause)step->state->end)
        return VERDICT_REJECTED;
    turn_close(step, SESSION_IDLE);
    turn_next(step);
    return VERDICT_MOVED;
}

/* The two ends that the core cannot see: no room for the next call's money, no such model. */
enum verdict on_turn_ended_early(struct step *step)
{
    enum end_cause cause = step->event->turn_ended.cause;

    if (!session_wants_model(step->state))
        return VERDICT_REJECTED;
    if (cause != END_CONFIG &&
        (cause != END_BUDGET || session_can_reserve(step->state, step->event->turn_ended.refused)))
        return VERDICT_REJECTED;
    step->state->end = (uint8_t)cause;
    turn_close(step, SESSION_IDLE);
    return VERDICT_MOVED;
}

enum verdict on_cancelled(struct step *step)
{
    turn_close(step, SESSION_CANCELLED);
    step->state->end = END_NONE;
    return VERDICT_MOVED;
}

enum verdict on_retried(struct step *step)
{
    if (step->state->end == END_COMPLETED)
        return VERDICT_REJECTED;
    turn_restart(step);
    return VERDICT_MOVED;
}

enum verdict on_paused(struct step *step)
{
    if (step->state->is_paused)
        return VERDICT_IGNORED;
    step->state->is_paused = 1;
    calls_hold(step);
    return VERDICT_MOVED;
}

enum verdict on_resumed(struct step *step)
{
    if (!step->state->is_paused)
        return VERDICT_IGNORED;
    step->state->is_paused = 0;
    calls_release(step);
    return VERDICT_MOVED;
}

enum verdict on_budget_changed(struct step *step)
{
    step->state->limits.tokens = step->event->budget_changed.tokens;
    step->state->limits.nanousd = step->event->budget_changed.nanousd;
    return VERDICT_MOVED;
}

enum verdict on_context_changed(struct step *step)
{
    (void)step;
    return VERDICT_MOVED;
}

/*
 * The session begins where another was: nothing of that one's is in flight here, nothing was spent
 * here, and nothing is done until somebody resumes it. The time since the last copied event, which
 * may be days, is no work of this turn's; a model call that was under way is asked again, and that
 * is the same step.
 */
enum verdict on_forked(struct step *step)
{
    struct session_state *state = step->state;
    enum session_mode mode = (enum session_mode)state->mode;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        state->calls[i] = (struct session_call){ 0 };
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++)
        state->unsettled[i] = (struct session_unsettled){ 0 };
    if (state->model.phase != MODEL_NONE)
        state->steps--;
    state->model.phase = MODEL_NONE;
    state->model.due_ms = 0;
    state->model.reserved = (struct spend){ 0 };
    state->spent = (struct spend){ 0 };
    state->is_paused = 1;
    state->crashes = 0;
    state->wall_since_ms = 0;
    if (mode == SESSION_ENDING) {
        state->mode = SESSION_IDLE;
        turn_next(step);
    } else if (mode == SESSION_CANCELLED) {
        turn_restart(step);
    }
    return VERDICT_MOVED; /* ACTIVE: advance() wants the model, for when it is resumed */
}
