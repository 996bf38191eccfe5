/* When people must agree to a call: entries, conditions, tests, and what cannot be tested. */
#include "unit/unit.h"

#include "core/approval.h"

#define WHEN(conditions) "[{\"when\":" conditions ",\"approvers\":1,\"on_expiry\":\"reject\"}]"

struct judged {
    const char *policy;
    const char *arguments;
    int approvers;
};

static struct approval_need judge(const char *policy_text, const char *arguments_text,
                                  struct json **keep)
{
    struct approval_policy *policy = NULL;
    CLEANUP(json_cleanup) struct json *arguments = NULL;
    struct err err = { 0 };

    assert_int_equal(json_read(keep, slice_of(policy_text), 65536, &err), ERR_NONE);
    assert_int_equal(json_read(&arguments, slice_of(arguments_text), 65536, &err), ERR_NONE);
    if (approval_policy_new(&policy, *keep, &err))
        fail_msg("%s: %s", policy_text, err.msg);
    struct approval_need need = approval_judge(policy, arguments);

    approval_policy_free(policy);
    return need;
}

static void assert_judged(const struct judged *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP(json_cleanup) struct json *keep = NULL;
        struct approval_need need = judge(cases[i].policy, cases[i].arguments, &keep);

        if (need.approvers != cases[i].approvers)
            fail_msg("%s with %s asks for %d", cases[i].policy, cases[i].arguments, need.approvers);
    }
}

static void each_test(void **state)
{
    static const struct judged cases[] = {
        { "[]", "{}", 0 },
        { WHEN("\"always\""), "{}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":100}]"), "{\"a\":101}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":100}]"), "{\"a\":100}", 0 },
        { WHEN("[{\"path\":\"/a\",\"gt\":100}]"), "{\"a\":100.5}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":9007199254740992}]"), "{\"a\":9007199254740993}", 1 },
        { WHEN("[{\"path\":\"/a\",\"lt\":0}]"), "{\"a\":-1}", 1 },
        { WHEN("[{\"path\":\"/a\",\"lt\":0}]"), "{\"a\":0}", 0 },
        { WHEN("[{\"path\":\"/a\",\"eq\":1}]"), "{\"a\":1.0}", 1 },
        { WHEN("[{\"path\":\"/a\",\"eq\":1}]"), "{\"a\":\"1\"}", 0 },
        { WHEN("[{\"path\":\"/a\",\"eq\":null}]"), "{\"a\":null}", 1 },
        { WHEN("[{\"path\":\"/a\",\"eq\":true}]"), "{\"a\":false}", 0 },
        { WHEN("[{\"path\":\"/a\",\"ne\":\"x\"}]"), "{\"a\":\"x\"}", 0 },
        { WHEN("[{\"path\":\"/a\",\"ne\":\"x\"}]"), "{\"a\":[\"x\"]}", 1 },
        { WHEN("[{\"path\":\"/a\",\"in\":[\"x\",2]}]"), "{\"a\":2}", 1 },
        { WHEN("[{\"path\":\"/a\",\"in\":[\"x\",2]}]"), "{\"a\":\"y\"}", 0 },
        { WHEN("[{\"path\":\"/a\",\"matches\":\"^rm\"}]"), "{\"a\":\"rm -r\"}", 1 },
        { WHEN("[{\"path\":\"/a\",\"matches\":\"^rm\"}]"), "{\"a\":\"ls\"}", 0 },
    };

    (void)state;
    assert_judged(cases, ARRAY_LEN(cases));
}

/* What cannot be tested is asked: a bound that a text escapes would be none. */
static void what_cannot_be_tested_asks(void **state)
{
    static const struct judged cases[] = {
        { WHEN("[{\"path\":\"/a\",\"gt\":100}]"), "{}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":100}]"), "{\"a\":\"5\"}", 1 },
        { WHEN("[{\"path\":\"/a\",\"lt\":1}]"), "{\"a\":{}}", 1 },
        { WHEN("[{\"path\":\"/a\",\"matches\":\"x\"}]"), "{\"a\":5}", 1 },
        { WHEN("[{\"path\":\"/a/b\",\"eq\":1}]"), "{\"a\":5}", 1 },
        { WHEN("[{\"path\":\"/a/2\",\"eq\":1}]"), "{\"a\":[1,1]}", 1 },
        { WHEN("[{\"path\":\"/a/01\",\"eq\":2}]"), "{\"a\":[1,1]}", 1 },
        { WHEN("[{\"path\":\"/a/99999999999999999999999\",\"eq\":2}]"), "{\"a\":[1]}", 1 },
        { WHEN("[{\"path\":\"/a/-\",\"eq\":2}]"), "{\"a\":[1]}", 1 },
    };

    (void)state;
    assert_judged(cases, ARRAY_LEN(cases));
}

