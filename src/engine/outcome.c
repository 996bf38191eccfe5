/*
 * outcome.c - what came of a tool's attempt, as an event.
 *
 * exec: status 0 is a result, stdout its text. Any other status is an error result for the model,
 * and not tried again: the model sees what the tool said and decides. 75 (EX_TEMPFAIL: it did not
 * happen, try again), a signal, a timeout and a lost launcher are failures: tried again as the
 * tool's policy says, then the error goes to the model. But what an `effects: once` run did before
 * it ended by a signal or a timeout is not known: such a call is in doubt (once.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/approvals.h"
#include "engine/engine_internal.h"

static int is_result(const struct tool_result *result)
{
    return result->end == TOOL_EXITED && result->status != TOOL_EXIT_TRY_AGAIN;
}

/* ---- a result ---- */

static void put_result_wire(struct tick *tick, uint32_t call, int is_error, struct slice output,
                            struct buf *wire)
{
    const struct call_info *info = live_call(tick->live, call);
    const struct session_call *slot = session_call(&tick->state, call);

    if (info && slot && !slot->is_orphan) /* else the end of its turn has answered it */
        engine_format(tick->live)
            ->put_tool_result(wire, slice_of(info->id), approval_tell(tick, info, output),
                              is_error);
}

/* False if it does not fit: with so much of stdout it is too long for the store. */
static int add_finished(struct tick *tick, const struct outcome *outcome, size_t max, int is_last)
{
    const struct tool_result *result = &outcome->result;
    CLEANUP(output_release) struct output output = { 0 };
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = EV_TOOL_FINISHED,
                                   .call = outcome->call,
                                   .attempt = outcome->attempt };

    output_put(&output, tick->live, outcome->call, result, max);
    const struct event_extra extras[] = {
        { .name = "output", .kind = EXTRA_TEXT, .text = output_text(&output) },
        { .name = "blob", .kind = EXTRA_JSON, .text = buf_slice(&output.name) },
        { .name = "is_error", .kind = EXTRA_BOOL, .number = result->status != 0 },
        { .name = "status", .kind = EXTRA_INT, .number = result->status },
        { .name = "started_at", .kind = EXTRA_INT, .number = result->started_at_ms },
        { .name = "duration_ms", .kind = EXTRA_INT, .number = result->duration_ms },
        { .name = "stderr", .kind = EXTRA_TEXT, .text = slice_or_null(result->errors) },
        { 0 },
    };
    put_result_wire(tick, outcome->call, result->status != 0, output_text(&output), &wire);
    const struct tick_event add = {
        .event = &event, .extras = extras, .wire = buf_slice(&wire), .blob = output.blob
    };

    if (!is_last && !tick_fits(&add))
        return 0;
    if (tick_add(tick, &add) != VERDICT_MOVED)
        tick->live->engine->stats.late++;
    return 1;
}

static void finished(struct tick *tick, const struct outcome *outcome)
{
    size_t max = tick->live->engine->deps.config->limits.tool_output_bytes;

    if (!add_finished(tick, outcome, max, max <= OUTPUT_FITS_BYTES))
        (void)add_finished(tick, outcome, OUTPUT_FITS_BYTES, 1);
}

/* ---- a failure ---- */

struct slice outcome_failure(struct tick *tick, const struct tool_result *result, const char *tool)
{
    switch (result->end) {
    case TOOL_EXITED:
        return tick_text(tick,
                         "The tool %s said that it did nothing and may be tried again "
                         "(exit status 75).",
                         tool);
    case TOOL_SIGNALLED:
        return tick_text(tick, "The tool %s was ended by signal %d (%s).", tool, result->status,
                         strsignal(result->status));
    case TOOL_TIMED_OUT:
        return tick_text(tick, "The tool %s did not end within its time and was ended.", tool);
    case TOOL_NOT_STARTED:
    case TOOL_LOST: return tick_text(tick, "The tool %s: %s.", tool, result->err.msg);
    case TOOL_STOPPED:
    case TOOL_END_COUNT: break;
    }
    return tick_text(tick, "The tool %s was stopped.", tool);
}

/* What is wrong with the tool itself will be wrong the next time, too. */
static int is_final(const struct tool_result *result)
{
    return result->end == TOOL_NOT_STARTED &&
           (result->err.code == ERR_INVALID || result->err.code == ERR_NOT_FOUND);
}

static int64_t next_try(struct tick *tick, const struct outcome *outcome,
                        const struct call_info *info)
{
    const struct session_call *call = session_call(&tick->state, outcome->call);
    const struct revision_tool *tool =
        info ? revision_tool(tick->live->revision, slice_of(info->tool)) : NULL;

    if (!call || !tool || is_final(&outcome->result))
        return 0;
    return retry_at_ms(&tool->retry, call->failures + 1u, tick->now_ms, 0, outcome->random64);
}

