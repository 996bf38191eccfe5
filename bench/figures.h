/* figures.h - what is done with measured numbers: percentiles, and the table. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stddef.h>

/* Sorts values. The nearest-rank percentile (0 to 100) of n of them; 0 of none. */
double figures_percentile(double *values, size_t n, double percent);

/*
 * A row of the table: a target in words, and what was measured in each run. The printed figures
 * are least, median and most; of one run just the figure.
 */
enum { FIGURES_RUNS_MAX = 9 };

struct figure {
    const char *what;
    const char *target;
    const char *format; /* of one value: "%.0f/s" */
    double runs[FIGURES_RUNS_MAX];
    size_t n;
};

void figure_add(struct figure *figure, double value);
void figures_head(void);
void figure_print(const struct figure *figure);
/* A line of explanation under the row. */
void figure_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
