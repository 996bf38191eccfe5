#include "unit/unit.h"

#include "base/json.h"
#include "base/utf8.h"
#include "model/openai_answer.h"
#include "model/openai_error.h"

#define KEY SLICE_LIT("sk-secret-0123456789")

/* An answer and what it was read from, so that a test is a few lines. */
struct read {
    struct openai_answer answer;
    struct model_result result;
};

static void read_body(struct read *read, struct slice body)
{
    /* On the heap and without a zero at its end, so that ASan sees a step too far. */
    char *exact = malloc(body.len + (body.len == 0));

    assert_non_null(exact);
    if (body.len > 0)
        memcpy(exact, body.ptr, body.len);
    memset(read, 0, sizeof(*read));
    read->result.http_status = 200;
    openai_answer_read(&read->answer, (struct slice){ exact, body.len }, KEY, &read->result);
    free(exact);
}

static void release(struct read *read)
{
    openai_answer_release(&read->answer);
    openai_answer_release(&read->answer); /* repeatable */
}

static void assert_slice(struct slice got, const char *wanted)
{
    if (!slice_is(got, wanted))
        fail_msg("'%.*s' is not '%s'", (int)got.len, got.ptr ? got.ptr : "", wanted);
}

static int contains(struct slice text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* A completion with this message, finished normally, with usage. */
static struct slice completion(struct buf *buf, const char *message)
{
    *buf = (struct buf){ .max = 1 << 22 };
    buf_puts(buf, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":"
                  "\"gpt-5-mini-2026\",\"choices\":[{\"index\":0,\"message\":");
    buf_puts(buf, message);
    buf_puts(buf, ",\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":30,"
                  "\"completion_tokens\":7,\"total_tokens\":37,\"prompt_tokens_details\":"
                  "{\"cached_tokens\":20}}}");
    return buf_slice(buf);
}

static void read_message(struct read *read, const char *message)
{
    CLEANUP(buf_release) struct buf body = { 0 };

    read_body(read, completion(&body, message));
}

#define PLAIN "{\"role\":\"assistant\",\"content\":\"Hello.\",\"refusal\":null,\"annotations\":[]}"

#define CALL(id, name, arguments)                                                                  \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" arguments "\"}}"

static void a_plain_answer(void **state)
{
    struct read r;

    (void)state;
    read_message(&r, PLAIN);
    assert_int_equal(r.result.error, MODEL_OK);
    assert_slice(r.result.text, "Hello.");
    assert_int_equal(r.result.calls_n, 0);
    assert_int_equal(r.result.finish, FINISH_STOP);
    assert_true(r.result.has_usage);
    assert_int_equal(r.result.usage.input_tokens, 30);
    assert_int_equal(r.result.usage.cached_tokens, 20);
    assert_int_equal(r.result.usage.output_tokens, 7);
    assert_slice(r.result.wire, "{\"role\":\"assistant\",\"content\":\"Hello.\"}");
    assert_slice(r.result.raw,
                 "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-5-mini-2026\",\"usage\":"
                 "{\"prompt_tokens\":30,\"completion_tokens\":7,\"total_tokens\":37,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":20}},\"finish_reason\":\"stop\","
                 "\"message\":{}}");
    release(&r);
}

static void an_answer_with_calls(void **state)
{
    struct read r;

    (void)state;
    read_message(&r, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL(
                         "call_a", "find", "{\\\"x\\\":1}") "," CALL("call_b", "now", "") "]}");
    assert_int_equal(r.result.error, MODEL_OK);
    assert_int_equal(r.result.text.len, 0);
    assert_int_equal(r.result.calls_n, 2);
    assert_slice(r.result.calls[0].id, "call_a");
    assert_slice(r.result.calls[0].name, "find");
    assert_slice(r.result.calls[0].arguments, "{\"x\":1}");
    assert_slice(r.result.calls[1].name, "now");
    assert_slice(r.result.calls[1].arguments, "{}");
    assert_slice(r.result.wire,
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL(
                     "call_a", "find", "{\\\"x\\\":1}") "," CALL("call_b", "now", "{}") "]}");
    release(&r);
}

