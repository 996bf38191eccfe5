#include "cli/lock_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/attr.h"

enum { PID_TEXT_MAX = 32, DYING_MS = 1000 };

/*
 * A process that was killed is there until it has given back its memory, and then until its parent
 * has asked about it; its end is told of before that. One that is gone at once has no descriptor.
 */
static int lives_on(pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    if (fd < 0)
        return errno != ESRCH;
    int has_ended = poll(&wait, 1, DYING_MS) == 1;

    (void)close(fd);
    return !has_ended;
}

static int holder_lives(int fd)
{
    char text[PID_TEXT_MAX] = "";
    char *end = text;

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    long pid = strtol(text, &end, 10);

    return end != text && pid > 0 && lives_on((pid_t)pid);
}

static void on_alarm(int signum)
{
    (void)signum; /* its arrival ends flock() */
}

/* The timer repeats, so that one that fires just before flock() begins is not the only one. */
static void set_alarm(unsigned seconds, struct sigaction *action)
{
    const struct itimerval timer = { .it_value = { .tv_sec = (time_t)seconds },
                                     .it_interval = { .tv_sec = seconds ? 1 : 0 } };
    struct sigaction before;

    int failed = sigaction(SIGALRM, action, &before);

    ASSERT(!failed);
    failed = setitimer(ITIMER_REAL, &timer, NULL);
    ASSERT(!failed);
    *action = before;
}

int lock_wait(const char *path, unsigned seconds)
{
    struct sigaction action = { .sa_handler = on_alarm };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int is_free = 0;

    if (fd < 0)
        return 0;
    if (!holder_lives(fd)) {
        set_alarm(seconds, &action);
        is_free = flock(fd, LOCK_EX) == 0;
        set_alarm(0, &action);
    }
    (void)close(fd);
    return is_free;
}
