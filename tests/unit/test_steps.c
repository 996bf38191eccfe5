/* A journal as steps: what people see of retries, interruptions, refusals and ends. */
#include "api/json_step.h"
#include "api/steps.h"
#include "unit/unit.h"

/* Journals are played from their stored form: the kind, a time, the body. */
static void play(struct steps *steps, const char *kind, int64_t at_ms, const char *body)
{
    struct json *root = NULL;
    struct err err = { 0 };

    if (json_read(&root, slice_of(body), 1 << 20, &err))
        fail_msg("%s: %s", body, err.msg);
    assert_int_not_equal(event_kind_of(slice_of(kind)), EV_KIND_COUNT);
    steps_add(steps, event_kind_of(slice_of(kind)), at_ms, root);
    json_free(root);
}

#define DECLARES_TWO                                                                               \
    "{\"v\":1,\"call\":1,\"attempt\":1,\"finish\":\"stop\","                                       \
    "\"used\":{\"tokens\":15,\"usd\":0.0001,\"nanousd\":100000},\"first_call\":2,\"calls\":["      \
    "{\"call\":2,\"type\":\"tool\",\"id\":\"a\",\"tool\":\"largest\",\"arguments\":{\"n\":3}},"    \
    "{\"call\":3,\"type\":\"tool\",\"id\":\"b\",\"tool\":\"now\",\"arguments\":{}}],"              \
    "\"text\":\"Let me look.\",\"usage\":{\"input_tokens\":10,\"cached_tokens\":4,"                \
    "\"output_tokens\":5}}"

static void play_two_calls(struct steps *steps)
{
    play(steps, "created", 1000, "{\"v\":1,\"input\":\"What is large?\"}");
    play(steps, "model_started", 1010,
         "{\"v\":1,\"call\":1,\"attempt\":1,\"model\":\"main\","
         "\"reserved\":{\"tokens\":900,\"usd\":0.005,\"nanousd\":5000000}}");
    play(steps, "model_answered", 2000, DECLARES_TWO);
}

static const struct step *step_at(const struct steps *steps, size_t i)
{
    assert_true(i < steps->n);
    return &steps->at[i];
}

static void expect_text(struct slice text, const char *expected)
{
    assert_non_null(text.ptr);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void an_answer_opens_a_step_for_each_call(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    assert_int_equal(steps.n, 3);

    const struct step *model = step_at(&steps, 0);

    assert_int_equal(model->kind, STEP_MODEL);
    assert_int_equal(model->status, STEP_COMPLETED);
    expect_text(model->name, "main");
    expect_text(model->input, "What is large?");
    expect_text(model->output, "Let me look.");
    assert_int_equal(model->usage.input_tokens, 10);
    assert_int_equal(model->spend.nanousd, 100000);
    assert_int_equal(model->tries[0].duration_ms, 990);
    assert_int_equal(model->first_call, 2);
    assert_int_equal(model->calls_n, 2);
    assert_int_equal(step_at(&steps, 1)->status, STEP_RUNNING);
    expect_text(step_at(&steps, 1)->input, "{\"n\":3}");
    expect_text(step_at(&steps, 2)->name, "now");
    steps_release(&steps);
}

static void an_interruption_is_a_try_of_its_own(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "interrupted", 5000,
         "{\"v\":1,\"call\":2,\"attempt\":1,\"by\":\"crash\",\"counts\":true}");
    play(&steps, "tool_finished", 6000,
         "{\"v\":1,\"call\":2,\"attempt\":2,\"output\":\"x\",\"is_error\":false,"
         "\"started_at\":5100,\"duration_ms\":800}");

    const struct step *step = step_at(&steps, 1);

    assert_int_equal(step->status, STEP_COMPLETED);
    assert_int_equal(step->tries_n, 2);
    assert_int_equal(step->tries[0].status, TRY_INTERRUPTED);
    expect_text(step->tries[0].code, "crash");
    assert_int_equal(step->tries[0].duration_ms, 3000);
    assert_int_equal(step->tries[1].status, TRY_COMPLETED);
    assert_int_equal(step->tries[1].started_at_ms, 5100); /* as measured where it ran */
    assert_int_equal(step->tries[1].duration_ms, 800);
    expect_text(step->output, "x");
    steps_release(&steps);
}

