/* The timeline of `pawl show`, and what `pawl run` prints as it goes. */
#include "cli/timeline.h"
#include "unit/unit.h"

static const char *const journal[] = {
    "{\"seq\":1,\"at\":\"2026-11-23T10:00:00.000Z\",\"kind\":\"created\",\"v\":1,"
    "\"input\":\"What is\\nlarge? \\u001b[31m\"}",
    "{\"seq\":2,\"at\":\"2026-11-23T10:00:00.010Z\",\"kind\":\"model_started\",\"v\":1,\"call\":1,"
    "\"attempt\":1,\"model\":\"main\"}",
    "{\"seq\":3,\"at\":\"2026-11-23T10:00:01.000Z\",\"kind\":\"model_answered\",\"v\":1,\"call\":1,"
    "\"attempt\":1,\"finish\":\"stop\",\"used\":{\"tokens\":1500,\"nanousd\":2000000},"
    "\"text\":\"I look.\",\"first_call\":2,\"calls\":["
    "{\"call\":2,\"type\":\"tool\",\"tool\":\"largest\",\"arguments\":{\"n\":3}},"
    "{\"call\":3,\"type\":\"tool\",\"tool\":\"owner\",\"arguments\":{}},"
    "{\"call\":4,\"type\":\"tool\",\"tool\":\"owner\",\"arguments\":{}}]}",
    "{\"seq\":4,\"at\":\"2026-11-23T10:00:01.500Z\",\"kind\":\"tool_finished\",\"v\":1,\"call\":3,"
    "\"attempt\":1,\"output\":\"root\\n\",\"is_error\":false}",
    "{\"seq\":5,\"at\":\"2026-11-23T10:00:05.000Z\",\"kind\":\"interrupted\",\"v\":1,\"call\":2,"
    "\"attempt\":1,\"by\":\"crash\"}",
    "{\"seq\":6,\"at\":\"2026-11-23T10:00:05.000Z\",\"kind\":\"interrupted\",\"v\":1,\"call\":4,"
    "\"attempt\":1,\"by\":\"crash\"}",
    "{\"seq\":7,\"at\":\"2026-11-23T10:00:06.000Z\",\"kind\":\"tool_finished\",\"v\":1,\"call\":2,"
    "\"attempt\":2,\"output\":\"no such file\",\"is_error\":true,\"stderr\":\"hm\"}",
    "{\"seq\":8,\"at\":\"2026-11-23T10:01:30.000Z\",\"kind\":\"cancelled\",\"v\":1,\"by\":\"api\","
    "\"reason\":\"enough\"}",
};

static void add(struct timeline *timeline, const char *text, struct buf *ended,
                const struct timeline_style *style)
{
    struct json *event = NULL;
    struct err err = { 0 };

    assert_int_equal(json_read(&event, slice_of(text), 65536, &err), ERR_NONE);
    timeline_add(timeline, event);
    if (ended)
        timeline_put_ended(ended, timeline, event, style);
    json_free(event);
}

static void expect(const struct buf *buf, const char *expected)
{
    assert_string_equal(buf_cstr(buf), expected);
}

static void a_journal_in_the_order_in_which_things_began(void **state)
{
    const struct timeline_style style = { .width = 100 };
    struct buf out = { .max = 65536 };
    struct timeline timeline;

    (void)state;
    timeline_init(&timeline);
    for (size_t i = 0; i < ARRAY_LEN(journal); i++)
        add(&timeline, journal[i], NULL, NULL);
    timeline_put(&out, &timeline, &style);
    expect(&out,
           "10:00:00   +0.000s  input     What is large? \\u{1b}[31m\n"
           "10:00:00   +0.010s  model     main | 990 ms | 1,500 tokens | $0.002000\n"
           "                              -> I look.\n"
           "                              asks for largest, owner (2)\n"
           "10:00:01   +1.000s  tool      largest {\"n\":3} | 4.0 s\n"
           "                              interrupted: the server was killed\n"
           "10:00:01   +1.000s  tool      owner | 500 ms\n"
           "                              -> root\n"
           "10:00:01   +1.000s  tool      owner | 4.0 s\n"
           "                              interrupted: the server was killed\n"
           "10:00:05 ------------------- the server was killed here; taken up again (3.5 s after "
           "the last record) ---\n"
           "10:00:05   +5.000s  tool      largest {\"n\":3} | attempt 2 | 1.0 s\n"
           "                              error: no such file\n"
           "                              stderr: hm\n"
           "10:00:05   +5.000s  tool      owner | attempt 2 | 1m 25s\n"
           "                              given up: its turn ended\n"
           "10:01:30   +1m 30s  cancelled by api: enough\n");
    assert_true(timeline.is_ended);
    buf_release(&out);
    timeline_release(&timeline);
}

#define DOUBT(seq, attempt)                                                                        \
    "{\"seq\":" seq ",\"at\":\"2026-11-23T10:00:02.000Z\",\"kind\":\"tool_in_doubt\",\"v\":1,"     \
    "\"call\":2,\"attempt\":" attempt "}"
#define SETTLED(seq, attempt, by, outcome)                                                         \
    "{\"seq\":" seq ",\"at\":\"2026-11-23T10:00:03.000Z\",\"kind\":\"tool_reconciled\",\"v\":1,"   \
    "\"call\":2,\"attempt\":" attempt ",\"by\":\"" by "\",\"outcome\":\"" outcome "\"}"

