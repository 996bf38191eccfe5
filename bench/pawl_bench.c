/*
 * pawl_bench.c - the figures of a running pawl, each beside its target. Nothing is judged.
 *
 *   pawl_bench FOLDER [NAME...]
 *
 * FOLDER holds the stores while it runs. A NAME picks one of `measurements` below. Each starts
 * build/pawl (or what PAWL names) with an empty store, and the fake provider beside it, on the same
 * machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/attr.h"
#include "bench/figures.h"
#include "bench/fill.h"
#include "bench/http.h"
#include "bench/load.h"
#include "bench/stream_bench.h"

enum {
    STEPS = 7, /* of a session: four model calls and three tool calls */
    WARM_UP = 500,
    RUNS = 3,
    BUSY_SESSIONS = 6000,
    BUSY_AT_ONCE = 256,
    ALONE_SESSIONS = 600,
    WAITING_MAX = 10000,
    OTHER_DESCRIPTORS = 1000, /* of pawl, beside its calls in flight and its clients */
    AT_REST = 1000000,
    REST_SESSIONS = 2000,
};

static struct process provider;
static size_t waiting_n; /* as many as the system has descriptors for */

static void provider_ask(const char *method, const char *path, struct http *ret_answer)
{
    http_connect(ret_answer, provider.port);
    (void)http_ask(ret_answer, method, path, "");
    http_close(ret_answer);
}

static void provider_reset(void)
{
    struct http answer;

    provider_ask("POST", "/reset", &answer);
}

static double provider_stat(const char *name)
{
    struct http answer;

    provider_ask("GET", "/stats", &answer);
    return http_json_number(http_answer_body(&answer), name);
}

static void begin(struct process *pawl, const char *store)
{
    pawl_start(pawl, store, provider.port);
}

static void finish(struct process *pawl, const char *store)
{
    process_kill(pawl);
    bench_remove_store(store);
}

static void warm_up(struct process *pawl, const char *agent)
{
    struct load load = { .pawl = pawl, .agent = agent, .sessions = WARM_UP, .at_once = 64 };

    load_run(&load);
    load_release(&load);
}

/* ---- many sessions at once ---- */

static void measure_busy_agent(const char *agent, const char *rate, const char *cpu,
                               struct figure *posts)
{
    struct figure steps = { .what = rate, .target = ">= 12000 (20000)", .format = "%.0f" };
    struct figure cost = { .what = cpu, .target = "<= 0.08 (0.05)", .format = "%.4f" };
    struct process pawl;

    begin(&pawl, "bench.db");
    warm_up(&pawl, agent);
    for (int i = 0; i < RUNS; i++) {
        struct load load = {
            .pawl = &pawl, .agent = agent, .sessions = BUSY_SESSIONS, .at_once = BUSY_AT_ONCE
        };
        double n = (double)BUSY_SESSIONS * STEPS;

        load_run(&load);
        figure_add(&steps, n / load.took_s);
        figure_add(&cost, load.cpu_ms / n);
        figure_add(posts, figures_percentile(load.posts_us, load.sessions, 99) / 1000);
        load_release(&load);
    }
    finish(&pawl, "bench.db");
    figure_print(&steps);
    figure_print(&cost);
}

static void measure_busy(void)
{
    struct figure posts = { .what = "  a session is created and durable, ms, p99",
                            .target = "",
                            .format = "%.1f" };
    struct figure scripted_posts = posts;

    measure_busy_agent("fast", "256 sessions at once: durable steps a second",
                       "  pawl's CPU, ms a step", &posts);
    figure_print(&posts);
    measure_busy_agent("scripted", "the same with a scripted model: steps a second",
                       "  pawl's CPU, ms a step", &scripted_posts);
}

/* ---- one session at a time ---- */

