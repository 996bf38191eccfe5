#include "api/steps.h"

#include <stdlib.h>

#include "base/utf8.h"

enum {
    SHORT_TEXT_MAX = 1024,
    UNREAD_BYTES_MAX = 4 * 1024 * 1024,
    /* Short texts are kept up to twice STEPS_BYTES_MAX; and what the arena's blocks waste. */
    ARENA_BYTES_MAX = 4 * STEPS_BYTES_MAX,
};

void steps_init(struct steps *steps, uint32_t after, uint32_t limit)
{
    ASSERT(limit > 0);
    *steps = (struct steps){ .arena = arena_new(ARENA_BYTES_MAX),
                             .after = after,
                             .limit = limit,
                             .is_idle = 1,
                             .unread = { .max = UNREAD_BYTES_MAX } };
}

void steps_release(struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        free(steps->at[i].tries);
    free(steps->at);
    buf_release(&steps->unread);
    arena_free(steps->arena);
    *steps = (struct steps){ 0 };
}

/* ---- texts ---- */

static int has_room(const struct steps *steps, size_t bytes)
{
    return bytes <= STEPS_BYTES_MAX && steps->text_bytes <= STEPS_BYTES_MAX - bytes;
}

/* NULL stays NULL. An empty text is a text. */
static struct slice keep(struct steps *steps, struct step *step, struct slice text)
{
    if (!text.ptr)
        return text;
    if (steps->text_max && text.len > steps->text_max) {
        text = utf8_prefix(text, steps->text_max);
        step->is_shortened = 1;
    }
    if (!has_room(steps, text.len) && text.len > SHORT_TEXT_MAX) {
        text = utf8_prefix(text, SHORT_TEXT_MAX);
        step->is_shortened = 1;
    }
    if (steps->text_bytes > 2 * (size_t)STEPS_BYTES_MAX) { /* countless short ones */
        text.len = 0;
        step->is_shortened = 1;
    }
    steps->text_bytes += text.len;
    return arena_slice(steps->arena, text);
}

static struct slice keep_text(struct steps *steps, struct step *step, const struct json *body,
                              const char *name)
{
    return keep(steps, step, json_str(json_get(body, name)));
}

/* An object such as a tool's arguments: as JSON if it can be kept whole, else as its beginning. */
static void keep_input(struct steps *steps, struct step *step, const struct json *value)
{
    CLEANUP(buf_release) struct buf text = { .max = STEPS_BYTES_MAX };
    struct err err = { 0 };

    if (json_kind(value) == JSON_KIND_ABSENT)
        return;
    if (json_write(&text, value, &err)) {
        step->is_shortened = 1;
        return;
    }
    step->input = keep(steps, step, buf_slice(&text));
    step->is_input_json = step->input.len == text.len;
}

static void keep_error(struct steps *steps, struct step *step, const struct json *error)
{
    step->code = keep_text(steps, step, error, "code");
    step->message = keep_text(steps, step, error, "message");
    if (!step->code.ptr)
        step->code = SLICE_LIT("unknown");
}

static struct spend spend_of(const struct json *body, const char *name)
{
    const struct json *spend = json_get(body, name);

    return (struct spend){ .tokens = json_int(json_get(spend, "tokens"), 0),
                           .nanousd = json_int(json_get(spend, "nanousd"), 0) };
}

static void keep_usage(struct step *step, const struct json *usage)
{
    if (json_kind(usage) != JSON_KIND_OBJECT)
        return;
    step->has_usage = 1;
    step->usage = (struct usage){ .input_tokens = json_int(json_get(usage, "input_tokens"), 0),
                                  .cached_tokens = json_int(json_get(usage, "cached_tokens"), 0),
                                  .output_tokens = json_int(json_get(usage, "output_tokens"), 0) };
}

/* ---- tries ---- */

static struct step_try *last_try(struct step *step)
{
    return step->tries_n > 0 ? &step->tries[step->tries_n - 1] : NULL;
}