static void a_failed_try_waits_and_begins_again(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "tool_failed", 3000,
         "{\"v\":1,\"call\":2,\"attempt\":1,\"retry_at\":4000,"
         "\"error\":{\"code\":\"timed_out\",\"message\":\"too slow\"},\"stderr\":\"hm\"}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_WAITING);
    assert_null(step_at(&steps, 1)->code.ptr);
    play(&steps, "timer_fired", 4000, "{\"v\":1,\"call\":2,\"which\":\"retry\"}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_RUNNING);
    assert_int_equal(step_at(&steps, 1)->tries[1].attempt, 2);
    play(&steps, "tool_failed", 5000,
         "{\"v\":1,\"call\":2,\"attempt\":2,"
         "\"error\":{\"code\":\"signalled\",\"message\":\"killed\"}}");

    const struct step *step = step_at(&steps, 1);

    assert_int_equal(step->status, STEP_FAILED);
    expect_text(step->code, "signalled");
    expect_text(step->tries[0].code, "timed_out");
    expect_text(step->tries[0].errors, "hm");
    assert_int_equal(step->tries[1].status, TRY_FAILED);
    steps_release(&steps);
}

static void an_error_result_is_a_failed_step_with_its_output(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "tool_finished", 2500,
         "{\"v\":1,\"call\":2,\"attempt\":1,\"output\":\"no such file\",\"is_error\":true}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_FAILED);
    expect_text(step_at(&steps, 1)->code, "tool_error");
    expect_text(step_at(&steps, 1)->output, "no such file");
    steps_release(&steps);
}

static void the_money_of_each_try_is_counted_once(void **state)
{
    static const char fails[] = "{\"v\":1,\"call\":1,\"attempt\":1,\"retry_at\":3000,"
                                "\"charged\":{\"tokens\":900,\"usd\":0.005,\"nanousd\":5000000},"
                                "\"error\":{\"code\":\"timed_out\",\"message\":\"no answer\"}}";
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play(&steps, "created", 1000, "{\"v\":1,\"input\":\"Hello\"}");
    play(&steps, "model_started", 1010, "{\"v\":1,\"call\":1,\"attempt\":1}");
    play(&steps, "model_failed", 2000, fails);
    assert_int_equal(step_at(&steps, 0)->spend.nanousd, 5000000);
    assert_int_equal(step_at(&steps, 0)->status, STEP_WAITING);
    play(&steps, "model_usage", 2100,
         "{\"v\":1,\"call\":1,\"attempt\":1,\"used\":{\"tokens\":20,\"nanousd\":7000}}");
    assert_int_equal(step_at(&steps, 0)->spend.nanousd, 7000);
    play(&steps, "model_started", 3000, "{\"v\":1,\"call\":1,\"attempt\":2}");
    assert_int_equal(steps.n, 1);
    play(&steps, "model_answered", 4000,
         "{\"v\":1,\"call\":1,\"attempt\":2,\"finish\":\"stop\",\"text\":\"Hi\","
         "\"used\":{\"tokens\":10,\"nanousd\":3000}}");
    assert_int_equal(step_at(&steps, 0)->spend.nanousd, 10000);
    steps_release(&steps);
}

static void a_cancelled_turn_closes_what_is_open(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "cancelled", 2400, "{\"v\":1,\"by\":\"api\"}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_CANCELLED);
    assert_int_equal(step_at(&steps, 1)->tries[0].status, TRY_CANCELLED);
    assert_int_equal(step_at(&steps, 1)->ended_at_ms, 2400);
    assert_int_equal(step_at(&steps, 0)->status, STEP_COMPLETED);
    steps_release(&steps);
}

static void a_model_call_in_flight_at_the_end_costs_its_reservation(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play(&steps, "created", 1000, "{\"v\":1,\"input\":\"Hello\"}");
    play(&steps, "model_started", 1010,
         "{\"v\":1,\"call\":1,\"attempt\":1,\"reserved\":{\"tokens\":9,\"nanousd\":4000}}");
    play(&steps, "cancelled", 1500, "{\"v\":1}");
    assert_int_equal(step_at(&steps, 0)->status, STEP_CANCELLED);
    assert_int_equal(step_at(&steps, 0)->spend.nanousd, 4000);
    steps_release(&steps);
}

static void approvals_are_steps(void **state)
{
    static const char asks[] =
        "{\"v\":1,\"call\":1,\"attempt\":1,\"finish\":\"stop\",\"first_call\":2,\"calls\":["
        "{\"call\":2,\"type\":\"tool\",\"approvals\":1,\"tool\":\"refund\",\"arguments\":{}}]}";
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play(&steps, "created", 1000, "{\"v\":1,\"input\":\"Hello\"}");
    play(&steps, "model_started", 1010, "{\"v\":1,\"call\":1,\"attempt\":1}");
    play(&steps, "model_answered", 2000, asks);
    assert_int_equal(steps.n, 3);
    assert_int_equal(step_at(&steps, 1)->kind, STEP_APPROVAL);
    assert_int_equal(step_at(&steps, 2)->status, STEP_WAITING);
    assert_int_equal(step_at(&steps, 2)->tries_n, 0);
    play(&steps, "approval_decided", 3000,
         "{\"v\":1,\"call\":2,\"decision\":\"reject\",\"note\":\"too much\"}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_COMPLETED);
    expect_text(step_at(&steps, 1)->output, "reject");
    assert_int_equal(step_at(&steps, 2)->status, STEP_CANCELLED);
    expect_text(step_at(&steps, 2)->message, "too much");
    steps_release(&steps);
}

static void a_call_in_doubt_outlives_its_turn(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "tool_in_doubt", 2200, "{\"v\":1,\"call\":2,\"attempt\":1}");
    play(&steps, "cancelled", 2400, "{\"v\":1}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_WAITING);
    play(&steps, "tool_reconciled", 2500, "{\"v\":1,\"call\":2,\"outcome\":\"not_happened\"}");
    assert_int_equal(step_at(&steps, 1)->status, STEP_CANCELLED);
    assert_int_equal(step_at(&steps, 1)->tries_n, 1); /* never sent again */
    steps_release(&steps);
}

static void a_second_doubt_is_not_settled_by_the_first_verdict(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "tool_in_doubt", 2200, "{\"v\":1,\"call\":2,\"attempt\":1}");
    play(&steps, "tool_reconciled", 2300,
         "{\"v\":1,\"call\":2,\"attempt\":1,\"outcome\":\"not_happened\",\"by\":\"anna\",\"note\":"
         "\"n\"}");
    expect_text(step_at(&steps, 1)->settled_by, "anna");
    expect_text(step_at(&steps, 1)->note, "n");
    play(&steps, "tool_in_doubt", 2400, "{\"v\":1,\"call\":2,\"attempt\":2}");
    assert_null(step_at(&steps, 1)->settled_by.ptr);
    assert_null(step_at(&steps, 1)->note.ptr);
    expect_text(step_at(&steps, 1)->tries[0].settled_by, "anna");
    assert_null(step_at(&steps, 1)->tries[1].settled_by.ptr);
    steps_release(&steps);
}

static void a_fork_closes_what_is_open(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "tool_in_doubt", 2500, "{\"v\":1,\"call\":3,\"attempt\":1}");
    play(&steps, "forked", 9000, "{\"v\":1,\"from\":\"ses_a\",\"from_seq\":4}");
    for (size_t i = 1; i <= 2; i++) {
        assert_int_equal(step_at(&steps, i)->status, STEP_CANCELLED);
        assert_int_equal(step_at(&steps, i)->ended_at_ms, 9000);
    }
    assert_int_equal(step_at(&steps, 1)->tries[0].status, TRY_CANCELLED);
    assert_int_equal(step_at(&steps, 2)->tries[0].status, TRY_IN_DOUBT);
    play(&steps, "model_started", 9010, "{\"v\":1,\"call\":4,\"attempt\":1}");
    assert_int_equal(step_at(&steps, 3)->turn, 1);
    steps_release(&steps);
}

