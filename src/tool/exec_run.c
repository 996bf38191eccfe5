#include "tool/exec_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"

enum {
    READS_A_TURN = 4,       /* a tool that prints without end must not hold up the loop */
    SIGNALLED_STATUS = 128, /* as a shell has it: 128 and the signal's number */
    REASON_MAX = 300,       /* of a tool's stderr that goes into an error message */
};

struct exec_run *exec_run_new(struct tool_run *run, struct loop *loop, uint64_t id,
                              const char *output_dir)
{
    struct exec_run *exec = xcalloc(1, sizeof(*exec));

    *exec = (struct exec_run){
        .id = id,
        .run = run,
        .loop = loop,
        .input.fd = -1,
        .output.fd = -1,
        .errors.fd = -1,
        .killed_as = TOOL_END_COUNT,
        .started_mono_ms = loop_mono_ms(loop),
    };
    exec->kept = tool_output_new(output_dir, run->spec->output_bytes_max);
    capture_init(&exec->errors_text, run->spec->stderr_bytes_max);
    run->result.started_at_ms = loop_wall_ms(loop);
    return exec;
}

/* ---- pipes ---- */

static void close_pipe(struct exec_pipe *end)
{
    loop_fd_stop(end->watch);
    end->watch = NULL;
    if (end->fd >= 0)
        (void)close(end->fd);
    end->fd = -1;
}

/* Ours does not block; the tool's end does, as every program expects. */
static int open_pipe(struct exec_pipe *ours, int our_end, int *theirs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    ours->fd = fds[our_end];
    *theirs = fds[1 - our_end];
    return fcntl(ours->fd, F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
}

enum err_code exec_run_open(struct exec_run *exec, int ret_fds[WIRE_FDS], struct err *err)
{
    int theirs[WIRE_FDS] = { -1, -1, -1 };
    int errnum = open_pipe(&exec->input, 1, &theirs[0]);

    if (errnum == 0)
        errnum = open_pipe(&exec->output, 0, &theirs[1]);
    if (errnum == 0)
        errnum = open_pipe(&exec->errors, 0, &theirs[2]);
    if (errnum == 0) {
        memcpy(ret_fds, theirs, sizeof(theirs));
        return ERR_NONE;
    }
    for (int i = 0; i < WIRE_FDS; i++) {
        if (theirs[i] >= 0)
            (void)close(theirs[i]);
    }
    return err_sys(err, errnum, "make the tool's pipes");
}

/* A tool that closed its stdin, or ended, without reading all: its right. */
static void on_input(void *arg, unsigned events)
{
    struct exec_run *exec = arg;
    struct slice left = { exec->run->arguments.ptr + exec->input_at,
                          exec->run->arguments.len - exec->input_at };

    (void)events;
    if (left.len > 0) {
        ssize_t len = write(exec->input.fd, left.ptr, left.len);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len >= 0)
            exec->input_at += (size_t)len;
        if (len >= 0 && (size_t)len < left.len)
            return;
    }
    close_pipe(&exec->input);
}

/* The bytes that came; none when there is nothing more to read now, or ever. */
static struct slice read_once(struct exec_run *exec, struct exec_pipe *end)
{
    ssize_t len;

    do
        len = end->fd < 0 ? 0 : read(end->fd, exec->read_buffer, EXEC_READ_BYTES);
    while (len < 0 && errno == EINTR);
    if (len == 0 || (len < 0 && errno != EAGAIN))
        close_pipe(end);
    return (struct slice){ exec->read_buffer, len > 0 ? (size_t)len : 0 };
}

static int read_output(struct exec_run *exec)
{
    struct slice bytes = read_once(exec, &exec->output);

    tool_output_add(exec->kept, bytes);
    return bytes.len > 0;
}

static int read_errors(struct exec_run *exec)
{
    struct slice bytes = read_once(exec, &exec->errors);

    capture_add(&exec->errors_text, bytes);
    return bytes.len > 0;
}

static void on_output(void *arg, unsigned events)
{
    (void)events;
    for (int i = 0; i < READS_A_TURN && read_output(arg); i++)
        ;
}

