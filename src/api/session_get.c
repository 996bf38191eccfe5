/*
 * session_get.c - GET /v1/sessions/{id}.
 *
 * A waiting session says which tools it waits for. Their names stand in the event that asked for
 * them, so that event is read first, and then the row again: names of calls never change, all
 * else is of one moment.
 */
#include <stdlib.h>

#include "api/ask.h"
#include "api/json_session.h"
#include "base/arena.h"
#include "core/waiting.h"

enum { NAMES_BYTES_MAX = 256 * 1024, NAME_SHOWN_MAX = 256 };

struct named {
    struct arena *arena;
    struct call_name at[SESSION_CALLS_MAX];
    struct call_names names;
};

static void free_named(void *work)
{
    struct named *named = work;

    arena_free(named->arena);
    free(named);
}

static void on_loaded(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct named *named = ask->work;
    struct err err = { 0 };

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    CLEANUP(buf_release) struct buf json = { .max = json_session_bytes_max(&op->load) };

    if (json_put_session(&json, &op->load, named ? &named->names : NULL, &err))
        ask_store_failed(ask, &err);
    else
        ask_reply(ask, 200, &json, NULL);
}

/* What a wait_for_event waits for; NULL: it is another call, or one that was refused. */
static struct slice signal_of(struct named *named, const struct json *call)
{
    struct slice name = json_str(json_get(json_get(call, "arguments"), "name"));

    if (!slice_is(json_str(json_get(call, "type")), call_type_name(CALL_SIGNAL)) ||
        !signal_name_is_valid(name))
        return (struct slice){ 0 };
    return arena_slice(named->arena, name);
}

static void take_names(struct named *named, const struct json *body)
{
    const struct json *calls = json_get(body, "calls");

    for (size_t i = 0; i < json_count(calls) && i < SESSION_CALLS_MAX; i++) {
        const struct json *call = json_at(calls, i);
        struct slice tool = json_str(json_get(call, "tool"));

        tool.len = tool.len < NAME_SHOWN_MAX ? tool.len : NAME_SHOWN_MAX;
        if (tool.ptr)
            named->at[named->names.n++] =
                (struct call_name){ .call = (uint32_t)json_int(json_get(call, "call"), 0),
                                    .tool = arena_slice(named->arena, tool),
                                    .signal = signal_of(named, call) };
    }
}

static void on_source(struct store_op *op, void *arg)
{
    struct ask *ask = arg;
    struct named *named = xcalloc(1, sizeof(*named));
    CLEANUP(json_cleanup) struct json *body = NULL;
    struct err err = { 0 };

    named->arena = arena_new(NAMES_BYTES_MAX);
    named->names.at = named->at;
    ask->work = named;
    ask->free_work = free_named;
    /* Without names the answer is less telling, and still right. */
    if (!op->err.code && op->events.events_n == 1 &&
        !json_read(&body, op->events.events[0].body, STORE_BODY_MAX, &err))
        take_names(named, body);
    (void)ask_load_session(ask, 1, on_loaded);
}

/* The event that asked for the open calls: all of one answer, but for orphans of earlier turns. */
static uint32_t source_of(const struct store_session *row)
{
    struct session_state state;
    struct err err = { 0 };
    uint32_t source = 0;

    if (session_decode(&state, row->state, &err))
        return 0; /* said when it is loaded with its texts */
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (state.calls[i].phase != CALL_FREE && state.calls[i].source > source)
            source = state.calls[i].source;
    }
    return source;
}

static void on_row(struct store_op *op, void *arg)
{
    struct ask *ask = arg;

    if (op->err.code) {
        ask_store_failed(ask, &op->err);
        return;
    }
    uint32_t source = source_of(&op->load.row);

    if (source == 0) {
        (void)ask_load_session(ask, 1, on_loaded);
        return;
    }
    ask->op = (struct store_op){ .kind = STORE_EVENTS,
                                 .events = { .session = op->load.row.key,
                                             .after = source - 1,
                                             .until = source,
                                             .limit = 1,
                                             .what = STORE_EVENTS_BODIES } };
    ask_submit(ask, on_source);
}

void sessions_get(struct ask *ask)
{
    (void)ask_load_session(ask, 0, on_row);
}