static void ids_are_made_unique_and_the_same_each_time(void **state)
{
    static const char message[] =
        "{\"content\":\"\",\"tool_calls\":[" CALL("same", "a", "{}") "," CALL(
            "same", "b", "{}") "," CALL("", "c", "{}") ",{\"function\":{\"name\":\"d\"}},"
                                                       "{\"id\":7,\"function\":{\"name\":\"e\"}}]}";
    struct read r;
    struct read again;

    (void)state;
    read_message(&r, message);
    read_message(&again, message);
    assert_int_equal(r.result.calls_n, 5);
    assert_slice(r.result.calls[0].id, "same");
    for (size_t i = 0; i < 5; i++) {
        assert_true(slice_equal(r.result.calls[i].id, again.result.calls[i].id));
        assert_true(i == 0 || r.result.calls[i].id.len == 9);
        for (size_t j = 0; j < i; j++)
            assert_false(slice_equal(r.result.calls[i].id, r.result.calls[j].id));
    }
    assert_true(slice_equal(r.result.wire, again.result.wire));
    release(&r);
    release(&again);
}

static void odd_arguments_are_kept_or_become_text(void **state)
{
    struct read r;

    (void)state;
    read_message(
        &r,
        "{\"tool_calls\":[" CALL(
            "1", "a",
            "{broken") ","
                       "{\"id\":\"2\",\"function\":{\"name\":\"b\",\"arguments\":{\"n\":[1,2.5]}}},"
                       "{\"id\":\"3\",\"function\":{\"name\":\"c\",\"arguments\":null}},"
                       "{\"id\":\"4\",\"function\":{\"name\":\"d\",\"arguments\":17}}]}");
    assert_int_equal(r.result.error, MODEL_OK);
    assert_slice(r.result.calls[0].arguments, "{broken");
    assert_slice(r.result.calls[1].arguments, "{\"n\":[1,2.5]}");
    assert_slice(r.result.calls[2].arguments, "{}");
    assert_slice(r.result.calls[3].arguments, "17");
    release(&r);
}

static void calls_that_cannot_be_understood_are_in_raw_only(void **state)
{
    struct read r;

    (void)state;
    read_message(&r,
                 "{\"content\":\"x\",\"tool_calls\":[" CALL(
                     "1", "a",
                     "{}") ","
                           "{\"id\":\"2\",\"type\":\"custom\",\"custom\":{\"name\":\"b\"}},17,null,"
                           "{\"id\":\"3\",\"type\":\"function\",\"function\":{\"name\":\"\"}},"
                           "{\"id\":\"4\",\"type\":\"function\"}]}");
    assert_int_equal(r.result.error, MODEL_OK);
    assert_int_equal(r.result.calls_n, 1);
    assert_int_equal(r.result.calls_dropped, 0);
    assert_slice(r.result.wire, "{\"role\":\"assistant\",\"content\":\"x\",\"tool_calls\":[" CALL(
                                    "1", "a", "{}") "]}");
    assert_true(contains(
        r.result.raw,
        "\"message\":{\"tool_calls\":[{\"id\":\"2\",\"type\":\"custom\",\"custom\":{\"name\":"
        "\"b\"}},17,null,"));
    release(&r);
}

static void what_others_demand_back_is_in_the_wire(void **state)
{
    struct read r;

    (void)state;
    read_message(&r, "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\","
                     "\"reasoning_details\":[{\"type\":\"x\"}],\"audio\":{\"id\":\"au\"},"
                     "\"tool_calls\":[{\"index\":0,\"id\":\"1\",\"type\":\"function\",\"function\":"
                     "{\"name\":\"a\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":"
                     "{\"thought_signature\":\"sig\"}}}]}");
    assert_slice(r.result.wire,
                 "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"1\","
                 "\"type\":\"function\",\"function\":{\"name\":\"a\",\"arguments\":\"{}\"},"
                 "\"extra_content\":{\"google\":{\"thought_signature\":\"sig\"}}}],"
                 "\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":\"x\"}]}");
    assert_true(contains(r.result.raw, "\"audio\":{\"id\":\"au\"}"));
    release(&r);
}

static void too_many_calls_are_dropped_and_counted(void **state)
{
    CLEANUP(buf_release) struct buf message = { .max = 1 << 20 };
    struct read r;

    (void)state;
    buf_puts(&message, "{\"tool_calls\":[");
    for (int i = 0; i < MODEL_CALLS_MAX + 7; i++)
        buf_putf(&message, "%s{\"id\":\"c%d\",\"function\":{\"name\":\"t\"}}", i ? "," : "", i);
    buf_puts(&message, "]}");
    read_message(&r, buf_cstr(&message));
    assert_int_equal(r.result.error, MODEL_OK);
    assert_int_equal(r.result.calls_n, MODEL_CALLS_MAX);
    assert_int_equal(r.result.calls_dropped, 7);
    assert_false(contains(r.result.wire, "c128"));
    release(&r);
}

