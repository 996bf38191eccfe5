/*
 * session_codec.c - the stored form of a session's state.
 *
 * Version 1. Every number is an unsigned LEB128 varint of at most 10 bytes; none of them is ever
 * negative. In order:
 *
 *   version (1)
 *   mode end is_paused is_turn_started seq last_call turn turn_seq unread unread_seq steps crashes
 *   limits: steps wall_ms tokens nanousd crashes
 *   spent: tokens nanousd;  wall_used_ms wall_since_ms
 *   model: phase failures number attempt since_ms due_ms reserved.tokens reserved.nanousd missed
 *          missed_seq
 *   the number of open calls, then of each: slot, and the members of struct session_call in order
 *   the number of unsettled attempts, then of each: call attempt charged.tokens charged.nanousd
 *
 * Reading checks every range and session_is_valid(); bytes left over, a number in more bytes than
 * it needs, and slots out of order are errors: a state has one stored form.
 */
#include "core/session_internal.h"

enum { BLOB_VERSION = 1 };

struct writer {
    unsigned char *at;
    size_t len;
};

static void put(struct writer *w, uint64_t value)
{
    do {
        ASSERT(w->len < SESSION_BLOB_MAX);
        w->at[w->len++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value != 0);
}

static void put_amount(struct writer *w, int64_t value)
{
    ASSERT(value >= 0);
    put(w, (uint64_t)value);
}

static void put_spend(struct writer *w, struct spend spend)
{
    put_amount(w, spend.tokens);
    put_amount(w, spend.nanousd);
}

static void put_call(struct writer *w, const struct session_call *call)
{
    put(w, call->phase);
    put(w, call->type);
    put(w, call->is_once);
    put(w, call->has_reconcile);
    put(w, call->is_orphan);
    put(w, call->on_expiry);
    put(w, call->approvals_needed);
    put(w, call->failures);
    put(w, call->number);
    put(w, call->attempt);
    put(w, call->source);
    put_amount(w, call->since_ms);
    put_amount(w, call->due_ms);
    put(w, call->signal_hash);
    put_spend(w, call->reserved);
}

static void put_calls(struct writer *w, const struct session_state *state)
{
    put(w, SESSION_CALLS_MAX - session_free_slots(state));
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        if (state->calls[i].phase == CALL_FREE)
            continue;
        put(w, i);
        put_call(w, &state->calls[i]);
    }
}

static void put_unsettled(struct writer *w, const struct session_state *state)
{
    unsigned n = 0;

    while (n < SESSION_UNSETTLED_MAX && state->unsettled[n].call != 0)
        n++; /* kept together from the front */
    put(w, n);
    for (unsigned i = 0; i < n; i++) {
        put(w, state->unsettled[i].call);
        put(w, state->unsettled[i].attempt);
        put_spend(w, state->unsettled[i].charged);
    }
}

static void put_model(struct writer *w, const struct session_model *model)
{
    put(w, model->phase);
    put(w, model->failures);
    put(w, model->number);
    put(w, model->attempt);
    put_amount(w, model->since_ms);
    put_amount(w, model->due_ms);
    put_spend(w, model->reserved);
    put(w, model->missed);
    put(w, model->missed_seq);
}

size_t session_encode(const struct session_state *state, unsigned char blob[SESSION_BLOB_MAX])
{
    struct writer w = { 0 };

    w.at = blob;
    put(&w, BLOB_VERSION);
    put(&w, state->mode);
    put(&w, state->end);
    put(&w, state->is_paused);
    put(&w, state->is_turn_started);
    put(&w, state->seq);
    put(&w, state->last_call);
    put(&w, state->turn);
    put(&w, state->turn_seq);
    put(&w, state->unread);
    put(&w, state->unread_seq);
    put(&w, state->steps);
    put(&w, state->crashes);
    put(&w, state->limits.steps);
    put_amount(&w, state->limits.wall_ms);
    put_amount(&w, state->limits.tokens);
    put_amount(&w, state->limits.nanousd);
    put(&w, state->limits.crashes);
    put_spend(&w, state->spent);
    put_amount(&w, state->wall_used_ms);
    put_amount(&w, state->wall_since_ms);
    put_model(&w, &state->model);
    put_calls(&w, state);
    put_unsettled(&w, state);
    return w.len;
}

struct reader {
    const unsigned char *at;
    const unsigned char *end;
    int is_bad; /* sticky: a value was cut off or out of its range */
};

static uint64_t get(struct reader *r, uint64_t max)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint64_t bits = *r->at & 0x7f;

        if (shift == 63 && bits > 1)
            break;
        value |= bits << shift;
        if (!(*r->at++ & 0x80)) {
            int is_overlong = bits == 0 && shift > 0;

            if (value <= max && !is_overlong)
                return value;
            break;
        }
    }
    r->is_bad = 1;
    return 0;
}

