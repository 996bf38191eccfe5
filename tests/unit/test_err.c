#include "unit/unit.h"

#include <errno.h>

#include "base/err.h"

static void set_starts_an_error(void **state)
{
    struct err err = { .sys = 7 };

    (void)state;
    assert_int_equal(err_set(&err, ERR_LIMIT, "%d of %s", 3, "four"), ERR_LIMIT);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.msg, "3 of four");
    err_set(&err, ERR_INVALID, "again: %s", err.msg);
    assert_string_equal(err.msg, "again: 3 of four");
}

static void sys_picks_the_code_from_errno(void **state)
{
    static const struct {
        int errnum;
        enum err_code code;
    } cases[] = {
        { ENOENT, ERR_NOT_FOUND },   { EEXIST, ERR_CONFLICT },          { EMFILE, ERR_LIMIT },
        { ENFILE, ERR_LIMIT },       { ETIMEDOUT, ERR_TIMEOUT },        { ECONNRESET, ERR_TIMEOUT },
        { EPIPE, ERR_TIMEOUT },      { ECONNREFUSED, ERR_UNAVAILABLE }, { EACCES, ERR_UNAVAILABLE },
        { ENOSPC, ERR_UNAVAILABLE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };

        assert_int_equal(err_sys(&err, cases[i].errnum, "open '%s'", "x"), cases[i].code);
        assert_int_equal(err.sys, cases[i].errnum);
    }
    struct err err = { 0 };

    err_sys(&err, ENOENT, "open '%s'", "x");
    assert_string_equal(err.msg, "open 'x': No such file or directory");
}

static void wrap_keeps_code_and_cause(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_sys(&err, ENOENT, "open");
    assert_int_equal(err_wrap(&err, "read %s", "config"), ERR_NOT_FOUND);
    assert_int_equal(err.sys, ENOENT);
    assert_string_equal(err.msg, "read config: open: No such file or directory");
}

static void a_long_message_is_cut_and_terminated(void **state)
{
    char text[ERR_MSG_MAX * 2];
    struct err err = { 0 };

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
    err_wrap(&err, "outer");
    assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
    assert_memory_equal(err.msg, "outer: xxx", 10);
    err_sys(&err, ENOENT, "%s", text);
    assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = ERR_NONE; code <= ERR_CORRUPT; code++) {
        assert_string_not_equal(err_code_name((enum err_code)code), "unknown");
        for (int other = ERR_NONE; other < code; other++)
            assert_string_not_equal(err_code_name((enum err_code)code),
                                    err_code_name((enum err_code)other));
    }
    assert_string_equal(err_code_name(ERR_NOT_FOUND), "not_found");
}

static void fail_assertion(void *arg)
{
    ASSERT(arg != NULL);
}

static void set_none(void *arg)
{
    struct err err = { 0 };

    (void)arg;
    err_set(&err, ERR_NONE, "x");
}

static void assertions_end_the_process(void **state)
{
    int some = 0;

    (void)state;
    assert_true(unit_dies(fail_assertion, NULL));
    assert_false(unit_dies(fail_assertion, &some));
    assert_true(unit_dies(set_none, NULL));
}

static void take_leaves_null_behind(void **state)
{
    char *text = xstrdup("text");

    (void)state;
    char *taken = TAKE(text);
    assert_null(text);
    assert_string_equal(taken, "text");
    free(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_starts_an_error),
        cmocka_unit_test(sys_picks_the_code_from_errno),
        cmocka_unit_test(wrap_keeps_code_and_cause),
        cmocka_unit_test(a_long_message_is_cut_and_terminated),
        cmocka_unit_test(every_code_has_a_name),
        cmocka_unit_test(assertions_end_the_process),
        cmocka_unit_test(take_leaves_null_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
