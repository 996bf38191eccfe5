/*
 * Both tables of legal moves, cell by cell: what an event does to a session in each mode, and to a
 * call in each phase. What stands here is written from session.h, not from the tables.
 */
#include "unit/play.h"

static const struct session_limits none;
static const struct spend free_of_charge;

/* ---- the session ---- */

static struct play in_mode(enum session_mode mode)
{
    struct play play = { .now_ms = PLAY_START_MS };

    if (mode == SESSION_NEW)
        return play;
    play_create(&play, none);
    if (mode == SESSION_CANCELLED)
        play_kind(&play, EV_CANCELLED);
    if (mode != SESSION_ENDING && mode != SESSION_IDLE)
        return play;
    play_start_model(&play, free_of_charge);
    play_moves(&play, (struct session_event){ .kind = EV_MODEL_FAILED, .call = 1, .attempt = 1 });
    if (mode == SESSION_IDLE)
        play_end_turn(&play);
    return play;
}

/*
 * The verdict on a bare event of each kind in NEW, ACTIVE (the model is wanted), ENDING, IDLE and
 * CANCELLED: Moved, Ignored or Rejected. There is no call yet, so answers are late.
 */
static const struct {
    enum event_kind kind;
    const char *verdicts;
} modes[] = {
    { EV_CREATED, "MRRRR" },          { EV_MESSAGE, "RMRMR" },
    { EV_MODEL_STARTED, "RRRRR" },    { EV_MODEL_ANSWERED, "IIRII" },
    { EV_MODEL_FAILED, "IIRII" },     { EV_MODEL_USAGE, "RIRII" },
    { EV_TOOL_SENT, "RIRRR" },        { EV_TOOL_FINISHED, "IIRII" },
    { EV_TOOL_FAILED, "IIRII" },      { EV_TOOL_IN_DOUBT, "IIRII" },
    { EV_TOOL_RECONCILED, "RIRII" },  { EV_APPROVAL_DECIDED, "RIRRR" },
    { EV_APPROVAL_EXPIRED, "RIRRR" }, { EV_INPUT_ANSWERED, "RIRRR" },
    { EV_TIMER_FIRED, "IIRII" },      { EV_SIGNAL, "RMRMR" },
    { EV_CHILD_ENDED, "IIRII" },      { EV_INTERRUPTED, "RIRII" },
    { EV_TURN_ENDED, "RRMRR" },       { EV_BUDGET_CHANGED, "RMRMR" },
    { EV_CONTEXT_CHANGED, "RMRMR" },  { EV_PAUSED, "RMRMR" },
    { EV_RESUMED, "RIRIR" },          { EV_CANCELLED, "RMRRR" },
    { EV_RETRIED, "RRRMR" },          { EV_FORKED, "RMMMM" },
};

static void every_kind_in_every_mode(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(modes), EV_KIND_COUNT);
    for (unsigned kind = 0; kind < EV_KIND_COUNT; kind++) {
        assert_int_equal(modes[kind].kind, kind);
        for (unsigned mode = 0; mode < SESSION_MODE_COUNT; mode++) {
            struct play play = in_mode((enum session_mode)mode);
            struct session_event event = { .kind = (enum event_kind)kind };

            assert_int_equal(play.state.mode, mode);
            if (kind == EV_TURN_ENDED)
                event.turn_ended.cause = END_MODEL; /* what is due */
            char verdict = "MIR"[play_try(&play, &event)];
            if (verdict != modes[kind].verdicts[mode])
                fail_msg("%s in mode %s: %c, expected %c", event_kind_name(event.kind),
                         session_mode_name((enum session_mode)mode), verdict,
                         modes[kind].verdicts[mode]);
        }
    }
}

/* ---- one call ---- */

enum { CALL = 2 };

static void open_tool(struct play *play, int is_once)
{
    struct call_decl decl = { .is_once = (uint8_t)is_once, .has_reconcile = 1 };

    play_answer_calls(play, &decl, 1);
}

static void fail_once(struct play *play)
{
    play_fail(play, CALL, 1, play->now_ms + 20);
}

