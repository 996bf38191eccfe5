/* Writing: by hand with its commas, and of nodes; what is written can be read again. */
#include "unit/unit.h"

#include "base/json.h"
#include "base/random.h"

static void commas_come_by_themselves(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    json_begin(&buf, '{');
    json_key(&buf, "s");
    json_put_str(&buf, SLICE_LIT("ends with {"));
    json_key(&buf, "a");
    json_begin(&buf, '[');
    json_put_int(&buf, INT64_MIN);
    json_put_bool(&buf, 1);
    json_put_bool(&buf, 0);
    json_put_null(&buf);
    json_put_raw(&buf, SLICE_LIT("{\"raw\":[1]}"));
    json_begin(&buf, '{');
    json_end(&buf, '}');
    json_begin(&buf, '[');
    json_end(&buf, ']');
    json_end(&buf, ']');
    json_key(&buf, "usd");
    json_put_usd(&buf, 1234000);
    json_end(&buf, '}');
    assert_string_equal(buf_cstr(&buf),
                        "{\"s\":\"ends with {\",\"a\":[-9223372036854775808,true,false,null,"
                        "{\"raw\":[1]},{},[]],\"usd\":0.001234}");
}

static void numbers_are_whole(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    json_begin(&buf, '[');
    json_put_int(&buf, 0);
    json_put_int(&buf, -1);
    json_put_int(&buf, 10);
    json_put_int(&buf, -907);
    json_put_int(&buf, INT64_MAX);
    json_put_int(&buf, INT64_MIN);
    json_end(&buf, ']');
    assert_string_equal(buf_cstr(&buf), "[0,-1,10,-907,9223372036854775807,-9223372036854775808]");
}

static void a_comma_that_stands_is_not_doubled(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    json_put_str(&buf, SLICE_LIT("ends with ,"));
    json_put_int(&buf, 1);
    buf_puts(&buf, ",");
    json_begin(&buf, '{');
    json_end(&buf, '}');
    assert_string_equal(buf_cstr(&buf), "\"ends with ,\",1,{}");
}

static const char *written(struct buf *buf, struct slice text)
{
    buf_clear(buf);
    json_put_str(buf, text);
    return buf_cstr(buf);
}

static void strings_are_escaped_and_repaired(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    assert_string_equal(written(&buf, SLICE_LIT("")), "\"\"");
    assert_string_equal(written(&buf, (struct slice){ NULL, 0 }), "\"\"");
    assert_string_equal(written(&buf, SLICE_LIT("a\"b\\c/")), "\"a\\\"b\\\\c/\"");
    assert_string_equal(written(&buf, SLICE_LIT("\b\t\n\f\r")), "\"\\b\\t\\n\\f\\r\"");
    assert_string_equal(written(&buf, SLICE_LIT("\x01\x1f\x7f")), "\"\\u0001\\u001f\\u007f\"");
    assert_string_equal(written(&buf, SLICE_LIT("a\xc2\x80\xc2\x9f\xc2\xa0")),
                        "\"a\\u0080\\u009f\xc2\xa0\"");
    assert_string_equal(written(&buf, SLICE_LIT("\xc3\xa4\xf0\x9f\x98\x80")),
                        "\"\xc3\xa4\xf0\x9f\x98\x80\"");
    assert_string_equal(written(&buf, SLICE_LIT("a\0b")), "\"a\xef\xbf\xbd"
                                                          "b\"");
    assert_string_equal(written(&buf, SLICE_LIT("\xff\xc3")), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_string_equal(written(&buf, SLICE_LIT("\xed\xa0\x80x")),
                        "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"");
}

/* Any bytes at all: what comes out is read again, and good text comes back as it was. */
static void whatever_is_written_can_be_read(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 10000 };
    struct random random;

    (void)state;
    random_seed(&random, 1);
    for (int i = 0; i < 5000; i++) {
        char bytes[40];
        size_t len = random_below(&random, sizeof(bytes));
        int is_ascii = i % 2;
        struct json *root = NULL;
        struct err err = { 0 };

        for (size_t k = 0; k < len; k++)
            bytes[k] =
                (char)(is_ascii ? 1 + random_below(&random, 127) : random_u64(&random) & 255);
        (void)written(&buf, (struct slice){ bytes, len });
        assert_int_equal(json_read(&root, buf_slice(&buf), buf.max, &err), ERR_NONE);
        if (is_ascii)
            assert_true(slice_equal(json_str(root), (struct slice){ bytes, len }));
        json_free(root);
    }
}

static void dollars_have_no_digit_too_many(void **state)
{
    static const struct {
        int64_t nanousd;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "0.000000001" },
        { -1, "-0.000000001" },
        { 1000000000, "1" },
        { 2500000000, "2.5" },
        { 100, "0.0000001" },
        { INT64_MAX, "9223372036.854775807" },
        { INT64_MIN, "-9223372036.854775808" },
        { 10000000000, "10" },
    };
    CLEANUP(buf_release) struct buf buf = { .max = 100 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&buf);
        json_put_usd(&buf, cases[i].nanousd);
        assert_string_equal(buf_cstr(&buf), cases[i].text);
    }
}