/* The turn that was cancelled in the original is under way here; one that had ended has ended. */
static void a_fork_goes_on_with_a_cancelled_turn(void **state)
{
    static const char *const ends[] = { "cancelled", "turn_ended" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct steps steps;

        steps_init(&steps, 0, 100);
        play_two_calls(&steps);
        play(&steps, ends[i], 3000, "{\"v\":1}");
        play(&steps, "forked", 9000, "{\"v\":1}");
        play(&steps, "message", 9005, "{\"v\":1,\"content\":\"more\"}");
        play(&steps, "model_started", 9010, "{\"v\":1,\"call\":4,\"attempt\":1}");
        assert_int_equal(step_at(&steps, 3)->turn, 1 + i);
        steps_release(&steps);
    }
}

static void turns_are_counted_as_the_core_counts_them(void **state)
{
    static const char answer[] = "{\"v\":1,\"call\":1,\"attempt\":1,\"finish\":\"stop\"}";
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play(&steps, "created", 1000, "{\"v\":1,\"input\":\"One\"}");
    play(&steps, "model_started", 1010, "{\"v\":1,\"call\":1,\"attempt\":1}");
    play(&steps, "message", 1020, "{\"v\":1,\"content\":\"Two\"}");
    play(&steps, "model_answered", 1030, answer);
    play(&steps, "turn_ended", 1030, "{\"v\":1,\"cause\":\"completed\"}");
    play(&steps, "model_started", 1040, "{\"v\":1,\"call\":2,\"attempt\":1}");
    assert_int_equal(step_at(&steps, 0)->turn, 1);
    assert_int_equal(step_at(&steps, 1)->turn, 2);
    expect_text(step_at(&steps, 1)->input, "Two");
    play(&steps, "turn_ended", 1050, "{\"v\":1,\"cause\":\"model_failed\"}");
    play(&steps, "retried", 1060, "{\"v\":1}");
    play(&steps, "model_started", 1070, "{\"v\":1,\"call\":3,\"attempt\":1}");
    assert_int_equal(step_at(&steps, 2)->turn, 2);
    assert_null(step_at(&steps, 2)->input.ptr);
    steps_release(&steps);
}

