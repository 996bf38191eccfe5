#include "unit/play.h"

static struct slice encode(const struct session_state *state, unsigned char blob[SESSION_BLOB_MAX])
{
    return (struct slice){ (const char *)blob, session_encode(state, blob) };
}

int play_same(const struct session_state *a, const struct session_state *b)
{
    unsigned char blob_a[SESSION_BLOB_MAX];
    unsigned char blob_b[SESSION_BLOB_MAX];

    return slice_equal(encode(a, blob_a), encode(b, blob_b));
}

static void check_stored_form(const struct session_state *state)
{
    unsigned char blob[SESSION_BLOB_MAX];
    struct session_state back;
    struct err err = { 0 };

    assert_int_equal(session_decode(&back, encode(state, blob), &err), ERR_NONE);
    assert_true(play_same(&back, state));
}

/* What may be committed has something to wait for until it has ended, and asks for nothing twice.
 */
static void check_committable(const struct session_state *state)
{
    struct session_wait waits[SESSION_WAITS_MAX];
    struct session_commands open;
    struct session_due due;

    if (session_due(state, &due))
        return;
    assert_true(session_waits(state, waits) > 0 || session_is_ended(state));
    session_open_commands(state, &open);
    assert_int_equal(open.n > 0, session_is_in_flight(state));
}

void play_create(struct play *play, struct session_limits limits)
{
    memset(play, 0, sizeof(*play));
    play->now_ms = PLAY_START_MS - PLAY_STEP_MS;
    play_moves(play, (struct session_event){ .kind = EV_CREATED, .created = limits });
}

enum verdict play_try(struct play *play, const struct session_event *event)
{
    struct session_state before = play->state;
    struct session_event stamped = *event;
    struct session_commands commands;

    memset(&commands, 0x5a, sizeof(commands));
    struct session_commands untouched = commands;
    if (stamped.seq == 0)
        stamped.seq = play->state.seq + 1;
    if (stamped.at_ms == 0)
        stamped.at_ms = play->now_ms += PLAY_STEP_MS;
    enum verdict verdict = session_step(&play->state, &stamped, &commands);
    if (verdict != VERDICT_MOVED) {
        assert_memory_equal(&before, &play->state, sizeof(before));
        assert_memory_equal(&untouched, &commands, sizeof(commands));
        return verdict;
    }
    assert_true(session_is_valid(&play->state));
    assert_int_equal(play->state.seq, before.seq + 1);
    check_stored_form(&play->state);
    check_committable(&play->state);
    play->commands = commands;
    return verdict;
}

static void expect(struct play *play, const struct session_event *event, enum verdict expected)
{
    enum verdict verdict = play_try(play, event);

    if (verdict != expected)
        fail_msg("%s (call %u, attempt %u) in mode %s was %s, not %s", event_kind_name(event->kind),
                 event->call, event->attempt,
                 session_mode_name((enum session_mode)play->state.mode), verdict_name(verdict),
                 verdict_name(expected));
}

void play_moves(struct play *play, struct session_event event)
{
    expect(play, &event, VERDICT_MOVED);
}

void play_ignored(struct play *play, struct session_event event)
{
    expect(play, &event, VERDICT_IGNORED);
}

void play_rejected(struct play *play, struct session_event event)
{
    expect(play, &event, VERDICT_REJECTED);
}

void play_kind(struct play *play, enum event_kind kind)
{
    play_moves(play, (struct session_event){ .kind = kind });
}

void play_start_model(struct play *play, struct spend reserved)
{
    play_moves(play, (struct session_event){ .kind = EV_MODEL_STARTED,
                                             .call = play->state.model.number,
                                             .attempt = play->state.model.attempt,
                                             .model_started.reserved = reserved });
}

void play_answer_text(struct play *play, struct spend used)
{
    play_moves(play, (struct session_event){ .kind = EV_MODEL_ANSWERED,
                                             .call = play->state.model.number,
                                             .attempt = play->state.model.attempt,
                                             .model_answered.used = used });
}

void play_answer_calls(struct play *play, const struct call_decl *decls, unsigned n)
{
    struct session_event event = { .kind = EV_MODEL_ANSWERED,
                                   .call = play->state.model.number,
                                   .attempt = play->state.model.attempt,
                                   .model_answered = { .first_call = play->state.last_call + 1,
                                                       .calls_n = n } };

    if (play_model(play) == MODEL_WANTED) {
        play_start_model(play, (struct spend){ 0 });
    }
    memcpy(event.model_answered.calls, decls, n * sizeof(*decls));
    play_moves(play, event);
}

void play_answer_tools(struct play *play, unsigned n)
{
    static const struct call_decl tools[SESSION_CALLS_MAX];

    play_answer_calls(play, tools, n);
}

void play_end_turn(struct play *play)
{
    struct session_due due;

    assert_true(session_due(&play->state, &due));
    assert_int_equal(due.kind, EV_TURN_ENDED);
    play_moves(play,
               (struct session_event){ .kind = EV_TURN_ENDED, .turn_ended.cause = due.cause });
}

void play_text_turn(struct play *play)
{
    play_start_model(play, (struct spend){ 0 });
    play_answer_text(play, (struct spend){ 0 });
    play_end_turn(play);
}

void play_finish(struct play *play, uint32_t call, uint32_t attempt)
{
    play_moves(play, (struct session_event){
                         .kind = EV_TOOL_FINISHED, .call = call, .attempt = attempt });
}

void play_fail(struct play *play, uint32_t call, uint32_t attempt, int64_t retry_at_ms)
{
    play_moves(play, (struct session_event){ .kind = EV_TOOL_FAILED,
                                             .call = call,
                                             .attempt = attempt,
                                             .tool_failed.retry_at_ms = retry_at_ms });
}

void play_timer(struct play *play)
{
    struct session_event event;
    int64_t wake_ms = session_wake_at_ms(&play->state);

    assert_true(wake_ms > 0);
    assert_false(session_timer(&play->state, wake_ms - 1, &event));
    assert_true(session_timer(&play->state, wake_ms, &event));
    if (play->now_ms < wake_ms)
        play->now_ms = wake_ms;
    event.at_ms = play->now_ms;
    play_moves(play, event);
}

enum model_phase play_model(const struct play *play)
{
    return (enum model_phase)play->state.model.phase;
}

enum call_phase play_call(const struct play *play, uint32_t call)
{
    const struct session_call *found = session_call(&play->state, call);

    return found ? (enum call_phase)found->phase : CALL_FREE;
}

int play_has_command(const struct play *play, enum command_kind kind, uint32_t call,
                     uint32_t attempt)
{
    for (unsigned i = 0; i < play->commands.n; i++) {
        const struct session_command *command = &play->commands.at[i];

        if (command->kind == kind && command->call == call && command->attempt == attempt)
            return 1;
    }
    return 0;
}

enum event_kind play_due(const struct play *play)
{
    struct session_due due;

    return session_due(&play->state, &due) ? due.kind : EV_KIND_COUNT;
}

enum wait_kind play_wait(const struct play *play)
{
    struct session_wait waits[SESSION_WAITS_MAX];

    assert_int_equal(session_waits(&play->state, waits), 1);
    return waits[0].on;
}
