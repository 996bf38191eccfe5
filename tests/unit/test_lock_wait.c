/* test_lock_wait.c - who holds the lock of a store: a server that lives, or what a dead one left?
 */
#include "cli/lock_wait.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

enum { PATIENCE_SECONDS = 30 };

struct fixture {
    char path[64];
    pid_t server;
    int ready; /* a byte comes when the lock is held */
};

/* Holds the lock, as a launcher does, until its server, at the other end of the pipe, is dead. */
static void be_launcher(int alive)
{
    char byte;

    _exit(read(alive, &byte, 1) == 0 ? 0 : 1);
}

static void be_server(const char *path, int ready)
{
    int alive[2];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX) || pipe(alive) || dprintf(fd, "%d\n", (int)getpid()) < 0)
        _exit(1);
    pid_t launcher = fork();

    if (launcher == 0) {
        (void)close(alive[1]);
        be_launcher(alive[0]);
    }
    (void)close(alive[0]);
    (void)close(fd);
    if (launcher < 0 || write(ready, "r", 1) != 1)
        _exit(1);
    for (;;)
        (void)pause();
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int ready[2];
    char byte;

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/pawl-lock-wait-");
    memset(f->path + strlen(f->path), 'X', 6); /* the six that mkstemp() fills in */
    int fd = mkstemp(f->path);

    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(pipe(ready), 0);
    f->server = fork();
    if (f->server == 0)
        be_server(f->path, ready[1]);
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)kill(f->server, SIGKILL);
    (void)waitpid(f->server, NULL, 0);
    (void)unlink(f->path);
    free(f);
    return 0;
}

/* Nobody has asked about it yet: it is there as a zombie. */
static void test_killed(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(kill(f->server, SIGKILL), 0);
    assert_int_equal(lock_wait(f->path, PATIENCE_SECONDS), 1);
}

static void test_alive(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(lock_wait(f->path, PATIENCE_SECONDS), 0);
}

static void test_no_file(void **state)
{
    (void)state;
    assert_int_equal(lock_wait("/nonexistent/lock", PATIENCE_SECONDS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_alive, set_up, tear_down),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
