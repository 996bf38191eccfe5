/* Time zones by name, from the system's database. */
#include <stdlib.h>

#include "base/zone.h"
#include "unit/unit.h"

static int64_t offset_at(const char *name, int64_t at_s)
{
    struct zone *zone = zone_new(slice_of(name));

    assert_non_null(zone);
    int64_t offset_s = zone_offset_s(zone, at_s);

    zone_free(zone);
    return offset_s;
}

static void offsets_are_those_of_the_time(void **state)
{
    const int64_t winter_s = 1767225600; /* 2026-01-01 */
    const int64_t summer_s = 1782864000; /* 2026-07-01 */

    (void)state;
    assert_int_equal(offset_at("UTC", summer_s), 0);
    assert_int_equal(offset_at("Europe/Berlin", winter_s), 3600);
    assert_int_equal(offset_at("Europe/Berlin", summer_s), 7200);
    assert_int_equal(offset_at("America/New_York", winter_s), -5 * 3600);
    assert_int_equal(offset_at("Australia/Lord_Howe", winter_s), 11 * 3600);
    assert_int_equal(offset_at("Australia/Lord_Howe", summer_s), 10 * 3600 + 1800);
    assert_int_equal(offset_at("Asia/Kathmandu", summer_s), 5 * 3600 + 2700);
}

static void rules_go_on_behind_the_last_known_change(void **state)
{
    (void)state;
    assert_int_equal(offset_at("Europe/Berlin", 2224972800), 7200); /* 2040-07-04 */
    assert_int_equal(offset_at("Europe/Berlin", 2240611200), 3600); /* 2041-01-01 */
}

static void the_process_has_no_say(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
    assert_int_equal(offset_at("UTC", 0), 0);
    assert_int_equal(offset_at("Europe/Berlin", 1767225600), 3600);
    assert_int_equal(unsetenv("TZ"), 0);
}

static void what_is_no_zone(void **state)
{
    static const char *const names[] = { "",
                                         "Europe",
                                         "Europe/Nowhere",
                                         "JST-9",
                                         "+01",
                                         "/etc/localtime",
                                         "leapseconds",
                                         "iso3166.tab",
                                         "../zoneinfo/UTC",
                                         "Europe/Berlin " };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_null(zone_new(slice_of(names[i])));
    assert_null(zone_new((struct slice){ "UTC\0", 4 }));
}

static void the_nearest_name(void **state)
{
    char text[ZONE_NAME_MAX];

    (void)state;
    assert_string_equal(zone_nearest(text, SLICE_LIT("Europe/Berln")), "Europe/Berlin");
    assert_string_equal(zone_nearest(text, SLICE_LIT("america/new_york")), "America/New_York");
    assert_string_equal(zone_nearest(text, SLICE_LIT("qqqqqqq")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_the_time),
        cmocka_unit_test(rules_go_on_behind_the_last_known_change),
        cmocka_unit_test(the_process_has_no_say),
        cmocka_unit_test(what_is_no_zone),
        cmocka_unit_test(the_nearest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