static void paths_and_combinations(void **state)
{
    static const struct judged cases[] = {
        { WHEN("[{\"path\":\"/a/1\",\"eq\":2}]"), "{\"a\":[1,3]}", 0 },
        { WHEN("[{\"path\":\"/a/1\",\"eq\":2}]"), "{\"a\":[1,2]}", 1 },
        { WHEN("[{\"path\":\"/a~1b~0c\",\"eq\":2}]"), "{\"a/b~c\":1}", 0 },
        { WHEN("[{\"path\":\"/a~1b~0c\",\"eq\":2}]"), "{\"a/b~c\":2}", 1 },
        { WHEN("[{\"path\":\"/\",\"eq\":2}]"), "{\"\":1}", 0 },
        { WHEN("[{\"path\":\"\",\"eq\":2}]"), "{}", 0 },
        /* all tests of one condition */
        { WHEN("[{\"path\":\"/a\",\"gt\":1,\"lt\":5}]"), "{\"a\":3}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":1,\"lt\":5}]"), "{\"a\":7}", 0 },
        /* any condition */
        { WHEN("[{\"path\":\"/a\",\"gt\":5},{\"path\":\"/b\",\"eq\":1}]"), "{\"a\":1,\"b\":1}", 1 },
        { WHEN("[{\"path\":\"/a\",\"gt\":5},{\"path\":\"/b\",\"eq\":1}]"), "{\"a\":1,\"b\":2}", 0 },
    };

    (void)state;
    assert_judged(cases, ARRAY_LEN(cases));
}

static void the_entry_with_the_most_approvers_counts(void **state)
{
    static const char policy[] =
        "[{\"when\":[{\"path\":\"/a\",\"gt\":10}],\"approvers\":1,\"on_expiry\":\"reject\","
        "\"reason\":\"first\"},"
        "{\"when\":\"always\",\"approvers\":1,\"on_expiry\":\"reject\",\"reason\":\"second\"},"
        "{\"when\":[{\"path\":\"/a\",\"gt\":100}],\"approvers\":2,\"on_expiry\":\"escalate\","
        "\"reason\":\"third\",\"risk\":\"high\",\"role\":\"finance\",\"escalate_to\":\"cfo\","
        "\"expires_ms\":5000}]";
    static const struct {
        const char *arguments, *reason;
        int approvers;
    } cases[] = {
        { "{\"a\":1}", "second", 1 },
        { "{\"a\":50}", "first", 1 },
        { "{\"a\":500}", "third", 2 },
        { "{}", "third", 2 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_cleanup) struct json *keep = NULL;
        struct approval_need need = judge(policy, cases[i].arguments, &keep);

        assert_int_equal(need.approvers, cases[i].approvers);
        assert_true(slice_is(need.reason, cases[i].reason));
        if (need.approvers == 2) {
            assert_true(slice_is(need.risk, "high") && slice_is(need.role, "finance"));
            assert_true(slice_is(need.escalate_to, "cfo"));
            assert_int_equal(need.on_expiry, EXPIRY_ESCALATE);
            assert_int_equal(need.expires_ms, 5000);
        }
    }
}

static void what_is_no_policy_is_refused(void **state)
{
    static const char *const cases[] = {
        "{}",
        "[1]",
        "[{\"when\":\"always\",\"approvers\":0,\"on_expiry\":\"reject\"}]",
        "[{\"when\":\"always\",\"approvers\":17,\"on_expiry\":\"reject\"}]",
        "[{\"when\":\"always\",\"approvers\":1,\"on_expiry\":\"forget\"}]",
        WHEN("\"never\""),
        WHEN("[]"),
        WHEN("[{\"gt\":1}]"),
        WHEN("[{\"path\":\"/a\",\"gte\":1}]"), /* a later version's: not ignored */
        WHEN("[{\"path\":\"/a\",\"matches\":\"(\"}]"),
        WHEN("[{\"path\":\"/a\",\"matches\":\"a\"},{\"path\":\"/a\",\"matches\":\"[\"}]"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(json_cleanup) struct json *root = NULL;
        struct approval_policy *policy = NULL;
        struct err err = { 0 };

        assert_int_equal(json_read(&root, slice_of(cases[i]), 65536, &err), ERR_NONE);
        if (approval_policy_new(&policy, root, &err) != ERR_INVALID)
            fail_msg("%s was taken", cases[i]);
        assert_null(policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_test),
        cmocka_unit_test(what_cannot_be_tested_asks),
        cmocka_unit_test(paths_and_combinations),
        cmocka_unit_test(the_entry_with_the_most_approvers_counts),
        cmocka_unit_test(what_is_no_policy_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
