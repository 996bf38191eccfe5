/* loop.c - turns, time, timers and posts: the part that real and simulated loops share. */
#include "loop/loop.h"

#include <stdlib.h>

#include "loop/impl.h"

/* In one loop_step() a timer without delay or a post that asks for itself again would never
 * end; a simulation wants to hear of that bug. */
enum { STEP_TURNS_MAX = 1000000 };

enum err_code loop_new(struct loop **ret_loop, struct err *err)
{
    struct loop *loop = loop_new_simulated(clock_system());

    if (loop_uv_new(&loop->uv, loop, err)) {
        loop_free(loop);
        return err->code;
    }
    *ret_loop = loop;
    return ERR_NONE;
}

struct loop *loop_new_simulated(struct clock clock)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    loop->clock = clock;
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_uv_free(loop->uv);
    timers_release(&loop->timers);
    free(loop);
}

void loop_run(struct loop *loop)
{
    ASSERT(loop->uv);
    loop_uv_run(loop->uv);
}

void loop_stop(struct loop *loop)
{
    ASSERT(loop->uv);
    loop_uv_stop(loop->uv);
}

void loop_enter(struct loop *loop)
{
    if (loop->is_in_turn)
        return;
    loop->is_in_turn = 1;
    loop->wall_ms = loop->clock.wall_ms(loop->clock.arg);
    loop->mono_ms = loop->clock.mono_ms(loop->clock.arg);
}

size_t loop_finish_turn(struct loop *loop)
{
    loop_enter(loop);
    size_t ran = posts_run(&loop->posts);

    ran += timers_run(&loop->timers, loop->mono_ms);
    if (loop->turn_end)
        loop->turn_end(loop->turn_end_arg);
    loop->is_in_turn = 0;
    return ran;
}

int64_t loop_wait_ms(const struct loop *loop)
{
    int64_t due_ms = timers_next_ms(&loop->timers);

    if (posts_any(&loop->posts))
        return 0;
    if (due_ms < 0)
        return -1;
    int64_t wait_ms = due_ms - loop_mono_ms(loop);

    return wait_ms > 0 ? wait_ms : 0;
}

int loop_step(struct loop *loop)
{
    int did_any = 0;

    ASSERT(!loop->uv);
    for (int turns = 0; turns == 0 || loop_wait_ms(loop) == 0; turns++) {
        ASSERT(turns < STEP_TURNS_MAX);
        did_any |= loop_finish_turn(loop) > 0;
    }
    return did_any;
}

int64_t loop_next_due_ms(const struct loop *loop)
{
    return timers_next_ms(&loop->timers);
}

/* Between turns, as during start or in a simulator's hands, no time is held: it is read. */
int64_t loop_wall_ms(const struct loop *loop)
{
    return loop->is_in_turn ? loop->wall_ms : loop->clock.wall_ms(loop->clock.arg);
}

int64_t loop_mono_ms(const struct loop *loop)
{
    return loop->is_in_turn ? loop->mono_ms : loop->clock.mono_ms(loop->clock.arg);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms, loop_fn *fn,
                      void *arg)
{
    int64_t now_ms = loop_mono_ms(loop);

    if (delay_ms < 0)
        delay_ms = 0;
    if (delay_ms > INT64_MAX - now_ms)
        delay_ms = INT64_MAX - now_ms;
    timer->fn = fn;
    timer->arg = arg;
    timers_arm(&loop->timers, timer, now_ms + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    timers_drop(&loop->timers, timer);
}

void loop_post(struct loop *loop, struct loop_post *post, loop_fn *fn, void *arg)
{
    if (post->is_queued)
        return;
    post->fn = fn;
    post->arg = arg;
    posts_add(&loop->posts, post);
}

void loop_post_cancel(struct loop *loop, struct loop_post *post)
{
    posts_cancel(&loop->posts, post);
}

void loop_set_turn_end(struct loop *loop, loop_fn *fn, void *arg)
{
    loop->turn_end = fn;
    loop->turn_end_arg = arg;
}
