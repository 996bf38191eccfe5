/* Tool calls: parallel ones, retries, `effects: once`, approvals, questions, signals, children. */
#include "unit/play.h"

static const struct session_limits none;
static const struct spend free_of_charge;

enum { CALL = 2 };

static struct play with_call(struct call_decl decl)
{
    struct play play;

    play_create(&play, none);
    play_answer_calls(&play, &decl, 1);
    return play;
}

static struct play with_sent(uint8_t has_reconcile, int64_t deadline_ms)
{
    struct play play =
        with_call((struct call_decl){ .is_once = 1, .has_reconcile = has_reconcile });

    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT,
                                              .call = CALL,
                                              .attempt = 1,
                                              .tool_sent.deadline_ms = deadline_ms });
    return play;
}

static void doubt(struct play *play, uint32_t attempt, int64_t reconcile_at_ms)
{
    play_moves(play, (struct session_event){ .kind = EV_TOOL_IN_DOUBT,
                                             .call = CALL,
                                             .attempt = attempt,
                                             .tool_in_doubt.reconcile_at_ms = reconcile_at_ms });
}

static struct session_event reconciled(uint32_t attempt, enum reconcile_outcome outcome)
{
    return (struct session_event){ .kind = EV_TOOL_RECONCILED,
                                   .call = CALL,
                                   .attempt = attempt,
                                   .tool_reconciled.outcome = outcome };
}

static struct session_event decided(enum decision decision, uint8_t still_needed)
{
    return (struct session_event){ .kind = EV_APPROVAL_DECIDED,
                                   .call = CALL,
                                   .approval_decided = { decision, still_needed } };
}

/* ---- parallel calls ---- */

static void permute_and_finish(const struct play *start, unsigned order)
{
    static const uint32_t orders[6][3] = { { 2, 3, 4 }, { 2, 4, 3 }, { 3, 2, 4 },
                                           { 3, 4, 2 }, { 4, 2, 3 }, { 4, 3, 2 } };
    struct play play = *start;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(play_model(&play), MODEL_NONE);
        assert_int_equal(session_status(&play.state), STATUS_AWAITING_TOOL);
        play_finish(&play, orders[order][i], 1);
        play_ignored(&play, (struct session_event){
                                .kind = EV_TOOL_FINISHED, .call = orders[order][i], .attempt = 1 });
    }
    assert_int_equal(play_model(&play), MODEL_WANTED);
    assert_int_equal(play.state.model.number, 5);
}

static void the_last_of_parallel_answers_asks_the_model_in_any_order(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_tools(&play, 3);
    assert_int_equal(play.commands.n, 3);
    for (uint32_t call = 2; call <= 4; call++)
        assert_true(play_has_command(&play, CMD_RUN_TOOL, call, 1));
    for (unsigned order = 0; order < 6; order++)
        permute_and_finish(&play, order);
}

static void all_slots_can_be_open_and_no_more(void **state)
{
    struct session_event one_more = { .kind = EV_MODEL_ANSWERED,
                                      .call = 1,
                                      .attempt = 1,
                                      .model_answered = { .first_call = 2,
                                                          .calls_n = SESSION_CALLS_MAX + 1 } };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_rejected(&play, one_more);
    play_answer_tools(&play, SESSION_CALLS_MAX);
    assert_int_equal(play.commands.n, SESSION_CALLS_MAX);
    assert_int_equal(session_free_slots(&play.state), 0);
    play_kind(&play, EV_CANCELLED);
    assert_int_equal(session_free_slots(&play.state), SESSION_CALLS_MAX);
}

static void an_orphan_keeps_its_slot(void **state)
{
    struct session_event answer = { .kind = EV_MODEL_ANSWERED,
                                    .attempt = 1,
                                    .model_answered.calls_n = SESSION_CALLS_MAX };
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 100 });
    play_answer_calls(&play, &(struct call_decl){ .is_once = 1 }, 1);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 1 });
    play_timer(&play);
    play_end_turn(&play);
    play_kind(&play, EV_MESSAGE);
    play_start_model(&play, free_of_charge);
    answer.call = play.state.model.number;
    answer.model_answered.first_call = play.state.last_call + 1;
    play_rejected(&play, answer);
    answer.model_answered.calls_n = session_free_slots(&play.state);
    play_moves(&play, answer);
    assert_int_equal(session_free_slots(&play.state), 0);
}

