/*
 * text.h - numbers, times and texts as people read them. Pure.
 *
 * What comes from models, tools and users is shown through these: one line, control characters
 * and escape sequences made visible, cut where the terminal ends.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/buf.h"

enum { TEXT_SHORT_MAX = 40 };

/* "12 ms", "1.2 s", "2m 03s", "1h 02m", "3d 04h". Negative is "?". Returns text. */
const char *text_duration(char text[TEXT_SHORT_MAX], int64_t ms);
const char *text_count(char text[TEXT_SHORT_MAX], int64_t n);       /* "1,234,567" */
const char *text_dollars(char text[TEXT_SHORT_MAX], double usd);    /* "$0.0012" */
const char *text_clock(char text[TEXT_SHORT_MAX], int64_t wall_ms); /* "22:11:35", local */
const char *text_date(char text[TEXT_SHORT_MAX], int64_t wall_ms);  /* "2026-11-23 22:11:35" */

/* Milliseconds of "2026-11-23T22:11:35.042Z"; -1: it is none. */
int64_t text_read_time(struct slice text);

/* Appends one visible line of at most `chars` characters, ended by "..." if it was cut. */
void text_put_line(struct buf *buf, struct slice text, size_t chars);

/* How many columns it takes, one for each character. */
size_t text_width(struct slice text);

enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW, STYLE_CYAN };

/* Appends text in a colour, or plainly if there are none. */
void text_put_styled(struct buf *buf, int has_color, enum style style, const char *fmt, ...)
    PRINTF(4, 5);

#endif
