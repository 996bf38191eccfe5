/* Who is told of what happens: read, and refused with its place. */
#include "unit/config_unit.h"

#include "core/notice.h"

/* Lines 1 to 6. */
#define BASE                                                                                       \
    "models:\n  m: { provider: scripted, replies: [] }\n"                                          \
    "agents:\n  a:\n    model: m\n    instructions: Be kind.\n"
#define KEY_24 "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz" /* 012345678901234567890123 */
#define HOOK   BASE "webhooks:\n  - name: ops\n    url: https://example.com/hook\n" /* to line 9 */
#define SECRET "    secret: whsec_" KEY_24 "\n"                                     /* line 10 */

static void everything_arrives(void **state)
{
    static const char text[] =
        HOOK "    secret: ${PAWL_T_HOOK}\n"
             "  - { name: chat-2, url: 'http://127.0.0.1:9/x?token=1', allow_private: true,\n"
             "      secret: [whsec_" KEY_24 ", '${PAWL_T_HOOK}'],\n"
             "      events: [approval.requested, session.failed] }\n";

    (void)state;
    assert_int_equal(setenv("PAWL_T_HOOK", "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMiEhISE=", 1),
                     0);
    struct config *config = test_load_good(text);

    assert_int_equal(config->webhooks_n, 2);
    assert_string_equal(config->webhooks[0].name, "ops");
    assert_string_equal(config->webhooks[0].url, "https://example.com/hook");
    assert_int_equal(config->webhooks[0].keys_n, 1);
    assert_true(slice_is(config->webhooks[0].keys[0], "hunter2hunter2hunter2hunter2!!!!"));
    assert_int_equal(config->webhooks[0].events, (1u << NOTICE_COUNT) - 1);
    assert_false(config->webhooks[0].allows_private);
    assert_string_equal(config->webhooks[1].name, "chat-2");
    assert_int_equal(config->webhooks[1].keys_n, 2);
    assert_true(slice_is(config->webhooks[1].keys[0], "012345678901234567890123"));
    assert_int_equal(config->webhooks[1].events,
                     1u << NOTICE_APPROVAL_REQUESTED | 1u << NOTICE_SESSION_FAILED);
    assert_true(config->webhooks[1].allows_private);
    config_free(config);
}

static void none_is_fine(void **state)
{
    (void)state;
    struct config *config = test_load_good(BASE "webhooks: []\n");

    assert_int_equal(config->webhooks_n, 0);
    config_free(config);
    config = test_load_good(BASE "webhooks:\n");
    assert_int_equal(config->webhooks_n, 0);
    config_free(config);
}

static void what_is_wrong_has_its_place(void **state)
{
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        { BASE "webhooks: { a: {} }\n", "7:11", "webhooks must be a list of mappings" },
        { BASE "webhooks: [x]\n", "7:12", "webhooks[0] must be a mapping, not a single value" },
        { BASE "webhooks:\n  - url: https://example.com/\n" SECRET, "8:5", "'name' is missing" },
        { BASE "webhooks:\n  - name: ops\n" SECRET, "8:5", "'url' is missing" },
        { HOOK, "8:5", "'secret' is missing in webhooks[0]" },
        { HOOK SECRET "    evnts: []\n", "11:5", "did you mean 'events'?" },
        { HOOK SECRET "    events: [session.complete]\n", "11:14",
          "there is no event 'session.complete'; did you mean 'session.completed'?" },
        { HOOK SECRET "    events: []\n", "11:5", "is empty; write names of events" },
        { HOOK SECRET "    allow_private: yes\n", "11:20", "write true or false" },
        { HOOK SECRET "  - name: ops\n    url: https://example.com/\n" SECRET, "11:11",
          "another webhook has the name 'ops' already" },
        { BASE "webhooks:\n  - name: Ops\n    url: https://a/\n" SECRET, "8:11",
          "'Ops' is no name: write 1 to 64 of the characters a-z 0-9 -" },
        { BASE "webhooks:\n  - name: ops\n    url: ftp://a/\n" SECRET, "9:10",
          "'ftp://a/' is no address" },
        { BASE "webhooks:\n  - name: ops\n    url: https:///x\n" SECRET, "9:10", "is no address" },
        { BASE "webhooks:\n  - name: ops\n    url: 'https://a b/'\n" SECRET, "9:10",
          "is no address" },
        { BASE "webhooks:\n  - name: ops\n    url: https://me:hunter3@a/\n" SECRET, "9:10",
          "holds a user or a password" },
        { HOOK "    secret: hunter2hunter2hunter2hunter2\n", "10:13", "is no secret of a webhook" },
        { HOOK "    secret: whsec_hunter2!\n", "10:13", "is no secret of a webhook" },
        { HOOK "    secret: whsec_aHVudGVyMg==\n", "10:13", "24 to 64 random bytes in base64" },
        { HOOK "    secret: [whsec_" KEY_24 ", hunter2]\n", "10:54",
          "webhooks[0].secret[1] is no" },
        { HOOK "    secret: []\n", "10:5", "is empty; it needs one entry at least" },
        { HOOK "    secret: ${PAWL_T_UNSET}\n", "10:13", "PAWL_T_UNSET" },
        { HOOK "    secret: { a: b }\n", "10:13", "must be text, not a mapping" },
        { HOOK "    secret: [whsec_" KEY_24 ", whsec_" KEY_24 ", whsec_" KEY_24 ", whsec_" KEY_24
               "]\n",
          "10:13", "has 4 entries; at most 3 are allowed" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf report;
        struct err err;
        char place[320];
        struct config *config = test_load(cases[i].text, &report, &err);

        (void)snprintf(place, sizeof(place), "%s:%s: ", test_path("pawl.yaml"), cases[i].place);
        if (config || strncmp(buf_cstr(&report), place, strlen(place)) != 0 ||
            !strstr(buf_cstr(&report), cases[i].words) || !strstr(err.msg, "has 1 error"))
            fail_msg("wanted %s%s, but the report is: %s in:\n%s", place, cases[i].words,
                     buf_cstr(&report), cases[i].text);
        assert_null(strstr(buf_cstr(&report), "hunter2"));
        buf_release(&report);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(none_is_fine),
        cmocka_unit_test(what_is_wrong_has_its_place),
    };

    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
