#include "api/json_step.h"

#include <stdio.h>

#include "api/member.h"

static void put_duration(struct buf *buf, int64_t duration_ms)
{
    json_key(buf, "duration_ms");
    if (duration_ms >= 0)
        json_put_int(buf, duration_ms);
    else
        json_put_null(buf);
}

static void put_error(struct buf *buf, struct slice code, struct slice message)
{
    json_key(buf, "error");
    if (!code.ptr) {
        json_put_null(buf);
        return;
    }
    json_begin(buf, '{');
    member_put_text(buf, "code", code);
    member_put_text(buf, "message", message.ptr ? message : SLICE_LIT(""));
    json_end(buf, '}');
}

static void put_try(struct buf *buf, const struct step_try *try)
{
    json_begin(buf, '{');
    json_key(buf, "attempt");
    json_put_int(buf, try->attempt);
    member_put_text(buf, "status", slice_of(try_status_name(try->status)));
    member_put_time(buf, "started_at", try->started_at_ms);
    member_put_time(buf, "ended_at", try->ended_at_ms);
    put_duration(buf, try->duration_ms);
    if (try->status == TRY_INTERRUPTED)
        member_put_text(buf, "by", try->code);
    else
        put_error(buf, try->code, try->message);
    if (try->errors.len > 0)
        member_put_text(buf, "stderr", try->errors);
    json_end(buf, '}');
}

static void put_usage(struct buf *buf, const struct step *step)
{
    json_key(buf, "usage");
    if (!step->has_usage) {
        json_put_null(buf);
    } else {
        json_begin(buf, '{');
        json_key(buf, "input_tokens");
        json_put_int(buf, step->usage.input_tokens);
        json_key(buf, "cached_tokens");
        json_put_int(buf, step->usage.cached_tokens);
        json_key(buf, "output_tokens");
        json_put_int(buf, step->usage.output_tokens);
        json_end(buf, '}');
    }
    json_key(buf, "cost");
    if (step->kind == STEP_MODEL)
        json_put_usd(buf, step->spend.nanousd);
    else
        json_put_null(buf);
}

static void put_calls(struct buf *buf, const struct step *step)
{
    json_key(buf, "calls");
    json_begin(buf, '[');
    for (uint32_t i = 0; i < step->calls_n && i < SESSION_CALLS_MAX; i++)
        json_put_int(buf, step->first_call + i);
    json_end(buf, ']');
}

static void put_texts(struct buf *buf, const struct step *step)
{
    json_key(buf, "input");
    if (step->input.ptr && step->is_input_json)
        json_put_raw(buf, step->input);
    else if (step->input.ptr)
        json_put_str(buf, step->input);
    else
        json_put_null(buf);
    member_put_text(buf, "output", step->output);
    put_error(buf, step->code, step->message);
    if (step->settled_by.ptr)
        member_put_text(buf, "settled_by", step->settled_by);
    if (step->note.ptr)
        member_put_text(buf, "note", step->note);
    if (step->is_shortened) {
        json_key(buf, "shortened");
        json_put_bool(buf, 1);
    }
}

size_t json_step_bytes_max(const struct step *step)
{
    enum { FIXED_MAX = 2048, TRY_MAX = 512, ESCAPED_MAX = 6 };
    size_t texts = step->name.len * 2 + step->input.len + step->output.len + step->code.len +
                   step->message.len;

    for (size_t i = 0; i < step->tries_n; i++)
        texts += step->tries[i].code.len + step->tries[i].message.len + step->tries[i].errors.len;
    return FIXED_MAX + step->tries_n * TRY_MAX + texts * ESCAPED_MAX;
}

void json_put_step(struct buf *buf, const struct step *step)
{
    CLEANUP(buf_release) struct buf action = { .max = step->name.len + 64 };
    const struct step_try *last = step->tries_n ? &step->tries[step->tries_n - 1] : NULL;
    char id[32];

    (void)snprintf(id, sizeof(id), "%s-%u", step->kind == STEP_APPROVAL ? "approval" : "call",
                   step->call);
    step_put_action(&action, step);
    json_begin(buf, '{');
    member_put_text(buf, "id", slice_of(id));
    member_put_time(buf, "timestamp", step->at_ms);
    member_put_text(buf, "action", buf_slice(&action));
    put_texts(buf, step);
    member_put_text(buf, "status", slice_of(step_status_name(step->status)));
    json_key(buf, "turn");
    json_put_int(buf, step->turn);
    json_key(buf, "attempt");
    json_put_int(buf, last ? last->attempt : 0);
    put_duration(buf, last                ? last->duration_ms
                      : step->ended_at_ms ? step->ended_at_ms - step->at_ms
                                          : -1);
    member_put_time(buf, "ended_at", step->ended_at_ms);
    put_usage(buf, step);
    if (step->kind == STEP_MODEL)
        put_calls(buf, step);
    json_key(buf, "attempts");
    json_begin(buf, '[');
    for (size_t i = 0; i < step->tries_n; i++)
        put_try(buf, &step->tries[i]);
    json_end(buf, ']');
    json_end(buf, '}');
}
