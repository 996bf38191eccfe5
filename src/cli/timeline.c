#include "cli/timeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "cli/text.h"

enum {
    TEXT_KEPT_MAX = 600, /* of a text: a line or two of a terminal */
    LABEL_WIDTH = 10,
    INDENT = 30, /* clock, offset, label */
    TEXT_LEAST = 30,
    LINE_BYTES_MAX = 64 * 1024,
};

void timeline_init(struct timeline *timeline)
{
    *timeline = (struct timeline){ 0 };
    steps_init(&timeline->steps, 0, UINT32_MAX);
    timeline->steps.text_max = TEXT_KEPT_MAX;
}

void timeline_release(struct timeline *timeline)
{
    for (size_t i = 0; i < timeline->marks_n; i++) {
        free(timeline->marks[i].label);
        free(timeline->marks[i].text);
    }
    free(timeline->marks);
    steps_release(&timeline->steps);
    *timeline = (struct timeline){ 0 };
}

/* ---- marks ---- */

static void add_mark(struct timeline *timeline, int64_t at_ms, const char *label, struct slice text)
{
    CLEANUP(buf_release) struct buf kept = { .max = TEXT_KEPT_MAX + 1 };

    if (timeline->marks_n == timeline->marks_cap) {
        timeline->marks_cap = timeline->marks_cap ? timeline->marks_cap * 2 : 16;
        timeline->marks =
            xrealloc(timeline->marks, timeline->marks_cap * sizeof(timeline->marks[0]));
    }
    buf_put(&kept, utf8_prefix(text, TEXT_KEPT_MAX));
    timeline->marks[timeline->marks_n++] =
        (struct timeline_mark){ .at_ms = at_ms,
                                .is_end = label && strcmp(label, "end") == 0,
                                .label = label ? xstrdup(label) : NULL,
                                .text = xstrdup(buf_cstr(&kept)) };
}

static void mark_restart(struct timeline *timeline, int64_t at_ms, struct slice by)
{
    CLEANUP(buf_release) struct buf text = { .max = 256 };
    char gap[TEXT_SHORT_MAX];

    if (slice_is(by, "crash"))
        buf_putf(&text, "the server was killed here; taken up again (%s after the last record)",
                 text_duration(gap, at_ms - timeline->last_ms));
    else
        buf_puts(&text, "the server was stopped here; the next one goes on");
    add_mark(timeline, at_ms, NULL, buf_slice(&text));
}

static void mark_end(struct timeline *timeline, int64_t at_ms, const struct json *event)
{
    struct slice code = json_str(json_get(event, "code"));
    struct slice message = json_str(json_get(event, "message"));
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };

    if (!code.ptr)
        code = json_str(json_get(event, "cause"));
    if (slice_is(code, "completed")) {
        buf_puts(&text, "completed");
    } else {
        buf_puts(&text, "failed: ");
        buf_put(&text, utf8_prefix(code, 100));
        if (message.len > 0)
            buf_puts(&text, ": ");
        buf_put(&text, utf8_prefix(message, TEXT_KEPT_MAX));
    }
    add_mark(timeline, at_ms, "end", buf_slice(&text));
}

/* "by alice: because" */
static void mark_change(struct timeline *timeline, int64_t at_ms, const char *label,
                        const struct json *event)
{
    struct slice reason = json_str(json_get(event, "reason"));
    struct slice by = json_str(json_get(event, "by"));
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };

    if (by.len > 0) {
        buf_puts(&text, "by ");
        buf_put(&text, utf8_prefix(by, 100));
    }
    if (reason.len > 0) {
        buf_puts(&text, by.len > 0 ? ": " : "");
        buf_put(&text, utf8_prefix(reason, TEXT_KEPT_MAX));
    }
    add_mark(timeline, at_ms, label, buf_slice(&text));
}

/* All above it happened to another session. */
static void mark_copy(struct timeline *timeline, int64_t at_ms, const struct json *event)
{
    CLEANUP(buf_release) struct buf text = { .max = 512 };

    buf_puts(&text, "what is above happened to ");
    buf_put(&text, utf8_prefix(json_str(json_get(event, "from")), 100));
    buf_putf(&text, " (its events 1 to %lld); this copy begins here",
             (long long)json_int(json_get(event, "from_seq"), 0));
    add_mark(timeline, at_ms, NULL, buf_slice(&text));
}

