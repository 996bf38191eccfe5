/*
 * test_engine.c - the simplest stories of the engine, on a store in memory, a simulated loop, and a
 * model and tools that do as they are told. What happens when all goes wrong is tests/sim/.
 */
#include "unit/unit.h"

#include "config/revision.h"
#include "engine/engine.h"
#include "model/openai.h"
#include "store/store.h"

enum { ANSWERS_MAX = 8, OPEN_MAX = 8, TEXT_MAX = 4096 };

/* What the model says next; the last one is said again and again. */
struct said {
    enum model_error error;
    const char *text;
    const char *tools[4];  /* names; NULL at the end */
    const char *arguments; /* of each; NULL: {} */
};

struct world {
    int64_t now_ms;
    struct loop *loop;
    struct store *store;
    struct engine *engine;
    struct model_client model;
    struct tool_runner tools;
    const struct said *said;
    size_t said_n, asked_n;
    char asked[ANSWERS_MAX][TEXT_MAX]; /* the messages of each request */
    struct model_call *calls[OPEN_MAX];
    struct tool_run *runs[OPEN_MAX];
    size_t calls_n, runs_n, runs_total, runs_most;
    int are_tools_slow; /* they end only when they are stopped */
    int is_started, is_drained, is_done;
    struct engine_request request;
    enum session_status ended_as;
    char ended_code[64];
    struct config_account account;
    struct config_model config_model;
    struct config_tool config_tool;
    const struct config_tool *agent_tools[1];
    struct config_agent agent;
    struct buf revision_text;
    char revision[SHA256_TEXT_MAX];
    struct config config;
};

static int64_t now(void *arg)
{
    return ((struct world *)arg)->now_ms;
}

/* ---- the model ---- */

static void model_start(struct model_client *client, struct model_call *call)
{
    struct world *w = CONTAINER_OF(client, struct world, model);

    assert_true(w->calls_n < OPEN_MAX && w->asked_n < ANSWERS_MAX);
    (void)snprintf(w->asked[w->asked_n++], TEXT_MAX, "[%.*s]", (int)call->messages.len,
                   call->messages.ptr);
    w->calls[w->calls_n++] = call;
}

static void model_cancel(struct model_client *client, struct model_call *call)
{
    (void)client;
    call->result.error = MODEL_CANCELLED;
}

static void answer(struct world *w, struct model_call *call)
{
    static const char *const ids[] = { "call_a", "call_b", "call_c" };
    struct model_tool_call calls[ARRAY_LEN(ids)];
    size_t turn = w->asked_n - 1 < w->said_n ? w->asked_n - 1 : w->said_n - 1;
    const struct said *said = &w->said[turn];
    struct model_result *result = &call->result;
    char wire[256];
    size_t n = 0;

    if (result->error == MODEL_OK)
        result->error = said->error; /* else it was cancelled */
    for (; n < ARRAY_LEN(ids) && said->tools[n]; n++)
        calls[n] = (struct model_tool_call){ .id = slice_of(ids[n]),
                                             .name = slice_of(said->tools[n]),
                                             .arguments = slice_of(said->arguments ? said->arguments
                                                                                   : "{}") };
    result->calls = calls;
    result->calls_n = n;
    result->text = slice_of(said->text);
    result->has_usage = 1;
    result->usage = (struct usage){ .input_tokens = 10, .output_tokens = 5 };
    (void)snprintf(wire, sizeof(wire), "{\"role\":\"assistant\",\"calls\":%zu}", n);
    result->wire = slice_of(wire);
    (void)snprintf(result->message, sizeof(result->message), "as the test wants it");
    call->done(call, call->arg);
}

/* ---- the tools ---- */

static void tool_start(struct tool_runner *runner, struct tool_run *run)
{
    struct world *w = CONTAINER_OF(runner, struct world, tools);

    assert_true(w->runs_n < OPEN_MAX);
    w->runs[w->runs_n++] = run;
    w->runs_total++;
    run->result = (struct tool_result){ .end = TOOL_EXITED, .output = SLICE_LIT("42") };
    w->runs_most = w->runs_n > w->runs_most ? w->runs_n : w->runs_most;
}

