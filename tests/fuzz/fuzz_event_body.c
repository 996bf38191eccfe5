/*
 * fuzz_event_body.c - a byte for the kind, and any bytes as the stored body of such an event: what
 * is read is written and read again as itself, and no session breaks at it.
 */
#include "fuzz/fuzz.h"

#include "core/event_json.h"
#include "core/session.h"

static void put_to(struct session_state state, const struct session_event *event)
{
    struct session_commands commands;
    struct session_event stamped = *event;

    stamped.seq = state.seq + 1;
    stamped.at_ms = 1000;
    if (session_step(&state, &stamped, &commands) == VERDICT_MOVED)
        ASSERT(session_is_valid(&state));
}

static void move(struct session_state *state, const struct session_event *event)
{
    struct session_commands commands;

    ASSERT(session_step(state, event, &commands) == VERDICT_MOVED);
}

/* To a session that is new, waits for its model, and has tools at work. */
static void put_to_sessions(const struct session_event *event)
{
    struct session_state state = { 0 };

    put_to(state, event);
    move(&state, &(struct session_event){ .kind = EV_CREATED, .seq = 1, .at_ms = 10 });
    put_to(state, event);
    move(&state, &(struct session_event){
                     .kind = EV_MODEL_STARTED, .seq = 2, .at_ms = 20, .call = 1, .attempt = 1 });
    put_to(state, event);
    struct session_event answer = { .kind = EV_MODEL_ANSWERED,
                                    .seq = 3,
                                    .at_ms = 30,
                                    .call = 1,
                                    .attempt = 1,
                                    .model_answered = { .first_call = 2, .calls_n = 3 } };

    answer.model_answered.calls[1].is_once = 1;
    answer.model_answered.calls[2].approvals_needed = 2;
    move(&state, &answer);
    put_to(state, event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buf body = { .max = EVENT_BODY_FIXED_MAX };
    static struct buf body_again = { .max = EVENT_BODY_FIXED_MAX };
    struct session_event event;
    struct session_event again;
    struct err err = { 0 };

    if (size == 0)
        return 0;
    enum event_kind kind = (enum event_kind)(data[0] % (EV_KIND_COUNT + 1));
    struct slice text = { (const char *)data + 1, size - 1 };

    if (event_read(&event, kind, text, &err)) {
        ASSERT(err.code == ERR_CORRUPT && err.msg[0]);
        return 0;
    }
    buf_clear(&body);
    buf_clear(&body_again);
    event_write(&body, &event, NULL, NULL);
    ASSERT(event_read(&again, kind, buf_slice(&body), &err) == ERR_NONE);
    event_write(&body_again, &again, NULL, NULL);
    ASSERT(slice_equal(buf_slice(&body), buf_slice(&body_again)));
    put_to_sessions(&event);
    return 0;
}
