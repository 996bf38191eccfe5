#include "engine/history.h"

#include <stdlib.h>

enum { NOWHERE = -1 };

/* ---- lines of pieces ---- */

static void line_clear(struct history_line *line)
{
    buf_release(&line->text);
    line->text.max = HISTORY_BYTES_MAX;
    line->n = 0;
}

static void line_push(struct history_line *line, const struct history_piece *piece)
{
    if (line->n == line->cap) {
        line->cap = line->cap > 0 ? line->cap * 2 : 8;
        line->pieces = xrealloc(line->pieces, line->cap * sizeof(*line->pieces));
    }
    line->pieces[line->n++] = *piece;
}

/* Behind what is there; returns where it begins. */
static uint32_t join(struct buf *to, struct slice wire)
{
    if (to->len > 0)
        buf_puts(to, ",");
    uint32_t at = (uint32_t)to->len;

    buf_put(to, wire);
    return at;
}

void history_reset(struct history *history, uint32_t window)
{
    line_clear(&history->read);
    line_clear(&history->unread);
    history->window = window;
    history->is_too_large = 0;
}

void history_release(struct history *history)
{
    history_reset(history, 0);
    free(TAKE(history->read.pieces));
    free(TAKE(history->unread.pieces));
    history->read.cap = 0;
    history->unread.cap = 0;
}

/* ---- adding ---- */

/* Both lines count, as one will be put behind the other. */
static int has_room(struct history *history, struct slice wire)
{
    size_t held = history->read.text.len + history->unread.text.len;

    if (held + wire.len + 2 <= HISTORY_BYTES_MAX)
        return 1;
    history->is_too_large = 1;
    return 0;
}

/* A wire is JSON objects, parted by commas: its messages are the braces that nothing holds. */
static uint32_t messages_of(struct slice wire)
{
    uint32_t n = 0;
    unsigned depth = 0;
    int is_text = 0;

    for (size_t i = 0; i < wire.len; i++) {
        char c = wire.ptr[i];

        if (is_text && c == '\\')
            i++;
        else if (c == '"')
            is_text = !is_text;
        else if (!is_text && c == '{')
            n += depth++ == 0;
        else if (!is_text && c == '}' && depth > 0)
            depth--;
    }
    return n;
}

/* Only these wires may hold several messages: with the results of calls that have no other. */
static uint32_t count(enum event_kind kind, struct slice wire)
{
    return kind == EV_MODEL_ANSWERED || kind == EV_TURN_ENDED || kind == EV_CANCELLED ||
                   kind == EV_FORKED
               ? messages_of(wire)
               : 1;
}

/* What people said is behind all answers from here on. */
static void take_unread(struct history *history)
{
    struct history_line *unread = &history->unread;

    if (unread->text.len == 0)
        return;
    uint32_t at = join(&history->read.text, buf_slice(&unread->text));

    for (size_t i = 0; i < unread->n; i++) {
        struct history_piece piece = unread->pieces[i];

        piece.at += at;
        line_push(&history->read, &piece);
    }
    buf_clear(&unread->text);
    unread->n = 0;
}

void history_add(struct history *history, enum event_kind kind, uint32_t seq, struct slice wire)
{
    int is_persons = kind == EV_CREATED || kind == EV_MESSAGE;
    struct history_line *line = is_persons ? &history->unread : &history->read;

    if (kind == EV_MODEL_STARTED) {
        take_unread(history);
        return;
    }
    if (wire.len == 0 || !has_room(history, wire))
        return;
    uint32_t at = join(&line->text, wire);

    if (history->window == 0)
        return;
    if (is_persons || kind == EV_MODEL_ANSWERED || line->n == 0) {
        line_push(line, &(struct history_piece){ .at = at,
                                                 .len = (uint32_t)wire.len,
                                                 .seq = seq,
                                                 .messages = count(kind, wire),
                                                 .is_answer = !is_persons });
        return;
    }
    struct history_piece *answer = &line->pieces[line->n - 1];

    answer->len = at + (uint32_t)wire.len - answer->at;
    answer->messages += count(kind, wire);
}

void history_add_input(struct history *history, uint32_t seq, struct slice wire)
{
    struct history_line *line = &history->read;
    struct buf text = { .max = HISTORY_BYTES_MAX };
    struct history_piece input = {
        .len = (uint32_t)wire.len, .seq = seq, .messages = 1, .is_apart = 1
    };

    if (wire.len == 0 || !has_room(history, wire))
        return;
    buf_put(&text, wire);
    if (line->text.len > 0)
        (void)join(&text, buf_slice(&line->text));
    buf_release(&line->text);
    line->text = text;
    line_push(line, &input);
    for (size_t i = line->n - 1; i > 0; i--) {
        line->pieces[i] = line->pieces[i - 1];
        line->pieces[i].at += input.len + 1;
    }
    line->pieces[0] = input;
}

