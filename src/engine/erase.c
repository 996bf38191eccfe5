/*
 * erase.c - a session that has ended is taken out of the store: row, journal, inbox. A tombstone
 * stays, so that its id says what became of it and is never given again.
 *
 * What still comes of calls that were stopped is nobody's any more, and is dropped with the
 * session.
 */
#include "engine/engine_internal.h"

void erase_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct engine_request *request = request_anew(input);

    if (session_may_be_erased(&tick->state)) {
        tick->is_erasure = 1;
        audit_add(tick, request);
        return;
    }
    request->code = "session_state";
    (void)err_set(&request->err, ERR_CONFLICT,
                  session_is_ended(&tick->state)
                      ? "session %s cannot be erased while a call of it is in doubt; settle it "
                        "first"
                      : "session %s cannot be erased while its turn is under way; cancel it "
                        "first",
                  live->id.text);
}

void erase_done(struct engine *engine, struct slice session, int has_left)
{
    if (has_left)
        purge_start(engine->purge);
    if (engine->deps.on_erased)
        engine->deps.on_erased(engine->deps.arg, session);
}

void erase_unsure(struct live *live)
{
    if (live->gone) { /* its row was read meanwhile, by whoever asked for it */
        if (live->is_erased)
            erase_done(live->engine, id_slice(&live->id), 1);
        return;
    }
    live->is_perhaps_erased = 1;
    live->needs_row = 1;
}

static void erased(struct tick *tick)
{
    struct live *live = tick->live;
    struct err err;

    live->tick = NULL;
    live->is_erased = 1;
    (void)err_set(&err, ERR_NOT_FOUND, "session %s was erased", live->id.text);
    live_gone(live, err.code, &err);
    tick_end_inputs(tick, &(struct err){ 0 });
    erase_done(live->engine, id_slice(&live->id), tick->op.erase.has_left);
    tick_free(tick);
    live_pump(live);
}

static void on_erased(struct store_op *op, void *arg)
{
    struct tick *tick = arg;
    struct live *live = tick->live;
    struct err err = op->err;

    switch (err.code) {
    case ERR_NONE: erased(tick); return;
    case ERR_TIMEOUT:   /* perhaps it was done: its row knows */
    case ERR_NOT_FOUND: /* another did it */
    case ERR_CONFLICT:
        erase_unsure(live);
        tick_drop(tick);
        return;
    case ERR_UNAVAILABLE:
    case ERR_LIMIT:
        tick_drop(tick);
        live_retry_later(live, &err);
        return;
    case ERR_INVALID:
    case ERR_CORRUPT: break;
    }
    (void)err_wrap(&err, "session %s cannot be erased", live->id.text);
    engine_fatal(live->engine, &err);
}

struct store_op erase_op(const struct store_session *row, int64_t at_ms, enum store_erasure why)
{
    return (struct store_op){ .kind = STORE_ERASE,
                              .erase = { .session = row->key,
                                         .version = row->version,
                                         .at_ms = at_ms,
                                         .why = why,
                                         .limit = STORE_PURGE_MAX } };
}

void erase_submit(struct tick *tick)
{
    tick->op = erase_op(&tick->live->row, tick->now_ms, STORE_ERASURE_REQUEST);
    tick->op.audits = tick->audits;
    tick->op.audits_n = tick->audits_n;
    tick->op.done = on_erased;
    tick->op.arg = tick;
    store_submit(tick->live->engine->deps.store, &tick->op);
}
