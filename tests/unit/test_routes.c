/*
 * The API over HTTP: routing, strict input, answers, waiting. The store is the one in memory; the
 * engine is this file's: it keeps what it was asked and commits a session that does nothing.
 */
#include "api/api.h"
#include "api/cursor.h"
#include "api/routes.h"
#include "base/json.h"
#include "core/event_json.h"
#include "unit/unit.h"

#include "unit/raw_socket.h"

enum { BODY_MAX = 4096, TEXT_MAX = 2048 };

struct fixture {
    struct loop *loop;
    struct store *store;
    struct http_server *server;
    struct api *api;
    struct keyring *keys;
    struct config config;
    struct config_agent agents[2];
    struct config_model model;
    struct raw raw;
    struct random random;
    /* the engine's */
    struct engine_request *request;
    struct engine_request seen; /* the last one; its slices are gone */
    char agent[64], text[256], context[256], metadata[256], session[64];
    unsigned submitted;
    struct err refuse_with;
    const char *refuse_code;
    struct store_op op;
    struct store_event events[2];
    struct buf bodies[2];
    unsigned char blob[SESSION_BLOB_MAX];
};

static struct fixture *the_fixture; /* engine_submit() gets no argument of ours */

/* ---- the engine ---- */

static void copy(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", (int)from.len, from.ptr ? from.ptr : "");
}

static void on_committed(struct store_op *op, void *arg)
{
    struct fixture *f = arg;
    struct engine_request *request = f->request;

    request->err = op->err;
    if (op->err.code == ERR_CONFLICT && op->commit.is_replay) {
        request->err = (struct err){ 0 };
        request->is_replay = 1;
        copy(request->id.text, sizeof(request->id.text), op->commit.replay);
    } else if (op->err.code == ERR_INVALID) {
        request->code = "idempotency_key_reused";
    }
    request->done(request, request->arg);
}

static void add_event(struct fixture *f, struct session_state *state, size_t i,
                      struct session_event event, const struct event_extra *extras)
{
    struct session_commands commands;

    event.seq = (uint32_t)i + 1;
    event.at_ms = loop_wall_ms(f->loop);
    assert_int_equal(session_step(state, &event, &commands), VERDICT_MOVED);
    f->bodies[i].max = 65536;
    buf_clear(&f->bodies[i]);
    event_write(&f->bodies[i], &event, extras, NULL);
    f->events[i] = (struct store_event){
        .seq = event.seq, .kind = event.kind, .at_ms = event.at_ms, .body = buf_slice(&f->bodies[i])
    };
}

static void create(struct fixture *f, struct engine_request *request)
{
    struct session_state state = { 0 };
    const struct event_extra extras[] = {
        { .name = "input", .kind = EXTRA_TEXT, .text = request->text },
        { .name = "context",
          .kind = EXTRA_JSON,
          .text = request->context.len ? request->context : (struct slice){ NULL, 0 } },
        { 0 },
    };

    add_event(f, &state, 0, (struct session_event){ .kind = EV_CREATED }, extras);
    add_event(f, &state, 1,
              (struct session_event){ .kind = EV_MODEL_STARTED, .call = 1, .attempt = 1 }, NULL);
    request->id = id_make("ses_", loop_wall_ms(f->loop), &f->random);
    f->op = (struct store_op){ .kind = STORE_COMMIT, .done = on_committed, .arg = f };
    f->op.commit.row =
        (struct store_session){ .id = id_slice(&request->id),
                                .tenant = SLICE_LIT(""),
                                .agent = request->agent,
                                .revision = SLICE_LIT("r1"),
                                .status = session_status(&state),
                                .created_at_ms = loop_wall_ms(f->loop),
                                .updated_at_ms = loop_wall_ms(f->loop),
                                .turn = 1,
                                .steps = 1,
                                .seq = 2,
                                .task_seq = 1,
                                .context_seq = 1,
                                .metadata = request->metadata,
                                .state = { (char *)f->blob, session_encode(&state, f->blob) } };
    f->op.commit.events = f->events;
    f->op.commit.events_n = 2;
    f->op.commit.idempotency = request->idempotency;
    f->op.commit.idempotency.response = id_slice(&request->id);
    f->op.commit.idempotency.at_ms = loop_wall_ms(f->loop);
    store_submit(f->store, &f->op);
}

