/* tool_sim.c - tools that end in every way there is. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

struct sim_run {
    struct link link; /* world->runs */
    struct world *world;
    struct tool_run *run;
    struct loop_timer timer;
    struct given_result result;
    char whole[OUTPUT_WHOLE_MAX + 1]; /* its output, if it is a long one */
    int is_stopped;
};

enum { EXIT_TRY_AGAIN = 75 };

static void draw_failure(struct sim_run *s)
{
    struct world *world = s->world;

    switch (below(world, 6)) {
    case 0: s->result.status = EXIT_TRY_AGAIN; return;
    case 1: s->result.end = TOOL_SIGNALLED; break;
    case 2: s->result.end = TOOL_TIMED_OUT; break;
    case 3: s->result.end = TOOL_LOST; break;
    case 4: s->result.end = TOOL_NOT_STARTED; break;
    default: s->result.status = 1 + (int)below(world, 5); return;
    }
    s->result.status = s->result.end == TOOL_SIGNALLED ? 9 : 0;
    if (s->result.end == TOOL_NOT_STARTED)
        s->result.err = below(world, 2) ? ERR_UNAVAILABLE : ERR_NOT_FOUND;
    if (s->result.end == TOOL_LOST)
        s->result.err = ERR_UNAVAILABLE;
}

/* A reconcile command: it happened, it did not, or that cannot be told. */
static void draw_look(struct sim_run *s)
{
    struct world *world = s->world;

    s->result.is_look = 1;
    switch (below(world, 6)) {
    case 0:
    case 1: return;
    case 2:
    case 3: s->result.status = EXIT_TRY_AGAIN; return;
    case 4: s->result.status = 1 + (int)below(world, 5); return;
    default: s->result.end = below(world, 2) ? TOOL_TIMED_OUT : TOOL_NOT_STARTED; return;
    }
}

const struct tool_run *sim_run_of(struct link *link)
{
    return CONTAINER_OF(link, struct sim_run, link)->run;
}

static void run_free(struct sim_run *s)
{
    loop_timer_stop(s->world->loop, &s->timer);
    free(s);
}

static struct slice output_of(struct sim_run *s)
{
    if (s->result.bytes == 0)
        return slice_of(s->result.output);
    sim_output(s->whole, s->result.output, s->result.bytes);
    return slice_of(s->whole);
}

static void on_time(void *arg)
{
    struct sim_run *s = arg;
    struct tool_run *run = s->run;
    struct slice output = output_of(s);

    run->result = (struct tool_result){ .end = s->result.end,
                                        .status = s->result.status,
                                        .output = output,
                                        .output_bytes = output.len,
                                        .started_at_ms = 1,
                                        .duration_ms = 1 };
    if (s->result.err != ERR_NONE)
        (void)err_set(&run->result.err, s->result.err, "the sim says so");
    s->result.is_stopped = s->is_stopped;
    book_result(s->world->book, &s->result);
    list_remove(&s->world->runs, &s->link);
    run->done(run, run->arg);
    run_free(s);
}

static void start(struct tool_runner *runner, struct tool_run *run)
{
    struct world *world = CONTAINER_OF(runner, struct world, tools);
    int is_look = book_is_look(run);
    struct book_session *session =
        is_look ? book_looked(world->book, run) : book_ran(world->book, run);
    struct sim_run *s = xcalloc(1, sizeof(*s));
    int64_t delay_ms = below(world, 1500);

    s->world = world;
    s->run = run;
    s->result = (struct given_result){
        .session = session->index, .call = run->call, .attempt = run->attempt, .end = TOOL_EXITED
    };
    (void)snprintf(s->result.output, TOKEN_MAX, "o%u", token(world));
    if (!is_look && chance(world, world->weights.tool_long))
        s->result.bytes = OUTPUT_MODEL_MAX + 1 + below(world, OUTPUT_WHOLE_MAX - OUTPUT_MODEL_MAX);
    if (is_look)
        draw_look(s);
    else if (!world->is_peace && chance(world, world->weights.tool_fails))
        draw_failure(s);
    if (chance(world, world->weights.tool_slow))
        delay_ms += below(world, 30000);
    run->runner_slot = s;
    list_add(&world->runs, &s->link);
    loop_timer_start(world->loop, &s->timer, delay_ms, on_time, s);
    if (session->is_pill && below(world, 2))
        world->is_crash_due = 1;
}

static void stop(struct tool_runner *runner, struct tool_run *run)
{
    struct world *world = CONTAINER_OF(runner, struct world, tools);
    struct sim_run *s = run->runner_slot;

    if (s->is_stopped)
        return;
    s->is_stopped = 1;
    trace(world, "tool   ses%u call %u attempt %u is stopped", s->result.session, s->result.call,
          s->result.attempt);
    if (!chance(world, world->weights.tool_late))
        s->result.end = TOOL_STOPPED;
    loop_timer_start(world->loop, &s->timer, below(world, 100), on_time, s);
}

const struct tool_runner_ops sim_tool_ops = { .start = start, .stop = stop };

void tools_drop(struct world *world)
{
    for (struct link *at = list_first(&world->runs), *next; at; at = next) {
        next = at->next;
        list_remove(&world->runs, at);
        run_free(CONTAINER_OF(at, struct sim_run, link));
    }
}
