/* session_model.c - the one model call of a session, and its money. */
#include "core/session_internal.h"

/*
 * Keeps what an attempt was charged, for a late model_usage. With no room left the oldest stays
 * charged for good: on the safe side of the ceiling.
 */
static void charge(struct session_state *state, uint32_t call, uint32_t attempt,
                   struct spend charged)
{
    if (charged.tokens == 0 && charged.nanousd == 0)
        return;
    spend_add(&state->spent, charged);
    for (unsigned i = SESSION_UNSETTLED_MAX - 1; i > 0; i--)
        state->unsettled[i] = state->unsettled[i - 1];
    state->unsettled[0] = (struct session_unsettled){ call, attempt, charged };
}

/* Takes the charge of an attempt back. False if there is none. */
static int uncharge(struct session_state *state, uint32_t call, uint32_t attempt)
{
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++) {
        if (state->unsettled[i].call != call || state->unsettled[i].attempt != attempt || call == 0)
            continue;
        spend_subtract(&state->spent, state->unsettled[i].charged);
        for (unsigned k = i; k + 1 < SESSION_UNSETTLED_MAX; k++)
            state->unsettled[k] = state->unsettled[k + 1];
        state->unsettled[SESSION_UNSETTLED_MAX - 1] = (struct session_unsettled){ 0 };
        return 1;
    }
    return 0;
}

void model_drop(struct step *step)
{
    struct session_model *model = &step->state->model;

    if (model->phase == MODEL_RUNNING) {
        command_add(step, CMD_STOP_MODEL, model->number, model->attempt);
        charge(step->state, model->number, model->attempt, model->reserved);
    }
    model->phase = MODEL_NONE;
    model->reserved = (struct spend){ 0 };
    model->due_ms = 0;
}

/* The answer that won has not seen the messages that came between the attempts. */
static void unsee(struct session_state *state)
{
    if (state->model.missed == 0)
        return;
    state->unread += state->model.missed;
    state->unread_seq = state->model.missed_seq; /* older than any that is unread */
    state->model.missed = 0;
    state->model.missed_seq = 0;
}

/* The messages so far go out with this attempt, but not with the earlier ones, which may still win.
 */
static void see(struct session_state *state)
{
    if (state->model.attempt > 1) {
        if (state->model.missed == 0)
            state->model.missed_seq = state->unread_seq;
        state->model.missed += state->unread;
    }
    state->unread = 0;
    state->unread_seq = 0;
}

enum verdict on_model_started(struct step *step)
{
    struct session_state *state = step->state;
    const struct session_event *event = step->event;

    if (!session_wants_model(state) || event->call != state->model.number ||
        event->attempt != state->model.attempt ||
        !session_can_reserve(state, event->model_started.reserved))
        return VERDICT_REJECTED;
    state->model.phase = MODEL_RUNNING;
    state->model.since_ms = event->at_ms;
    state->model.due_ms = event->model_started.deadline_ms;
    state->model.reserved = event->model_started.reserved;
    state->is_turn_started = 1;
    see(state);
    command_add(step, CMD_CALL_MODEL, event->call, event->attempt);
    return VERDICT_MOVED;
}

/* Is this about the present call, and about an attempt that may still answer it? */
static enum verdict is_awaited(const struct step *step)
{
    const struct session_model *model = &step->state->model;
    const struct session_event *event = step->event;

    if (model->phase == MODEL_NONE || event->call != model->number)
        return VERDICT_IGNORED;
    if (event->attempt == 0 || event->attempt > model->attempt)
        return VERDICT_REJECTED;
    if (event->attempt == model->attempt && model->phase != MODEL_RUNNING)
        return VERDICT_REJECTED; /* it has not begun */
    return VERDICT_MOVED;
}

static enum end_cause end_of(enum answer_finish finish)
{
    switch (finish) {
    case FINISH_STOP: return END_COMPLETED;
    case FINISH_LENGTH: return END_TRUNCATED;
    case FINISH_FILTERED: return END_FILTERED;
    case FINISH_COUNT: break;
    }
    return END_MODEL;
}