static void text_comes_in_many_shapes(void **state)
{
    static const struct {
        const char *message;
        const char *text;
    } cases[] = {
        { "{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image\"},17,\"b\","
          "{\"type\":\"output_text\",\"text\":\"c\"},{\"type\":\"text\"}]}",
          "abc" },
        { "{\"content\":null,\"refusal\":\"I cannot.\"}", "I cannot." },
        { "{\"refusal\":\"I cannot.\"}", "I cannot." },
        { "{\"content\":\"x\",\"refusal\":\"y\"}", "x" },
        { "{\"content\":[{\"type\":\"refusal\",\"refusal\":\"No.\"}]}", "No." },
        { "{\"content\":\" \"}", " " },
        { "{\"content\":\"\\u00e9\\ud83d\\ude00\"}", "\xc3\xa9\xf0\x9f\x98\x80" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct read r;

        read_message(&r, cases[i].message);
        assert_int_equal(r.result.error, MODEL_OK);
        assert_slice(r.result.text, cases[i].text);
        release(&r);
    }
}

static void how_it_ended(void **state)
{
    static const struct {
        const char *choice;
        enum answer_finish finish;
    } cases[] = {
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":\"length\"", FINISH_LENGTH },
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":\"content_filter\"", FINISH_FILTERED },
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":\"tool_calls\"", FINISH_STOP },
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":\"eos\"", FINISH_STOP },
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":null", FINISH_STOP },
        { "\"message\":{\"content\":\"x\"},\"finish_reason\":7", FINISH_STOP },
        { "\"message\":{\"content\":\"x\"}", FINISH_STOP },
        /* Cut or withheld before the first word: asking again would only cost again. */
        { "\"message\":{\"content\":null},\"finish_reason\":\"length\"", FINISH_LENGTH },
        { "\"message\":{\"content\":\"\"},\"finish_reason\":\"content_filter\"", FINISH_FILTERED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf body = { .max = 1000 };
        struct read r;

        buf_putf(&body, "{\"choices\":[{%s}]}", cases[i].choice);
        read_body(&r, buf_slice(&body));
        assert_int_equal(r.result.error, MODEL_OK);
        assert_int_equal(r.result.finish, cases[i].finish);
        assert_false(r.result.has_usage);
        assert_slice(r.result.wire, r.result.text.len > 0
                                        ? "{\"role\":\"assistant\",\"content\":\"x\"}"
                                        : "{\"role\":\"assistant\",\"content\":\"(no answer)\"}");
        release(&r);
    }
}

