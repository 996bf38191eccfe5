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

/* One event gives at most this many numbers: a model's answer with all its calls, and the model's
 * next call. */
enum { NUMBERS_PER_EVENT = SESSION_CALLS_MAX + 1 };

/* No counter runs ahead of the events that moved it; with SESSION_EVENTS_MAX none can overflow. */
static int counters_are_valid(const struct session_state *state)
{
    uint64_t numbers = (uint64_t)state->seq * NUMBERS_PER_EVENT;

    return state->seq <= SESSION_EVENTS_MAX && state->last_call <= numbers &&
           state->steps <= numbers && state->turn <= state->seq && state->turn_seq <= state->seq &&
           (uint64_t)state->unread + state->model.missed <= state->seq &&
           state->crashes <= state->seq;
}

/* The first of some messages is on record exactly if there are any. */
static int messages_are_valid(const struct session_state *state, uint32_t count, uint32_t first_seq)
{
    return (count == 0) == (first_seq == 0) && first_seq <= state->seq;
}

static int model_is_valid(const struct session_state *state)
{
    const struct session_model *model = &state->model;
    int is_open = model->phase != MODEL_NONE;

    return model->phase < MODEL_PHASE_COUNT && model->number <= state->last_call &&
           model->attempt <= state->seq &&
           (!is_open || (model->number > 0 && model->attempt > 0 && state->steps > 0)) &&
           (!is_open || state->mode == SESSION_ACTIVE || state->mode == SESSION_ENDING) &&
           spend_is_valid(model->reserved) && time_is_valid(model->since_ms) &&
           time_is_valid(model->due_ms) && (model->phase != MODEL_BACKOFF || model->due_ms > 0) &&
           (model->phase == MODEL_RUNNING ||
            (model->reserved.tokens == 0 && model->reserved.nanousd == 0)) &&
           messages_are_valid(state, model->missed, model->missed_seq);
}

/* A call that outlived its turn is one whose outcome, or whose cost, is still to be learned. */
static int orphan_is_valid(const struct session_call *call)
{
    return call->phase == CALL_DOUBT || call->phase == CALL_RECONCILE ||
           call->phase == CALL_PERSON || (call->phase == CALL_WAITING && call->type == CALL_CHILD);
}

/* A sleep has a time, or it would never end; a child has none, it ends by itself. */
static int waiting_is_valid(const struct session_call *call)
{
    switch ((enum call_type)call->type) {
    case CALL_SLEEP: return call->due_ms > 0;
    case CALL_CHILD: return call->due_ms == 0;
    case CALL_QUESTION:
    case CALL_SIGNAL: return 1;
    case CALL_TOOL:
    case CALL_TYPE_COUNT: break;
    }
    return 0;
}

/* Which type of call can be in a phase, and what the phase needs. */
static int phase_is_valid(const struct session_state *state, const struct session_call *call)
{
    int is_tool = call->type == CALL_TOOL;

    switch ((enum call_phase)call->phase) {
    case CALL_FREE:
    case CALL_REFUSED: return 1;
    case CALL_APPROVAL:
    case CALL_EXPIRED: return call->approvals_needed > 0 && (is_tool || call->type == CALL_CHILD);
    case CALL_HELD:
        return state->mode == SESSION_ENDING ||
               (state->is_paused && call->type != CALL_SLEEP && call->type != CALL_SIGNAL);
    case CALL_RUNNING: return is_tool && !(state->is_paused && call->is_once);
    case CALL_SENT:
    case CALL_OVERDUE: return is_tool;
    case CALL_BACKOFF: return is_tool && call->due_ms > 0;
    case CALL_DOUBT: return is_tool && call->is_once && call->due_ms > 0;
    case CALL_RECONCILE:
    case CALL_PERSON: return is_tool && call->is_once;
    case CALL_WAITING: return waiting_is_valid(call);
    case CALL_ANSWERED: return !is_tool;
    case CALL_PHASE_COUNT: break;
    }
    return 0;
}

static int call_is_valid(const struct session_state *state, const struct session_call *call)
{
    int is_ended = state->mode == SESSION_IDLE || state->mode == SESSION_CANCELLED;

    if (call->phase == CALL_FREE)
        return 1;
    return call->phase < CALL_PHASE_COUNT && call->type < CALL_TYPE_COUNT &&
           call->on_expiry < EXPIRY_ACTION_COUNT && call->is_once <= 1 &&
           call->has_reconcile <= 1 && call->is_orphan <= 1 && call->number > 0 &&
           call->number <= state->last_call && call->number != state->model.number &&
           call->attempt > 0 && call->attempt <= state->seq && call->source > 0 &&
           call->source <= state->seq && time_is_valid(call->since_ms) &&
           time_is_valid(call->due_ms) && spend_is_valid(call->reserved) &&
           (call->is_orphan ? orphan_is_valid(call) : !is_ended) && phase_is_valid(state, call);
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

/* Kept together from the front, the latest first. */
static int unsettled_are_valid(const struct session_state *state)
{
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++) {
        const struct session_unsettled *one = &state->unsettled[i];

        if (one->call > state->last_call || !spend_is_valid(one->charged) ||
            (i > 0 && one->call != 0 && state->unsettled[i - 1].call == 0))
            return 0;
    }
    return 1;
}

static int limits_are_valid(const struct session_limits *limits)
{
    return time_is_valid(limits->wall_ms) &&
           spend_is_valid((struct spend){ limits->tokens, limits->nanousd });
}

/* The turn's clock runs only while a turn is under way. */
static int wall_is_valid(const struct session_state *state)
{
    return state->wall_used_ms >= 0 && state->wall_used_ms <= SPEND_MAX &&
           time_is_valid(state->wall_since_ms) &&
           (state->wall_since_ms == 0 || (state->mode == SESSION_ACTIVE && !state->is_paused));
}

static int mode_is_valid(const struct session_state *state)
{
    if (state->mode >= SESSION_MODE_COUNT || state->end >= END_CAUSE_COUNT ||
        state->is_paused > 1 || state->is_turn_started > 1)
        return 0;
    switch ((enum session_mode)state->mode) {
    case SESSION_NEW: return state->seq == 0;
    case SESSION_ENDING:
    case SESSION_IDLE: return state->seq > 0 && state->end != END_NONE;
    case SESSION_ACTIVE:
    case SESSION_CANCELLED: return state->seq > 0 && state->end == END_NONE;
    case SESSION_MODE_COUNT: break;
    }
    return 0;
}

int session_is_valid(const struct session_state *state)
{
    return mode_is_valid(state) && counters_are_valid(state) &&
           messages_are_valid(state, state->unread, state->unread_seq) &&
           limits_are_valid(&state->limits) && spend_is_valid(state->spent) &&
           wall_is_valid(state) && model_is_valid(state) && calls_are_valid(state) &&
           something_is_open(state) && unsettled_are_valid(state);
}