static struct step_try *begin_try(struct step *step, uint32_t attempt, int64_t at_ms)
{
    step->status = STEP_RUNNING;
    if (step->tries_n == STEP_TRIES_MAX) {
        memmove(&step->tries[1], &step->tries[2], (STEP_TRIES_MAX - 2) * sizeof(step->tries[0]));
        step->tries_n--;
    } else {
        step->tries = xrealloc(step->tries, (step->tries_n + 1) * sizeof(step->tries[0]));
    }
    struct step_try *try = &step->tries[step->tries_n++];

    *try = (struct step_try){
        .attempt = attempt, .status = TRY_RUNNING, .started_at_ms = at_ms, .duration_ms = -1
    };
    return try;
}

/* The try of that number; NULL if it is not kept. */
static struct step_try *find_try(struct step *step, uint32_t attempt)
{
    for (size_t i = step->tries_n; i > 0; i--) {
        if (step->tries[i - 1].attempt == attempt)
            return &step->tries[i - 1];
    }
    return NULL;
}

static void end_try(struct step_try *try, enum try_status status, int64_t at_ms,
                    const struct json *body)
{
    if (!try)
        return;
    /* Where it ran, its time was taken better than the journal can. */
    try->started_at_ms = json_int(json_get(body, "started_at"), try->started_at_ms);
    try->duration_ms = json_int(json_get(body, "duration_ms"), at_ms - try->started_at_ms);
    try->status = status;
    try->ended_at_ms = at_ms;
}

static void fail_try(struct steps *steps, struct step *step, enum try_status status, int64_t at_ms,
                     const struct json *body)
{
    struct step_try *try = find_try(step, (uint32_t)json_int(json_get(body, "attempt"), 0));
    const struct json *error = json_get(body, "error");

    if (!try)
        return;
    end_try(try, status, at_ms, body);
    try->code = keep_text(steps, step, error, "code");
    try->message = keep_text(steps, step, error, "message");
    try->errors = keep_text(steps, step, body, "stderr");
}

/* What a try has cost after all, in place of what it was charged before. */
static void settle(struct step *step, struct step_try *try, struct spend spend)
{
    struct spend before = try ? try->spend : (struct spend){ 0 };
    int64_t tokens, nanousd;

    /* A journal that says absurd amounts is shown with what was sane of them. */
    if (__builtin_add_overflow(step->spend.tokens - before.tokens, spend.tokens, &tokens) ||
        __builtin_add_overflow(step->spend.nanousd - before.nanousd, spend.nanousd, &nanousd))
        return;
    step->spend = (struct spend){ tokens, nanousd };
    if (try)
        try->spend = spend;
}

static void drop_try(struct step *step, struct step_try *try, int64_t at_ms)
{
    if (!try || try->status != TRY_RUNNING)
        return;
    end_try(try, TRY_CANCELLED, at_ms, NULL);
    settle(step, try, try->reserved);
}

/* ---- steps ---- */

static int is_open(const struct step *step)
{
    return step->status == STEP_RUNNING || step->status == STEP_WAITING;
}

static void end_step(struct step *step, enum step_status status, int64_t at_ms)
{
    step->status = status;
    step->ended_at_ms = at_ms;
}

static struct step *open_step(struct steps *steps, enum step_kind kind, uint32_t call,
                              int64_t at_ms)
{
    uint32_t number = ++steps->opened;

    if (number <= steps->after)
        return NULL;
    if (steps->has_more || steps->n == steps->limit ||
        (steps->n > 0 && steps->text_bytes > STEPS_BYTES_MAX / 2)) {
        steps->has_more = 1;
        return NULL;
    }
    if (steps->n == steps->cap) {
        steps->cap = steps->cap ? steps->cap * 2 : 16;
        steps->at = xrealloc(steps->at, steps->cap * sizeof(steps->at[0]));
    }
    struct step *step = &steps->at[steps->n++];

    *step = (struct step){ .number = number,
                           .call = call,
                           .kind = kind,
                           .status = STEP_WAITING,
                           .turn = steps->turn,
                           .at_ms = at_ms };
    return step;
}