static void refuse_later(void *arg)
{
    struct fixture *f = arg;

    f->request->err = f->refuse_with;
    f->request->code = f->refuse_code;
    f->request->done(f->request, f->request->arg);
}

static struct loop_post post;

static const struct config_agent scheduled_agent = { .name = "report" };
static const struct config_schedule schedules[] = {
    { .name = "nightly",
      .cron_text = "0 3 * * *",
      .zone = "Europe/Berlin",
      .agent = &scheduled_agent,
      .is_enabled = 1 },
    { .name = "launch", .at_ms = 1000, .agent = &scheduled_agent, .skips_missed = 1 },
};

int engine_schedule_at(const struct engine *engine, size_t i, struct engine_schedule *ret_schedule)
{
    (void)engine;
    if (i >= ARRAY_LEN(schedules))
        return 0;
    *ret_schedule = (struct engine_schedule){ .config = &schedules[i] };
    if (i == 0) {
        ret_schedule->next_at_ms = 2000;
        ret_schedule->last_at_ms = 1000;
        ret_schedule->last_session = SLICE_LIT("ses_1");
    }
    return 1;
}

struct engine_stats engine_stats(const struct engine *engine)
{
    (void)engine;
    return (struct engine_stats){ 0 };
}

void engine_submit(struct engine *engine, struct engine_request *request)
{
    struct fixture *f = the_fixture;

    (void)engine;
    f->submitted++;
    f->request = request;
    f->seen = *request;
    copy(f->agent, sizeof(f->agent), request->agent);
    copy(f->text, sizeof(f->text), request->text);
    copy(f->context, sizeof(f->context), request->context);
    copy(f->metadata, sizeof(f->metadata), request->metadata);
    copy(f->session, sizeof(f->session), request->session);
    if (request->kind == ENGINE_CREATE && !f->refuse_with.code) {
        create(f, request);
        return;
    }
    copy(request->id.text, sizeof(request->id.text), request->session);
    loop_post(f->loop, &post, refuse_later, f);
}

/* ---- the server ---- */

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = { 0 };

    the_fixture = f;
    f->raw.fd = -1;
    random_seed(&f->random, 7);
    f->model = (struct config_model){ .name = "main" };
    f->agents[0] = (struct config_agent){ .name = "support", .revision = "r1", .model = &f->model };
    f->agents[1] = (struct config_agent){ .name = "report", .revision = "r2", .model = &f->model };
    f->config = (struct config){ .agents = f->agents, .agents_n = 2 };
    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    assert_int_equal(store_open(&f->store, "mem:", STORE_OPEN_READ_WRITE, f->loop, &err), ERR_NONE);
    f->keys = keyring_new();
    const struct api_deps deps = {
        .loop = f->loop, .store = f->store, .config = &f->config, .keys = f->keys
    };

    f->api = api_new(&deps);
    api_set_phase(f->api, API_READY);
    const struct http_server_config config = { .host = "127.0.0.1",
                                               .body_bytes_max = BODY_MAX,
                                               .connections_max = 100,
                                               .idle_timeout_ms = 60000,
                                               .response_bytes_max = 64 << 20,
                                               .response_patience_ms = 60000,
                                               .on_request = api_on_request,
                                               .arg = f->api };

    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    api_free(f->api);
    keyring_free(f->keys);
    http_server_free(f->server);
    raw_close(&f->raw);
    loop_free(f->loop);
    buf_release(&f->bodies[0]);
    buf_release(&f->bodies[1]);
    free(f);
    return 0;
}

/* Sends a request on a connection of its own; the answer is in f->raw until the next. */
static void ask(struct fixture *f, const char *method, const char *target, const char *headers,
                const char *body)
{
    struct buf text = { .max = 65536 };

    raw_close(&f->raw);
    raw_open(&f->raw, f->loop, http_server_port(f->server));
    buf_putf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", method, target,
             headers);
    if (body)
        buf_putf(&text, "Content-Length: %zu\r\n", strlen(body));
    buf_putf(&text, "\r\n%s", body ? body : "");
    raw_says(&f->raw, buf_cstr(&text));
    buf_release(&text);
    raw_read_to_end(&f->raw);
}