static void failed(struct tick *tick, const struct outcome *outcome)
{
    const struct tool_result *result = &outcome->result;
    const struct call_info *info = live_call(tick->live, outcome->call);
    CLEANUP(buf_release) struct buf wire = { .max = HISTORY_BYTES_MAX };
    struct session_event event = { .kind = EV_TOOL_FAILED,
                                   .call = outcome->call,
                                   .attempt = outcome->attempt };
    struct slice message = outcome_failure(tick, result, info ? info->tool : "?");
    const char *code = result->end == TOOL_EXITED ? "try_again" : tool_end_name(result->end);
    const struct event_extra extras[] = {
        { .name = "error", .kind = EXTRA_JSON, .text = tick_error(tick, code, message) },
        { .name = "started_at", .kind = EXTRA_INT, .number = result->started_at_ms },
        { .name = "duration_ms", .kind = EXTRA_INT, .number = result->duration_ms },
        { .name = "stderr", .kind = EXTRA_TEXT, .text = slice_or_null(result->errors) },
        { 0 },
    };

    event.tool_failed.retry_at_ms = next_try(tick, outcome, info);
    if (event.tool_failed.retry_at_ms == 0 && info)
        engine_format(tick->live)
            ->put_tool_result(&wire, slice_of(info->id), approval_tell(tick, info, message), 1);
    if (tick_add(tick, &(struct tick_event){ .event = &event,
                                             .extras = extras,
                                             .wire = buf_slice(&wire) }) != VERDICT_MOVED)
        tick->live->engine->stats.late++;
}

/* ---- `effects: once` ---- */

static int surely_nothing(const struct tool_result *result)
{
    return result->end == TOOL_NOT_STARTED ||
           (result->end == TOOL_EXITED && result->status == TOOL_EXIT_TRY_AGAIN);
}

/* It is asked already what became of this attempt, and here its own run tells that: nothing. */
static void proven(struct tick *tick, const struct outcome *outcome)
{
    if (!surely_nothing(&outcome->result) ||
        reconciled_add(tick,
                       &(struct verdict_on_doubt){ .call = outcome->call,
                                                   .attempt = outcome->attempt,
                                                   .outcome = OUTCOME_NOT_HAPPENED,
                                                   .by = SLICE_LIT("tool") },
                       NULL) != VERDICT_MOVED)
        tick->live->engine->stats.late++;
}

static void unproven(struct tick *tick, const struct outcome *outcome)
{
    const struct call_info *info = live_call(tick->live, outcome->call);
    const char *cause = tool_end_name(outcome->result.end);
    struct slice message = outcome_failure(tick, &outcome->result, info ? info->tool : "?");

    if (doubt_add(tick, &(struct doubt){ .call = outcome->call,
                                         .attempt = outcome->attempt,
                                         .cause = cause,
                                         .error = tick_error(tick, cause, message) }) !=
        VERDICT_MOVED)
        tick->live->engine->stats.late++;
}

static void outcome_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct outcome *outcome = CONTAINER_OF(input, struct outcome, input);
    const struct session_call *call = session_call(&tick->state, outcome->call);

    (void)live;
    if (is_result(&outcome->result))
        finished(tick, outcome);
    else if (is_in_doubt(&tick->state, outcome->call, outcome->attempt))
        proven(tick, outcome);
    else if (call && call->is_once && !surely_nothing(&outcome->result))
        unproven(tick, outcome);
    else
        failed(tick, outcome);
}

static void outcome_end(struct live *live, struct input *input, const struct err *err)
{
    struct outcome *outcome = CONTAINER_OF(input, struct outcome, input);

    (void)err;
    engine_arena_done(live->engine, outcome->arena);
    tool_output_free(outcome->result.kept);
    free(outcome);
}

struct outcome *outcome_new(struct live *live, uint32_t call, uint32_t attempt,
                            struct tool_result *result, input_apply_fn *apply)
{
    struct outcome *outcome = xcalloc(1, sizeof(*outcome));

    outcome->input = (struct input){ .apply = apply, .end = outcome_end };
    outcome->arena = engine_arena(live->engine);
    outcome->call = call;
    outcome->attempt = attempt;
    outcome->result = *result;
    if (!TAKE(result->kept))
        outcome->result.output = arena_slice(outcome->arena, result->output);
    outcome->result.errors = arena_slice(outcome->arena, result->errors);
    return outcome;
}

void outcome_input(struct live *live, uint32_t call, uint32_t attempt, struct tool_result *result)
{
    struct outcome *outcome = outcome_new(live, call, attempt, result, outcome_apply);

    outcome->random64 = random_u64(&live->engine->random);
    live_input(live, &outcome->input);
}