/* The step of that call, or the approval before it. NULL: not kept. */
static struct step *find_step(struct steps *steps, uint32_t call, int is_approval)
{
    for (size_t i = steps->n; i > 0 && call != 0; i--) {
        struct step *step = &steps->at[i - 1];

        if (step->call == call && (step->kind == STEP_APPROVAL) == is_approval)
            return step;
    }
    return NULL;
}

static uint32_t call_of(const struct json *body)
{
    return (uint32_t)json_int(json_get(body, "call"), 0);
}

static uint32_t attempt_of(const struct json *body)
{
    return (uint32_t)json_int(json_get(body, "attempt"), 0);
}

/* ---- what was said ---- */

static void hear(struct steps *steps, struct slice text)
{
    if (!text.ptr || text.len + 2 > steps->unread.max - steps->unread.len)
        return; /* what does not fit is left out: it stands in the journal */
    if (steps->unread.len > 0)
        buf_puts(&steps->unread, "\n\n");
    buf_put(&steps->unread, text);
}

/* ---- the model ---- */

static void on_model_started(struct steps *steps, int64_t at_ms, const struct json *body)
{
    uint32_t call = call_of(body);
    struct step *step = find_step(steps, call, 0);

    /* Messages that came during the last call of a turn begin the next one by themselves. */
    steps->turn += (uint32_t)steps->is_idle;
    steps->is_idle = 0;
    if (call > steps->last_model_call) {
        steps->last_model_call = call;
        step = open_step(steps, STEP_MODEL, call, at_ms);
        if (step) {
            step->name = keep_text(steps, step, body, "model");
            if (steps->unread.len > 0)
                step->input = keep(steps, step, buf_slice(&steps->unread));
        }
        buf_clear(&steps->unread);
    }
    if (!step)
        return;
    begin_try(step, attempt_of(body), at_ms)->reserved = spend_of(body, "reserved");
}

static enum step_kind kind_of(struct slice type)
{
    static const struct {
        enum call_type type;
        enum step_kind kind;
    } kinds[] = {
        { CALL_QUESTION, STEP_QUESTION },
        { CALL_SLEEP, STEP_SLEEP },
        { CALL_SIGNAL, STEP_SIGNAL },
        { CALL_CHILD, STEP_CHILD },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_is(type, call_type_name(kinds[i].type)))
            return kinds[i].kind;
    }
    return STEP_TOOL;
}

static void declare_call(struct steps *steps, uint32_t call, int64_t at_ms, const struct json *decl)
{
    enum step_kind kind = kind_of(json_str(json_get(decl, "type")));
    int needs_approval = json_int(json_get(decl, "approvals"), 0) > 0;
    struct step *step;

    if (needs_approval) {
        step = open_step(steps, STEP_APPROVAL, call, at_ms);
        if (step) {
            step->name = keep_text(steps, step, decl, "tool");
            keep_input(steps, step, json_get(decl, "arguments"));
        }
    }
    step = open_step(steps, kind, call, at_ms);
    if (!step)
        return;
    step->name = keep_text(steps, step, decl, "tool");
    step->is_once = json_bool(json_get(decl, "once"), 0);
    keep_input(steps, step, json_get(decl, "arguments"));
    if (!step->input.ptr)
        step->input = keep_text(steps, step, decl, "arguments_text");
    if (kind == STEP_TOOL && !needs_approval)
        (void)begin_try(step, 1, at_ms);
}