static void add_marks(struct timeline *timeline, enum event_kind kind, int64_t at_ms,
                      const struct json *event)
{
    switch (kind) {
    case EV_CREATED: add_mark(timeline, at_ms, "input", json_str(json_get(event, "input"))); break;
    case EV_MESSAGE:
        add_mark(timeline, at_ms, "message", json_str(json_get(event, "content")));
        break;
    case EV_INTERRUPTED:
        if (!timeline->has_restart || at_ms != timeline->last_ms)
            mark_restart(timeline, at_ms, json_str(json_get(event, "by")));
        break;
    case EV_TURN_ENDED: mark_end(timeline, at_ms, event); break;
    case EV_CANCELLED: mark_change(timeline, at_ms, "cancelled", event); break;
    case EV_PAUSED: mark_change(timeline, at_ms, "paused", event); break;
    case EV_RESUMED: mark_change(timeline, at_ms, "resumed", event); break;
    case EV_RETRIED: mark_change(timeline, at_ms, "retried", event); break;
    case EV_BUDGET_CHANGED: mark_change(timeline, at_ms, "budget", event); break;
    case EV_FORKED: mark_copy(timeline, at_ms, event); break;
    case EV_SIGNAL: add_mark(timeline, at_ms, "signal", json_str(json_get(event, "name"))); break;
    case EV_MODEL_STARTED:
    case EV_MODEL_ANSWERED:
    case EV_MODEL_FAILED:
    case EV_MODEL_USAGE:
    case EV_TOOL_SENT:
    case EV_TOOL_FINISHED:
    case EV_TOOL_FAILED:
    case EV_TOOL_IN_DOUBT:
    case EV_TOOL_RECONCILED:
    case EV_APPROVAL_DECIDED:
    case EV_APPROVAL_EXPIRED:
    case EV_INPUT_ANSWERED:
    case EV_TIMER_FIRED:
    case EV_CHILD_ENDED:
    case EV_CONTEXT_CHANGED:
    case EV_KIND_COUNT: break;
    }
}

void timeline_add(struct timeline *timeline, const struct json *event)
{
    enum event_kind kind = event_kind_of(json_str(json_get(event, "kind")));
    int64_t at_ms = text_read_time(json_str(json_get(event, "at")));

    if (kind == EV_KIND_COUNT || at_ms < 0)
        return;
    if (timeline->first_ms == 0)
        timeline->first_ms = timeline->last_ms = at_ms;
    add_marks(timeline, kind, at_ms, event);
    steps_add(&timeline->steps, kind, at_ms, event);
    timeline->has_restart = kind == EV_INTERRUPTED;
    if (kind == EV_TURN_ENDED || kind == EV_CANCELLED)
        timeline->is_ended = 1;
    else if (kind == EV_MESSAGE || kind == EV_RETRIED || kind == EV_MODEL_STARTED)
        timeline->is_ended = 0;
    timeline->seq = (uint32_t)json_int(json_get(event, "seq"), timeline->seq);
    timeline->last_ms = at_ms;
}

/* ---- entries ---- */

/* "+0.013s", "+12.5s", "+2m 03s" */
static void put_offset(char text[TEXT_SHORT_MAX], int64_t since_ms)
{
    char duration[TEXT_SHORT_MAX];

    if (since_ms >= 0 && since_ms < 60000)
        (void)snprintf(text, TEXT_SHORT_MAX, "+%lld.%03llds", (long long)(since_ms / 1000),
                       (long long)(since_ms % 1000));
    else
        (void)snprintf(text, TEXT_SHORT_MAX, "+%.*s", TEXT_SHORT_MAX - 2,
                       text_duration(duration, since_ms));
}

static void put_head(struct buf *buf, const struct timeline *timeline, int64_t at_ms,
                     const char *label, const struct timeline_style *style)
{
    char clock[TEXT_SHORT_MAX];
    char offset[TEXT_SHORT_MAX];

    put_offset(offset, at_ms - timeline->first_ms);
    text_put_styled(buf, style->has_color, STYLE_DIM, "%s %9s  ", text_clock(clock, at_ms), offset);
    text_put_styled(buf, style->has_color, STYLE_CYAN, "%-*s", LABEL_WIDTH, label);
}

static size_t text_room(const struct timeline_style *style)
{
    return style->width > INDENT + TEXT_LEAST ? style->width - INDENT : TEXT_LEAST;
}

