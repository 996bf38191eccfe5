/* The stored body of an event: what is written reads back, what is damaged is named. */
#include "unit/gen.h"
#include "unit/unit.h"

#include "base/json.h"
#include "core/event_json.h"

enum { ROUNDS = 300 };

static struct session_event read_back(struct slice body, enum event_kind kind)
{
    struct session_event event;
    struct err err = { 0 };

    memset(&event, 0x5a, sizeof(event));
    if (event_read(&event, kind, body, &err))
        fail_msg("%.*s: %s", (int)body.len, body.ptr, err.msg);
    return event;
}

static void every_kind_reads_back_as_it_was_written(void **state)
{
    struct random random;
    struct buf body = { .max = EVENT_BODY_FIXED_MAX };

    (void)state;
    random_seed(&random, 11);
    for (unsigned i = 0; i < EV_KIND_COUNT * ROUNDS; i++) {
        struct session_event event = gen_sane(&random, (enum event_kind)(i % EV_KIND_COUNT));

        buf_clear(&body);
        event_write(&body, &event, NULL, NULL);
        struct session_event back = read_back(buf_slice(&body), event.kind);
        back.seq = event.seq;
        back.at_ms = event.at_ms;
        assert_memory_equal(&event, &back, sizeof(event));
    }
    buf_release(&body);
}

static void the_largest_body_fits_what_the_header_says(void **state)
{
    struct session_event event;
    struct spend most = { (int64_t)1 << 60, (int64_t)1 << 60 };
    struct buf body = { .max = EVENT_BODY_FIXED_MAX };

    (void)state;
    memset(&event, 0, sizeof(event));
    event.kind = EV_MODEL_ANSWERED;
    event.call = event.attempt = UINT32_MAX;
    event.model_answered.first_call = UINT32_MAX - SESSION_CALLS_MAX;
    event.model_answered.used = most;
    event.model_answered.finish = FINISH_FILTERED;
    event.model_answered.calls_n = SESSION_CALLS_MAX;
    event.model_answered.unplaced = UINT32_MAX;
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++)
        event.model_answered.calls[i] = (struct call_decl){ .type = CALL_QUESTION,
                                                            .is_refused = 1,
                                                            .is_once = 1,
                                                            .has_reconcile = 1,
                                                            .approvals_needed = UINT8_MAX,
                                                            .on_expiry = EXPIRY_ESCALATE,
                                                            .due_ms = (int64_t)1 << 53,
                                                            .signal_hash = UINT64_MAX,
                                                            .reserved = most };
    event_write(&body, &event, NULL, NULL); /* a full buf would end the process */
    assert_true(body.len > EVENT_BODY_FIXED_MAX / 2);
    buf_release(&body);
}

static void extras_stand_beside_what_decides(void **state)
{
    const struct event_extra extras[] = {
        { .name = "output", .kind = EXTRA_TEXT, .text = SLICE_LIT("a \"quoted\"\n\xff") },
        { .name = "absent", .kind = EXTRA_TEXT },
        { .name = "raw", .kind = EXTRA_JSON, .text = SLICE_LIT("{\"x\":[1,2]}") },
        { .name = "duration_ms", .kind = EXTRA_INT, .number = -12 },
        { .name = "is_error", .kind = EXTRA_BOOL, .number = 1 },
        { .name = NULL },
    };
    struct session_event event = { .kind = EV_TOOL_FINISHED, .call = 3, .attempt = 1 };
    struct buf body = { .max = EVENT_BODY_FIXED_MAX };
    struct session_event back;

    (void)state;
    event_write(&body, &event, extras, NULL);
    assert_string_equal(buf_cstr(&body),
                        "{\"v\":1,\"call\":3,\"attempt\":1,"
                        "\"output\":\"a \\\"quoted\\\"\\n\xef\xbf\xbd\",\"raw\":{\"x\":[1,2]},"
                        "\"duration_ms\":-12,\"is_error\":true}");
    back = read_back(buf_slice(&body), EV_TOOL_FINISHED);
    assert_int_equal(back.call, 3);
    assert_int_equal(back.attempt, 1);
    buf_release(&body);
}

