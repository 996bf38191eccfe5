/*
 * once.c - calls that must not happen twice: sent, in doubt, looked into.
 *
 * `tool_sent` is committed before such a call leaves (tool_job.c waits for it). Whatever ends it
 * after that without proof leaves it in doubt: no attempt follows until its reconcile command, a
 * person (settle.c) or the run itself has said that nothing happened.
 */
#include <stdlib.h>

#include "engine/approvals.h"
#include "engine/engine_internal.h"

/* What the outside has got last may still be at work there when its sender is gone. */
enum { GRACE_MS = 1000 };

int is_in_doubt(const struct session_state *state, uint32_t call, uint32_t attempt)
{
    const struct session_call *slot = session_call(state, call);

    return slot && slot->attempt == attempt &&
           (slot->phase == CALL_DOUBT || slot->phase == CALL_RECONCILE ||
            slot->phase == CALL_PERSON);
}

/* ---- it is about to leave ---- */

struct sent {
    struct input input;
    uint32_t call;
    uint32_t attempt;
};

/* Stopped meanwhile, or left to be begun by the next process: then nothing is recorded. */
static void sent_apply(struct live *live, struct tick *tick, struct input *input)
{
    const struct sent *sent = CONTAINER_OF(input, struct sent, input);
    struct session_event event = { .kind = EV_TOOL_SENT,
                                   .call = sent->call,
                                   .attempt = sent->attempt };

    if (tool_job_sending(live, sent->call, sent->attempt) && !live->engine->drain)
        (void)tick_add(tick, &(struct tick_event){ .event = &event });
}

static void sent_end(struct live *live, struct input *input, const struct err *err)
{
    struct sent *sent = CONTAINER_OF(input, struct sent, input);
    const struct session_call *call = session_call(live_state(live), sent->call);
    int is_sent = call && call->attempt == sent->attempt && call->phase == CALL_SENT;

    if (err->code == ERR_NONE && !is_sent && tool_job_sending(live, sent->call, sent->attempt)) {
        tool_job_stop(live, sent->call, sent->attempt);
        if (is_in_doubt(live_state(live), sent->call, sent->attempt))
            unsent_input(live, sent->call, sent->attempt);
    }
    free(sent);
}

static void unsent_apply(struct live *live, struct tick *tick, struct input *input)
{
    const struct sent *sent = CONTAINER_OF(input, struct sent, input);
    const struct verdict_on_doubt said = { .call = sent->call,
                                           .attempt = sent->attempt,
                                           .outcome = OUTCOME_NOT_HAPPENED,
                                           .by = SLICE_LIT("pawl") };

    (void)live;
    if (!is_in_doubt(&tick->state, sent->call, sent->attempt))
        (void)doubt_add(tick, &(struct doubt){ .call = sent->call,
                                               .attempt = sent->attempt,
                                               .cause = "unsent" });
    (void)reconciled_add(tick, &said, NULL);
}

static void lost_apply(struct live *live, struct tick *tick, struct input *input)
{
    const struct sent *sent = CONTAINER_OF(input, struct sent, input);

    (void)live;
    (void)doubt_add(tick, &(struct doubt){ .call = sent->call,
                                           .attempt = sent->attempt,
                                           .cause = "handed_over" });
}

static void plain_end(struct live *live, struct input *input, const struct err *err)
{
    (void)live;
    (void)err;
    free(CONTAINER_OF(input, struct sent, input));
}

static void input_of_sent(struct live *live, input_apply_fn *apply, input_end_fn *end,
                          uint32_t call, uint32_t attempt)
{
    struct sent *sent = xcalloc(1, sizeof(*sent));

    sent->input = (struct input){ .apply = apply, .end = end };
    sent->call = call;
    sent->attempt = attempt;
    live_input(live, &sent->input);
}

void sent_input(struct live *live, uint32_t call, uint32_t attempt)
{
    input_of_sent(live, sent_apply, sent_end, call, attempt);
}

void unsent_input(struct live *live, uint32_t call, uint32_t attempt)
{
    input_of_sent(live, unsent_apply, plain_end, call, attempt);
}

void lost_input(struct live *live, uint32_t call, uint32_t attempt)
{
    input_of_sent(live, lost_apply, plain_end, call, attempt);
}

/* ---- it is in doubt ---- */

enum verdict doubt_add(struct tick *tick, const struct doubt *doubt)
{
    const struct session_call *call = session_call(&tick->state, doubt->call);
    struct session_event event = { .kind = EV_TOOL_IN_DOUBT,
                                   .call = doubt->call,
                                   .attempt = doubt->attempt };
    const struct event_extra extras[] = {
        { .name = "cause", .kind = EXTRA_TEXT, .text = slice_of(doubt->cause) },
        { .name = "error", .kind = EXTRA_JSON, .text = doubt->error },
        { 0 },
    };