static void expect(struct fixture *f, int status, const char *text)
{
    if (raw_status(&f->raw, 1) != status || !raw_heard(&f->raw, text))
        fail_msg("wanted %d and \"%s\", got:\n%s", status, text, buf_cstr(&f->raw.in));
    if (status >= 400)
        assert_true(raw_heard(&f->raw, "Content-Type: application/problem+json\r\n"));
}

#define JSON "Content-Type: application/json\r\n"

static void post_session(struct fixture *f, const char *headers, const char *body)
{
    ask(f, "POST", "/v1/sessions", headers, body);
}

/* The id in the last answer. */
static void take_id(struct fixture *f, char id[ID_TEXT_MAX])
{
    const char *at = strstr(buf_cstr(&f->raw.in), "\"id\":\"ses_");

    assert_non_null(at);
    copy(id, ID_TEXT_MAX, (struct slice){ at + 6, 40 });
}

static void make_session(struct fixture *f, char id[ID_TEXT_MAX])
{
    post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 201, "\"status\":\"RUNNING\"");
    take_id(f, id);
}

/* ---- routing ---- */

static void expect_route(const char *method, const char *path, enum route_verdict verdict,
                         const char *what)
{
    struct route_match match;

    assert_int_equal(route_find(slice_of(method), slice_of(path), &match), verdict);
    if (verdict == ROUTE_FOUND)
        assert_string_equal(match.route->pattern, what);
    if (verdict == ROUTE_NO_METHOD)
        assert_string_equal(match.allow, what);
}

static void routes_are_found_whole_or_not_at_all(void **state)
{
    struct route_match match;

    (void)state;
    expect_route("GET", "/v1/sessions", ROUTE_FOUND, "/v1/sessions");
    expect_route("GET", "/v1/sessions/x", ROUTE_FOUND, "/v1/sessions/{id}");
    expect_route("GET", "/v1/sessions/x/events", ROUTE_FOUND, "/v1/sessions/{id}/events");
    expect_route("POST", "/v1/sessions/x/messages", ROUTE_FOUND, "/v1/sessions/{id}/messages");
    expect_route("GET", "/v1/sessions/", ROUTE_NO_PATH, "");
    expect_route("GET", "/v1/sessions//events", ROUTE_NO_PATH, "");
    expect_route("GET", "/v1/sessions/x/events/", ROUTE_NO_PATH, "");
    expect_route("GET", "/v1/sessions/x/y/events", ROUTE_NO_PATH, "");
    expect_route("GET", "v1/sessions", ROUTE_NO_PATH, "");
    expect_route("GET", "//v1/sessions", ROUTE_NO_PATH, "");
    expect_route("GET", "/", ROUTE_NO_PATH, "");
    expect_route("GET", "", ROUTE_NO_PATH, "");
    expect_route("get", "/v1/agents", ROUTE_NO_METHOD, "GET, HEAD");
    expect_route("PUT", "/v1/sessions", ROUTE_NO_METHOD, "POST, GET, HEAD");
    expect_route("GET", "/v1/sessions/x/cancel", ROUTE_NO_METHOD, "POST");
    assert_int_equal(route_find(SLICE_LIT("GET"), SLICE_LIT("/v1/sessions/abc/steps"), &match),
                     ROUTE_FOUND);
    assert_true(slice_is(match.id, "abc"));
}

/* Open to all is what a program needs to find its way, and nothing else. */
static void each_route_asks_for_a_right(void **state)
{
    static const char *const open[] = { "/v1/version", "/livez", "/readyz", "/openapi.json",
                                        "/v1/triggers/{id}" }; /* it has a signature */
    const struct route *route;

    (void)state;
    for (size_t i = 0; (route = route_at(i)); i++) {
        int is_open = 0;

        for (size_t k = 0; k < ARRAY_LEN(open); k++)
            is_open |= strcmp(route->pattern, open[k]) == 0;
        assert_true(route->right > RIGHT_NONE && route->right < RIGHT_COUNT);
        assert_int_equal(route->right == RIGHT_OPEN, is_open);
        if (strcmp(route->method, "GET") != 0)
            assert_int_not_equal(route->right, RIGHT_READ);
    }
}