static void tool_stop(struct tool_runner *runner, struct tool_run *run)
{
    (void)runner;
    run->result.end = TOOL_STOPPED;
}

static const struct model_client_ops model_ops = { .start = model_start, .cancel = model_cancel };
static const struct tool_runner_ops tool_ops = { .start = tool_start, .stop = tool_stop };

/* ---- the world turns ---- */

static int answer_all(struct world *w)
{
    int any = 0;

    while (w->calls_n > 0) {
        answer(w, w->calls[--w->calls_n]);
        any = 1;
    }
    for (size_t i = w->runs_n; i-- > 0;) {
        struct tool_run *run = w->runs[i];

        if (w->are_tools_slow && run->result.end != TOOL_STOPPED)
            continue;
        w->runs[i] = w->runs[--w->runs_n];
        run->done(run, run->arg);
        any = 1;
    }
    return any;
}

/* Until *until, or until nothing moves any more for ten minutes. */
static void turn(struct world *w, const int *until)
{
    int64_t end_ms = w->now_ms + 600000;

    while (w->now_ms < end_ms && !(until && *until)) {
        if (loop_step(w->loop) | answer_all(w))
            continue;
        int64_t due_ms = loop_next_due_ms(w->loop);

        w->now_ms = due_ms > w->now_ms && due_ms < end_ms ? due_ms : end_ms;
    }
}

static void on_started(void *arg, const struct err *err)
{
    assert_int_equal(err->code, ERR_NONE);
    ((struct world *)arg)->is_started = 1;
}

static void on_ended(void *arg, const struct store_session *row, struct slice code,
                     struct slice message)
{
    struct world *w = arg;

    (void)message;
    w->ended_as = row->status;
    (void)snprintf(w->ended_code, sizeof(w->ended_code), "%.*s", (int)code.len, code.ptr);
}

static void on_fatal(void *arg, const struct err *err)
{
    (void)arg;
    fail_msg("fatal: %s", err->msg);
}

static void engine_begin(struct world *w)
{
    const struct engine_deps deps = {
        .loop = w->loop,
        .store = w->store,
        .config = &w->config,
        .models = { &w->model, &w->model },
        .formats = { &model_format_openai, &model_format_openai },
        .exec = &w->tools,
        .builtin = &w->tools,
        .random_seed = 7,
        .name = "here:1",
        .on_ended = on_ended,
        .on_fatal = on_fatal,
        .arg = w,
    };

    w->engine = engine_new(&deps);
    w->is_started = 0;
    engine_start(w->engine, on_started, w);
    turn(w, &w->is_started);
    assert_true(w->is_started);
}

static void make_revision(struct world *w)
{
    buf_clear(&w->revision_text);
    revision_make(&w->agent, &w->revision_text, w->revision);
    w->agent.revision_text = buf_cstr(&w->revision_text);
    w->agent.revision = w->revision;
}

