/*
 * suspects.c - sessions under which the process died three times in a row.
 *
 * One of them may be what kills it; most of them were only there, too, when somebody killed it. So
 * a process begins without them. If it dies nevertheless, none of those that were held back did
 * that: the next process clears them (suspects_crash_seen()). If it lives for a while they run, one
 * at a time, so that a crash is blamed on one; a recorded answer clears it, too.
 */
#include <stdlib.h>

#include "base/map.h"
#include "engine/engine_internal.h"

/* How long a process must have lived: longer for one that has been run alone before. */
enum { CALM_MS = 10000, CALM_AGAIN_MS = 60000 };

struct suspect {
    struct suspect *next; /* in line */
    struct id session;
    uint32_t crashes;
    int was_lost; /* it was in flight when the former process died */
    int is_in_line;
    int is_cleared; /* its input is on the way */
};

struct suspects {
    struct engine *engine;
    struct map *known; /* session -> struct suspect: those that this process has met */
    struct live *running;
    struct suspect *first;
    struct suspect **last;
    struct loop_timer timer; /* nobody runs, and the process has not lived for long enough */
    int is_crash_seen;       /* the former process did not end by itself */
};

static struct suspects *suspects_of(struct engine *engine)
{
    if (!engine->suspects) {
        engine->suspects = xcalloc(1, sizeof(*engine->suspects));
        engine->suspects->engine = engine;
        engine->suspects->known = map_new();
        engine->suspects->last = &engine->suspects->first;
    }
    return engine->suspects;
}

static int is_suspect(const struct session_state *state)
{
    return state->crashes >= SUSPECT_CRASHES && session_is_live(state);
}

static struct suspect *suspect_of(struct suspects *suspects, const struct live *live)
{
    struct suspect *suspect = map_get(suspects->known, id_slice(&live->id));

    if (suspect)
        return suspect;
    suspect = xcalloc(1, sizeof(*suspect));
    suspect->session = live->id;
    (void)map_put(suspects->known, id_slice(&live->id), suspect);
    return suspect;
}

/* ---- cleared ---- */

static void clear_apply(struct live *live, struct tick *tick, struct input *input)
{
    struct session_event event = { .kind = EV_INTERRUPTED,
                                   .interrupted = { .by = INTERRUPTED_CRASH } };

    (void)live;
    (void)input;
    if (tick->state.crashes >= SUSPECT_CRASHES)
        (void)tick_add(tick, &(struct tick_event){ .event = &event });
}

static void clear_end(struct live *live, struct input *input, const struct err *err)
{
    (void)live;
    (void)err;
    free(input);
}

static void clear(struct suspects *suspects, struct suspect *suspect)
{
    struct input *input = xcalloc(1, sizeof(*input));

    *input = (struct input){ .apply = clear_apply, .end = clear_end };
    suspect->is_cleared = 1;
    live_input(live_get(suspects->engine, id_slice(&suspect->session)), input);
}

static int is_innocent(const struct suspects *suspects, const struct suspect *suspect)
{
    return suspects->is_crash_seen && !suspect->was_lost;
}

/* ---- the line ---- */

static void wait_in_line(struct suspects *suspects, struct suspect *suspect)
{
    if (suspect->is_in_line)
        return;
    suspect->is_in_line = 1;
    suspect->next = NULL;
    *suspects->last = suspect;
    suspects->last = &suspect->next;
}

static void leave_line(struct suspects *suspects, struct suspect **at)
{
    struct suspect *suspect = *at;

    *at = suspect->next;
    if (!*at)
        suspects->last = at;
    suspect->is_in_line = 0;
}

static int64_t calm_left_ms(const struct suspects *suspects, uint32_t crashes)
{
    const struct engine *engine = suspects->engine;
    int64_t lived_ms = loop_mono_ms(engine->deps.loop) - engine->began_ms;
    int64_t calm_ms = crashes > SUSPECT_CRASHES ? CALM_AGAIN_MS : CALM_MS;

    return calm_ms > lived_ms ? calm_ms - lived_ms : 0;
}

static void next_in_line(void *arg)
{
    struct suspects *suspects = arg;
    struct suspect **next = NULL;
    int64_t soonest_ms = INT64_MAX;

    if (suspects->running || suspects->engine->drain)
        return;
    for (struct suspect **at = &suspects->first; *at; at = &(*at)->next) {
        int64_t left_ms = calm_left_ms(suspects, (*at)->crashes);

        if (left_ms >= soonest_ms)
            continue;
        soonest_ms = left_ms;
        next = at;
    }
    if (!next)
        return;
    if (soonest_ms > 0) {
        loop_timer_start(suspects->engine->deps.loop, &suspects->timer, soonest_ms, next_in_line,
                         suspects);
        return;
    }
    struct suspect *suspect = *next;

    leave_line(suspects, next);
    /* It has the place until it is seen whether it needs it: else nobody would pass it on. */
    suspects->running = live_get(suspects->engine, id_slice(&suspect->session));
    live_pump(suspects->running);
}

int suspect_is_held(struct live *live, const struct session_state *state)
{
    struct engine *engine = live->engine;

    if (!is_suspect(state))
        return 0;
    struct suspects *suspects = suspects_of(engine);
    struct suspect *suspect = suspect_of(suspects, live);

    if (suspects->running == live)
        return 0;
    suspect->crashes = state->crashes;
    if (suspect->is_cleared)
        return 1;
    if (is_innocent(suspects, suspect)) {
        clear(suspects, suspect);
        return 1;
    }
    if (!suspects->running && calm_left_ms(suspects, state->crashes) == 0) {
        suspects->running = live;
        return 0;
    }
    wait_in_line(suspects, suspect);
    next_in_line(suspects);
    return suspects->running != live;
}

/* ---- what happens ---- */

void suspect_lost(struct live *live)
{
    struct suspects *suspects = suspects_of(live->engine);

    suspect_of(suspects, live)->was_lost = 1;
}

void suspects_crash_seen(struct engine *engine)
{
    struct suspects *suspects = suspects_of(engine);
    struct suspect **at = &suspects->first;

    suspects->is_crash_seen = 1;
    while (*at) {
        struct suspect *suspect = *at;

        if (!is_innocent(suspects, suspect)) {
            at = &suspect->next;
            continue;
        }
        leave_line(suspects, at);
        clear(suspects, suspect);
    }
}

void suspect_committed(struct live *live)
{
    if (!is_suspect(live_state(live)))
        suspects_let_go(live);
}

void suspects_let_go(struct live *live)
{
    struct suspects *suspects = live->engine->suspects;

    if (!suspects || suspects->running != live)
        return;
    suspects->running = NULL;
    next_in_line(suspects);
}

void suspects_free(struct suspects *suspects)
{
    void *suspect;

    if (!suspects)
        return;
    loop_timer_stop(suspects->engine->deps.loop, &suspects->timer);
    for (size_t at = 0; map_each(suspects->known, &at, &suspect);)
        free(suspect);
    map_free(suspects->known);
    free(suspects);
}
