/*
 * timeline.h - a session's journal as lines that a person can read. Pure.
 *
 * Fed with events as the API gives them. `show` prints the whole, in the order in which things
 * began: one entry for each try of a step, and marks between them (what was said, pauses, a server
 * that died). `run` prints an entry when its try ends.
 */
#ifndef CLI_TIMELINE_H
#define CLI_TIMELINE_H

#include "api/steps.h"
#include "base/json.h"

struct timeline_mark {
    int64_t at_ms;
    int is_end;  /* after the tries of the same moment, else before them */
    char *label; /* "input", "paused", ...; NULL: a line across */
    char *text;
};

struct timeline {
    struct steps steps;
    struct timeline_mark *marks;
    size_t marks_n, marks_cap;
    int64_t first_ms; /* of the first event; 0: none yet */
    int64_t last_ms;
    uint32_t seq;    /* of the last event */
    int is_ended;    /* the last event that matters ended a turn */
    int has_restart; /* the last event was an interruption: others of that time join its mark */
};

struct timeline_style {
    int has_color;
    size_t width;
};

void timeline_init(struct timeline *timeline);
void timeline_release(struct timeline *timeline);

/* One event of `data` in the answer of GET .../events. One that is none is left out. */
void timeline_add(struct timeline *timeline, const struct json *event);

/* Everything, in order. */
void timeline_put(struct buf *buf, const struct timeline *timeline,
                  const struct timeline_style *style);

/* The try of an event that ended one, as an entry; nothing for other events. */
void timeline_put_ended(struct buf *buf, const struct timeline *timeline, const struct json *event,
                        const struct timeline_style *style);

/* The marks from the n-th on. */
void timeline_put_marks(struct buf *buf, const struct timeline *timeline, size_t from,
                        const struct timeline_style *style);

/* What is under way: "model, largest"; empty if nothing is. */
void timeline_put_open(struct buf *buf, const struct timeline *timeline);

#endif