static void what_is_not_there_is_said(void **state)
{
    struct fixture *f = *state;

    ask(f, "GET", "/v1/nothing", "", NULL);
    expect(f, 404, "\"code\":\"not_found\"");
    ask(f, "DELETE", "/v1/agents", "", NULL);
    expect(f, 405, "\r\nAllow: GET, HEAD\r\n");
    expect(f, 405, "\"code\":\"method_not_allowed\"");
    ask(f, "GET", "/v1/agents?x=1", "", NULL);
    expect(f, 400, "\"code\":\"unknown_parameter\"");
    ask(f, "GET", "/v1/sessions?limt=1", "", NULL);
    expect(f, 400, "did you mean 'limit'?");
    ask(f, "GET", "/v1/sessions?limit=1&limit=2", "", NULL);
    expect(f, 400, "\"code\":\"duplicate_parameter\"");
    ask(f, "GET", "/v1/sessions/nonsense", "", NULL);
    expect(f, 404, "\"code\":\"session_not_found\"");
    ask(f, "GET", "/v1/sessions/ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002", "", NULL);
    expect(f, 404, "\"code\":\"session_not_found\"");
    ask(f, "POST", "/v1/sessions/nonsense/cancel", "", NULL);
    expect(f, 404, "\"code\":\"session_not_found\"");
    assert_int_equal(f->submitted, 0);
}

/* ---- creating ---- */

static void a_session_is_created_and_read_again(void **state)
{
    struct fixture *f = *state;
    char target[128];
    char id[ID_TEXT_MAX];

    post_session(f, "Content-Type: application/json; charset=utf-8\r\n",
                 "{\"agent\":\"support\",\"input\":\"Say \\\"hi\\\"\",\"context\":{\"a\":[1,2]},"
                 "\"metadata\":{\"customer\":\"7\"},\"budget\":{\"usd\":0.5,\"tokens\":1000}}");
    expect(f, 201, "\"current_task\":\"Say \\\"hi\\\"\"");
    take_id(f, id);
    (void)snprintf(target, sizeof(target), "\r\nLocation: /v1/sessions/%s\r\n", id);
    expect(f, 201, target);
    assert_int_equal(f->seen.kind, ENGINE_CREATE);
    assert_string_equal(f->agent, "support");
    assert_string_equal(f->text, "Say \"hi\"");
    assert_string_equal(f->context, "{\"a\":[1,2]}");
    assert_string_equal(f->metadata, "{\"customer\":\"7\"}");
    assert_int_equal(f->seen.budget.nanousd, 500000000);
    assert_int_equal(f->seen.budget.tokens, 1000);

    (void)snprintf(target, sizeof(target), "/v1/sessions/%s", id);
    ask(f, "GET", target, "", NULL);
    expect(f, 200, "\"context\":{\"a\":[1,2]},\"current_task\":\"Say \\\"hi\\\"\"");
    expect(f, 200, "\"waiting\":[{\"on\":\"model\"");
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/events", id);
    ask(f, "GET", target, "", NULL);
    expect(f, 200, "{\"data\":[{\"seq\":1,");
    expect(f, 200, "\"kind\":\"model_started\"");
    expect(f, 200, "\"next_cursor\":null}");
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/events?after=0&limit=1", id);
    ask(f, "GET", target, "", NULL);
    expect(f, 200, "\"next_cursor\":\"1\"}");
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/steps", id);
    ask(f, "GET", target, "", NULL);
    expect(f, 200, "\"action\":\"CALL_LLM\"");
}