static uint8_t get_u8(struct reader *r)
{
    return (uint8_t)get(r, UINT8_MAX);
}

static uint16_t get_u16(struct reader *r)
{
    return (uint16_t)get(r, UINT16_MAX);
}

static uint32_t get_u32(struct reader *r)
{
    return (uint32_t)get(r, UINT32_MAX);
}

static int64_t get_amount(struct reader *r)
{
    return (int64_t)get(r, INT64_MAX);
}

static struct spend get_spend(struct reader *r)
{
    struct spend spend;

    spend.tokens = get_amount(r);
    spend.nanousd = get_amount(r);
    return spend;
}

static void get_call(struct reader *r, struct session_call *call)
{
    call->phase = get_u8(r);
    call->type = get_u8(r);
    call->is_once = get_u8(r);
    call->has_reconcile = get_u8(r);
    call->is_orphan = get_u8(r);
    call->on_expiry = get_u8(r);
    call->approvals_needed = get_u8(r);
    call->failures = get_u16(r);
    call->number = get_u32(r);
    call->attempt = get_u32(r);
    call->source = get_u32(r);
    call->since_ms = get_amount(r);
    call->due_ms = get_amount(r);
    call->signal_hash = get(r, UINT64_MAX);
    call->reserved = get_spend(r);
}

static void get_calls(struct reader *r, struct session_state *state)
{
    uint64_t n = get(r, SESSION_CALLS_MAX);

    uint64_t next = 0; /* slots ascend */

    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        uint64_t slot = get(r, SESSION_CALLS_MAX - 1);

        get_call(r, &state->calls[slot]);
        r->is_bad |= slot < next || state->calls[slot].phase == CALL_FREE;
        next = slot + 1;
    }
}

static void get_unsettled(struct reader *r, struct session_state *state)
{
    uint64_t n = get(r, SESSION_UNSETTLED_MAX);

    for (uint64_t i = 0; i < n && !r->is_bad; i++) {
        state->unsettled[i].call = get_u32(r);
        state->unsettled[i].attempt = get_u32(r);
        state->unsettled[i].charged = get_spend(r);
        r->is_bad |= state->unsettled[i].call == 0;
    }
}

static void get_model(struct reader *r, struct session_model *model)
{
    model->phase = get_u8(r);
    model->failures = get_u16(r);
    model->number = get_u32(r);
    model->attempt = get_u32(r);
    model->since_ms = get_amount(r);
    model->due_ms = get_amount(r);
    model->reserved = get_spend(r);
    model->missed = get_u32(r);
    model->missed_seq = get_u32(r);
}

static void get_state(struct reader *r, struct session_state *state)
{
    state->mode = get_u8(r);
    state->end = get_u8(r);
    state->is_paused = get_u8(r);
    state->is_turn_started = get_u8(r);
    state->seq = get_u32(r);
    state->last_call = get_u32(r);
    state->turn = get_u32(r);
    state->turn_seq = get_u32(r);
    state->unread = get_u32(r);
    state->unread_seq = get_u32(r);
    state->steps = get_u32(r);
    state->crashes = get_u32(r);
    state->limits.steps = get_u32(r);
    state->limits.wall_ms = get_amount(r);
    state->limits.tokens = get_amount(r);
    state->limits.nanousd = get_amount(r);
    state->limits.crashes = get_u32(r);
    state->spent = get_spend(r);
    state->wall_used_ms = get_amount(r);
    state->wall_since_ms = get_amount(r);
    get_model(r, &state->model);
    get_calls(r, state);
    get_unsettled(r, state);
}

enum err_code session_decode(struct session_state *ret_state, struct slice blob, struct err *err)
{
    const unsigned char *bytes = (const unsigned char *)blob.ptr;
    struct reader r = { bytes, blob.len ? bytes + blob.len : bytes, 0 };
    struct session_state state;
    uint64_t version = get(&r, UINT64_MAX);

    if (r.is_bad || version != BLOB_VERSION)
        return err_set(err, ERR_CORRUPT, "a session's state has version %llu, this pawl knows %d",
                       (unsigned long long)version, BLOB_VERSION);
    memset(&state, 0, sizeof(state));
    get_state(&r, &state);
    if (r.is_bad || r.at != r.end)
        return err_set(err, ERR_CORRUPT, "a session's state of %zu bytes is cut off or damaged",
                       blob.len);
    if (!session_is_valid(&state))
        return err_set(err, ERR_CORRUPT, "a session's state contradicts itself");
    *ret_state = state;
    return ERR_NONE;
}
