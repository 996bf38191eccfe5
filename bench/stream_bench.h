/* stream_bench.h - the figures of open event streams; see stream_bench.c. */
#ifndef BENCH_STREAM_BENCH_H
#define BENCH_STREAM_BENCH_H

#include "bench/process.h"

void measure_streams(const struct process *provider);
void measure_streaming(const struct process *provider);

#endif