/* It wanted to do something: the turn is not over because nothing of it could be taken up. */
static void an_answer_whose_calls_find_no_slot_asks_again(void **state)
{
    struct session_event answer = {
        .kind = EV_MODEL_ANSWERED, .call = 1, .attempt = 1, .model_answered = { .unplaced = 2 }
    };
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .steps = 2 });
    play_start_model(&play, free_of_charge);
    play_moves(&play, answer);
    assert_int_equal(session_status(&play.state), STATUS_RUNNING);
    assert_true(session_wants_model(&play.state));
    assert_int_equal(play.state.model.number, 2);
    play_start_model(&play, free_of_charge);
    answer.call = 2;
    play_moves(&play, answer);
    assert_false(session_wants_model(&play.state)); /* not for ever: each time is a step */
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_STEPS);
}

static void calls_are_numbered_on_from_the_last_one(void **state)
{
    struct session_event answer = { .kind = EV_MODEL_ANSWERED,
                                    .call = 1,
                                    .attempt = 1,
                                    .model_answered = { .first_call = 3, .calls_n = 1 } };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_start_model(&play, free_of_charge);
    play_rejected(&play, answer);
    answer.model_answered.first_call = 1;
    play_rejected(&play, answer);
    answer.model_answered.first_call = 2;
    play_moves(&play, answer);
    assert_int_equal(session_call(&play.state, 2)->source, play.state.seq);
    assert_null(session_call(&play.state, 1));
    assert_null(session_call(&play.state, 0));
}

static void a_refused_call_gets_its_error_at_once(void **state)
{
    static const struct call_decl decls[] = { { .is_refused = 1, .approvals_needed = 1 },
                                              { .type = CALL_TOOL },
                                              { .is_refused = 1 } };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    assert_int_equal(play.commands.n, 1);
    assert_true(play_has_command(&play, CMD_RUN_TOOL, 3, 1));
    assert_int_equal(play_due(&play), EV_TOOL_FAILED);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_TOOL_FINISHED, .call = 3, .attempt = 1 });
    play_rejected(&play, (struct session_event){ .kind = EV_TOOL_FAILED, .call = 4, .attempt = 1 });
    play_rejected(&play, (struct session_event){ .kind = EV_TOOL_FAILED,
                                                 .call = 2,
                                                 .attempt = 1,
                                                 .tool_failed.retry_at_ms = 5000 });
    play_fail(&play, 2, 1, 0);
    play_fail(&play, 4, 1, 0);
    assert_int_equal(play_due(&play), EV_KIND_COUNT);
    play_finish(&play, 3, 1);
    assert_int_equal(play_model(&play), MODEL_WANTED);
}

/* ---- attempts ---- */

static void a_failed_attempt_is_tried_again_and_counted(void **state)
{
    struct play play = with_call((struct call_decl){ 0 });

    (void)state;
    play_fail(&play, CALL, 1, play.now_ms + 1000);
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(session_call(&play.state, CALL)->failures, 1);
    assert_int_equal(session_call(&play.state, CALL)->attempt, 2);
    assert_int_equal(play_wait(&play), WAIT_RETRY);
    play_timer(&play);
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 2));
    play_ignored(&play,
                 (struct session_event){ .kind = EV_TOOL_FAILED, .call = CALL, .attempt = 1 });
    play_fail(&play, CALL, 2, 0);
    assert_int_equal(play_model(&play), MODEL_WANTED); /* the model gets the error */
}

static void an_interruption_is_another_attempt_but_no_failure(void **state)
{
    struct play play = with_call((struct call_decl){ 0 });

    (void)state;
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED,
                                              .call = CALL,
                                              .attempt = 1,
                                              .interrupted.by = INTERRUPTED_DRAIN });
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 2));
    assert_int_equal(session_call(&play.state, CALL)->failures, 0);
    play_ignored(&play,
                 (struct session_event){ .kind = EV_INTERRUPTED, .call = CALL, .attempt = 1 });
    play_ignored(&play, (struct session_event){ .kind = EV_INTERRUPTED, .call = 77, .attempt = 1 });
}

