/* Turns: how they begin, end, are cancelled, retried, paused and forked. */
#include "unit/play.h"

static const struct session_limits none;
static const struct spend free_of_charge;

static void created_wants_the_model_at_once(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    assert_int_equal(play.state.mode, SESSION_ACTIVE);
    assert_int_equal(play.state.turn, 1);
    assert_int_equal(play.state.turn_seq, 1);
    assert_int_equal(play.state.steps, 1);
    assert_int_equal(play_model(&play), MODEL_WANTED);
    assert_int_equal(play.state.model.number, 1);
    assert_int_equal(play.state.model.attempt, 1);
    assert_int_equal(play.commands.n, 0);
    assert_true(session_wants_model(&play.state));
    assert_int_equal(session_status(&play.state), STATUS_PENDING);
    play_rejected(&play, (struct session_event){ .kind = EV_CREATED });
}

static void text_ends_the_turn_and_a_message_begins_the_next(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    assert_true(play_has_command(&play, CMD_CALL_MODEL, 1, 1));
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
    play_answer_text(&play, free_of_charge);
    assert_int_equal(play.state.mode, SESSION_ENDING);
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_IDLE);
    assert_int_equal(session_status(&play.state), STATUS_COMPLETED);
    assert_int_equal(play.commands.n, 1);
    assert_true(play_has_command(&play, CMD_TURN_ENDED, 0, 0));
    assert_true(session_is_ended(&play.state));
    assert_false(session_is_live(&play.state));

    play_kind(&play, EV_MESSAGE);
    assert_int_equal(play.state.turn, 2);
    assert_int_equal(play.state.turn_seq, 5);
    assert_int_equal(play.state.steps, 1);
    assert_int_equal(play.state.model.number, 2);
    assert_int_equal(session_status(&play.state), STATUS_PENDING);
}

static void each_finish_of_an_answer_ends_the_turn_in_its_way(void **state)
{
    static const struct {
        enum answer_finish finish;
        enum end_cause cause;
        enum session_status status;
    } rows[] = {
        { FINISH_STOP, END_COMPLETED, STATUS_COMPLETED },
        { FINISH_LENGTH, END_TRUNCATED, STATUS_FAILED },
        { FINISH_FILTERED, END_FILTERED, STATUS_FAILED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct play play;

        play_create(&play, none);
        play_start_model(&play, free_of_charge);
        play_moves(&play, (struct session_event){ .kind = EV_MODEL_ANSWERED,
                                                  .call = 1,
                                                  .attempt = 1,
                                                  .model_answered.finish = rows[i].finish });
        play_rejected(&play, (struct session_event){ .kind = EV_TURN_ENDED,
                                                     .turn_ended.cause = END_MODEL });
        play_end_turn(&play);
        assert_int_equal(play.state.end, rows[i].cause);
        assert_int_equal(session_status(&play.state), rows[i].status);
    }
}

static void while_the_end_is_due_nothing_else_is_legal(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_answer_text(&play, free_of_charge);
    for (unsigned kind = 0; kind < EV_KIND_COUNT; kind++) {
        if (kind != EV_TURN_ENDED && kind != EV_FORKED)
            play_rejected(&play, (struct session_event){ .kind = (enum event_kind)kind });
    }
    play_end_turn(&play);
}

static void a_message_while_tools_run_joins_the_next_call(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_tools(&play, 1);
    play_kind(&play, EV_MESSAGE);
    assert_int_equal(play.state.unread, 1);
    play_finish(&play, 2, 1);
    play_start_model(&play, free_of_charge);
    assert_int_equal(play.state.unread, 0);
    play_answer_text(&play, free_of_charge);
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_IDLE);
    assert_int_equal(play.state.turn, 1);
}

static void a_message_during_the_last_call_begins_the_next_turn(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_MESSAGE); /* 3 */
    play_kind(&play, EV_MESSAGE);
    play_answer_text(&play, free_of_charge);
    play_end_turn(&play);
    assert_true(play_has_command(&play, CMD_TURN_ENDED, 0, 0));
    assert_int_equal(play.state.mode, SESSION_ACTIVE);
    assert_int_equal(play.state.turn, 2);
    assert_int_equal(play.state.turn_seq, 3);
    assert_int_equal(play.state.unread, 0);
    assert_int_equal(play_model(&play), MODEL_WANTED);
    play_text_turn(&play);
    assert_int_equal(play.state.mode, SESSION_IDLE);
}

static void a_message_between_attempts_is_not_lost_when_the_first_attempt_wins(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_MESSAGE); /* 3: attempt 1 has not seen it */
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_FAILED,
                                              .call = 1,
                                              .attempt = 1,
                                              .model_failed.retry_at_ms = play.now_ms });
    play_timer(&play);
    play_start_model(&play, free_of_charge);
    assert_int_equal(play.state.unread, 0);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_ANSWERED, .call = 1, .attempt = 1 });
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_ACTIVE);
    assert_int_equal(play.state.turn, 2);
    assert_int_equal(play.state.turn_seq, 3);
}

