/* trace.c - what happened, line by line: the last lines are kept, all of them are hashed. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

void trace(struct world *world, const char *fmt, ...)
{
    struct trace *t = &world->trace;
    char *line = t->lines[t->lines_n++ % TRACE_LINES];
    int n = snprintf(line, TRACE_LINE_MAX, "%9" PRId64 " ", world->mono_ms);
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line + n, TRACE_LINE_MAX - (size_t)n, fmt, ap);
    va_end(ap);
    t->hash = t->hash * 0x100000001b3u ^ hash_stable(slice_of(line));
    if (t->is_loud)
        (void)fprintf(stderr, "%s\n", line);
}

void trace_print(const struct world *world, FILE *to)
{
    const struct trace *t = &world->trace;
    uint64_t first = t->lines_n > TRACE_LINES ? t->lines_n - TRACE_LINES : 0;

    if (t->is_loud)
        return; /* it is all there already */
    for (uint64_t i = first; i < t->lines_n; i++)
        (void)fprintf(to, "%s\n", t->lines[i % TRACE_LINES]);
}

void fail(struct world *world, const char *fmt, ...)
{
    va_list ap;

    trace_print(world, stderr);
    book_print(world->book, stderr);
    (void)fprintf(stderr, "FAIL seed %" PRIu64 ": ", world->seed);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "\nto see it again: build/tests/sim/sim %" PRIu64 "\n", world->seed);
    exit(1);
}