static void usage_is_believed_only_if_it_can_be(void **state)
{
    static const struct {
        const char *usage;
        int has;
        int64_t input, cached, output;
    } cases[] = {
        { "{\"prompt_tokens\":5,\"completion_tokens\":3}", 1, 5, 0, 3 },
        { "{\"prompt_tokens\":0,\"completion_tokens\":0}", 1, 0, 0, 0 },
        { "{\"prompt_tokens\":5,\"completion_tokens\":3,\"prompt_tokens_details\":null}", 1, 5, 0,
          3 },
        { "{\"prompt_tokens\":5,\"completion_tokens\":3,\"prompt_tokens_details\":"
          "{\"cached_tokens\":9}}",
          1, 5, 5, 3 },
        { "{\"prompt_tokens\":5,\"completion_tokens\":3,\"prompt_tokens_details\":"
          "{\"cached_tokens\":-9}}",
          1, 5, 0, 3 },
        { "{\"prompt_tokens\":1000000000000,\"completion_tokens\":3}", 1, 1000000000000, 0, 3 },
        { "{\"prompt_tokens\":1000000000001,\"completion_tokens\":3}", 0, 0, 0, 0 },
        { "{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":3}", 0, 0, 0, 0 },
        { "{\"prompt_tokens\":-5,\"completion_tokens\":3}", 0, 0, 0, 0 },
        { "{\"prompt_tokens\":5}", 0, 0, 0, 0 },
        { "{\"prompt_tokens\":\"5\",\"completion_tokens\":3}", 0, 0, 0, 0 },
        { "{\"prompt_tokens\":5.5,\"completion_tokens\":1e30}", 0, 0, 0, 0 },
        { "null", 0, 0, 0, 0 },
        { "[]", 0, 0, 0, 0 },
        { "17", 0, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf body = { .max = 1000 };
        struct read r;

        buf_putf(&body, "{\"choices\":[{\"message\":{\"content\":\"x\"}}],\"usage\":%s}",
                 cases[i].usage);
        read_body(&r, buf_slice(&body));
        assert_int_equal(r.result.error, MODEL_OK);
        assert_int_equal(r.result.has_usage, cases[i].has);
        assert_int_equal(r.result.usage.input_tokens, cases[i].input);
        assert_int_equal(r.result.usage.cached_tokens, cases[i].cached);
        assert_int_equal(r.result.usage.output_tokens, cases[i].output);
        release(&r);
    }
}

/* A bad answer: nothing of it is used, and its message is one harmless line. */
static void check_bad(const struct read *r)
{
    assert_int_equal(r->result.error, MODEL_BAD_ANSWER);
    assert_int_equal(r->result.calls_n == 0 || r->result.wire.len == 0, 1);
    assert_int_equal(r->result.wire.len, 0);
    assert_true(strlen(r->result.message) > 20);
    assert_true(utf8_is_valid(slice_of(r->result.message)));
    assert_null(strchr(r->result.message, '\n'));
}

static void bad_answers_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *body;
        const char *says;
    } cases[] = {
        { "", "an empty body" },
        { " \r\n\t ", "an empty body" },
        { "null", "no JSON object" },
        { "[]", "no JSON object" },
        { "\"text\"", "no JSON object" },
        { "{}", "no choices[0].message" },
        { "{\"choices\":[]}", "no choices[0].message" },
        { "{\"choices\":{}}", "no choices[0].message" },
        { "{\"choices\":[17]}", "no choices[0].message" },
        { "{\"choices\":[{\"message\":null}]}", "no choices[0].message" },
        { "{\"choices\":[{\"text\":\"legacy\"}]}", "no choices[0].message" },
        { "{\"choices\":[{\"message\":{}}]}", "neither text nor tool calls" },
        { "{\"choices\":[{\"message\":{\"content\":\"\"}}]}", "neither text nor tool calls" },
        { "{\"choices\":[{\"message\":{\"content\":17,\"tool_calls\":17}}]}",
          "neither text nor tool calls" },
        { "{\"choices\":[{\"message\":{\"content\":{},\"tool_calls\":{\"a\":1}}}]}",
          "neither text nor tool calls" },
        { "{\"choices\":[{\"message\":{\"tool_calls\":[{\"type\":\"custom\"}]}}]}",
          "neither text nor tool calls" },
        { "<!DOCTYPE html>\n<html><title>502</title>", "begins '<!DOCTYPE html> <html>" },
        { "data: {\"choices\":[]}\n\ndata: [DONE]\n", "begins 'data: {" },
        { "\x1b[2J\x07 not json", "begins '\\u{1b}[2J\\u{7} not json'" },
        { "\xff\xfe\xfd", "line 1, column 1" },
        { "{\"a\":1,\"a\":2}", "the same key twice" },
        { "{\"choices\":[{\"message\":{\"content\":\"x\"}}]} trailing", "more after the end" },
        { "{\"error\":{\"message\":\"Provider returned error\"}}", "Provider returned error" },
        { "{\"error\":\"model is loading\"}", "model is loading" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct read r;

        read_body(&r, slice_of(cases[i].body));
        check_bad(&r);
        if (!strstr(r.result.message, cases[i].says))
            fail_msg("'%s' does not say '%s'", r.result.message, cases[i].says);
        release(&r);
    }
}

static void every_prefix_of_a_good_answer_is_a_bad_one(void **state)
{
    CLEANUP(buf_release) struct buf body = { 0 };
    struct slice whole =
        completion(&body,
                   "{\"role\":\"assistant\",\"content\":\"a\\u00e9\\\"b\xf0\x9f\x98\x80\","
                   "\"reasoning_content\":\"hm\",\"tool_calls\":[" CALL(
                       "c", "find", "{\\\"x\\\":1}") ",{\"id\":\"d\",\"function\":{\"name\":\"n\","
                                                     "\"arguments\":{\"a\":[1.5e3]}}}]}");
    struct read r;

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        read_body(&r, (struct slice){ whole.ptr, len });
        check_bad(&r);
        release(&r);
    }
    read_body(&r, whole);
    assert_int_equal(r.result.error, MODEL_OK);
    assert_int_equal(r.result.calls_n, 2);
    release(&r);
}

