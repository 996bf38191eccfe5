/* The stored form of a state: it reads back as it was, and any bytes are safe to try. */
#include "unit/gen.h"
#include "unit/play.h"

#include "core/session_internal.h"

enum { STATES = 400, EVENTS_MAX = 60 };

static enum err_code decode(struct session_state *ret_state, const unsigned char *blob, size_t len)
{
    struct err err = { 0 };
    enum err_code code = session_decode(ret_state, (struct slice){ (const char *)blob, len }, &err);

    assert_int_equal(code, err.code);
    return code;
}

/* A state that random events lead to. */
static void reach(struct random *random, struct session_state *state)
{
    struct session_commands commands;
    int64_t now_ms = PLAY_START_MS;
    unsigned n = 1 + gen_below(random, EVENTS_MAX);

    memset(state, 0, sizeof(*state));
    for (unsigned i = 0; i < n; i++) {
        now_ms += gen_below(random, 100);
        struct session_event event = gen_likely(random, state, now_ms);

        (void)session_step(state, &event, &commands);
    }
}

/* Every member has a value of its own, so that one that is left out or swapped shows. */
static void fill(struct session_state *state)
{
    memset(state, 0, sizeof(*state));
    *state = (struct session_state){ .mode = SESSION_ACTIVE,
                                     .is_paused = 1,
                                     .is_turn_started = 1,
                                     .seq = 400000,
                                     .last_call = 300000,
                                     .turn = 77,
                                     .turn_seq = 399000,
                                     .unread = 31,
                                     .unread_seq = 398000,
                                     .steps = 41,
                                     .crashes = 2,
                                     .limits = { 1000, 3600001, 500002, 600003, 5 },
                                     .spent = { 12345, 67890 },
                                     .wall_used_ms = 7777 };
    state->model = (struct session_model){ .failures = 300,
                                           .number = 299999,
                                           .attempt = 301,
                                           .since_ms = 1700000000000,
                                           .due_ms = 1700000000001,
                                           .missed = 3,
                                           .missed_seq = 397000 };
    state->calls[4] = (struct session_call){ .phase = CALL_DOUBT,
                                             .type = CALL_TOOL,
                                             .is_once = 1,
                                             .has_reconcile = 1,
                                             .on_expiry = EXPIRY_ESCALATE,
                                             .approvals_needed = 9,
                                             .failures = 500,
                                             .number = 299000,
                                             .attempt = 502,
                                             .source = 396000,
                                             .since_ms = 1700000000002,
                                             .due_ms = 1700000000003,
                                             .signal_hash = UINT64_MAX - 5,
                                             .reserved = { 111, 222 } };
    state->calls[31] = state->calls[4];
    state->calls[31].is_orphan = 1;
    state->calls[31].number = 298000;
    state->unsettled[0] = (struct session_unsettled){ 297000, 8, { 333, 444 } };
    state->unsettled[1] = (struct session_unsettled){ 297001, 9, { 555, 666 } };
}

static void check_call(const struct session_call *a, const struct session_call *b)
{
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->is_once, b->is_once);
    assert_int_equal(a->has_reconcile, b->has_reconcile);
    assert_int_equal(a->is_orphan, b->is_orphan);
    assert_int_equal(a->on_expiry, b->on_expiry);
    assert_int_equal(a->approvals_needed, b->approvals_needed);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->since_ms, b->since_ms);
    assert_int_equal(a->due_ms, b->due_ms);
    assert_true(a->signal_hash == b->signal_hash);
    assert_memory_equal(&a->reserved, &b->reserved, sizeof(a->reserved));
}

static void check_model(const struct session_model *a, const struct session_model *b)
{
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->since_ms, b->since_ms);
    assert_int_equal(a->due_ms, b->due_ms);
    assert_memory_equal(&a->reserved, &b->reserved, sizeof(a->reserved));
    assert_int_equal(a->missed, b->missed);
    assert_int_equal(a->missed_seq, b->missed_seq);
}

static void check_head(const struct session_state *a, const struct session_state *b)
{
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->is_paused, b->is_paused);
    assert_int_equal(a->is_turn_started, b->is_turn_started);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->last_call, b->last_call);
    assert_int_equal(a->turn, b->turn);
    assert_int_equal(a->turn_seq, b->turn_seq);
    assert_int_equal(a->unread, b->unread);
    assert_int_equal(a->unread_seq, b->unread_seq);
    assert_int_equal(a->steps, b->steps);
    assert_int_equal(a->crashes, b->crashes);
    assert_int_equal(a->limits.steps, b->limits.steps);
    assert_int_equal(a->limits.wall_ms, b->limits.wall_ms);
    assert_int_equal(a->limits.tokens, b->limits.tokens);
    assert_int_equal(a->limits.nanousd, b->limits.nanousd);
    assert_int_equal(a->limits.crashes, b->limits.crashes);
    assert_memory_equal(&a->spent, &b->spent, sizeof(a->spent));
    assert_int_equal(a->wall_used_ms, b->wall_used_ms);
    assert_int_equal(a->wall_since_ms, b->wall_since_ms);
}

