#include "tool/launcher_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/jobs.h"
#include "tool/scratch.h"
#include "tool/view.h"

enum { EVENTS_MAX = 64 };

struct process {
    struct jobs jobs;
    const struct sandbox *box;
    int sock;
    int epoll;
    int child_signals;
    pid_t sweeper;       /* removes scratch folders; 0: none runs */
    int is_sweep_wanted; /* more was retired since it began */
    int is_ending;       /* the socket has ended */
    char packet[WIRE_BYTES_MAX];
    struct wire_message message;
};

/* ---- scratch folders ---- */

/* In a process of its own: a tool may have left a million files. */
static void sweep(struct process *p)
{
    p->is_sweep_wanted = 1;
    if (p->sweeper != 0 || p->is_ending)
        return;
    pid_t pid = _Fork(); /* see jobs.c */

    if (pid == 0) {
        /* Not to hold the server's lock a moment longer than the launcher does. */
        if (p->box->scratch_fd > 3)
            (void)close_range(3, (unsigned)p->box->scratch_fd - 1, 0);
        (void)close_range((unsigned)p->box->scratch_fd + 1, ~0U, 0);
        scratch_sweep(p->box->scratch_fd);
        _exit(0);
    }
    if (pid > 0) {
        p->sweeper = pid;
        p->is_sweep_wanted = 0;
    }
}

static void forget(struct process *p, const char *session)
{
    struct err err = { 0 };

    /* Nobody waits for an answer, and nothing depends on it: a folder stays that has no reader. */
    if (scratch_retire(p->box->scratch_fd, session, &err))
        (void)dprintf(STDERR_FILENO, "pawl-launcher: forget %s: %s\n", session, err.msg);
    sweep(p);
}

/* ---- the socket ---- */

/* Blocks while the server is slow, which is fine: the message is small, and it does read. A
 * server that is gone is EPIPE, and the socket's end says so, too. */
static void report(void *arg, const struct wire_head *head, const char *text)
{
    struct process *p = arg;
    struct buf packet = { .max = WIRE_BYTES_MAX };

    wire_put(&packet, head, text);
    (void)wire_send(p->sock, buf_slice(&packet), NULL, 0);
    buf_release(&packet);
}

static void end_all(struct process *p)
{
    p->is_ending = 1;
    (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->sock, NULL);
    /* Everything in this process namespace but this process: never without one of its own. */
    ASSERT(getpid() == 1);
    (void)kill(-1, SIGKILL);
}

static void close_fds(const int fds[WIRE_FDS])
{
    for (int i = 0; i < WIRE_FDS; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
}

static void on_message(struct process *p)
{
    int fds[WIRE_FDS];
    ssize_t len = wire_receive(p->sock, p->packet, sizeof(p->packet), fds, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN))
        return;
    if (len <= 0) {
        end_all(p);
        return;
    }
    wire_parse(&p->message, (struct slice){ p->packet, (size_t)len });
    if (p->message.head.kind == WIRE_START) {
        scratch_root_renew(p->box->scratch_fd, p->box->scratch_root);
        jobs_start(&p->jobs, &p->message, fds);
    } else if (p->message.head.kind == WIRE_KILL) {
        jobs_kill(&p->jobs, p->message.head.run);
    } else if (p->message.head.kind == WIRE_FORGET) {
        forget(p, p->message.text);
    } else {
        assert_failed("a message that no server sends", __FILE__, __LINE__);
    }
    close_fds(fds);
}

/* ---- children ---- */

static void on_child(struct process *p)
{
    struct signalfd_siginfo info;
    int status = 0;

    while (read(p->child_signals, &info, sizeof(info)) > 0)
        ;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        if (pid != p->sweeper) {
            jobs_reaped(&p->jobs, pid, status);
            continue;
        }
        p->sweeper = 0;
        if (p->is_sweep_wanted)
            sweep(p);
    }
}

/* ---- its life ---- */

static void watch(int epoll, int fd, void *source)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        assert_failed("epoll_ctl", __FILE__, __LINE__);
}

static void serve(struct process *p)
{
    struct epoll_event events[EVENTS_MAX];

    while (!p->is_ending || p->jobs.n > 0) {
        int n = epoll_wait(p->epoll, events, EVENTS_MAX, -1);

        ASSERT(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &p->sock)
                on_message(p);
            else if (events[i].data.ptr == &p->child_signals)
                on_child(p);
            else
                jobs_on_event(&p->jobs, events[i].data.ptr);
        }
        jobs_free_ended(&p->jobs); /* not before: a later event of this turn may name one */
    }
    /* What else there is: the sweeper, and first processes of tools that never got to run. */
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

