/* Limits: money and tokens of a session, steps and wall time of a turn. */
#include "unit/play.h"

static const struct session_limits none;
static const struct spend free_of_charge;

static struct session_event started(const struct play *play, int64_t tokens, int64_t nanousd)
{
    return (struct session_event){ .kind = EV_MODEL_STARTED,
                                   .call = play->state.model.number,
                                   .attempt = play->state.model.attempt,
                                   .model_started.reserved = { tokens, nanousd } };
}

static void fail_model(struct play *play, struct spend charged, int64_t retry_at_ms)
{
    play_moves(play, (struct session_event){
                         .kind = EV_MODEL_FAILED,
                         .call = play->state.model.number,
                         .attempt = play->state.model.attempt,
                         .model_failed = { .charged = charged, .retry_at_ms = retry_at_ms } });
}

static void check_committed(const struct play *play, int64_t tokens, int64_t nanousd)
{
    struct spend sum = session_committed_spend(&play->state);

    assert_int_equal(sum.tokens, tokens);
    assert_int_equal(sum.nanousd, nanousd);
}

/* ---- money ---- */

static void what_is_reserved_is_settled_by_the_answer(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    check_committed(&play, 100, 1000);
    play_answer_text(&play, (struct spend){ 30, 300 });
    check_committed(&play, 30, 300);
    play_end_turn(&play);
    play_kind(&play, EV_MESSAGE);
    check_committed(&play, 30, 300); /* a session's, not a turn's */
}

static void no_call_starts_that_could_pass_a_ceiling(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .tokens = 100, .nanousd = 1000 });
    play_rejected(&play, started(&play, 101, 10));
    play_rejected(&play, started(&play, 10, 1001));
    assert_true(session_can_reserve(&play.state, (struct spend){ 100, 1000 }));
    play_moves(&play, started(&play, 100, 1000));
    play_answer_calls(&play, &(struct call_decl){ 0 }, 1);
    play_finish(&play, 2, 1);
    play_moves(&play, started(&play, 100, 1000)); /* nothing was used */
    play_answer_text(&play, (struct spend){ 60, 600 });
    play_end_turn(&play);
    play_kind(&play, EV_MESSAGE);
    play_rejected(&play, started(&play, 41, 1));
    play_moves(&play, (struct session_event){ .kind = EV_BUDGET_CHANGED,
                                              .budget_changed = { .tokens = 101, .nanousd = 0 } });
    play_moves(&play, started(&play, 41, 999999));
}

static void a_child_counts_before_it_has_ended(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .nanousd = 1000 });
    play_answer_calls(&play, &(struct call_decl){ .type = CALL_CHILD, .reserved = { 0, 900 } }, 1);
    play_kind(&play, EV_CANCELLED);
    play_kind(&play, EV_FORKED);
    check_committed(&play, 0, 0);

    play_create(&play, (struct session_limits){ .nanousd = 1000, .wall_ms = 10 });
    play_answer_calls(&play, &(struct call_decl){ .type = CALL_CHILD, .reserved = { 0, 900 } }, 1);
    play_timer(&play);
    play_end_turn(&play);
    play_kind(&play, EV_MESSAGE);
    play_rejected(&play, started(&play, 0, 101)); /* the orphan's cost is still to come */
    play_moves(&play, started(&play, 0, 100));
}

static void only_a_child_has_a_budget_of_its_own(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, &(struct call_decl){ .type = CALL_TOOL, .reserved = { 5, 900 } }, 1);
    check_committed(&play, 0, 0);
}

static void an_attempt_without_usage_stays_charged_until_it_is_known(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    play_rejected(&play, (struct session_event){ .kind = EV_MODEL_FAILED,
                                                 .call = 1,
                                                 .attempt = 1,
                                                 .model_failed.charged = { 101, 0 } });
    fail_model(&play, (struct spend){ 100, 1000 }, play.now_ms);
    check_committed(&play, 100, 1000);
    play_timer(&play);
    play_start_model(&play, (struct spend){ 50, 500 });
    check_committed(&play, 150, 1500);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_USAGE,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_usage.used = { 7, 70 } });
    check_committed(&play, 57, 570);
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_USAGE, .call = 1, .attempt = 1 });
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_USAGE, .call = 1, .attempt = 2 });
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_USAGE });
}

static void a_refused_connection_costs_nothing(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    fail_model(&play, free_of_charge, 0);
    play_end_turn(&play);
    check_committed(&play, 0, 0);
}

