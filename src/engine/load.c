/*
 * load.c - bringing a session in: its row, its revision, the calls that are open, its history.
 *
 * The row comes first, with the context; then the revision, if this process has not seen it; then
 * the answers that asked for the calls still open. The history (every message, as the provider
 * wants it) is read only when the model is to be asked.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "engine/approvals.h"
#include "engine/engine_internal.h"

struct load {
    struct live *live;
    struct store_op op;
    char hash[SHA256_TEXT_MAX];          /* of the revision */
    uint32_t sources[SESSION_CALLS_MAX]; /* events still to be read for their calls */
    unsigned sources_n;
    uint32_t approvals_after; /* calls whose approvals have been read */
    uint32_t span;            /* of the history: so many events from the end */
    int is_begun;             /* its model_started was seen, or it begins with the journal */
};

static void load_end(struct load *load)
{
    struct live *live = load->live;

    live->is_loading = 0;
    live->load = NULL;
    free(load);
    live_pump(live);
}

/* Its row was there before: somebody took it out of the file, and left no tombstone. */
static void row_is_lost(struct live *live)
{
    log_line(LOG_ERROR, "a session is no longer stored and is left alone; see pawl verify",
             "session", live->id.text, NULL);
    model_jobs_stop(live);
    tool_jobs_stop(live);
}

static void load_failed(struct load *load, const struct err *err)
{
    struct live *live = load->live;

    if (err->code == ERR_NOT_FOUND) {
        if (live->row.version > 0 && !live->is_erased)
            row_is_lost(live);
        live_gone(live, err->code, err);
    } else if (err->code == ERR_CORRUPT) { /* its row stays as it is; all others go on */
        log_line(LOG_ERROR, "a session cannot be read and is left alone; see pawl verify",
                 "session", live->id.text, "error", err->msg, NULL);
        live_gone(live, err->code, err);
    } else {
        struct err nothing_done = *err;

        nothing_done.code = ERR_UNAVAILABLE; /* whatever failed: it was only read */
        live->needs_row = 1;
        live_retry_later(live, &nothing_done);
    }
    load_end(load);
}

static void submit(struct load *load, enum store_op_kind kind, store_done_fn *done)
{
    load->op.kind = kind;
    load->op.done = done;
    load->op.arg = load;
    store_submit(load->live->engine->deps.store, &load->op);
}

/* ---- the calls that are open ---- */

static void on_source(struct store_op *op, void *arg);
static void load_next_approval(struct load *load);

static void load_next_source(struct load *load)
{
    if (load->sources_n == 0) {
        load_next_approval(load);
        return;
    }
    uint32_t seq = load->sources[--load->sources_n];

    load->op = (struct store_op){ .events = { .session = load->live->row.key,
                                              .after = seq - 1,
                                              .until = seq,
                                              .limit = 1,
                                              .what = STORE_EVENTS_BODIES } };
    submit(load, STORE_EVENTS, on_source);
}

/* ---- what people are asked about them ---- */

static void on_approval(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct live *live = load->live;
    struct call_info *info = live_call(live, op->approval.call);
    struct err err = op->err;

    ASSERT(info);
    if (err.code == ERR_NOT_FOUND || /* the journal says that there is one */
        (err.code == ERR_NONE && approval_take(info, op->approval.row.body, &err)))
        err.code = ERR_CORRUPT;
    if (err.code != ERR_NONE) {
        (void)err_wrap(&err, "the approval of call %u", info->number);
        load_failed(load, &err);
        return;
    }
    load->approvals_after = info->number;
    load_next_approval(load);
}

/* By number, one after the other: a person is asked about few of them. */
static void load_next_approval(struct load *load)
{
    const struct call_info *next = NULL;

    for (const struct call_info *info = load->live->calls; info; info = info->next) {
        int is_asked = info->approval || info->has_row;

        if (is_asked && info->number > load->approvals_after &&
            session_call(live_state(load->live), info->number) &&
            (!next || info->number < next->number))
            next = info;
    }
    if (!next) {
        load_end(load);
        return;
    }
    load->op = (struct store_op){ .approval = { .session = id_slice(&load->live->id),
                                                .tenant = slice_of(load->live->tenant),
                                                .call = next->number } };
    submit(load, STORE_APPROVAL, on_approval);
}

static enum err_code take_calls(struct live *live, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;

    if (json_read(&root, body, body.len, err))
        return err_wrap(err, "the stored answer of session %s", live->id.text);
    const struct json *calls = json_get(root, "calls");

    for (size_t i = 0; i < json_count(calls); i++) {
        const struct json *call = json_at(calls, i);
        uint32_t number = (uint32_t)json_int(json_get(call, "call"), 0);
        CLEANUP(buf_release) struct buf arguments = { .max = body.len + 1 };

        if (live_call(live, number))
            continue; /* this process declared it, and reads its row again */
        if (json_get(call, "arguments") && json_write(&arguments, json_get(call, "arguments"), err))
            return err->code;
        struct call_info *info = live_add_call(live, number, json_str(json_get(call, "id")),
                                               json_str(json_get(call, "tool")),
                                               buf_slice(&arguments), (struct slice){ 0 });

        info->has_row = json_int(json_get(call, "approvals"), 0) > 0;
    }
    return ERR_NONE;
}