static void on_model_answered(struct steps *steps, int64_t at_ms, const struct json *body)
{
    const struct json *calls = json_get(body, "calls");
    uint32_t first = (uint32_t)json_int(json_get(body, "first_call"), 0);
    struct step *step = find_step(steps, call_of(body), 0);

    if (step) {
        struct step_try *try = find_try(step, attempt_of(body));

        end_try(try, TRY_COMPLETED, at_ms, NULL);
        settle(step, try, spend_of(body, "used"));
        drop_try(step, last_try(step), at_ms); /* an earlier one won */
        end_step(step, STEP_COMPLETED, at_ms);
        step->output = keep_text(steps, step, body, "text");
        step->first_call = first;
        step->calls_n = (uint32_t)json_count(calls);
        keep_usage(step, json_get(body, "usage"));
    }
    for (size_t i = 0; i < json_count(calls); i++)
        declare_call(steps, first + (uint32_t)i, at_ms, json_at(calls, i));
}

static void on_failed(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);

    if (!step)
        return;
    fail_try(steps, step, TRY_FAILED, at_ms, body);
    settle(step, find_try(step, attempt_of(body)), spend_of(body, "charged"));
    if (json_int(json_get(body, "retry_at"), 0) > 0) {
        step->status = STEP_WAITING;
        return;
    }
    keep_error(steps, step, json_get(body, "error"));
    end_step(step, STEP_FAILED, at_ms);
}

static void on_model_usage(struct steps *steps, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);

    if (!step)
        return;
    keep_usage(step, json_get(body, "usage"));
    settle(step, find_try(step, attempt_of(body)), spend_of(body, "used"));
}

/* ---- tools ---- */

static void take_output(struct steps *steps, struct step *step, const struct json *body)
{
    step->output = keep_text(steps, step, body, "output");
    step->whole_bytes = json_int(json_get(json_get(body, "blob"), "bytes"), 0);
}

static void on_tool_finished(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);
    int is_error = json_bool(json_get(body, "is_error"), 0);

    if (!step)
        return;
    struct step_try *try = find_try(step, attempt_of(body));

    end_try(try, is_error ? TRY_FAILED : TRY_COMPLETED, at_ms, body);
    if (try)
        try->errors = keep_text(steps, step, body, "stderr");
    drop_try(step, last_try(step), at_ms); /* an earlier one won */
    take_output(steps, step, body);
    end_step(step, is_error ? STEP_FAILED : STEP_COMPLETED, at_ms);
    if (is_error) {
        step->code = SLICE_LIT("tool_error");
        step->message = SLICE_LIT("the tool ended with an error, which the model was told");
    }
}

static void on_timer_fired(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);

    if (!step || !slice_is(json_str(json_get(body, "which")), timer_kind_name(TIMER_RETRY)))
        return;
    if (step->kind == STEP_TOOL && last_try(step))
        (void)begin_try(step, last_try(step)->attempt + 1,
                        at_ms); /* a model's begins when it is asked */
}

static void on_interrupted(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);
    uint32_t attempt = attempt_of(body);

    if (!step)
        return;
    struct step_try *try = find_try(step, attempt);

    end_try(try, TRY_INTERRUPTED, at_ms, NULL);
    if (try)
        try->code = keep_text(steps, step, body, "by");
    settle(step, try, spend_of(body, "charged"));
    step->status = STEP_WAITING;
    if (step->kind == STEP_TOOL)
        (void)begin_try(step, attempt + 1,
                        at_ms); /* the core hands it out again in the same tick */
}

static void on_in_doubt(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);

    if (!step)
        return;
    fail_try(steps, step, TRY_IN_DOUBT, at_ms, body);
    struct step_try *try = last_try(step);

    if (try && !try->code.ptr)
        try->code = keep_text(steps, step, body, "cause");
    step->settled_by = (struct slice){ NULL, 0 }; /* that was another try's */
    step->note = (struct slice){ NULL, 0 };
    step->status = STEP_WAITING;
}

