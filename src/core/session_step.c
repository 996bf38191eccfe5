/*
 * session_step.c - the table of legal moves of a session, and the one function that moves it.
 *
 * The table of one call's moves is in session_calls.c.
 */
#include "core/session_internal.h"

#define TO(mode) (1u << (mode))

/* The whole life cycle. An empty cell: the event has no meaning in this mode. */
static const struct {
    step_fn *on;
    unsigned allowed; /* modes that the handler may leave behind */
} moves[SESSION_MODE_COUNT][EV_KIND_COUNT] = {
    [SESSION_NEW] = {
        [EV_CREATED]          = { on_created,          TO(SESSION_ACTIVE) },
    },
    [SESSION_ACTIVE] = {
        [EV_MESSAGE]          = { on_message_busy,     TO(SESSION_ACTIVE) },
        [EV_MODEL_STARTED]    = { on_model_started,    TO(SESSION_ACTIVE) },
        [EV_MODEL_ANSWERED]   = { on_model_answered,   TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_MODEL_FAILED]     = { on_model_failed,     TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_MODEL_USAGE]      = { on_model_usage,      TO(SESSION_ACTIVE) },
        [EV_TOOL_SENT]        = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_TOOL_FINISHED]    = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_TOOL_FAILED]      = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_TOOL_IN_DOUBT]    = { on_call_event,       TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_TOOL_RECONCILED]  = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_APPROVAL_DECIDED] = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_APPROVAL_EXPIRED] = { on_call_event,       TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_INPUT_ANSWERED]   = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_CHILD_ENDED]      = { on_call_event,       TO(SESSION_ACTIVE) },
        [EV_TIMER_FIRED]      = { on_timer_fired,      TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_SIGNAL]           = { on_signal,           TO(SESSION_ACTIVE) },
        [EV_INTERRUPTED]      = { on_interrupted,      TO(SESSION_ACTIVE) | TO(SESSION_ENDING) },
        [EV_TURN_ENDED]       = { on_turn_ended_early, TO(SESSION_IDLE) },
        [EV_BUDGET_CHANGED]   = { on_budget_changed,   TO(SESSION_ACTIVE) },
        [EV_CONTEXT_CHANGED]  = { on_context_changed,  TO(SESSION_ACTIVE) },
        [EV_PAUSED]           = { on_paused,           TO(SESSION_ACTIVE) },
        [EV_RESUMED]          = { on_resumed,          TO(SESSION_ACTIVE) },
        [EV_CANCELLED]        = { on_cancelled,        TO(SESSION_CANCELLED) },
        [EV_FORKED]           = { on_forked,           TO(SESSION_ACTIVE) },
    },
    [SESSION_ENDING] = {
        [EV_TURN_ENDED]       = { on_turn_ended,       TO(SESSION_IDLE) | TO(SESSION_ACTIVE) },
        [EV_FORKED]           = { on_forked,           TO(SESSION_IDLE) | TO(SESSION_ACTIVE) },
    },
    [SESSION_IDLE] = {
        [EV_MESSAGE]          = { on_message,          TO(SESSION_ACTIVE) },
        [EV_MODEL_USAGE]      = { on_model_usage,      TO(SESSION_IDLE) },
        [EV_TOOL_FINISHED]    = { on_call_event,       TO(SESSION_IDLE) },
        [EV_TOOL_RECONCILED]  = { on_call_event,       TO(SESSION_IDLE) },
        [EV_CHILD_ENDED]      = { on_call_event,       TO(SESSION_IDLE) },
        [EV_TIMER_FIRED]      = { on_timer_fired,      TO(SESSION_IDLE) },
        [EV_SIGNAL]           = { on_signal,           TO(SESSION_IDLE) },
        [EV_INTERRUPTED]      = { on_interrupted,      TO(SESSION_IDLE) },
        [EV_BUDGET_CHANGED]   = { on_budget_changed,   TO(SESSION_IDLE) },
        [EV_CONTEXT_CHANGED]  = { on_context_changed,  TO(SESSION_IDLE) },
        [EV_PAUSED]           = { on_paused,           TO(SESSION_IDLE) },
        [EV_RESUMED]          = { on_resumed,          TO(SESSION_IDLE) },
        [EV_RETRIED]          = { on_retried,          TO(SESSION_ACTIVE) },
        [EV_FORKED]           = { on_forked,           TO(SESSION_IDLE) },
    },
    [SESSION_CANCELLED] = {
        [EV_MODEL_USAGE]      = { on_model_usage,      TO(SESSION_CANCELLED) },
        [EV_TOOL_FINISHED]    = { on_call_event,       TO(SESSION_CANCELLED) },
        [EV_TOOL_RECONCILED]  = { on_call_event,       TO(SESSION_CANCELLED) },
        [EV_CHILD_ENDED]      = { on_call_event,       TO(SESSION_CANCELLED) },
        [EV_TIMER_FIRED]      = { on_timer_fired,      TO(SESSION_CANCELLED) },
        [EV_INTERRUPTED]      = { on_interrupted,      TO(SESSION_CANCELLED) },
        [EV_FORKED]           = { on_forked,           TO(SESSION_ACTIVE) },
    },
};

