/* Server-sent events as they are written. */
#include "net/sse_write.h"
#include "unit/unit.h"

static void expect(const struct sse_message *event, const char *text)
{
    struct buf buf = { .max = sse_bytes_max(event) };

    sse_put(&buf, event);
    assert_string_equal(buf_cstr(&buf), text);
    buf_release(&buf);
}

static void an_event_has_the_fields_that_it_was_given(void **state)
{
    (void)state;
    expect(&(struct sse_message){ .id = SLICE_LIT("7"), .data = SLICE_LIT("{\"a\":1}") },
           "id: 7\ndata: {\"a\":1}\n\n");
    expect(&(struct sse_message){ .name = SLICE_LIT("delta"), .data = SLICE_LIT("x") },
           "event: delta\ndata: x\n\n");
    expect(&(struct sse_message){ .id = SLICE_LIT(""), .data = SLICE_LIT("x") },
           "id: \ndata: x\n\n");
    expect(&(struct sse_message){ 0 }, "data: \n\n");
}

static void every_line_of_the_data_is_a_line_of_its_own(void **state)
{
    static const struct {
        const char *data, *text;
    } cases[] = {
        { "a\nb", "data: a\ndata: b\n\n" },
        { "a\r\nb", "data: a\ndata: b\n\n" },
        { "a\rb", "data: a\ndata: b\n\n" },
        { "a\n\nb", "data: a\ndata: \ndata: b\n\n" },
        { "\n", "data: \ndata: \n\n" },
        { "a\r\n", "data: a\ndata: \n\n" },
        { " a\nid: 9", "data:  a\ndata: id: 9\n\n" },
        { "a\n\r", "data: a\ndata: \ndata: \n\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(&(struct sse_message){ .data = slice_of(cases[i].data) }, cases[i].text);
}

static void what_readers_do_not_see_is_short(void **state)
{
    struct buf buf = { .max = SSE_FIXED_MAX };

    (void)state;
    sse_put_heartbeat(&buf);
    assert_string_equal(buf_cstr(&buf), ":\n\n");
    buf_clear(&buf);
    sse_put_retry(&buf, INT64_MAX);
    assert_string_equal(buf_cstr(&buf), "retry: 9223372036854775807\n\n");
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_the_fields_that_it_was_given),
        cmocka_unit_test(every_line_of_the_data_is_a_line_of_its_own),
        cmocka_unit_test(what_readers_do_not_see_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
