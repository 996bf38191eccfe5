#include "unit/unit.h"

#include "tool/capture.h"

static void add(struct capture *capture, const char *text)
{
    capture_add(capture, slice_of(text));
}

static void expect(struct capture *capture, const char *text, uint64_t total)
{
    struct slice got = capture_text(capture);

    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.len ? got.ptr : "", text, got.len);
    assert_int_equal(capture->total, total);
    capture_release(capture);
    capture_release(capture);
}

static void ends_keep_both_and_say_what_is_between(void **state)
{
    struct capture capture;

    (void)state;
    capture_init(&capture, 10);
    add(&capture, "12345678");
    expect(&capture, "12345678", 8);
    capture_init(&capture, 10);
    add(&capture, "1234567890");
    expect(&capture, "1234567890", 10);
    capture_init(&capture, 10);
    add(&capture, "123");
    add(&capture, "4567890abcdef");
    expect(&capture, "12345\n[... 6 bytes left out ...]\nbcdef", 16);
    capture_init(&capture, 10);
    for (int i = 0; i < 1000; i++)
        add(&capture, "abc");
    expect(&capture, "abcab\n[... 2990 bytes left out ...]\nbcabc", 3000);
}

static void none_is_kept_of_nothing(void **state)
{
    struct capture capture;

    (void)state;
    capture_init(&capture, 0);
    add(&capture, "text");
    expect(&capture, "", 4);
    capture_init(&capture, 1);
    add(&capture, "text");
    expect(&capture, "t", 4);
    capture_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_keep_both_and_say_what_is_between),
        cmocka_unit_test(none_is_kept_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
