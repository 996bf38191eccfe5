/* Streamed answers mean what the same answers mean as a whole, wherever their bytes are cut. */
#include "unit/unit.h"

#include "base/json.h"
#include "base/utf8.h"
#include "model/openai_error.h"
#include "model/openai_merge.h"
#include "model/openai_stream.h"

#define KEY SLICE_LIT("sk-secret-0123456789")

struct read {
    struct openai_answer answer;
    struct model_result result;
    struct buf told; /* the pieces of text, joined */
};

static void on_text(struct slice text, void *arg)
{
    struct read *read = arg;

    buf_put(&read->told, text);
}

/* In pieces: one of `first` bytes, then of `step`. Each ends where its memory does, for ASan. */
static void read_stream(struct read *read, struct slice stream, size_t first, size_t step)
{
    *read = (struct read){ .result.http_status = 200, .told.max = 1 << 20 };
    struct openai_stream *s = openai_stream_new(on_text, read);
    int is_good = 1;

    for (size_t at = 0, n = first; at < stream.len && is_good; at += n, n = step) {
        if (n > stream.len - at)
            n = stream.len - at;
        char *piece = malloc(n + (n == 0));

        assert_non_null(piece);
        memcpy(piece, stream.ptr + at, n);
        is_good = openai_stream_feed(s, (struct slice){ piece, n }, KEY, &read->result);
        free(piece);
        assert_int_equal(is_good, read->result.error == MODEL_OK);
    }
    if (is_good)
        openai_stream_end(s, &read->answer, KEY, &read->result);
    openai_stream_free(s);
}

static void read_whole(struct read *read, struct slice body)
{
    *read = (struct read){ .result.http_status = 200, .told.max = 1 << 20 };
    openai_answer_read(&read->answer, body, KEY, &read->result);
}

static void release(struct read *read)
{
    openai_answer_release(&read->answer);
    buf_release(&read->told);
}

static void assert_same(struct slice got, struct slice wanted, const char *what)
{
    if (!slice_equal(got, wanted))
        fail_msg("%s: '%.*s' is not '%.*s'", what, (int)got.len, got.ptr ? got.ptr : "",
                 (int)wanted.len, wanted.ptr ? wanted.ptr : "");
}

static void assert_same_results(const struct model_result *got, const struct model_result *wanted)
{
    assert_same(slice_of(got->message), slice_of(wanted->message), "message");
    assert_int_equal(got->error, wanted->error);
    assert_same(got->text, wanted->text, "text");
    assert_same(got->wire, wanted->wire, "wire");
    assert_same(got->raw, wanted->raw, "raw");
    assert_int_equal(got->finish, wanted->finish);
    assert_int_equal(got->has_usage, wanted->has_usage);
    assert_int_equal(got->usage.input_tokens, wanted->usage.input_tokens);
    assert_int_equal(got->usage.cached_tokens, wanted->usage.cached_tokens);
    assert_int_equal(got->usage.output_tokens, wanted->usage.output_tokens);
    assert_int_equal(got->calls_n, wanted->calls_n);
    assert_int_equal(got->calls_dropped, wanted->calls_dropped);
    for (size_t i = 0; i < got->calls_n; i++) {
        assert_same(got->calls[i].id, wanted->calls[i].id, "id");
        assert_same(got->calls[i].name, wanted->calls[i].name, "name");
        assert_same(got->calls[i].arguments, wanted->calls[i].arguments, "arguments");
    }
}

/* Chunks, one a line, as events; "[DONE]" is one of them. */
static void put_events(struct buf *stream, const char *lines)
{
    for (const char *end; *lines; lines = *end ? end + 1 : end) {
        end = strchrnul(lines, '\n');
        buf_puts(stream, "data: ");
        buf_put(stream, (struct slice){ lines, (size_t)(end - lines) });
        buf_puts(stream, "\n\n");
    }
}

/* ---- pairs written by hand ---- */

#define DELTA(text)                                                                                \
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" text "}]}\n"
#define ENDS(reason)                                                                               \
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"      \
    "\"" reason "\"}]}\n"
#define USAGE                                                                                      \
    "{\"prompt_tokens\":30,\"completion_tokens\":7,\"prompt_tokens_details\":"                     \
    "{\"cached_tokens\":20}}"
#define TAIL(reason) ENDS(reason) "{\"id\":\"c\",\"choices\":[],\"usage\":" USAGE "}\n[DONE]"
#define WHOLE(message, reason)                                                                     \
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"message\":" message                             \
    ",\"finish_reason\":\"" reason "\"}],\"usage\":" USAGE "}"
