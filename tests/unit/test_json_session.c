/* A session and an event as clients see them. */
#include "api/json_event.h"
#include "api/json_session.h"
#include "base/json.h"
#include "unit/unit.h"

static struct store_load some_session(void)
{
    return (struct store_load){
        .row = { .key = 7,
                 .id = SLICE_LIT("ses_1"),
                 .agent = SLICE_LIT("demo"),
                 .revision = SLICE_LIT("abc"),
                 .version = 3,
                 .status = STATUS_RUNNING,
                 .created_at_ms = 1000,
                 .updated_at_ms = 2000,
                 .turn = 1,
                 .steps = 4,
                 .spent = { .tokens = 12, .nanousd = 3400 },
                 .metadata = SLICE_LIT("{\"customer\":\"7\"}") },
        .task = SLICE_LIT("{\"v\":1,\"input\":\"Say \\\"hi\\\"\"}"),
        .context = SLICE_LIT("{\"v\":1,\"context\":{\"who\":\"me\"}}"),
    };
}

static void expect(const struct store_load *load, const struct call_names *names,
                   const char *expected)
{
    struct buf json = { .max = json_session_bytes_max(load) };
    struct err err = { 0 };

    assert_int_equal(json_put_session(&json, load, names, &err), ERR_NONE);
    assert_string_equal(buf_cstr(&json), expected);
    buf_release(&json);
}

#define HEAD(status)                                                                               \
    "{\"id\":\"ses_1\",\"status\":\"" status "\",\"paused\":false,\"agent\":\"demo\","             \
    "\"revision\":\"abc\",\"turn\":1,\"usage\":{\"tokens\":12,\"usd\":0.0000034,\"steps\":4},"     \
    "\"metadata\":{\"customer\":\"7\"},\"parent\":null,"                                           \
    "\"created_at\":\"1970-01-01T00:00:01.000Z\",\"updated_at\":\"1970-01-01T00:00:02.000Z\","

#define TASK "\"context\":{\"who\":\"me\"},\"current_task\":\"Say \\\"hi\\\"\","

static void a_row_of_a_list(void **state)
{
    struct store_load load = some_session();

    (void)state;
    expect(&load, NULL,
           HEAD("RUNNING") "\"ended_at\":null," TASK "\"output\":null,\"error\":null}");
}

static void the_end_is_shown_once_it_has_come(void **state)
{
    struct store_load load = some_session();

    (void)state;
    load.end = SLICE_LIT("{\"v\":1,\"cause\":\"model_failed\",\"status\":\"FAILED\","
                         "\"code\":\"model_unauthorized\",\"message\":\"bad key\"}");
    expect(&load, NULL, /* of an earlier turn */
           HEAD("RUNNING") "\"ended_at\":null," TASK "\"output\":null,\"error\":null}");
    load.row.status = STATUS_FAILED;
    load.row.ended_at_ms = 3000;
    expect(&load, NULL,
           HEAD("FAILED") "\"ended_at\":\"1970-01-01T00:00:03.000Z\"," TASK
                          "\"output\":null,\"error\":{\"code\":\"model_unauthorized\","
                          "\"message\":\"bad key\"}}");
    load.end = SLICE_LIT("{\"v\":1,\"cause\":\"completed\",\"output\":\"hi\"}");
    load.row.status = STATUS_COMPLETED;
    expect(&load, NULL,
           HEAD("COMPLETED") "\"ended_at\":\"1970-01-01T00:00:03.000Z\"," TASK
                             "\"output\":\"hi\",\"error\":null}");
}

static void what_it_waits_for_is_named(void **state)
{
    static const struct call_name name = { .call = 2, .tool = { "largest", 7 } };
    const struct call_names names = { &name, 1 };
    struct store_load load = some_session();
    struct session_state session = { 0 };
    struct session_commands commands;
    struct session_event events[] = {
        { .kind = EV_CREATED, .seq = 1, .at_ms = 1000, .created = { .tokens = 500 } },
        { .kind = EV_MODEL_STARTED, .seq = 2, .at_ms = 1000, .call = 1, .attempt = 1 },
        { .kind = EV_MODEL_ANSWERED,
          .seq = 3,
          .at_ms = 2000,
          .call = 1,
          .attempt = 1,
          .model_answered = { .first_call = 2, .calls_n = 1 } },
    };
    unsigned char blob[SESSION_BLOB_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(session_step(&session, &events[i], &commands), VERDICT_MOVED);
    load.row.state = (struct slice){ (char *)blob, session_encode(&session, blob) };
    expect(&load, &names,
           HEAD("RUNNING") "\"ended_at\":null," TASK "\"output\":null,\"error\":null,"
                           "\"waiting\":[{\"on\":\"tool\",\"since\":\"1970-01-01T00:00:02.000Z\","
                           "\"until\":null,\"detail\":\"the end of largest (call 2, attempt 1)\"}],"
                           "\"budget\":{\"usd\":null,\"tokens\":500}}");
}

static void a_corrupt_state_is_an_error_and_leaves_nothing_behind(void **state)
{
    struct store_load load = some_session();
    struct buf json = { .max = json_session_bytes_max(&load) };
    struct err err = { 0 };

    (void)state;
    load.row.state = SLICE_LIT("garbage");
    buf_puts(&json, "[");
    assert_int_equal(json_put_session(&json, &load, NULL, &err), ERR_CORRUPT);
    assert_string_equal(buf_cstr(&json), "[");
    load.row.state = (struct slice){ NULL, 0 };
    load.task = SLICE_LIT("{\"v\":");
    assert_int_equal(json_put_session(&json, &load, NULL, &err), ERR_CORRUPT);
    buf_release(&json);
}

static void an_event_is_its_columns_and_its_body(void **state)
{
    struct buf json = { .max = 1000 };
    struct store_event event = { .seq = 3,
                                 .kind = EV_MESSAGE,
                                 .at_ms = 1500,
                                 .body = SLICE_LIT("{\"v\":1,\"content\":\"hi\"}") };

    (void)state;
    json_put_event(&json, &event);
    assert_string_equal(buf_cstr(&json),
                        "{\"seq\":3,\"at\":\"1970-01-01T00:00:01.500Z\",\"kind\":\"message\","
                        "\"v\":1,\"content\":\"hi\"}");
    buf_clear(&json);
    event.body = SLICE_LIT("{}");
    json_put_event(&json, &event);
    assert_string_equal(buf_cstr(&json),
                        "{\"seq\":3,\"at\":\"1970-01-01T00:00:01.500Z\",\"kind\":\"message\"}");
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_list),
        cmocka_unit_test(the_end_is_shown_once_it_has_come),
        cmocka_unit_test(what_it_waits_for_is_named),
        cmocka_unit_test(a_corrupt_state_is_an_error_and_leaves_nothing_behind),
        cmocka_unit_test(an_event_is_its_columns_and_its_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
