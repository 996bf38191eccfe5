/*
 * history.h - what the model is sent: wires of a journal, put together, cut to a window.
 *
 * A request holds everything before its model_started: the assistant's message, the results of all
 * its tool calls, and only then what people said meanwhile, because providers refuse anything
 * between a call and its result. So what people say waits apart until the model is asked.
 *
 * A *piece* is what must not be parted: a message of a person, or an answer with the results of all
 * its calls. history_cut() leaves the last pieces that together have at most `window` messages,
 * with these rules before that number:
 *
 *   - The turn's input is always sent. Where it is older than the pieces that are left, it stands
 *     before them.
 *   - What the model has not answered yet is always sent: the last answer, if it is of this turn,
 *     with its results, and every message of a person after it, or that no call of the model has
 *     seen.
 *   - The first message is a person's.
 *
 * What was cut once would be cut from every later request, too, so it is dropped from memory. A cut
 * depends on the journal alone: the same request comes of a history that was read from the store,
 * whole or only its end (history_has_window()).
 *
 * Threads: none; a history belongs to its session.
 */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "core/session.h"

enum { HISTORY_BYTES_MAX = 256 * 1024 * 1024 };

struct history_piece {
    uint32_t at, len; /* its text, in its line */
    uint32_t seq;     /* of the event that began it */
    uint32_t messages;
    uint8_t is_answer;
    uint8_t is_apart; /* messages that belong behind it were cut, or not read */
};

/* Wires joined by commas. The pieces are kept only with a window. */
struct history_line {
    struct buf text;
    struct history_piece *pieces;
    size_t n, cap;
};

struct history {
    struct history_line read;   /* up to the last model_started, and answers since */
    struct history_line unread; /* messages of people since then */
    uint32_t window;            /* messages; 0: no window */
    int is_too_large; /* a wire found no room in HISTORY_BYTES_MAX: there is no whole request */
};

/* Forgets all; `window` counts from here on. */
void history_reset(struct history *history, uint32_t window);
void history_release(struct history *history); /* also of a zeroed one */

/* The next event of the journal. */
void history_add(struct history *history, enum event_kind kind, uint32_t seq, struct slice wire);

/* The model is about to be asked, in this state: history->read is the request's messages. */
void history_cut(struct history *history, const struct session_state *state);

/*
 * For a history that was read from some model_started on: true if history_cut() leaves nothing of
 * what stands before it, but perhaps for the turn's input; *ret_needs_input says whether that is
 * to be added with history_add_input().
 */
int history_has_window(const struct history *history, const struct session_state *state,
                       int *ret_needs_input);
void history_add_input(struct history *history, uint32_t seq, struct slice wire);

#endif
