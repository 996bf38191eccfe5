/*
 * main.c - `sim SEED` shows one world; `sim FIRST COUNT` tries many; `sim --twice FIRST COUNT` runs
 * each twice and compares the traces: a seed that does not replay exactly is worth nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/book.h"

enum { HASH_KEY = 1 };

/* Large, and one at a time. Shared, so that its last lines can be read when its process died. */
static struct world *world;

static uint64_t run(uint64_t seed, int is_loud)
{
    world_run(world, seed, is_loud);
    uint64_t hash = world->trace.hash;

    world_release(world);
    return hash;
}

static void run_each(uint64_t first, uint64_t count, int is_twice)
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

/* In a process of their own: an assertion of the engine ends it, and we can still say where. */
static int run_many(uint64_t first, uint64_t count, int is_twice)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        run_each(first, count, is_twice);
        exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sim");
        return 2;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    trace_print(world, stderr);
    (void)fprintf(stderr, "FAIL seed %" PRIu64 ": the process died by signal %d\n", world->seed,
                  WTERMSIG(status));
    return 1;
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
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world == MAP_FAILED) {
        perror("sim");
        return 2;
    }
    uint64_t first = number(argv[1 + is_twice]);

    log_setup(LOG_SILENT, LOG_FORMAT_TEXT); /* a trace says more */
    if (argc - is_twice == 3)
        return run_many(first, number(argv[2 + is_twice]), is_twice);
    uint64_t hash = run(first, 1);

    printf("seed %" PRIu64 ": all is well, trace %016" PRIx64 "\n", first, hash);
    return 0;
}
