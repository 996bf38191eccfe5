/* Reading: what is taken, what is refused and in which words. */
#include "unit/unit.h"

#include "base/json.h"

static struct json *read_ok(struct slice text)
{
    struct json *root = NULL;
    struct err err = { 0 };

    if (json_read(&root, text, 1 << 20, &err))
        fail_msg("%.*s: %s", (int)text.len, text.ptr, err.msg);
    return root;
}

static void kinds_and_lookups(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("{\"s\":\"a\\u00e4\\n\",\"i\":-7,\"r\":1.5,\"t\":true,"
                                         "\"n\":null,\"a\":[1,[2]],\"o\":{\"x\":{}}}"));

    (void)state;
    assert_int_equal(json_kind(root), JSON_KIND_OBJECT);
    assert_int_equal(json_count(root), 7);
    assert_true(slice_is(json_str(json_get(root, "s")), "a\xc3\xa4\n"));
    assert_int_equal(json_int(json_get(root, "i"), 0), -7);
    assert_true(json_number(json_get(root, "r"), 0) == 1.5);
    assert_true(json_number(json_get(root, "i"), 0) == -7.0);
    assert_true(json_bool(json_get(root, "t"), 0));
    assert_int_equal(json_kind(json_get(root, "n")), JSON_KIND_NULL);
    assert_int_equal(json_count(json_get(root, "a")), 2);
    assert_int_equal(json_int(json_at(json_at(json_get(root, "a"), 1), 0), 0), 2);
    assert_int_equal(json_kind(json_get(json_get(root, "o"), "x")), JSON_KIND_OBJECT);
}

static void absent_or_another_kind_gives_the_fallback(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("{\"s\":\"text\",\"i\":3,\"a\":[]}"));
    const struct json *s = json_get(root, "s");

    (void)state;
    assert_null(json_get(root, "none"));
    assert_null(json_get(NULL, "none"));
    assert_null(json_get(s, "none"));
    assert_null(json_at(s, 0));
    assert_null(json_at(NULL, 0));
    assert_null(json_at(json_get(root, "a"), 0));
    assert_null(json_first(s));
    assert_null(json_first(NULL));
    assert_int_equal(json_count(NULL) + json_count(s), 0);
    assert_int_equal(json_kind(NULL), JSON_KIND_ABSENT);
    assert_null(json_str(json_get(root, "i")).ptr);
    assert_null(json_str(NULL).ptr);
    assert_int_equal(json_int(s, 9), 9);
    assert_int_equal(json_int(NULL, 9), 9);
    assert_true(json_number(s, 2.5) == 2.5);
    assert_int_equal(json_bool(s, 1), 1);
    assert_int_equal(json_bool(NULL, 0), 0);
    json_free(NULL);
}

static void any_value_may_be_the_root(void **state)
{
    static const char *const texts[] = { "null", "true", "-0", "\"x\"", "1e3", "[]", " {} \n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        json_free(read_ok(slice_of(texts[i])));
}

static void a_pointer_leads_to_a_value(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("{\"a\":[10,[11],{\"b\":12}],\"\":{\"\":13},\"x/y\":14,"
                                         "\"m~n\":15,\"~1\":16,\"0\":17,\"o\":{\"01\":18}}"));
    static const struct {
        const char *pointer;
        int64_t value;
    } cases[] = {
        { "/a/0", 10 },  { "/a/1/0", 11 }, { "/a/2/b", 12 }, { "//", 13 },    { "/x~1y", 14 },
        { "/m~0n", 15 }, { "/~01", 16 },   { "/0", 17 },     { "/o/01", 18 },
    };

    (void)state;
    assert_ptr_equal(json_pointer(root, SLICE_LIT("")), root);
    assert_int_equal(json_kind(json_pointer(root, SLICE_LIT("/a"))), JSON_KIND_ARRAY);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(json_int(json_pointer(root, slice_of(cases[i].pointer)), -1),
                         cases[i].value);
}

