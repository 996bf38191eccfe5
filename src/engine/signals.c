/*
 * signals.c - events from outside: the call that waits for one takes it, or the session keeps it
 * until one does.
 *
 * Those that are kept are few (SIGNALS_KEPT_MAX), so they are here with the session and not looked
 * for in its journal: what a signal or a wait costs does not grow with it. The store has the list
 * of their seqs; what they say stands in their events.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "core/waiting.h"
#include "engine/engine_internal.h"

_Static_assert((int)SIGNALS_KEPT_MAX <= (int)STORE_SIGNALS_MAX, "the store keeps as many");

/* ---- what is kept ---- */

static const struct tick_signal *noted(const struct tick *tick, uint32_t seq)
{
    const struct tick_signal *signal = tick->signals;

    while (signal && signal->seq != seq)
        signal = signal->next;
    return signal;
}

static void note(struct tick *tick, const struct tick_signal *signal)
{
    struct tick_signal *copy = arena_alloc(tick->arena, sizeof(*copy));

    *copy = *signal;
    copy->next = NULL;
    *tick->signals_last = copy;
    tick->signals_last = &copy->next;
}

static int has_room(const struct tick *tick, size_t bytes)
{
    const struct live *live = tick->live;
    size_t n = 1;

    for (size_t i = 0; i < live->signals_n; i++) {
        if (noted(tick, live->signals[i].seq))
            continue;
        n++;
        bytes += live->signals[i].data_len;
    }
    for (const struct tick_signal *signal = tick->signals; signal; signal = signal->next) {
        n += signal->is_new && !signal->is_taken;
        bytes += signal->is_new && !signal->is_taken ? signal->data.len : 0;
    }
    return n <= SIGNALS_KEPT_MAX && bytes <= SIGNALS_KEPT_BYTES_MAX;
}

/* The oldest of that name that is kept; true, and it is taken. */
static int take_oldest(struct tick *tick, uint64_t name_hash, struct tick_came *ret_came)
{
    const struct live *live = tick->live;

    for (size_t i = 0; i < live->signals_n; i++) {
        const struct kept_signal *kept = &live->signals[i];

        if (kept->name_hash != name_hash || noted(tick, kept->seq))
            continue;
        note(tick, &(struct tick_signal){ .seq = kept->seq, .is_taken = 1 });
        *ret_came = (struct tick_came){ { kept->data, kept->data_len }, kept->seq };
        return 1;
    }
    for (struct tick_signal *signal = tick->signals; signal; signal = signal->next) {
        if (!signal->is_new || signal->is_taken || signal->name_hash != name_hash)
            continue;
        signal->is_taken = 1;
        *ret_came = (struct tick_came){ signal->data, signal->seq };
        return 1;
    }
    return 0;
}

/* ---- one comes ---- */

static int is_waited_for(const struct session_state *state, uint64_t name_hash)
{
    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];

        if (call->phase == CALL_WAITING && call->type == CALL_SIGNAL &&
            call->signal_hash == name_hash)
            return 1;
    }
    return 0;
}

void signal_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);
    struct session_event event = { .kind = EV_SIGNAL };
    const struct event_extra extras[] = {
        { .name = "name", .kind = EXTRA_TEXT, .text = request->name },
        { .name = "data", .kind = EXTRA_JSON, .text = request->text },
        { .name = "by", .kind = EXTRA_TEXT, .text = request_by(request) },
        { 0 },
    };

    (void)live;
    event.signal.name_hash = hash_stable(request->name);
    int is_taken = is_waited_for(&tick->state, event.signal.name_hash);

    if (!is_taken && tick->state.mode != SESSION_CANCELLED && !has_room(tick, request->text.len)) {
        request_refuse(request, "signals_full", ERR_CONFLICT,
                       "the session keeps as many signals that nothing has waited for as it may: "
                       "1,000, or 1 MiB of data");
        return;
    }
    enum verdict verdict =
        tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });

    if (verdict != VERDICT_MOVED) {
        request_refuse_state(tick, request);
        return;
    }
    if (is_taken)
        tick->came = (struct tick_came){ request->text, event.seq };
    else
        note(tick, &(struct tick_signal){ .seq = event.seq,
                                          .name_hash = event.signal.name_hash,
                                          .data = arena_slice(tick->arena, request->text),
                                          .is_new = 1 });
    request_taken(tick, input, event.seq);
}

