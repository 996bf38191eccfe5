/* test_waiting.c - what the arguments of a question, a sleep and a wait come to. */
#include "base/hash.h"
#include "core/waiting.h"
#include "unit/unit.h"

enum { NOW = 1000000, MINUTE = 60000 };

static enum err_code read_it(struct call_decl *decl, const char *builtin, const char *arguments,
                             struct err *err)
{
    struct json *root = NULL;
    struct slice text = slice_of(arguments);

    *decl = (struct call_decl){ 0 };
    assert_int_equal(json_read(&root, text, text.len, err), ERR_NONE);
    enum err_code code = waiting_read(decl, waiting_type_of(slice_of(builtin)), root, NOW, err);

    json_free(root);
    return code;
}

static void a_builtin_has_a_type(void **state)
{
    (void)state;
    assert_int_equal(waiting_type_of(SLICE_LIT("ask_user")), CALL_QUESTION);
    assert_int_equal(waiting_type_of(SLICE_LIT("sleep_until")), CALL_SLEEP);
    assert_int_equal(waiting_type_of(SLICE_LIT("wait_for_event")), CALL_SIGNAL);
    assert_int_equal(waiting_type_of(SLICE_LIT("now")), CALL_TOOL);
    assert_int_equal(waiting_type_of((struct slice){ 0 }), CALL_TOOL);
}

static void good_arguments_say_how_long(void **state)
{
    static const struct {
        const char *builtin, *arguments;
        enum call_type type;
        int64_t due_ms;
    } cases[] = {
        { "ask_user", "{\"question\":\"?\"}", CALL_QUESTION, 0 },
        { "ask_user", "{\"question\":\"?\",\"choices\":[\"a\",\"b\"]}", CALL_QUESTION, 0 },
        { "sleep_until", "{\"for\":\"1m\"}", CALL_SLEEP, NOW + MINUTE },
        { "sleep_until", "{\"for\":\"0\"}", CALL_SLEEP, NOW },
        { "sleep_until", "{\"for\":\"366d\"}", CALL_SLEEP, NOW + (int64_t)366 * 1440 * MINUTE },
        { "sleep_until", "{\"at\":\"1970-01-01T00:17:40+00:00\"}", CALL_SLEEP, NOW + MINUTE },
        { "sleep_until", "{\"at\":\"1970-01-01T00:00:01Z\"}", CALL_SLEEP, NOW },
        { "wait_for_event", "{\"name\":\"paid\"}", CALL_SIGNAL, 0 },
        { "wait_for_event", "{\"name\":\"paid\",\"timeout\":\"1m\"}", CALL_SIGNAL, NOW + MINUTE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct call_decl decl;

        if (read_it(&decl, cases[i].builtin, cases[i].arguments, &err))
            fail_msg("%s: %s", cases[i].arguments, err.msg);
        assert_int_equal(decl.type, cases[i].type);
        assert_int_equal(decl.due_ms, cases[i].due_ms);
        assert_int_equal(decl.signal_hash,
                         cases[i].type == CALL_SIGNAL ? hash_stable(SLICE_LIT("paid")) : 0);
    }
}

static void bad_arguments_are_told_to_the_model(void **state)
{
    static const struct {
        const char *builtin, *arguments, *why;
    } cases[] = {
        { "ask_user", "{}", "`question` must be a text" },
        { "ask_user", "{\"question\":\"\"}", "`question` must be a text" },
        { "ask_user", "{\"question\":7}", "`question` must be a text" },
        { "ask_user", "{\"question\":\"?\",\"choices\":[]}", "1 to 20 texts" },
        { "ask_user", "{\"question\":\"?\",\"choices\":\"a\"}", "1 to 20 texts" },
        { "ask_user", "{\"question\":\"?\",\"choices\":[\"a\",\"\"]}", "1 to 200 bytes" },
        { "ask_user", "{\"question\":\"?\",\"choices\":[7]}", "1 to 200 bytes" },
        { "sleep_until", "{}", "give either `at`, a time, or `for`, a duration" },
        { "sleep_until", "{\"at\":\"1970-01-01T00:00:00Z\",\"for\":\"1s\"}", "not both" },
        { "sleep_until", "{\"for\":7}", "`for` must be a duration" },
        { "sleep_until", "{\"for\":\"soon\"}", "`for`: " },
        { "sleep_until", "{\"for\":\"367d\"}", "`for` is too far away: at most 366 days" },
        { "sleep_until", "{\"at\":7}", "`at` must be a time" },
        { "sleep_until", "{\"at\":\"tomorrow\"}",
          "`at` is \"tomorrow\", and must be a time with its zone" },
        { "sleep_until", "{\"at\":\"1970-01-01T00:00:00\"}", "must be a time with its zone" },
        { "sleep_until", "{\"at\":\"1972-01-01T00:00:00Z\"}", "`at` is too far away" },
        { "wait_for_event", "{}", "`name` must be 1 to 128" },
        { "wait_for_event", "{\"name\":\"a b\"}", "`name` must be 1 to 128" },
        { "wait_for_event", "{\"name\":\"a\",\"timeout\":\"x\"}", "`timeout`: " },
        { "wait_for_event", "{\"name\":\"a\",\"timeout\":\"400d\"}", "`timeout` is too far away" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct call_decl decl;

        assert_int_equal(read_it(&decl, cases[i].builtin, cases[i].arguments, &err), ERR_INVALID);
        if (!strstr(err.msg, cases[i].why))
            fail_msg("%s: %s", cases[i].arguments, err.msg);
    }
}

static void a_question_with_choices_takes_one_of_them(void **state)
{
    static const char text[] = "{\"question\":\"?\",\"choices\":[\"yes\",\"no\"]}";
    struct json *root = NULL;
    struct json *open = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(json_read(&root, slice_of(text), sizeof(text), &err), ERR_NONE);
    assert_int_equal(json_read(&open, SLICE_LIT("{\"question\":\"?\"}"), 99, &err), ERR_NONE);
    assert_true(waiting_takes(root, SLICE_LIT("yes")));
    assert_true(waiting_takes(root, SLICE_LIT("no")));
    assert_false(waiting_takes(root, SLICE_LIT("Yes")));
    assert_false(waiting_takes(root, SLICE_LIT("")));
    assert_true(waiting_takes(open, SLICE_LIT("anything")));
    json_free(root);
    json_free(open);
}

static void a_signal_has_a_plain_name(void **state)
{
    char longest[SIGNAL_NAME_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(signal_name_is_valid((struct slice){ longest, SIGNAL_NAME_MAX }));
    assert_false(signal_name_is_valid((struct slice){ longest, SIGNAL_NAME_MAX + 1 }));
    assert_true(signal_name_is_valid(SLICE_LIT("order.7_paid-Z")));
    assert_false(signal_name_is_valid(SLICE_LIT("")));
    assert_false(signal_name_is_valid(SLICE_LIT("a/b")));
    assert_false(signal_name_is_valid(SLICE_LIT("\xc3\xa4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_builtin_has_a_type),
        cmocka_unit_test(good_arguments_say_how_long),
        cmocka_unit_test(bad_arguments_are_told_to_the_model),
        cmocka_unit_test(a_question_with_choices_takes_one_of_them),
        cmocka_unit_test(a_signal_has_a_plain_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
