/*
 * test_engine.c - the simplest stories of the engine. What happens when all goes wrong is
 * tests/sim/, and when the store does test_engine_store.c.
 */
#include "unit/engine_fixture.h"

/* ---- what is in the store ---- */

struct kinds {
    char text[TEXT_MAX]; /* "created model_started ..." */
    int is_read;
};

static void on_events(struct store_op *op, void *arg)
{
    struct kinds *kinds = arg;
    size_t len = 0;

    assert_int_equal(op->err.code, ERR_NONE);
    for (size_t i = 0; i < op->events.events_n; i++)
        len += (size_t)snprintf(kinds->text + len, sizeof(kinds->text) - len, "%s%s", i ? " " : "",
                                event_kind_name(op->events.events[i].kind));
    kinds->is_read = 1;
}

static void assert_journal(struct world *w, const char *expected)
{
    struct kinds kinds = { 0 };
    struct store_op op = {
        .kind = STORE_EVENTS,
        .events = { .session = 1, .limit = STORE_PAGE_MAX, .what = STORE_EVENTS_BODIES },
        .done = on_events,
        .arg = &kinds
    };

    store_submit(w->store, &op);
    turn(w, &kinds.is_read);
    assert_string_equal(kinds.text, expected);
}

/* ---- the stories ---- */

static void two_parallel_tool_calls_and_then_the_answer(void **state)
{
    static const struct said said[] = { { .tools = { "add", "add" } }, { .text = "84" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 2);
    assert_int_equal(w->runs_most, 2);
    assert_journal(w, "created model_started model_answered tool_finished tool_finished "
                      "model_started model_answered turn_ended");
    assert_non_null(strstr(w->asked[1], "{\"role\":\"user\",\"content\":\"add it up\"},"
                                        "{\"role\":\"assistant\",\"calls\":2},"
                                        "{\"role\":\"tool\","));
    assert_int_equal(engine_stats(w->engine).sessions_live, 0);
    assert_int_equal(engine_stats(w->engine).model_calls, 0);
}

static void arguments_that_do_not_fit_go_back_to_the_model(void **state)
{
    static const struct said said[] = {
        { .tools = { "add", "add" }, .arguments = "{\"amount\":250}" },
        { .tools = { "add" }, .arguments = "[250]" },
        { .tools = { "add" }, .arguments = "{\"amount\":25}" },
        { .text = "done" },
    };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 1);
    assert_journal(w, "created model_started model_answered tool_failed tool_failed "
                      "model_started model_answered tool_failed "
                      "model_started model_answered tool_finished "
                      "model_started model_answered turn_ended");
    assert_non_null(strstr(w->asked[1], "The arguments do not fit: /amount: must be at most 100, "
                                        "is 250. Send them again."));
    assert_non_null(strstr(w->asked[2], "The arguments are not a JSON object: they are a JSON "
                                        "array, not an object. Send them again."));
}

/* Stored by a version that took schemas which this one does not. */
static void a_tool_whose_schema_is_none_never_runs(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "without it, then" } };
    struct world *w = *state;

    w->config_tool.parameters = "{\"type\":\"object\",\"unevaluatedProperties\":false}";
    make_revision(w);
    engine_free(w->engine);
    engine_begin(w);
    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 0);
    assert_non_null(strstr(w->asked[1], "its parameters are no JSON Schema: /unevaluatedProperties "
                                        "is a keyword that is not supported"));
}

static void errors_are_tried_again_and_then_said(void **state)
{
    static const struct said said[] = { { .error = MODEL_OVERLOADED },
                                        { .error = MODEL_UNAUTHORIZED } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_FAILED);
    assert_string_equal(w->ended_code, "model_unauthorized");
    assert_journal(w, "created model_started model_failed timer_fired model_started model_failed "
                      "turn_ended");
}

static void retries_end(void **state)
{
    static const struct said said[] = { { .error = MODEL_OVERLOADED } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->asked_n, 3);
    assert_string_equal(w->ended_code, "model_overloaded");
}

static void an_unknown_agent_is_refused(void **state)
{
    struct world *w = *state;

    ask(w, (struct engine_request){ .kind = ENGINE_CREATE, .agent = SLICE_LIT("nobody") });
    assert_int_equal(w->request.err.code, ERR_NOT_FOUND);
    assert_string_equal(w->request.code, "unknown_agent");
}

static void an_unknown_session_is_refused(void **state)
{
    struct world *w = *state;

    ask(w, (struct engine_request){ .kind = ENGINE_MESSAGE, .session = SLICE_LIT("ses_none") });
    assert_int_equal(w->request.err.code, ERR_NOT_FOUND);
    assert_string_equal(w->request.code, "session_not_found");
}