static void a_pointer_to_nothing_leads_nowhere(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("{\"a\":[10,11],\"m~n\":1,\"m~\":2,\"s\":\"text\"}"));
    static const char *const pointers[] = {
        "/none", "/a/2",  "/a/-",  "/a/00", "/a/01",  "/a/", "/a/1x", "/a/18446744073709551616",
        "/a/+1", "/a/0/", "/s/0",  "/s/",   "/m~n",   "/m~", "a",     "s",
        "x/a",   "/",     "/m~2n", "/A",    "/a/0/1", " /a",
    };
    char longest[5001];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
        assert_null(json_pointer(root, slice_of(pointers[i])));
    assert_null(json_pointer(NULL, SLICE_LIT("")));
    assert_null(json_pointer(NULL, SLICE_LIT("/a")));
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_null(json_pointer(root, slice_of(longest)));
}

static void members_come_in_their_order(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("{\"z\":0,\"a\":1,\"m\":2,\"b\":3,\"\":4}"));
    static const char *const keys[] = { "z", "a", "m", "b", "" };
    int at = 0;

    (void)state;
    for (struct json_iter *it = json_first(root); it; it = json_next(root, it), at++) {
        assert_string_equal(json_iter_key(it), keys[at]);
        assert_int_equal(json_int(json_iter_value(it), -1), at);
    }
    assert_int_equal(at, 5);
}

static void bad_text_is_refused_in_plain_words(void **state)
{
#define BAD(text, msg)                                                                             \
    {                                                                                              \
        { text, sizeof(text) - 1 }, msg                                                            \
    }
    static const struct {
        struct slice text;
        const char *msg;
    } cases[] = {
        BAD("", "line 1, column 1: the JSON ends too early"),
        BAD("  \n ", "line 2, column 2: the JSON ends too early"),
        BAD("{\"a\":1", "line 1, column 7: the JSON ends too early"),
        BAD("[1,\n 2", "line 2, column 3: the JSON ends too early"),
        BAD("\"abc", "line 1, column 5: the JSON ends too early"),
        BAD("{\"a\":1}x", "line 1, column 8: there is more after the end of the JSON"),
        BAD("1 2", "line 1, column 3: there is more after the end of the JSON"),
        BAD("{\"a\":1,\n \"a\":2}", "line 2, column 4: the same key twice in one object"),
        BAD("[\n\n  nope]", "line 3, column 3: not valid JSON"),
        BAD("{'a':1}", "line 1, column 2: not valid JSON"),
        BAD("[1,]", "line 1, column 4: not valid JSON"),
        BAD("[01]", "line 1, column 2: not valid JSON"),
        BAD("[+1]", "line 1, column 2: not valid JSON"),
        BAD("[NaN]", "line 1, column 2: not valid JSON"),
        BAD("\"\x01\"", "line 1, column 2: a control character in a string"),
        BAD("\"a\nb\"", "line 1, column 3: a control character in a string"),
        BAD("\"\\q\"", "line 1, column 3: not valid JSON"),
        BAD("\"\\u12g4\"", "line 1, column 3: not valid JSON"),
        BAD("\"\\ud800\"", "line 1, column 8: not valid JSON"),
        BAD("\"\\udc00\"", "line 1, column 8: not valid JSON"),
        BAD("\"\\ud800\\u0041\"", "line 1, column 14: not valid JSON"),
        BAD("\"\\u0000\"", "line 1, column 8: a NUL character is not allowed in a string"),
        BAD("{\"\\u0000\":1}", "line 1, column 9: a NUL character is not allowed in a string"),
        BAD("[1]\0", "line 1, column 4: there is more after the end of the JSON"),
        BAD("\"\0\"", "line 1, column 2: a control character in a string"),
        BAD("\"\xff\"", "line 1, column 2: not valid UTF-8"),
        BAD("\"\xc0\x80\"", "line 1, column 2: not valid UTF-8"),
        BAD("\"\xed\xa0\x80\"", "line 1, column 2: not valid UTF-8"),
        BAD("\"\xf4\x90\x80\x80\"", "line 1, column 2: not valid UTF-8"),
        BAD("\xef\xbb\xbf{}", "line 1, column 1: not valid JSON"),
        BAD("[9223372036854775808]", "line 1, column 2: a number out of range"),
        BAD("[-9223372036854775809]", "line 1, column 2: a number out of range"),
        BAD("[1e999]", "line 1, column 2: a number out of range"),
    };
    int failed = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *root = NULL;
        struct err err = { 0 };
        enum err_code code = json_read(&root, cases[i].text, 1 << 20, &err);

        if (code == ERR_INVALID && !root && strcmp(err.msg, cases[i].msg) == 0)
            continue;
        print_error("%s\n   wanted %s\n   got    %s\n", cases[i].text.ptr, cases[i].msg, err.msg);
        failed++;
    }
    assert_int_equal(failed, 0);
}