/* Delivery is at least once: answers to what is no longer asked are normal, and forgotten. */
static int is_answer(enum event_kind kind)
{
    return kind == EV_MODEL_ANSWERED || kind == EV_MODEL_FAILED || kind == EV_TOOL_FINISHED ||
           kind == EV_TOOL_FAILED || kind == EV_TIMER_FIRED || kind == EV_CHILD_ENDED ||
           kind == EV_TOOL_IN_DOUBT;
}

/* Once the last answer of a model's calls is there, the model is asked again. */
static void advance(struct step *step)
{
    const struct session_state *state = step->state;
    struct session_due due;

    if (state->mode != SESSION_ACTIVE || state->model.phase != MODEL_NONE ||
        session_due(state, &due))
        return;
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (state->calls[i].phase != CALL_FREE && !state->calls[i].is_orphan)
            return;
    }
    turn_want_model(step);
}

/* The turn's clock runs while machines work, and stands while only people or times are awaited. */
static void run_clock(struct session_state *state, int64_t at_ms)
{
    int is_working =
        state->mode == SESSION_ACTIVE && !state->is_paused && state->model.phase != MODEL_NONE;

    for (unsigned i = 0; i < SESSION_CALLS_MAX && !is_working; i++)
        is_working =
            state->mode == SESSION_ACTIVE && !state->is_paused && call_is_working(&state->calls[i]);
    if (is_working && state->wall_since_ms == 0) {
        state->wall_since_ms = at_ms;
    } else if (!is_working && state->wall_since_ms != 0) {
        if (at_ms > state->wall_since_ms)
            state->wall_used_ms = amount_add(state->wall_used_ms, at_ms - state->wall_since_ms);
        state->wall_since_ms = 0;
    }
}

static int is_legal_now(const struct session_state *state, const struct session_event *event)
{
    struct session_due due;

    if (!event_is_sane(event) || event->seq != state->seq + 1)
        return 0;
    /* A fork may cut a journal anywhere, between an event and the one that was due, too. */
    if (event->kind == EV_FORKED || !session_due(state, &due))
        return 1;
    return event->kind == due.kind && event->call == due.call;
}

enum verdict session_step(struct session_state *state, const struct session_event *event,
                          struct session_commands *ret_commands)
{
    struct session_state next = *state;
    struct session_commands commands = { 0 };
    struct step step = { &next, event, &commands };

    if (!is_legal_now(state, event))
        return VERDICT_REJECTED;
    if (!moves[state->mode][event->kind].on)
        return is_answer(event->kind) ? VERDICT_IGNORED : VERDICT_REJECTED;

    next.seq = event->seq;
    enum verdict verdict = moves[state->mode][event->kind].on(&step);
    if (verdict != VERDICT_MOVED)
        return verdict;
    ASSERT(moves[state->mode][event->kind].allowed & TO(next.mode));
    advance(&step);
    run_clock(&next, event->at_ms);
    ASSERT(session_is_valid(&next));
    *state = next;
    *ret_commands = commands;
    return VERDICT_MOVED;
}

void command_add(struct step *step, enum command_kind kind, uint32_t call, uint32_t attempt)
{
    ASSERT(step->commands->n < SESSION_COMMANDS_MAX);
    step->commands->at[step->commands->n++] =
        (struct session_command){ .kind = kind, .call = call, .attempt = attempt };
}

int64_t amount_add(int64_t a, int64_t b)
{
    return a > SPEND_MAX - b ? SPEND_MAX : a + b;
}

void spend_add(struct spend *sum, struct spend more)
{
    sum->tokens = amount_add(sum->tokens, more.tokens);
    sum->nanousd = amount_add(sum->nanousd, more.nanousd);
}

void spend_subtract(struct spend *sum, struct spend less)
{
    sum->tokens = sum->tokens > less.tokens ? sum->tokens - less.tokens : 0;
    sum->nanousd = sum->nanousd > less.nanousd ? sum->nanousd - less.nanousd : 0;
}