static void expect_doubts(const char *const *events, size_t n, const char *const *lines)
{
    const struct timeline_style style = { .width = 100 };
    struct buf out = { .max = 65536 };
    struct timeline timeline;
    const char *at;

    timeline_init(&timeline);
    for (size_t i = 0; i < 3; i++)
        add(&timeline, journal[i], NULL, NULL);
    for (size_t i = 0; i < n; i++)
        add(&timeline, events[i], NULL, NULL);
    timeline_put(&out, &timeline, &style);
    at = buf_cstr(&out);
    for (; *lines; lines++) {
        const char *found = strstr(at, *lines);

        if (!found) {
            fail_msg("wanted \"%s\", got:\n%s", *lines, buf_cstr(&out));
            return;
        }
        at = found + 1;
    }
    assert_int_equal(strstr(buf_cstr(&out), "it happened") != NULL,
                     strcmp(*(lines - 1), "it happened, says: bob") == 0);
    buf_release(&out);
    timeline_release(&timeline);
}

static void each_try_in_doubt_has_its_own_verdict(void **state)
{
    static const char *const sent_again[] = {
        DOUBT("4", "1"), SETTLED("5", "1", "anna", "not_happened"),
        "{\"seq\":6,\"at\":\"2026-11-23T10:00:04.000Z\",\"kind\":\"tool_finished\",\"v\":1,"
        "\"call\":2,"
        "\"attempt\":2,\"output\":\"done\",\"is_error\":false}"
    };
    static const char *const again_in_doubt[] = {
        DOUBT("4", "1"), SETTLED("5", "1", "anna", "not_happened"), DOUBT("6", "2"),
        SETTLED("7", "2", "the_tool", "unknown"), SETTLED("8", "2", "bob", "happened")
    };

    (void)state;
    expect_doubts(sent_again, 3,
                  (const char *const[]){ "it did not happen, says: anna", "-> done", NULL });
    expect_doubts(again_in_doubt, 4,
                  (const char *const[]){ "it did not happen, says: anna",
                                         "in doubt: it is not known whether this happened", NULL });
    expect_doubts(again_in_doubt, 5,
                  (const char *const[]){ "it did not happen, says: anna", "it happened, says: bob",
                                         NULL });
}

static void entries_as_their_tries_end(void **state)
{
    const struct timeline_style style = { .width = 60 };
    struct buf out = { .max = 65536 };
    struct buf open = { .max = 1024 };
    struct timeline timeline;

    (void)state;
    timeline_init(&timeline);
    add(&timeline, journal[0], &out, &style);
    add(&timeline, journal[1], &out, &style);
    expect(&out, "");
    timeline_put_open(&open, &timeline);
    expect(&open, "model");
    add(&timeline, journal[2], NULL, NULL);
    add(&timeline, journal[3], &out, &style);
    expect(&out, "10:00:01   +1.500s  tool      owner | 500 ms\n"
                 "                              -> root\n");
    buf_clear(&open);
    timeline_put_open(&open, &timeline);
    expect(&open, "largest, owner");
    assert_int_equal(timeline.seq, 4);
    assert_false(timeline.is_ended);
    buf_release(&out);
    buf_release(&open);
    timeline_release(&timeline);
}

static void each_death_of_the_server_has_its_mark(void **state)
{
    static const char again[] =
        "{\"seq\":7,\"at\":\"2026-11-23T10:00:07.000Z\",\"kind\":\"interrupted\",\"v\":1,"
        "\"call\":2,\"attempt\":2,\"by\":\"drain\"}";
    const struct timeline_style style = { .width = 100 };
    struct buf out = { .max = 65536 };
    struct timeline timeline;

    (void)state;
    timeline_init(&timeline);
    for (size_t i = 0; i < 6; i++)
        add(&timeline, journal[i], NULL, NULL);
    size_t marks = timeline.marks_n;

    add(&timeline, again, NULL, NULL);
    timeline_put_marks(&out, &timeline, marks, &style);
    expect(&out, "10:00:07 ------------------- the server was stopped here; the next one goes on "
                 "---\n");
    buf_release(&out);
    timeline_release(&timeline);
}

static void a_copy_says_what_happened_elsewhere(void **state)
{
    static const char forked[] =
        "{\"seq\":7,\"at\":\"2026-11-23T10:00:07.000Z\",\"kind\":\"forked\",\"v\":1,"
        "\"from\":\"ses_a\",\"from_seq\":6,\"by\":\"api:127.0.0.1\"}";
    const struct timeline_style style = { .width = 100 };
    struct buf out = { .max = 65536 };
    struct timeline timeline;

    (void)state;
    timeline_init(&timeline);
    for (size_t i = 0; i < 6; i++)
        add(&timeline, journal[i], NULL, NULL);
    size_t marks = timeline.marks_n;

    add(&timeline, forked, NULL, NULL);
    timeline_put_marks(&out, &timeline, marks, &style);
    expect(&out, "10:00:07 ------------------- what is above happened to ses_a (its events 1 to "
                 "6); this copy begins here ---\n");
    buf_release(&out);
    timeline_release(&timeline);
}

static void what_is_no_event_is_left_out(void **state)
{
    struct timeline timeline;

    (void)state;
    timeline_init(&timeline);
    add(&timeline, "{\"seq\":1,\"at\":\"2026-11-23T10:00:00.000Z\",\"kind\":\"newer\"}", NULL,
        NULL);
    add(&timeline, "{\"seq\":1,\"at\":\"yesterday\",\"kind\":\"created\"}", NULL, NULL);
    add(&timeline, "[]", NULL, NULL);
    assert_int_equal(timeline.marks_n, 0);
    timeline_release(&timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journal_in_the_order_in_which_things_began),
        cmocka_unit_test(each_try_in_doubt_has_its_own_verdict),
        cmocka_unit_test(entries_as_their_tries_end),
        cmocka_unit_test(each_death_of_the_server_has_its_mark),
        cmocka_unit_test(a_copy_says_what_happened_elsewhere),
        cmocka_unit_test(what_is_no_event_is_left_out),
    };
    if (setenv("TZ", "UTC", 1) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
