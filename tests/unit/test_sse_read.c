/* Each stream is read whole, cut in two at every byte, and byte by byte: always the same events. */
#include "unit/unit.h"

#include "net/sse_read.h"

enum { BYTES_MAX = 64 };

/* What came, one event after the other: "type|data|id;". */
struct heard {
    struct buf text;
    int refuses; /* the events that are left until one is refused; 0: none is */
};

static enum err_code on_event(const struct sse_event *event, void *arg, struct err *err)
{
    struct heard *heard = arg;

    if (heard->refuses > 0 && --heard->refuses == 0)
        return err_set(err, ERR_CONFLICT, "no more");
    buf_put(&heard->text, event->type);
    buf_puts(&heard->text, "|");
    buf_put(&heard->text, event->data);
    buf_puts(&heard->text, "|");
    buf_put(&heard->text, event->id);
    buf_puts(&heard->text, ";");
    return ERR_NONE;
}

/* On the heap and exactly as long, so that ASan sees a step too far. */
static enum err_code feed(struct sse_reader *reader, struct slice bytes, struct err *err)
{
    char *exact = malloc(bytes.len + (bytes.len == 0));

    assert_non_null(exact);
    if (bytes.len > 0)
        memcpy(exact, bytes.ptr, bytes.len);
    enum err_code code = sse_reader_feed(reader, (struct slice){ exact, bytes.len }, err);

    free(exact);
    return code;
}

/* Reads the stream in pieces of `step` bytes after a first one of `first`. */
static enum err_code read_pieces(struct heard *heard, struct slice stream, size_t first,
                                 size_t step)
{
    struct sse_reader reader;
    struct err err = { 0 };
    enum err_code code = ERR_NONE;

    sse_reader_init(&reader, BYTES_MAX, on_event, heard);
    for (size_t at = 0, n = first; at < stream.len && !code; at += n, n = step) {
        if (n > stream.len - at)
            n = stream.len - at;
        code = feed(&reader, (struct slice){ stream.ptr + at, n }, &err);
    }
    assert_int_equal(code, err.code);
    sse_reader_release(&reader);
    sse_reader_release(&reader);
    return code;
}

static void assert_events(struct slice stream, const char *wanted, enum err_code code)
{
    for (size_t cut = 0; cut <= stream.len + 1; cut++) {
        CLEANUP(buf_release) struct buf text = { .max = 1 << 16 };
        struct heard heard = { .text = text };
        /* The last round is byte by byte. */
        enum err_code got = cut > stream.len ? read_pieces(&heard, stream, 1, 1)
                                             : read_pieces(&heard, stream, cut, stream.len);

        text = heard.text;
        assert_int_equal(got, code);
        if (!slice_is(buf_slice(&text), wanted))
            fail_msg("cut at %zu: '%s' is not '%s'", cut, buf_cstr(&text), wanted);
    }
}

#define EVENTS(stream, wanted) assert_events(SLICE_LIT(stream), wanted, ERR_NONE)

static void events_are_what_blank_lines_part(void **state)
{
    (void)state;
    EVENTS("", "");
    EVENTS("data: a\n\n", "|a|;");
    EVENTS("data: a\n\ndata: b\n\n", "|a|;|b|;");
    EVENTS("\n\n\ndata: a\n\n\n\n", "|a|;");
    EVENTS("data: not ended\n", "");
    EVENTS("data: ended\n\ndata: not", "|ended|;");
}

