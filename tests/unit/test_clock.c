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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_rfc_3339),
        cmocka_unit_test(the_system_clock_is_the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