static void the_first_success_of_any_attempt_wins_once(void **state)
{
    struct play play = with_call((struct call_decl){ 0 });

    (void)state;
    play_fail(&play, CALL, 1, play.now_ms);
    play_timer(&play);
    play_fail(&play, CALL, 2, play.now_ms);
    play_timer(&play);
    play_finish(&play, CALL, 2);
    assert_true(play_has_command(&play, CMD_STOP_TOOL, CALL, 3));
    play_ignored(&play,
                 (struct session_event){ .kind = EV_TOOL_FINISHED, .call = CALL, .attempt = 3 });
    play_ignored(&play,
                 (struct session_event){ .kind = EV_TOOL_FINISHED, .call = CALL, .attempt = 1 });
    assert_int_equal(play_model(&play), MODEL_WANTED);
}

static void an_executors_claim_ends_with_its_lease(void **state)
{
    struct play play = with_call((struct call_decl){ 0 });
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];

    (void)state;
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT,
                                              .call = CALL,
                                              .attempt = 1,
                                              .tool_sent.deadline_ms = play.now_ms + 1000 });
    assert_false(session_is_in_flight(&play.state)); /* elsewhere */
    assert_int_equal(session_interruptions(&play.state, at), 0);
    play_timer(&play);
    assert_int_equal(play_due(&play), EV_TOOL_FAILED);
    play_fail(&play, CALL, 1, play.now_ms + 50);
    assert_int_equal(play_call(&play, CALL), CALL_BACKOFF);
}

/* ---- effects: once ---- */

static void a_once_call_is_held_back_by_a_pause_until_it_has_left(void **state)
{
    struct play play = with_call((struct call_decl){ .is_once = 1 });

    (void)state;
    play_kind(&play, EV_PAUSED);
    assert_true(play_has_command(&play, CMD_STOP_TOOL, CALL, 1));
    play_rejected(&play,
                  (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 1 });
    play_kind(&play, EV_RESUMED);
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 1));
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 1 });
    assert_true(play_has_command(&play, CMD_SEND_TOOL, CALL, 1));
    play_kind(&play, EV_PAUSED);
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(play_call(&play, CALL), CALL_SENT);
}

static void before_it_has_left_a_once_call_is_run_again(void **state)
{
    struct play play = with_call((struct call_decl){ .is_once = 1 });
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];

    (void)state;
    assert_int_equal(session_interruptions(&play.state, at), 1);
    assert_int_equal(at[0].kind, EV_INTERRUPTED);
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED, .call = CALL, .attempt = 1 });
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 2));
}

static void a_sent_once_call_without_proof_is_in_doubt(void **state)
{
    struct play play = with_sent(1, 0);
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];

    (void)state;
    assert_int_equal(session_interruptions(&play.state, at), 1);
    assert_int_equal(at[0].kind, EV_TOOL_IN_DOUBT);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_INTERRUPTED, .call = CALL, .attempt = 1 });
    doubt(&play, 1, play.now_ms + 5000);
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_TOOL);
    assert_int_equal(play_wait(&play), WAIT_RECONCILE);
    play_timer(&play);
    assert_true(play_has_command(&play, CMD_RECONCILE, CALL, 1));
    play_moves(&play, reconciled(1, OUTCOME_UNKNOWN));
    assert_true(play_has_command(&play, CMD_ASK, CALL, 1));
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_HUMAN_APPROVAL);
    play_rejected(&play, reconciled(1, OUTCOME_UNKNOWN));
    play_moves(&play, reconciled(1, OUTCOME_NOT_HAPPENED));
    assert_true(play_has_command(&play, CMD_WITHDRAW, CALL, 1));
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 2)); /* proven: sent again */
    play_finish(&play, CALL, 2);
}

