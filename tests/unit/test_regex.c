/* Patterns: what they match, what is refused, and that no match takes long. */
#include "base/regex.h"
#include "unit.h"

enum { WORK = 1000 * 1000 };

static enum regex_verdict test_with(const char *pattern, struct slice text, uint64_t *work)
{
    struct regex *regex = NULL;
    struct err err = { 0 };

    if (regex_new(&regex, slice_of(pattern), &err))
        fail_msg("%s: %s", pattern, err.msg);
    enum regex_verdict verdict = regex_test(regex, text, work);

    regex_free(regex);
    return verdict;
}

static void assert_verdict(const char *pattern, const char *text, enum regex_verdict wanted)
{
    uint64_t work = WORK;

    if (test_with(pattern, slice_of(text), &work) != wanted)
        fail_msg("/%s/ on \"%s\": not %d", pattern, text, wanted);
}

struct row {
    const char *pattern;
    const char *fitting;
    const char *other; /* or NULL: there is none */
};

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_verdict(rows[i].pattern, rows[i].fitting, REGEX_YES);
        if (rows[i].other)
            assert_verdict(rows[i].pattern, rows[i].other, REGEX_NO);
    }
}

static void sequences_alternatives_and_repeats(void **state)
{
    static const struct row rows[] = {
        { "", "anything", NULL },
        { "b", "abc", "ac" },
        { "^b", "bc", "ab" },
        { "b$", "ab", "ab\n" }, /* no end before a last newline */
        { "^(?:a|bc|)$", "bc", "c" },
        { "^(?:a|bc|)$", "", "ab" },
        { "^a|b$", "xb", "xa" },
        { "^a*$", "", "b" },
        { "^(a|b)+c?$", "abbac", "c" },
        { "^a{2}$", "aa", "aaa" },
        { "^a{2,}$", "aaaa", "a" },
        { "^a{2,3}$", "aaa", "aaaa" },
        { "^a{0}b$", "b", "ab" },
        { "^(a{0,2}){2}$", "aaaa", "aaaaa" },
        { "^(a*)*$", "aaa", "ab" },
        { "^(?:){1000000}x$", "x", "" },
        { "^(?<year>\\d{4})-(\\d\\d)$", "2024-02", "2024-2" },
        { "^a+?b??$", "aab", "abb" },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void characters_and_classes(void **state)
{
    static const struct row rows[] = {
        { "^.$", "\xf0\x9f\x98\x80", "\n" }, /* a character, not a byte */
        { "^..$", "\xc3\xa9z", "\xc3\xa9" },
        { "^.$", "x", "\xe2\x80\xa8" }, /* U+2028 ends a line */
        { "^\\d$", "7", "\xd9\xa3" },   /* an Arabic three is no \d */
        { "^\\w+$", "aZ_9", "\xc3\xa9" },
        { "^\\s$", "\xc2\xa0", "x" },
        { "^\\s$", "\xef\xbb\xbf", "_" },
        { "^\\S\\D\\W$", "xx-", "x--x" },
        { "^[a-c\\d_-]+$", "b4-_", "d" },
        { "^[\\w-.]+$", "a-.", "+" }, /* a dash beside a class */
        { "^[^a-c]$", "\xc3\xa9", "b" },
        { "^[^]$", "\n", "" },
        { "^[^\\s\\S]?$", "", "x" },
        { "^[\\b]$", "\b", "b" },
        { "^[\xc3\xa0-\xc3\xbf]$", "\xc3\xa9", "e" },
        { "^\\x41\\u0042\\u{43}\\cJ$", "ABC\n", "ABCJ" },
        { "^\\ud83d\\ude00$", "\xf0\x9f\x98\x80", "?" },
        { "^\\^\\$\\.\\/\\-\\@\\{\\}$", "^$./-@{}", "x" },
        { "\\bfoo\\b", "a foo.", "afoo" },
        { "o\\B", "foo", "to" },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void what_stands_ahead_and_behind(void **state)
{
    static const struct row rows[] = {
        { "^(?=.*\\d)(?=.*[a-z]).{4,}$", "ab1c", "abcd" },
        { "^(?!.*\\.\\.)[a-z.]+$", "a.b.c", "a..b" },
        { "(?<=\\$)\\d+", "cost $5", "cost 5" },
        { "(?<!-)\\b\\d+$", "x 5", "-5" },
        { "^a(?=b(?!c))", "abd", "abc" },
        { "^(?:(?=ab)a|b)+$", "abab", "aab" },
        { "(?<=(?=b).)c", "bc", "ac" },
        { "(?<=^a*)b", "aab", "cb" },
        { "^(?:x(?=y)){0,2}", "", NULL },
    };

    (void)state;
    assert_rows(rows, ARRAY_LEN(rows));
}

static void what_is_no_pattern_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *pattern, *message;
    } rows[] = {
        { "a(b", "character 4: a parenthesis is not closed" },
        { "a)b", "character 2: a parenthesis was not opened" },
        { "\xc3\xa9[a", "character 4: a bracket is not closed" },
        { "[b-a]", "character 5: a range ends before it begins" },
        { "*a", "character 1: there is nothing here to repeat" },
        { "a**", "character 3: there is nothing here to repeat" },
        { "^*", "character 2: there is nothing here to repeat" },
        { "(?=a)+", "character 6: there is nothing here to repeat" },
        { "a{2,1}", "character 7: a count ends before it begins" },
        { "a{b}", "character 3: this is no count; for a brace write \\{" },
        { "{a}", "character 1: for a brace write \\{" },
        { "a}", "character 2: for a brace write \\}" },
        { "a]", "character 2: for a bracket write \\]" },
        { "(a)\\1", "character 5: back references are not supported" },
        { "\\k<a>", "character 2: back references are not supported" },
        { "\\p{L}", "character 2: \\p is not supported; list the characters" },
        { "[\\p{L}]", "character 3: \\p is not supported; list the characters" },
        { "a\\Z", "character 3: this escape means nothing" },
        { "\\x4", "character 3: this escape means nothing" },
        { "\\u{110000}", "escape means nothing" },
        { "\\01", "character 2: this escape means nothing" },
        { "a\\", "character 3: a backslash ends it" },
        { "(?i)a", "character 2: no group begins so" },
        { "(?<1>a)", "no group begins so" },
        { "\xff", "it is not UTF-8" },
        { "((a{100}){100}){100}", "with its repeats written out it is too large" },
        { "a{99999999999}", "with its repeats written out it is too large" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *regex = NULL;
        struct err err = { 0 };

        assert_int_not_equal(regex_new(&regex, slice_of(rows[i].pattern), &err), ERR_NONE);
        assert_null(regex);
        if (!strstr(err.msg, rows[i].message))
            fail_msg("/%s/: %s", rows[i].pattern, err.msg);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    static char pattern[REGEX_PATTERN_BYTES_MAX + 2];
    struct regex *regex = NULL;
    struct err err = { 0 };

    (void)state;
    memset(pattern, '(', 1000);
    assert_int_equal(regex_new(&regex, slice_of(pattern), &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "nested too deep"));
    memset(pattern, 'a', sizeof(pattern) - 1);
    assert_int_equal(regex_new(&regex, slice_of(pattern), &err), ERR_LIMIT);
    pattern[REGEX_PATTERN_BYTES_MAX] = '\0';
    assert_int_equal(regex_new(&regex, slice_of(pattern), &err), ERR_NONE);
    assert_int_equal(regex_size(regex), REGEX_PATTERN_BYTES_MAX + 1);
    regex_free(regex);
    regex_free(NULL);
}

/* The worst of a pattern that is tried: each of these takes other engines years. */
static void no_pattern_takes_more_than_its_size_times_the_text(void **state)
{
    static const char *const patterns[] = { "^(a+)+$", "^(a|a)*$", "(a*)*(a*)*(a*)*b$",
                                            "(.*a){10}b", "^(?=(a+)+$)(?!(a|aa)+$)" };
    enum { LEN = 2000 };
    char text[LEN + 2];

    (void)state;
    memset(text, 'a', LEN);
    memcpy(text + LEN, "!", 2);
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        uint64_t work = WORK;

        assert_int_equal(test_with(patterns[i], slice_of(text), &work), REGEX_NO);
        assert_true(work > 0);
    }
}

static void work_is_counted_and_ends(void **state)
{
    uint64_t work = 10;

    (void)state;
    assert_int_equal(test_with("^a+$", SLICE_LIT("aaaaaaaaaa"), &work), REGEX_TOO_MUCH_WORK);
    assert_int_equal(work, 0);
    work = WORK;
    assert_int_equal(test_with("^a+$", SLICE_LIT("aaaaaaaaaa"), &work), REGEX_YES);
    assert_in_range(WORK - work, 40, 100); /* a handful of states at each of eleven places */
    work = 25;
    assert_int_equal(test_with("(?=a)(?=b)", SLICE_LIT("aaaaaaaaaa"), &work), REGEX_TOO_MUCH_WORK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences_alternatives_and_repeats),
        cmocka_unit_test(characters_and_classes),
        cmocka_unit_test(what_stands_ahead_and_behind),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_its_place),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(no_pattern_takes_more_than_its_size_times_the_text),
        cmocka_unit_test(work_is_counted_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