static void on_source(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct err err = op->err;

    if (err.code == ERR_NONE && op->events.events_n != 1)
        (void)err_set(&err, ERR_CORRUPT, "session %s has no event %u", load->live->id.text,
                      op->events.until);
    if (err.code == ERR_NONE && take_calls(load->live, op->events.events[0].body, &err))
        err.code = ERR_CORRUPT;
    if (err.code != ERR_NONE) {
        load_failed(load, &err);
        return;
    }
    load_next_source(load);
}

static void load_sources(struct load *load)
{
    struct live *live = load->live;

    for (unsigned i = 0; i < SESSION_CALLS_MAX; i++) {
        const struct session_call *call = &live_state(live)->calls[i];
        unsigned k = 0;

        if (call->phase == CALL_FREE || live_call(live, call->number))
            continue;
        while (k < load->sources_n && load->sources[k] != call->source)
            k++;
        if (k == load->sources_n)
            load->sources[load->sources_n++] = call->source;
    }
    load_next_source(load);
}

/* ---- the revision ---- */

static void on_revision(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct engine *engine = load->live->engine;
    struct revision *revision = NULL;
    struct err err = op->err;

    if (err.code == ERR_NOT_FOUND || /* the store lost what a session stands on */
        (err.code == ERR_NONE && revision_new(&revision, slice_of(load->hash), op->revision.text,
                                              engine->deps.formats, &err)))
        err.code = ERR_CORRUPT;
    if (err.code != ERR_NONE || !revision) {
        (void)err_wrap(&err, "the revision of session %s", load->live->id.text);
        load_failed(load, &err);
        return;
    }
    /* Two sessions may have asked for it at the same time: the first one's is kept. */
    if (!map_get(engine->revisions, slice_of(revision->hash)))
        (void)map_put(engine->revisions, slice_of(revision->hash), revision_ref(revision));
    load->live->revision = revision;
    load_sources(load);
}

static void load_revision(struct load *load)
{
    struct live *live = load->live;
    struct revision *known = map_get(live->engine->revisions, slice_of(load->hash));

    if (live->revision) { /* a session's revision never changes */
        load_sources(load);
        return;
    }
    if (known) {
        live->revision = revision_ref(known);
        load_sources(load);
        return;
    }
    load->op = (struct store_op){ .revision.hash = slice_of(load->hash) };
    submit(load, STORE_REVISION_GET, on_revision);
}

/* ---- the row ---- */

static enum err_code take_context(struct live *live, struct slice body, struct err *err)
{
    CLEANUP(json_cleanup) struct json *root = NULL;
    CLEANUP(buf_release) struct buf text = { .max = body.len + 1 };

    free(live->context);
    live->context = NULL;
    if (!body.ptr)
        return ERR_NONE;
    if (json_read(&root, body, body.len, err))
        return err->code;
    if (json_kind(json_get(root, "context")) != JSON_KIND_OBJECT)
        return ERR_NONE;
    if (json_write(&text, json_get(root, "context"), err))
        return err->code;
    live->context = buf_detach(&text);
    return ERR_NONE;
}

static enum err_code take_row(struct live *live, const struct store_load *load, struct err *err)
{
    struct session_state state;

    if (session_decode(&state, load->row.state, err) || take_context(live, load->context, err))
        return err_wrap(err, "session %s", live->id.text);
    if (state.seq != load->row.seq)
        return err_set(err, ERR_CORRUPT, "session %s: its row and its state are not of one tick",
                       live->id.text);
    live_state_set(live, &state);
    text_replace(&live->tenant, load->row.tenant);
    text_replace(&live->agent, load->row.agent);
    text_replace(&live->parent, load->row.parent);
    text_replace(&live->metadata, load->row.metadata);
    live->row = load->row;
    live->row.state = (struct slice){ 0 };
    live->row.id = id_slice(&live->id);
    live->row.tenant = slice_of(live->tenant);
    live->row.agent = slice_of(live->agent);
    live->row.parent = slice_of(live->parent);
    live->row.metadata = slice_of(live->metadata);
    live->row.revision = (struct slice){ 0 }; /* the live session's own, see tick.c */
    return ERR_NONE;
}