static void a_doubled_reconciliation_does_not_send_a_second_time(void **state)
{
    struct play play = with_sent(1, 0);

    (void)state;
    doubt(&play, 1, play.now_ms + 100);
    play_moves(&play, reconciled(1, OUTCOME_NOT_HAPPENED));
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 2 });
    doubt(&play, 2, play.now_ms + 100);
    play_ignored(&play, reconciled(1, OUTCOME_NOT_HAPPENED));
    play_ignored(&play, reconciled(1, OUTCOME_UNKNOWN));
    play_rejected(&play, reconciled(0, OUTCOME_HAPPENED));
    play_rejected(&play, reconciled(3, OUTCOME_HAPPENED));
    play_moves(&play, reconciled(1, OUTCOME_HAPPENED)); /* after all: that is an answer */
    assert_int_equal(play_call(&play, CALL), CALL_FREE);
}

static void without_a_reconcile_command_a_person_decides(void **state)
{
    struct play play = with_sent(0, 0);

    (void)state;
    doubt(&play, 1, play.now_ms + 100);
    assert_int_equal(play_call(&play, CALL), CALL_PERSON);
    assert_true(play_has_command(&play, CMD_ASK, CALL, 1));
    assert_int_equal(play_wait(&play), WAIT_PERSON);
    assert_false(session_is_in_flight(&play.state));
    play_moves(&play, reconciled(1, OUTCOME_HAPPENED));
    assert_true(play_has_command(&play, CMD_WITHDRAW, CALL, 1));
    assert_int_equal(play_model(&play), MODEL_WANTED);
}

static void a_lost_reconcile_command_runs_again(void **state)
{
    struct play play = with_sent(1, 0);
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];

    (void)state;
    doubt(&play, 1, play.now_ms + 100);
    play_timer(&play);
    assert_int_equal(session_interruptions(&play.state, at), 1);
    assert_int_equal(at[0].kind, EV_INTERRUPTED);
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED, .call = CALL, .attempt = 1 });
    play_timer(&play);
    assert_true(play_has_command(&play, CMD_RECONCILE, CALL, 1)); /* the same attempt */
}

static void an_overdue_once_call_is_in_doubt(void **state)
{
    struct play play = with_sent(1, PLAY_START_MS + 5000);

    (void)state;
    play_timer(&play);
    assert_int_equal(play_due(&play), EV_TOOL_IN_DOUBT);
    play_rejected(&play,
                  (struct session_event){ .kind = EV_TOOL_FAILED, .call = CALL, .attempt = 1 });
    doubt(&play, 1, play.now_ms + 100);
    play_finish(&play, CALL, 1); /* late, but an answer */
}

static void an_orphan_is_settled_after_the_end_and_never_sent_again(void **state)
{
    struct play play = with_sent(1, 0);

    (void)state;
    play_kind(&play, EV_CANCELLED);
    assert_int_equal(play_call(&play, CALL), CALL_DOUBT);
    assert_true(session_call(&play.state, CALL)->is_orphan);
    assert_int_equal(session_status(&play.state), STATUS_CANCELLED);
    play_timer(&play);
    assert_true(play_has_command(&play, CMD_RECONCILE, CALL, 1));
    assert_true(session_is_in_flight(&play.state));
    play_moves(&play, reconciled(1, OUTCOME_NOT_HAPPENED));
    assert_true(play_has_command(&play, CMD_STOP_TOOL, CALL, 1));
    assert_int_equal(play.commands.n, 1);
    assert_int_equal(play_call(&play, CALL), CALL_FREE);
}

static void an_orphan_does_not_hold_up_the_next_turn(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .wall_ms = 100 });
    play_answer_calls(&play, &(struct call_decl){ .is_once = 1 }, 1);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 1 });
    play_timer(&play);
    play_end_turn(&play);
    assert_int_equal(play_call(&play, CALL), CALL_PERSON);
    play_kind(&play, EV_MESSAGE);
    assert_int_equal(session_status(&play.state), STATUS_PENDING);
    play_text_turn(&play);
    assert_int_equal(session_status(&play.state), STATUS_COMPLETED);
    play_finish(&play, CALL, 1); /* a late completion settles it */
    assert_true(play_has_command(&play, CMD_WITHDRAW, CALL, 1));
    play_ignored(&play, reconciled(1, OUTCOME_HAPPENED));
}