static void the_ends_of_int64_are_kept(void **state)
{
    CLEANUP(json_cleanup)
    struct json *root = read_ok(slice_of("[9223372036854775807,-9223372036854775808]"));

    (void)state;
    assert_true(json_int(json_at(root, 0), 0) == INT64_MAX);
    assert_true(json_int(json_at(root, 1), 0) == INT64_MIN);
}

static char *nested(size_t depth, const char *brackets)
{
    char *text = xcalloc(1, depth * 2 + 1);

    memset(text, brackets[0], depth);
    memset(text + depth, brackets[1], depth);
    return text;
}

static void depth_and_size_are_limited(void **state)
{
    char *deepest = nested(JSON_DEPTH_MAX, "[]");
    char *deeper = nested(JSON_DEPTH_MAX + 1, "[]");
    char *hostile = nested(200000, "[]");
    char *objects = nested(200000, "{}");
    struct json *root = NULL;
    struct err err = { 0 };

    (void)state;
    json_free(read_ok(slice_of(deepest)));
    assert_int_equal(json_read(&root, slice_of(deeper), 1 << 20, &err), ERR_LIMIT);
    assert_string_equal(err.msg, "line 1, column 129: nested too deep");
    assert_int_equal(json_read(&root, slice_of(hostile), 1 << 20, &err), ERR_LIMIT);
    assert_int_equal(json_read(&root, slice_of(objects), 1 << 20, &err), ERR_LIMIT);
    assert_int_equal(json_read(&root, slice_of("[1,2]"), 4, &err), ERR_LIMIT);
    assert_string_equal(err.msg, "the JSON has 5 bytes; at most 4 are allowed");
    assert_null(root);
    json_free(read_ok(slice_of("[1,2]")));
    free(deepest);
    free(deeper);
    free(hostile);
    free(objects);
}

static void brackets_in_strings_are_not_depth(void **state)
{
    enum { MANY = 1000 };
    char text[MANY + 20] = "[\"\\\"";

    (void)state;
    memset(text + 4, '[', MANY);
    (void)snprintf(text + 4 + MANY, 16, "%s", "\\\\\",[[]]]");
    json_free(read_ok(slice_of(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_and_lookups),
        cmocka_unit_test(absent_or_another_kind_gives_the_fallback),
        cmocka_unit_test(any_value_may_be_the_root),
        cmocka_unit_test(a_pointer_leads_to_a_value),
        cmocka_unit_test(a_pointer_to_nothing_leads_nowhere),
        cmocka_unit_test(members_come_in_their_order),
        cmocka_unit_test(bad_text_is_refused_in_plain_words),
        cmocka_unit_test(the_ends_of_int64_are_kept),
        cmocka_unit_test(depth_and_size_are_limited),
        cmocka_unit_test(brackets_in_strings_are_not_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