static void late_usage_is_paid_after_the_end(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    play_kind(&play, EV_CANCELLED);
    check_committed(&play, 100, 1000);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_USAGE,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_usage.used = { 200, 2000 } });
    check_committed(&play, 200, 2000);
}

static void an_earlier_attempts_answer_wins_and_both_are_paid(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    fail_model(&play, (struct spend){ 100, 1000 }, play.now_ms);
    play_timer(&play);
    play_start_model(&play, (struct spend){ 50, 500 });
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_ANSWERED,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_answered.used = { 9, 90 } });
    assert_true(play_has_command(&play, CMD_STOP_MODEL, 1, 2));
    check_committed(&play, 59, 590); /* the present attempt may have cost all that it reserved */
    play_end_turn(&play);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_USAGE,
                                              .call = 1,
                                              .attempt = 2,
                                              .model_usage.used = { 1, 10 } });
    check_committed(&play, 10, 100);
}

static void an_answer_to_an_attempt_in_backoff_is_taken(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    fail_model(&play, (struct spend){ 100, 1000 }, play.now_ms + 1000);
    play_ignored(&play, (struct session_event){ .kind = EV_TIMER_FIRED,
                                                .call = 1,
                                                .timer_fired.which = TIMER_RETRY }); /* too early */
    play_rejected(&play,
                  (struct session_event){ .kind = EV_MODEL_ANSWERED, .call = 1, .attempt = 2 });
    play_rejected(&play,
                  (struct session_event){ .kind = EV_MODEL_ANSWERED, .call = 1, .attempt = 0 });
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_ANSWERED,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_answered.used = { 9, 90 } });
    assert_int_equal(play.commands.n, 0);
    check_committed(&play, 9, 90);
}

static void a_failure_counts_for_the_present_attempt_only(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 100, 1000 });
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED,
                                              .call = 1,
                                              .attempt = 1,
                                              .interrupted.charged = { 100, 1000 } });
    assert_int_equal(play.state.model.failures, 0);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_MODEL_FAILED, .call = 1, .attempt = 2 });
    play_start_model(&play, free_of_charge);
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_FAILED, .call = 1, .attempt = 1 });
    play_rejected(&play,
                  (struct session_event){ .kind = EV_MODEL_FAILED, .call = 1, .attempt = 3 });
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_FAILED, .call = 9, .attempt = 2 });
    fail_model(&play, free_of_charge, play.now_ms + 10);
    assert_int_equal(play.state.model.failures, 1);
    assert_int_equal(play.state.model.attempt, 3);
    assert_int_equal(play_wait(&play), WAIT_RETRY);
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
}

static void of_more_charges_than_have_room_the_oldest_stays(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    for (unsigned i = 0; i <= SESSION_UNSETTLED_MAX; i++) {
        play_start_model(&play, (struct spend){ 10, 10 });
        fail_model(&play, (struct spend){ 10, 10 }, play.now_ms);
        play_timer(&play);
    }
    check_committed(&play, 50, 50);
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_USAGE, .call = 1, .attempt = 1 });
    for (uint32_t attempt = 2; attempt <= SESSION_UNSETTLED_MAX + 1; attempt++)
        play_moves(&play,
                   (struct session_event){ .kind = EV_MODEL_USAGE, .call = 1, .attempt = attempt });
    check_committed(&play, 10, 10);
}

static void sums_saturate(void **state)
{
    static const struct spend most = { (int64_t)1 << 60, (int64_t)1 << 60 };
    struct play play;

    (void)state;
    play_create(&play, none);
    for (unsigned i = 0; i < 9; i++) {
        play_start_model(&play, most);
        play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED,
                                                  .call = 1,
                                                  .attempt = play.state.model.attempt,
                                                  .interrupted.charged = most });
    }
    check_committed(&play, most.tokens, most.nanousd);
    play_rejected(&play, (struct session_event){ .kind = EV_MODEL_STARTED,
                                                 .call = 1,
                                                 .attempt = 10,
                                                 .model_started.reserved = { INT64_MAX, 0 } });
    play_rejected(&play, started(&play, -1, 0));
}

/* ---- steps ---- */