static void a_claimed_once_call_is_looked_into_only_after_its_lease(void **state)
{
    struct play play = with_sent(1, PLAY_START_MS + 60000);

    (void)state;
    play_kind(&play, EV_CANCELLED);
    assert_int_equal(session_wake_at_ms(&play.state), PLAY_START_MS + 60000);
}

/* ---- approvals ---- */

static void several_people_approve_and_then_it_runs(void **state)
{
    struct play play = with_call((struct call_decl){ .approvals_needed = 2, .due_ms = 9000 });

    (void)state;
    assert_int_equal(play.commands.n, 1);
    assert_true(play_has_command(&play, CMD_ASK, CALL, 1));
    assert_int_equal(session_wake_at_ms(&play.state), 9000);
    play_moves(&play, decided(DECISION_APPROVE, 1));
    assert_int_equal(play.commands.n, 0);
    play_moves(&play, decided(DECISION_APPROVE, 2)); /* an edit voids what was approved before */
    play_moves(&play, decided(DECISION_APPROVE, 0));
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 1));
    assert_int_equal(session_wake_at_ms(&play.state), 0);
    play_rejected(&play, decided(DECISION_REJECT, 0)); /* too late */
}

static void a_rejection_closes_the_call(void **state)
{
    struct play play = with_call((struct call_decl){ .approvals_needed = 2 });

    (void)state;
    play_moves(&play, decided(DECISION_REJECT, 2));
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(play_model(&play), MODEL_WANTED);
    play_ignored(&play, decided(DECISION_APPROVE, 0));
}

static void an_approval_while_paused_is_kept_for_later(void **state)
{
    struct play play = with_call((struct call_decl){ .approvals_needed = 1 });

    (void)state;
    play_kind(&play, EV_PAUSED);
    play_moves(&play, decided(DECISION_APPROVE, 0));
    assert_int_equal(play_call(&play, CALL), CALL_HELD);
    play_kind(&play, EV_RESUMED);
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 1));
}

static struct play expired(enum expiry_action action)
{
    struct play play =
        with_call((struct call_decl){ .approvals_needed = 1, .due_ms = 9000, .on_expiry = action });

    play_timer(&play);
    assert_int_equal(play_due(&play), EV_APPROVAL_EXPIRED);
    play_rejected(&play, decided(DECISION_APPROVE, 0));
    play_rejected(&play, (struct session_event){ .kind = EV_APPROVAL_EXPIRED,
                                                 .call = CALL,
                                                 .approval_expired.outcome = action == EXPIRY_FAIL
                                                                                 ? EXPIRY_REJECT
                                                                                 : EXPIRY_FAIL });
    return play;
}

static struct session_event approval_expired(enum expiry_action outcome, int64_t due_ms)
{
    return (struct session_event){ .kind = EV_APPROVAL_EXPIRED,
                                   .call = CALL,
                                   .approval_expired = { outcome, due_ms } };
}

static void an_expired_approval_rejects_fails_or_escalates_once(void **state)
{
    struct play play = expired(EXPIRY_REJECT);

    (void)state;
    play_moves(&play, approval_expired(EXPIRY_REJECT, 0));
    assert_true(play_has_command(&play, CMD_WITHDRAW, CALL, 1));
    assert_int_equal(play_model(&play), MODEL_WANTED);

    play = expired(EXPIRY_FAIL);
    play_moves(&play, approval_expired(EXPIRY_FAIL, 0));
    play_end_turn(&play);
    assert_true(play_has_command(&play, CMD_WITHDRAW, CALL, 1));
    assert_int_equal(play.state.end, END_APPROVAL);

    play = expired(EXPIRY_ESCALATE);
    play_moves(&play, approval_expired(EXPIRY_ESCALATE, 20000));
    assert_int_equal(play_call(&play, CALL), CALL_APPROVAL);
    assert_int_equal(session_wake_at_ms(&play.state), 20000);
    play_timer(&play);
    play_rejected(&play, approval_expired(EXPIRY_ESCALATE, 30000));
    play_moves(&play, approval_expired(EXPIRY_REJECT, 0));
    assert_int_equal(play_call(&play, CALL), CALL_FREE);
}