static void pages_go_on_where_the_former_ended(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 1);
    play_two_calls(&steps);
    assert_int_equal(steps.n, 1);
    assert_true(steps.has_more);
    assert_true(steps_is_complete(&steps));
    steps_release(&steps);

    steps_init(&steps, 1, 1);
    play_two_calls(&steps);
    assert_int_equal(steps.n, 1);
    assert_int_equal(step_at(&steps, 0)->number, 2);
    assert_false(steps_is_complete(&steps)); /* its end is still to come */
    play(&steps, "tool_finished", 2500, "{\"v\":1,\"call\":2,\"attempt\":1,\"output\":\"\"}");
    assert_true(steps_is_complete(&steps));
    steps_release(&steps);

    steps_init(&steps, 2, 1);
    play_two_calls(&steps);
    assert_int_equal(step_at(&steps, 0)->number, 3);
    assert_false(steps.has_more);
    steps_release(&steps);
}

static void tries_and_texts_are_bounded(void **state)
{
    char body[160];
    struct steps steps;
    char *text = malloc(STEPS_BYTES_MAX + 200);

    (void)state;
    assert_non_null(text);
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    for (unsigned i = 1; i <= 1000; i++) {
        (void)snprintf(body, sizeof(body), "{\"v\":1,\"call\":2,\"attempt\":%u,\"by\":\"crash\"}",
                       i);
        play(&steps, "interrupted", 3000 + i, body);
    }
    const struct step *step = step_at(&steps, 1);

    assert_int_equal(step->tries_n, STEP_TRIES_MAX);
    assert_int_equal(step->tries[0].attempt, 1);
    assert_int_equal(step->tries[STEP_TRIES_MAX - 1].attempt, 1001);
    for (unsigned call = 2; call <= 3; call++) { /* the second no longer fits */
        int n = snprintf(text, 200, "{\"v\":1,\"call\":%u,\"attempt\":%u,\"output\":\"", call,
                         call == 2 ? 1001u : 1u);
        struct json *root = NULL;
        struct err err = { 0 };

        memset(text + n, 'x', STEPS_BYTES_MAX - 20000);
        memcpy(text + n + STEPS_BYTES_MAX - 20000, "\"}", 3);
        assert_int_equal(json_read(&root, slice_of(text), STEPS_BYTES_MAX + 200, &err), ERR_NONE);
        steps_add(&steps, EV_TOOL_FINISHED, 9000, root);
        json_free(root);
    }
    assert_false(step_at(&steps, 1)->is_shortened);
    assert_true(step_at(&steps, 2)->is_shortened);
    assert_int_equal(step_at(&steps, 2)->output.len, 1024);
    steps_release(&steps);
    free(text);
}