static void model_calls_and_tool_calls_are_steps(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .steps = 4 });
    play_answer_tools(&play, 2);
    assert_int_equal(play.state.steps, 3);
    play_finish(&play, 2, 1);
    play_finish(&play, 3, 1);
    assert_int_equal(play.state.steps, 4);
    play_answer_tools(&play, 1); /* the fifth: none is begun */
    assert_int_equal(play.commands.n, 0);
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_STEPS);
    assert_int_equal(play.commands.n, 1);
    play_kind(&play, EV_MESSAGE); /* a turn's limit: the next one has its own */
    assert_int_equal(play.state.steps, 1);
}

static void the_model_is_not_asked_beyond_the_limit(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .steps = 2 });
    play_answer_tools(&play, 1);
    play_kind(&play, EV_MESSAGE);
    uint32_t message = play.state.seq;
    play_finish(&play, 2, 1);
    assert_int_equal(play_due(&play), EV_TURN_ENDED);
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_ACTIVE); /* the message is the next turn's input */
    assert_int_equal(play.state.turn_seq, message);
}

static void attempts_are_no_steps(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .steps = 1 });
    for (unsigned i = 0; i < 5; i++) {
        play_start_model(&play, free_of_charge);
        fail_model(&play, free_of_charge, play.now_ms);
        play_timer(&play);
    }
    play_text_turn(&play);
    assert_int_equal(play.state.end, END_COMPLETED);
}

/* ---- wall time ---- */

static void a_turn_ends_when_its_time_is_used_up(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 500 });
    play_start_model(&play, (struct spend){ 5, 5 });
    assert_int_equal(session_wake_at_ms(&play.state), PLAY_START_MS + 500);
    play_timer(&play);
    assert_int_equal(play_due(&play), EV_TURN_ENDED);
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_WALL);
    assert_true(play_has_command(&play, CMD_STOP_MODEL, 1, 1));
    check_committed(&play, 5, 5);
    assert_int_equal(session_wake_at_ms(&play.state), 0);
    play_kind(&play, EV_MESSAGE);
    assert_int_equal(session_wake_at_ms(&play.state), play.now_ms + 500);
}

/* While `call` is open alone a day passes, and `ends` ends it: how much of it did the turn use? */
static int64_t used_by_a_day(const struct call_decl *call, const struct session_event *ends)
{
    struct play play;

    play_create(&play, (struct session_limits){ .wall_ms = 1000 });
    play_answer_calls(&play, call, 1);
    play.now_ms += 86400000;
    play_moves(&play, *ends);
    if (play_due(&play) == EV_TOOL_FINISHED)
        play_finish(&play, 2, 1);
    play_start_model(&play, free_of_charge);
    play_answer_text(&play, free_of_charge);
    return play.state.wall_used_ms;
}

static void time_stands_while_people_times_and_signals_are_awaited(void **state)
{
    static const struct session_event finished = { .kind = EV_TOOL_FINISHED,
                                                   .call = 2,
                                                   .attempt = 1 };
    static const struct session_event approved = { .kind = EV_APPROVAL_DECIDED,
                                                   .call = 2,
                                                   .approval_decided.decision = DECISION_REJECT };
    static const struct session_event answered = { .kind = EV_INPUT_ANSWERED, .call = 2 };
    static const struct session_event signalled = { .kind = EV_SIGNAL };
    static const struct session_event slept = { .kind = EV_TIMER_FIRED,
                                                .call = 2,
                                                .timer_fired.which = TIMER_SLEEP };
    static const struct session_event child = { .kind = EV_CHILD_ENDED, .call = 2 };

    (void)state;
    assert_true(used_by_a_day(&(struct call_decl){ .approvals_needed = 1 }, &approved) < 1000);
    assert_true(used_by_a_day(&(struct call_decl){ .type = CALL_QUESTION }, &answered) < 1000);
    assert_true(used_by_a_day(&(struct call_decl){ .type = CALL_SIGNAL }, &signalled) < 1000);
    assert_true(used_by_a_day(&(struct call_decl){ .type = CALL_SLEEP, .due_ms = 5000 }, &slept) <
                1000);
    assert_true(used_by_a_day(&(struct call_decl){ .type = CALL_CHILD }, &child) > 86400000);
    assert_true(used_by_a_day(&(struct call_decl){ 0 }, &finished) > 86400000);
}

