/*
 * store_bench.c - ticks a second of a store, with so and so many sessions going at once.
 *
 *   store_bench sqlite:PATH [SESSIONS [SECONDS [EVENT_BYTES]]]
 *
 * SESSIONS are created first. Then, for each number of sessions in a row, that many go at once:
 * each commits a tick (one event) as soon as its last one is durable, picked at random among all
 * with `random`, and otherwise the same few, with `audited` each with a row that says who did it;
 * at last some go while a long journal is erased. It prints figures and judges nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "bench/figures.h"
#include "loop/loop.h"
#include "store/store.h"

enum { STATE_BYTES = 400, FLIGHT_MAX = 1024, WAITS_MAX = 4000000 };

struct place {
    int64_t key;
    uint64_t version;
    uint32_t seq;
};

struct flight {
    struct store_op op;
    struct store_event event;
    size_t place;
    int64_t began_us;
};

enum kind { SAME, RANDOM, AUDITED, KIND_COUNT };

static struct {
    struct loop *loop;
    struct store *store;
    struct random random;
    struct place *places;
    size_t places_n, created_n;
    struct flight flights[FLIGHT_MAX];
    size_t in_flight;
    int64_t until_us;
    uint64_t ticks;
    double *waits_us; /* of the ticks of a measurement: from submission to completion */
    enum kind kind;
    char *body;
    size_t body_bytes;
    char state[STATE_BYTES];
} bench;

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const struct err *err)
{
    (void)fprintf(stderr, "store_bench: %s\n", err->msg);
    exit(1);
}

static void fill(struct flight *flight, const struct place *place)
{
    flight->event = (struct store_event){
        .seq = place->seq + 1,
        .kind = EV_TOOL_FINISHED,
        .at_ms = 1,
        .body = { bench.body, bench.body_bytes },
    };
    flight->op.kind = STORE_COMMIT;
    flight->op.commit = (struct store_commit){
        .row = { .key = place->key,
                 .version = place->version,
                 .status = STATUS_RUNNING,
                 .is_live = 1,
                 .seq = place->seq + 1,
                 .task_seq = 1,
                 .state = { bench.state, sizeof(bench.state) } },
        .events = &flight->event,
        .events_n = 1,
    };
    flight->began_us = now_us();
}

/* ---- creation ---- */

static void create(struct flight *flight);

static void on_created(struct store_op *op, void *arg)
{
    struct flight *flight = arg;

    if (op->err.code)
        die(&op->err);
    bench.places[flight->place] = (struct place){ op->commit.row.key, op->commit.row.version, 1 };
    bench.in_flight--;
    create(flight);
    if (bench.in_flight == 0)
        loop_stop(bench.loop);
}

static void create(struct flight *flight)
{
    static const struct place nowhere;

    if (bench.created_n == bench.places_n)
        return;
    struct id id = id_make("ses_", 1700000000000 + (int64_t)bench.created_n, &bench.random);

    flight->place = bench.created_n++;
    fill(flight, &nowhere);
    flight->event.kind = EV_CREATED;
    flight->op.commit.row.id = id_slice(&id);
    flight->op.commit.row.tenant = SLICE_LIT("");
    flight->op.commit.row.agent = SLICE_LIT("support");
    flight->op.commit.row.revision = SLICE_LIT("0123456789abcdef");
    flight->op.commit.row.metadata = SLICE_LIT("{\"customer\":\"c-17\"}");
    flight->op.done = on_created;
    flight->op.arg = flight;
    /* The id must last as long as the operation: it lives in the flight's copy. */
    static struct id ids[FLIGHT_MAX];

    ids[flight - bench.flights] = id;
    flight->op.commit.row.id = id_slice(&ids[flight - bench.flights]);
    bench.in_flight++;
    store_submit(bench.store, &flight->op);
}

/* ---- ticks ---- */

static void tick(struct flight *flight);