static void on_reconciled(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *step = find_step(steps, call_of(body), 0);
    struct slice outcome = json_str(json_get(body, "outcome"));

    if (!step)
        return;
    struct step_try *try = find_try(step, attempt_of(body));

    if (!slice_is(outcome, reconcile_outcome_name(OUTCOME_UNKNOWN))) {
        step->settled_by = keep_text(steps, step, body, "by");
        step->note = keep_text(steps, step, body, "note");
        if (try)
            try->settled_by = step->settled_by;
    }
    if (slice_is(outcome, reconcile_outcome_name(OUTCOME_HAPPENED))) {
        take_output(steps, step, body);
        end_step(step, STEP_COMPLETED, at_ms);
    } else if (slice_is(outcome, reconcile_outcome_name(OUTCOME_NOT_HAPPENED))) {
        if (step->is_orphan)
            end_step(step, STEP_CANCELLED, at_ms);
        else
            (void)begin_try(step, attempt_of(body) + 1, at_ms);
    }
}

/* ---- people ---- */

static void refuse_call(struct steps *steps, struct step *step, const char *code, int64_t at_ms,
                        const struct json *body)
{
    if (!step)
        return;
    step->code = slice_of(code);
    step->message = keep_text(steps, step, body, "note");
    end_step(step, STEP_CANCELLED, at_ms);
}

static void on_decided(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *approval = find_step(steps, call_of(body), 1);
    struct step *step = find_step(steps, call_of(body), 0);
    struct slice decision = json_str(json_get(body, "decision"));
    int is_rejected = slice_is(decision, decision_name(DECISION_REJECT));

    if (!is_rejected && json_int(json_get(body, "still_needed"), 0) > 0)
        return;
    if (approval) {
        approval->output = keep(steps, approval, decision);
        approval->message = keep_text(steps, approval, body, "note");
        end_step(approval, STEP_COMPLETED, at_ms);
    }
    if (is_rejected)
        refuse_call(steps, step, "rejected", at_ms, body);
    else if (step && step->kind == STEP_TOOL)
        (void)begin_try(step, 1, at_ms);
}

static void on_expired(struct steps *steps, int64_t at_ms, const struct json *body)
{
    struct step *approval = find_step(steps, call_of(body), 1);

    if (slice_is(json_str(json_get(body, "outcome")), expiry_action_name(EXPIRY_ESCALATE)))
        return;
    refuse_call(steps, approval, "approval_expired", at_ms, body);
    refuse_call(steps, find_step(steps, call_of(body), 0), "approval_expired", at_ms, body);
}

/* ---- turns ---- */

/* What is open when a turn ends will have no end of its own, but for a call in doubt. */
static void close_all(struct steps *steps, int64_t at_ms)
{
    for (size_t i = 0; i < steps->n; i++) {
        struct step *step = &steps->at[i];
        struct step_try *try = last_try(step);

        if (!is_open(step))
            continue;
        step->is_orphan = try && try->status == TRY_IN_DOUBT;
        if (step->is_orphan)
            continue;
        drop_try(step, try, at_ms);
        end_step(step, STEP_CANCELLED, at_ms);
    }
}

/*
 * What becomes of a call in doubt, nobody will say here: it is the original's. A turn that was
 * cancelled there goes on.
 */
static void on_forked(struct steps *steps, int64_t at_ms)
{
    close_all(steps, at_ms);
    for (size_t i = 0; i < steps->n; i++) {
        if (is_open(&steps->at[i]))
            end_step(&steps->at[i], STEP_CANCELLED, at_ms);
    }
    steps->is_idle &= !steps->is_cancelled;
    steps->is_cancelled = 0;
}

static void on_said(struct steps *steps, struct slice text)
{
    steps->turn += (uint32_t)steps->is_idle;
    steps->is_idle = 0;
    hear(steps, text);
}

