/*
 * uv.c - the libuv half of a loop: waiting, descriptors, wake-ups, signals.
 *
 * libuv's turn is: prepare, wait for events and call for each, check. Ours hangs on it so:
 * prepare tells libuv how long it may wait (one uv timer, which only bounds the wait); the
 * callbacks of descriptors, wakes and signals come next; check then runs posts, due timers and
 * the turn-end hook. Posts that the hook makes are seen by the prepare that follows, which
 * makes the wait 0.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "loop/impl.h"

struct loop_uv {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    struct loop *loop;
};

struct loop_fd {
    uv_poll_t poll; /* first: a handle is freed by its own address */
    struct loop *loop;
    unsigned events;
    loop_fd_fn *fn;
    void *arg;
};

struct loop_wake {
    uv_async_t async; /* first */
    struct loop *loop;
    loop_fn *fn;
    void *arg;
    atomic_int is_sent;
};

struct loop_signal {
    uv_signal_t signal; /* first */
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

/* For calls that can fail only by misuse or for want of memory: our bug, or the end. */
static void must(int rc)
{
    if (rc < 0)
        assert_failed(uv_strerror(rc), __FILE__, __LINE__);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* that the wait has ended is all it is for: on_check() looks what is due */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop_uv *uv = prepare->data;
    int64_t wait_ms = loop_wait_ms(uv->loop);

    if (wait_ms < 0) {
        must(uv_timer_stop(&uv->timer));
        return;
    }
    uv_update_time(&uv->uv); /* the wait counts from now, not from when this turn began */
    must(uv_timer_start(&uv->timer, on_timer, (uint64_t)wait_ms, 0));
}

static void on_check(uv_check_t *check)
{
    const struct loop_uv *uv = check->data;

    (void)loop_finish_turn(uv->loop);
}

enum err_code loop_uv_new(struct loop_uv **ret_uv, struct loop *loop, struct err *err)
{
    struct loop_uv *uv = xcalloc(1, sizeof(*uv));
    int rc = uv_loop_init(&uv->uv);

    if (rc < 0) {
        free(uv);
        return err_sys(err, -rc, "start the event loop");
    }
    uv->loop = loop;
    must(uv_prepare_init(&uv->uv, &uv->prepare));
    must(uv_check_init(&uv->uv, &uv->check));
    must(uv_timer_init(&uv->uv, &uv->timer));
    uv->prepare.data = uv->check.data = uv;
    must(uv_prepare_start(&uv->prepare, on_prepare));
    must(uv_check_start(&uv->check, on_check));
    *ret_uv = uv;
    return ERR_NONE;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* Handles of our own are members of the loop_uv; the others were allocated one by one. */
static void close_handle(uv_handle_t *handle, void *arg)
{
    struct loop_uv *uv = arg;
    int is_member = handle == (uv_handle_t *)&uv->prepare || handle == (uv_handle_t *)&uv->check ||
                    handle == (uv_handle_t *)&uv->timer;

    if (!uv_is_closing(handle))
        uv_close(handle, is_member ? NULL : free_handle);
}

void loop_uv_free(struct loop_uv *uv)
{
    if (!uv)
        return;
    uv_walk(&uv->uv, close_handle, uv);
    while (uv_run(&uv->uv, UV_RUN_DEFAULT) != 0)
        continue; /* only the closing is left; a loop_stop() that nobody ran ends a run early */
    must(uv_loop_close(&uv->uv));
    free(uv);
}

void loop_uv_run(struct loop_uv *uv)
{
    (void)uv_run(&uv->uv, UV_RUN_DEFAULT);
}

void loop_uv_stop(struct loop_uv *uv)
{
    uv_stop(&uv->uv);
}

static uv_loop_t *uv_of(struct loop *loop)
{
    ASSERT(loop->uv); /* a simulated loop has no descriptors, wakes or signals */
    return &loop->uv->uv;
}

static void poll_for(struct loop_fd *watch);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct loop_fd *watch = (struct loop_fd *)poll;
    unsigned ready = 0;

    if (status < 0) {
        ready = LOOP_READ | LOOP_WRITE;
        poll_for(watch); /* on an error libuv stops watching; we stay level-triggered */
    } else {
        ready |= events & UV_READABLE ? LOOP_READ : 0;
        ready |= events & UV_WRITABLE ? LOOP_WRITE : 0;
    }
    loop_enter(watch->loop);
    watch->fn(watch->arg, ready);
}

static void poll_for(struct loop_fd *watch)
{
    int events = (watch->events & LOOP_READ ? UV_READABLE : 0) |
                 (watch->events & LOOP_WRITE ? UV_WRITABLE : 0);

    must(uv_poll_start(&watch->poll, events, on_poll));
}

struct loop_fd *loop_fd_start(struct loop *loop, int fd, unsigned events, loop_fd_fn *fn, void *arg)
{
    struct loop_fd *watch = xcalloc(1, sizeof(*watch));

    watch->loop = loop;
    watch->events = events;
    watch->fn = fn;
    watch->arg = arg;
    must(uv_poll_init(uv_of(loop), &watch->poll, fd));
    poll_for(watch);
    return watch;
}

void loop_fd_change(struct loop_fd *watch, unsigned events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    poll_for(watch);
}

void loop_fd_stop(struct loop_fd *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->poll, free_handle);
}

/*
 * The flag is lowered before the call, so that a send during it makes another. It spares the
 * system call of a send that would change nothing, and orders what the sender wrote before
 * what the loop's thread reads.
 */
static void on_async(uv_async_t *async)
{
    struct loop_wake *wake = (struct loop_wake *)async;

    (void)atomic_exchange(&wake->is_sent, 0);
    loop_enter(wake->loop);
    wake->fn(wake->arg);
}

struct loop_wake *loop_wake_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct loop_wake *wake = xcalloc(1, sizeof(*wake));

    wake->loop = loop;
    wake->fn = fn;
    wake->arg = arg;
    must(uv_async_init(uv_of(loop), &wake->async, on_async));
    return wake;
}

void loop_wake_send(struct loop_wake *wake)
{
    if (!atomic_exchange(&wake->is_sent, 1))
        must(uv_async_send(&wake->async));
}

void loop_wake_free(struct loop_wake *wake)
{
    if (wake)
        uv_close((uv_handle_t *)&wake->async, free_handle);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct loop_signal *signal = (struct loop_signal *)handle;

    (void)signum;
    loop_enter(signal->loop);
    signal->fn(signal->arg);
}

struct loop_signal *loop_signal_start(struct loop *loop, int signum, loop_fn *fn, void *arg)
{
    struct loop_signal *signal = xcalloc(1, sizeof(*signal));

    signal->loop = loop;
    signal->fn = fn;
    signal->arg = arg;
    must(uv_signal_init(uv_of(loop), &signal->signal));
    must(uv_signal_start(&signal->signal, on_signal, signum));
    return signal;
}

void loop_signal_stop(struct loop_signal *signal)
{
    if (signal)
        uv_close((uv_handle_t *)&signal->signal, free_handle);
}