#define CALL(id, name, arguments)                                                                  \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" arguments "\"}}"
#define FIRST(index, id, name)                                                                     \
    "{\"tool_calls\":[{\"index\":" index ",\"id\":\"" id "\",\"type\":\"function\",\"function\":"  \
    "{\"name\":\"" name "\",\"arguments\":\"\"}}]}"
#define MORE(index, arguments)                                                                     \
    "{\"tool_calls\":[{\"index\":" index ",\"function\":{\"arguments\":\"" arguments "\"}}]}"

static const struct {
    const char *chunks;
    const char *whole;
} pairs[] = {
    { DELTA("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}")
          DELTA("{\"content\":\"Hel\"}") DELTA("{\"content\":\"lo \\u00e9\"}")
              DELTA("{\"content\":\" \xf0\x9f\x98\x80\"}") TAIL("stop"),
      WHOLE("{\"content\":\"Hello \xc3\xa9 \xf0\x9f\x98\x80\"}", "stop") },
    { DELTA("{\"role\":\"assistant\",\"content\":\"\"}") DELTA("{\"refusal\":\"I can\"}")
          DELTA("{\"refusal\":\"not.\"}") TAIL("stop"),
      WHOLE("{\"content\":\"\",\"refusal\":\"I cannot.\"}", "stop") },
    { DELTA("{\"content\":\"half\"}") TAIL("length"), WHOLE("{\"content\":\"half\"}", "length") },
    { DELTA("{\"content\":null}") TAIL("content_filter"),
      WHOLE("{\"content\":null}", "content_filter") },
    /* Two calls, one after the other and then mixed. */
    { DELTA("{\"role\":\"assistant\",\"content\":null}") DELTA(FIRST("0", "a", "find"))
          DELTA(MORE("0", "{\\\"x\\\"")) DELTA(MORE("0", ":1}")) DELTA(FIRST("1", "b", "now"))
              DELTA(MORE("1", "{}")) TAIL("tool_calls"),
      WHOLE("{\"content\":null,\"tool_calls\":[" CALL("a", "find", "{\\\"x\\\":1}") "," CALL(
                "b", "now", "{}") "]}",
            "tool_calls") },
    { DELTA(FIRST("0", "a", "f")) DELTA(FIRST("1", "b", "g")) DELTA(MORE("1", "{\\\"y\\\":"))
          DELTA(MORE("0", "{\\\"x\\\":")) DELTA(MORE("1", "2}")) DELTA(MORE("0", "1}"))
              TAIL("tool_calls"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{\\\"x\\\":1}") "," CALL("b", "g",
                                                                         "{\\\"y\\\":2}") "]}",
            "tool_calls") },
    /* A whole call in one delta; its arguments an object; none at all. */
    { DELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":"
            "{\"n\":[1,2.5]}}},{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}]}")
          TAIL("tool_calls"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{\\\"n\\\":[1,2.5]}") "," CALL("b", "g", "{}") "]}",
            "tool_calls") },
    /* What never forms JSON is passed on: the engine refuses the call. */
    { DELTA(FIRST("0", "a", "f")) DELTA(MORE("0", "{\\\"x")) DELTA(MORE("0", "}]"))
          TAIL("tool_calls"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{\\\"x}]") "]}", "tool_calls") },
    /* All calls are number 0, but their ids differ; no numbers at all. */
    { DELTA(
          "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{}\"}},{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}")
          DELTA(MORE("0", "{}")) TAIL("stop"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{}") "," CALL("b", "g", "{}") "]}", "stop") },
    { DELTA("{\"tool_calls\":[" CALL("a", "f", "{") "]}")
          DELTA("{\"tool_calls\":[{\"function\":{\"arguments\":\"}\"}}]}")
              DELTA("{\"tool_calls\":[" CALL("b", "g", "{}") "]}") TAIL("stop"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{}") "," CALL("b", "g", "{}") "]}", "stop") },
    /* Id, type and name come again with each delta; each delta has a new id. */
    { DELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":"
            "{\"name\":\"f\",\"arguments\":\"{\"}}]}")
          DELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":"
                "{\"name\":\"f\",\"arguments\":\"}\"}}]}") TAIL("stop"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{}") "]}", "stop") },
    { DELTA(FIRST("0", "a", "f"))
          DELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"zz\",\"type\":\"function\",\"function\":"
                "{\"name\":null,\"arguments\":\"{}\"}}]}") TAIL("stop"),
      WHOLE("{\"tool_calls\":[" CALL("a", "f", "{}") "]}", "stop") },
    /* What others added to the format, and what nobody knows. */
    { DELTA("{\"reasoning_content\":\"h\"}") DELTA("{\"reasoning_content\":\"m\"}") DELTA(
          "{\"reasoning_details\":[{\"type\":\"t\",\"format\":\"x\",\"text\":\"a\",\"index\":"
          "0}]}") DELTA("{\"reasoning_details\":[{\"type\":\"t\",\"format\":\"x\",\"text\":\"b\","
                        "\"index\":0}]}")
          DELTA("{\"content\":\"x\",\"audio\":{\"id\":\"au\",\"n\":1.5,\"b\":true}}") TAIL("stop"),
      WHOLE("{\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":\"t\",\"format\":\"x\","
            "\"text\":\"ab\",\"index\":0}],\"content\":\"x\",\"audio\":{\"id\":\"au\",\"n\":1.5,"
            "\"b\":true}}",
            "stop") },
    /* Parts: of unknown types, alone and after plain text. */
    { DELTA("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},17]}")
          DELTA("{\"content\":[{\"type\":\"image\"},\"b\"]}") TAIL("stop"),
      WHOLE("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},17,{\"type\":\"image\"},\"b\"]}",
            "stop") },
    { DELTA("{\"content\":\"a\"}") DELTA("{\"content\":[{\"type\":\"thinking\"}]}")
          DELTA("{\"content\":\"b\"}") TAIL("stop"),
      WHOLE("{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"thinking\"},{\"type\":"
            "\"text\",\"text\":\"b\"}]}",
            "stop") },
    /* Other choices, chunks without any, a message instead of deltas, usage in each chunk. */
    { "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"},\"finish_reason\":\"length\"}]}\n"
      "{\"choices\":[],\"prompt_filter_results\":[]}\n{}\n" DELTA("{\"content\":\"yes\"}")
          TAIL("stop"),
      WHOLE("{\"content\":\"yes\"}", "stop") },
    { "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"x\"},"
      "\"finish_reason\":\"stop\"}],\"usage\":" USAGE "}",
      WHOLE("{\"content\":\"x\"}", "stop") },
    { "{\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":30,"
      "\"completion_tokens\":1}}\n" DELTA("{\"content\":\"y\"}") TAIL("stop"),
      WHOLE("{\"content\":\"xy\"}", "stop") },
    /* What is no answer, in both forms. */
    { DELTA("{\"role\":\"assistant\",\"content\":\"\"}") TAIL("stop"),
      WHOLE("{\"role\":\"assistant\",\"content\":\"\"}", "stop") },
};

