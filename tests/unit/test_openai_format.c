#include "unit/unit.h"

#include "base/json.h"
#include "model/openai.h"
#include "model/openai_format.h"

enum { WIRE_MAX = 1 << 20 };

static void check_is_json_list(const struct buf *wire, size_t count)
{
    CLEANUP(buf_release) struct buf list = { .max = WIRE_MAX + 2 };
    CLEANUP(json_cleanup) struct json *root = NULL;
    struct err err = { 0 };

    buf_puts(&list, "[");
    buf_put(&list, buf_slice(wire));
    buf_puts(&list, "]");
    assert_int_equal(json_read(&root, buf_slice(&list), list.max, &err), ERR_NONE);
    assert_int_equal(json_count(root), count);
}

static void messages_follow_each_other_with_commas(void **state)
{
    CLEANUP(buf_release) struct buf wire = { .max = WIRE_MAX };

    (void)state;
    model_format_openai.put_user(&wire, SLICE_LIT("say \"hi\"\n"));
    assert_string_equal(buf_cstr(&wire), "{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\\n\"}");
    model_format_openai.put_tool_result(&wire, SLICE_LIT("call_1"), SLICE_LIT("42"), 0);
    model_format_openai.put_tool_result(&wire, SLICE_LIT("call_2"), SLICE_LIT("no such file"), 1);
    assert_string_equal(buf_cstr(&wire),
                        "{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\\n\"},"
                        "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"42\"},"
                        "{\"role\":\"tool\",\"tool_call_id\":\"call_2\","
                        "\"content\":\"Error: no such file\"}");
    check_is_json_list(&wire, 3);
    buf_puts(&wire, ","); /* put by hand: it is taken for theirs */
    model_format_openai.put_user(&wire, SLICE_LIT("x"));
    check_is_json_list(&wire, 4);
}

static void text_that_is_none_is_mended(void **state)
{
    CLEANUP(buf_release) struct buf wire = { .max = WIRE_MAX };

    (void)state;
    model_format_openai.put_tool_result(&wire, SLICE_LIT("c"), SLICE_LIT("a\0b\xff\xc0z"), 0);
    model_format_openai.put_user(&wire, (struct slice){ NULL, 0 });
    model_format_openai.put_tool_result(&wire, SLICE_LIT("c"), (struct slice){ NULL, 0 }, 1);
    check_is_json_list(&wire, 3);
    assert_non_null(strstr(buf_cstr(&wire), "a\xef\xbf\xbd"
                                            "b\xef\xbf\xbd\xef\xbf\xbdz"));
    assert_non_null(strstr(buf_cstr(&wire), "\"content\":\"Error: \""));
}

/* The promise that callers size their buffers by. */
static void a_wire_takes_six_bytes_a_byte_and_little_more(void **state)
{
    char worst[1000];
    struct slice text = { worst, sizeof(worst) };
    const struct model_tool tool = { text, text, { NULL, 0 } };

    (void)state;
    memset(worst, 1, sizeof(worst));
    CLEANUP(buf_release) struct buf user = { .max = sizeof(worst) * 6 + 128 };
    CLEANUP(buf_release) struct buf result = { .max = sizeof(worst) * 6 * 2 + 128 };
    CLEANUP(buf_release) struct buf tools = { .max = sizeof(worst) * 6 * 2 + 128 };

    model_format_openai.put_user(&user, text);
    model_format_openai.put_tool_result(&result, text, text, 1);
    model_format_openai.put_tools(&tools, &tool, 1);
}

static void tools_are_functions(void **state)
{
    const struct model_tool tools[] = {
        { SLICE_LIT("find"), SLICE_LIT("Finds \"it\"."), SLICE_LIT("{\"type\":\"object\"}") },
        { SLICE_LIT("now"), { NULL, 0 }, { NULL, 0 } },
    };
    CLEANUP(buf_release) struct buf text = { .max = WIRE_MAX };

    (void)state;
    model_format_openai.put_tools(&text, tools, 0);
    assert_int_equal(text.len, 0);
    model_format_openai.put_tools(&text, tools, ARRAY_LEN(tools));
    assert_string_equal(buf_cstr(&text),
                        "[{\"type\":\"function\",\"function\":{\"name\":\"find\","
                        "\"description\":\"Finds \\\"it\\\".\","
                        "\"parameters\":{\"type\":\"object\"}}},"
                        "{\"type\":\"function\",\"function\":{\"name\":\"now\","
                        "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]");
}

