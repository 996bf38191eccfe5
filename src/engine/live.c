/* live.c - sessions in the hands of this process: brought in, fed, let go. */
#include <stdlib.h>

#include "base/utf8.h"
#include "engine/engine_internal.h"

enum { RETRY_FIRST_MS = 100, RETRY_MAX_MS = 5000 };

static void pump(void *arg);

static struct live *live_make(struct engine *engine, struct slice id)
{
    struct live *live = xcalloc(1, sizeof(*live));

    ASSERT(id.len < sizeof(live->id.text));
    live->engine = engine;
    memcpy(live->id.text, id.ptr, id.len);
    live->inputs_last = &live->inputs;
    history_reset(&live->history, 0);
    (void)map_put(engine->lives, id, live);
    return live;
}

struct live *live_get(struct engine *engine, struct slice id)
{
    struct live *live = map_get(engine->lives, id);

    if (live)
        return live;
    live = live_make(engine, id);
    live->needs_row = 1;
    live_pump(live);
    return live;
}

struct live *live_born(struct engine *engine, const struct id *id, struct revision *revision,
                       struct slice tenant, struct slice agent, struct slice metadata)
{
    struct live *live = live_make(engine, id_slice(id));

    live->has_history = 1; /* an empty one */
    live->revision = revision;
    history_reset(&live->history, revision->window_messages);
    live->tenant = slice_dup(tenant);
    live->agent = slice_dup(agent);
    live->parent = xstrdup("");
    live->metadata = slice_dup(metadata);
    live->row = (struct store_session){ .id = id_slice(&live->id),
                                        .tenant = slice_of(live->tenant),
                                        .agent = slice_of(live->agent),
                                        .parent = slice_of(live->parent),
                                        .metadata = slice_of(live->metadata) };
    return live;
}

void live_input(struct live *live, struct input *input)
{
    input->next = NULL;
    *live->inputs_last = input;
    live->inputs_last = &input->next;
    live_pump(live);
}

void live_input_first(struct live *live, struct input *input)
{
    input->next = live->inputs;
    if (!live->inputs)
        live->inputs_last = &input->next;
    live->inputs = input;
    live_pump(live);
}

void live_pump(struct live *live)
{
    loop_post(live->engine->deps.loop, &live->pump, pump, live);
}

void text_replace(char **text, struct slice with)
{
    free(*text);
    *text = slice_dup(with);
}

/* ---- tool calls of the last answer ---- */

struct call_info *live_call(const struct live *live, uint32_t number)
{
    struct call_info *info = live->calls;

    while (info && info->number != number)
        info = info->next;
    return info;
}

struct call_info *live_add_call(struct live *live, uint32_t number, struct slice id,
                                struct slice tool, struct slice arguments, struct slice refusal)
{
    struct call_info *info = xcalloc(1, sizeof(*info));

    ASSERT(!live_call(live, number)); /* numbers are never given twice */
    *info = (struct call_info){ .next = live->calls,
                                .number = number,
                                .id = slice_dup(id),
                                .tool = slice_dup(tool),
                                .arguments = slice_dup(arguments),
                                .refusal = refusal.ptr ? slice_dup(refusal) : NULL };
    live->calls = info;
    return info;
}

static void call_info_free(struct call_info *info)
{
    free(info->id);
    free(info->tool);
    free(info->arguments);
    free(info->refusal);
    free(info->approval);
    free(info);
}

void live_drop_calls(struct live *live)
{
    struct call_info **at = &live->calls;

    while (*at) {
        struct call_info *info = *at;

        if (session_call(live_state(live), info->number)) {
            at = &info->next;
            continue;
        }
        *at = info->next;
        call_info_free(info);
    }
}

/* ---- inputs that cannot be taken up ---- */

static void on_timer(void *arg)
{
    struct live *live = arg;

    live->waited_ms = live->timer_due_ms;
    live_pump(live);
}

static void on_retry_time(void *arg)
{
    struct live *live = arg;

    live->is_backing_off = 0;
    live_pump(live);
}

static void end_inputs(struct live *live, const struct err *err, int only_requests)
{
    struct input **at = &live->inputs;

    while (*at) {
        struct input *input = *at;

        if (only_requests && !input->is_request) {
            at = &input->next;
            continue;
        }
        *at = input->next;
        input->end(live, input, err);
    }
    live->inputs_last = at;
}