static void bodies_are_read_strictly(void **state)
{
    static const struct {
        const char *headers;
        const char *body;
        int status;
        const char *text;
    } cases[] = {
        { "", "{}", 415, "\"code\":\"unsupported_media_type\"" },
        { "Content-Type: text/plain\r\n", "{}", 415, "application/json" },
        { JSON, "", 400, "\"code\":\"invalid_json\"" },
        { JSON, "{\"agent\":", 400, "line 1, column 10" },
        { JSON, "[]", 422, "must be an object, not an array" },
        { JSON, "{\"agent\":\"support\",\"agent\":\"x\"}", 400, "\"code\":\"invalid_json\"" },
        { JSON, "{\"agent\":\"\\u0000\"}", 400, "\"code\":\"invalid_json\"" },
        { JSON, "{\"agent\":\"\xff\"}", 400, "\"code\":\"invalid_json\"" },
        { JSON, "{\"input\":\"x\"}", 422, "'agent' is missing" },
        { JSON, "{\"agent\":\"support\"}", 422, "'input' is missing" },
        { JSON, "{\"agent\":7,\"input\":\"x\"}", 422, "'agent' must be a string, not an integer" },
        { JSON, "{\"agent\":\"support\",\"inptu\":\"x\"}", 422, "did you mean 'input'?" },
        { JSON, "{\"agent\":\"suport\",\"input\":\"x\"}", 422, "did you mean 'support'?" },
        { JSON, "{\"agent\":\"suport\",\"input\":\"x\"}", 422, "\"code\":\"unknown_agent\"" },
        { JSON, "{\"agent\":\"support\",\"input\":\"\"}", 422, "'input' is empty" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"context\":[]}", 422,
          "'context' must be an object, not an array" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"metadata\":{\"a\":1}}", 422,
          "'metadata.a' must be a string" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"metadata\":{\"\":\"a\"}}", 422,
          "must have 1 to 64 bytes" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"budget\":{\"eur\":1}}", 422,
          "There is no field 'budget.eur'" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"budget\":{\"usd\":0}}", 422,
          "'budget.usd' must be above 0" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"budget\":{\"usd\":\"1\"}}", 422,
          "'budget.usd' must be a number, not a string" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"budget\":{\"tokens\":1.5}}", 422,
          "'budget.tokens' must be an integer" },
        { JSON, "{\"agent\":\"support\",\"input\":\"x\",\"budget\":{\"tokens\":-1}}", 422,
          "'budget.tokens' must be from 1" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        post_session(f, cases[i].headers, cases[i].body);
        expect(f, cases[i].status, cases[i].text);
    }
    assert_int_equal(f->submitted, 0);
}

static void bodies_too_deep_or_too_large_are_refused(void **state)
{
    struct fixture *f = *state;
    char body[BODY_MAX + 100];

    memset(body, '[', 500);
    body[500] = '\0';
    post_session(f, JSON, body);
    expect(f, 400, "nested too deep");
    memset(body, ' ', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    post_session(f, JSON, body);
    expect(f, 413, "\"status\":413");
    assert_int_equal(f->submitted, 0);
}

static void a_key_makes_a_request_safe_to_repeat(void **state)
{
    struct fixture *f = *state;
    static const char key[] = JSON "Idempotency-Key: k-1\r\n";
    static const char body[] = "{\"agent\":\"support\",\"input\":\"hi\"}";
    char first[ID_TEXT_MAX];
    char second[ID_TEXT_MAX];

    post_session(f, key, body);
    expect(f, 201, "\"status\"");
    assert_false(raw_heard(&f->raw, "Idempotency-Replayed"));
    take_id(f, first);
    post_session(f, key, body);
    expect(f, 201, "\r\nIdempotency-Replayed: true\r\n");
    take_id(f, second);
    assert_string_equal(first, second);
    post_session(f, key, "{\"agent\":\"support\",\"input\":\"other\"}");
    expect(f, 422, "\"code\":\"idempotency_key_reused\"");
    post_session(f, JSON "Idempotency-Key: k-2\r\n", body);
    take_id(f, second);
    assert_string_not_equal(first, second);
}

static void keys_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    char headers[400] = JSON "Idempotency-Key: ";
    size_t len = strlen(headers);

    post_session(f, JSON "Idempotency-Key:\r\n", "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 400, "\"code\":\"invalid_idempotency_key\"");
    post_session(f, JSON "Idempotency-Key: \xc3\xa4\r\n",
                 "{\"agent\":\"support\",\"input\":\"x\"}");
    expect(f, 400, "\"code\":\"invalid_idempotency_key\"");
    memset(headers + len, 'k', 256);
    memcpy(headers + len + 256, "\r\n", 3);
    post_session(f, headers, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 400, "\"code\":\"invalid_idempotency_key\"");
    memcpy(headers + len + 255, "\r\n", 3);
    post_session(f, headers, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 201, "\"status\"");
}

/* ---- what the engine says ---- */

static void each_refusal_of_the_engine_has_its_status(void **state)
{
    static const struct {
        enum err_code code;
        int status;
        const char *text;
    } cases[] = {
        { ERR_INVALID, 422, "invalid_request" },      { ERR_CONFLICT, 409, "session_state" },
        { ERR_LIMIT, 413, "too_large_to_store" },     { ERR_UNAVAILABLE, 503, "store_unavailable" },
        { ERR_TIMEOUT, 504, "same Idempotency-Key" }, { ERR_CORRUPT, 500, "store_corrupt" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)err_set(&f->refuse_with, cases[i].code, "because");
        post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"hi\"}");
        expect(f, cases[i].status, cases[i].text);
        expect(f, cases[i].status, "because");
        if (cases[i].status == 503)
            expect(f, 503, "\r\nRetry-After: 1\r\n");
    }
    (void)err_set(&f->refuse_with, ERR_INVALID, "because");
    f->refuse_code = "context_incomplete";
    post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 422, "\"code\":\"context_incomplete\"");
}

