/*
 * engine_fixture.h - an engine on a store in memory, a simulated loop, and a model and tools that
 * do as they are told. For the tests of the engine; each is one test binary of its own.
 */
#ifndef UNIT_ENGINE_FIXTURE_H
#define UNIT_ENGINE_FIXTURE_H

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
    size_t erased_n; /* times that it was told of one */
    size_t steps_n;  /* of the loop that did something */
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

static inline int64_t now(void *arg)
{
    return ((struct world *)arg)->now_ms;
}

/* ---- the model ---- */

static inline void model_start(struct model_client *client, struct model_call *call)
{
    struct world *w = CONTAINER_OF(client, struct world, model);

    assert_true(w->calls_n < OPEN_MAX && w->asked_n < ANSWERS_MAX);
    (void)snprintf(w->asked[w->asked_n++], TEXT_MAX, "[%.*s]", (int)call->messages.len,
                   call->messages.ptr);
    w->calls[w->calls_n++] = call;
}

static inline void model_cancel(struct model_client *client, struct model_call *call)
{
    (void)client;
    call->result.error = MODEL_CANCELLED;
}

static inline void answer(struct world *w, struct model_call *call)
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

static inline void tool_start(struct tool_runner *runner, struct tool_run *run)
{
    struct world *w = CONTAINER_OF(runner, struct world, tools);

    assert_true(w->runs_n < OPEN_MAX);
    w->runs[w->runs_n++] = run;
    w->runs_total++;
    run->result = (struct tool_result){ .end = TOOL_EXITED, .output = SLICE_LIT("42") };
    w->runs_most = w->runs_n > w->runs_most ? w->runs_n : w->runs_most;
}

static inline void tool_stop(struct tool_runner *runner, struct tool_run *run)
{
    (void)runner;
    run->result.end = TOOL_STOPPED;
}

static const struct model_client_ops model_ops = { .start = model_start, .cancel = model_cancel };
static const struct tool_runner_ops tool_ops = { .start = tool_start, .stop = tool_stop };

/* ---- the world turns ---- */

static inline int answer_all(struct world *w)
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
static inline void turn(struct world *w, const int *until)
{
    int64_t end_ms = w->now_ms + 600000;

    while (w->now_ms < end_ms && !(until && *until)) {
        if (loop_step(w->loop) | answer_all(w))
            continue;
        int64_t due_ms = loop_next_due_ms(w->loop);

        w->now_ms = due_ms > w->now_ms && due_ms < end_ms ? due_ms : end_ms;
    }
}

static inline void on_started(void *arg, const struct err *err)
{
    assert_int_equal(err->code, ERR_NONE);
    ((struct world *)arg)->is_started = 1;
}

static inline void on_ended(void *arg, const struct store_session *row, struct slice code,
                            struct slice message)
{
    struct world *w = arg;

    (void)message;
    w->ended_as = row->status;
    (void)snprintf(w->ended_code, sizeof(w->ended_code), "%.*s", (int)code.len, code.ptr);
}

static inline void on_erased(void *arg, struct slice session)
{
    (void)session;
    ((struct world *)arg)->erased_n++;
}

static inline void on_fatal(void *arg, const struct err *err)
{
    (void)arg;
    fail_msg("fatal: %s", err->msg);
}

static inline void engine_begin(struct world *w)
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
        .on_erased = on_erased,
        .on_fatal = on_fatal,
        .arg = w,
    };

    w->engine = engine_new(&deps);
    w->is_started = 0;
    engine_start(w->engine, on_started, w);
    turn(w, &w->is_started);
    assert_true(w->is_started);
}

static inline void make_revision(struct world *w)
{
    buf_clear(&w->revision_text);
    revision_make(&w->agent, &w->revision_text, w->revision);
    w->agent.revision_text = buf_cstr(&w->revision_text);
    w->agent.revision = w->revision;
}

static inline void set_config(struct world *w)
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
                                             .instructions_bytes = 65536,
                                             .tool_calls = 32,
                                             .output_bytes = 1 << 20,
                                             .tool_runs = 4,
                                             .model_calls = 4,
                                             .crashes = 5 } };
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    struct world *w = *state;

    engine_free(w->engine);
    store_close(w->store);
    loop_free(w->loop);
    buf_release(&w->revision_text);
    free(w);
    return 0;
}

static inline void on_request(struct engine_request *request, void *arg)
{
    (void)request;
    ((struct world *)arg)->is_done = 1;
}

static inline void ask(struct world *w, struct engine_request request)
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

static inline void create(struct world *w)
{
    ask(w, (struct engine_request){ .kind = ENGINE_CREATE,
                                    .agent = SLICE_LIT("helper"),
                                    .text = SLICE_LIT("add it up") });
    assert_int_equal(w->request.err.code, ERR_NONE);
    assert_int_equal(w->request.seq, 1);
}

/* For so long. */
static inline void pass(struct world *w, int64_t ms)
{
    int64_t end_ms = w->now_ms + ms;

    while (w->now_ms < end_ms) {
        if (loop_step(w->loop) | answer_all(w)) {
            w->steps_n++;
            continue;
        }
        int64_t due_ms = loop_next_due_ms(w->loop);

        w->now_ms = due_ms > w->now_ms && due_ms < end_ms ? due_ms : end_ms;
    }
    (void)loop_step(w->loop);
}

/* The engine begins anew, with this retention. */
static inline void retain(struct world *w, int64_t age_ms, int64_t bytes)
{
    engine_free(w->engine);
    w->config.retention = (struct config_retention){ .age_ms = age_ms, .bytes = bytes };
    engine_begin(w);
}

#endif
