/* Who outlives whom: the lock, a killed server, a killed launcher, a Ctrl-C. */
#include "unit/tool_fixture.h"

#include <sys/file.h>

static int folders_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fixture_make_folders(f);
    *state = f;
    return 0;
}

static int folders_teardown(void **state)
{
    fixture_remove_folders(*state);
    free(*state);
    return 0;
}

static void the_lock_is_held_by_one_server(void **state)
{
    struct fixture *f = *state;
    struct launcher *first = NULL;
    struct launcher *second = NULL;
    struct err err = { 0 };
    char expected[256];

    assert_int_equal(fixture_start(f, &first, &err), ERR_NONE);
    assert_int_equal(fixture_start(f, &second, &err), ERR_CONFLICT);
    assert_null(second);
    (void)snprintf(expected, sizeof(expected),
                   "the store is in use: %s is held by process %d; stop that server first", f->lock,
                   (int)getpid());
    assert_memory_equal(err.msg, expected, strlen(expected));
    launcher_stop(first);
    assert_int_equal(fixture_start(f, &second, &err), ERR_NONE);
    launcher_stop(second);
}

static void what_cannot_be_used_is_said_at_start(void **state)
{
    struct fixture *f = *state;
    struct launcher *launcher = NULL;
    struct err err = { 0 };

    fixture_write(f->base, "plain", "", 0644);
    (void)snprintf(f->scratch, sizeof(f->scratch), "%s/plain", f->base);
    assert_int_not_equal(fixture_start(f, &launcher, &err), ERR_NONE);
    assert_non_null(strstr(err.msg, "the scratch folder"));
    assert_non_null(strstr(err.msg, "Not a directory"));

    (void)snprintf(f->scratch, sizeof(f->scratch), "/proc/scratch");
    assert_int_not_equal(fixture_start(f, &launcher, &err), ERR_NONE);
    assert_non_null(strstr(err.msg, "make the scratch folder /proc/scratch: "));

    (void)snprintf(f->scratch, sizeof(f->scratch), "%s/scratch", f->base);
    (void)snprintf(f->project, sizeof(f->project), "%s/nowhere", f->base);
    assert_int_equal(fixture_start(f, &launcher, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.msg, "the project folder"));

    (void)snprintf(f->project, sizeof(f->project), "%s/scratch", f->base);
    assert_int_equal(mkdir(f->project, 0755), 0);
    assert_int_equal(fixture_start(f, &launcher, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "which tools may not see"));

    if (geteuid() == 0) {
        (void)snprintf(f->project, sizeof(f->project), "%s/private", f->base);
        assert_int_equal(mkdir(f->project, 0700), 0);
        assert_int_equal(fixture_start(f, &launcher, &err), ERR_UNAVAILABLE);
        assert_non_null(strstr(err.msg, "may not read the project folder: chmod o+rx"));
    }
}

/* ---- tools that have many processes, and when they are all there ---- */

enum { CROWD = 8, CROWD_PROCESSES = 6 }; /* bubblewrap, its init, the shell, three that sleep */

struct crowd {
    struct fixture *fixture;
    const char *marker;
    char script[256];
    const char *argv[4];
    struct call calls[CROWD];
    struct loop_timer timer;
    loop_fn *on_up;
    void *arg;
};

static void crowd_check(void *arg)
{
    struct crowd *crowd = arg;

    if (fixture_count_processes("cmdline", crowd->marker) < CROWD * CROWD_PROCESSES)
        loop_timer_start(crowd->fixture->loop, &crowd->timer, 10, crowd_check, crowd);
    else
        crowd->on_up(crowd->arg);
}

/* on_up: called when every process of it runs. */
static struct crowd *crowd_start(struct fixture *f, const char *marker, loop_fn *on_up, void *arg)
{
    struct crowd *crowd = xcalloc(1, sizeof(*crowd));

    crowd->fixture = f;
    crowd->marker = marker;
    crowd->on_up = on_up;
    crowd->arg = arg;
    (void)snprintf(crowd->script, sizeof(crowd->script),
                   "trap '' TERM; sleep %s & setsid sleep %s & sleep %s", marker, marker, marker);
    crowd->argv[0] = "sh";
    crowd->argv[1] = "-c";
    crowd->argv[2] = crowd->script;
    for (int i = 0; i < CROWD; i++) {
        call_init(&crowd->calls[i], f, crowd->argv);
        call_start(&crowd->calls[i]);
    }
    loop_timer_start(f->loop, &crowd->timer, 0, crowd_check, crowd);
    return crowd;
}

static void crowd_free(struct crowd *crowd)
{
    loop_timer_stop(crowd->fixture->loop, &crowd->timer);
    free(crowd);
}

/* ---- a killed server ---- */

static void say_up(void *arg)
{
    if (write(*(int *)arg, "x", 1) != 1)
        _exit(3);
}