static void both_forms_mean_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CLEANUP(buf_release) struct buf stream = { .max = 1 << 16 };
        struct read whole;

        put_events(&stream, pairs[i].chunks);
        read_whole(&whole, slice_of(pairs[i].whole));
        for (size_t cut = 0; cut <= stream.len; cut++) {
            struct read read;

            if (cut < stream.len)
                read_stream(&read, buf_slice(&stream), cut, stream.len);
            else
                read_stream(&read, buf_slice(&stream), 1, 1);
            assert_same_results(&read.result, &whole.result);
            assert_same(buf_slice(&read.told), whole.result.text, "told");
            release(&read);
        }
        release(&whole);
    }
}

/* ---- answers cut into chunks by a machine ---- */

/* A chunk for each `n` bytes of the text, or somewhat less where a character would be cut. */
static void put_pieces(struct buf *stream, const char *before, struct slice text, size_t n,
                       const char *after)
{
    for (struct slice piece; text.len > 0; text.ptr += piece.len, text.len -= piece.len) {
        piece = utf8_prefix(text, n);
        buf_puts(stream, before);
        json_put_str(stream, piece);
        buf_puts(stream, after);
    }
}

static void put_call(struct buf *stream, const struct json *call, size_t i, size_t n)
{
    const struct json *function = json_get(call, "function");
    char before[200];

    buf_puts(stream, "data:{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":");
    json_put_str(stream, json_str(json_get(call, "id")));
    buf_puts(stream, ",\"function\":{\"name\":");
    json_put_str(stream, json_str(json_get(function, "name")));
    buf_putf(stream, "},\"index\":%zu}]}}]}\r\n\r\n", i);
    (void)snprintf(before, sizeof(before),
                   "data:{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%zu,\"function\":"
                   "{\"arguments\":",
                   i);
    put_pieces(stream, before, json_str(json_get(function, "arguments")), n, "}}]}}]}\r\n\r\n");
}

static void put_chunks(struct buf *stream, const struct json *message, size_t n)
{
    const struct json *calls = json_get(message, "tool_calls");

    put_pieces(stream, "data:{\"choices\":[{\"delta\":{\"content\":",
               json_str(json_get(message, "content")), n, "}}]}\r\n\r\n");
    for (size_t i = 0; i < json_count(calls); i++)
        put_call(stream, json_at(calls, i), i, n);
    buf_puts(stream, ": nearly\r\n\r\ndata:{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}"
                     "]}\r\n\r\ndata:[DONE]\r\n\r\n");
}

static void pieces_of_any_size_make_the_same_answer(void **state)
{
    static const char *const messages[] = {
        "{\"content\":\"The quick brown f\\u00f6x \xf0\x9f\xa6\x8a \\\"jumps\\\" \\\\ over\\n\"}",
        "{\"tool_calls\":[" CALL("c1", "find", "{\\\"a\\\": \\\"\\\\u00e9 \xc3\xa9\\\"}") "," CALL(
            "c2", "now", "x") "]}",
        "{\"content\":\"both\",\"tool_calls\":[" CALL("c1", "f", "{\\\"deep\\\":[[[{}]]]}") "]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(messages) * 40; i++) {
        CLEANUP(buf_release) struct buf stream = { .max = 1 << 20 };
        CLEANUP(buf_release) struct buf body = { .max = 1 << 16 };
        CLEANUP(json_cleanup) struct json *message = NULL;
        struct slice text = slice_of(messages[i / 40]);
        struct read read;
        struct read whole;
        struct err err = { 0 };

        assert_int_equal(json_read(&message, text, text.len, &err), ERR_NONE);
        put_chunks(&stream, message, 4 + i % 40);
        buf_puts(&body, "{\"choices\":[{\"message\":");
        buf_put(&body, text);
        buf_puts(&body, ",\"finish_reason\":\"stop\"}]}");
        read_whole(&whole, buf_slice(&body));
        read_stream(&read, buf_slice(&stream), 1 + i % 7, 1 + i % 11);
        assert_int_equal(read.result.error, MODEL_OK);
        assert_same_results(&read.result, &whole.result);
        release(&read);
        release(&whole);
    }
}

/* ---- what goes wrong ---- */

static void bad_chunks_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *chunks;
        const char *says;
        enum model_error error;
    } cases[] = {
        { DELTA("{\"content\":\"x\"}") "{\"error\":{\"message\":\"engine died\"}}", "engine died",
          MODEL_BAD_ANSWER },
        { "{\"error\":{\"message\":\"wait\",\"code\":429}}", "with an error: wait",
          MODEL_RATE_LIMITED },
        { DELTA("{\"content\":\"x\"}") "{\"error\":\"sk-secret-0123456789\"}", "[api_key]",
          MODEL_BAD_ANSWER },
        { "{\"error\":{\"code\":\"insufficient_quota\"}}", "billing", MODEL_NO_QUOTA },
        { "<html>", "a chunk that begins '<html>'", MODEL_BAD_ANSWER },
        { "{\"choices\":[", "a chunk that begins '{\"choices\":['", MODEL_BAD_ANSWER },
        { "[]", "no JSON object", MODEL_BAD_ANSWER },
        { DELTA("{\"content\":\"caf\xc3\"}"), "UTF-8", MODEL_BAD_ANSWER },
        { DELTA("{\"content\":\"\xed\xa0\x80\"}"), "UTF-8", MODEL_BAD_ANSWER },
        { "{\"choices\":{}}\n[DONE]", "no choices[0].message", MODEL_BAD_ANSWER },
        { "[DONE]", "no choices[0].message", MODEL_BAD_ANSWER },
        { DELTA("{}") "[DONE]", "neither text nor tool calls", MODEL_BAD_ANSWER },
        { DELTA("{\"content\":\"x\"}"), "ended before the answer did", MODEL_TIMED_OUT },
        { "{}", "ended before the answer did", MODEL_TIMED_OUT },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf stream = { .max = 1 << 16 };
        struct read read;

        put_events(&stream, cases[i].chunks);
        read_stream(&read, buf_slice(&stream), 1, 1);
        assert_int_equal(read.result.error, cases[i].error);
        assert_int_equal(read.result.wire.len, 0);
        assert_true(utf8_is_valid(slice_of(read.result.message)));
        assert_null(strstr(read.result.message, "secret"));
        if (!strstr(read.result.message, cases[i].says))
            fail_msg("'%s' does not say '%s'", read.result.message, cases[i].says);
        release(&read);
    }
}

