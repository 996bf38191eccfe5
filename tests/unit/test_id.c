#include "unit/unit.h"

#include "base/id.h"

static void an_id_is_a_uuid_of_version_7(void **state)
{
    struct random random;

    (void)state;
    random_seed(&random, 3);
    for (int i = 0; i < 1000; i++) {
        struct id id = id_make("ses_", 0x0190e5c87b7e, &random);

        assert_true(id_is_valid(id_slice(&id), "ses_"));
        assert_memory_equal(id.text, "ses_0190e5c8-7b7e-7", 19);
        assert_non_null(strchr("89ab", id.text[4 + 19]));
    }
}

static void ids_repeat_with_their_seed_and_sort_by_time(void **state)
{
    struct random a, b;
    struct id before = { "" };

    (void)state;
    random_seed(&a, 9);
    random_seed(&b, 9);
    for (int64_t ms = 0xfff0; ms < 0x10010; ms += 7) {
        struct id id = id_make("app_", ms, &a);
        struct id same = id_make("app_", ms, &b);

        assert_string_equal(id.text, same.text);
        assert_true(strcmp(before.text, id.text) < 0);
        before = id;
    }
    for (int64_t ms = 0xfff0; ms < 0x100010; ms += 4096) {
        struct id id = id_make("x_", ms, &a);
        struct id later = id_make("x_", ms + 4096, &a);

        assert_true(strcmp(id.text, later.text) < 0);
    }
}

static void what_is_no_id_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "ses_",
        "0190e5c8-7b7e-7cc3-8a5d-0242ac120002",
        "app_0190e5c8-7b7e-7cc3-8a5d-0242ac120002",
        "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac12000",
        "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac1200022",
        "ses_0190E5C8-7b7e-7cc3-8a5d-0242ac120002",
        "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac12000g",
        "ses_0190e5c87b7e--7cc3-8a5d-0242ac120002",
        "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac12000\n",
    };

    (void)state;
    assert_true(id_is_valid(slice_of("ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002"), "ses_"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(id_is_valid(slice_of(bad[i]), "ses_"));
    assert_false(id_is_valid((struct slice){ NULL, 0 }, "ses_"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_a_uuid_of_version_7),
        cmocka_unit_test(ids_repeat_with_their_seed_and_sort_by_time),
        cmocka_unit_test(what_is_no_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
