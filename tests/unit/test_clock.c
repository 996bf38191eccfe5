#include "unit/unit.h"

#include <time.h>

#include "base/attr.h"
#include "base/clock.h"

static void text_is_rfc_3339(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1795471895042, "2026-11-23T22:11:35.042Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { -1000, "1969-12-31T23:59:59.000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { 253402300800000, "out-of-range" },
        { INT64_MAX, "out-of-range" },
        { INT64_MIN, "out-of-range" },
    };
    char text[CLOCK_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(clock_text(text, cases[i].ms), cases[i].text);
}

static void the_system_clock_is_the_machines(void **state)
{
    struct clock clock = clock_system();
    int64_t mono = clock.mono_ms(clock.arg);
    int64_t apart = clock.wall_ms(clock.arg) / 1000 - (int64_t)time(NULL);

    (void)state;
    assert_in_range(apart + 1, 0, 2);
    assert_true(clock.mono_ms(clock.arg) >= mono);
}

static void a_text_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-23T22:11:35.042Z", 1795471895042 },
        { "2026-11-23t22:11:35.0429999z", 1795471895042 },
        { "2026-11-23 23:41:35.04+01:30", 1795471895040 },
        { "2026-11-23T12:11:35-10:00", 1795471895000 },
        { "2000-02-29T00:00:00Z", 951782400000 },
    };
    static const char *const wrong[] = {
        "",
        "2026-11-23",
        "2026-11-23T22:11:35",
        "2026-11-23T22:11Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Zx",
        "1969-12-31T23:59:59Z",
        "-026-01-01T00:00:00Z",
        "tomorrow",
    };
    int64_t ms = -1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(clock_read(&ms, slice_of(cases[i].text)));
        assert_int_equal(ms, cases[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (clock_read(&ms, slice_of(wrong[i])))
            fail_msg("'%s' was read", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_rfc_3339),
        cmocka_unit_test(a_text_is_read),
        cmocka_unit_test(the_system_clock_is_the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
