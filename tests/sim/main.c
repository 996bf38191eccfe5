/*
 * main.c - `sim SEED` shows one world; `sim FIRST COUNT` tries many; `sim --twice FIRST COUNT` runs
 * each twice and compares the traces: a seed that does not replay exactly is worth nothing.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/book.h"

enum { HASH_KEY = 1 };

static struct world world; /* large, and one at a time */

/* An assertion of the engine's: say which world it was. */
static void on_abort(int signum)
{
    (void)signal(signum, SIG_DFL);
    trace_print(&world, stderr);
    (void)fprintf(stderr, "FAIL seed %" PRIu64 ": the process died\n", world.seed);
    (void)raise(signum);
}

static uint64_t run(uint64_t seed, int is_loud)
{
    world_run(&world, seed, is_loud);
    uint64_t hash = world.trace.hash;

    world_release(&world);
    return hash;
}

static void run_many(uint64_t first, uint64_t count, int is_twice)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = run(seed, 0);

        if (is_twice && run(seed, 0) != hash) {
            (void)fprintf(stderr, "FAIL seed %" PRIu64 ": it does not replay\n", seed);
            exit(1);
        }
    }
    printf("%" PRIu64 " worlds, all is well\n", count);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (*text == 0 || *end != 0) {
        (void)fprintf(stderr, "sim: '%s' is no number\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    int is_twice = argc > 1 && strcmp(argv[1], "--twice") == 0;

    if (argc - is_twice < 2 || argc - is_twice > 3) {
        (void)fprintf(stderr, "usage: sim SEED | sim [--twice] FIRST COUNT\n");
        return 2;
    }
    hash_fix_key(HASH_KEY); /* the order of a map is part of what must replay */
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGSEGV, on_abort);
    uint64_t first = number(argv[1 + is_twice]);

    if (argc - is_twice == 3) {
        run_many(first, number(argv[2 + is_twice]), is_twice);
        return 0;
    }
    uint64_t hash = run(first, 1);

    printf("seed %" PRIu64 ": all is well, trace %016" PRIx64 "\n", first, hash);
    return 0;
}