void steps_add(struct steps *steps, enum event_kind kind, int64_t at_ms, const struct json *body)
{
    switch (kind) {
    case EV_CREATED: on_said(steps, json_str(json_get(body, "input"))); break;
    case EV_MESSAGE: on_said(steps, json_str(json_get(body, "content"))); break;
    case EV_MODEL_STARTED: on_model_started(steps, at_ms, body); break;
    case EV_MODEL_ANSWERED: on_model_answered(steps, at_ms, body); break;
    case EV_MODEL_FAILED:
    case EV_TOOL_FAILED: on_failed(steps, at_ms, body); break;
    case EV_MODEL_USAGE: on_model_usage(steps, body); break;
    case EV_TOOL_FINISHED: on_tool_finished(steps, at_ms, body); break;
    case EV_TOOL_IN_DOUBT: on_in_doubt(steps, at_ms, body); break;
    case EV_TOOL_RECONCILED: on_reconciled(steps, at_ms, body); break;
    case EV_APPROVAL_DECIDED: on_decided(steps, at_ms, body); break;
    case EV_APPROVAL_EXPIRED: on_expired(steps, at_ms, body); break;
    case EV_TIMER_FIRED: on_timer_fired(steps, at_ms, body); break;
    case EV_INTERRUPTED: on_interrupted(steps, at_ms, body); break;
    case EV_TURN_ENDED:
    case EV_CANCELLED:
        close_all(steps, at_ms);
        steps->is_idle = 1;
        steps->is_cancelled = kind == EV_CANCELLED;
        break;
    case EV_RETRIED: steps->is_idle = 0; break;
    case EV_FORKED: on_forked(steps, at_ms); break;
    case EV_TOOL_SENT:      /* the try has begun when it was handed out */
    case EV_INPUT_ANSWERED: /* tool_finished says the answer */
    case EV_CHILD_ENDED:    /* the same */
    case EV_SIGNAL:         /* the same */
    case EV_BUDGET_CHANGED:
    case EV_CONTEXT_CHANGED:
    case EV_PAUSED:
    case EV_RESUMED:
    case EV_KIND_COUNT: break;
    }
}

int steps_is_complete(const struct steps *steps)
{
    if (!steps->has_more)
        return 0;
    for (size_t i = 0; i < steps->n; i++) {
        if (is_open(&steps->at[i]))
            return 0;
    }
    return 1;
}

/* ---- names ---- */

const char *step_status_name(enum step_status status)
{
    static const char *const names[STEP_STATUS_COUNT] = {
        [STEP_RUNNING] = "RUNNING", [STEP_WAITING] = "WAITING",     [STEP_COMPLETED] = "COMPLETED",
        [STEP_FAILED] = "FAILED",   [STEP_CANCELLED] = "CANCELLED",
    };

    ASSERT(status < STEP_STATUS_COUNT);
    return names[status];
}

const char *try_status_name(enum try_status status)
{
    static const char *const names[TRY_STATUS_COUNT] = {
        [TRY_RUNNING] = "RUNNING",   [TRY_COMPLETED] = "COMPLETED",
        [TRY_FAILED] = "FAILED",     [TRY_INTERRUPTED] = "INTERRUPTED",
        [TRY_IN_DOUBT] = "IN_DOUBT", [TRY_CANCELLED] = "CANCELLED",
    };

    ASSERT(status < TRY_STATUS_COUNT);
    return names[status];
}

void step_put_action(struct buf *buf, const struct step *step)
{
    static const char *const actions[STEP_KIND_COUNT] = {
        [STEP_MODEL] = "CALL_LLM",    [STEP_TOOL] = "CALL_TOOL", [STEP_APPROVAL] = "APPROVAL",
        [STEP_QUESTION] = "ASK_USER", [STEP_SLEEP] = "SLEEP",    [STEP_SIGNAL] = "WAIT_FOR_EVENT",
        [STEP_CHILD] = "CALL_AGENT",
    };

    ASSERT(step->kind < STEP_KIND_COUNT);
    buf_puts(buf, actions[step->kind]);
    if (step->kind != STEP_MODEL && step->kind != STEP_SLEEP && step->name.len > 0) {
        buf_puts(buf, ": ");
        buf_put(buf, step->name);
    }
}