/* ---- questions, times, signals, children ---- */

static void a_question_is_asked_and_answered(void **state)
{
    struct play play = with_call((struct call_decl){ .type = CALL_QUESTION });

    (void)state;
    assert_true(play_has_command(&play, CMD_ASK, CALL, 1));
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_INPUT);
    play_moves(&play, (struct session_event){ .kind = EV_INPUT_ANSWERED, .call = CALL });
    assert_int_equal(play_due(&play), EV_TOOL_FINISHED);
    play_finish(&play, CALL, 1);
    assert_int_equal(play_model(&play), MODEL_WANTED);
    play_ignored(&play, (struct session_event){ .kind = EV_INPUT_ANSWERED, .call = CALL });
}

static void a_sleep_ends_at_its_time(void **state)
{
    struct play play = with_call((struct call_decl){ .type = CALL_SLEEP, .due_ms = 50000 });

    (void)state;
    assert_int_equal(play.commands.n, 0);
    assert_int_equal(session_status(&play.state), STATUS_SLEEPING);
    play_timer(&play);
    assert_int_equal(play.now_ms, 50000);
    play_finish(&play, CALL, 1);
}

static void the_call_that_waits_longest_takes_a_signal(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_SIGNAL, .signal_hash = 1 },
        { .type = CALL_SIGNAL, .signal_hash = 2 },
        { .type = CALL_SIGNAL, .signal_hash = 2, .due_ms = 70000 }
    };
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    play_moves(&play, (struct session_event){ .kind = EV_SIGNAL, .signal.name_hash = 3 });
    assert_int_equal(play_due(&play), EV_KIND_COUNT); /* kept in the journal */
    play_moves(&play, (struct session_event){ .kind = EV_SIGNAL, .signal.name_hash = 2 });
    assert_int_equal(play_call(&play, 3), CALL_ANSWERED);
    assert_int_equal(play_call(&play, 4), CALL_WAITING);
    play_finish(&play, 3, 1);
    play_timer(&play); /* nobody came in time */
    play_finish(&play, 4, 1);
    play_finish(&play, 2, 1); /* a signal that had come before the wait */
    assert_int_equal(play_model(&play), MODEL_WANTED);
}

static void a_child_is_started_awaited_and_paid(void **state)
{
    struct play play =
        with_call((struct call_decl){ .type = CALL_CHILD, .reserved = { 100, 200 } });

    (void)state;
    assert_true(play_has_command(&play, CMD_START_CHILD, CALL, 1));
    assert_int_equal(session_status(&play.state), STATUS_AWAITING_TOOL);
    assert_int_equal(session_committed_spend(&play.state).tokens, 100);
    play_moves(&play, (struct session_event){
                          .kind = EV_CHILD_ENDED, .call = CALL, .child_ended.used = { 30, 40 } });
    assert_int_equal(session_committed_spend(&play.state).tokens, 30);
    assert_int_equal(session_committed_spend(&play.state).nanousd, 40);
    play_finish(&play, CALL, 1);
    play_ignored(&play, (struct session_event){ .kind = EV_CHILD_ENDED, .call = CALL });
}

static void a_child_that_outlives_the_turn_is_paid_when_it_ends(void **state)
{
    struct play play =
        with_call((struct call_decl){ .type = CALL_CHILD, .reserved = { 100, 200 } });

    (void)state;
    play_kind(&play, EV_CANCELLED);
    assert_true(play_has_command(&play, CMD_CANCEL_CHILD, CALL, 1));
    assert_int_equal(session_committed_spend(&play.state).nanousd, 200);
    play_moves(&play, (struct session_event){
                          .kind = EV_CHILD_ENDED, .call = CALL, .child_ended.used = { 30, 40 } });
    assert_int_equal(session_committed_spend(&play.state).nanousd, 40);
    assert_int_equal(session_free_slots(&play.state), SESSION_CALLS_MAX);
}