/* ---- a call waits for one that is there ---- */

/* By number: the call that the model named first gets the oldest. */
static const struct session_call *next_waiting(const struct session_state *state, uint32_t after)
{
    const struct session_call *first = NULL;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &state->calls[i];

        if (call->phase == CALL_WAITING && call->type == CALL_SIGNAL && call->number > after &&
            (!first || call->number < first->number))
            first = call;
    }
    return first;
}

int follow_kept(struct tick *tick)
{
    const struct session_call *call = NULL;
    struct tick_came came;

    if (tick->live->signals_n == 0 && !tick->signals)
        return 0;
    for (uint32_t after = 0; (call = next_waiting(&tick->state, after)); after = call->number) {
        if (take_oldest(tick, call->signal_hash, &came)) {
            wait_answer(tick, call->number, came);
            return 1;
        }
    }
    return 0;
}

/* ---- with the tick's commit ---- */

void signals_put(struct tick *tick, struct store_commit *commit)
{
    size_t n = 0;

    commit->signals_kept = tick->copy_signals;
    commit->signals_kept_n = tick->copy_signals_n;
    for (const struct tick_signal *signal = tick->signals; signal; signal = signal->next)
        n++;
    if (n == 0)
        return;
    uint32_t *kept = arena_alloc(tick->arena, n * sizeof(*kept));
    uint32_t *taken = arena_alloc(tick->arena, n * sizeof(*taken));

    for (const struct tick_signal *signal = tick->signals; signal; signal = signal->next) {
        if (signal->is_new && !signal->is_taken)
            kept[commit->signals_kept_n++] = signal->seq;
        if (!signal->is_new)
            taken[commit->signals_taken_n++] = signal->seq;
    }
    commit->signals_kept = kept;
    commit->signals_taken = taken;
}

void signals_keep(struct tick *tick)
{
    struct live *live = tick->live;
    size_t n = 0;

    if (!tick->signals)
        return;
    for (size_t i = 0; i < live->signals_n; i++) {
        if (noted(tick, live->signals[i].seq))
            free(live->signals[i].data);
        else
            live->signals[n++] = live->signals[i];
    }
    for (const struct tick_signal *signal = tick->signals; signal; signal = signal->next) {
        if (!signal->is_new || signal->is_taken)
            continue;
        live->signals = xrealloc(live->signals, (n + 1) * sizeof(*live->signals));
        live->signals[n++] = (struct kept_signal){ .seq = signal->seq,
                                                   .name_hash = signal->name_hash,
                                                   .data = slice_dup(signal->data),
                                                   .data_len = signal->data.len };
    }
    live->signals_n = n;
}

/* ---- from the store ---- */

void signals_free(struct live *live)
{
    for (size_t i = 0; i < live->signals_n; i++)
        free(live->signals[i].data);
    free(live->signals);
    live->signals = NULL;
    live->signals_n = 0;
}

static enum err_code take_one(struct kept_signal *kept, const struct store_event *event,
                              struct err *err)
{
    CLEANUP(json_cleanup) struct json *body = NULL;
    CLEANUP(buf_release) struct buf data = { .max = event->body.len + 1 };

    if (json_read(&body, event->body, STORE_BODY_MAX, err) ||
        json_write(&data, json_get(body, "data"), err))
        return err_wrap(err, "signal %u", event->seq);
    *kept = (struct kept_signal){ .seq = event->seq,
                                  .name_hash = hash_stable(json_str(json_get(body, "name"))),
                                  .data_len = data.len };
    kept->data = buf_detach(&data);
    return ERR_NONE;
}

enum err_code signals_take(struct live *live, const struct store_load *load, struct err *err)
{
    signals_free(live);
    if (load->signals_n == 0)
        return ERR_NONE;
    live->signals = xcalloc(load->signals_n, sizeof(*live->signals));
    for (size_t i = 0; i < load->signals_n; i++) {
        if (take_one(&live->signals[i], &load->signals[i], err))
            return err->code;
        live->signals_n++;
    }
    return ERR_NONE;
}