static void each_declared_call_has_its_own_extras(void **state)
{
    const struct event_extra first[] = {
        { .name = "tool", .kind = EXTRA_TEXT, .text = SLICE_LIT("now") },
        { .name = NULL },
    };
    const struct event_extra *const call_extras[] = { first, NULL };
    struct session_event event = {
        .kind = EV_MODEL_ANSWERED,
        .call = 2,
        .attempt = 1,
        .model_answered = { .used = { 15, 1500 }, .first_call = 3, .calls_n = 2, .unplaced = 5 }
    };
    struct buf body = { .max = EVENT_BODY_FIXED_MAX };

    (void)state;
    event.model_answered.calls[1].type = CALL_SLEEP;
    event.model_answered.calls[1].due_ms = 99;
    event_write(&body, &event, NULL, call_extras);
    assert_string_equal(
        buf_cstr(&body),
        "{\"v\":1,\"call\":2,\"attempt\":1,\"finish\":\"stop\","
        "\"used\":{\"tokens\":15,\"usd\":0.0000015,\"nanousd\":1500},"
        "\"first_call\":3,\"calls\":[{\"call\":3,\"type\":\"tool\",\"tool\":\"now\"},"
        "{\"call\":4,\"type\":\"sleep\",\"due\":99}],\"unplaced\":5}");
    buf_release(&body);
}

static void members_it_does_not_know_are_left_alone(void **state)
{
    struct session_event event =
        read_back(SLICE_LIT("{\"v\":1,\"new\":{\"call\":9},\"call\":4,\"attempt\":2}"),
                  EV_INPUT_ANSWERED);

    (void)state;
    assert_int_equal(event.kind, EV_INPUT_ANSWERED);
    assert_int_equal(event.call, 4);
    assert_int_equal(event.attempt, 2);
}

