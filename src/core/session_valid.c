/* session_valid.c - the rules that hold between any two events. */
#include "core/session_internal.h"

static int spend_is_valid(struct spend spend)
{
    return spend.tokens >= 0 && spend.tokens <= SPEND_MAX && spend.nanousd >= 0 &&
           spend.nanousd <= SPEND_MAX;
}

static int time_is_valid(int64_t ms)
{
    return ms >= 0 && ms <= EVENT_TIME_MAX;
}

static int model_is_valid(const struct session_state *state)
{
    const struct session_model *model = &state->model;
    int is_open = model->phase != MODEL_NONE;

    return model->phase < MODEL_PHASE_COUNT && model->number <= state->last_call &&
           (!is_open || (model->number > 0 && model->attempt > 0)) &&
           (!is_open || state->mode == SESSION_ACTIVE || state->mode == SESSION_ENDING) &&
           spend_is_valid(model->reserved) && time_is_valid(model->since_ms) &&
           time_is_valid(model->due_ms) && (model->phase != MODEL_BACKOFF || model->due_ms > 0) &&
           (model->phase == MODEL_RUNNING ||
            (model->reserved.tokens == 0 && model->reserved.nanousd == 0));
}

/* A call that outlived its turn is one whose outcome, or whose cost, is still to be learned. */
static int orphan_is_valid(const struct session_call *call)
{
    return call->phase == CALL_DOUBT || call->phase == CALL_RECONCILE ||
           call->phase == CALL_PERSON || (call->phase == CALL_WAITING && call->type == CALL_CHILD);
}

static int call_is_valid(const struct session_state *state, const struct session_call *call)
{
    int is_ended = state->mode == SESSION_IDLE || state->mode == SESSION_CANCELLED;

    if (call->phase == CALL_FREE)
        return 1;
    return call->phase < CALL_PHASE_COUNT && call->type < CALL_TYPE_COUNT &&
           call->on_expiry < EXPIRY_ACTION_COUNT && call->is_once <= 1 &&
           call->has_reconcile <= 1 && call->is_orphan <= 1 && call->number > 0 &&
           call->number <= state->last_call && call->attempt > 0 && call->source > 0 &&
           call->source <= state->seq && time_is_valid(call->since_ms) &&
           time_is_valid(call->due_ms) && spend_is_valid(call->reserved) &&
           (call->is_orphan ? orphan_is_valid(call) : !is_ended) &&
           (call->phase != CALL_BACKOFF || call->due_ms > 0) &&
           (call->phase != CALL_APPROVAL || call->approvals_needed > 0) &&
           (call->phase != CALL_DOUBT || (call->due_ms > 0 && call->is_once));
}

static int calls_are_valid(const struct session_state *state)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (!call_is_valid(state, &state->calls[i]))
            return 0;
        for (unsigned k = 0; k < i && state->calls[i].phase != CALL_FREE; k++) {
            if (state->calls[k].phase != CALL_FREE &&
                state->calls[k].number == state->calls[i].number)
                return 0;
        }
    }
    return 1;
}

/* One that has not ended waits for something, and the model is asked only between tool calls. */
static int something_is_open(const struct session_state *state)
{
    unsigned open = 0;

    if (state->mode != SESSION_ACTIVE)
        return 1;
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        open += state->calls[i].phase != CALL_FREE && !state->calls[i].is_orphan;
    return (open > 0) != (state->model.phase != MODEL_NONE);
}

static int unsettled_are_valid(const struct session_state *state)
{
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++) {
        if (state->unsettled[i].call > state->last_call ||
            !spend_is_valid(state->unsettled[i].charged))
            return 0;
    }
    return 1;
}

static int limits_are_valid(const struct session_limits *limits)
{
    return time_is_valid(limits->wall_ms) &&
           spend_is_valid((struct spend){ limits->tokens, limits->nanousd });
}

int session_is_valid(const struct session_state *state)
{
    return state->mode < SESSION_MODE_COUNT && state->end < END_CAUSE_COUNT &&
           state->is_paused <= 1 && state->is_turn_started <= 1 &&
           (state->mode == SESSION_NEW) == (state->seq == 0) && state->turn_seq <= state->seq &&
           state->unread_seq <= state->seq && (state->unread == 0) == (state->unread_seq == 0) &&
           (state->mode != SESSION_ENDING || state->end != END_NONE) &&
           (state->mode != SESSION_IDLE || state->end != END_NONE) &&
           (state->mode != SESSION_ACTIVE || state->end == END_NONE) &&
           limits_are_valid(&state->limits) && spend_is_valid(state->spent) &&
           state->wall_used_ms >= 0 && state->wall_used_ms <= SPEND_MAX &&
           time_is_valid(state->wall_since_ms) && model_is_valid(state) && calls_are_valid(state) &&
           something_is_open(state) && unsettled_are_valid(state);
}
