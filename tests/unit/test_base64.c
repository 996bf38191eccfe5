#include "unit/unit.h"

#include "base/base64.h"

static void the_vectors_of_rfc_4648(void **state)
{
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        CLEANUP(buf_release) struct buf text = { .max = 100 };
        CLEANUP(buf_release) struct buf bytes = { .max = 100 };
        struct err err = { 0 };

        base64_put(&text, slice_of(vectors[i][0]));
        assert_true(slice_is(buf_slice(&text), vectors[i][1]));
        assert_int_equal(base64_add(&bytes, slice_of(vectors[i][1]), &err), ERR_NONE);
        assert_true(slice_is(buf_slice(&bytes), vectors[i][0]));
    }
}

static void every_byte_comes_back(void **state)
{
    CLEANUP(buf_release) struct buf text = { .max = 400 };
    CLEANUP(buf_release) struct buf bytes = { .max = 256 };
    struct err err = { 0 };
    char all[256];

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    base64_put(&text, (struct slice){ all, sizeof(all) });
    assert_int_equal(base64_add(&bytes, buf_slice(&text), &err), ERR_NONE);
    assert_true(slice_equal(buf_slice(&bytes), (struct slice){ all, sizeof(all) }));
}

static void what_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {
        "Z",    "Zg",   "Zg=",      "Zh==", /* a bit that no byte takes */
        "Zm9=", "====", "Zg==Zg==", "Zm-v", "Zm9v\n", "Z===", " Zm9v",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(buf_release) struct buf bytes = { .max = 100 };
        struct err err = { 0 };

        buf_puts(&bytes, "kept");
        if (base64_add(&bytes, slice_of(wrong[i]), &err) != ERR_INVALID)
            fail_msg("%s was taken", wrong[i]);
        assert_true(slice_is(buf_slice(&bytes), "kept"));
    }
}

static void a_full_buffer_stays_as_it_was(void **state)
{
    CLEANUP(buf_release) struct buf bytes = { .max = 4 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(base64_add(&bytes, SLICE_LIT("Zm9vYmFy"), &err), ERR_LIMIT);
    assert_int_equal(bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(a_full_buffer_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