/* ---- interruptions and poison ---- */

static void interruptions_name_what_was_in_flight(void **state)
{
    static const struct call_decl decls[] = {
        { .type = CALL_TOOL },
        { .type = CALL_TOOL, .is_once = 1 },
        { .type = CALL_TOOL, .approvals_needed = 1 },
        { .type = CALL_QUESTION },
        { .type = CALL_TOOL },
    };
    struct session_interruption at[SESSION_INTERRUPTIONS_MAX];
    struct session_commands open;
    struct play play;

    (void)state;
    play_create(&play, none);
    play_answer_calls(&play, decls, ARRAY_LEN(decls));
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = 3, .attempt = 1 });
    play_fail(&play, 6, 1, play.now_ms + 100);
    assert_int_equal(session_interruptions(&play.state, at), 2);
    assert_int_equal(at[0].kind, EV_INTERRUPTED);
    assert_int_equal(at[0].call, 2);
    assert_int_equal(at[1].kind, EV_TOOL_IN_DOUBT);
    assert_int_equal(at[1].call, 3);
    session_open_commands(&play.state, &open);
    assert_int_equal(open.n, 2);
    assert_int_equal(open.at[0].kind, CMD_RUN_TOOL);
    assert_int_equal(open.at[1].kind, CMD_SEND_TOOL);

    play_create(&play, none);
    play_start_model(&play, (struct spend){ 7, 8 });
    assert_int_equal(session_interruptions(&play.state, at), 1);
    assert_int_equal(at[0].call, 1);
    assert_int_equal(at[0].charged.nanousd, 8);
}

static struct session_event crash(uint32_t call, uint32_t attempt)
{
    return (struct session_event){
        .kind = EV_INTERRUPTED, .call = call, .attempt = attempt, .interrupted.counts = 1
    };
}

static void crashes_in_a_row_are_poison(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 3 });
    play_answer_tools(&play, 1);
    play_moves(&play, crash(CALL, 1));
    play_moves(&play,
               (struct session_event){ .kind = EV_INTERRUPTED,
                                       .call = CALL,
                                       .attempt = 2,
                                       .interrupted = { .by = INTERRUPTED_DRAIN, .counts = 1 } });
    assert_int_equal(play.state.crashes, 1); /* a drain never counts */
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED, .call = CALL, .attempt = 3 });
    assert_int_equal(play.state.crashes, 1); /* one suspect among many */
    play_moves(&play, crash(CALL, 4));
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 5));
    play_moves(&play, crash(CALL, 5));
    assert_int_equal(play.commands.n, 0); /* not once more */
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_POISON);
    assert_int_equal(session_status(&play.state), STATUS_FAILED);
}

/* The process died, and nothing of this session was at work: it is not what kills it. */
static void a_crash_without_it_resets_the_count(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 3 });
    play_answer_tools(&play, 1);
    play_ignored(&play, crash(0, 0)); /* there is nothing to clear it of */
    play_moves(&play, crash(CALL, 1));
    play_moves(&play, crash(CALL, 2));
    play_ignored(&play, (struct session_event){ .kind = EV_INTERRUPTED,
                                                .interrupted = { .by = INTERRUPTED_DRAIN } });
    assert_int_equal(play.state.crashes, 2);
    play_moves(&play, (struct session_event){ .kind = EV_INTERRUPTED });
    assert_int_equal(play.state.crashes, 0);
    assert_int_equal(play_call(&play, CALL), CALL_RUNNING); /* and all else is as it was */
    play_moves(&play, crash(CALL, 3));
    play_moves(&play, crash(CALL, 4));
    assert_true(play_has_command(&play, CMD_RUN_TOOL, CALL, 5));
}

static void a_recorded_answer_resets_the_count(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 2 });
    play_start_model(&play, free_of_charge);
    play_moves(&play, crash(1, 1));
    play_start_model(&play, free_of_charge);
    play_answer_tools(&play, 1);
    assert_int_equal(play.state.crashes, 0);
    play_moves(&play, crash(2, 1));
    play_finish(&play, 2, 2);
    assert_int_equal(play.state.crashes, 0);
}

