#include "tool/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

void jobs_init(struct jobs *jobs, const struct sandbox *box, int epoll, job_report_fn *report,
               void *arg)
{
    *jobs = (struct jobs){ .box = box, .epoll = epoll, .report = report, .arg = arg };
}

static void watch(struct jobs *jobs, struct job_source *source)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

    if (epoll_ctl(jobs->epoll, EPOLL_CTL_ADD, source->fd, &event) != 0)
        assert_failed("epoll_ctl", __FILE__, __LINE__);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* To close it is not enough: a tool that is just being forked holds a copy, and with it the
 * kernel's watch would outlive the job. */
static void close_source(struct jobs *jobs, struct job_source *source)
{
    if (source->fd >= 0)
        (void)epoll_ctl(jobs->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    close_fd(&source->fd);
}

/* ---- the end ---- */

/* The number after `"name": ` in what bubblewrap said; -1 if it did not. Whole lines only. */
static long status_number(const struct job *job, const char *name)
{
    const char *at = strstr(job->text, name);

    if (!at || !strchr(at, '\n'))
        return -1;
    return strtol(at + strlen(name), NULL, 10);
}

static void report_end(struct jobs *jobs, const struct job *job)
{
    long code = status_number(job, "\"exit-code\":");
    struct wire_head head = { .kind = WIRE_ENDED, .run = job->run };

    if (code >= 0) {
        head.ended = WIRE_EXITED;
        head.status = (int32_t)code;
    } else if (job->refusal || WIFEXITED(job->wait_status)) {
        head.ended = WIRE_NOT_STARTED;
    } else {
        head.ended = WIRE_KILLED;
    }
    jobs->report(jobs->arg, &head, job->refusal);
}

static void end_if_over(struct jobs *jobs, struct job *job)
{
    if (job->is_ended || job->bwrap != 0 || job->init.fd >= 0)
        return;
    job->is_ended = 1;
    close_source(jobs, &job->status);
    close_fd(&job->gate_fd);
    report_end(jobs, job);
}

void jobs_free_ended(struct jobs *jobs)
{
    for (struct job **link = &jobs->first; *link;) {
        struct job *job = *link;

        if (!job->is_ended) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        jobs->n--;
        free(job->refusal);
        free(job);
    }
}

/*
 * First bubblewrap, so that it cannot report the end that comes now as the command's own; with
 * its process group, in which init is until it has passed the gate. Then init, and with it all.
 */
static void kill_tree(struct job *job)
{
    job->is_killed = 1;
    if (job->bwrap > 0)
        (void)kill(-job->bwrap, SIGKILL);
    if (job->init.fd >= 0)
        (void)pidfd_send_signal(job->init.fd, SIGKILL, NULL, 0);
}

void jobs_kill(struct jobs *jobs, uint64_t run)
{
    for (struct job *job = jobs->first; job; job = job->next) {
        if (job->run == run)
            kill_tree(job);
    }
}

/* ---- the start ---- */

static void refuse(struct job *job, const struct err *err)
{
    if (!job->refusal)
        job->refusal = xstrdup(err->msg);
}

/* A hold on init and its limits. A process that is dead already needs neither. */
static enum err_code hold_init(struct jobs *jobs, struct job *job, pid_t init, struct err *err)
{
    job->init.fd = pidfd_open(init, 0);
    if (job->init.fd < 0)
        return errno == ESRCH ? ERR_NONE : err_sys(err, errno, "watch the tool's first process");
    watch(jobs, &job->init);
    if (job->is_killed || sandbox_limit(jobs->box, init, job->uid, &job->limits, err) == ERR_NONE ||
        err->sys == ESRCH)
        return ERR_NONE;
    return err->code;
}

/* Once it is held and limited, the command may run. If that fails, it must not. */
static void open_gate(struct jobs *jobs, struct job *job)
{
    pid_t init = (pid_t)status_number(job, "\"child-pid\":");
    struct err err = { 0 };

    if (init <= 0 || job->gate_fd < 0)
        return;
    if (hold_init(jobs, job, init, &err)) {
        refuse(job, &err);
        kill_tree(job);
    }
    close_fd(&job->gate_fd); /* opens the gate, and so comes after a kill */
}

static void read_status(struct jobs *jobs, struct job *job)
{
    while (job->status.fd >= 0) {
        size_t room = JOB_STATUS_MAX - job->text_len;
        char over[64];
        ssize_t len = read(job->status.fd, room > 0 ? job->text + job->text_len : over,
                           room > 0 ? room : sizeof(over));

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            break;
        if (len == 0)
            close_source(jobs, &job->status);
        else if (room > 0)
            job->text_len += (size_t)len;
    }
    job->text[job->text_len] = '\0';
    open_gate(jobs, job);
}

static pid_t fork_tool(struct jobs *jobs, const struct wire_message *order, const int fds[WIRE_FDS],
                       const int pipes[4])
{
    /* Without the handlers that a library may have left for fork(): libuv's closes descriptors by
     * number, which in the launcher are long somebody else's. */
    pid_t pid = _Fork();

    if (pid != 0)
        return pid;
    sandbox_exec(jobs->box, order, fds, pipes[1], pipes[2]);
}

/* pipes: status to read and write, gate to read and write. */
static enum err_code make_pipes(int pipes[4], struct err *err)
{
    if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(pipes + 2, O_CLOEXEC) != 0)
        return err_sys(err, errno, "make the tool's pipes in the launcher");
    return ERR_NONE;
}

