#include "cli/lock_wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/attr.h"

enum { PID_TEXT_MAX = 32 };

static int holder_lives(int fd)
{
    char text[PID_TEXT_MAX] = "";
    char *end = text;

    if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    long pid = strtol(text, &end, 10);

    return end != text && pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
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