static void settle(struct step *step)
{
    struct session_state *state = step->state;
    const struct session_event *event = step->event;

    if (event->attempt == state->model.attempt) {
        state->model.reserved = (struct spend){ 0 };
        state->model.phase = MODEL_NONE;
        state->model.due_ms = 0;
    } else {
        /* An earlier attempt won: what it cost is known now, what the present one costs is not. */
        (void)uncharge(state, event->call, event->attempt);
        model_drop(step);
        unsee(state);
    }
    spend_add(&state->spent, event->model_answered.used);
}

enum verdict on_model_answered(struct step *step)
{
    struct session_state *state = step->state;
    const struct session_event *event = step->event;
    uint32_t n = event->model_answered.calls_n;
    enum verdict verdict = is_awaited(step);

    if (verdict != VERDICT_MOVED)
        return verdict;
    if (n > session_free_slots(state) ||
        (n > 0 && event->model_answered.first_call != state->last_call + 1))
        return VERDICT_REJECTED;
    settle(step);
    state->crashes = 0;
    if (n == 0 && event->model_answered.unplaced > 0)
        return VERDICT_MOVED; /* it wanted calls, and all have their answers: it is asked again */
    if (n == 0) {
        turn_end(step, end_of(event->model_answered.finish));
        return VERDICT_MOVED;
    }
    for (uint32_t i = 0; i < n; i++)
        call_open(step, &event->model_answered.calls[i], ++state->last_call);
    if (state->limits.steps != 0 && state->steps + n > state->limits.steps) {
        turn_end(step, END_STEPS); /* none of them is begun, and none of them counts */
        return VERDICT_MOVED;
    }
    state->steps += n;
    for (uint32_t i = 0; i < n; i++)
        call_start(step, call_find(state, event->model_answered.first_call + i));
    return VERDICT_MOVED;
}

enum verdict on_model_failed(struct step *step)
{
    struct session_state *state = step->state;
    const struct session_event *event = step->event;
    enum verdict verdict = is_awaited(step);

    if (verdict == VERDICT_MOVED && event->attempt != state->model.attempt)
        return VERDICT_IGNORED; /* a failure counts for the present attempt only */
    if (verdict != VERDICT_MOVED)
        return verdict;
    if (event->model_failed.charged.tokens > state->model.reserved.tokens ||
        event->model_failed.charged.nanousd > state->model.reserved.nanousd)
        return VERDICT_REJECTED;
    charge(state, event->call, event->attempt, event->model_failed.charged);
    state->model.reserved = (struct spend){ 0 };
    state->model.since_ms = event->at_ms;
    if (event->model_failed.retry_at_ms == 0) {
        state->model.phase = MODEL_NONE;
        state->model.due_ms = 0;
        turn_end(step, END_MODEL);
        return VERDICT_MOVED;
    }
    state->model.phase = MODEL_BACKOFF;
    state->model.due_ms = event->model_failed.retry_at_ms;
    if (state->model.failures < UINT16_MAX)
        state->model.failures++;
    state->model.attempt++;
    return VERDICT_MOVED;
}

enum verdict on_model_usage(struct step *step)
{
    if (!uncharge(step->state, step->event->call, step->event->attempt))
        return VERDICT_IGNORED;
    spend_add(&step->state->spent, step->event->model_usage.used);
    return VERDICT_MOVED;
}

enum verdict model_interrupted(struct step *step)
{
    struct session_model *model = &step->state->model;
    const struct session_event *event = step->event;

    if (model->phase != MODEL_RUNNING || event->attempt != model->attempt)
        return VERDICT_IGNORED;
    if (event->interrupted.charged.tokens > model->reserved.tokens ||
        event->interrupted.charged.nanousd > model->reserved.nanousd)
        return VERDICT_REJECTED;
    charge(step->state, event->call, event->attempt, event->interrupted.charged);
    model->reserved = (struct spend){ 0 };
    model->phase = MODEL_WANTED;
    model->since_ms = event->at_ms;
    model->due_ms = 0;
    model->attempt++;
    return VERDICT_MOVED;
}

enum verdict model_retry(struct step *step)
{
    struct session_model *model = &step->state->model;

    if (model->phase != MODEL_BACKOFF || step->event->at_ms < model->due_ms)
        return VERDICT_IGNORED;
    model->phase = MODEL_WANTED;
    model->since_ms = step->event->at_ms;
    model->due_ms = 0;
    return VERDICT_MOVED;
}
