/*
 * fuzz_session_blob.c - any bytes as the stored state of a session: what is read is valid, is
 * stored as the same bytes, answers every question, and takes every sane event.
 */
#include "fuzz/fuzz.h"

#include "core/session.h"
#include "unit/gen.h"

enum { EVENTS = 24 };

static void ask(const struct session_state *state)
{
    struct session_interruption interruptions[SESSION_INTERRUPTIONS_MAX];
    struct session_wait waits[SESSION_WAITS_MAX];
    struct session_commands open;
    struct session_event timer;
    struct session_due due;

    ASSERT(session_is_valid(state));
    ASSERT(session_status(state) < STATUS_COUNT);
    session_open_commands(state, &open);
    ASSERT(session_interruptions(state, interruptions) == open.n);
    ASSERT(session_is_in_flight(state) == (open.n > 0));
    ASSERT(session_timer(state, INT64_MAX, &timer) == (session_wake_at_ms(state) != 0));
    unsigned n = session_waits(state, waits);
    ASSERT(n > 0 || session_is_ended(state) || state->mode == SESSION_NEW ||
           session_due(state, &due));
    for (unsigned i = 0; i < n; i++)
        ASSERT(waits[i].on < WAIT_KIND_COUNT);
}

static void live_on(struct session_state *state, uint64_t seed)
{
    struct session_commands commands;
    struct random random;

    random_seed(&random, seed);
    for (unsigned i = 0; i < EVENTS; i++) {
        struct session_event event = gen_likely(&random, state, 1 + 100 * (int64_t)i);

        if (session_step(state, &event, &commands) == VERDICT_MOVED)
            ask(state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[SESSION_BLOB_MAX];
    struct slice bytes = { (const char *)data, size };
    struct session_state state;
    struct err err = { 0 };

    if (session_decode(&state, bytes, &err)) {
        ASSERT(err.code == ERR_CORRUPT && err.msg[0]);
        return 0;
    }
    ASSERT(session_encode(&state, again) == size);
    ASSERT(memcmp(again, data, size) == 0);
    ask(&state);
    live_on(&state, size);
    return 0;
}