static void check_state(const struct session_state *a, const struct session_state *b)
{
    check_head(a, b);
    check_model(&a->model, &b->model);
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        check_call(&a->calls[i], &b->calls[i]);
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++) {
        assert_int_equal(a->unsettled[i].call, b->unsettled[i].call);
        assert_int_equal(a->unsettled[i].attempt, b->unsettled[i].attempt);
        assert_memory_equal(&a->unsettled[i].charged, &b->unsettled[i].charged,
                            sizeof(a->unsettled[i].charged));
    }
}

static void check_round_trip(const struct session_state *state)
{
    unsigned char blob[SESSION_BLOB_MAX];
    struct session_state back;

    memset(&back, 0x5a, sizeof(back));
    assert_true(session_is_valid(state));
    assert_int_equal(decode(&back, blob, session_encode(state, blob)), ERR_NONE);
    check_state(state, &back);
}

static void every_member_reads_back(void **unused)
{
    struct session_state state;
    struct play play;

    (void)unused;
    memset(&state, 0, sizeof(state));
    check_round_trip(&state); /* before `created` */
    fill(&state);
    check_round_trip(&state);
    play_create(&play, (struct session_limits){ .wall_ms = 5000 });
    play_start_model(&play, (struct spend){ 888, 999 });
    assert_int_not_equal(play.state.wall_since_ms, 0);
    check_round_trip(&play.state);
    play_kind(&play, EV_CANCELLED);
    check_round_trip(&play.state);
}

static void what_random_events_lead_to_reads_back(void **unused)
{
    struct random random;
    struct session_state state;

    (void)unused;
    random_seed(&random, 21);
    for (unsigned i = 0; i < STATES; i++) {
        reach(&random, &state);
        check_round_trip(&state);
    }
}

/* Applies one contradiction to a valid state; 0 if there is no such number. */
static int contradict_head(struct session_state *state, unsigned which)
{
    switch (which) {
    case 0: state->mode = SESSION_MODE_COUNT; return 1;
    case 1: state->mode = SESSION_NEW; return 1;
    case 2: state->mode = SESSION_IDLE; return 1; /* without a cause, and with open calls */
    case 3: state->end = END_POISON; return 1;
    case 4: state->end = END_CAUSE_COUNT; return 1;
    case 5: state->is_paused = 2; return 1;
    case 6: state->is_turn_started = 2; return 1;
    case 7: state->seq = SESSION_EVENTS_MAX + 1; return 1;
    case 8: state->last_call = UINT32_MAX; return 1;
    case 9: state->steps = UINT32_MAX; return 1;
    case 10: state->turn = state->seq + 1; return 1;
    case 11: state->turn_seq = state->seq + 1; return 1;
    case 12: state->unread = 0; return 1;
    case 13: state->unread_seq = 0; return 1;
    case 14: state->unread = state->seq; return 1; /* and those missed */
    case 15: state->unread_seq = state->seq + 1; return 1;
    case 16: state->crashes = state->seq + 1; return 1;
    case 17: state->limits.wall_ms = EVENT_TIME_MAX + 1; return 1;
    case 18: state->limits.tokens = -1; return 1;
    case 19: state->limits.nanousd = SPEND_MAX + 1; return 1;
    case 20: state->spent.tokens = -1; return 1;
    case 21: state->spent.nanousd = SPEND_MAX + 1; return 1;
    case 22: state->wall_used_ms = -1; return 1;
    case 23: state->wall_since_ms = -1; return 1;
    case 24: state->wall_since_ms = 5; return 1; /* while paused */
    case 25: state->unsettled[0].call = 0; return 1;
    case 26: state->unsettled[0].call = state->last_call + 1; return 1;
    case 27: state->unsettled[0].charged.tokens = -1; return 1;
    default: return 0;
    }
}