static const struct {
    enum event_kind kind;
    const char *body;
    const char *says; /* in the error */
} bad[] = {
    { EV_MESSAGE, "", "message" },
    { EV_MESSAGE, "{\"v\":1", "message" },
    { EV_MESSAGE, "{\"v\":1,\"v\":1}", "message" },
    { EV_MESSAGE, "[1]", "version" },
    { EV_MESSAGE, "{}", "version" },
    { EV_MESSAGE, "{\"v\":2}", "version 2" },
    { EV_MESSAGE, "{\"v\":\"1\"}", "version" },
    { EV_MESSAGE, "{\"v\":1,\"call\":-1}", "'call'" },
    { EV_MESSAGE, "{\"v\":1,\"call\":4294967296}", "'call'" },
    { EV_MESSAGE, "{\"v\":1,\"call\":1.0}", "'call'" },
    { EV_MESSAGE, "{\"v\":1,\"call\":null}", "'call'" },
    { EV_MESSAGE, "{\"v\":1,\"attempt\":\"1\"}", "'attempt'" },
    { EV_KIND_COUNT, "{\"v\":1}", "kind" },
    { EV_CREATED, "{\"v\":1}", "'limits'" },
    { EV_CREATED, "{\"v\":1,\"limits\":3}", "'limits'" },
    { EV_CREATED, "{\"v\":1,\"limits\":{\"steps\":-3}}", "'steps'" },
    { EV_CREATED, "{\"v\":1,\"limits\":{\"wall_ms\":true}}", "'wall_ms'" },
    { EV_CREATED, "{\"v\":1,\"limits\":{\"crashes\":4294967296}}", "'crashes'" },
    { EV_MODEL_STARTED, "{\"v\":1,\"reserved\":5}", "'reserved'" },
    { EV_MODEL_STARTED, "{\"v\":1,\"reserved\":{\"tokens\":-1}}", "'tokens'" },
    { EV_MODEL_STARTED, "{\"v\":1,\"reserved\":{\"nanousd\":0.5}}", "'nanousd'" },
    { EV_MODEL_STARTED, "{\"v\":1,\"deadline\":\"x\"}", "'deadline'" },
    { EV_MODEL_ANSWERED, "{\"v\":1}", "'finish'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"ended\"}", "'finish'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"used\":[]}", "'used'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"first_call\":-1}", "'first_call'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"calls\":{}}", "'calls'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"calls\":[7]}", "'type'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"x\"}]}", "'type'" },
    { EV_MODEL_ANSWERED, "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"tool\",\"once\":1}]}",
      "'once'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"tool\",\"approvals\":256}]}",
      "'approvals'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"tool\",\"on_expiry\":\"no\"}]}",
      "'on_expiry'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"signal\",\"signal\":7}]}", "'signal'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"signal\",\"signal\":\"\"}]}",
      "'signal'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"signal\",\"signal\":\"12\"}]}",
      "'signal'" },
    { EV_MODEL_ANSWERED,
      "{\"v\":1,\"finish\":\"stop\",\"calls\":[{\"type\":\"tool\",\"reserved\":1}]}",
      "'reserved'" },
    { EV_MODEL_FAILED, "{\"v\":1,\"retry_at\":-5}", "'retry_at'" },
    { EV_MODEL_FAILED, "{\"v\":1,\"charged\":null}", "'charged'" },
    { EV_MODEL_USAGE, "{\"v\":1,\"used\":true}", "'used'" },
    { EV_TOOL_SENT, "{\"v\":1,\"deadline\":1e3}", "'deadline'" },
    { EV_TOOL_FAILED, "{\"v\":1,\"retry_at\":false}", "'retry_at'" },
    { EV_TOOL_IN_DOUBT, "{\"v\":1,\"reconcile_at\":[]}", "'reconcile_at'" },
    { EV_TOOL_IN_DOUBT, "{\"v\":1,\"counts\":1}", "'counts'" },
    { EV_TOOL_RECONCILED, "{\"v\":1}", "'outcome'" },
    { EV_TOOL_RECONCILED, "{\"v\":1,\"outcome\":\"maybe\"}", "'outcome'" },
    { EV_APPROVAL_DECIDED, "{\"v\":1,\"decision\":\"perhaps\"}", "'decision'" },
    { EV_APPROVAL_DECIDED, "{\"v\":1,\"decision\":\"approve\",\"still_needed\":300}",
      "'still_needed'" },
    { EV_APPROVAL_EXPIRED, "{\"v\":1,\"outcome\":1}", "'outcome'" },
    { EV_APPROVAL_EXPIRED, "{\"v\":1,\"outcome\":\"reject\",\"due\":-1}", "'due'" },
    { EV_TIMER_FIRED, "{\"v\":1}", "'which'" },
    { EV_SIGNAL, "{\"v\":1}", "'name_hash'" },
    { EV_SIGNAL, "{\"v\":1,\"name_hash\":7}", "'name_hash'" },
    { EV_SIGNAL, "{\"v\":1,\"name_hash\":\"00000000000000zz\"}", "'name_hash'" },
    { EV_SIGNAL, "{\"v\":1,\"name_hash\":\"00000000000000001\"}", "'name_hash'" },
    { EV_CHILD_ENDED, "{\"v\":1,\"used\":7}", "'used'" },
    { EV_INTERRUPTED, "{\"v\":1}", "'by'" },
    { EV_INTERRUPTED, "{\"v\":1,\"by\":\"crash\",\"counts\":1}", "'counts'" },
    { EV_TURN_ENDED, "{\"v\":1,\"cause\":\"tired\"}", "'cause'" },
    { EV_TURN_ENDED, "{\"v\":1,\"cause\":\"poison\",\"refused\":1}", "'refused'" },
    { EV_BUDGET_CHANGED, "{\"v\":1,\"tokens\":-1}", "'tokens'" },
    { EV_BUDGET_CHANGED, "{\"v\":1,\"nanousd\":\"1\"}", "'nanousd'" },
};

static void bad_bodies_are_refused_by_the_member_that_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct session_event event;
        struct session_event untouched;
        struct err err = { 0 };

        memset(&event, 0x5a, sizeof(event));
        untouched = event;
        if (event_read(&event, bad[i].kind, slice_of(bad[i].body), &err) != ERR_CORRUPT)
            fail_msg("%s was taken", bad[i].body);
        if (!strstr(err.msg, bad[i].says))
            fail_msg("%s: '%s' does not name %s", bad[i].body, err.msg, bad[i].says);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_memory_equal(&event, &untouched, sizeof(event));
    }
}