/* ---- cutting ---- */

/* The places of pieces in history->read that decide a cut, or NOWHERE. */
struct marks {
    int64_t input;  /* of this turn */
    int64_t answer; /* the last one */
    int64_t unread; /* the first message of a person that no call of the model has seen */
};

static struct marks marks_of(const struct history_line *line, const struct session_state *state)
{
    struct marks marks = { NOWHERE, NOWHERE, NOWHERE };

    for (size_t i = line->n; i-- > 0;) {
        const struct history_piece *piece = &line->pieces[i];

        if (piece->is_answer && marks.answer == NOWHERE)
            marks.answer = (int64_t)i;
        if (!piece->is_answer && piece->seq == state->turn_seq)
            marks.input = (int64_t)i;
        if (!piece->is_answer && state->unread > 0 && piece->seq >= state->unread_seq)
            marks.unread = (int64_t)i;
    }
    return marks;
}

/*
 * From this piece on all must be sent. After the last answer there are only messages of people: an
 * answer of a former turn is not needed with them.
 */
static int64_t must_from(const struct marks *marks)
{
    int64_t from = marks->answer > marks->input ? marks->answer : marks->answer + 1;

    return marks->unread != NOWHERE && marks->unread < from ? marks->unread : from;
}

/* The first piece that is sent, but for the turn's input. */
static size_t cut_at(const struct history *history, const struct marks *marks)
{
    const struct history_line *line = &history->read;
    int64_t from = must_from(marks);
    uint64_t messages = from > marks->input && marks->input != NOWHERE ? 1 : 0;

    for (size_t i = (size_t)from; i < line->n; i++)
        messages += line->pieces[i].messages;
    while (from > 0 && !line->pieces[from - 1].is_apart) {
        if (from - 1 != marks->input) /* that one is counted already */
            messages += line->pieces[from - 1].messages;
        if (messages > history->window)
            break;
        from--;
    }
    while (from < marks->input && line->pieces[from].is_answer)
        from++; /* a person's message is first */
    return (size_t)from;
}

/* Only these stay, moved to the front: [0, kept) and [from, n). */
static void drop_between(struct history_line *line, size_t kept, size_t from)
{
    char *text = line->text.data;
    uint32_t front = kept > 0 ? line->pieces[kept - 1].at + line->pieces[kept - 1].len : 0;
    uint32_t at = kept > 0 ? front + 1 : 0; /* a comma is between them */
    uint32_t shift = line->pieces[from].at - at;

    memmove(text + at, text + at + shift, line->text.len - at - shift);
    buf_cut(&line->text, line->text.len - shift);
    for (size_t i = from; i < line->n; i++) {
        line->pieces[kept + i - from] = line->pieces[i];
        line->pieces[kept + i - from].at -= shift;
    }
    line->n -= from - kept;
}

void history_cut(struct history *history, const struct session_state *state)
{
    struct history_line *line = &history->read;

    take_unread(history);
    if (history->window == 0 || line->n == 0)
        return;
    struct marks marks = marks_of(line, state);
    size_t from = cut_at(history, &marks);
    int has_input = marks.input != NOWHERE && (size_t)marks.input < from;

    if (has_input && marks.input > 0) {
        drop_between(line, 0, (size_t)marks.input);
        from -= (size_t)marks.input;
    }
    if (has_input && from > 1)
        line->pieces[0].is_apart = 1;
    if (from > (size_t)has_input)
        drop_between(line, (size_t)has_input, from);
}

static int has_message(const struct history *history, uint32_t seq)
{
    const struct history_line *lines[] = { &history->read, &history->unread };

    for (size_t k = 0; k < ARRAY_LEN(lines); k++)
        for (size_t i = 0; i < lines[k]->n; i++)
            if (!lines[k]->pieces[i].is_answer && lines[k]->pieces[i].seq == seq)
                return 1;
    return 0;
}

int history_has_window(const struct history *history, const struct session_state *state,
                       int *ret_needs_input)
{
    uint64_t messages = history->unread.n;
    int has_answer = 0;

    for (size_t i = 0; i < history->read.n; i++) {
        messages += history->read.pieces[i].messages;
        has_answer |= history->read.pieces[i].is_answer;
    }
    *ret_needs_input = !has_message(history, state->turn_seq);
    return has_answer && messages >= history->window &&
           (state->unread == 0 || has_message(history, state->unread_seq));
}