    event.tool_in_doubt.counts = (uint8_t)doubt->counts;
    if (call && call->has_reconcile)
        event.tool_in_doubt.reconcile_at_ms = tick->now_ms + GRACE_MS;
    return tick_add(tick, &(struct tick_event){ .event = &event, .extras = extras });
}

/* ---- it is known ---- */

static struct slice said_to_model(const struct verdict_on_doubt *said)
{
    if (said->output.len > 0)
        return said->output;
    return SLICE_LIT("It happened. There is no output.");
}

enum verdict reconciled_add(struct tick *tick, const struct verdict_on_doubt *said,
                            uint32_t *ret_seq)
{
    const struct call_info *info = live_call(tick->live, said->call);
    const struct session_call *call = session_call(&tick->state, said->call);
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct store_blob blob = { 0 };
    struct session_event event = { .kind = EV_TOOL_RECONCILED,
                                   .call = said->call,
                                   .attempt = said->attempt };
    int is_answer = said->outcome == OUTCOME_HAPPENED && call && !call->is_orphan;
    const struct event_extra extras[] = {
        { .name = "output", .kind = EXTRA_TEXT, .text = said->output },
        { .name = "blob",
          .kind = EXTRA_JSON,
          .text = said->printed ? buf_slice(&said->printed->name) : (struct slice){ 0 } },
        { .name = "by", .kind = EXTRA_TEXT, .text = said->by },
        { .name = "note", .kind = EXTRA_TEXT, .text = said->note },
        { .name = "error", .kind = EXTRA_JSON, .text = said->error },
        { 0 },
    };

    if (said->printed)
        blob = said->printed->blob;
    event.tool_reconciled.outcome = said->outcome;
    if (is_answer && info)
        engine_format(tick->live)
            ->put_tool_result(&wire, slice_of(info->id),
                              approval_tell(tick, info, said_to_model(said)), 0);
    enum verdict verdict =
        tick_add(tick,
                 &(struct tick_event){
                     .event = &event, .extras = extras, .wire = buf_slice(&wire), .blob = blob });
    if (ret_seq)
        *ret_seq = event.seq;
    return verdict;
}

/* ---- its reconcile command has ended ---- */

static enum reconcile_outcome outcome_of(const struct tool_result *result)
{
    if (result->end == TOOL_EXITED && result->status == 0)
        return OUTCOME_HAPPENED;
    if (result->end == TOOL_EXITED && result->status == TOOL_EXIT_TRY_AGAIN)
        return OUTCOME_NOT_HAPPENED;
    return OUTCOME_UNKNOWN;
}

/* Why a person must say it. */
static struct slice why_unknown(struct tick *tick, const struct outcome *looked)
{
    const struct call_info *info = live_call(tick->live, looked->call);
    const struct tool_result *result = &looked->result;
    struct slice text;

    if (result->end == TOOL_EXITED)
        text = tick_text(tick, "The reconcile command ended with exit status %d.", result->status);
    else
        text = tick_text(tick, "The reconcile command: %s",
                         outcome_failure(tick, result, info ? info->tool : "?").ptr);
    return tick_error(tick, "reconcile_failed", text);
}

static void looked_apply(struct live *live, struct tick *tick, struct input *input)
{
    const struct outcome *looked = CONTAINER_OF(input, struct outcome, input);
    size_t max = live->engine->deps.config->limits.tool_output_bytes;
    CLEANUP(output_release) struct output output = { 0 };
    struct verdict_on_doubt said = { .call = looked->call,
                                     .attempt = looked->attempt,
                                     .outcome = outcome_of(&looked->result),
                                     .by = SLICE_LIT("reconcile") };

    if (said.outcome == OUTCOME_HAPPENED) {
        output_put(&output, live, looked->call, &looked->result,
                   max < OUTPUT_FITS_BYTES ? max : OUTPUT_FITS_BYTES);
        said.output = output_text(&output);
        said.printed = &output;
    }
    if (said.outcome == OUTCOME_UNKNOWN)
        said.error = why_unknown(tick, looked);
    if (reconciled_add(tick, &said, NULL) != VERDICT_MOVED)
        live->engine->stats.late++;
}

void reconcile_input(struct live *live, uint32_t call, uint32_t attempt, struct tool_result *result)
{
    live_input(live, &outcome_new(live, call, attempt, result, looked_apply)->input);
}