static void set_config(struct world *w)
{
    static const char *const command[] = { "./add", NULL };
    static const struct retry_policy retry = { .attempts = 3, .first_ms = 1000, .max_ms = 5000 };

    w->account = (struct config_account){ .name = "acc", .base_url = "http://x", .api_key = "" };
    w->config_model = (struct config_model){ .name = "main",
                                             .account = &w->account,
                                             .model = "m",
                                             .max_output_tokens = 100,
                                             .timeout_ms = 60000,
                                             .price = { 100, 10, 1000 },
                                             .has_price = 1,
                                             .retry = retry };
    w->config_tool = (struct config_tool){ .name = "add",
                                           .description = "adds",
                                           .parameters = "{\"properties\":{\"amount\":{"
                                                         "\"maximum\":100}},\"type\":"
                                                         "\"object\"}",
                                           .kind = TOOL_KIND_EXEC,
                                           .command = command,
                                           .timeout_ms = 1000,
                                           .retry = retry };
    w->agent_tools[0] = &w->config_tool;
    w->agent = (struct config_agent){ .name = "helper",
                                      .model = &w->config_model,
                                      .instructions = "Help.",
                                      .tools = w->agent_tools,
                                      .tools_n = 1,
                                      .limits = { .steps = 40, .wall_ms = 3600000 } };
    w->revision_text.max = REVISION_BYTES_MAX;
    make_revision(w);
    w->config = (struct config){ .accounts = &w->account,
                                 .accounts_n = 1,
                                 .models = &w->config_model,
                                 .models_n = 1,
                                 .tools = &w->config_tool,
                                 .tools_n = 1,
                                 .agents = &w->agent,
                                 .agents_n = 1,
                                 .limits = { .tool_output_bytes = 65536,
                                             .output_bytes = 1 << 20,
                                             .tool_runs = 4,
                                             .model_calls = 4,
                                             .crashes = 5 } };
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err err;

    w->now_ms = 1790000000000;
    w->loop = loop_new_simulated((struct clock){ now, now, w });
    assert_int_equal(store_open(&w->store, "mem:", STORE_OPEN_READ_WRITE, w->loop, &err), ERR_NONE);
    w->model.ops = &model_ops;
    w->tools.ops = &tool_ops;
    set_config(w);
    engine_begin(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    engine_free(w->engine);
    store_close(w->store);
    loop_free(w->loop);
    buf_release(&w->revision_text);
    free(w);
    return 0;
}

static void on_request(struct engine_request *request, void *arg)
{
    (void)request;
    ((struct world *)arg)->is_done = 1;
}

static void ask(struct world *w, struct engine_request request)
{
    w->request = request;
    w->request.done = on_request;
    w->request.arg = w;
    w->is_done = 0;
    engine_submit(w->engine, &w->request);
    assert_false(w->is_done); /* never from inside submit */
    turn(w, &w->is_done);
    assert_true(w->is_done);
}

static void create(struct world *w)
{
    ask(w, (struct engine_request){ .kind = ENGINE_CREATE,
                                    .agent = SLICE_LIT("helper"),
                                    .text = SLICE_LIT("add it up") });
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_int_equal(w->request.seq, 1);
}

/* ---- what is in the store ---- */

struct kinds {
    char text[TEXT_MAX]; /* "created model_started ..." */
    int is_read;
};

static void on_events(struct store_op *op, void *arg)
{
    struct kinds *kinds = arg;
    size_t len = 0;

    assert_int_equal(op->err.code, ERR_NONE);
    for (size_t i = 0; i < op->events.events_n; i++)
        len += (size_t)snprintf(kinds->text + len, sizeof(kinds->text) - len, "%s%s", i ? " " : "",
                                event_kind_name(op->events.events[i].kind));
    kinds->is_read = 1;
}

static void assert_journal(struct world *w, const char *expected)
{
    struct kinds kinds = { 0 };
    struct store_op op = {
        .kind = STORE_EVENTS,
        .events = { .session = 1, .limit = STORE_PAGE_MAX, .what = STORE_EVENTS_BODIES },
        .done = on_events,
        .arg = &kinds
    };

    store_submit(w->store, &op);
    turn(w, &kinds.is_read);
    assert_string_equal(kinds.text, expected);
}

/* ---- the stories ---- */

static void two_parallel_tool_calls_and_then_the_answer(void **state)
{
    static const struct said said[] = { { .tools = { "add", "add" } }, { .text = "84" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 2);
    assert_int_equal(w->runs_most, 2);
    assert_journal(w, "created model_started model_answered tool_finished tool_finished "
                      "model_started model_answered turn_ended");
    assert_non_null(strstr(w->asked[1], "{\"role\":\"user\",\"content\":\"add it up\"},"
                                        "{\"role\":\"assistant\",\"calls\":2},"
                                        "{\"role\":\"tool\","));
    assert_int_equal(engine_stats(w->engine).sessions_live, 0);
    assert_int_equal(engine_stats(w->engine).model_calls, 0);
}

static void arguments_that_do_not_fit_go_back_to_the_model(void **state)
{
    static const struct said said[] = {
        { .tools = { "add", "add" }, .arguments = "{\"amount\":250}" },
        { .tools = { "add" }, .arguments = "[250]" },
        { .tools = { "add" }, .arguments = "{\"amount\":25}" },
        { .text = "done" },
    };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 1);
    assert_journal(w, "created model_started model_answered tool_failed tool_failed "
                      "model_started model_answered tool_failed "
                      "model_started model_answered tool_finished "
                      "model_started model_answered turn_ended");
    assert_non_null(strstr(w->asked[1], "The arguments do not fit: /amount: must be at most 100, "
                                        "is 250. Send them again."));
    assert_non_null(strstr(w->asked[2], "The arguments are not a JSON object: they are a JSON "
                                        "array, not an object. Send them again."));
}

/* Stored by a version that took schemas which this one does not. */
static void a_tool_whose_schema_is_none_never_runs(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "without it, then" } };
    struct world *w = *state;

    w->config_tool.parameters = "{\"type\":\"object\",\"unevaluatedProperties\":false}";
    make_revision(w);
    engine_free(w->engine);
    engine_begin(w);
    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 0);
    assert_non_null(strstr(w->asked[1], "its parameters are no JSON Schema: /unevaluatedProperties "
                                        "is a keyword that is not supported"));
}