static void crashes_under_a_sent_once_call_count_and_leave_it_in_doubt(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 1 });
    play_answer_calls(&play, &(struct call_decl){ .is_once = 1 }, 1);
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_SENT, .call = CALL, .attempt = 1 });
    play_moves(&play, (struct session_event){ .kind = EV_TOOL_IN_DOUBT,
                                              .call = CALL,
                                              .attempt = 1,
                                              .tool_in_doubt.counts = 1 });
    assert_true(play_has_command(&play, CMD_ASK, CALL, 1));
    play_end_turn(&play);
    assert_int_equal(play.state.end, END_POISON);
    assert_int_equal(play_call(&play, CALL), CALL_PERSON);
    assert_int_equal(play.commands.n, 1); /* the turn's end; it was asked before */
}

static void a_poisoned_session_does_not_go_on_by_itself(void **state)
{
    struct play play;

    (void)state;
    play_create(&play, (struct session_limits){ .crashes = 1 });
    play_start_model(&play, free_of_charge);
    play_kind(&play, EV_MESSAGE);
    play_moves(&play, crash(1, 1));
    play_end_turn(&play);
    assert_int_equal(play.state.mode, SESSION_IDLE);
    play_kind(&play, EV_RETRIED);
    assert_int_equal(play.state.crashes, 0);
    assert_true(session_wants_model(&play.state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_parallel_answers_asks_the_model_in_any_order),
        cmocka_unit_test(all_slots_can_be_open_and_no_more),
        cmocka_unit_test(an_orphan_keeps_its_slot),
        cmocka_unit_test(an_answer_whose_calls_find_no_slot_asks_again),
        cmocka_unit_test(calls_are_numbered_on_from_the_last_one),
        cmocka_unit_test(a_refused_call_gets_its_error_at_once),
        cmocka_unit_test(a_failed_attempt_is_tried_again_and_counted),
        cmocka_unit_test(an_interruption_is_another_attempt_but_no_failure),
        cmocka_unit_test(the_first_success_of_any_attempt_wins_once),
        cmocka_unit_test(an_executors_claim_ends_with_its_lease),
        cmocka_unit_test(a_once_call_is_held_back_by_a_pause_until_it_has_left),
        cmocka_unit_test(before_it_has_left_a_once_call_is_run_again),
        cmocka_unit_test(a_sent_once_call_without_proof_is_in_doubt),
        cmocka_unit_test(a_doubled_reconciliation_does_not_send_a_second_time),
        cmocka_unit_test(without_a_reconcile_command_a_person_decides),
        cmocka_unit_test(a_lost_reconcile_command_runs_again),
        cmocka_unit_test(an_overdue_once_call_is_in_doubt),
        cmocka_unit_test(an_orphan_is_settled_after_the_end_and_never_sent_again),
        cmocka_unit_test(an_orphan_does_not_hold_up_the_next_turn),
        cmocka_unit_test(a_claimed_once_call_is_looked_into_only_after_its_lease),
        cmocka_unit_test(several_people_approve_and_then_it_runs),
        cmocka_unit_test(a_rejection_closes_the_call),
        cmocka_unit_test(an_approval_while_paused_is_kept_for_later),
        cmocka_unit_test(an_expired_approval_rejects_fails_or_escalates_once),
        cmocka_unit_test(a_question_is_asked_and_answered),
        cmocka_unit_test(a_sleep_ends_at_its_time),
        cmocka_unit_test(the_call_that_waits_longest_takes_a_signal),
        cmocka_unit_test(a_child_is_started_awaited_and_paid),
        cmocka_unit_test(a_child_that_outlives_the_turn_is_paid_when_it_ends),
        cmocka_unit_test(interruptions_name_what_was_in_flight),
        cmocka_unit_test(crashes_in_a_row_are_poison),
        cmocka_unit_test(a_crash_without_it_resets_the_count),
        cmocka_unit_test(a_recorded_answer_resets_the_count),
        cmocka_unit_test(crashes_under_a_sent_once_call_count_and_leave_it_in_doubt),
        cmocka_unit_test(a_poisoned_session_does_not_go_on_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
