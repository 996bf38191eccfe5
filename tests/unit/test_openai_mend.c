#include "unit/unit.h"

#include "model/openai_mend.h"

static void what_no_text_can_hold_is_mended(void **state)
{
    static const struct {
        const char *json;
        const char *mended; /* NULL: stays */
    } cases[] = {
        { "", NULL },
        { "\"\\u0000\"", "\"\\ufffd\"" },
        { "\"\\u0000\\u0000x\"", "\"\\ufffd\\ufffdx\"" },
        { "\"\\ud83d\"", "\"\\ufffd\"" },
        { "\"\\uDE00\"", "\"\\ufffd\"" },
        { "\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\"" },
        { "\"\\ude00\\ud83d\"", "\"\\ufffd\\ufffd\"" },
        { "\"\\ud83dx\\ude00\"", "\"\\ufffdx\\ufffd\"" },
        { "\"\\ud83d\\u0041\"", "\"\\ufffd\\u0041\"" },
        { "\"\\\\\\u0000\"", "\"\\\\\\ufffd\"" },
        { "\"\\\"\\u0000\"", "\"\\\"\\ufffd\"" },
        { "\"\\uD83D\\uDE00\\udbff\\udfff\"", NULL },
        { "\"\\\\u0000\\\\ud83d\"", NULL },
        { "\"\\ud7ff\\ue000\\u0001\\u00000\"", "\"\\ud7ff\\ue000\\u0001\\ufffd0\"" },
        { "\"\\u00\"", NULL },
        { "\"\\u000g\\U0000\"", NULL },
        { "\\u0000\"\"\\ud83d", NULL },
        { "\"\\u000", NULL },
        { "\"\\", NULL },
        { "\"\\ud83d\\ude0", "\"\\ufffd\\ude0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].json);
        char *exact = malloc(len + (len == 0));

        assert_non_null(exact);
        memcpy(exact, cases[i].json, len);
        assert_int_equal(openai_mend(exact, len) > 0, cases[i].mended != NULL);
        assert_memory_equal(exact, cases[i].mended ? cases[i].mended : cases[i].json, len);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_text_can_hold_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