static void errors_are_tried_again_and_then_said(void **state)
{
    static const struct said said[] = { { .error = MODEL_OVERLOADED },
                                        { .error = MODEL_UNAUTHORIZED } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_FAILED);
    assert_string_equal(w->ended_code, "model_unauthorized");
    assert_journal(w, "created model_started model_failed timer_fired model_started model_failed "
                      "turn_ended");
}

static void retries_end(void **state)
{
    static const struct said said[] = { { .error = MODEL_OVERLOADED } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    create(w);
    turn(w, NULL);
    assert_int_equal(w->asked_n, 3);
    assert_string_equal(w->ended_code, "model_overloaded");
}

static void an_unknown_agent_is_refused(void **state)
{
    struct world *w = *state;

    ask(w, (struct engine_request){ .kind = ENGINE_CREATE, .agent = SLICE_LIT("nobody") });
    assert_int_equal(w->request.err.code, ERR_NOT_FOUND);
    assert_string_equal(w->request.code, "unknown_agent");
}

static void an_unknown_session_is_refused(void **state)
{
    struct world *w = *state;

    ask(w, (struct engine_request){ .kind = ENGINE_MESSAGE, .session = SLICE_LIT("ses_none") });
    assert_int_equal(w->request.err.code, ERR_NOT_FOUND);
    assert_string_equal(w->request.code, "session_not_found");
}

static void a_key_seen_before_gives_the_same_session(void **state)
{
    static const struct said said[] = { { .text = "done" } };
    struct world *w = *state;
    struct engine_request request = { .kind = ENGINE_CREATE,
                                      .agent = SLICE_LIT("helper"),
                                      .text = SLICE_LIT("once"),
                                      .idempotency = { .route = SLICE_LIT("POST /v1/sessions"),
                                                       .key = SLICE_LIT("k"),
                                                       .body_hash = SLICE_LIT("h") } };
    w->said = said;
    w->said_n = ARRAY_LEN(said);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    struct id first = w->request.id;

    turn(w, NULL);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_true(w->request.is_replay);
    assert_string_equal(w->request.id.text, first.text);
    request.idempotency.body_hash = SLICE_LIT("other");
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_INVALID);
    assert_string_equal(w->request.code, "idempotency_key_reused");
    assert_int_equal(w->asked_n, 1);
}