/* A call that runs for the second time. */
static void run_again(struct play *play, int is_once)
{
    open_tool(play, is_once);
    fail_once(play);
    play_timer(play);
}

static void send(struct play *play, int64_t deadline_ms)
{
    play_moves(play, (struct session_event){ .kind = EV_TOOL_SENT,
                                             .call = CALL,
                                             .attempt = 2,
                                             .tool_sent.deadline_ms = deadline_ms });
}

static void doubt(struct play *play, int64_t reconcile_at_ms)
{
    play_moves(play, (struct session_event){ .kind = EV_TOOL_IN_DOUBT,
                                             .call = CALL,
                                             .attempt = 2,
                                             .tool_in_doubt.reconcile_at_ms = reconcile_at_ms });
}

static void open_waiting(struct play *play, enum call_type type)
{
    struct call_decl decl = { .type = type, .signal_hash = 5 };

    if (type == CALL_SLEEP)
        decl.due_ms = play->now_ms + 1000;
    play_answer_calls(play, &decl, 1);
}

static void to_approval(struct play *play)
{
    struct call_decl decl = { .approvals_needed = 1, .due_ms = play->now_ms + 1000 };

    play_answer_calls(play, &decl, 1);
}

/* Before it was sent. */
static void to_early_phase(struct play *play, enum call_phase phase, int is_once)
{
    struct call_decl refused = { .is_refused = 1, .is_once = (uint8_t)is_once };

    if (phase == CALL_REFUSED) {
        play_answer_calls(play, &refused, 1);
    } else if (phase == CALL_HELD) {
        open_tool(play, is_once);
        fail_once(play);
        play_kind(play, EV_PAUSED);
        play_timer(play);
    } else if (phase == CALL_BACKOFF) {
        open_tool(play, is_once);
        fail_once(play);
    } else {
        to_approval(play);
        if (phase == CALL_EXPIRED)
            play_timer(play);
    }
}

/* A session whose call 2 is in that phase, in its second attempt where it has begun. */
static struct play in_phase(enum call_phase phase, int is_once, enum call_type type)
{
    struct play play;

    play_create(&play, none);
    switch (phase) {
    case CALL_REFUSED:
    case CALL_APPROVAL:
    case CALL_EXPIRED:
    case CALL_HELD:
    case CALL_BACKOFF: to_early_phase(&play, phase, is_once); break;
    case CALL_RUNNING: run_again(&play, is_once); break;
    case CALL_SENT:
    case CALL_OVERDUE:
        run_again(&play, is_once);
        send(&play, play.now_ms + 500);
        if (phase == CALL_OVERDUE)
            play_timer(&play);
        break;
    case CALL_DOUBT:
    case CALL_RECONCILE:
    case CALL_PERSON:
        run_again(&play, 1);
        send(&play, 0);
        doubt(&play, phase == CALL_PERSON ? 0 : play.now_ms + 100);
        if (phase == CALL_RECONCILE)
            play_timer(&play);
        break;
    case CALL_WAITING: open_waiting(&play, type); break;
    case CALL_ANSWERED:
        open_waiting(&play, CALL_SLEEP);
        play_timer(&play);
        break;
    case CALL_FREE:
    case CALL_PHASE_COUNT: break;
    }
    assert_int_equal(play_call(&play, CALL), phase);
    return play;
}

/* Every phase, with each kind of call that tells it apart. */
static const struct subject {
    enum call_phase phase;
    int is_once;
    enum call_type type;
} subjects[] = {
    { CALL_REFUSED, 0, CALL_TOOL },  { CALL_REFUSED, 1, CALL_TOOL },
    { CALL_APPROVAL, 0, CALL_TOOL }, { CALL_EXPIRED, 0, CALL_TOOL },
    { CALL_HELD, 0, CALL_TOOL },     { CALL_HELD, 1, CALL_TOOL },
    { CALL_RUNNING, 0, CALL_TOOL },  { CALL_RUNNING, 1, CALL_TOOL },
    { CALL_SENT, 0, CALL_TOOL },     { CALL_SENT, 1, CALL_TOOL },
    { CALL_OVERDUE, 0, CALL_TOOL },  { CALL_OVERDUE, 1, CALL_TOOL },
    { CALL_BACKOFF, 0, CALL_TOOL },  { CALL_BACKOFF, 1, CALL_TOOL },
    { CALL_DOUBT, 1, CALL_TOOL },    { CALL_RECONCILE, 1, CALL_TOOL },
    { CALL_PERSON, 1, CALL_TOOL },   { CALL_WAITING, 0, CALL_QUESTION },
    { CALL_WAITING, 0, CALL_SLEEP }, { CALL_WAITING, 0, CALL_SIGNAL },
    { CALL_WAITING, 0, CALL_CHILD }, { CALL_ANSWERED, 0, CALL_SLEEP },
};

