/*
 * stream_bench.c - what open streams of events cost, and how late a model's words reach a reader.
 *
 * streams: one reader on each of 5,000 sessions at rest, then changes of sessions, one after the
 * other, each of which is one event and has one reader. The same changes before anybody reads say
 * what of the CPU is theirs.
 *
 * streaming: 1,500 sessions whose provider sends a chunk every 25 ms, a third of them watched. The
 * provider, pawl and the readers share the machine, so a figure here is of all of them.
 */
#include "bench/stream_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "bench/figures.h"
#include "bench/http.h"
#include "bench/load.h"
#include "bench/readers.h"

enum {
    STREAMS = 5000,
    EVENTS_A_SECOND = 100,
    QUIET_S = 5, /* changes without a reader */
    LOUD_S = 20, /* with: heartbeats come every 15 seconds */
    TALKERS = 1500,
    TALKERS_AT_ONCE = 1500,
    WATCHED = 500,
    CHUNKS = 400, /* of a session; bench/pawl.yaml says so, too */
    CHUNK_MS = 25,
};

/* ---- streams ---- */

struct changes {
    struct http http;
    char (*ids)[LOAD_ID_MAX];
    size_t next;
    uint64_t n;
};

static void change_one(struct changes *changes)
{
    char path[128], body[64];

    (void)snprintf(path, sizeof(path), "/v1/sessions/%s", changes->ids[changes->next]);
    (void)snprintf(body, sizeof(body), "{\"metadata\":{\"n\":\"%llu\"}}",
                   (unsigned long long)changes->n++);
    changes->next = (changes->next + 1) % STREAMS;
    if (http_ask(&changes->http, "PATCH", path, body) != 200)
        bench_die("a change was refused: %s", http_answer_body(&changes->http));
}

/* The CPU that pawl takes meanwhile, as a share of one core. */
static double share_of_changes(const struct process *pawl, struct changes *changes,
                               struct readers *readers, int seconds)
{
    const int64_t began_us = bench_now_us();
    const int64_t gap_us = 1000000 / EVENTS_A_SECOND;
    double cpu_ms = process_cpu_ms(pawl);
    int64_t i = 0;

    for (; i < (int64_t)seconds * EVENTS_A_SECOND; i++) {
        int64_t due_us = began_us + (i + 1) * gap_us;

        change_one(changes);
        if (readers)
            readers_run(readers, due_us);
        else if (due_us > bench_now_us())
            bench_pause_ms((int)((due_us - bench_now_us()) / 1000));
    }
    return 100 * (process_cpu_ms(pawl) - cpu_ms) * 1000 / (double)(bench_now_us() - began_us);
}

static void print_streams(const struct process *pawl, struct changes *changes, double before_kib)
{
    struct figure memory = { .what = "5,000 open streams: KiB of memory each",
                             .target = "<= 8",
                             .format = "%.1f" };
    struct figure cpu = { .what = "  100 events a second in all: % of a core",
                          .target = "< 10",
                          .format = "%.1f" };
    double quiet = share_of_changes(pawl, changes, NULL, QUIET_S);
    struct readers *readers = readers_open(pawl->port, changes->ids, STREAMS);
    uint64_t seen = readers_events(readers);

    figure_add(&memory, (process_rss_kib(pawl) - before_kib) / STREAMS);
    figure_add(&cpu, share_of_changes(pawl, changes, readers, LOUD_S));
    readers_run(readers, bench_now_us() + 200000);
    figure_print(&memory);
    figure_print(&cpu);
    figure_note("%.1f %% for the same changes without a reader; %llu of %d events were seen", quiet,
                (unsigned long long)(readers_events(readers) - seen), LOUD_S * EVENTS_A_SECOND);
    readers_close(readers);
}

void measure_streams(const struct process *provider)
{
    struct process pawl;
    struct changes changes = { .ids = xcalloc(STREAMS, sizeof(*changes.ids)) };
    struct load load = {
        .pawl = &pawl, .agent = "short", .sessions = STREAMS, .at_once = 64, .ids = changes.ids
    };

    pawl_start(&pawl, "bench.db", provider->port);
    load_run(&load);
    load_release(&load);
    http_connect(&changes.http, pawl.port);
    print_streams(&pawl, &changes, process_rss_kib(&pawl));
    http_close(&changes.http);
    process_kill(&pawl);
    bench_remove_store("bench.db");
    free(changes.ids);
}

/* ---- streaming ---- */

static void print_streaming(struct readers *readers, double took_s, double cpu_ms)
{
    struct figure p99 = {
        .what = "1,500 sessions of 40 chunks a second, 500 watched: ms, p99",
        .target = "< 10",
        .format = "%.1f",
    };
    struct figure p50 = { .what = "  p50", .target = "", .format = "%.1f" };
    struct figure cpu = { .what = "  pawl's CPU, us a chunk", .target = "", .format = "%.1f" };
    size_t n = 0;
    double *late_ms = readers_late_ms(readers, &n);

    figure_add(&p99, figures_percentile(late_ms, n, 99));
    figure_add(&p50, figures_percentile(late_ms, n, 50));
    figure_add(&cpu, cpu_ms * 1000 / ((double)TALKERS * CHUNKS));
    figure_print(&p99);
    figure_print(&p50);
    figure_print(&cpu);
    figure_note("from the provider's chunk to the reader; %zu deltas seen, %llu streams skipped "
                "some; all was said in %.1f s of at least %.1f",
                n, (unsigned long long)readers_skips(readers), took_s,
                (double)CHUNKS * CHUNK_MS / 1000);
}

void measure_streaming(const struct process *provider)
{
    struct process pawl;
    char(*ids)[LOAD_ID_MAX] = xcalloc(TALKERS, sizeof(*ids));
    struct load load = { .pawl = &pawl,
                         .agent = "talker",
                         .sessions = TALKERS,
                         .at_once = TALKERS_AT_ONCE,
                         .is_start_only = 1,
                         .ids = ids };

    pawl_start(&pawl, "bench.db", provider->port);
    double cpu_ms = process_cpu_ms(&pawl);
    int64_t began_us = bench_now_us();

    load_run(&load);
    load_release(&load);
    struct readers *readers = readers_open(pawl.port, ids, WATCHED);

    while (pawl.turns_ended < TALKERS && pawl.turns_failed == 0) {
        readers_run(readers, bench_now_us() + 20000);
        pawl_read_log(&pawl);
    }
    print_streaming(readers, (double)(bench_now_us() - began_us) / 1e6,
                    process_cpu_ms(&pawl) - cpu_ms);
    readers_close(readers);
    process_kill(&pawl);
    bench_remove_store("bench.db");
    free(ids);
}