/* From an answer to the next question there are two steps: the answer's and the tool's. */
static void measure_alone(void)
{
    struct figure p50 = { .what = "one session at a time: overhead of a step, ms, p50",
                          .target = "< 0.35",
                          .format = "%.3f" };
    struct figure p99 = { .what = "  p99", .target = "< 2", .format = "%.3f" };
    struct process pawl;

    begin(&pawl, "bench.db");
    warm_up(&pawl, "fast");
    for (int i = 0; i < RUNS; i++) {
        struct load load = {
            .pawl = &pawl, .agent = "fast", .sessions = ALONE_SESSIONS, .at_once = 1
        };

        provider_reset();
        load_run(&load);
        figure_add(&p50, provider_stat("gap_us_p50") / 2000);
        figure_add(&p99, provider_stat("gap_us_p99") / 2000);
        load_release(&load);
    }
    finish(&pawl, "bench.db");
    figure_print(&p50);
    figure_print(&p99);
}

/* ---- ten thousand that wait, and a kill amid them ---- */

/* Looks until so many calls are in flight at the provider, or as many as there will be. */
static double watch_in_flight(const struct process *pawl, double *ret_rss_kib)
{
    double most = 0;

    for (int i = 0; i < 400 && most < (double)waiting_n; i++) {
        double now = provider_stat("in_flight");

        if (now >= most) {
            most = now;
            *ret_rss_kib = process_rss_kib(pawl);
        }
        bench_pause_ms(10);
    }
    return most;
}

static void start_waiting(struct process *pawl)
{
    struct load load = { .pawl = pawl, .agent = "slow", .sessions = waiting_n, .is_start_only = 1 };

    load_run(&load);
    load_release(&load);
}

static void measure_waiting(void)
{
    struct figure memory = { .what = "10,000 sessions wait for a model: KiB of memory each",
                             .target = "<= 16",
                             .format = "%.1f" };
    struct process pawl;
    double before, rss = 0;

    begin(&pawl, "bench.db");
    warm_up(&pawl, "scripted"); /* the store's cache is filled by any load */
    provider_reset();
    before = process_rss_kib(&pawl);
    start_waiting(&pawl);
    double most = watch_in_flight(&pawl, &rss);

    figure_add(&memory, (rss - before) / most);
    figure_print(&memory);
    figure_note("%.0f calls in flight; the process has %.0f MiB, had %.0f before", most, rss / 1024,
                before / 1024);
    finish(&pawl, "bench.db");
}

static void measure_kill(void)
{
    struct figure moved = { .what = "kill -9 with 10,000 in flight: s from start until all move",
                            .target = "<= 2",
                            .format = "%.2f" };
    struct figure ready = { .what = "  of it until it is ready", .target = "", .format = "%.2f" };
    struct process pawl;
    double rss = 0;

    begin(&pawl, "bench.db");
    provider_reset();
    start_waiting(&pawl);
    double most = watch_in_flight(&pawl, &rss);

    process_kill(&pawl);
    provider_reset();
    int64_t began_us = bench_now_us();

    begin(&pawl, "bench.db");
    while (provider_stat("requests") < (double)waiting_n && bench_now_us() - began_us < 30000000) {
        pawl_read_log(&pawl);
        bench_pause_ms(5);
    }
    figure_add(&moved, (double)(bench_now_us() - began_us) / 1e6);
    figure_add(&ready, (double)pawl.ready_us / 1e6);
    figure_print(&moved);
    figure_print(&ready);
    figure_note("%.0f calls were in flight at the kill; %.0f were asked again", most,
                provider_stat("requests"));
    finish(&pawl, "bench.db");
}

/* ---- a million at rest ---- */

static void add_cost(struct process *pawl, struct figure *cpu, struct figure *wall)
{
    struct load load = {
        .pawl = pawl, .agent = "scripted", .sessions = REST_SESSIONS, .at_once = 64
    };

    load_run(&load);
    figure_add(cpu, load.cpu_ms / REST_SESSIONS);
    figure_add(wall, load.took_s * 1000 / REST_SESSIONS);
    load_release(&load);
}

static void make_full_store(void)
{
    struct process pawl;
    struct load load = { .pawl = &pawl, .agent = "short", .sessions = 1 };
    char path[PATH_MAX];
    int64_t began_us = bench_now_us();

    begin(&pawl, "full.db");
    load_run(&load);
    load_release(&load);
    process_stop(&pawl);
    bench_path(path, "full.db");
    fill_store(path, AT_REST);
    figure_note("a million sessions were written in %.0f s",
                (double)(bench_now_us() - began_us) / 1e6);
}

