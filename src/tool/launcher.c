#include "tool/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "tool/exec_run.h"
#include "tool/launcher_process.h"
#include "tool/lock.h"
#include "tool/probe.h"
#include "tool/sandbox.h"
#include "tool/scratch.h"

/* A message that the socket had no room for. */
struct outgoing {
    struct outgoing *next;
    struct buf packet;
    int fds[WIRE_FDS]; /* ours to close; -1: none */
};

struct launcher {
    struct tool_runner runner; /* first: see launcher_of() */
    struct loop *loop;
    struct loop_fd *watch;
    int sock;
    int is_over; /* lost, or being stopped: nothing is sent any more */
    int lock_fd;
    char *output_dir; /* or NULL */
    pid_t pid;
    loop_fn *on_lost;
    void *on_lost_arg;
    struct map *runs; /* id: struct exec_run that the launcher has, or will get */
    uint64_t last_id;
    struct outgoing *first;
    struct outgoing **last;
    char read_buffer[EXEC_READ_BYTES];
    char packet[WIRE_BYTES_MAX];
    struct wire_message message;
};

static struct launcher *launcher_of(struct tool_runner *runner)
{
    return CONTAINER_OF(runner, struct launcher, runner);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* ---- to the launcher ---- */

static void free_outgoing(struct outgoing *out)
{
    for (int i = 0; i < WIRE_FDS; i++)
        close_fd(&out->fds[i]);
    buf_release(&out->packet);
    free(out);
}

static void drop_queue(struct launcher *l)
{
    while (l->first) {
        struct outgoing *out = l->first;

        l->first = out->next;
        free_outgoing(out);
    }
    l->last = &l->first;
}

/* In order. What cannot be sent because the launcher is gone is dropped: its end is on its way
 * to on_socket(), which ends every run. */
static void flush_queue(struct launcher *l)
{
    while (l->first) {
        struct outgoing *out = l->first;
        int errnum = wire_send(l->sock, buf_slice(&out->packet), out->fds[0] >= 0 ? out->fds : NULL,
                               MSG_DONTWAIT);

        if (errnum == EAGAIN || errnum == ENOBUFS || errnum == ENOMEM || errnum == ETOOMANYREFS)
            break;
        l->first = out->next;
        if (!l->first)
            l->last = &l->first;
        free_outgoing(out);
    }
    loop_fd_change(l->watch, LOOP_READ | (l->first ? LOOP_WRITE : 0));
}

/* Takes the packet's memory and the descriptors. */
static void send_packet(struct launcher *l, struct buf *packet, const int *fds)
{
    ASSERT(!l->is_over);
    struct outgoing *out = xcalloc(1, sizeof(*out));

    for (int i = 0; i < WIRE_FDS; i++)
        out->fds[i] = fds ? fds[i] : -1;
    out->packet = *packet;
    *packet = (struct buf){ .max = packet->max };
    *l->last = out;
    l->last = &out->next;
    flush_queue(l);
}

static void send_head(struct launcher *l, const struct wire_head *head, const char *text)
{
    struct buf packet = { .max = WIRE_BYTES_MAX };

    wire_put(&packet, head, text);
    send_packet(l, &packet, NULL);
}

/* ---- from the launcher ---- */

/* All that ran in it is dead when it can be waited for: it was their process namespace. */
static void bury(struct launcher *l)
{
    if (l->pid <= 0)
        return;
    (void)kill(l->pid, SIGKILL); /* its socket has ended, so it is past serving */
    while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    l->pid = 0;
}

/* A run that never got to the launcher: result.err has been set. */
static void on_not_started(void *arg)
{
    struct exec_run *exec = arg;
    struct launcher *l = exec->arg;
    struct err err = exec->run->result.err;

    (void)map_remove_u64(l->runs, exec->id);
    exec_run_finish_as(exec, TOOL_NOT_STARTED, &err);
}

static void finish_all(struct launcher *l, enum tool_end end, const struct err *err)
{
    void *value = NULL;

    /* From the start each time: done may have started another. */
    for (size_t at = 0; map_each(l->runs, &at, &value); at = 0) {
        struct exec_run *exec = value;

        if (exec->killed_as == TOOL_NOT_STARTED) {
            on_not_started(exec);
            continue;
        }
        (void)map_remove_u64(l->runs, exec->id);
        exec_run_finish_as(exec, end, err);
    }
}

static void lose(struct launcher *l)
{
    struct err err = { 0 };

    l->is_over = 1;
    loop_fd_stop(l->watch);
    l->watch = NULL;
    close_fd(&l->sock);
    drop_queue(l);
    bury(l);
    (void)err_set(&err, ERR_TIMEOUT, "the launcher of tools has died, and the tool with it");
    finish_all(l, TOOL_LOST, &err);
    l->on_lost(l->on_lost_arg);
}

static void on_ended(struct launcher *l)
{
    struct exec_run *exec = map_remove_u64(l->runs, l->message.head.run);

    ASSERT(l->message.head.kind == WIRE_ENDED && exec);
    exec_run_finish(exec, &l->message.head, l->message.text);
}

/* Length as of wire_receive(). */
static ssize_t receive(struct launcher *l, int flags)
{
    int fds[WIRE_FDS];
    ssize_t len = wire_receive(l->sock, l->packet, sizeof(l->packet), fds, flags);

    if (len > 0)
        wire_parse(&l->message, (struct slice){ l->packet, (size_t)len });
    return len;
}

static void on_socket(void *arg, unsigned events)
{
    struct launcher *l = arg;
    ssize_t len = 0;

    if (events & LOOP_WRITE)
        flush_queue(l);
    while ((len = receive(l, MSG_DONTWAIT)) > 0)
        on_ended(l);
    if (len == 0 || (errno != EAGAIN))
        lose(l);
}

/* ---- the runner ---- */

static void on_kill(void *arg, struct exec_run *exec)
{
    struct launcher *l = arg;
    struct wire_head head = { .kind = WIRE_KILL, .run = exec->id };

    if (!l->is_over)
        send_head(l, &head, NULL);
}

static enum err_code send_start(struct launcher *l, struct exec_run *exec, struct err *err)
{
    CLEANUP(buf_release) struct buf packet = { .max = WIRE_BYTES_MAX };
    int fds[WIRE_FDS];