/* Nothing of the server's stays open here: no listening socket, no database, no terminal. */
static void close_others(int sock, int lock_fd, int scratch_fd)
{
    unsigned from = 3;
    int kept[] = { sock, lock_fd, scratch_fd };

    for (;;) {
        int next = -1;

        for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
            if (kept[i] >= (int)from && (next < 0 || kept[i] < next))
                next = kept[i];
        }
        if (next < 0)
            break;
        if ((unsigned)next > from)
            (void)close_range(from, (unsigned)next - 1, 0);
        from = (unsigned)next + 1;
    }
    (void)close_range(from, ~0U, 0);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; null_fd >= 0 && fd < 2; fd++)
        (void)dup2(null_fd, fd);
    if (null_fd > 2)
        (void)close(null_fd);
}

/* A Ctrl-C in the terminal, or a stop of the service, is the server's to hear: it lets its tools
 * come to an end. The launcher's own end is decided by its socket. */
static void leave_terminal(void)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };

    (void)setsid();
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)prctl(PR_SET_NAME, "pawl-launcher");
}

/* Each tool takes three descriptors here. Tools themselves are limited later, all alike. */
static void raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum err_code write_file(const char *path, const char *text, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(text);
    enum err_code code = ERR_NONE;

    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        code = err_sys(err, errno, "write %s", path);
    if (fd >= 0)
        (void)close(fd);
    return code;
}

/* In the new user namespace the one user is who he is outside. */
static enum err_code map_user(uid_t uid, gid_t gid, struct err *err)
{
    char uid_map[64];
    char gid_map[64];

    (void)snprintf(uid_map, sizeof(uid_map), "%u %u 1", (unsigned)uid, (unsigned)uid);
    (void)snprintf(gid_map, sizeof(gid_map), "%u %u 1", (unsigned)gid, (unsigned)gid);
    if (write_file("/proc/self/setgroups", "deny", err) ||
        write_file("/proc/self/uid_map", uid_map, err))
        return err->code;
    return write_file("/proc/self/gid_map", gid_map, err);
}

static int watch_children(void)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    (void)signal(SIGCHLD, SIG_DFL);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) != 0)
        return -1;
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum err_code process_init(struct process *p, const struct sandbox *box, int sock,
                                  struct err *err)
{
    p->box = box;
    p->sock = sock;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->child_signals = watch_children();
    if (p->epoll < 0 || p->child_signals < 0)
        return err_sys(err, errno, "make its descriptors");
    watch(p->epoll, sock, &p->sock);
    watch(p->epoll, p->child_signals, &p->child_signals);
    jobs_init(&p->jobs, box, p->epoll, report, p);
    return view_init(err);
}

static _Noreturn void process_main(const struct sandbox *box, int sock, int lock_fd, uid_t uid,
                                   gid_t gid)
{
    struct process *p = xcalloc(1, sizeof(*p));
    struct wire_head head = { .kind = WIRE_READY };
    struct err err = { 0 };

    leave_terminal();
    raise_files();
    close_others(sock, lock_fd, box->scratch_fd);
    p->sock = sock;
    if ((!box->is_root && map_user(uid, gid, &err)) || process_init(p, box, sock, &err)) {
        head.kind = WIRE_REFUSED;
        report(p, &head, err.msg);
        _exit(1);
    }
    report(p, &head, NULL);
    sweep(p); /* what a killed launcher left */
    serve(p);
    _exit(0); /* with this, and the server's own end, the lock is free */
}

enum err_code launcher_process_start(pid_t *ret_pid, const struct sandbox *box, int sock,
                                     int lock_fd, struct err *err)
{
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNS | (box->is_root ? 0 : CLONE_NEWUSER);
    uid_t uid = geteuid();
    gid_t gid = getegid();

    /* fork() with namespaces: libc has no call for it. Safe in a process with one thread. */
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0UL, NULL, NULL, 0UL);

    if (pid == 0)
        process_main(box, sock, lock_fd, uid, gid);
    if (pid < 0)
        return err_sys(
            err, errno,
            "tools need namespaces of their own (user namespaces must be allowed: sysctl "
            "user.max_user_namespaces, kernel.unprivileged_userns_clone; root needs "
            "CAP_SYS_ADMIN)");
    *ret_pid = (pid_t)pid;
    return ERR_NONE;
}
