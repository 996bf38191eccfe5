#include "bench/figures.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double figures_percentile(double *values, size_t n, double percent)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof(*values), by_value);
    size_t rank = (size_t)((double)n * percent / 100.0 + 0.999999);

    return values[rank == 0 ? 0 : rank - 1];
}

void figure_add(struct figure *figure, double value)
{
    ASSERT(figure->n < FIGURES_RUNS_MAX);
    figure->runs[figure->n++] = value;
}

enum { WHAT_WIDTH = 58, TARGET_WIDTH = 16 };

void figures_head(void)
{
    (void)printf("%-*s  %-*s  %s\n", WHAT_WIDTH, "", TARGET_WIDTH, "target",
                 "measured (least / median / most)");
    (void)fflush(stdout);
}

/* The formats are in this folder's own code. */
static void put(char *text, size_t size, const char *format, double value)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, size, format, value);
#pragma GCC diagnostic pop
}

void figure_print(const struct figure *figure)
{
    double sorted[FIGURES_RUNS_MAX];
    char least[64], median[64], most[64];

    memcpy(sorted, figure->runs, sizeof(sorted));
    put(median, sizeof(median), figure->format, figures_percentile(sorted, figure->n, 50));
    put(least, sizeof(least), figure->format, sorted[0]);
    put(most, sizeof(most), figure->format, sorted[figure->n ? figure->n - 1 : 0]);
    (void)printf("%-*s  %-*s  ", WHAT_WIDTH, figure->what, TARGET_WIDTH, figure->target);
    if (figure->n > 1)
        (void)printf("%s / %s / %s\n", least, median, most);
    else
        (void)printf("%s\n", figure->n ? median : "-");
    (void)fflush(stdout);
}

void figure_note(const char *fmt, ...)
{
    char note[512];
    va_list ap;

    va_start(ap, fmt);
    /* clang-tidy 14 does not see the line above. */
    (void)vsnprintf(note, sizeof(note), fmt, ap); // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(ap);
    (void)printf("    %s\n", note);
    (void)fflush(stdout);
}