static void an_error_in_a_200_is_taken_by_its_number(void **state)
{
    struct read r;

    (void)state;
    read_body(&r, SLICE_LIT("{\"error\":{\"code\":429,\"message\":\"slow down\"}}"));
    assert_int_equal(r.result.error, MODEL_RATE_LIMITED);
    release(&r);
    read_body(&r, SLICE_LIT("{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"pay\"}}"));
    assert_int_equal(r.result.error, MODEL_NO_QUOTA);
    release(&r);
    read_body(&r, SLICE_LIT("{\"error\":null,\"choices\":[{\"message\":{\"content\":\"x\"}}]}"));
    assert_int_equal(r.result.error, MODEL_OK);
    release(&r);
}

static void a_deep_or_huge_answer_is_a_bad_one(void **state)
{
    CLEANUP(buf_release) struct buf body = { .max = OPENAI_ANSWER_BYTES_MAX + 100 };
    struct read r;

    (void)state;
    buf_puts(&body, "{\"choices\":");
    for (int i = 0; i < 100000; i++)
        buf_puts(&body, "[");
    read_body(&r, buf_slice(&body));
    check_bad(&r);
    assert_non_null(strstr(r.result.message, "nested too deep"));
    release(&r);

    char *blanks = malloc(OPENAI_ANSWER_BYTES_MAX + 1);

    assert_non_null(blanks);
    memset(blanks, ' ', OPENAI_ANSWER_BYTES_MAX + 1);
    read_body(&r, (struct slice){ blanks, OPENAI_ANSWER_BYTES_MAX + 1 });
    check_bad(&r);
    release(&r);
    free(blanks);
}

/* ---- errors ---- */

static struct model_result error_of(int status, const char *body, const struct openai_hints *hints)
{
    struct model_result result = { .http_status = status };

    openai_error_read(&result, slice_of(body), hints, KEY, 0);
    assert_true(utf8_is_valid(slice_of(result.message)));
    assert_true(strlen(result.message) < ERR_MSG_MAX - 1);
    return result;
}

static void errors_are_told_apart(void **state)
{
    static const struct {
        const char *body;
        const char *should_retry;
        int status;
        enum model_error error;
    } cases[] = {
        { "{\"error\":{\"message\":\"m\"}}", "", 400, MODEL_REFUSED },
        { "", "true", 400, MODEL_SERVER_ERROR },
        { "", "", 401, MODEL_UNAUTHORIZED },
        { "<html>", "", 404, MODEL_NOT_FOUND },
        { "", "", 409, MODEL_SERVER_ERROR },
        { "{\"error\":{\"code\":\"rate_limit_exceeded\"}}", "", 429, MODEL_RATE_LIMITED },
        { "{\"error\":{\"code\":\"rate_limit_exceeded\"}}", "false", 429, MODEL_REFUSED },
        { "{\"error\":{\"code\":\"insufficient_quota\"}}", "", 429, MODEL_NO_QUOTA },
        { "{\"error\":{\"type\":\"insufficient_quota\"}}", "true", 429, MODEL_NO_QUOTA },
        { "[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]", "", 429,
          MODEL_RATE_LIMITED },
        { "garbage", "", 429, MODEL_RATE_LIMITED },
        { "", "", 500, MODEL_SERVER_ERROR },
        { "", "false", 500, MODEL_REFUSED },
        { "", "maybe", 503, MODEL_OVERLOADED },
        { "", "", 301, MODEL_NOT_FOUND },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct openai_hints hints = { .should_retry = slice_of(cases[i].should_retry) };

        assert_int_equal(error_of(cases[i].status, cases[i].body, &hints).error, cases[i].error);
    }
}