static void a_message_between_attempts_is_read_when_the_second_wins(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_MESSAGE);
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED, .call = 1, .attempt = 1 });
    play_start_model(&play, free_of_charge);
    play_answer_text(&play, free_of_charge);
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_IDLE);
    assert_int_equal(play.state.turn, 1);
}

static void the_engine_ends_a_turn_for_budget_or_configuration(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .tokens = 100 });
    play_rejected(&play, (struct session_event){ .kind = EV_TURN_ENDED,
                                                 .turn_ended.cause = END_COMPLETED });
    play_rejected(&play, (struct session_event){
                             .kind = EV_TURN_ENDED,
                             .turn_ended = { .cause = END_BUDGET, .refused.tokens = 100 } });
    play_kind(&play, EV_PAUSED);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_TURN_ENDED, .turn_ended.cause = END_CONFIG });
    play_kind(&play, EV_RESUMED);
    play_kind(&play, EV_MESSAGE);
    play_moves(&play, (struct session_event){
                          .kind = EV_TURN_ENDED,
                          .turn_ended = { .cause = END_BUDGET, .refused.tokens = 101 } });
    assert_int_equal(play.state.mode, SESSION_IDLE); /* the message waits: it would end alike */
    assert_int_equal(play.state.end, END_BUDGET);
    assert_int_equal(play.state.unread, 1);

    play_kind(&play, EV_RETRIED);
    assert_int_equal(play.state.unread, 0);
    play_moves(&play,
               (struct session_event){ .kind = EV_TURN_ENDED, .turn_ended.cause = END_CONFIG });
    assert_int_equal(play.state.end, END_CONFIG);
    assert_int_equal(session_status(&play.state), STATUS_FAILED);
}

static void retry_goes_on_with_a_failed_turn(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 5, .wall_ms = 1000 });
    play_start_model(&play, free_of_charge);
    play_moves(&play,
               (struct session_event){
                   .kind = EV_INTERRUPTED, .call = 1, .attempt = 1, .interrupted.counts = 1 });
    play_start_model(&play, free_of_charge);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_FAILED, .call = 1, .attempt = 2 });
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_MODEL);
    play_kind(&play, EV_RETRIED);
    assert_int_equal(play.state.mode, SESSION_ACTIVE);
    assert_int_equal(play.state.end, END_NONE);
    assert_int_equal(play.state.turn, 1);
    assert_int_equal(play.state.turn_seq, 1);
    assert_int_equal(play.state.steps, 1);
    assert_int_equal(play.state.crashes, 0);
    assert_int_equal(play.state.wall_used_ms, 0);
    assert_int_equal(play.state.model.number, 2); /* numbers go on */
    play_text_turn(&play);
    play_rejected(&play, (struct session_event){ .kind = EV_RETRIED });
}

static void cancel_is_final(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, (struct spend){ 10, 20 });
    play_kind(&play, EV_CANCELLED);
    assert_int_equal(play.commands.n, 2);
    assert_true(play_has_command(&play, CMD_STOP_MODEL, 1, 1));
    assert_true(play_has_command(&play, CMD_TURN_ENDED, 0, 0));
    assert_int_equal(session_status(&play.state), STATUS_CANCELLED);
    assert_true(session_is_ended(&play.state));
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE });
    play_rejected(&play, (struct session_event){ .kind = EV_RETRIED });
    play_rejected(&play, (struct session_event){ .kind = EV_CANCELLED });
    play_rejected(&play, (struct session_event){ .kind = EV_RESUMED });
    play_ignored(&play,
                 (struct session_event){ .kind = EV_MODEL_ANSWERED, .call = 1, .attempt = 1 });
}