static void on_errors(void *arg, unsigned events)
{
    (void)events;
    for (int i = 0; i < READS_A_TURN && read_errors(arg); i++)
        ;
}

/* ---- its life ---- */

static void on_deadline(void *arg)
{
    exec_run_end_early(arg, TOOL_TIMED_OUT);
}

void exec_run_watch(struct exec_run *exec)
{
    exec->input.watch = loop_fd_start(exec->loop, exec->input.fd, LOOP_WRITE, on_input, exec);
    exec->output.watch = loop_fd_start(exec->loop, exec->output.fd, LOOP_READ, on_output, exec);
    exec->errors.watch = loop_fd_start(exec->loop, exec->errors.fd, LOOP_READ, on_errors, exec);
    loop_timer_start(exec->loop, &exec->deadline, exec->run->spec->timeout_ms, on_deadline, exec);
}

void exec_run_end_early(struct exec_run *exec, enum tool_end as)
{
    if (exec->killed_as != TOOL_END_COUNT)
        return;
    exec->killed_as = as;
    exec->kill(exec->arg, exec);
}

/* ---- its end ---- */

/* Its processes are dead, so what is in the pipes is all: no more than they hold. */
static void drain(struct exec_run *exec)
{
    while (read_output(exec))
        ;
    while (read_errors(exec))
        ;
}

static void finish(struct exec_run *exec)
{
    struct tool_run *run = exec->run;

    loop_timer_stop(exec->loop, &exec->deadline);
    loop_post_cancel(exec->loop, &exec->post);
    drain(exec);
    close_pipe(&exec->input);
    close_pipe(&exec->output);
    close_pipe(&exec->errors);
    run->result.kept = exec->kept;
    run->result.output = tool_output_end(exec->kept);
    run->result.output_bytes = tool_output_total(exec->kept);
    run->result.errors = capture_text(&exec->errors_text);
    run->result.duration_ms = loop_mono_ms(exec->loop) - exec->started_mono_ms;
    run->runner_slot = NULL;
    run->done(run, run->arg);
    capture_release(&exec->errors_text);
    free(exec);
}

static void set_exited(struct tool_result *result, int status)
{
    int signum = status - SIGNALLED_STATUS;

    result->end = signum > 0 && signum < NSIG ? TOOL_SIGNALLED : TOOL_EXITED;
    result->status = result->end == TOOL_SIGNALLED ? signum : status;
}

/* What bubblewrap, or our process before it, said on stderr. */
static void set_not_started(struct exec_run *exec, const char *text)
{
    struct tool_result *result = &exec->run->result;
    struct slice reason = slice_of(text);

    drain(exec);
    if (reason.len == 0)
        reason = utf8_prefix(buf_slice(&exec->errors_text.head), REASON_MAX);
    while (reason.len > 0 && reason.ptr[reason.len - 1] == '\n')
        reason.len--;
    if (reason.len == 0)
        reason = SLICE_LIT("bubblewrap ended without a word");
    result->end = TOOL_NOT_STARTED;
    (void)err_set(&result->err, ERR_UNAVAILABLE, "tool %s did not start: %.*s",
                  exec->run->spec->name, (int)reason.len, reason.ptr);
}

void exec_run_finish(struct exec_run *exec, const struct wire_head *ended, const char *text)
{
    struct tool_result *result = &exec->run->result;

    switch ((enum wire_ended)ended->ended) {
    case WIRE_EXITED: /* by itself, also if it was to be killed a moment later */
        set_exited(result, ended->status);
        break;
    case WIRE_NOT_STARTED: set_not_started(exec, text); break;
    case WIRE_KILLED: /* by us; or by the machine, short of memory */
        result->end = exec->killed_as != TOOL_END_COUNT ? exec->killed_as : TOOL_SIGNALLED;
        result->status = result->end == TOOL_SIGNALLED ? SIGKILL : 0;
        break;
    }
    finish(exec);
}

void exec_run_finish_as(struct exec_run *exec, enum tool_end end, const struct err *err)
{
    exec->run->result.end = end;
    exec->run->result.err = *err;
    finish(exec);
}