static void an_error_may_be_an_event(void **state)
{
    struct read read;

    (void)state;
    read_stream(&read, SLICE_LIT("event: error\ndata: {\"message\":\"gone\",\"code\":503}\n\n"), 1,
                1);
    assert_int_equal(read.result.error, MODEL_OVERLOADED);
    assert_non_null(strstr(read.result.message, "gone"));
    release(&read);
}

/* Before the finish it is cut off; after it only the usage is lost. */
static void every_prefix_is_cut_off_or_whole(void **state)
{
    CLEANUP(buf_release) struct buf stream = { .max = 1 << 16 };

    (void)state;
    put_events(&stream, DELTA("{\"content\":\"Hel\"}") DELTA("{\"content\":\"lo\"}") TAIL("stop"));
    const char *end = strstr(strstr(buf_cstr(&stream), "finish_reason"), "\n\n") + 2;

    for (size_t len = 0; len <= stream.len; len++) {
        struct read read;
        int is_whole = buf_cstr(&stream) + len >= end;

        read_stream(&read, (struct slice){ stream.data, len }, len, 1);
        assert_int_equal(read.result.error, is_whole ? MODEL_OK : MODEL_TIMED_OUT);
        if (is_whole)
            assert_same(read.result.text, SLICE_LIT("Hello"), "text");
        release(&read);
    }
}