static void on_ticked(struct store_op *op, void *arg)
{
    struct flight *flight = arg;
    struct place *place = &bench.places[flight->place];
    int64_t now = now_us();

    if (op->err.code)
        die(&op->err);
    place->version = op->commit.row.version;
    place->seq++;
    if (bench.ticks < WAITS_MAX)
        bench.waits_us[bench.ticks] = (double)(now - flight->began_us);
    bench.ticks++;
    bench.in_flight--;
    if (now < bench.until_us)
        tick(flight);
    if (bench.in_flight == 0)
        loop_stop(bench.loop);
}

/* Texts as long as those of a session's creation with a key. */
static const struct store_audit somebody = {
    .at_ms = 1790000000123,
    .actor = { "x3v9k2m4qd7h", sizeof("x3v9k2m4qd7h") - 1 },
    .actor_name = { "a program of ours", sizeof("a program of ours") - 1 },
    .address = { "192.168.100.100", sizeof("192.168.100.100") - 1 },
    .action = { "session.create", sizeof("session.create") - 1 },
    .target = { "ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002",
                sizeof("ses_0190e5c8-7b7e-7cc3-8a5d-0242ac120002") - 1 },
    .request_hash = { "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                      sizeof("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") -
                          1 },
    .outcome = { "done", sizeof("done") - 1 },
};

/* Each flight has its own stretch of the sessions, so that no two meet. */
static void tick(struct flight *flight)
{
    size_t at = (size_t)(flight - bench.flights);

    if (bench.kind == RANDOM)
        at += FLIGHT_MAX * (size_t)random_below(&bench.random, bench.places_n / FLIGHT_MAX);
    flight->place = at;
    fill(flight, &bench.places[at]);
    flight->op.audits = &somebody;
    flight->op.audits_n = bench.kind == AUDITED;
    flight->op.done = on_ticked;
    flight->op.arg = flight;
    bench.in_flight++;
    store_submit(bench.store, &flight->op);
}

static void measure(unsigned at_once, int seconds, enum kind kind)
{
    static const char *const names[] = { "same", "random", "audited" };
    struct store_stats before = store_stats(bench.store);
    int64_t began = now_us();

    bench.ticks = 0;
    bench.kind = kind;
    bench.until_us = began + seconds * INT64_C(1000000);
    for (unsigned i = 0; i < at_once; i++)
        tick(&bench.flights[i]);
    loop_run(bench.loop);

    struct store_stats after = store_stats(bench.store);
    double took_s = (double)(now_us() - began) / 1e6;
    double batches = (double)(after.batches - before.batches);
    size_t waits_n = bench.ticks < WAITS_MAX ? bench.ticks : (size_t)WAITS_MAX;
    double p50 = figures_percentile(bench.waits_us, waits_n, 50);
    double p99 = figures_percentile(bench.waits_us, waits_n, 99);

    (void)printf("%6u %-7s %9.0f/s %7.1f ticks a commit %8.0f us a commit;"
                 " a tick waited %.2f ms, p99 %.2f, at most %.1f\n",
                 at_once, names[kind], (double)bench.ticks / took_s, (double)bench.ticks / batches,
                 (double)(after.commit_us_total - before.commit_us_total) / batches, p50 / 1e3,
                 p99 / 1e3, figures_percentile(bench.waits_us, waits_n, 100) / 1e3);
    (void)fflush(stdout);
}

/* ---- beside an erasure ---- */

enum { LONG_TICKS = 100, LONG_TICK_EVENTS = 1000, PIECE_PAUSE_MS = 5, BESIDE = 64 };

static struct {
    struct store_op op;
    struct store_event events[LONG_TICK_EVENTS];
    struct loop_timer timer;
    unsigned ticks;
    unsigned pieces;
} eraser;

static void on_piece(struct store_op *op, void *arg);

static void purge(void *arg)
{
    (void)arg;
    eraser.op =
        (struct store_op){ .kind = STORE_PURGE, .purge.limit = STORE_PURGE_MAX, .done = on_piece };
    bench.in_flight++;
    store_submit(bench.store, &eraser.op);
}

static void on_piece(struct store_op *op, void *arg)
{
    (void)arg;
    if (op->err.code)
        die(&op->err);
    int has_left = op->kind == STORE_ERASE ? op->erase.has_left : op->purge.has_left;

    eraser.pieces++;
    bench.in_flight--;
    if (has_left)
        loop_timer_start(bench.loop, &eraser.timer, PIECE_PAUSE_MS, purge, NULL);
    else
        bench.until_us = 0; /* the ticks beside it end, too */
    if (!has_left && bench.in_flight == 0)
        loop_stop(bench.loop);
}