/*
 * Requests are answered: nothing happened, and whoever asked decides. What the world has already
 * done (answers, results) is kept, and recorded as soon as the store takes it.
 */
void live_retry_later(struct live *live, const struct err *err)
{
    end_inputs(live, err, 1);
    live->retry_ms = live->retry_ms == 0 ? RETRY_FIRST_MS : live->retry_ms * 2;
    if (live->retry_ms > RETRY_MAX_MS)
        live->retry_ms = RETRY_MAX_MS;
    live->is_backing_off = 1;
    loop_timer_start(live->engine->deps.loop, &live->timer, live->retry_ms, on_retry_time, live);
}

/* It is not in the store, or cannot be kept there: whoever asks for it is told. */
void live_gone(struct live *live, enum err_code code, const struct err *err)
{
    ASSERT(!live->gone);
    live->gone = xcalloc(1, sizeof(*live->gone));
    *live->gone = *err;
    live->gone->code = code;
}

/* ---- letting go ---- */

void live_free(struct live *live)
{
    struct engine *engine = live->engine;
    struct err err;

    loop_post_cancel(engine->deps.loop, &live->pump);
    loop_timer_stop(engine->deps.loop, &live->timer);
    (void)map_remove(engine->lives, id_slice(&live->id));
    (void)err_set(&err, ERR_TIMEOUT, "the server stopped before this was done");
    if (live->tick)
        tick_free(TAKE(live->tick)); /* gives its inputs back */
    end_inputs(live, &err, 0);
    free(live->load);
    while (live->calls) {
        struct call_info *next = live->calls->next;

        call_info_free(live->calls);
        live->calls = next;
    }
    model_jobs_free(live);
    tool_jobs_free(live);
    if (live->has_permit)
        permits_changed(engine); /* it never used its hint: the next one may */
    revision_unref(live->revision);
    signals_free(live);
    history_release(&live->history);
    free(live->tenant);
    free(live->agent);
    free(live->parent);
    free(live->metadata);
    free(live->context);
    live_state_release(live);
    free(live->gone);
    free(live);
}

/* It waits for a time, for people or for a permit, or it has ended: then it is a row, not an
 * object. */
static void let_go(struct live *live)
{
    struct engine *engine = live->engine;
    int64_t wake_at_ms = session_wake_at_ms(live_state(live));

    suspects_let_go(live);
    if (wake_at_ms != 0 && !engine->drain)
        timed_add(engine->timed, id_slice(&live->id), wake_at_ms, live->row.updated_at_ms);
    live_free(live);
    drain_check(engine);
}

static int is_idle(const struct live *live)
{
    return !live->tick && !live->is_loading && !live->inputs && !live->model_jobs &&
           !live->tool_jobs;
}

static void arm_timer(struct live *live)
{
    struct loop *loop = live->engine->deps.loop;
    int64_t due_ms = session_wake_at_ms(live_state(live));

    live->waited_ms = 0;
    live->timer_due_ms = due_ms;
    if (due_ms != 0 && !live->engine->drain)
        loop_timer_start(loop, &live->timer,
                         timed_wait_ms(live->engine->timed, due_ms, live->row.updated_at_ms),
                         on_timer, live);
    else
        loop_timer_stop(loop, &live->timer);
}

/* For an answer, which takes seconds; there are thousands of these. */
static void wait(struct live *live)
{
    arm_timer(live);
    live_state_pack(live);
}

static void pump_gone(struct live *live)
{
    struct engine *engine = live->engine;

    end_inputs(live, live->gone, 0);
    if (!is_idle(live))
        return;
    suspects_let_go(live);
    live_free(live);
    drain_check(engine);
}

static void pump(void *arg)
{
    struct live *live = arg;

    if (live->tick || live->is_loading || live->is_backing_off)
        return;
    if (live->gone) {
        pump_gone(live);
        return;
    }
    if (live->needs_row) {
        load_row(live);
        return;
    }
    tick_run(live);
    if (live->tick || live->is_loading || live->is_backing_off)
        return;
    if (live->inputs)
        live_pump(live); /* more had come than one tick holds */
    else if (is_idle(live) && live->row.owner == 0)
        let_go(live);
    else
        wait(live);
}
