/* term.h - what a stream is connected to: a person's terminal, or a pipe or file. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdio.h>

#include "cli/args.h"
#include "cli/text.h"

struct term {
    FILE *out;
    int is_tty;
    int has_color; /* a terminal, and neither --no-color nor NO_COLOR nor TERM=dumb */
    size_t width;  /* in characters; of a pipe: TERM_WIDTH */
};

enum { TERM_WIDTH = 120, TERM_WIDTH_LEAST = 40 };

struct term term_of(FILE *out, const struct args *args);

/* Writes and flushes. */
void term_put(const struct term *term, const struct buf *text);

#endif