static void an_assistant_message_has_its_calls(void **state)
{
    const struct model_tool_call calls[] = {
        { SLICE_LIT("a"), SLICE_LIT("find"), SLICE_LIT("{\"x\":1}") },
        { SLICE_LIT("b"), SLICE_LIT("no such.tool/\xc3\xa9"), SLICE_LIT("not json") },
    };
    const struct openai_message message = { .is_text_null = 1, .calls = calls, .calls_n = 2 };
    CLEANUP(buf_release) struct buf wire = { .max = WIRE_MAX };

    (void)state;
    openai_put_assistant(&wire, &message);
    assert_string_equal(buf_cstr(&wire),
                        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                        "{\"id\":\"a\",\"type\":\"function\",\"function\":"
                        "{\"name\":\"find\",\"arguments\":\"{\\\"x\\\":1}\"}},"
                        "{\"id\":\"b\",\"type\":\"function\",\"function\":"
                        "{\"name\":\"no_such_tool___\",\"arguments\":\"not json\"}}]}");
}

static void a_long_name_is_cut_to_what_the_api_takes(void **state)
{
    char name[100];
    const struct model_tool_call call = { SLICE_LIT("a"), { name, sizeof(name) }, SLICE_LIT("{}") };
    const struct openai_message message = { .calls = &call, .calls_n = 1 };
    CLEANUP(buf_release) struct buf wire = { .max = WIRE_MAX };
    char wanted[128];

    (void)state;
    memset(name, 'n', sizeof(name));
    openai_put_assistant(&wire, &message);
    (void)snprintf(wanted, sizeof(wanted), "\"name\":\"%.64s\"", name);
    assert_non_null(strstr(buf_cstr(&wire), wanted));
}

static const char *request_text(struct buf *body, const struct model_call *call)
{
    body->max = openai_request_bytes(call);
    buf_clear(body);
    openai_put_request(body, call);
    return buf_cstr(body);
}

static void a_request_has_what_is_known(void **state)
{
    CLEANUP(buf_release) struct buf body = { 0 };
    struct model_call call = {
        .base_url = SLICE_LIT("https://api.openai.com/v1"),
        .model = SLICE_LIT("gpt-5-mini"),
        .instructions = SLICE_LIT("Be kind."),
        .tools = SLICE_LIT("[{\"t\":1}]"),
        .messages = SLICE_LIT("{\"m\":1},{\"m\":2}"),
        .max_output_tokens = 100,
        .user = SLICE_LIT("ses_1"),
    };

    (void)state;
    assert_string_equal(request_text(&body, &call),
                        "{\"model\":\"gpt-5-mini\",\"messages\":["
                        "{\"role\":\"system\",\"content\":\"Be kind.\"},{\"m\":1},{\"m\":2}],"
                        "\"tools\":[{\"t\":1}],\"max_completion_tokens\":100,"
                        "\"safety_identifier\":\"ses_1\"}");
    call.instructions = call.tools = call.user = (struct slice){ NULL, 0 };
    call.base_url = SLICE_LIT("http://localhost:8000/v1/");
    assert_string_equal(request_text(&body, &call), "{\"model\":\"gpt-5-mini\",\"messages\":["
                                                    "{\"m\":1},{\"m\":2}],\"max_tokens\":100}");
}

