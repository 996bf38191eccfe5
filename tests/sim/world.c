/* world.c - time passes, processes live and die, and clients ask, until all is said and done. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/book.h"

enum {
    PEACE_MAX_MS = 2 * 24 * 3600 * 1000,
    HAND_OVER_MAX_MS = 10000, /* as the engine has it: a store that does not answer */
    DRAIN_SLACK_MS = 3000,
    SETTLE_MS = 60000,
    JUMP_MAX_MS = 3600 * 1000,
    STATS_TRIES = 100,
};

static const int64_t epoch_ms = 1790000000000; /* September 2026 */

/* ---- chance and time ---- */

uint32_t below(struct world *world, uint32_t n)
{
    return (uint32_t)random_below(&world->random, n);
}

int chance(struct world *world, uint32_t percent)
{
    return percent > 0 && below(world, 100) < percent;
}

uint32_t token(struct world *world)
{
    return ++world->tokens;
}

int64_t world_wall_ms(const struct world *world)
{
    return epoch_ms + world->mono_ms + world->wall_ahead_ms;
}

static int64_t wall(void *arg)
{
    return world_wall_ms(arg);
}

static int64_t mono(void *arg)
{
    return ((const struct world *)arg)->mono_ms;
}

struct clock world_clock(struct world *world)
{
    return (struct clock){ wall, mono, world };
}

/* A weight that is often nothing at all, and seldom much. */
static uint32_t draw(struct world *world, uint32_t most)
{
    return below(world, 3) ? below(world, most + 1) : 0;
}

static void draw_weights(struct world *world)
{
    static const uint32_t most[ACT_COUNT] = {
        [ACT_CREATE] = 30, [ACT_MESSAGE] = 20, [ACT_CANCEL] = 5,  [ACT_PAUSE] = 8,
        [ACT_RESUME] = 12, [ACT_RETRY] = 12,   [ACT_SETTLE] = 15, [ACT_DECIDE] = 30,
        [ACT_REPLAY] = 10, [ACT_CRASH] = 15,   [ACT_DRAIN] = 8,   [ACT_JUMP] = 5,
        [ACT_PATCH] = 12,  [ACT_FORK] = 6,     [ACT_ERASE] = 3,   [ACT_ANSWER] = 30,
        [ACT_SIGNAL] = 30,
    };
    struct weights *w = &world->weights;

    w->store_delay_ms = below(world, 2) ? below(world, 20) : below(world, 1500);
    w->store_refuses = draw(world, 15);
    w->store_loses = draw(world, 15);
    w->commit_survives = below(world, 101);
    w->page_rows = below(world, 2) ? 1 + below(world, 8) : 1000;
    w->model_fails = draw(world, 50);
    w->model_calls_tools = 20 + below(world, 75);
    w->model_no_usage = draw(world, 40);
    w->model_slow = draw(world, 30);
    w->model_late = draw(world, 100);
    w->model_many = draw(world, 30);
    w->model_odd = draw(world, 30);
    w->tool_fails = draw(world, 60);
    w->tool_slow = draw(world, 30);
    w->tool_late = draw(world, 100);
    w->tool_long = draw(world, 100);
    w->tool_once = below(world, 2) ? below(world, 101) : 0;
    w->tool_approval = below(world, 2) ? below(world, 101) : 0;
    w->tool_waits = below(world, 3) ? below(world, 101) : 0;
    w->config_changes = draw(world, 30);
    w->pill = below(world, 6) == 0 ? 40 : 0;
    for (size_t i = 0; i < ACT_COUNT; i++)
        w->act[i] = draw(world, most[i]);
    w->act[ACT_CREATE] += 5;
    w->pause_ms = 1 + below(world, 3) * below(world, 3000);
    w->keyed = below(world, 101);
    w->sessions_max = 1 + below(world, 8);
}

/* ---- processes ---- */

static void on_started(void *arg, const struct err *err)
{
    struct world *world = arg;

    trace(world, "engine %u has started: %s", world->process_n, err_code_name(err->code));
    if (err->code != ERR_NONE)
        world->is_crash_due = 1;
    else
        world->process = PROCESS_UP;
}

