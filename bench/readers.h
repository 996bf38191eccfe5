/*
 * readers.h - many readers of event streams in one thread, on one epoll.
 *
 * Each counts the events that it gets. A delta whose text begins with a number tells how late it
 * is: the fake provider writes its own time there (microseconds, CLOCK_MONOTONIC).
 */
#ifndef BENCH_READERS_H
#define BENCH_READERS_H

#include <stddef.h>
#include <stdint.h>

#include "bench/load.h"

struct readers;

/* One reader a session. Ends the program if the server refuses one. */
struct readers *readers_open(unsigned port, char (*ids)[LOAD_ID_MAX], size_t n);
void readers_close(struct readers *readers);

/* Takes what has come, and waits for more until then. */
void readers_run(struct readers *readers, int64_t until_us);

uint64_t readers_events(const struct readers *readers); /* that all have seen together */
size_t readers_begun(const struct readers *readers);    /* that have seen an event at all */
uint64_t readers_skips(const struct readers *readers);  /* "event: skipped" */

/* How late the deltas were, in milliseconds; the array is the readers'. */
double *readers_late_ms(struct readers *readers, size_t *ret_n);

#endif