static void changes_name_their_session(void **state)
{
    struct fixture *f = *state;
    char id[ID_TEXT_MAX];
    char target[128];

    make_session(f, id);
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/messages", id);
    ask(f, "POST", target, JSON, "{\"content\":\"more\"}");
    expect(f, 200, id);
    assert_int_equal(f->seen.kind, ENGINE_MESSAGE);
    assert_string_equal(f->session, id);
    assert_string_equal(f->text, "more");
    ask(f, "POST", target, JSON, "{}");
    expect(f, 422, "'content' is missing");
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/cancel", id);
    ask(f, "POST", target, "", NULL);
    expect(f, 200, id);
    assert_int_equal(f->seen.kind, ENGINE_CANCEL);
    (void)snprintf(target, sizeof(target), "/v1/sessions/%s/retry", id);
    ask(f, "POST", target, JSON, "{\"reason\":\"again\",\"budget\":{\"usd\":2}}");
    expect(f, 200, id);
    assert_int_equal(f->seen.kind, ENGINE_RETRY);
    assert_int_equal(f->seen.budget.nanousd, 2000000000);
    (void)err_set(&f->refuse_with, ERR_NOT_FOUND, "gone");
    ask(f, "POST", target, "", NULL);
    expect(f, 404, "\"code\":\"session_not_found\"");
}

static void the_phases_are_told(void **state)
{
    struct fixture *f = *state;

    ask(f, "GET", "/readyz", "", NULL);
    expect(f, 200, "{\"status\":\"ready\"}");
    api_set_phase(f->api, API_STARTING);
    ask(f, "GET", "/readyz", "", NULL);
    expect(f, 503, "\"code\":\"starting\"");
    post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 503, "\"code\":\"starting\"");
    api_set_phase(f->api, API_DRAINING);
    ask(f, "GET", "/readyz", "", NULL);
    expect(f, 503, "\"code\":\"draining\"");
    post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"hi\"}");
    expect(f, 503, "\"code\":\"draining\"");
    ask(f, "GET", "/livez", "", NULL);
    expect(f, 200, "{\"status\":\"alive\"}");
    ask(f, "GET", "/v1/version", "", NULL);
    expect(f, 200, "\"version\":\"" PAWL_VERSION "\"");
    ask(f, "GET", "/v1/agents", "", NULL);
    expect(f, 200, "{\"name\":\"support\",\"revision\":\"r1\",\"model\":\"main\",\"tools\":[]}");
    ask(f, "GET", "/v1/schedules", "", NULL);
    expect(f, 200,
           "{\"data\":[{\"name\":\"nightly\",\"cron\":\"0 3 * * *\",\"zone\":\"Europe/Berlin\","
           "\"at\":null,\"agent\":\"report\",\"enabled\":true,\"missed\":\"once\","
           "\"next_at\":\"1970-01-01T00:00:02.000Z\",\"last_at\":\"1970-01-01T00:00:01.000Z\","
           "\"last_session\":\"ses_1\"},{\"name\":\"launch\",\"cron\":null,\"zone\":null,"
           "\"at\":\"1970-01-01T00:00:01.000Z\",\"agent\":\"report\",\"enabled\":false,"
           "\"missed\":\"skip\",\"next_at\":null,\"last_at\":null,\"last_session\":null}],"
           "\"next_cursor\":null}");
    assert_int_equal(f->submitted, 0);
}