static void put_second_line(struct buf *buf, const struct timeline_style *style,
                            enum style text_style, const char *sign, struct slice text)
{
    CLEANUP(buf_release) struct buf line = { .max = LINE_BYTES_MAX };
    size_t sign_width = text_width(slice_of(sign));

    text_put_line(&line, text, text_room(style) - sign_width);
    buf_putf(buf, "%*s", INDENT, "");
    text_put_styled(buf, style->has_color, text_style, "%s%s", sign, buf_cstr(&line));
    buf_puts(buf, "\n");
}

static const char *label_of(enum step_kind kind)
{
    static const char *const labels[STEP_KIND_COUNT] = {
        [STEP_MODEL] = "model",       [STEP_TOOL] = "tool",   [STEP_APPROVAL] = "approval",
        [STEP_QUESTION] = "question", [STEP_SLEEP] = "sleep", [STEP_SIGNAL] = "signal",
        [STEP_CHILD] = "child",
    };

    ASSERT(kind < STEP_KIND_COUNT);
    return labels[kind];
}

/* "largest {"n":3}", or "main". */
static void put_what(struct buf *buf, const struct step *step, size_t room)
{
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };

    if (step->name.ptr)
        buf_put(&text, step->name);
    if (step->kind != STEP_MODEL && step->input.len > 2) { /* more than {} */
        buf_puts(&text, " ");
        buf_put(&text, step->input);
    }
    text_put_line(buf, buf_slice(&text), room);
}

/* " · attempt 2 · 1.2 s · 15 tokens · $0.0001" */
static void put_figures(struct buf *buf, const struct step *step, const struct step_try *try)
{
    char text[TEXT_SHORT_MAX];

    if (try && try->attempt > 1)
        buf_putf(buf, " | attempt %u", try->attempt);
    if (try && try->duration_ms >= 0)
        buf_putf(buf, " | %s", text_duration(text, try->duration_ms));
    if (!try || step->kind != STEP_MODEL || try->status != TRY_COMPLETED)
        return;
    if (try->spend.tokens > 0)
        buf_putf(buf, " | %s tokens", text_count(text, try->spend.tokens));
    if (try->spend.nanousd > 0)
        buf_putf(buf, " | %s", text_dollars(text, (double)try->spend.nanousd / 1e9));
}

static int is_asked_by(const struct step *step, const struct step *other)
{
    return other->call >= step->first_call && other->call - step->first_call < step->calls_n &&
           other->kind != STEP_APPROVAL;
}

/* How many calls of that answer are of this tool; 0 if an earlier one was. */
static unsigned count_asked(const struct timeline *timeline, const struct step *step, size_t at)
{
    unsigned n = 0;

    for (size_t i = 0; i < timeline->steps.n; i++) {
        const struct step *other = &timeline->steps.at[i];

        if (!is_asked_by(step, other) || !slice_equal(other->name, timeline->steps.at[at].name))
            continue;
        if (i < at)
            return 0;
        n++;
    }
    return n;
}

/* "asks for now, needed_by (5)" */
static void put_asked(struct buf *buf, const struct timeline *timeline, const struct step *step,
                      const struct timeline_style *style)
{
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };

    if (step->calls_n == 0)
        return;
    for (size_t i = 0; i < timeline->steps.n; i++) {
        const struct step *other = &timeline->steps.at[i];
        unsigned n = is_asked_by(step, other) ? count_asked(timeline, step, i) : 0;

        if (n == 0)
            continue;
        buf_puts(&text, text.len ? ", " : "");
        buf_put(&text, utf8_prefix(other->name, 100));
        if (n > 1)
            buf_putf(&text, " (%u)", n);
    }
    if (text.len > 0)
        put_second_line(buf, style, STYLE_NONE, "asks for ", buf_slice(&text));
}

/* How a person gets the rest of an output. */
static void put_whole(struct buf *buf, const struct step *step, const struct timeline_style *style)
{
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };
    char bytes[TEXT_SHORT_MAX];

    if (step->whole_bytes <= 0)
        return;
    buf_putf(&text, "all %s bytes of it: pawl output ID %u", text_count(bytes, step->whole_bytes),
             step->call);
    put_second_line(buf, style, STYLE_DIM, "", buf_slice(&text));
}