/* Every legal move of the present attempt, of repeatable (0) and `once` (1) calls; all else is
 * REJECTED. CALL_FREE: it is closed. CMD_KIND_COUNT: no command. */
static const struct move {
    struct subject from;
    enum event_kind kind;
    enum call_phase next;
    enum command_kind command;
} moves[] = {
    { { CALL_REFUSED, 0, CALL_TOOL }, EV_TOOL_FAILED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_REFUSED, 1, CALL_TOOL }, EV_TOOL_FAILED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_APPROVAL, 0, CALL_TOOL }, EV_APPROVAL_DECIDED, CALL_RUNNING, CMD_RUN_TOOL },
    { { CALL_EXPIRED, 0, CALL_TOOL }, EV_APPROVAL_EXPIRED, CALL_FREE, CMD_WITHDRAW },
    { { CALL_RUNNING, 0, CALL_TOOL }, EV_TOOL_SENT, CALL_SENT, CMD_SEND_TOOL },
    { { CALL_RUNNING, 0, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_RUNNING, 0, CALL_TOOL }, EV_TOOL_FAILED, CALL_BACKOFF, CMD_KIND_COUNT },
    { { CALL_RUNNING, 0, CALL_TOOL }, EV_INTERRUPTED, CALL_RUNNING, CMD_RUN_TOOL },
    { { CALL_RUNNING, 1, CALL_TOOL }, EV_TOOL_SENT, CALL_SENT, CMD_SEND_TOOL },
    { { CALL_RUNNING, 1, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_RUNNING, 1, CALL_TOOL }, EV_TOOL_FAILED, CALL_BACKOFF, CMD_KIND_COUNT },
    { { CALL_RUNNING, 1, CALL_TOOL }, EV_INTERRUPTED, CALL_RUNNING, CMD_RUN_TOOL },
    { { CALL_SENT, 0, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_SENT, 0, CALL_TOOL }, EV_TOOL_FAILED, CALL_BACKOFF, CMD_KIND_COUNT },
    { { CALL_SENT, 0, CALL_TOOL }, EV_INTERRUPTED, CALL_RUNNING, CMD_RUN_TOOL },
    { { CALL_SENT, 1, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_SENT, 1, CALL_TOOL }, EV_TOOL_FAILED, CALL_BACKOFF, CMD_KIND_COUNT },
    { { CALL_SENT, 1, CALL_TOOL }, EV_TOOL_IN_DOUBT, CALL_DOUBT, CMD_KIND_COUNT },
    { { CALL_OVERDUE, 0, CALL_TOOL }, EV_TOOL_FAILED, CALL_BACKOFF, CMD_KIND_COUNT },
    { { CALL_OVERDUE, 1, CALL_TOOL }, EV_TOOL_IN_DOUBT, CALL_DOUBT, CMD_KIND_COUNT },
    { { CALL_DOUBT, 1, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_DOUBT, 1, CALL_TOOL }, EV_TOOL_RECONCILED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_RECONCILE, 1, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_STOP_TOOL },
    { { CALL_RECONCILE, 1, CALL_TOOL }, EV_TOOL_RECONCILED, CALL_FREE, CMD_STOP_TOOL },
    { { CALL_RECONCILE, 1, CALL_TOOL }, EV_INTERRUPTED, CALL_DOUBT, CMD_KIND_COUNT },
    { { CALL_PERSON, 1, CALL_TOOL }, EV_TOOL_FINISHED, CALL_FREE, CMD_WITHDRAW },
    { { CALL_PERSON, 1, CALL_TOOL }, EV_TOOL_RECONCILED, CALL_FREE, CMD_WITHDRAW },
    { { CALL_WAITING, 0, CALL_QUESTION }, EV_INPUT_ANSWERED, CALL_ANSWERED, CMD_KIND_COUNT },
    { { CALL_WAITING, 0, CALL_SIGNAL }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
    { { CALL_WAITING, 0, CALL_CHILD }, EV_CHILD_ENDED, CALL_ANSWERED, CMD_KIND_COUNT },
    { { CALL_ANSWERED, 0, CALL_SLEEP }, EV_TOOL_FINISHED, CALL_FREE, CMD_KIND_COUNT },
};

