/*
 * impl.h - the inside of a loop: what both kinds share, and its libuv half. For loop/ only.
 */
#ifndef LOOP_IMPL_H
#define LOOP_IMPL_H

#include "loop/loop.h"
#include "loop/posts.h"
#include "loop/timers.h"

struct loop {
    struct clock clock;
    int64_t wall_ms; /* of the turn under way */
    int64_t mono_ms;
    int is_in_turn;
    struct timers timers;
    struct posts posts;
    loop_fn *turn_end;
    void *turn_end_arg;
    struct loop_uv *uv; /* NULL: simulated */
};

/* Starts a turn, if none is under way, by reading the time. Whatever calls out begins so. */
void loop_enter(struct loop *loop);

/* The last part of a turn: posted work, due timers, the hook. Returns how much ran. */
size_t loop_finish_turn(struct loop *loop);

/* How long the loop may wait for events: 0 with work at hand, -1 for ever. */
int64_t loop_wait_ms(const struct loop *loop);

enum err_code loop_uv_new(struct loop_uv **ret_uv, struct loop *loop, struct err *err) MUST_CHECK;
void loop_uv_free(struct loop_uv *uv); /* NULL-safe */
void loop_uv_run(struct loop_uv *uv);
void loop_uv_stop(struct loop_uv *uv);

#endif