static void time_stands_while_paused(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 1000 });
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_PAUSED);
    assert_int_equal(session_wake_at_ms(&play.state), 0);
    play.now_ms += 86400000;
    play_ignored(&play,
                 (struct session_event){ .kind = EV_TIMER_FIRED, .timer_fired.which = TIMER_WALL });
    play_kind(&play, EV_RESUMED);
    int64_t used_ms = play.state.wall_used_ms;

    assert_int_equal(used_ms, PLAY_STEP_MS + PLAY_STEP_MS);
    assert_int_equal(session_wake_at_ms(&play.state), play.now_ms + 1000 - used_ms);
}

static void time_runs_while_one_of_several_is_a_machines(void **state)
{
    static const struct call_decl decls[] = { { .type = CALL_QUESTION }, { .type = CALL_TOOL } };
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 1000 });
    play_answer_calls(&play, decls, 2);
    assert_int_equal(session_wake_at_ms(&play.state), PLAY_START_MS + 1000);
    play_finish(&play, 3, 1);
    assert_int_equal(session_wake_at_ms(&play.state), 0);
    assert_int_equal(play.state.wall_used_ms, play.now_ms - PLAY_START_MS);
}

static void a_doubt_is_a_machines_until_a_person_is_asked(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 100000 });
    play_answer_calls(&play, &(struct call_decl){ .is_once = 1, .has_reconcile = 1 }, 1);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 2, .attempt = 1 });
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_IN_DOUBT,
                                              .call = 2,
                                              .attempt = 1,
                                              .tool_in_doubt.reconcile_at_ms = play.now_ms + 50 });
    assert_int_not_equal(play.state.wall_since_ms, 0);
    play_timer(&play);
    assert_int_not_equal(play.state.wall_since_ms, 0);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_RECONCILED,
                                              .call = 2,
                                              .attempt = 1,
                                              .tool_reconciled.outcome = OUTCOME_UNKNOWN });
    assert_int_equal(play.state.wall_since_ms, 0);
}

static void an_orphan_takes_no_time_of_the_next_turn(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 100 });
    play_answer_calls(&play, &(struct call_decl){ .type = CALL_CHILD }, 1);
    play_timer(&play);
    play_end_turn(&play);
    play_kind(&play, EV_MESSAGE);
    play_answer_calls(&play, &(struct call_decl){ .type = CALL_QUESTION }, 1);
    assert_int_equal(play_call(&play, 2), CALL_WAITING);
    assert_int_equal(play.state.wall_since_ms, 0);
}

static void a_clock_that_steps_back_gives_no_time_back(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 1000 });
    play_start_model(&play, free_of_charge);
    play_moves(&play, (struct session_event){ .kind = EV_PAUSED, .at_ms = 1 });
    assert_int_equal(play.state.wall_used_ms, 0);
    play_kind(&play, EV_RESUMED);
    play_answer_text(&play, free_of_charge);
    assert_int_equal(play.state.wall_used_ms, PLAY_STEP_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_reserved_is_settled_by_the_answer),
        cmocka_unit_test(no_call_starts_that_could_pass_a_ceiling),
        cmocka_unit_test(a_child_counts_before_it_has_ended),
        cmocka_unit_test(only_a_child_has_a_budget_of_its_own),
        cmocka_unit_test(an_attempt_without_usage_stays_charged_until_it_is_known),
        cmocka_unit_test(a_refused_connection_costs_nothing),
        cmocka_unit_test(late_usage_is_paid_after_the_end),
        cmocka_unit_test(an_earlier_attempts_answer_wins_and_both_are_paid),
        cmocka_unit_test(an_answer_to_an_attempt_in_backoff_is_taken),
        cmocka_unit_test(a_failure_counts_for_the_present_attempt_only),
        cmocka_unit_test(of_more_charges_than_have_room_the_oldest_stays),
        cmocka_unit_test(sums_saturate),
        cmocka_unit_test(model_calls_and_tool_calls_are_steps),
        cmocka_unit_test(the_model_is_not_asked_beyond_the_limit),
        cmocka_unit_test(attempts_are_no_steps),
        cmocka_unit_test(a_turn_ends_when_its_time_is_used_up),
        cmocka_unit_test(time_stands_while_people_times_and_signals_are_awaited),
        cmocka_unit_test(time_stands_while_paused),
        cmocka_unit_test(time_runs_while_one_of_several_is_a_machines),
        cmocka_unit_test(a_doubt_is_a_machines_until_a_person_is_asked),
        cmocka_unit_test(an_orphan_takes_no_time_of_the_next_turn),
        cmocka_unit_test(a_clock_that_steps_back_gives_no_time_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