static void lines_end_in_each_way(void **state)
{
    (void)state;
    EVENTS("data: a\r\rdata: b\r\r", "|a|;|b|;");
    EVENTS("data: a\r\n\r\ndata: b\r\n\r\n", "|a|;|b|;");
    EVENTS("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "|a|;|b|;|c|;");
    EVENTS("data: a\rdata: b\ndata: c\r\n\n", "|a\nb\nc|;");
}

static void data_may_have_lines_and_be_empty(void **state)
{
    (void)state;
    EVENTS("data: a\ndata: b\n\n", "|a\nb|;");
    EVENTS("data\n\ndata\ndata\n\ndata:", "||;|\n|;"); /* the standard's own example */
    EVENTS("data:a\n\ndata:  a \n\n", "|a|;| a |;");
    EVENTS("data: a: b\n\n", "|a: b|;");
    EVENTS("data: \xc3\xa9\xff\n\n", "|\xc3\xa9\xff|;");
}

static void types_end_with_their_event_and_ids_stay(void **state)
{
    (void)state;
    EVENTS("event: x\nid: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", "x|a|1;|b|1;|c|;");
    EVENTS("event: lost\nid: 7\n\ndata: a\n\n", "|a|7;");
    EVENTS("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", "|a|1;|b|1;");
    EVENTS("event: x\nevent: y\ndata: a\n\n", "y|a|;");
}

static void comments_and_strange_fields_say_nothing(void **state)
{
    (void)state;
    EVENTS(": OPENROUTER PROCESSING\n\n:\n\ndata: a\n: in between\ndata: b\n\n", "|a\nb|;");
    EVENTS("retry: 10\ndatas: x\n data: y\nDATA: z\nunknown\ndata: a\n\n", "|a|;");
}

static void one_bom_is_skipped(void **state)
{
    (void)state;
    EVENTS("\xef\xbb\xbf"
           "data: a\n\n",
           "|a|;");
    EVENTS("\xef\xbb\xbf\xef\xbb\xbf"
           "data: a\n\ndata: b\n\n",
           "|b|;");
    EVENTS("\xef\xbb"
           "data: a\n\ndata: b\n\n",
           "|b|;");
    EVENTS("data: a\n\xef\xbb\xbf"
           "data: b\n\n",
           "|a|;");
}

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static void lines_and_events_are_bounded(void **state)
{
    (void)state;
    EVENTS("data: " FIFTY "12345678\n\n", "|" FIFTY "12345678|;"); /* a line of 64 bytes */
    assert_events(SLICE_LIT("data: a\n\ndata: " FIFTY "123456789\n\n"), "|a|;", ERR_LIMIT);
    assert_events(SLICE_LIT(":" FIFTY TEN "12345"), "", ERR_LIMIT);
    EVENTS("data:" FIFTY "\ndata:" TEN "123\n\n", "|" FIFTY "\n" TEN "123|;"); /* 64 of data */
    assert_events(SLICE_LIT("data:" FIFTY "\ndata:" TEN "1234\n\n"), "", ERR_LIMIT);
    assert_events(SLICE_LIT("data:" FIFTY "\ndata:" TEN "123\ndata\n\n"), "", ERR_LIMIT);
    assert_events(SLICE_LIT("data:" FIFTY "\ndata:" TEN "123\ndata:x\n\n"), "", ERR_LIMIT);
}

static void the_reader_can_be_stopped(void **state)
{
    CLEANUP(buf_release) struct buf text = { .max = 1 << 16 };
    struct heard heard = { .text = text, .refuses = 2 };

    (void)state;
    assert_int_equal(read_pieces(&heard, SLICE_LIT("data: a\n\ndata: b\n\ndata: c\n\n"), 100, 1),
                     ERR_CONFLICT);
    text = heard.text;
    assert_string_equal(buf_cstr(&text), "|a|;");
    sse_reader_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_what_blank_lines_part),
        cmocka_unit_test(lines_end_in_each_way),
        cmocka_unit_test(data_may_have_lines_and_be_empty),
        cmocka_unit_test(types_end_with_their_event_and_ids_stay),
        cmocka_unit_test(comments_and_strange_fields_say_nothing),
        cmocka_unit_test(one_bom_is_skipped),
        cmocka_unit_test(lines_and_events_are_bounded),
        cmocka_unit_test(the_reader_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