static void messages_say_what_happened_and_what_to_do(void **state)
{
    static const struct {
        int status;
        const char *body;
        const char *message;
    } cases[] = {
        { 401, "{\"error\":{\"message\":\"Incorrect API key provided.\",\"code\":\"x\"}}",
          "openai answered 401: Incorrect API key provided.; check the account's api_key" },
        { 404, "{\"error\":\"model 'x' not found\"}",
          "openai answered 404: model 'x' not found; check the model's name and base_url" },
        { 422, "{\"detail\":\"bad field\"}",
          "openai answered 422: bad field; the same request will never pass" },
        { 400, "{\"message\":\"two\\nlines\\u001b[31m\"}",
          "openai answered 400: two lines\\u{1b}[31m; the same request will never pass" },
        { 500, "", "openai answered 500: an empty body; the fault is the provider's; it may pass" },
        { 502, "<html>\n<body>",
          "openai answered 502: a body that begins '<html> <body>'; the "
          "fault is the provider's; it may pass" },
    };
    const struct openai_hints none = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(error_of(cases[i].status, cases[i].body, &none).message,
                            cases[i].message);
    const struct openai_hints with_id = { .request_id = SLICE_LIT("req_7") };

    assert_non_null(strstr(error_of(500, "", &with_id).message, "(request req_7)"));
}

static void no_message_contains_the_key(void **state)
{
    CLEANUP(buf_release) struct buf body = { .max = 100000 };
    const struct openai_hints hints = { .request_id = KEY };
    struct model_result result;
    struct read r;

    (void)state;
    result = error_of(401, "{\"error\":{\"message\":\"Bad key sk-secret-0123456789!\"}}", &hints);
    assert_null(strstr(result.message, "sk-secret"));
    assert_non_null(strstr(result.message, "Bad key [api_key]!"));
    result = error_of(401, "sk-secret-0123456789sk-secret-0123456789", &hints);
    assert_null(strstr(result.message, "sk-secret"));

    /* Wherever the message is cut, it does not show the first half of the key. */
    for (size_t pad = 150; pad < 450; pad++) {
        buf_clear(&body);
        for (size_t i = 0; i < pad; i++)
            buf_puts(&body, "x");
        buf_put(&body, KEY);
        result = error_of(400, buf_cstr(&body), &hints);
        assert_null(strstr(result.message, "sk-s"));
        read_body(&r, buf_slice(&body));
        assert_null(strstr(r.result.message, "sk-s"));
        release(&r);
    }
    const struct err err = { .code = ERR_INVALID, .msg = "header 'Bearer sk-secret-0123456789'" };

    openai_error_of_call(&result, &err, KEY);
    assert_null(strstr(result.message, "sk-s"));
}

static void a_long_message_is_cut(void **state)
{
    CLEANUP(buf_release) struct buf body = { .max = 1000000 };
    const struct openai_hints hints = { .request_id = SLICE_LIT(
                                            "req_0123456789012345678901234567890123456789012345678"
                                            "90123456789") };

    (void)state;
    buf_puts(&body, "{\"error\":{\"message\":\"");
    for (int i = 0; i < 20000; i++)
        buf_puts(&body, "\xc3\xa9\xf0\x9f\x98\x80\\u200b");
    buf_puts(&body, "\"}}");
    struct model_result result = error_of(429, buf_cstr(&body), &hints);

    assert_non_null(strstr(result.message, "...; it passes with time"));
    assert_non_null(strstr(result.message, "(request req_"));
}

static void calls_without_an_answer_have_a_kind(void **state)
{
    static const struct {
        enum err_code code;
        enum model_error error;
    } cases[] = {
        { ERR_UNAVAILABLE, MODEL_UNREACHABLE }, { ERR_TIMEOUT, MODEL_TIMED_OUT },
        { ERR_LIMIT, MODEL_BAD_ANSWER },        { ERR_CONFLICT, MODEL_CANCELLED },
        { ERR_INVALID, MODEL_NOT_FOUND },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_result result = { 0 };
        struct err err = { 0 };

        (void)err_set(&err, cases[i].code, "the cause");
        openai_error_of_call(&result, &err, KEY);
        assert_int_equal(result.error, cases[i].error);
        assert_non_null(strstr(result.message, "openai: the cause; "));
    }
}

/* ---- when to come back ---- */

