#include "unit/unit.h"

#include "base/json.h"
#include "tool/builtin.h"

enum { NOW_MS = 1795471895 };

static int64_t wall(void *arg)
{
    (void)arg;
    return NOW_MS * 1000LL + 42;
}

static int64_t mono(void *arg)
{
    (void)arg;
    return 7;
}

struct fixture {
    struct loop *loop;
    struct builtin *builtin;
    struct tool_result result;
    char output[256];
    int done;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->loop = loop_new_simulated((struct clock){ .wall_ms = wall, .mono_ms = mono });
    f->builtin = builtin_new(f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    builtin_free(f->builtin);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_done(struct tool_run *run, void *arg)
{
    struct fixture *f = arg;

    f->done++;
    f->result = run->result;
    assert_null(run->runner_slot);
    (void)snprintf(f->output, sizeof(f->output), "%.*s", (int)run->result.output.len,
                   run->result.output.ptr ? run->result.output.ptr : "");
}

static void call(struct fixture *f, const char *name, const char *arguments, size_t output_max)
{
    const struct tool_spec spec = { .name = name, .output_bytes_max = output_max };
    struct tool_run run = {
        .spec = &spec, .arguments = slice_of(arguments), .done = on_done, .arg = f
    };

    f->done = 0;
    tool_runner_start(builtin_runner(f->builtin), &run);
    tool_runner_stop(builtin_runner(f->builtin), &run);
    assert_int_equal(f->done, 0); /* never from inside start() or stop() */
    assert_true(loop_step(f->loop));
    assert_int_equal(f->done, 1);
}

static void now_is_the_loops_time(void **state)
{
    struct fixture *f = *state;

    call(f, "now", "{}", 1000);
    assert_int_equal(f->result.end, TOOL_EXITED);
    assert_int_equal(f->result.status, 0);
    assert_string_equal(f->output, "2026-11-23T22:11:35.042Z");
    assert_int_equal(f->result.started_at_ms, NOW_MS * 1000LL + 42);
}

static void echo_gives_text_back(void **state)
{
    struct fixture *f = *state;

    call(f, "echo", "{\"text\": \"a \\\"word\\\"\"}", 1000);
    assert_int_equal(f->result.end, TOOL_EXITED);
    assert_int_equal(f->result.status, 0);
    assert_string_equal(f->output, "a \"word\"");
    assert_int_equal(f->result.output_bytes, 8);
}

static void wrong_arguments_are_an_error_result(void **state)
{
    static const struct {
        const char *arguments;
        const char *output;
    } cases[] = {
        { "{}", "echo: `text` is missing or no string" },
        { "{\"text\": 7}", "echo: `text` is missing or no string" },
        { "{\"text\"", "echo: arguments: " },
        { "", "echo: arguments: " },
        { "{\"text\": \"longer than ten\"}", "15 bytes more" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        call(*state, "echo", cases[i].arguments, 10);
        struct fixture *f = *state;

        assert_int_equal(f->result.end, TOOL_EXITED);
        assert_int_equal(f->result.status, 1);
        if (strncmp(f->output, cases[i].output, strlen(cases[i].output)) != 0)
            fail_msg("'%s' does not begin with '%s'", f->output, cases[i].output);
    }
}

static void an_unknown_one_is_not_started(void **state)
{
    struct fixture *f = *state;

    call(f, "nope", "{}", 10);
    assert_int_equal(f->result.end, TOOL_NOT_STARTED);
    assert_string_equal(f->result.err.msg, "there is no builtin 'nope'");
}

static void each_has_a_name_and_a_schema(void **state)
{
    struct err err = { 0 };
    size_t n = 0;

    (void)state;
    for (; builtin_at(n); n++) {
        const struct builtin_info *info = builtin_at(n);
        struct json *root = NULL;

        assert_ptr_equal(builtin_find(slice_of(info->name)), info);
        assert_int_equal(
            json_read(&root, slice_of(info->parameters), strlen(info->parameters), &err), ERR_NONE);
        assert_true(slice_is(json_str(json_get(root, "type")), "object"));
        json_free(root);
    }
    assert_int_equal(n, 6);
    assert_null(builtin_find(SLICE_LIT("no")));
}

static void every_end_has_a_name(void **state)
{
    (void)state;
    for (unsigned end = 0; end < TOOL_END_COUNT; end++) {
        for (unsigned other = 0; other < end; other++)
            assert_string_not_equal(tool_end_name(end), tool_end_name(other));
    }
    assert_string_equal(tool_end_name(TOOL_TIMED_OUT), "timed_out");
}

int main(void)
{
#define BUILTIN_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        BUILTIN_TEST(now_is_the_loops_time),
        BUILTIN_TEST(echo_gives_text_back),
        BUILTIN_TEST(wrong_arguments_are_an_error_result),
        BUILTIN_TEST(an_unknown_one_is_not_started),
        cmocka_unit_test(each_has_a_name_and_a_schema),
        cmocka_unit_test(every_end_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