static void cancel_closes_every_slot(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_TOOL },
        { .type = CALL_TOOL, .approvals_needed = 1 },
        { .type = CALL_QUESTION },
        { .type = CALL_SLEEP, .due_ms = 5000 },
        { .type = CALL_SIGNAL },
        { .type = CALL_CHILD },
        { .type = CALL_TOOL, .is_once = 1 },
        { .type = CALL_TOOL, .is_once = 1, .has_reconcile = 1 },
    };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls)); /* 2 to 9 */
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 8, .attempt = 1 });
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 9, .attempt = 1 });
    play_kind(&play, EV_CANCELLED);
    assert_true(play_has_command(&play, CMD_STOP_TOOL, 2, 1));
    assert_true(play_has_command(&play, CMD_WITHDRAW, 3, 1));
    assert_true(play_has_command(&play, CMD_WITHDRAW, 4, 1));
    assert_true(play_has_command(&play, CMD_CANCEL_CHILD, 7, 1));
    assert_true(play_has_command(&play, CMD_STOP_TOOL, 8, 1));
    assert_true(play_has_command(&play, CMD_ASK, 8, 1)); /* no reconcile: a person */
    assert_true(play_has_command(&play, CMD_STOP_TOOL, 9, 1));
    assert_int_equal(play.commands.n, 8);
    assert_int_equal(session_free_slots(&play.state), SESSION_CALLS_MAX - 3);
    assert_int_equal(play_call(&play, 7), CALL_WAITING);
    assert_int_equal(play_call(&play, 8), CALL_PERSON);
    assert_int_equal(play_call(&play, 9), CALL_DOUBT);
    assert_false(session_is_in_flight(&play.state));
}

static void paused_nothing_new_is_begun(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_kind(&play, EV_PAUSED);
    play_ignored(&play, (struct session_event){ .kind = EV_PAUSED });
    assert_false(session_wants_model(&play.state));
    assert_int_equal(play_wait(&play), WAIT_RESUME);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_MODEL_STARTED, .call = 1, .attempt = 1 });
    play_kind(&play, EV_RESUMED);
    play_ignored(&play, (struct session_event){ .kind = EV_RESUMED });
    assert_true(session_wants_model(&play.state));
    assert_int_equal(play_wait(&play), WAIT_PERMIT);
}

static void paused_what_is_in_flight_may_end(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_PAUSED);
    play_answer_tools(&play, 2);
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(play_call(&play, 2), CALL_HELD);
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_TOOL);
    play_kind(&play, EV_RESUMED);
    assert_int_equal(play.commands.n, 2);
    assert_true(play_has_command(&play, CMD_RUN_TOOL, 2, 1));
    play_kind(&play, EV_PAUSED);
    assert_int_equal(play.commands.n, 0); /* repeatable tools run to their end */
    play_rejected(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 2, .attempt = 1 });
    play_finish(&play, 2, 1);
    play_finish(&play, 3, 1);
    assert_int_equal(play_model(&play), MODEL_WANTED);
    assert_false(session_wants_model(&play.state));
}

static void paused_a_time_and_a_signal_are_waited_for_all_the_same(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_SLEEP, .due_ms = 5000 },
        { .type = CALL_SIGNAL, .due_ms = 6000, .signal_hash = 7 },
        { .type = CALL_QUESTION, .due_ms = 7000 }
    };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_PAUSED);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_int_equal(session_wake_at_ms(&play.state), 5000);
    play_moves(&play, (struct session_event){ .kind = EV_SIGNAL, .signal.name_hash = 7 });
    assert_int_equal(play_due(&play), EV_TOOL_FINISHED);
    play_finish(&play, 3, 1);
    play_timer(&play);
    play_finish(&play, 2, 1);
    assert_int_equal(play_call(&play, 4), CALL_HELD); /* asking is something new */
    play_kind(&play, EV_RESUMED);
    assert_true(play_has_command(&play, CMD_ASK, 4, 1));
    assert_int_equal(session_wake_at_ms(&play.state), 7000);
}

static void a_session_paused_at_its_end_begins_its_next_turn_paused(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_text_turn(&play);
    play_kind(&play, EV_PAUSED);
    play_kind(&play, EV_MESSAGE);
    assert_int_equal(play_wait(&play), WAIT_RESUME);
    play_kind(&play, EV_RESUMED);
    assert_true(session_wants_model(&play.state));
}

static void a_fork_starts_paused_and_without_what_was_spent(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .steps = 3, .wall_ms = 60000 });
    play_start_model(&play, (struct spend){ 10, 10 });
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED,
                                              .call = 1,
                                              .attempt = 1,
                                              .interrupted.charged = { 10, 10 } });
    play_start_model(&play, (struct spend){ 5, 5 });
    play.now_ms += 86400000; /* a day later */
    play_kind(&play, EV_FORKED);
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(session_committed_spend(&play.state).tokens, 0);
    assert_int_equal(session_committed_spend(&play.state).nanousd, 0);
    assert_int_equal(play_wait(&play), WAIT_RESUME);
    assert_int_equal(play.state.steps, 1);        /* the call is the same step */
    assert_int_equal(play.state.model.number, 2); /* ...under a number of its own */
    assert_true(play.state.wall_used_ms < 1000);  /* the day is nobody's work */
    play_ignored(&play, (struct session_event){ .kind = EV_MODEL_USAGE, .call = 1, .attempt = 1 });
    play_kind(&play, EV_RESUMED);
    play_text_turn(&play);
    assert_int_equal(session_status(&play.state), STATUS_COMPLETED);
}

