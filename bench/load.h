/* load.h - many sessions of one agent, so many of them at a time, until the last has ended. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/process.h"

enum { LOAD_ID_MAX = 48 };

struct load {
    struct process *pawl;
    const char *agent;
    size_t sessions;
    size_t at_once;           /* sessions that have begun and not ended; 0: all of them */
    int is_start_only;        /* does not wait for the ends */
    char (*ids)[LOAD_ID_MAX]; /* NULL, or room for the id of each, in the order of their answers */

    /* out */
    double took_s;
    double cpu_ms;    /* of pawl */
    double *posts_us; /* from each POST to its 201; freed by load_release() */
};

/* Ends the program when a turn fails or nothing ends for 30 seconds. */
void load_run(struct load *load);
void load_release(struct load *load);

#endif