/* The kinds that are about one call. A timer is, too; it has tests of its own. */
static const enum event_kind about_a_call[] = {
    EV_TOOL_SENT,       EV_TOOL_FINISHED,    EV_TOOL_FAILED,      EV_TOOL_IN_DOUBT,
    EV_TOOL_RECONCILED, EV_APPROVAL_DECIDED, EV_APPROVAL_EXPIRED, EV_INPUT_ANSWERED,
    EV_CHILD_ENDED,     EV_INTERRUPTED,
};

static struct session_event about(const struct play *play, enum event_kind kind, uint32_t attempt)
{
    struct session_event event = { .kind = kind, .call = CALL, .attempt = attempt };

    if (kind == EV_TOOL_FAILED && play_call(play, CALL) != CALL_REFUSED)
        event.tool_failed.retry_at_ms = play->now_ms + 50;
    if (kind == EV_TOOL_IN_DOUBT)
        event.tool_in_doubt.reconcile_at_ms = play->now_ms + 50;
    return event; /* approved; happened; rejected on expiry */
}

static const struct move *move_of(const struct subject *from, enum event_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].from.phase == from->phase && moves[i].from.is_once == from->is_once &&
            moves[i].from.type == from->type && moves[i].kind == kind)
            return &moves[i];
    }
    return NULL;
}

static void check_move(struct play play, const struct move *move)
{
    uint32_t attempt = session_call(&play.state, CALL)->attempt;

    play_moves(&play, about(&play, move->kind, attempt));
    assert_int_equal(play_call(&play, CALL), move->next);
    if (move->command == CMD_KIND_COUNT) {
        assert_int_equal(play.commands.n, 0);
        return;
    }
    assert_int_equal(play.commands.n, 1);
    assert_true(play_has_command(&play, move->command, CALL,
                                 move->kind == EV_INTERRUPTED ? attempt + 1 : attempt));
}

/* People decide about a call, not about an attempt. */
static int is_of_an_attempt(enum event_kind kind)
{
    return kind != EV_APPROVAL_DECIDED && kind != EV_APPROVAL_EXPIRED &&
           kind != EV_INPUT_ANSWERED && kind != EV_CHILD_ENDED;
}

static void check_cell(const struct subject *from, enum event_kind kind)
{
    struct play play = in_phase(from->phase, from->is_once, from->type);
    uint32_t attempt = session_call(&play.state, CALL)->attempt;
    const struct move *move = move_of(from, kind);

    if (is_of_an_attempt(kind))
        play_rejected(&play, about(&play, kind, attempt + 1));
    if (move)
        check_move(play, move);
    else
        play_rejected(&play, about(&play, kind, attempt));
}

static void every_kind_in_every_phase(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        for (size_t k = 0; k < ARRAY_LEN(about_a_call); k++)
            check_cell(&subjects[i], about_a_call[k]);
    }
}