    if (l->is_over)
        return err_set(err, ERR_UNAVAILABLE, "tool %s did not start: the launcher has ended",
                       exec->run->spec->name);
    if (wire_put_start(&packet, exec->run, exec->id, err) || exec_run_open(exec, fds, err))
        return err_wrap(err, "tool %s did not start", exec->run->spec->name);
    send_packet(l, &packet, fds);
    return ERR_NONE;
}

static void exec_start(struct tool_runner *runner, struct tool_run *run)
{
    struct launcher *l = launcher_of(runner);
    struct err *err = &run->result.err;

    ASSERT(l->loop && run->spec->timeout_ms > 0);
    struct exec_run *exec = exec_run_new(run, l->loop, ++l->last_id, l->output_dir);

    exec->read_buffer = l->read_buffer;
    exec->kill = on_kill;
    exec->arg = l;
    run->runner_slot = exec;
    (void)map_put_u64(l->runs, exec->id, exec);
    if (send_start(l, exec, err)) {
        exec->killed_as = TOOL_NOT_STARTED; /* a stop() comes too late */
        loop_post(l->loop, &exec->post, on_not_started, exec);
    } else {
        exec_run_watch(exec);
    }
}

static void exec_stop(struct tool_runner *runner, struct tool_run *run)
{
    (void)runner;
    if (run->runner_slot)
        exec_run_end_early(run->runner_slot, TOOL_STOPPED);
}

static const struct tool_runner_ops exec_ops = { .start = exec_start, .stop = exec_stop };

/* ---- its life ---- */

/* The launcher's first word, and then one tool's whole way through the sandbox. */
static enum err_code greet(struct launcher *l, struct err *err)
{
    if (receive(l, 0) <= 0)
        return err_set(err, ERR_UNAVAILABLE, "the launcher of tools ended at once");
    if (l->message.head.kind == WIRE_REFUSED)
        return err_set(err, ERR_UNAVAILABLE, "the launcher of tools cannot set up: %s",
                       l->message.text);
    ASSERT(l->message.head.kind == WIRE_READY);
    return probe_sandbox(l->sock, err);
}

static enum err_code start_process(struct launcher *l, const struct sandbox *box, struct err *err)
{
    int socks[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) != 0)
        return err_sys(err, errno, "make the launcher's socket");
    l->sock = socks[0];
    enum err_code code = launcher_process_start(&l->pid, box, socks[1], l->lock_fd, err);

