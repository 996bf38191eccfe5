#include "unit/unit.h"

#include "base/buf.h"

static void appends_keep_a_zero_at_the_end(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 1000 };

    (void)state;
    assert_string_equal(buf_cstr(&buf), "");
    assert_int_equal(buf_slice(&buf).len, 0);
    buf_puts(&buf, "one");
    buf_put(&buf, (struct slice){ "\0x", 2 });
    buf_putf(&buf, "%d-%s", 42, "two");
    assert_int_equal(buf.len, 3 + 2 + 6);
    assert_string_equal(buf.data, "one"); /* and after the zero byte */
    assert_string_equal(buf.data + 4, "x42-two");
    buf_cut(&buf, 3);
    assert_string_equal(buf_cstr(&buf), "one");
    buf_clear(&buf);
    assert_string_equal(buf_cstr(&buf), "");
}

static void an_append_past_the_limit_changes_nothing(void **state)
{
    CLEANUP(buf_release) struct buf buf = { .max = 10 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(buf_add(&buf, SLICE_LIT("12345678"), &err), ERR_NONE);
    assert_int_equal(buf_add(&buf, SLICE_LIT("abc"), &err), ERR_LIMIT);
    assert_string_equal(err.msg, "3 bytes more than 8 pass the limit of 10");
    assert_int_equal(buf_addf(&buf, &err, "%s", "abc"), ERR_LIMIT);
    assert_string_equal(buf_cstr(&buf), "12345678");
    assert_int_equal(buf_addf(&buf, &err, "%s", "ab"), ERR_NONE);
    assert_string_equal(buf_cstr(&buf), "12345678ab");
    assert_int_equal(buf_add(&buf, SLICE_LIT(""), &err), ERR_NONE);
}

static void grows_to_its_limit_byte_by_byte(void **state)
{
    enum { MAX = 5000 };
    CLEANUP(buf_release) struct buf buf = { .max = MAX };
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < MAX; i++)
        buf_putf(&buf, "%c", 'a' + i % 26);
    assert_int_equal(buf.len, MAX);
    assert_int_equal(buf.cap, MAX + 1);
    assert_int_equal(strlen(buf.data), MAX);
    for (int i = 0; i < MAX; i++)
        assert_int_equal(buf.data[i], 'a' + i % 26);
    assert_int_equal(buf_add(&buf, SLICE_LIT("x"), &err), ERR_LIMIT);
}

static void detach_gives_the_bytes_away(void **state)
{
    struct buf buf = { .max = 10 };

    (void)state;
    char *empty = buf_detach(&buf);
    assert_string_equal(empty, "");
    free(empty);
    buf_puts(&buf, "text");
    char *text = buf_detach(&buf);
    assert_string_equal(text, "text");
    free(text);
    assert_int_equal(buf.len, 0);
    buf_puts(&buf, "again");
    assert_string_equal(buf_cstr(&buf), "again");
    buf_release(&buf);
    buf_release(&buf);
    buf_release(NULL);
    assert_int_equal(buf.max, 10);
}

static void put_too_much(void *arg)
{
    struct buf buf = { .max = 3 };

    (void)arg;
    buf_puts(&buf, "four");
}

static void printf_too_much(void *arg)
{
    struct buf buf = { .max = 3 };

    (void)arg;
    buf_putf(&buf, "%d", 1234);
}

static void put_without_a_limit(void *arg)
{
    struct buf buf = { 0 };

    (void)arg;
    buf_puts(&buf, "");
}

static void bugs_end_the_process(void **state)
{
    (void)state;
    assert_true(unit_dies(put_too_much, NULL));
    assert_true(unit_dies(printf_too_much, NULL));
    assert_true(unit_dies(put_without_a_limit, NULL));
}

static void slices_compare_by_content(void **state)
{
    struct slice none = { NULL, 0 };

    (void)state;
    assert_true(slice_is(SLICE_LIT("abc"), "abc"));
    assert_false(slice_is(SLICE_LIT("abc"), "abd"));
    assert_false(slice_is(SLICE_LIT("abc"), "ab"));
    assert_false(slice_equal(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
    assert_true(slice_equal(none, slice_of(NULL)));
    assert_true(slice_is(none, ""));
}

static void a_copy_outlives_its_slice(void **state)
{
    char text[] = "a\0bc";
    char *copy = slice_dup((struct slice){ text, 3 });
    char *empty = slice_dup((struct slice){ 0 });

    (void)state;
    text[0] = 'x';
    assert_memory_equal(copy, "a\0b\0", 4);
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_keep_a_zero_at_the_end),
        cmocka_unit_test(an_append_past_the_limit_changes_nothing),
        cmocka_unit_test(grows_to_its_limit_byte_by_byte),
        cmocka_unit_test(detach_gives_the_bytes_away),
        cmocka_unit_test(bugs_end_the_process),
        cmocka_unit_test(slices_compare_by_content),
        cmocka_unit_test(a_copy_outlives_its_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