/* What an attempt that was given up says: its success wins, all else is late. */
static void an_earlier_attempt_in_every_phase(void **state)
{
    static const struct {
        enum call_phase phase;
        enum command_kind stops;
    } rows[] = {
        { CALL_HELD, CMD_KIND_COUNT },  { CALL_RUNNING, CMD_STOP_TOOL },
        { CALL_SENT, CMD_STOP_TOOL },   { CALL_BACKOFF, CMD_KIND_COUNT },
        { CALL_DOUBT, CMD_KIND_COUNT }, { CALL_RECONCILE, CMD_STOP_TOOL },
        { CALL_PERSON, CMD_WITHDRAW },
    };
    static const enum event_kind late[] = { EV_TOOL_SENT, EV_TOOL_FAILED, EV_TOOL_IN_DOUBT,
                                            EV_INTERRUPTED };

    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        struct play play = in_phase(rows[row].phase, 1, CALL_TOOL);

        for (size_t k = 0; k < ARRAY_LEN(late); k++) {
            struct session_event event = about(&play, late[k], 1);
            enum verdict verdict = play_try(&play, &event);

            if (late[k] == EV_TOOL_SENT) /* it must not leave: either word says so */
                assert_int_not_equal(verdict, VERDICT_MOVED);
            else
                assert_int_equal(verdict, VERDICT_IGNORED);
        }
        play_rejected(&play, about(&play, EV_TOOL_FINISHED, 0));
        play_finish(&play, CALL, 1);
        assert_int_equal(play_call(&play, CALL), CALL_FREE);
        assert_int_equal(play.commands.n, rows[row].stops == CMD_KIND_COUNT ? 0 : 1);
        if (play.commands.n > 0)
            assert_true(play_has_command(&play, rows[row].stops, CALL, 2));
        assert_int_equal(play_model(&play), MODEL_WANTED);
    }
}

/* A timer ends the phase that it belongs to, at its due time and not before, and no other. */
static void every_timer_in_every_phase(void **state)
{
    static const struct {
        enum call_phase phase;
        enum call_type type;
        enum timer_kind which; /* TIMER_KIND_COUNT: none */
        enum call_phase next;
    } rows[] = {
        { CALL_APPROVAL, CALL_TOOL, TIMER_EXPIRY, CALL_EXPIRED },
        { CALL_HELD, CALL_TOOL, TIMER_KIND_COUNT, CALL_HELD },
        { CALL_RUNNING, CALL_TOOL, TIMER_KIND_COUNT, CALL_RUNNING },
        { CALL_SENT, CALL_TOOL, TIMER_DEADLINE, CALL_OVERDUE },
        { CALL_BACKOFF, CALL_TOOL, TIMER_RETRY, CALL_RUNNING },
        { CALL_DOUBT, CALL_TOOL, TIMER_RECONCILE, CALL_RECONCILE },
        { CALL_RECONCILE, CALL_TOOL, TIMER_KIND_COUNT, CALL_RECONCILE },
        { CALL_PERSON, CALL_TOOL, TIMER_KIND_COUNT, CALL_PERSON },
        { CALL_WAITING, CALL_SLEEP, TIMER_SLEEP, CALL_ANSWERED },
        { CALL_WAITING, CALL_QUESTION, TIMER_KIND_COUNT, CALL_WAITING },
        { CALL_WAITING, CALL_CHILD, TIMER_KIND_COUNT, CALL_WAITING },
    };

    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        for (unsigned which = 0; which < TIMER_KIND_COUNT; which++) {
            struct play play = in_phase(rows[row].phase, 1, rows[row].type);
            struct session_event event = { .kind = EV_TIMER_FIRED,
                                           .call = CALL,
                                           .timer_fired.which = (enum timer_kind)which };
            int64_t due_ms = session_wake_at_ms(&play.state);

            assert_int_equal(due_ms != 0, rows[row].which != TIMER_KIND_COUNT);
            event.at_ms = due_ms != 0 ? due_ms - 1 : play.now_ms + 1000000;
            play_ignored(&play, event);
            if (which != rows[row].which)
                continue;
            event.at_ms = due_ms;
            play_moves(&play, event);
            assert_int_equal(play_call(&play, CALL), rows[row].next);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_in_every_mode),
        cmocka_unit_test(every_kind_in_every_phase),
        cmocka_unit_test(an_earlier_attempt_in_every_phase),
        cmocka_unit_test(every_timer_in_every_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