static void on_ended(void *arg, const struct store_session *row, struct slice code,
                     struct slice message)
{
    (void)message;
    if (row->status != STATUS_COMPLETED && row->status != STATUS_FAILED &&
        row->status != STATUS_CANCELLED)
        fail(arg, "the engine tells of an end with status %s", session_status_name(row->status));
    trace(arg, "engine says that %.*s ended: %s %.*s", (int)row->id.len, row->id.ptr,
          session_status_name(row->status), (int)code.len, code.ptr);
}

static void on_fatal(void *arg, const struct err *err)
{
    fail(arg, "the engine gave up: %s", err->msg);
}

static void begin(struct world *world)
{
    scene_change(world);
    world->loop = loop_new_simulated(world_clock(world));
    world->store = disk_connect(world);
    world->process = PROCESS_STARTING;
    world->process_n++;
    trace(world, "engine %u begins", world->process_n);
    const struct engine_deps deps = {
        .loop = world->loop,
        .store = world->store,
        .config = &world->scene.config,
        .models = { &world->model, &world->model },
        .formats = { &sim_format, &sim_format },
        .exec = &world->tools,
        .builtin = &world->tools,
        .random_seed = random_u64(&world->random) | 1,
        .name = "sim:1",
        .on_ended = on_ended,
        .on_fatal = on_fatal,
        .arg = world,
    };

    world->engine = engine_new(&deps);
    book_restarted(world->book);
    engine_start(world->engine, on_started, world);
}

/* All of it at once, with what is in flight. */
static void end(struct world *world)
{
    disk_cut(world);
    engine_free(TAKE(world->engine));
    models_drop(world);
    tools_drop(world);
    disk_disconnect(world);
    loop_free(TAKE(world->loop));
    world->process = PROCESS_DOWN;
    world->is_crash_due = 0;
    if (clients_waiting(world) > 0)
        fail(world, "the engine is gone, and a request was not answered");
}

static void crash(struct world *world)
{
    trace(world, "engine %u crashes", world->process_n);
    end(world);
}

static void on_drained(void *arg)
{
    ((struct world *)arg)->is_drained = 1;
}

static void drain(struct world *world)
{
    int64_t grace_ms = (int64_t)below(world, 3) * below(world, 20000);

    trace(world, "engine %u is to stop within %d ms", world->process_n, (int)grace_ms);
    world->process = PROCESS_DRAINING;
    world->is_drained = 0;
    world->is_peaceful_drain = world->is_peace;
    world->drain_until_ms = world->mono_ms + grace_ms + HAND_OVER_MAX_MS + DRAIN_SLACK_MS;
    engine_drain(world->engine, grace_ms, on_drained, world);
}

static void drained(struct world *world)
{
    trace(world, "engine %u has stopped", world->process_n);
    if (list_first(&world->calls) || list_first(&world->runs))
        fail(world, "the engine says it has stopped, and something is in flight");
    if (engine_stats(world->engine).sessions_live == 0)
        world->drained_n = world->process_n;
    else if (world->is_peaceful_drain)
        fail(world, "nothing fails, and the engine stopped with sessions in its hands");
    end(world);
}

/* ---- one thing after the other ---- */

static void jump(struct world *world)
{
    int64_t by_ms = (int64_t)below(world, 2 * JUMP_MAX_MS) - JUMP_MAX_MS;

    if (below(world, 3) == 0)
        by_ms /= 1000;
    world->wall_ahead_ms += by_ms;
    if (world_wall_ms(world) > world->latest_ms)
        world->latest_ms = world_wall_ms(world);
    trace(world, "the wall clock jumps by %lld ms", (long long)by_ms);
}

static enum act draw_act(struct world *world)
{
    uint32_t total = 0;
    uint32_t pick;

    for (size_t i = 0; i < ACT_COUNT; i++)
        total += world->weights.act[i];
    pick = below(world, total);
    for (unsigned i = 0;; i++) {
        if (pick < world->weights.act[i])
            return (enum act)i;
        pick -= world->weights.act[i];
    }
}

static void act(struct world *world)
{
    enum act what = draw_act(world);

    if (what == ACT_JUMP)
        jump(world);
    else if (world->process == PROCESS_DOWN)
        begin(world);
    else if (what == ACT_CRASH)
        crash(world);
    else if (what == ACT_DRAIN && world->process == PROCESS_UP)
        drain(world);
    else if (what != ACT_DRAIN && world->process != PROCESS_STARTING)
        client_act(world, what);
}