typedef enum err_code write_fn(struct buf *, const struct json *, struct err *);

static void check_write(write_fn *write, const char *text, const char *wanted)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    assert_int_equal(json_read(&root, slice_of(text), 1000, &err), ERR_NONE);
    assert_int_equal(write(&buf, root, &err), ERR_NONE);
    assert_string_equal(buf_cstr(&buf), wanted);
}

static void nodes_are_written_compactly_in_order(void **state)
{
    (void)state;
    check_write(json_write,
                " { \"b\" : [ 1 , 2.0, -0.0, 1e300, 0.1 ], \"a\" : { } , \"c\": null } ",
                "{\"b\":[1,2.0,-0.0,1e+300,0.1],\"a\":{},\"c\":null}");
    check_write(json_write, "[true,false,\"\\u00e4\\n\\u001b\",[],12345678901234]",
                "[true,false,\"\xc3\xa4\\n\\u001b\",[],12345678901234]");
    check_write(json_write, "0.30000000000000004", "0.30000000000000004");
    check_write(json_write, "100000000000000000000.5", "1e+20");
}

static void canonical_text_has_sorted_keys_at_all_depths(void **state)
{
    (void)state;
    check_write(json_write_canonical,
                "{\"b\":1,\"a\":{\"z\":[{\"y\":1,\"x\":2}],\"\":0},\"B\":3,\"ab\":4}",
                "{\"B\":3,\"a\":{\"\":0,\"z\":[{\"x\":2,\"y\":1}]},\"ab\":4,\"b\":1}");
}

static void a_write_that_does_not_fit_leaves_the_buf(void **state)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(json_read(&root, slice_of("{\"a\":[1,\"x\\n\",{\"b\":1.5}],\"c\":true}"), 1000,
                               &err),
                     ERR_NONE);
    for (size_t max = 2; max < 36; max++) {
        CLEANUP(buf_release) struct buf buf = { .max = max };

        buf_puts(&buf, "ab");
        assert_int_equal(json_write(&buf, root, &err), ERR_LIMIT);
        assert_string_equal(buf_cstr(&buf), "ab");
        err = (struct err){ 0 };
    }
    CLEANUP(buf_release) struct buf buf = { .max = 36 };

    buf_puts(&buf, "ab");
    assert_int_equal(json_write(&buf, root, &err), ERR_NONE);
    assert_string_equal(buf_cstr(&buf), "ab{\"a\":[1,\"x\\n\",{\"b\":1.5}],\"c\":true}");
}

static void nothing_is_written_as_null(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 10 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(json_write(&buf, NULL, &err), ERR_NONE);
    assert_string_equal(buf_cstr(&buf), "null");
}

/* An err that nobody has filled, or that an earlier call did, says nothing about this one. */
static void success_does_not_depend_on_the_err_that_came_in(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 10 };
    struct err err = { .code = ERR_CORRUPT };

    (void)state;
    assert_int_equal(json_write(&buf, NULL, &err), ERR_NONE);
    assert_int_equal(err.code, ERR_CORRUPT);
}

static void overfill(void *arg)
{
    struct buf buf = { .max = 4 };

    (void)arg;
    json_put_str(&buf, SLICE_LIT("abc"));
}

static void a_full_buf_ends_the_process(void **state)
{
    (void)state;
    assert_true(unit_dies(overfill, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(a_comma_that_stands_is_not_doubled),
        cmocka_unit_test(strings_are_escaped_and_repaired),
        cmocka_unit_test(whatever_is_written_can_be_read),
        cmocka_unit_test(dollars_have_no_digit_too_many),
        cmocka_unit_test(nodes_are_written_compactly_in_order),
        cmocka_unit_test(canonical_text_has_sorted_keys_at_all_depths),
        cmocka_unit_test(a_write_that_does_not_fit_leaves_the_buf),
        cmocka_unit_test(nothing_is_written_as_null),
        cmocka_unit_test(success_does_not_depend_on_the_err_that_came_in),
        cmocka_unit_test(a_full_buf_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
