/* What a session shows: its status, what it waits for, its timers, and whether it is at work. */
#include "unit/play.h"

static const struct session_limits none;
static const struct spend free_of_charge;

/* Calls that stay open, from the least to the most telling status. */
static const struct call_decl sleep_call = { .type = CALL_SLEEP, .due_ms = 9000 };
static const struct call_decl signal_call = { .type = CALL_SIGNAL };
static const struct call_decl tool_call = { .type = CALL_TOOL };
static const struct call_decl child_call = { .type = CALL_CHILD };
static const struct call_decl question_call = { .type = CALL_QUESTION };
static const struct call_decl approval_call = { .type = CALL_TOOL, .approvals_needed = 1 };

static enum session_status status_of(struct call_decl a, struct call_decl b)
{
    struct call_decl decls[] = { a, b };
    struct play play;

    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    return session_status(&play.state);
}

static void of_several_calls_the_most_telling_gives_the_status(void **state)
{
    (void)state;
    assert_int_equal(status_of(sleep_call, signal_call), STATUS_SLEEPING);
    assert_int_equal(status_of(sleep_call, tool_call), STATUS_AWAITING_TOOL);
    assert_int_equal(status_of(child_call, signal_call), STATUS_AWAITING_TOOL);
    assert_int_equal(status_of(question_call, tool_call), STATUS_AWAITING_INPUT);
    assert_int_equal(status_of(sleep_call, question_call), STATUS_AWAITING_INPUT);
    assert_int_equal(status_of(approval_call, question_call), STATUS_AWAITING_HUMAN_APPROVAL);
    assert_int_equal(status_of(tool_call, approval_call), STATUS_AWAITING_HUMAN_APPROVAL);
}

static void an_orphan_does_not_show_in_the_status(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 100 });
    play_answer_calls(&play, &(struct call_decl){ .is_once = 1 }, 1);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 2, .attempt = 1 });
    play_timer(&play);
    play_end_turn(&play);
    assert_int_equal(play_wait(&play), WAIT_PERSON);
    play_kind(&play, EV_MESSAGE);
    play_answer_tools(&play, 1);
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_TOOL);
}

static void a_model_call_is_running_in_every_phase(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    assert_int_equal(session_status(&play.state), STATUS_PENDING);
    play_start_model(&play, free_of_charge);
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_FAILED,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_failed.retry_at_ms = 9000 });
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
    play_timer(&play);
    assert_int_equal(session_status(&play.state), STATUS_RUNNING); /* for its permit */
    assert_int_equal(play_wait(&play), WAIT_PERMIT);
    play_answer_tools(&play, 1);
    play_finish(&play, 2, 1);
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
}

static void each_call_says_what_it_waits_for_and_until_when(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_TOOL },
        { .type = CALL_TOOL, .approvals_needed = 1, .due_ms = 8000 },
        { .type = CALL_QUESTION },
        { .type = CALL_SLEEP, .due_ms = 9000 },
        { .type = CALL_SIGNAL, .due_ms = 9500 },
        { .type = CALL_CHILD },
    };
    static const struct {
        enum wait_kind on;
        int64_t until_ms;
    } expected[] = {
        { WAIT_TOOL, 0 },    { WAIT_APPROVAL, 8000 }, { WAIT_INPUT, 0 },
        { WAIT_TIME, 9000 }, { WAIT_SIGNAL, 9500 },   { WAIT_CHILD, 0 },
    };
    struct session_wait waits[SESSION_WAITS_MAX];
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_int_equal(session_waits(&play.state, waits), ARRAY_LEN(expected));
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(waits[i].on, expected[i].on);
        assert_int_equal(waits[i].until_ms, expected[i].until_ms);
        assert_int_equal(waits[i].call, 2 + i);
        assert_int_equal(waits[i].attempt, 1);
        assert_int_equal(waits[i].since_ms, play.now_ms);
    }
}

static void a_model_call_says_since_when(void **state)
{
    struct session_wait waits[SESSION_WAITS_MAX];
    struct play play;

    (void)state;
    play_create(&play, none);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_STARTED,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_started.deadline_ms = 7000 });
    assert_int_equal(session_waits(&play.state, waits), 1);
    assert_int_equal(waits[0].on, WAIT_MODEL);
    assert_int_equal(waits[0].since_ms, play.now_ms);
    assert_int_equal(waits[0].until_ms, 7000);
    assert_int_equal(session_wake_at_ms(&play.state), 0); /* whoever asks sees to the deadline */
}

static void an_ended_session_waits_for_its_orphans_only(void **state)
{
    struct session_wait waits[SESSION_WAITS_MAX];
    struct play play;

    (void)state;
    play_create(&play, none);
    play_text_turn(&play);
    assert_int_equal(session_waits(&play.state, waits), 0);
    play_kind(&play, EV_MESSAGE);
    play_answer_calls(&play, &child_call, 1);
    play_kind(&play, EV_CANCELLED);
    assert_int_equal(session_waits(&play.state, waits), 1);
    assert_int_equal(waits[0].on, WAIT_CHILD);
    assert_int_equal(session_status(&play.state), STATUS_CANCELLED);
}

static void the_earliest_timer_comes_first(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_SLEEP, .due_ms = 9000 },
        { .type = CALL_SLEEP, .due_ms = 3000 },
        { .type = CALL_SIGNAL, .due_ms = 6000 },
    };
    struct session_event event;
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_int_equal(session_wake_at_ms(&play.state), 3000);
    assert_false(session_timer(&play.state, 2999, &event));
    assert_true(session_timer(&play.state, 100000, &event));
    assert_int_equal(event.call, 3);
    assert_int_equal(event.timer_fired.which, TIMER_SLEEP);
    play_timer(&play);
    play_finish(&play, 3, 1);
    assert_int_equal(session_wake_at_ms(&play.state), 6000);
}

static void the_turns_clock_is_one_of_the_timers(void **state)
{
    static const struct call_decl decls[] = { { .type = CALL_SLEEP, .due_ms = 9000 },
                                              { .type = CALL_TOOL } };
    struct session_event event;
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 2000 });
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_true(session_timer(&play.state, 100000, &event));
    assert_int_equal(event.timer_fired.which, TIMER_WALL);
    assert_int_equal(event.call, 0);
}

static void live_is_what_a_starting_process_takes_up(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    assert_true(session_is_live(&play.state));
    assert_false(session_is_in_flight(&play.state));
    play_start_model(&play, free_of_charge);
    assert_true(session_is_in_flight(&play.state));
    play_answer_calls(&play, &approval_call, 1);
    assert_false(session_is_live(&play.state));
    play_moves(&play, (struct session_event){ .kind = EV_APPROVAL_DECIDED, .call = 2 });
    assert_true(session_is_live(&play.state));
    play_finish(&play, 2, 1);
    play_kind(&play, EV_PAUSED);
    assert_false(session_is_live(&play.state));
    play_kind(&play, EV_RESUMED);
    play_text_turn(&play);
    assert_false(session_is_live(&play.state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_several_calls_the_most_telling_gives_the_status),
        cmocka_unit_test(an_orphan_does_not_show_in_the_status),
        cmocka_unit_test(a_model_call_is_running_in_every_phase),
        cmocka_unit_test(each_call_says_what_it_waits_for_and_until_when),
        cmocka_unit_test(a_model_call_says_since_when),
        cmocka_unit_test(an_ended_session_waits_for_its_orphans_only),
        cmocka_unit_test(the_earliest_timer_comes_first),
        cmocka_unit_test(the_turns_clock_is_one_of_the_timers),
        cmocka_unit_test(live_is_what_a_starting_process_takes_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
