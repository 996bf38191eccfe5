#include "unit/unit.h"

#include "base/nearest.h"

static const char *const known[] = { "description", "parameters", "exec", "builtin", "effects",
                                     "retry",       "calls",      "each", "id" };

static const char *nearest(const char *word)
{
    const char *found = nearest_word(slice_of(word), known, ARRAY_LEN(known));

    return found ? found : "(none)";
}

static void a_slip_finds_its_word(void **state)
{
    (void)state;
    assert_string_equal(nearest("desription"), "description");   /* missing */
    assert_string_equal(nearest("descriiption"), "description"); /* doubled */
    assert_string_equal(nearest("decsription"), "description");  /* swapped */
    assert_string_equal(nearest("dexcripsion"), "description");  /* two others */
    assert_string_equal(nearest("cals"), "calls");
    assert_string_equal(nearest("EXEC"), "exec");
    assert_string_equal(nearest("exce"), "exec");
    assert_string_equal(nearest("ad"), "id");
    assert_string_equal(nearest("retry"), "retry");
}

static void a_word_of_another_kind_finds_none(void **state)
{
    char endless[1000];

    (void)state;
    assert_string_equal(nearest(""), "(none)");
    assert_string_equal(nearest("timeout"), "(none)");
    assert_string_equal(nearest("eggs"), "(none)");
    assert_string_equal(nearest("exxx"), "(none)"); /* two slips in four characters */
    memset(endless, 'e', sizeof(endless));
    assert_null(nearest_word((struct slice){ endless, sizeof(endless) }, known, ARRAY_LEN(known)));
    assert_null(nearest_word(SLICE_LIT("exec"), known, 0));
}

static void the_nearest_wins_and_of_equals_the_first(void **state)
{
    static const char *const words[] = { "steps", "stops", "step" };

    (void)state;
    assert_string_equal(nearest_word(SLICE_LIT("step"), words, ARRAY_LEN(words)), "step");
    assert_string_equal(nearest_word(SLICE_LIT("stpps"), words, ARRAY_LEN(words)), "steps");
    assert_string_equal(nearest_word(SLICE_LIT("stip"), words, ARRAY_LEN(words)), "step");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_finds_its_word),
        cmocka_unit_test(a_word_of_another_kind_finds_none),
        cmocka_unit_test(the_nearest_wins_and_of_equals_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