static void after_the_end_nothing_counts(void **state)
{
    struct read read;

    (void)state;
    read_stream(&read,
                SLICE_LIT("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"
                          "data: [DONE]\n\ndata: {\"error\":{}}\n\ndata: <html>\n\n"),
                1, 1);
    assert_int_equal(read.result.error, MODEL_OK);
    assert_same(read.result.text, SLICE_LIT("x"), "text");
    release(&read);
}

static void ids_are_made_unique(void **state)
{
    CLEANUP(buf_release) struct buf stream = { .max = 1 << 16 };
    struct read read;

    (void)state;
    put_events(&stream, DELTA(FIRST("0", "same", "a")) DELTA(FIRST("1", "same", "b"))
                            DELTA(FIRST("2", "", "c")) TAIL("tool_calls"));
    read_stream(&read, buf_slice(&stream), 1, 1);
    assert_int_equal(read.result.error, MODEL_OK);
    assert_int_equal(read.result.calls_n, 3);
    assert_same(read.result.calls[0].id, SLICE_LIT("same"), "id");
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(slice_equal(read.result.calls[i].id, read.result.calls[j].id));
    release(&read);
}

static void too_many_members_or_calls_are_refused(void **state)
{
    CLEANUP(buf_release) struct buf stream = { .max = 1 << 20 };
    struct read read;

    (void)state;
    for (int i = 0; i < OPENAI_MERGE_MEMBERS_MAX; i++)
        buf_putf(&stream, "data: {\"choices\":[{\"delta\":{\"m%d\":1}}]}\n\n", i);
    buf_puts(&stream, "data: [DONE]\n\n");
    read_stream(&read, buf_slice(&stream), 100, 1000);
    assert_non_null(strstr(read.result.message, "neither text nor tool calls"));
    release(&read);
    buf_cut(&stream, stream.len - 14);
    buf_puts(&stream, "data: {\"choices\":[{\"delta\":{\"m\":1}}]}\n\n");
    read_stream(&read, buf_slice(&stream), 100, 1000);
    assert_int_equal(read.result.error, MODEL_BAD_ANSWER);
    assert_non_null(strstr(read.result.message, "too many members"));
    release(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_mean_the_same),
        cmocka_unit_test(pieces_of_any_size_make_the_same_answer),
        cmocka_unit_test(bad_chunks_are_refused_with_a_reason),
        cmocka_unit_test(an_error_may_be_an_event),
        cmocka_unit_test(every_prefix_is_cut_off_or_whole),
        cmocka_unit_test(after_the_end_nothing_counts),
        cmocka_unit_test(ids_are_made_unique),
        cmocka_unit_test(too_many_members_or_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