static void too_many_calls_are_refused(void **state)
{
    struct buf body = { .max = EVENT_BODY_FIXED_MAX };
    struct session_event event;
    struct err err = { 0 };

    (void)state;
    buf_puts(&body, "{\"v\":1,\"finish\":\"stop\",\"first_call\":2,\"calls\":[{\"type\":\"tool\"}");
    for (unsigned i = 1; i < SESSION_CALLS_MAX; i++)
        buf_puts(&body, ",{\"type\":\"tool\"}");
    size_t len = body.len;
    buf_puts(&body, "]}");
    assert_int_equal(read_back(buf_slice(&body), EV_MODEL_ANSWERED).model_answered.calls_n,
                     SESSION_CALLS_MAX);
    buf_cut(&body, len);
    buf_puts(&body, ",{\"type\":\"tool\"}]}");
    assert_int_equal(event_read(&event, EV_MODEL_ANSWERED, buf_slice(&body), &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "'calls'"));
    buf_release(&body);
}

static void names_are_told_apart_and_found_again(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < EV_KIND_COUNT; kind++)
        assert_int_equal(event_kind_of(slice_of(event_kind_name((enum event_kind)kind))), kind);
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        assert_int_equal(session_status_of(slice_of(session_status_name((enum session_status)i))),
                         i);
    assert_int_equal(event_kind_of(SLICE_LIT("Created")), EV_KIND_COUNT);
    assert_int_equal(event_kind_of((struct slice){ 0 }), EV_KIND_COUNT);
    assert_int_equal(session_status_of(SLICE_LIT("running")), STATUS_COUNT);
    assert_string_equal(event_kind_name(EV_KIND_COUNT), "invalid");
    assert_string_equal(event_kind_name((enum event_kind) - 1), "invalid");
}

static const char *kind_at(unsigned i)
{
    return event_kind_name((enum event_kind)i);
}
static const char *cause_at(unsigned i)
{
    return end_cause_name((enum end_cause)i);
}
static const char *type_at(unsigned i)
{
    return call_type_name((enum call_type)i);
}
static const char *timer_at(unsigned i)
{
    return timer_kind_name((enum timer_kind)i);
}
static const char *mode_at(unsigned i)
{
    return session_mode_name((enum session_mode)i);
}
static const char *model_at(unsigned i)
{
    return model_phase_name((enum model_phase)i);
}
static const char *phase_at(unsigned i)
{
    return call_phase_name((enum call_phase)i);
}
static const char *command_at(unsigned i)
{
    return command_kind_name((enum command_kind)i);
}
static const char *wait_at(unsigned i)
{
    return wait_kind_name((enum wait_kind)i);
}
static const char *verdict_at(unsigned i)
{
    return verdict_name((enum verdict)i);
}

static void every_value_has_a_name_of_its_own(void **state)
{
    static const struct {
        const char *(*name)(unsigned i);
        unsigned count;
    } rows[] = {
        { kind_at, EV_KIND_COUNT },      { cause_at, END_CAUSE_COUNT },
        { type_at, CALL_TYPE_COUNT },    { timer_at, TIMER_KIND_COUNT },
        { mode_at, SESSION_MODE_COUNT }, { model_at, MODEL_PHASE_COUNT },
        { phase_at, CALL_PHASE_COUNT },  { command_at, CMD_KIND_COUNT },
        { wait_at, WAIT_KIND_COUNT },    { verdict_at, VERDICT_COUNT },
    };

    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        for (unsigned i = 0; i < rows[row].count; i++) {
            assert_string_not_equal(rows[row].name(i), "invalid");
            for (unsigned k = 0; k < i; k++)
                assert_string_not_equal(rows[row].name(i), rows[row].name(k));
        }
        assert_string_equal(rows[row].name(rows[row].count), "invalid");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_reads_back_as_it_was_written),
        cmocka_unit_test(the_largest_body_fits_what_the_header_says),
        cmocka_unit_test(extras_stand_beside_what_decides),
        cmocka_unit_test(each_declared_call_has_its_own_extras),
        cmocka_unit_test(members_it_does_not_know_are_left_alone),
        cmocka_unit_test(bad_bodies_are_refused_by_the_member_that_is_wrong),
        cmocka_unit_test(too_many_calls_are_refused),
        cmocka_unit_test(names_are_told_apart_and_found_again),
        cmocka_unit_test(every_value_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