static int contradict_model(struct session_state *state, unsigned which)
{
    struct session_model *model = &state->model;

    switch (which) {
    case 0: model->phase = MODEL_PHASE_COUNT; return 1;
    case 1: model->phase = MODEL_WANTED; return 1; /* beside open calls */
    case 2: model->number = state->last_call + 1; return 1;
    case 3: model->number = state->calls[4].number; return 1;
    case 4: model->attempt = state->seq + 1; return 1;
    case 5: model->since_ms = -1; return 1;
    case 6: model->due_ms = EVENT_TIME_MAX + 1; return 1;
    case 7: model->reserved.tokens = 1; return 1; /* it does not run */
    case 8: model->missed = 0; return 1;
    case 9: model->missed_seq = state->seq + 1; return 1;
    default: return 0;
    }
}

static int contradict_call(struct session_state *state, unsigned which)
{
    struct session_call *call = &state->calls[4];

    switch (which) {
    case 0: call->phase = CALL_PHASE_COUNT; return 1;
    case 1: call->phase = CALL_WAITING; return 1; /* a tool */
    case 2: call->phase = CALL_ANSWERED; return 1;
    case 3: call->phase = CALL_RUNNING; return 1; /* once, and paused */
    case 4: call->type = CALL_CHILD; return 1;
    case 5: call->type = CALL_TYPE_COUNT; return 1;
    case 6: call->is_once = 0; return 1;
    case 7: call->is_once = 2; return 1;
    case 8: call->has_reconcile = 2; return 1;
    case 9: call->is_orphan = 2; return 1;
    case 10: call->on_expiry = EXPIRY_ACTION_COUNT; return 1;
    case 11: call->number = 0; return 1;
    case 12: call->number = state->last_call + 1; return 1;
    case 13: call->number = state->calls[31].number; return 1;
    case 14: call->attempt = 0; return 1;
    case 15: call->attempt = state->seq + 1; return 1;
    case 16: call->source = 0; return 1;
    case 17: call->source = state->seq + 1; return 1;
    case 18: call->since_ms = -1; return 1;
    case 19: call->due_ms = 0; return 1; /* in doubt without end */
    case 20: call->due_ms = EVENT_TIME_MAX + 1; return 1;
    case 21: call->reserved.nanousd = -1; return 1;
    case 22: call->is_orphan = 1; return 1;                /* then nothing of this turn is open */
    case 23: state->calls[31].phase = CALL_SENT; return 1; /* an orphan */
    default: return 0;
    }
}

static void check_contradictions(int (*contradict)(struct session_state *state, unsigned which))
{
    struct session_state state;

    fill(&state);
    for (unsigned which = 0; contradict(&state, which); which++) {
        if (session_is_valid(&state))
            fail_msg("contradiction %u is taken for valid", which);
        fill(&state);
        assert_true(session_is_valid(&state));
    }
}

static void a_contradiction_is_not_valid(void **unused)
{
    (void)unused;
    check_contradictions(contradict_head);
    check_contradictions(contradict_model);
    check_contradictions(contradict_call);
}

/* What is read is valid, and is stored as the very bytes that it was read from. */
static void check_any_bytes(const unsigned char *bytes, size_t len)
{
    unsigned char again[SESSION_BLOB_MAX];
    struct session_state state;

    memset(&state, 0x5a, sizeof(state));
    struct session_state untouched = state;
    if (decode(&state, bytes, len)) {
        assert_memory_equal(&state, &untouched, sizeof(state));
        return;
    }
    assert_true(session_is_valid(&state));
    assert_int_equal(session_encode(&state, again), len);
    assert_memory_equal(again, bytes, len);
}

static void no_part_of_a_blob_is_a_state(void **unused)
{
    struct random random;

    (void)unused;
    random_seed(&random, 22);
    for (unsigned i = 0; i < STATES / 4; i++) {
        unsigned char blob[SESSION_BLOB_MAX];
        struct session_state state;

        reach(&random, &state);
        size_t len = session_encode(&state, blob);
        for (size_t cut = 0; cut < len; cut++) {
            /* In memory of its own size, so that reading past it shows under ASan. */
            unsigned char *part = xcalloc(1, cut + 1);

            memcpy(part, blob, cut);
            assert_int_equal(decode(&state, part, cut), ERR_CORRUPT);
            free(part);
        }
        blob[len] = 0;
        assert_int_equal(decode(&state, blob, len + 1), ERR_CORRUPT);
    }
}

