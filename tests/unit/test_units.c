#include "unit/unit.h"

#include "base/units.h"

static void durations_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        { "0", 0 },
        { "00", 0 },
        { "0s", 0 },
        { "1ms", 1 },
        { "200ms", 200 },
        { "2s", 2000 },
        { "007s", 7000 },
        { "5m", 300000 },
        { "24h", 86400000 },
        { "1d", 86400000 },
        { "36500d", 3153600000000 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = { 0 };
        int64_t ms = -1;

        assert_int_equal(units_duration_ms(&ms, slice_of(good[i].text), &err), ERR_NONE);
        assert_int_equal(ms, good[i].ms);
    }
}

static void what_is_no_duration_is_refused_and_leaves_the_result_alone(void **state)
{
    static const char *const bad[] = {
        "",     "5",   "s",      "ms",   "-1s",   "+1s",  "1.5s",   "1 s",
        " 1s",  "1s ", "1S",     "1sec", "1m30s", "0x1s", "36501d", "99999999999999999999999s",
        "1e3s", "١s",  "000001",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        int64_t ms = -1;

        assert_int_equal(units_duration_ms(&ms, slice_of(bad[i]), &err), ERR_INVALID);
        assert_int_equal(ms, -1);
    }
}

static void sizes_have_a_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        { "0", 0 },
        { "1B", 1 },
        { "64KiB", 65536 },
        { "1MiB", 1048576 },
        { "50GiB", 53687091200 },
        { "1KB", 1000 },
        { "3MB", 3000000 },
        { "2GB", 2000000000 },
        { "9223372036854775807B", INT64_MAX },
        { "8589934591GiB", 9223372035781033984 },
    };
    static const char *const bad[] = { "1",
                                       "1b",
                                       "1K",
                                       "1kb",
                                       "1mib",
                                       "1TiB",
                                       "B",
                                       "1.5MiB",
                                       "9223372036854775808B",
                                       "8589934592GiB",
                                       "18446744073709551617B" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err err = { 0 };
        uint64_t bytes = 7;

        assert_int_equal(units_bytes(&bytes, slice_of(good[i].text), &err), ERR_NONE);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        uint64_t bytes = 7;

        assert_int_equal(units_bytes(&bytes, slice_of(bad[i]), &err), ERR_INVALID);
        assert_int_equal(bytes, 7);
    }
}

static void the_message_says_what_to_write(void **state)
{
    struct err err = { 0 };
    int64_t ms;
    uint64_t bytes;
    char huge[5000];

    (void)state;
    assert_int_equal(units_duration_ms(&ms, SLICE_LIT("30"), &err), ERR_INVALID);
    assert_string_equal(err.msg, "'30' is no duration: write a whole number and one of "
                                 "ms, s, m, h or d, as in 30s");
    assert_int_equal(units_bytes(&bytes, SLICE_LIT("9000000000GiB"), &err), ERR_INVALID);
    assert_string_equal(err.msg, "'9000000000GiB' is no size: the most is 8589934591GiB");
    assert_int_equal(units_duration_ms(&ms, SLICE_LIT("1\033[31m\0s"), &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "'1\\u{1b}[31m\\u{0}s' is no duration"));
    memset(huge, '\001', sizeof(huge));
    assert_int_equal(units_bytes(&bytes, (struct slice){ huge, sizeof(huge) }, &err), ERR_INVALID);
    assert_int_equal(units_bytes(&bytes, (struct slice){ NULL, 0 }, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "'' is no size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_a_unit),
        cmocka_unit_test(what_is_no_duration_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(sizes_have_a_unit),
        cmocka_unit_test(the_message_says_what_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