/* ---- lists ---- */

static void lists_are_filtered_and_paged(void **state)
{
    struct fixture *f = *state;
    char newest[ID_TEXT_MAX];
    char target[256];
    const char *cursor;

    post_session(f, JSON, "{\"agent\":\"support\",\"input\":\"one\",\"metadata\":{\"k\":\"a b\"}}");
    post_session(f, JSON, "{\"agent\":\"report\",\"input\":\"two\"}");
    take_id(f, newest);
    ask(f, "GET", "/v1/sessions?limit=1", "", NULL);
    expect(f, 200, newest);
    cursor = strstr(buf_cstr(&f->raw.in), "\"next_cursor\":\"");
    assert_non_null(cursor);
    (void)snprintf(target, sizeof(target), "/v1/sessions?limit=1&cursor=%.25s", cursor + 15);
    ask(f, "GET", target, "", NULL);
    expect(f, 200, "\"current_task\":\"one\"");
    expect(f, 200, "\"next_cursor\":null}");
    ask(f, "GET", "/v1/sessions?agent=report&status=RUNNING,PENDING", "", NULL);
    expect(f, 200, "\"current_task\":\"two\"");
    assert_false(raw_heard(&f->raw, "\"one\""));
    ask(f, "GET", "/v1/sessions?metadata.k=a%20b", "", NULL);
    expect(f, 200, "\"one\"");
    assert_false(raw_heard(&f->raw, "\"two\""));
    ask(f, "GET", "/v1/sessions?status=COMPLETED", "", NULL);
    expect(f, 200, "{\"data\":[],\"next_cursor\":null}");
}

static void list_parameters_are_checked(void **state)
{
    struct fixture *f = *state;

    ask(f, "GET", "/v1/sessions?limit=0", "", NULL);
    expect(f, 400, "from 1 to 1000, not '0'");
    ask(f, "GET", "/v1/sessions?limit=1001", "", NULL);
    expect(f, 400, "invalid_parameter");
    ask(f, "GET", "/v1/sessions?limit=99999999999999999999", "", NULL);
    expect(f, 400, "invalid_parameter");
    ask(f, "GET", "/v1/sessions?limit=", "", NULL);
    expect(f, 400, "invalid_parameter");
    ask(f, "GET", "/v1/sessions?limit=+1", "", NULL);
    expect(f, 400, "invalid_parameter");
    ask(f, "GET", "/v1/sessions?status=COMPLETE", "", NULL);
    expect(f, 400, "did you mean 'COMPLETED'?");
    ask(f, "GET", "/v1/sessions?cursor=l0000000000000001ffffffff", "", NULL);
    expect(f, 400, "\"code\":\"invalid_cursor\"");
    ask(f, "GET", "/v1/sessions?cursor=", "", NULL);
    expect(f, 400, "\"code\":\"invalid_cursor\"");
}

static void cursors_are_checked(void **state)
{
    char text[CURSOR_TEXT_MAX];
    int64_t at = 0;

    (void)state;
    assert_int_equal(cursor_read(&at, 'l', slice_of(cursor_text(text, 'l', INT64_MAX))), 0);
    assert_true(at == INT64_MAX);
    assert_int_equal(cursor_read(&at, 's', slice_of(cursor_text(text, 'l', 5))), 1);
    for (size_t i = 0; i < 25; i++) {
        (void)cursor_text(text, 'l', 123456);
        text[i] = text[i] == '0' ? '1' : '0';
        assert_int_equal(cursor_read(&at, 'l', slice_of(text)), 1);
    }
}

/* ---- waiting ---- */

static void wait_for_more(struct fixture *f, const char *id, const char *query)
{
    struct buf text = { .max = 1024 };

    raw_close(&f->raw);
    raw_open(&f->raw, f->loop, http_server_port(f->server));
    buf_putf(&text,
             "GET /v1/sessions/%s/events?%s HTTP/1.1\r\nHost: localhost\r\n"
             "Connection: close\r\n\r\n",
             id, query);
    raw_says(&f->raw, buf_cstr(&text));
    buf_release(&text);
    raw_run_turns(f->loop, 50);
}