static void flipped_bits_give_an_error_or_a_valid_state(void **unused)
{
    struct random random;

    (void)unused;
    random_seed(&random, 23);
    for (unsigned i = 0; i < STATES / 4; i++) {
        unsigned char blob[SESSION_BLOB_MAX];
        struct session_state state;

        reach(&random, &state);
        size_t len = session_encode(&state, blob);
        for (size_t bit = 0; bit < len * 8; bit++) {
            blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
            check_any_bytes(blob, len);
            blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

static void noise_is_no_state(void **unused)
{
    struct random random;
    unsigned char noise[256];

    (void)unused;
    random_seed(&random, 24);
    for (unsigned i = 0; i < 20000; i++) {
        for (size_t at = 0; at < sizeof(noise); at++)
            noise[at] = (unsigned char)gen_below(&random, 4u << gen_below(&random, 7));
        noise[0] = 1; /* the version */
        check_any_bytes(noise, gen_below(&random, sizeof(noise)));
    }
}

/* A damaged state that passes for a valid one must not end the process either. */
static void any_sane_event_is_safe_on_any_valid_state(void **unused)
{
    struct random random;
    unsigned taken = 0;

    (void)unused;
    random_seed(&random, 25);
    for (unsigned i = 0; i < STATES * 20; i++) {
        unsigned char blob[SESSION_BLOB_MAX];
        struct session_state state;
        struct session_commands commands;

        reach(&random, &state);
        size_t len = session_encode(&state, blob);
        for (unsigned k = gen_below(&random, 3); k < 3; k++) {
            unsigned bit = gen_below(&random, (unsigned)len * 8);

            blob[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        if (decode(&state, blob, len))
            continue;
        taken++;
        for (unsigned k = 0; k < EVENTS_MAX; k++) {
            struct session_event event = gen_likely(&random, &state, PLAY_START_MS + 100 * k);

            if (session_step(&state, &event, &commands) == VERDICT_MOVED)
                assert_true(session_is_valid(&state));
        }
    }
    assert_in_range(taken, STATES, STATES * 20);
}

static void another_version_is_named(void **unused)
{
    struct session_state state;
    struct err err = { 0 };

    (void)unused;
    assert_int_equal(session_decode(&state, SLICE_LIT("\x02"), &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "version 2"));
    assert_int_equal(session_decode(&state, (struct slice){ 0 }, &err), ERR_CORRUPT);
    /* 1 in two bytes: a state has one stored form */
    assert_int_equal(session_decode(&state, SLICE_LIT("\x81\x00"), &err), ERR_CORRUPT);
}

static void the_largest_state_fits(void **unused)
{
    unsigned char blob[SESSION_BLOB_MAX];
    const struct spend most = { SPEND_MAX, SPEND_MAX };
    struct session_state state;

    (void)unused;
    memset(&state, 0, sizeof(state));
    state.mode = SESSION_ACTIVE;
    state.is_paused = 1;
    state.seq = SESSION_EVENTS_MAX;
    state.last_call = state.steps = (uint32_t)SESSION_EVENTS_MAX * (SESSION_CALLS_MAX + 1);
    state.turn = state.turn_seq = state.crashes = state.seq;
    state.unread_seq = state.model.missed_seq = state.seq;
    state.unread = state.model.missed = state.seq / 2;
    state.limits =
        (struct session_limits){ UINT32_MAX, EVENT_TIME_MAX, SPEND_MAX, SPEND_MAX, UINT32_MAX };
    state.spent = most;
    state.wall_used_ms = SPEND_MAX;
    state.model.failures = UINT16_MAX;
    state.model.attempt = state.seq;
    state.model.since_ms = state.model.due_ms = EVENT_TIME_MAX;
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        state.calls[i] = (struct session_call){ .phase = CALL_APPROVAL,
                                                .type = CALL_CHILD,
                                                .is_once = 1,
                                                .has_reconcile = 1,
                                                .on_expiry = EXPIRY_ESCALATE,
                                                .approvals_needed = UINT8_MAX,
                                                .failures = UINT16_MAX,
                                                .number = state.last_call - i,
                                                .attempt = state.seq,
                                                .source = state.seq,
                                                .since_ms = EVENT_TIME_MAX,
                                                .due_ms = EVENT_TIME_MAX,
                                                .signal_hash = UINT64_MAX,
                                                .reserved = most };
    for (unsigned i = 0; i < SESSION_UNSETTLED_MAX; i++)
        state.unsettled[i] = (struct session_unsettled){ state.last_call, state.seq, most };
    check_round_trip(&state);
    assert_true(session_encode(&state, blob) < SESSION_BLOB_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_reads_back),
        cmocka_unit_test(what_random_events_lead_to_reads_back),
        cmocka_unit_test(a_contradiction_is_not_valid),
        cmocka_unit_test(no_part_of_a_blob_is_a_state),
        cmocka_unit_test(flipped_bits_give_an_error_or_a_valid_state),
        cmocka_unit_test(noise_is_no_state),
        cmocka_unit_test(any_sane_event_is_safe_on_any_valid_state),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(the_largest_state_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