/* Everything that is due now; then what callbacks asked for, which cannot be done inside them. */
static void settle(struct world *world)
{
    if (world->loop)
        (void)loop_step(world->loop);
    if (world->is_crash_due)
        crash(world);
    if (world->process == PROCESS_DRAINING && world->is_drained)
        drained(world);
    else if (world->process == PROCESS_DRAINING && world->mono_ms > world->drain_until_ms)
        fail(world, "the engine does not stop");
}

/* On to the next thing, but not past until_ms. */
static void pass_time(struct world *world, int64_t until_ms)
{
    int64_t due_ms = world->loop ? loop_next_due_ms(world->loop) : -1;

    if (due_ms >= 0 && due_ms < until_ms)
        until_ms = due_ms;
    if (until_ms > world->mono_ms)
        world->mono_ms = until_ms;
    if (world_wall_ms(world) > world->latest_ms)
        world->latest_ms = world_wall_ms(world);
}

static void chaos(struct world *world)
{
    unsigned acts = 20 + below(world, 120);

    begin(world);
    while (acts-- > 0) {
        int64_t next_ms = world->mono_ms + below(world, world->weights.pause_ms + 1);

        do {
            pass_time(world, next_ms);
            settle(world);
        } while (world->mono_ms < next_ms);
        act(world);
        settle(world);
    }
}

static void until_quiet(struct world *world)
{
    int64_t end_ms = world->mono_ms + PEACE_MAX_MS;

    while (world->process != PROCESS_UP || !book_is_quiet(world->book) ||
           clients_waiting(world) > 0) {
        if (world->mono_ms >= end_ms)
            fail(world, "no end in sight, although nothing fails any more");
        if (world->process == PROCESS_DOWN)
            begin(world);
        pass_time(world, end_ms);
        settle(world);
    }
}

static void let_pass(struct world *world, int64_t ms)
{
    int64_t end_ms = world->mono_ms + ms;

    while (world->mono_ms < end_ms) {
        if (world->process == PROCESS_DOWN)
            begin(world);
        pass_time(world, end_ms);
        settle(world);
    }
}

static void peace(struct world *world)
{
    trace(world, "from here nothing fails any more");
    world->is_peace = 1;
    if (world->process == PROCESS_DRAINING)
        let_pass(world, SETTLE_MS); /* its end is checked on the way */
    if (below(world, 2)) {          /* a deploy is no failure */
        let_pass(world, below(world, SETTLE_MS / 4));
        if (world->process == PROCESS_UP)
            drain(world);
    }
    until_quiet(world);
    clients_resume_all(world);
    until_quiet(world);
    for (int i = 0; i < 8; i++) { /* what is approved may ask for more */
        clients_decide_all(world);
        until_quiet(world);
        clients_answer_all(world);
        until_quiet(world);
        clients_settle_all(world);
        until_quiet(world);
    }
    let_pass(world, SETTLE_MS);
    until_quiet(world);
}

/*
 * What the engine counts of itself must come to nothing. A timer of a turn that has ended may have
 * just brought its session in, so it gets a while.
 */
static void check_stats(struct world *world)
{
    struct engine_stats stats = { .sessions_live = 1 };

    for (int i = 0; i < STATS_TRIES && stats.sessions_live > 0; i++) {
        let_pass(world, 1000);
        stats = engine_stats(world->engine);
    }
    if (stats.sessions_live || stats.model_calls || stats.tool_runs || stats.tool_waiting)
        fail(world,
             "all is quiet, and the engine holds %zu sessions, %zu calls, %zu runs, %zu waiting",
             stats.sessions_live, stats.model_calls, stats.tool_runs, stats.tool_waiting);
}

void world_run(struct world *world, uint64_t seed, int is_loud)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->trace.is_loud = is_loud;
    random_seed(&world->random, seed);
    world->model.ops = &sim_model_ops;
    world->tools.ops = &sim_tool_ops;
    world->book = book_new(world);
    draw_weights(world);
    scene_draw(world);
    disk_open(world);
    chaos(world);
    peace(world);
    check_stats(world);
    book_check_kept(world->book);
    drain(world);
    while (world->process != PROCESS_DOWN) {
        pass_time(world, world->drain_until_ms + 1);
        settle(world);
    }
    book_close(world->book);
    clients_check(world);
    verify_all(world);
}

void world_release(struct world *world)
{
    clients_release(world);
    book_free(world->book);
    disk_close(world);
    scene_release(&world->scene);
}