static void on_row(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct live *live = load->live;
    struct err err = op->err;

    if (err.code == ERR_NOT_FOUND) {
        live->is_erased = op->load.erased_at_ms != 0;
        live->erasure = op->load.erasure;
        text_replace(&live->tenant, op->load.row.tenant); /* an erased one's tombstone has it */
        live->row.tenant = slice_of(live->tenant);
        (void)err_set(&err, ERR_NOT_FOUND,
                      live->is_erased ? "session %s was erased" : "there is no session %s",
                      live->id.text);
        if (live->is_erased && live->is_perhaps_erased)
            erase_done(live->engine, id_slice(&live->id), 1);
    }
    if (err.code == ERR_NONE || err.code == ERR_NOT_FOUND)
        live->is_perhaps_erased = 0;
    if (err.code == ERR_NONE &&
        (take_row(live, &op->load, &err) || signals_take(live, &op->load, &err)))
        err.code = ERR_CORRUPT;
    if (err.code != ERR_NONE) {
        load_failed(load, &err);
        return;
    }
    (void)snprintf(load->hash, sizeof(load->hash), "%.*s", (int)op->load.row.revision.len,
                   op->load.row.revision.ptr);
    live->needs_row = 0;
    recover_inherited(live);
    load_revision(load);
}

void load_row(struct live *live)
{
    struct load *load = xcalloc(1, sizeof(*load));

    ASSERT(!live->is_loading);
    live->is_loading = 1;
    live->load = load;
    load->live = live;
    live_forget_history(live); /* it belongs to the state that is read anew */
    load->op = (struct store_op){
        .load = { .id = id_slice(&live->id), .with_texts = 1, .with_signals = 1 }
    };
    submit(load, STORE_LOAD, on_row);
}

/* ---- the history ---- */

void live_forget_history(struct live *live)
{
    history_reset(&live->history, live->revision ? live->revision->window_messages : 0);
    live->has_history = 0;
}

static void on_history(struct store_op *op, void *arg);

static void load_history_page(struct load *load, uint32_t after, uint32_t until)
{
    load->op = (struct store_op){ .events = { .session = load->live->row.key,
                                              .after = after,
                                              .until = until,
                                              .limit = STORE_PAGE_MAX,
                                              .what = STORE_EVENTS_WIRES } };
    submit(load, STORE_EVENTS, on_history);
}

/*
 * With a window only the journal's end is read, so that a long session costs what a short one
 * costs: the last `span` events, and if these are too few, four times as many. The end begins at a
 * model_started: all that was before it stands before all that comes after it.
 */
static void load_history_span(struct load *load, uint32_t span)
{
    uint32_t seq = live_state(load->live)->seq;

    live_forget_history(load->live);
    load->span = span;
    load->is_begun = span >= seq;
    load_history_page(load, load->is_begun ? 0 : seq - span, seq);
}

static void load_history_end(struct load *load)
{
    load->live->has_history = 1;
    load_end(load);
}

static void on_input(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct live *live = load->live;
    struct err err = op->err;

    if (err.code == ERR_NONE && op->events.events_n != 1)
        (void)err_set(&err, ERR_CORRUPT, "session %s has no event %u", live->id.text,
                      op->events.until);
    if (err.code != ERR_NONE) {
        load_failed(load, &err);
        return;
    }
    history_add_input(&live->history, op->events.until, op->events.events[0].wire);
    load_history_end(load);
}

/* All events of the span are there: is all there that a request may hold? */
static void load_history_check(struct load *load)
{
    struct live *live = load->live;
    uint32_t turn_seq = live_state(live)->turn_seq;
    int needs_input = 0;

    if (live->history.window == 0 || load->span >= live_state(live)->seq) {
        load_history_end(load);
        return;
    }
    if (!history_has_window(&live->history, live_state(live), &needs_input)) {
        load_history_span(load, load->span > UINT32_MAX / 4 ? UINT32_MAX : load->span * 4);
        return;
    }
    if (!needs_input) {
        load_history_end(load);
        return;
    }
    load->op = (struct store_op){ .events = { .session = live->row.key,
                                              .after = turn_seq - 1,
                                              .until = turn_seq,
                                              .limit = 1,
                                              .what = STORE_EVENTS_WIRES } };
    submit(load, STORE_EVENTS, on_input);
}

static void on_history(struct store_op *op, void *arg)
{
    struct load *load = arg;
    struct live *live = load->live;
    uint32_t last = op->events.after;

    if (op->err.code != ERR_NONE) {
        struct err err = op->err;

        load_failed(load, &err);
        return;
    }
    for (size_t i = 0; i < op->events.events_n; i++) {
        const struct store_event *event = &op->events.events[i];

        if (event->kind == EV_MODEL_STARTED)
            load->is_begun = 1;
        if (load->is_begun)
            history_add(&live->history, event->kind, event->seq, event->wire);
        last = event->seq;
    }
    if (op->events.has_more && op->events.events_n > 0) { /* a page has a size, too */
        load_history_page(load, last, live_state(live)->seq);
        return;
    }
    load_history_check(load);
}

void load_history(struct live *live)
{
    struct load *load = xcalloc(1, sizeof(*load));
    uint32_t window = live->revision->window_messages;

    ASSERT(!live->is_loading);
    live->is_loading = 1;
    live->load = load;
    load->live = live;
    /* A message is mostly one or two events: the answers have their model_started. */
    load_history_span(load, window == 0 ? UINT32_MAX : window * 2 + 16);
}