static void the_host_decides_how_the_limit_is_called(void **state)
{
    static const struct {
        const char *url;
        const char *limit;
        const char *user;
    } cases[] = {
        { "https://api.openai.com/v1", "max_completion_tokens", "safety_identifier" },
        { "https://API.OpenAI.com", "max_completion_tokens", "safety_identifier" },
        { "https://eu.api.openai.com:443/v1", "max_completion_tokens", "safety_identifier" },
        { "https://me:pw@api.openai.com/v1", "max_completion_tokens", "safety_identifier" },
        { "https://my.openai.azure.com/openai/v1", "max_completion_tokens", "\"user\"" },
        { "https://notapi.openai.com.evil.org/v1", "max_tokens", "\"user\"" },
        { "https://fakeapi.openai.com/v1", "max_tokens", "\"user\"" },
        { "https://api.deepseek.com/api.openai.com", "max_tokens", "\"user\"" },
        { "http://127.0.0.1:11434/v1", "max_tokens", "\"user\"" },
        { "api.openai.com", "max_tokens", "\"user\"" },
        { "", "max_tokens", "\"user\"" },
    };
    CLEANUP(buf_release) struct buf body = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct model_call call = { .base_url = slice_of(cases[i].url),
                                         .model = SLICE_LIT("m"),
                                         .max_output_tokens = 5,
                                         .user = SLICE_LIT("u") };
        const char *text = request_text(&body, &call);

        assert_non_null(strstr(text, cases[i].limit));
        assert_non_null(strstr(text, cases[i].user));
        check_is_json_list(&body, 1);
    }
}

static void prompt_bytes_are_what_the_model_reads(void **state)
{
    const struct model_call call = { .model = SLICE_LIT("not counted"),
                                     .instructions = SLICE_LIT("12345"),
                                     .tools = SLICE_LIT("123"),
                                     .messages = SLICE_LIT("12") };

    (void)state;
    assert_int_equal(model_prompt_bytes(&call), 10);
}

static void every_error_is_described(void **state)
{
    (void)state;
    for (enum model_error e = MODEL_OK; e < MODEL_ERROR_COUNT; e++) {
        assert_true(strlen(model_error_name(e)) > 1);
        assert_int_equal(strlen(model_error_advice(e)) > 0, e != MODEL_OK);
    }
    assert_true(model_error_is_retryable(MODEL_BAD_ANSWER));
    assert_true(model_error_may_have_cost(MODEL_TIMED_OUT));
    assert_true(model_error_may_have_cost(MODEL_CANCELLED));
    assert_false(model_error_is_retryable(MODEL_CANCELLED));
    assert_false(model_error_may_have_cost(MODEL_UNREACHABLE));
    assert_false(model_error_may_have_cost(MODEL_RATE_LIMITED));
    assert_false(model_error_is_retryable(MODEL_UNAUTHORIZED));
}

static void every_status_is_an_error_or_success(void **state)
{
    static const struct {
        int status;
        enum model_error error;
    } cases[] = {
        { 200, MODEL_OK },           { 204, MODEL_OK },           { 301, MODEL_NOT_FOUND },
        { 400, MODEL_REFUSED },      { 401, MODEL_UNAUTHORIZED }, { 402, MODEL_NO_QUOTA },
        { 403, MODEL_UNAUTHORIZED }, { 404, MODEL_NOT_FOUND },    { 408, MODEL_SERVER_ERROR },
        { 409, MODEL_SERVER_ERROR }, { 413, MODEL_REFUSED },      { 418, MODEL_REFUSED },
        { 422, MODEL_REFUSED },      { 429, MODEL_RATE_LIMITED }, { 500, MODEL_SERVER_ERROR },
        { 502, MODEL_SERVER_ERROR }, { 503, MODEL_OVERLOADED },   { 504, MODEL_SERVER_ERROR },
        { 529, MODEL_OVERLOADED },   { 101, MODEL_SERVER_ERROR }, { 999, MODEL_SERVER_ERROR },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(model_error_of_status(cases[i].status), cases[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_follow_each_other_with_commas),
        cmocka_unit_test(text_that_is_none_is_mended),
        cmocka_unit_test(a_wire_takes_six_bytes_a_byte_and_little_more),
        cmocka_unit_test(tools_are_functions),
        cmocka_unit_test(an_assistant_message_has_its_calls),
        cmocka_unit_test(a_long_name_is_cut_to_what_the_api_takes),
        cmocka_unit_test(a_request_has_what_is_known),
        cmocka_unit_test(the_host_decides_how_the_limit_is_called),
        cmocka_unit_test(prompt_bytes_are_what_the_model_reads),
        cmocka_unit_test(every_error_is_described),
        cmocka_unit_test(every_status_is_an_error_or_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