static void start(struct jobs *jobs, struct job *job, const struct wire_message *order,
                  const int fds[WIRE_FDS], struct err *err)
{
    int pipes[4] = { -1, -1, -1, -1 };

    if (fds[0] < 0) {
        (void)err_set(err, ERR_LIMIT, "the launcher is out of file descriptors");
        return;
    }
    if (make_pipes(pipes, err) == ERR_NONE) {
        job->bwrap = fork_tool(jobs, order, fds, pipes);
        if (job->bwrap < 0) {
            job->bwrap = 0;
            (void)err_sys(err, errno, "fork in the launcher");
        }
    }
    if (job->bwrap > 0) {
        (void)setpgid(job->bwrap, job->bwrap); /* both do: whoever is first */
        job->status.fd = pipes[0];
        job->gate_fd = pipes[3];
        pipes[0] = -1;
        pipes[3] = -1;
        watch(jobs, &job->status);
    }
    for (size_t i = 0; i < ARRAY_LEN(pipes); i++)
        close_fd(&pipes[i]);
}

void jobs_start(struct jobs *jobs, const struct wire_message *order, const int fds[WIRE_FDS])
{
    struct job *job = xcalloc(1, sizeof(*job));
    struct err err = { 0 };

    *job = (struct job){
        .next = jobs->first,
        .status = { job, -1 },
        .init = { job, -1 },
        .gate_fd = -1,
        .run = order->head.run,
        .uid = sandbox_uid(jobs->box, order->text),
        .limits = order->head.limits,
    };
    jobs->first = job;
    jobs->n++;
    start(jobs, job, order, fds, &err);
    if (err.code != ERR_NONE)
        refuse(job, &err);
    end_if_over(jobs, job);
}

/* ---- what happens meanwhile ---- */

void jobs_reaped(struct jobs *jobs, pid_t pid, int wait_status)
{
    struct job *job = jobs->first;

    while (job && job->bwrap != pid)
        job = job->next;
    if (!job)
        return; /* an init whose bubblewrap ended before it */
    read_status(jobs, job);
    kill_tree(job); /* what bubblewrap left behind, if it was killed or if it ended first */
    job->bwrap = 0;
    job->wait_status = wait_status;
    end_if_over(jobs, job);
}

void jobs_on_event(struct jobs *jobs, struct job_source *source)
{
    struct job *job = source->job;

    if (source->fd < 0)
        return; /* closed by an earlier event of this turn */
    if (source == &job->status) {
        read_status(jobs, job);
        return;
    }
    close_source(jobs, source);
    end_if_over(jobs, job);
}