/* A session is cancelled once; whoever did it with a key may ask again whether it was. */
static void a_change_repeated_with_its_key_is_no_conflict(void **state)
{
    static const struct said said[] = { { .tools = { "add" } } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    create(w);
    struct id id = w->request.id;
    struct engine_request request = { .kind = ENGINE_CANCEL,
                                      .session = id_slice(&id),
                                      .idempotency = { .route = SLICE_LIT("cancel"),
                                                       .key = SLICE_LIT("k"),
                                                       .body_hash = SLICE_LIT("h") } };
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_true(w->request.is_replay);
    request.idempotency.key = SLICE_LIT("another");
    ask(w, request);
    assert_int_equal(w->request.err.code, ERR_CONFLICT);
    assert_string_equal(w->request.code, "session_state");
}

static void on_drained(void *arg)
{
    ((struct world *)arg)->is_drained = 1;
}

static void a_drain_hands_over_and_the_next_process_goes_on(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    create(w);
    turn(w, NULL);
    assert_int_equal(w->runs_n, 1);

    engine_drain(w->engine, 1000, on_drained, w);
    turn(w, &w->is_drained);
    assert_true(w->is_drained);
    assert_int_equal(engine_stats(w->engine).sessions_live, 0);
    engine_free(w->engine);
    w->are_tools_slow = 0;
    engine_begin(w);
    turn(w, NULL);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_int_equal(w->runs_total, 2);
    assert_journal(w, "created model_started model_answered interrupted tool_finished "
                      "model_started model_answered turn_ended");
}

static void while_draining_nothing_is_accepted(void **state)
{
    struct world *w = *state;

    engine_drain(w->engine, 1000, on_drained, w);
    ask(w, (struct engine_request){ .kind = ENGINE_CREATE, .agent = SLICE_LIT("helper") });
    assert_int_equal(w->request.err.code, ERR_LIMIT);
    turn(w, &w->is_drained);
    assert_true(w->is_drained);
}

/* ---- retention ---- */

static void retain(struct world *w, int64_t age_ms, int64_t bytes)
{
    engine_free(w->engine);
    w->config.retention = (struct config_retention){ .age_ms = age_ms, .bytes = bytes };
    engine_begin(w);
}

/* What a request about the session comes to: NULL, or a word for its trouble. */
static const char *ask_about(struct world *w, struct id id)
{
    ask(w, (struct engine_request){ .kind = ENGINE_RESUME, .session = id_slice(&id) });
    return w->request.code;
}

static void pass(struct world *w, int64_t ms)
{
    int64_t end_ms = w->now_ms + ms;

    while (w->now_ms < end_ms) {
        if (loop_step(w->loop) | answer_all(w))
            continue;
        int64_t due_ms = loop_next_due_ms(w->loop);

        w->now_ms = due_ms > w->now_ms && due_ms < end_ms ? due_ms : end_ms;
    }
    (void)loop_step(w->loop);
}

static void what_ended_long_ago_is_removed(void **state)
{
    static const struct said said[] = { { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    retain(w, 100000, 0);
    create(w);
    struct id id = w->request.id;

    pass(w, 99000);
    assert_int_equal(w->ended_as, STATUS_COMPLETED);
    assert_string_equal(ask_about(w, id), "session_state");
    pass(w, 10000); /* a round comes every twentieth of the age */
    assert_string_equal(ask_about(w, id), "removed");
    ask(w, (struct engine_request){ .kind = ENGINE_ERASE, .session = id_slice(&id) });
    assert_int_equal(w->request.err.code, ERR_NONE); /* nothing of it is left */
}

static void what_has_not_ended_is_never_removed(void **state)
{
    static const struct said said[] = { { .tools = { "add" } }, { .text = "42" } };
    struct world *w = *state;

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    w->are_tools_slow = 1;
    retain(w, 1000, 1);
    create(w);
    struct id id = w->request.id;

    pass(w, 500000);
    assert_int_equal(w->runs_n, 1);
    assert_string_equal(ask_about(w, id), "session_state");
}

static void the_longest_ended_go_until_it_fits(void **state)
{
    static const struct said said[] = { { .text = "42" } };
    struct world *w = *state;
    struct id ids[40];

    w->said = said;
    w->said_n = ARRAY_LEN(said);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        create(w);
        ids[i] = w->request.id;
        pass(w, 1000);
        w->asked_n = 0;
    }
    retain(w, 0, 10000);
    pass(w, 60000);
    size_t gone = 0;

    while (gone < ARRAY_LEN(ids) && strcmp(ask_about(w, ids[gone]), "removed") == 0)
        gone++;
    assert_in_range(gone, 1, ARRAY_LEN(ids) - 1);
    for (size_t i = gone; i < ARRAY_LEN(ids); i++)
        assert_string_equal(ask_about(w, ids[i]), "session_state");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_parallel_tool_calls_and_then_the_answer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(arguments_that_do_not_fit_go_back_to_the_model, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_tool_whose_schema_is_none_never_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_tried_again_and_then_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retries_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_agent_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_session_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_seen_before_gives_the_same_session, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_change_repeated_with_its_key_is_no_conflict, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_drain_hands_over_and_the_next_process_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(while_draining_nothing_is_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_ended_long_ago_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_ended_is_never_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_ended_go_until_it_fits, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