static void expect_json(const struct steps *steps, size_t i, const char *expected)
{
    struct buf json = { .max = json_step_bytes_max(step_at(steps, i)) };
    struct json *root = NULL;
    struct err err = { 0 };

    json_put_step(&json, step_at(steps, i));
    assert_string_equal(buf_cstr(&json), expected);
    assert_int_equal(json_read(&root, buf_slice(&json), json.max, &err), ERR_NONE);
    json_free(root);
    buf_release(&json);
}

static void steps_as_json(void **state)
{
    struct steps steps;

    (void)state;
    steps_init(&steps, 0, 100);
    play_two_calls(&steps);
    play(&steps, "interrupted", 5000, "{\"v\":1,\"call\":2,\"attempt\":1,\"by\":\"crash\"}");
    expect_json(
        &steps, 0,
        "{\"id\":\"call-1\",\"timestamp\":\"1970-01-01T00:00:01.010Z\",\"action\":\"CALL_LLM\","
        "\"input\":\"What is large?\",\"output\":\"Let me look.\",\"error\":null,"
        "\"status\":\"COMPLETED\",\"turn\":1,\"attempt\":1,\"duration_ms\":990,"
        "\"ended_at\":\"1970-01-01T00:00:02.000Z\",\"usage\":{\"input_tokens\":10,"
        "\"cached_tokens\":4,\"output_tokens\":5},\"cost\":0.0001,\"calls\":[2,3],\"attempts\":["
        "{\"attempt\":1,\"status\":\"COMPLETED\",\"started_at\":\"1970-01-01T00:00:01.010Z\","
        "\"ended_at\":\"1970-01-01T00:00:02.000Z\",\"duration_ms\":990,\"error\":null}]}");
    expect_json(
        &steps, 1,
        "{\"id\":\"call-2\",\"timestamp\":\"1970-01-01T00:00:02.000Z\","
        "\"action\":\"CALL_TOOL: largest\",\"input\":{\"n\":3},\"output\":null,\"error\":null,"
        "\"status\":\"RUNNING\",\"turn\":1,\"attempt\":2,\"duration_ms\":null,\"ended_at\":null,"
        "\"usage\":null,\"cost\":null,\"attempts\":["
        "{\"attempt\":1,\"status\":\"INTERRUPTED\",\"started_at\":\"1970-01-01T00:00:02.000Z\","
        "\"ended_at\":\"1970-01-01T00:00:05.000Z\",\"duration_ms\":3000,\"by\":\"crash\"},"
        "{\"attempt\":2,\"status\":\"RUNNING\",\"started_at\":\"1970-01-01T00:00:05.000Z\","
        "\"ended_at\":null,\"duration_ms\":null,\"error\":null}]}");
    steps_release(&steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_opens_a_step_for_each_call),
        cmocka_unit_test(an_interruption_is_a_try_of_its_own),
        cmocka_unit_test(a_failed_try_waits_and_begins_again),
        cmocka_unit_test(an_error_result_is_a_failed_step_with_its_output),
        cmocka_unit_test(the_money_of_each_try_is_counted_once),
        cmocka_unit_test(a_cancelled_turn_closes_what_is_open),
        cmocka_unit_test(a_model_call_in_flight_at_the_end_costs_its_reservation),
        cmocka_unit_test(approvals_are_steps),
        cmocka_unit_test(a_call_in_doubt_outlives_its_turn),
        cmocka_unit_test(a_second_doubt_is_not_settled_by_the_first_verdict),
        cmocka_unit_test(a_fork_closes_what_is_open),
        cmocka_unit_test(a_fork_goes_on_with_a_cancelled_turn),
        cmocka_unit_test(turns_are_counted_as_the_core_counts_them),
        cmocka_unit_test(pages_go_on_where_the_former_ended),
        cmocka_unit_test(tries_and_texts_are_bounded),
        cmocka_unit_test(steps_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
