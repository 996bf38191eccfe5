/* fill.h - a store with a million sessions at rest, in the time that writing them takes. */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include <stddef.h>

/*
 * Copies the newest session of the store `copies` times, journal and all, through the store's
 * interface. No server may have it open. Ends the program when it fails.
 */
void fill_store(const char *path, size_t copies);

#endif