static void a_key_seen_before_gives_the_same_session(void **state)
{
    static const struct said said[] = { { .text = "done" } };
    struct world *w = *state;
    struct engine_request request = { .kind = ENGINE_CREATE,
                                      .agent = SLICE_LIT("helper"),
                                      .text = SLICE_LIT("once"),
                                      .idempotency = { .route = SLICE_LIT("POST /v1/sessions"),
                                                       .key = SLICE_LIT("k"),
                                                       .body_hash = SLICE_LIT("h") } };
    w->said = said;
    w->said_n = ARRAY_LEN(said);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    struct id first = w->request.id;

    turn(w, NULL);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_true(w->request.is_replay);
    assert_string_equal(w->request.id.text, first.text);
    request.idempotency.body_hash = SLICE_LIT("other");
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_INVALID);
    assert_string_equal(w->request.code, "idempotency_key_reused");
    assert_int_equal(w->asked_n, 1);
}

/* A session is cancelled once; whoever did it with a key may ask again whether it was. */
static void a_change_repeated_with_its_key_is_no_conflict(void **state)
{
    static const struct said said[] = { { .tools = { "add" } } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    create(w);
    struct id id = w->request.id;
    struct engine_request request = { .kind = ENGINE_CANCEL,
                                      .session = id_slice(&id),
                                      .idempotency = { .route = SLICE_LIT("cancel"),
                                                       .key = SLICE_LIT("k"),
                                                       .body_hash = SLICE_LIT("h") } };
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_true(w->request.is_replay);
    request.idempotency.key = SLICE_LIT("another");
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_CONFLICT);
    assert_string_equal(w->request.code, "session_state");
}

static void on_drained(void *arg)
{
    ((struct world *)arg)->is_drained = 1;
}

static void a_drain_hands_over_and_the_next_process_goes_on(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    create(w);
    turn(w, NULL);
    assert_int_equal(w->runs_n, 1);

    engine_drain(w->engine, 1000, on_drained, w);
    turn(w, &w->is_drained);
    assert_true(w->is_drained);
    assert_int_equal(engine_stats(w->engine).sessions_live, 0);
    engine_free(w->engine);
    w->are_tools_slow = 0;
    engine_begin(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 2);
    assert_journal(w, "created model_started model_answered interrupted tool_finished "
                      "model_started model_answered turn_ended");
}

static void while_draining_nothing_is_accepted(void **state)
{
    struct world *w = *state;

    engine_drain(w->engine, 1000, on_drained, w);
    ask(w, (struct engine_request){ .kind = ENGINE_CREATE, .agent = SLICE_LIT("helper") });
    assert_int_equal(w->request.err.code, ERR_LIMIT);
    turn(w, &w->is_drained);
    assert_true(w->is_drained);
}

/* ---- retention ---- */

/* What a request about the session comes to: NULL, or a word for its trouble. */
static const char *ask_about(struct world *w, struct id id)
{
    ask(w, (struct engine_request){ .kind = ENGINE_RESUME, .session = id_slice(&id) });
    return w->request.code;
}

static void what_ended_long_ago_is_removed(void **state)
{
    static const struct said said[] = { { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    retain(w, 100000, 0);
    create(w);
    struct id id = w->request.id;

    pass(w, 99000);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_string_equal(ask_about(w, id), "session_state");
    pass(w, 10000); /* a round comes every twentieth of the age */
    assert_string_equal(ask_about(w, id), "removed");
    ask(w, (struct engine_request){ .kind = ENGINE_ERASE, .session = id_slice(&id) });
    assert_int_equal(w->request.err.code, ERR_NONE); /* nothing of it is left */
}

static void what_has_not_ended_is_never_removed(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    retain(w, 1000, 1);
    create(w);
    struct id id = w->request.id;

    pass(w, 500000);
    assert_int_equal(w->runs_n, 1);
    assert_string_equal(ask_about(w, id), "session_state");
}

static void the_longest_ended_go_until_it_fits(void **state)
{
    static const struct said said[] = { { .text = "42" } };
    struct world *w = *state;
    struct id ids[40];

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        create(w);
        ids[i] = w->request.id;
        pass(w, 1000);
        w->asked_n = 0;
    }
    retain(w, 0, 10000);
    pass(w, 60000);
    size_t gone = 0;

    while (gone < ARRAY_LEN(ids) && strcmp(ask_about(w, ids[gone]), "removed") == 0)
        gone++;
    assert_in_range(gone, 1, ARRAY_LEN(ids) - 1);
    for (size_t i = gone; i < ARRAY_LEN(ids); i++)
        assert_string_equal(ask_about(w, ids[i]), "session_state");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_parallel_tool_calls_and_then_the_answer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(arguments_that_do_not_fit_go_back_to_the_model, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_tool_whose_schema_is_none_never_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_tried_again_and_then_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retries_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_agent_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_session_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_seen_before_gives_the_same_session, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_change_repeated_with_its_key_is_no_conflict, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_drain_hands_over_and_the_next_process_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(while_draining_nothing_is_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_ended_long_ago_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_ended_is_never_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_ended_go_until_it_fits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