static void a_fork_closes_open_calls(void **state)
{
    static const struct call_decl decls[] = { { .type = CALL_TOOL },
                                              { .type = CALL_TOOL, .is_once = 1 },
                                              { .type = CALL_TOOL, .is_refused = 1 } };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_int_equal(play_due(&play), EV_TOOL_FAILED); /* cut off before what was due */
    play_kind(&play, EV_FORKED);
    assert_int_equal(session_free_slots(&play.state), SESSION_CALLS_MAX);
    assert_int_equal(play.commands.n, 0);
    play_ignored(&play,
                 (struct session_event){ .kind = EV_TOOL_FINISHED, .call = 2, .attempt = 1 });
    play_kind(&play, EV_RESUMED);
    assert_true(session_wants_model(&play.state));
}

static void a_fork_of_an_ended_session_can_go_on(void **state)
{
    struct play idle;
    struct play cancelled;

    (void)state;
    play_create(&idle, none);
    play_text_turn(&idle);
    play_kind(&idle, EV_FORKED);
    assert_int_equal(session_status(&idle.state), STATUS_COMPLETED);
    play_kind(&idle, EV_MESSAGE);
    assert_int_equal(play_wait(&idle), WAIT_RESUME);

    play_create(&cancelled, none);
    play_kind(&cancelled, EV_CANCELLED);
    play_kind(&cancelled, EV_FORKED);
    assert_int_equal(cancelled.state.mode, SESSION_ACTIVE);
    play_kind(&cancelled, EV_RESUMED);
    play_text_turn(&cancelled);
    assert_int_equal(session_status(&cancelled.state), STATUS_COMPLETED);
}

static void a_fork_just_before_the_turns_end_ends_it(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_answer_text(&play, free_of_charge);
    play_kind(&play, EV_FORKED);
    assert_int_equal(play.state.mode, SESSION_IDLE);
    assert_int_equal(session_status(&play.state), STATUS_COMPLETED);

    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_MESSAGE); /* 3: nobody has answered it yet */
    play_answer_text(&play, free_of_charge);
    play_kind(&play, EV_FORKED);
    assert_int_equal(play.state.mode, SESSION_ACTIVE);
    assert_int_equal(play.state.turn_seq, 3);
    assert_int_equal(play_wait(&play), WAIT_RESUME);
}

static void events_out_of_line_are_rejected(void **state)
{
    static const struct session_state fresh;
    struct play play = { .now_ms = PLAY_START_MS };

    (void)state;
    assert_true(session_is_valid(&fresh));
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE });
    play_rejected(&play, (struct session_event){ .kind = EV_FORKED });
    play_create(&play, none);
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE, .seq = 1 });
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE, .seq = 3 });
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE, .at_ms = -1 });
    play_rejected(&play, (struct session_event){ .kind = EV_MESSAGE, .at_ms = INT64_MAX });
    play_rejected(&play, (struct session_event){ .kind = EV_KIND_COUNT });
    play_rejected(&play, (struct session_event){ .kind = (enum event_kind)4096 });
    play_kind(&play, EV_CONTEXT_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created_wants_the_model_at_once),
        cmocka_unit_test(text_ends_the_turn_and_a_message_begins_the_next),
        cmocka_unit_test(each_finish_of_an_answer_ends_the_turn_in_its_way),
        cmocka_unit_test(while_the_end_is_due_nothing_else_is_legal),
        cmocka_unit_test(a_message_while_tools_run_joins_the_next_call),
        cmocka_unit_test(a_message_during_the_last_call_begins_the_next_turn),
        cmocka_unit_test(a_message_between_attempts_is_not_lost_when_the_first_attempt_wins),
        cmocka_unit_test(a_message_between_attempts_is_read_when_the_second_wins),
        cmocka_unit_test(the_engine_ends_a_turn_for_budget_or_configuration),
        cmocka_unit_test(retry_goes_on_with_a_failed_turn),
        cmocka_unit_test(cancel_is_final),
        cmocka_unit_test(cancel_closes_every_slot),
        cmocka_unit_test(paused_nothing_new_is_begun),
        cmocka_unit_test(paused_what_is_in_flight_may_end),
        cmocka_unit_test(paused_a_time_and_a_signal_are_waited_for_all_the_same),
        cmocka_unit_test(a_session_paused_at_its_end_begins_its_next_turn_paused),
        cmocka_unit_test(a_fork_starts_paused_and_without_what_was_spent),
        cmocka_unit_test(a_fork_closes_open_calls),
        cmocka_unit_test(a_fork_of_an_ended_session_can_go_on),
        cmocka_unit_test(a_fork_just_before_the_turns_end_ends_it),
        cmocka_unit_test(events_out_of_line_are_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
