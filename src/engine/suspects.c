/*
 * suspects.c - sessions under which the process died three times in a row.
 *
 * One of them may be what kills it. They run one at a time, so that at most one innocent session is
 * blamed for a crash that was not its own; the others wait without an owner, and a crash does not
 * count for them. A recorded answer clears a session.
 */
#include <stdlib.h>

#include "engine/engine_internal.h"

struct suspect {
    struct suspect *next;
    struct id session;
};

struct suspects {
    struct live *running;
    struct suspect *first;
    struct suspect **last;
};

static struct suspects *suspects_of(struct engine *engine)
{
    if (!engine->suspects) {
        engine->suspects = xcalloc(1, sizeof(*engine->suspects));
        engine->suspects->last = &engine->suspects->first;
    }
    return engine->suspects;
}

static void wait_in_line(struct suspects *suspects, const struct id *session)
{
    struct suspect *suspect = suspects->first;

    while (suspect && strcmp(suspect->session.text, session->text) != 0)
        suspect = suspect->next;
    if (suspect)
        return;
    suspect = xcalloc(1, sizeof(*suspect));
    suspect->session = *session;
    *suspects->last = suspect;
    suspects->last = &suspect->next;
}

static int is_suspect(const struct session_state *state)
{
    return state->crashes >= SUSPECT_CRASHES && session_is_live(state);
}

int suspect_is_held(struct live *live, const struct session_state *state)
{
    struct engine *engine = live->engine;

    if (!is_suspect(state))
        return 0;
    struct suspects *suspects = suspects_of(engine);
    if (!suspects->running)
        suspects->running = live;
    if (suspects->running == live)
        return 0;
    wait_in_line(suspects, &live->id);
    return 1;
}

void suspect_committed(struct live *live)
{
    if (!is_suspect(live_state(live)))
        suspects_let_go(live);
}

void suspects_let_go(struct live *live)
{
    struct engine *engine = live->engine;
    struct suspects *suspects = engine->suspects;

    if (!suspects || suspects->running != live)
        return;
    suspects->running = NULL;
    struct suspect *next = suspects->first;
    if (!next || engine->drain)
        return;
    suspects->first = next->next;
    if (!suspects->first)
        suspects->last = &suspects->first;
    /* It has the place until it is seen whether it needs it: else nobody would pass it on. */
    suspects->running = live_get(engine, id_slice(&next->session));
    live_pump(suspects->running);
    free(next);
}

void suspects_free(struct suspects *suspects)
{
    if (!suspects)
        return;
    while (suspects->first) {
        struct suspect *next = suspects->first->next;

        free(suspects->first);
        suspects->first = next;
    }
    free(suspects);
}