static void on_more(struct store_op *op, void *arg)
{
    struct fixture *f = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    api_on_commit(f->api, op->commit.row.id, op->commit.row.seq);
}

static void on_row(struct store_op *op, void *arg)
{
    static struct store_op commit;
    static struct id id;
    struct fixture *f = arg;
    static const struct store_event event = {
        .seq = 3, .kind = EV_MESSAGE, .at_ms = 5, .body = { "{\"v\":1,\"content\":\"x\"}", 21 }
    };

    assert_int_equal(op->err.code, ERR_NONE);
    commit = (struct store_op){ .kind = STORE_COMMIT, .done = on_more, .arg = f };
    commit.commit.row = op->load.row;
    copy(id.text, sizeof(id.text), op->load.row.id);
    commit.commit.row.id = id_slice(&id);
    commit.commit.row.agent = commit.commit.row.revision = SLICE_LIT("r1");
    commit.commit.row.tenant = commit.commit.row.parent = SLICE_LIT("");
    commit.commit.row.metadata = (struct slice){ NULL, 0 };
    commit.commit.row.state = (struct slice){ (char *)f->blob, op->load.row.state.len };
    commit.commit.row.seq = 3;
    commit.commit.events = &event;
    commit.commit.events_n = 1;
    store_submit(f->store, &commit);
}

static void commit_one_more(struct fixture *f, const char *id)
{
    f->op = (struct store_op){
        .kind = STORE_LOAD, .load = { .id = slice_of(id) }, .done = on_row, .arg = f
    };
    store_submit(f->store, &f->op);
}

static void a_wait_ends_with_the_next_event(void **state)
{
    struct fixture *f = *state;
    char id[ID_TEXT_MAX];

    make_session(f, id);
    wait_for_more(f, id, "after=2&wait=60");
    assert_int_equal(raw_status(&f->raw, 1), 0); /* held back */
    commit_one_more(f, id);
    raw_read_to_end(&f->raw);
    expect(f, 200, "{\"data\":[{\"seq\":3,");
    wait_for_more(f, id, "after=0&wait=60"); /* there is something: no wait */
    raw_read_to_end(&f->raw);
    expect(f, 200, "\"seq\":3");
}

static void a_wait_ends_when_the_time_is_over_or_the_server_stops(void **state)
{
    struct fixture *f = *state;
    char id[ID_TEXT_MAX];

    make_session(f, id);
    wait_for_more(f, id, "after=2&wait=1");
    raw_read_to_end(&f->raw);
    expect(f, 200, "{\"data\":[],\"next_cursor\":null}");
    wait_for_more(f, id, "after=2&wait=60");
    assert_int_equal(raw_status(&f->raw, 1), 0);
    api_set_phase(f->api, API_STOPPING);
    raw_read_to_end(&f->raw);
    expect(f, 200, "{\"data\":[],\"next_cursor\":null}");
    ask(f, "GET", "/v1/sessions/x/events?wait=61", "", NULL);
    expect(f, 400, "'wait' must be a whole number from 0 to 60");
}

static void who_still_waits_at_the_end_is_forgotten(void **state)
{
    struct fixture *f = *state;
    char id[ID_TEXT_MAX];

    make_session(f, id);
    wait_for_more(f, id, "after=2&wait=60"); /* teardown finds it */
    assert_int_equal(raw_status(&f->raw, 1), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_found_whole_or_not_at_all),
        cmocka_unit_test(each_route_asks_for_a_right),
        TEST(what_is_not_there_is_said),
        TEST(a_session_is_created_and_read_again),
        TEST(bodies_are_read_strictly),
        TEST(bodies_too_deep_or_too_large_are_refused),
        TEST(a_key_makes_a_request_safe_to_repeat),
        TEST(keys_that_are_none_are_refused),
        TEST(each_refusal_of_the_engine_has_its_status),
        TEST(changes_name_their_session),
        TEST(the_phases_are_told),
        TEST(lists_are_filtered_and_paged),
        TEST(list_parameters_are_checked),
        cmocka_unit_test(cursors_are_checked),
        TEST(a_wait_ends_with_the_next_event),
        TEST(a_wait_ends_when_the_time_is_over_or_the_server_stops),
        TEST(who_still_waits_at_the_end_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
