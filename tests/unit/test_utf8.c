#include "unit/unit.h"

#include "base/utf8.h"

/* Every code point there and back, by an encoder of the test's own. */
static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80)
        out[0] = (char)c;
    else if (c < 0x800)
        out[0] = (char)(0xc0 | c >> 6);
    else if (c < 0x10000)
        out[0] = (char)(0xe0 | c >> 12);
    else
        out[0] = (char)(0xf0 | c >> 18);
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = 1; i < len; i++)
        out[i] = (char)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3f));
    return len;
}

static void every_character_decodes_to_itself(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        char bytes[4];
        struct slice text = { bytes, encode(c, bytes) };
        uint32_t got = 0;
        int is_char = (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;

        assert_int_equal(utf8_decode(text, &got), is_char ? text.len : 0);
        assert_int_equal(utf8_is_valid(text), is_char && c != 0);
        if (is_char)
            assert_int_equal(got, c);
        text.len--;
        assert_int_equal(utf8_decode(text, &got), 0); /* cut short */
    }
}

static void bad_bytes_are_no_text(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc3\x28",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
        "ok \xc3",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_is_valid(slice_of(bad[i])));
    assert_true(utf8_is_valid((struct slice){ NULL, 0 }));
    assert_true(utf8_is_valid(SLICE_LIT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z")));
}

static void a_prefix_cuts_no_character(void **state)
{
    struct slice text = SLICE_LIT("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    static const size_t wanted[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(wanted); max++) {
        struct slice prefix = utf8_prefix(text, max);

        assert_ptr_equal(prefix.ptr, text.ptr);
        assert_int_equal(prefix.len, wanted[max]);
    }
    assert_int_equal(utf8_prefix(SLICE_LIT("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}

static void a_suffix_cuts_no_character(void **state)
{
    struct slice text = SLICE_LIT("\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4z");
    static const size_t wanted[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(wanted); max++) {
        struct slice suffix = utf8_suffix(text, max);

        assert_int_equal(suffix.len, wanted[max]);
        assert_ptr_equal(suffix.ptr + suffix.len, text.ptr + text.len);
    }
    assert_int_equal(utf8_suffix(SLICE_LIT("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}

static void bad_bytes_are_replaced_within_a_bound(void **state)
{
    struct slice text = SLICE_LIT("a\xff\0\xc3\xa4");
    static const size_t took[] = { 0, 1, 1, 1, 2, 2, 2, 3, 3, 5, 5 };

    (void)state;
    for (size_t max = 0; max < ARRAY_LEN(took); max++) {
        CLEANUP(buf_release) struct buf buf = { .max = 100 };

        assert_int_equal(utf8_put_text(&buf, text, max), took[max]);
        assert_true(utf8_is_valid(buf_slice(&buf)) && buf.len <= max);
    }
}

static const char *visible(struct buf *buf, struct slice text, int is_multiline)
{
    buf_clear(buf);
    utf8_put_visible(buf, text, is_multiline);
    return buf_cstr(buf);
}

static void what_steers_a_terminal_becomes_visible(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    assert_string_equal(visible(&buf, (struct slice){ NULL, 0 }, 0), "");
    assert_string_equal(visible(&buf, SLICE_LIT("plain \xc3\xa4 \xf0\x9f\x98\x80"), 0),
                        "plain \xc3\xa4 \xf0\x9f\x98\x80");
    assert_string_equal(visible(&buf, SLICE_LIT("\x1b[31mred\x07\x7f"), 0),
                        "\\u{1b}[31mred\\u{7}\\u{7f}");
    assert_string_equal(visible(&buf,
                                SLICE_LIT("\xc2\x9b"
                                          "31m"),
                                0),
                        "\\u{9b}31m");
    assert_string_equal(visible(&buf,
                                SLICE_LIT("a\xe2\x80\xae"
                                          "b\xe2\x81\xa6"
                                          "c"),
                                0),
                        "a\\u{202e}b\\u{2066}c");
    assert_string_equal(visible(&buf, SLICE_LIT("z\xe2\x80\x8bw\xef\xbb\xbf"), 0),
                        "z\\u{200b}w\\u{feff}");
    assert_string_equal(visible(&buf,
                                SLICE_LIT("a\0b\xff"
                                          "c\xc3"),
                                0),
                        "a\\u{0}b\xef\xbf\xbd"
                        "c\xef\xbf\xbd");
}

static void newlines_stay_only_where_lines_are_wanted(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    assert_string_equal(visible(&buf, SLICE_LIT("a\nb\tc\rd"), 0), "a b c\\u{d}d");
    assert_string_equal(visible(&buf, SLICE_LIT("a\nb\tc\rd"), 1), "a\nb\tc\\u{d}d");
    assert_string_equal(visible(&buf,
                                SLICE_LIT("a\xe2\x80\xa8"
                                          "b"),
                                1),
                        "a\\u{2028}b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_decodes_to_itself),
        cmocka_unit_test(bad_bytes_are_no_text),
        cmocka_unit_test(a_prefix_cuts_no_character),
        cmocka_unit_test(a_suffix_cuts_no_character),
        cmocka_unit_test(bad_bytes_are_replaced_within_a_bound),
        cmocka_unit_test(what_steers_a_terminal_becomes_visible),
        cmocka_unit_test(newlines_stay_only_where_lines_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