/* In a process of its own; asserts would go to the wrong place here. */
static _Noreturn void serve(struct fixture *f, const char *marker, int fd)
{
    struct err err = { 0 };

    if (fixture_start(f, &f->launcher, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        _exit(2);
    }
    fixture_attach(f);
    (void)crowd_start(f, marker, say_up, &fd);
    loop_run(f->loop);
    _exit(0);
}

/* Starts a server, waits until its tools run if need be, kills it, and waits for its lock. */
static void kill_a_server(struct fixture *f, int is_up_first)
{
    const char *marker = fixture_marker();
    struct launcher *second = NULL;
    struct err err = { 0 };
    char byte = 0;
    int up[2];

    assert_int_equal(pipe(up), 0);
    pid_t server = fork();

    assert_true(server >= 0);
    if (server == 0)
        serve(f, marker, up[1]);
    (void)close(up[1]);
    if (is_up_first) {
        assert_int_equal(read(up[0], &byte, 1), 1);
        assert_int_equal(fixture_start(f, &second, &err), ERR_CONFLICT);
    } else {
        while (fixture_count_processes("cmdline", marker) == 0)
            assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
    }
    int lock = open(f->lock, O_RDWR | O_CLOEXEC);

    assert_true(lock >= 0);
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(fixture_count_processes("cmdline", marker), 0);
    (void)close(lock);
    (void)close(up[0]);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

static void a_killed_servers_tools_are_dead_when_its_lock_is_free(void **state)
{
    struct launcher *next = NULL;
    struct err err = { 0 };

    kill_a_server(*state, 1);
    for (int i = 0; i < 5; i++)
        kill_a_server(*state, 0);
    assert_int_equal(fixture_start(*state, &next, &err), ERR_NONE);
    launcher_stop(next);
}

/* ---- a killed launcher ---- */

static void kill_launcher(void *arg)
{
    (void)arg;
    assert_int_equal(kill(fixture_launcher_pid(), SIGKILL), 0);
}

static void await_lost(struct fixture *f, struct crowd *crowd)
{
    const char *argv[] = { "true", NULL };
    struct call late;

    for (int i = 0; i < CROWD; i++) {
        call_await(&crowd->calls[i]);
        call_expect(&crowd->calls[i], TOOL_LOST, 0);
    }
    assert_int_equal(fixture_count_processes("cmdline", crowd->marker), 0);
    assert_int_equal(f->lost, 1);
    call_init(&late, f, argv);
    call_start(&late);
    call_await(&late);
    call_expect(&late, TOOL_NOT_STARTED, 0);
}

static void a_killed_launchers_tools_die_with_it(void **state)
{
    struct crowd *crowd = crowd_start(*state, fixture_marker(), kill_launcher, NULL);

    await_lost(*state, crowd);
    crowd_free(crowd);
}

static void also_those_that_were_just_being_started(void **state)
{
    struct crowd *crowd = crowd_start(*state, fixture_marker(), kill_launcher, NULL);

    while (fixture_count_processes("cmdline", crowd->marker) == 0)
        ;
    kill_launcher(NULL);
    await_lost(*state, crowd);
    crowd_free(crowd);
}

/* ---- signals that are not for it ---- */

static void a_ctrl_c_does_not_end_the_launcher(void **state)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    pid_t launcher = fixture_launcher_pid();
    struct call call;

    assert_int_not_equal(getpgid(launcher), getpgrp());
    assert_int_not_equal(getsid(launcher), getsid(0));
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        assert_int_equal(kill(launcher, signals[i]), 0);
    call_sh(&call, *state, "echo still there");
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "still there\n");
}

static void the_launcher_has_nothing_of_the_servers(void **state)
{
    char path[64];
    int n = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)fixture_launcher_pid());
    DIR *dir = opendir(path);

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.')
            n++;
    }
    (void)closedir(dir);
    /* stdin, stdout, stderr; socket, lock, scratch root, epoll, signals */
    assert_int_equal(n, 8);
}

static int crowded_setup(void **state)
{
    for (int i = 0; i < 5; i++) {
        int fd = open("/", O_RDONLY); /* without O_CLOEXEC, and left open */

        assert_true(fd >= 0);
    }
    return fixture_setup(state);
}

int main(int argc, char **argv)
{
#define FOLDERS_TEST(fn)  cmocka_unit_test_setup_teardown(fn, folders_setup, folders_teardown)
#define LAUNCHER_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        FOLDERS_TEST(the_lock_is_held_by_one_server),
        FOLDERS_TEST(what_cannot_be_used_is_said_at_start),
        FOLDERS_TEST(a_killed_servers_tools_are_dead_when_its_lock_is_free),
        LAUNCHER_TEST(a_killed_launchers_tools_die_with_it),
        LAUNCHER_TEST(also_those_that_were_just_being_started),
        LAUNCHER_TEST(a_ctrl_c_does_not_end_the_launcher),
        cmocka_unit_test_setup_teardown(the_launcher_has_nothing_of_the_servers, crowded_setup,
                                        fixture_teardown),
    };

    if (!fixture_become(argc, argv))
        return FIXTURE_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