static void put_failure(struct buf *buf, const struct step_try *try, const char *sign,
                        const struct timeline_style *style)
{
    CLEANUP(buf_release) struct buf text = { .max = LINE_BYTES_MAX };

    buf_put(&text, try->code);
    if (try->message.len > 0)
        buf_puts(&text, ": ");
    buf_put(&text, try->message);
    put_second_line(buf, style, STYLE_RED, sign, buf_slice(&text));
}

/* A step goes on after a try that did not happen: only its last one can have completed it. */
static void put_doubt(struct buf *buf, const struct step *step, const struct step_try *try,
                      const struct timeline_style *style)
{
    int is_last = try == &step->tries[step->tries_n - 1];

    if (!try->settled_by.ptr)
        put_second_line(buf, style, STYLE_YELLOW,
                        "in doubt: ", SLICE_LIT("it is not known whether this happened"));
    else if (is_last && step->status == STEP_COMPLETED)
        put_second_line(buf, style, STYLE_GREEN, "it happened, says: ", try->settled_by);
    else
        put_second_line(buf, style, STYLE_YELLOW, "it did not happen, says: ", try->settled_by);
}

static void put_result(struct buf *buf, const struct timeline *timeline, const struct step *step,
                       const struct step_try *try, const struct timeline_style *style)
{
    switch (try->status) {
    case TRY_COMPLETED:
        if (step->output.len > 0)
            put_second_line(buf, style, STYLE_NONE, "-> ", step->output);
        put_asked(buf, timeline, step, style);
        break;
    case TRY_FAILED:
        if (try->code.ptr)
            put_failure(buf, try, "failed: ", style);
        else
            put_second_line(buf, style, STYLE_RED, "error: ", step->output);
        if (try->errors.len > 0)
            put_second_line(buf, style, STYLE_DIM, "stderr: ", try->errors);
        break;
    case TRY_INTERRUPTED:
        put_second_line(buf, style, STYLE_YELLOW, "interrupted: ",
                        slice_is(try->code, "drain") ? SLICE_LIT("the server was stopped")
                                                     : SLICE_LIT("the server was killed"));
        break;
    case TRY_IN_DOUBT: put_doubt(buf, step, try, style); break;
    case TRY_CANCELLED:
        put_second_line(buf, style, STYLE_YELLOW, "", SLICE_LIT("given up: its turn ended"));
        break;
    case TRY_RUNNING: put_second_line(buf, style, STYLE_GREEN, "", SLICE_LIT("at work")); break;
    case TRY_STATUS_COUNT: break;
    }
}

/* at_ms: the time to show, of its beginning or of its end. */
static void put_try(struct buf *buf, const struct timeline *timeline, const struct step *step,
                    const struct step_try *try, int64_t at_ms, const struct timeline_style *style)
{
    CLEANUP(buf_release) struct buf figures = { .max = LINE_BYTES_MAX };
    size_t room = text_room(style);

    put_figures(&figures, step, try);
    room = room > figures.len + TEXT_LEAST / 2 ? room - figures.len : TEXT_LEAST / 2;
    put_head(buf, timeline, at_ms, label_of(step->kind), style);
    put_what(buf, step, room);
    text_put_styled(buf, style->has_color, STYLE_DIM, "%s", buf_cstr(&figures));
    buf_puts(buf, "\n");
    if (try)
        put_result(buf, timeline, step, try, style);
    if (try && try == &step->tries[step->tries_n - 1])
        put_whole(buf, step, style);
    if (try)
        return;
    if (step->output.len > 0)
        put_second_line(buf, style, STYLE_NONE, "-> ", step->output);
    else
        put_second_line(buf, style, STYLE_YELLOW, "",
                        step->ended_at_ms ? SLICE_LIT("ended without an answer")
                                          : SLICE_LIT("waits"));
}

static void put_mark(struct buf *buf, const struct timeline *timeline,
                     const struct timeline_mark *mark, const struct timeline_style *style)
{
    char clock[TEXT_SHORT_MAX];

    if (!mark->label) {
        text_put_styled(buf, style->has_color, STYLE_YELLOW, "%s ------------------- %s ---",
                        text_clock(clock, mark->at_ms), mark->text);
        buf_puts(buf, "\n");
        return;
    }
    put_head(buf, timeline, mark->at_ms, mark->label, style);
    text_put_line(buf, slice_of(mark->text), text_room(style));
    buf_puts(buf, "\n");
}

/* ---- the whole, in order ---- */

