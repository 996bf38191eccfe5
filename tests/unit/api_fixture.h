/*
 * api_fixture.h - the api over a store in memory, with one session, for tests that speak HTTP to
 * it. Journals are written to the store past the engine.
 */
#ifndef UNIT_API_FIXTURE_H
#define UNIT_API_FIXTURE_H

#include "api/api.h"
#include "core/event_json.h"
#include "unit/unit.h"

#include "unit/raw_socket.h"

enum { STREAMS_MAX = 3, LARGE = 6 * 1024 * 1024 };

#define SESSION "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002"

struct fixture {
    struct loop *loop;
    struct store *store;
    struct http_server *server;
    struct api *api;
    struct keyring *keys;
    struct config config;
    struct store_op op;
    struct store_session row;
    unsigned char blob[SESSION_BLOB_MAX];
    int is_done;
};

/* No request of these tests changes anything. */
void engine_submit(struct engine *engine, struct engine_request *request)
{
    (void)engine;
    (void)request;
    fail();
}

int engine_schedule_at(const struct engine *engine, size_t i, struct engine_schedule *ret_schedule)
{
    (void)engine;
    (void)i;
    (void)ret_schedule;
    return 0;
}

struct engine_stats engine_stats(const struct engine *engine)
{
    (void)engine;
    return (struct engine_stats){ 0 };
}

/* ---- the journal ---- */

static inline void on_committed(struct store_op *op, void *arg)
{
    struct fixture *f = arg;

    assert_int_equal(op->err.code, ERR_NONE);
    f->row.key = op->commit.row.key;
    f->row.version = op->commit.row.version;
    f->is_done = 1;
    loop_stop(f->loop);
}

/* Appends these events, and tells the api of them as the engine does. */
static inline void commit_events(struct fixture *f, const struct store_event *events, uint32_t n)
{
    f->row.seq += n;
    f->is_done = 0;
    f->op = (struct store_op){ .kind = STORE_COMMIT,
                               .commit = { .row = f->row, .events = events, .events_n = n },
                               .done = on_committed,
                               .arg = f };
    store_submit(f->store, &f->op);
    while (!f->is_done)
        loop_run(f->loop);
    api_on_commit(f->api, f->row.id, f->row.seq);
}

/* So many of this kind. */
static inline void commit_body(struct fixture *f, enum event_kind kind, uint32_t n,
                               struct slice body)
{
    struct store_event events[300];

    assert_true(n <= ARRAY_LEN(events));
    for (uint32_t i = 0; i < n; i++)
        events[i] = (struct store_event){
            .seq = f->row.seq + 1 + i, .kind = kind, .at_ms = 5, .body = body
        };
    commit_events(f, events, n);
}

static inline void commit(struct fixture *f, enum event_kind kind, uint32_t n)
{
    commit_body(f, kind, n, SLICE_LIT("{\"v\":1,\"content\":\"a\\nb\"}"));
}

static inline void make_session(struct fixture *f)
{
    struct session_state state = { 0 };
    struct session_commands commands;
    const struct session_event created = { .kind = EV_CREATED, .seq = 1, .at_ms = 5 };

    assert_int_equal(session_step(&state, &created, &commands), VERDICT_MOVED);
    f->row =
        (struct store_session){ .id = SLICE_LIT(SESSION),
                                .tenant = SLICE_LIT(""),
                                .agent = SLICE_LIT("a"),
                                .revision = SLICE_LIT("r1"),
                                .parent = SLICE_LIT(""),
                                .status = session_status(&state),
                                .turn = 1,
                                .task_seq = 1,
                                .context_seq = 1,
                                .metadata = SLICE_LIT("{}"),
                                .state = { (char *)f->blob, session_encode(&state, f->blob) } };
    commit(f, EV_CREATED, 1);
}

/* ---- the server ---- */

static inline int setup_with(void **state, size_t response_bytes_max, int64_t response_patience_ms)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = { 0 };

    f->config.limits.streams = STREAMS_MAX;
    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    assert_int_equal(store_open(&f->store, "mem:", STORE_OPEN_READ_WRITE, f->loop, &err), ERR_NONE);
    f->keys = keyring_new();
    const struct api_deps deps = {
        .loop = f->loop, .store = f->store, .config = &f->config, .keys = f->keys
    };

    f->api = api_new(&deps);
    api_set_phase(f->api, API_READY);
    const struct http_server_config config = { .host = "127.0.0.1",
                                               .body_bytes_max = 4096,
                                               .connections_max = 100,
                                               .idle_timeout_ms = 60000,
                                               .response_bytes_max = response_bytes_max,
                                               .response_patience_ms = response_patience_ms,
                                               .on_request = api_on_request,
                                               .arg = f->api };

    assert_int_equal(http_server_new(&f->server, f->loop, &config, &err), ERR_NONE);
    make_session(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    api_free(f->api);
    keyring_free(f->keys);
    http_server_free(f->server);
    loop_free(f->loop);
    free(f);
    return 0;
}

#endif