    (void)close(socks[1]);
    return code ? code : greet(l, err);
}

static void launcher_free(struct launcher *l)
{
    drop_queue(l);
    close_fd(&l->sock);
    bury(l);
    close_fd(&l->lock_fd);
    map_free(l->runs);
    free(l->output_dir);
    free(l);
}

/* The launcher gives its own 0 and 1 to /dev/null: a socket or lock must not stand there. */
static enum err_code fill_standard_fds(struct err *err)
{
    int fd = 0;

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR); /* stays open, and passes on, like those it stands for */
    if (fd < 0)
        return err_sys(err, errno, "open /dev/null");
    (void)close(fd);
    return ERR_NONE;
}

enum err_code launcher_start(struct launcher **ret_launcher, const struct launcher_config *config,
                             struct err *err)
{
    struct launcher *l = xcalloc(1, sizeof(*l));
    struct sandbox box = { .scratch_fd = -1 };

    l->runner.ops = &exec_ops;
    l->sock = -1;
    l->lock_fd = -1;
    l->last = &l->first;
    l->runs = map_new();
    if (config->output_dir)
        l->output_dir = xstrdup(config->output_dir);
    if (fill_standard_fds(err))
        goto fail;
    if (config->lock_path && config->lock_path[0] != '\0' &&
        lock_take(&l->lock_fd, config->lock_path, err))
        goto fail;
    if (sandbox_init(&box, config->project_dir, config->scratch_root, config->masked,
                     config->uid_base, err))
        goto fail;
    if (start_process(l, &box, err))
        goto fail;
    sandbox_release(&box); /* the launcher has its own copy */
    *ret_launcher = l;
    return ERR_NONE;
fail:
    sandbox_release(&box);
    launcher_free(l);
    return err->code;
}

void launcher_attach(struct launcher *launcher, struct loop *loop, loop_fn *on_lost, void *arg)
{
    ASSERT(!launcher->loop && on_lost);
    launcher->loop = loop;
    launcher->on_lost = on_lost;
    launcher->on_lost_arg = arg;
    (void)signal(SIGPIPE, SIG_IGN); /* a tool may close its stdin at any time */
    launcher->watch = loop_fd_start(loop, launcher->sock, LOOP_READ, on_socket, launcher);
}

struct tool_runner *launcher_runner(struct launcher *launcher)
{
    return &launcher->runner;
}

void launcher_forget_session(struct launcher *launcher, struct slice session)
{
    struct wire_head head = { .kind = WIRE_FORGET };
    char name[SESSION_NAME_MAX + 1];

    if (launcher->is_over || !scratch_name_is_valid(session))
        return; /* nobody to do it, or never a folder */
    (void)snprintf(name, sizeof(name), "%.*s", (int)session.len, session.ptr);
    send_head(launcher, &head, name);
}

/* The launcher ends all tools when it sees the socket's end, reports each, and exits. */
static void collect_ends(struct launcher *l)
{
    struct err none = { 0 };

    if (!l->is_over) {
        l->is_over = 1;
        loop_fd_stop(l->watch);
        l->watch = NULL;
        (void)shutdown(l->sock, SHUT_WR);
        while (receive(l, 0) > 0)
            on_ended(l);
        close_fd(&l->sock);
    }
    bury(l);
    finish_all(l, TOOL_STOPPED, &none);
}

void launcher_stop(struct launcher *launcher)
{
    if (!launcher)
        return;
    if (launcher->loop) {
        void *value = NULL;

        for (size_t at = 0; map_each(launcher->runs, &at, &value);)
            exec_run_end_early(value, TOOL_STOPPED);
        collect_ends(launcher);
    }
    launcher_free(launcher);
}