static void retry_after_comes_in_many_shapes(void **state)
{
    enum { NOW = 784111777 }; /* 1994-11-06 08:49:37 */
    static const struct {
        const char *ms;
        const char *plain;
        int64_t wanted;
    } cases[] = {
        { "1500", "7", 1500 },
        { "", "7", 7000 },
        { "", "0.25", 250 },
        { "", "0", 0 },
        { "junk", "2", 2000 },
        { "", "3600", 3600000 },
        { "", "3601", 3600000 },
        { "", "99999999999999999999999999", 3600000 },
        { "-5", "-5", 0 },
        { "", "1e9", 0 },
        { "", "nan", 0 },
        { "", "5 ", 0 },
        { "", "Sun, 06 Nov 1994 08:49:47 GMT", 10000 },
        { "", "Sun, 06 Nov 1994 08:49:27 GMT", 0 },
        { "", "Mon, 07 Nov 1994 08:49:37 GMT", 3600000 },
        { "", "Sun, 06 Nov 9999 08:49:47 GMT", 3600000 },
        { "", "Sun, 06 Xyz 1994 08:49:47 GMT", 0 },
        { "", "Sun, 6 Nov 1994 08:49:47 GMT", 0 },
        { "", "Sun, 06-Nov-94 08:49:47 GMT  ", 0 },
        { "", "Sun, 06 Nov 1994 08:49:47 CET", 0 },
        { "", "Sun, 0x Nov 1994 08:49:47 GMT", 0 },
        { "", "Sunday, 06-Nov-94 08:49:37 GMT", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct openai_hints hints = { .retry_after_ms = slice_of(cases[i].ms),
                                            .retry_after = slice_of(cases[i].plain) };

        assert_int_equal(openai_retry_after_ms(&hints, 503, NOW * 1000ll), cases[i].wanted);
    }
}

static void limits_that_are_used_up_say_when_they_are_reset(void **state)
{
    static const struct {
        const char *remaining_requests, *reset_requests;
        const char *remaining_tokens, *reset_tokens;
        int64_t wanted;
    } cases[] = {
        { "0", "12ms", "100", "6m0s", 12 },
        { "5", "12ms", "0", "6m0s", 360000 },
        { "0", "1s", "0", "1m30.5s", 90500 },
        { "0", "1h2m3s", "", "", 3600000 },
        { "0", "20", "", "", 20000 }, /* seconds, without a unit */
        { "0", "1\xc2\xb5s", "0", "500us", 0 },
        { "0", "5x", "0", "s", 0 },
        { "0", "1m5", "0", "", 0 },
        { "-1", "5s", "1", "5s", 0 },
        { "", "", "", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct openai_hints hints = { .remaining_requests = slice_of(cases[i].remaining_requests),
                                      .reset_requests = slice_of(cases[i].reset_requests),
                                      .remaining_tokens = slice_of(cases[i].remaining_tokens),
                                      .reset_tokens = slice_of(cases[i].reset_tokens) };

        assert_int_equal(openai_retry_after_ms(&hints, 429, 0), cases[i].wanted);
        assert_int_equal(openai_retry_after_ms(&hints, 500, 0), 0);
        hints.retry_after = SLICE_LIT("3");
        assert_int_equal(openai_retry_after_ms(&hints, 429, 0), 3000);
    }
}

static void only_passing_errors_say_when_to_come_back(void **state)
{
    const struct openai_hints hints = { .retry_after = SLICE_LIT("3") };

    (void)state;
    assert_int_equal(error_of(429, "", &hints).retry_after_ms, 3000);
    assert_int_equal(error_of(503, "", &hints).retry_after_ms, 3000);
    assert_int_equal(error_of(401, "", &hints).retry_after_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_answer),
        cmocka_unit_test(an_answer_with_calls),
        cmocka_unit_test(ids_are_made_unique_and_the_same_each_time),
        cmocka_unit_test(odd_arguments_are_kept_or_become_text),
        cmocka_unit_test(calls_that_cannot_be_understood_are_in_raw_only),
        cmocka_unit_test(what_others_demand_back_is_in_the_wire),
        cmocka_unit_test(too_many_calls_are_dropped_and_counted),
        cmocka_unit_test(text_comes_in_many_shapes),
        cmocka_unit_test(how_it_ended),
        cmocka_unit_test(usage_is_believed_only_if_it_can_be),
        cmocka_unit_test(bad_answers_are_refused_with_a_reason),
        cmocka_unit_test(every_prefix_of_a_good_answer_is_a_bad_one),
        cmocka_unit_test(an_error_in_a_200_is_taken_by_its_number),
        cmocka_unit_test(a_deep_or_huge_answer_is_a_bad_one),
        cmocka_unit_test(errors_are_told_apart),
        cmocka_unit_test(messages_say_what_happened_and_what_to_do),
        cmocka_unit_test(no_message_contains_the_key),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(calls_without_an_answer_have_a_kind),
        cmocka_unit_test(retry_after_comes_in_many_shapes),
        cmocka_unit_test(limits_that_are_used_up_say_when_they_are_reset),
        cmocka_unit_test(only_passing_errors_say_when_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