/* In turn, so that what else the machine does falls on both. */
static void compare(struct process *full)
{
    struct figure cpu[2] = { { .format = "%.3f" }, { .format = "%.3f" } };
    struct figure wall[2] = { { .format = "%.3f" }, { .format = "%.3f" } };
    struct figure ratio = { .what = "  a new session's CPU, by that in an empty store",
                            .target = "<= 1.2",
                            .format = "%.2f" };
    struct figure ratio_wall = { .what = "  a new session's time, by that in an empty store",
                                 .target = "<= 1.2",
                                 .format = "%.2f" };
    struct process empty;

    begin(&empty, "empty.db");
    for (int i = -1; i < RUNS; i++) { /* the first warms up */
        cpu[0].n = cpu[1].n = wall[0].n = wall[1].n = 0;
        add_cost(full, &cpu[0], &wall[0]);
        add_cost(&empty, &cpu[1], &wall[1]);
        if (i < 0)
            continue;
        figure_add(&ratio, cpu[0].runs[0] / cpu[1].runs[0]);
        figure_add(&ratio_wall, wall[0].runs[0] / wall[1].runs[0]);
    }
    finish(&empty, "empty.db");
    figure_print(&ratio);
    figure_print(&ratio_wall);
}

static void measure_rest(void)
{
    struct figure memory = { .what = "1,000,000 sessions at rest: MiB of the process",
                             .target = "< 64",
                             .format = "%.1f" };
    struct figure ready = { .what = "  s until it is ready", .target = "<= 2", .format = "%.2f" };
    struct process pawl;

    make_full_store();
    for (int i = 0; i < RUNS; i++) {
        begin(&pawl, "full.db");
        figure_add(&ready, (double)pawl.ready_us / 1e6);
        bench_pause_ms(500); /* what it does beside being ready, it does now */
        figure_add(&memory, process_rss_kib(&pawl) / 1024);
        if (i + 1 < RUNS)
            process_kill(&pawl);
    }
    figure_print(&memory);
    figure_print(&ready);
    compare(&pawl);
    finish(&pawl, "full.db");
}

/* ---- a long journal ---- */

static void measure_journal(void)
{
    struct figure late = { .what = "a tick at event 10,000, by one at event 10",
                           .target = "<= 1.2",
                           .format = "%.1f" };
    struct process pawl;
    struct load load = { .pawl = &pawl, .agent = "long", .sessions = 1 };

    begin(&pawl, "bench.db");
    warm_up(&pawl, "fast");
    provider_reset();
    load_run(&load);
    load_release(&load);
    double first = provider_stat("first_gap_us_p50"), last = provider_stat("last_gap_us_p50");

    figure_add(&late, last / first);
    figure_print(&late);
    figure_note("%.3f and %.3f ms from an answer to the next question, of 100 each", first / 1000,
                last / 1000);
    finish(&pawl, "bench.db");
}

/* ---- streams ---- */

static void streams(void)
{
    measure_streams(&provider);
}

static void streaming(void)
{
    measure_streaming(&provider);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*run)(void);
} measurements[] = {
    { "busy", measure_busy },       { "alone", measure_alone }, { "waiting", measure_waiting },
    { "journal", measure_journal }, { "kill", measure_kill },   { "rest", measure_rest },
    { "streams", streams },         { "streaming", streaming },
};

static int is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return 1;
    }
    return argc <= 2;
}

/* Each call in flight needs a descriptor, here and in what is started from here. */
static void raise_descriptors(void)
{
    struct rlimit limit = { .rlim_cur = 65536, .rlim_max = 65536 };

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
            bench_die("getrlimit");
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            bench_die("setrlimit");
    }
    /* pawl keeps half of what it has for clients */
    waiting_n = (limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
    if (waiting_n > WAITING_MAX)
        waiting_n = WAITING_MAX;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: pawl_bench FOLDER [NAME...]\n");
        return 2;
    }
    bench_folder_set(argv[1]);
    raise_descriptors();
    provider_start(&provider);
    figures_head();
    for (size_t i = 0; i < ARRAY_LEN(measurements); i++) {
        if (is_wanted(measurements[i].name, argc, argv))
            measurements[i].run();
    }
    process_kill(&provider);
    return 0;
}