static void lengthen(void);

static void on_lengthened(struct store_op *op, void *arg)
{
    struct place *place = &bench.places[bench.places_n - 1];

    (void)arg;
    if (op->err.code)
        die(&op->err);
    place->version = op->commit.row.version;
    place->seq = op->commit.row.seq;
    if (++eraser.ticks < LONG_TICKS)
        lengthen();
    else
        loop_stop(bench.loop);
}

static void lengthen(void)
{
    const struct place *place = &bench.places[bench.places_n - 1];
    struct flight flight;

    fill(&flight, place);
    eraser.op = flight.op;
    for (uint32_t i = 0; i < LONG_TICK_EVENTS; i++) {
        eraser.events[i] = flight.event;
        eraser.events[i].seq = place->seq + 1 + i;
    }
    eraser.op.commit.row.seq = place->seq + LONG_TICK_EVENTS;
    eraser.op.commit.events = eraser.events;
    eraser.op.commit.events_n = LONG_TICK_EVENTS;
    eraser.op.done = on_lengthened;
    store_submit(bench.store, &eraser.op);
}

/* The same ticks as before, while a long journal is erased in pieces. */
static void measure_erasing(void)
{
    const struct place *place = &bench.places[bench.places_n - 1];

    lengthen();
    loop_run(bench.loop);
    eraser.op = (struct store_op){ .kind = STORE_ERASE,
                                   .erase = { .session = place->key,
                                              .version = place->version,
                                              .at_ms = 1,
                                              .limit = STORE_PURGE_MAX },
                                   .done = on_piece };
    bench.in_flight++;
    store_submit(bench.store, &eraser.op);
    measure(BESIDE, 3600, SAME);
    (void)printf("       beside the erasure of %u events in %u pieces\n", place->seq,
                 eraser.pieces);
}

int main(int argc, char **argv)
{
    static const unsigned at_once[] = { 1, 16, 64, 256, 1024 };
    struct err err = { 0 };
    size_t sessions = argc > 2 ? strtoul(argv[2], NULL, 10) : 10000;
    int seconds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 2;

    if (argc < 2 || sessions < FLIGHT_MAX || seconds < 1) {
        (void)fprintf(stderr, "usage: store_bench URL [SESSIONS>=%d [SECONDS [EVENT_BYTES]]]\n",
                      FLIGHT_MAX);
        return 2;
    }
    bench.body_bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : 1400;
    bench.body = xcalloc(1, bench.body_bytes + 16);
    memset(bench.body, 'x', bench.body_bytes);
    (void)snprintf(bench.body, bench.body_bytes, "{\"v\":1,\"t\":\"");
    bench.body[strlen(bench.body)] = 'x';
    bench.body[bench.body_bytes - 2] = '"';
    bench.body[bench.body_bytes - 1] = '}';
    bench.places = xcalloc(sessions, sizeof(*bench.places));
    bench.places_n = sessions;
    bench.waits_us = xcalloc(WAITS_MAX, sizeof(*bench.waits_us));
    random_seed(&bench.random, 1);
    if (loop_new(&bench.loop, &err) ||
        store_open(&bench.store, argv[1], STORE_OPEN_READ_WRITE, bench.loop, &err))
        die(&err);

    int64_t began = now_us();

    for (size_t i = 0; i < FLIGHT_MAX; i++)
        create(&bench.flights[i]);
    loop_run(bench.loop);
    (void)printf("%zu sessions created, %.0f/s\n", sessions,
                 (double)sessions * 1e6 / (double)(now_us() - began));
    for (int kind = SAME; kind < KIND_COUNT; kind++) {
        for (size_t i = 0; i < ARRAY_LEN(at_once); i++)
            measure(at_once[i], seconds, (enum kind)kind);
    }
    measure_erasing();
    store_close(bench.store);
    loop_free(bench.loop);
    free(bench.places);
    free(bench.waits_us);
    free(bench.body);
    return 0;
}