struct entry {
    int64_t at_ms;
    int rank; /* of entries at the same time */
    size_t order;
    const struct timeline_mark *mark; /* or */
    const struct step *step;
    const struct step_try *try;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank - y->rank;
    return x->order < y->order ? -1 : x->order > y->order;
}

static size_t count_entries(const struct timeline *timeline)
{
    size_t n = timeline->marks_n;

    for (size_t i = 0; i < timeline->steps.n; i++)
        n += timeline->steps.at[i].tries_n ? timeline->steps.at[i].tries_n : 1;
    return n;
}

static size_t gather_entries(const struct timeline *timeline, struct entry *entries)
{
    size_t n = 0;

    for (size_t i = 0; i < timeline->marks_n; i++, n++)
        entries[n] = (struct entry){ .at_ms = timeline->marks[i].at_ms,
                                     .rank = timeline->marks[i].is_end ? 2 : 0,
                                     .order = n,
                                     .mark = &timeline->marks[i] };
    for (size_t i = 0; i < timeline->steps.n; i++) {
        const struct step *step = &timeline->steps.at[i];

        for (size_t k = 0; k < step->tries_n; k++, n++)
            entries[n] = (struct entry){ .at_ms = step->tries[k].started_at_ms,
                                         .rank = 1,
                                         .order = n,
                                         .step = step,
                                         .try = &step->tries[k] };
        if (step->tries_n == 0) {
            entries[n] =
                (struct entry){ .at_ms = step->at_ms, .rank = 1, .order = n, .step = step };
            n++;
        }
    }
    return n;
}

void timeline_put(struct buf *buf, const struct timeline *timeline,
                  const struct timeline_style *style)
{
    struct entry *entries = xcalloc(count_entries(timeline) + 1, sizeof(*entries));
    size_t n = gather_entries(timeline, entries);

    qsort(entries, n, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < n; i++) {
        if (entries[i].mark)
            put_mark(buf, timeline, entries[i].mark, style);
        else
            put_try(buf, timeline, entries[i].step, entries[i].try, entries[i].at_ms, style);
    }
    if (timeline->steps.has_more)
        buf_puts(buf, "(more steps than are shown here; GET .../steps has them all)\n");
    free(entries);
}

/* ---- as it goes ---- */

static int ends_a_try(enum event_kind kind)
{
    return kind == EV_MODEL_ANSWERED || kind == EV_MODEL_FAILED || kind == EV_TOOL_FINISHED ||
           kind == EV_TOOL_FAILED || kind == EV_TOOL_IN_DOUBT || kind == EV_INTERRUPTED;
}

void timeline_put_ended(struct buf *buf, const struct timeline *timeline, const struct json *event,
                        const struct timeline_style *style)
{
    uint32_t call = (uint32_t)json_int(json_get(event, "call"), 0);
    uint32_t attempt = (uint32_t)json_int(json_get(event, "attempt"), 0);

    if (!ends_a_try(event_kind_of(json_str(json_get(event, "kind")))))
        return;
    for (size_t i = timeline->steps.n; i > 0; i--) {
        const struct step *step = &timeline->steps.at[i - 1];

        if (step->call != call || step->kind == STEP_APPROVAL)
            continue;
        for (size_t k = step->tries_n; k > 0; k--) {
            if (step->tries[k - 1].attempt == attempt)
                put_try(buf, timeline, step, &step->tries[k - 1], step->tries[k - 1].ended_at_ms,
                        style);
        }
        return;
    }
}

void timeline_put_marks(struct buf *buf, const struct timeline *timeline, size_t from,
                        const struct timeline_style *style)
{
    for (size_t i = from; i < timeline->marks_n; i++)
        put_mark(buf, timeline, &timeline->marks[i], style);
}

void timeline_put_open(struct buf *buf, const struct timeline *timeline)
{
    size_t before = buf->len;

    for (size_t i = 0; i < timeline->steps.n; i++) {
        const struct step *step = &timeline->steps.at[i];

        if (step->status != STEP_RUNNING && step->status != STEP_WAITING)
            continue;
        buf_puts(buf, buf->len > before ? ", " : "");
        if (step->kind == STEP_TOOL)
            text_put_line(buf, step->name, TEXT_LEAST);
        else
            buf_puts(buf, label_of(step->kind));
        if (step->status == STEP_WAITING)
            buf_puts(buf, " (waits)");
    }
}
