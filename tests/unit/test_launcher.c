/* How tools end, and what comes of what they print, read and leave behind. */
#include "unit/tool_fixture.h"

static void a_tool_prints_and_exits(void **state)
{
    struct call call;

    call_sh(&call, *state, "echo out; echo err >&2");
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "out\n");
    assert_string_equal(call.errors, "err\n");
    assert_int_equal(call.output_bytes, 4);
}

static void arguments_come_on_stdin(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = { "cat", NULL };
    struct call call;

    call_init(&call, f, argv);
    call.run.arguments = SLICE_LIT("{\"amount\": 12}");
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "{\"amount\": 12}");
}

static void exit_statuses_and_signals_are_told_apart(void **state)
{
    struct call call;

    call_sh(&call, *state, "exit 1");
    call_expect(&call, TOOL_EXITED, 1);
    call_sh(&call, *state, "exit 75");
    call_expect(&call, TOOL_EXITED, 75);
    call_sh(&call, *state, "exit 255");
    call_expect(&call, TOOL_EXITED, 255);
    call_sh(&call, *state, "kill -SEGV $$");
    call_expect(&call, TOOL_SIGNALLED, SIGSEGV);
    call_sh(&call, *state, "kill -KILL $$");
    call_expect(&call, TOOL_SIGNALLED, SIGKILL);
}

static void a_command_that_cannot_run_is_not_started(void **state)
{
    struct fixture *f = *state;
    const char *missing[] = { "no-such-command", NULL };
    const char *unreadable[] = { "./plain.txt", NULL };
    const char *no_interpreter[] = { "./odd.sh", NULL };
    const char *absolute[] = { "/nowhere/x", NULL };
    const struct {
        const char *const *argv;
        const char *reason;
    } cases[] = {
        { missing, "tool probed did not start: the command no-such-command is not installed" },
        { unreadable, "the command ./plain.txt in the project folder: Permission denied" },
        { no_interpreter, "execvp ./odd.sh: No such file or directory" },
        { absolute, "execvp /nowhere/x: No such file or directory" },
    };

    fixture_write(f->project, "plain.txt", "text", 0644);
    fixture_write(f->project, "odd.sh", "#!/nowhere/interpreter\n", 0755);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call;

        call_init(&call, f, cases[i].argv);
        call_start(&call);
        call_await(&call);
        call_expect(&call, TOOL_NOT_STARTED, 0);
        if (!strstr(call.reason, cases[i].reason))
            fail_msg("'%s' does not say '%s'", call.reason, cases[i].reason);
    }
}

static void scripts_of_the_project_run_in_it(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = { "./hello.sh", NULL };
    char expected[160];
    struct call call;

    call_init(&call, f, argv);
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    (void)snprintf(expected, sizeof(expected), "hello from %s\n", f->project);
    assert_string_equal(call.output, expected);
}

static void a_timeout_ends_the_whole_tree(void **state)
{
    const char *marker = fixture_marker();
    char script[256];
    const char *argv[] = { "sh", "-c", script, NULL };
    struct call call;

    (void)snprintf(script, sizeof(script),
                   "trap '' TERM INT HUP; setsid sh -c 'sleep %s & sleep %s' & echo up; sleep %s",
                   marker, marker, marker);
    call_init(&call, *state, argv);
    call.spec.timeout_ms = 4000; /* a busy machine starts all of them by then */
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_TIMED_OUT, 0);
    assert_string_equal(call.output, "up\n");
    assert_true(call.duration_ms >= call.spec.timeout_ms);
    assert_int_equal(fixture_count_processes("cmdline", marker), 0);
}

static void what_outlives_its_command_is_ended_with_it(void **state)
{
    const char *marker = fixture_marker();
    char script[256];
    struct call call;

    /* They keep stdout open: the end must not wait for them. */
    (void)snprintf(script, sizeof(script),
                   "sleep %s & setsid sh -c 'setsid sleep %s &' ; echo done", marker, marker);
    call_sh(&call, *state, script);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "done\n");
    assert_true(call.duration_ms < 10000);
    assert_int_equal(fixture_count_processes("cmdline", marker), 0);
}

/* Stops the tool when it has printed: only then all of it runs. */
struct stopper {
    struct call call;
    struct loop_timer timer;
    const char *marker;
};

static void stop_when_running(void *arg)
{
    struct stopper *s = arg;

    if (fixture_count_processes("cmdline", s->marker) < 3)
        loop_timer_start(s->call.fixture->loop, &s->timer, 10, stop_when_running, s);
    else
        tool_runner_stop(launcher_runner(s->call.fixture->launcher), &s->call.run);
}

static void a_stop_ends_the_whole_tree(void **state)
{
    struct fixture *f = *state;
    struct stopper s = { .marker = fixture_marker() };
    char script[256];
    const char *argv[] = { "sh", "-c", script, NULL };

    (void)snprintf(script, sizeof(script), "sleep %s & sleep %s", s.marker, s.marker);
    call_init(&s.call, f, argv);
    call_start(&s.call);
    loop_timer_start(f->loop, &s.timer, 0, stop_when_running, &s);
    call_await(&s.call);
    call_expect(&s.call, TOOL_STOPPED, 0);
    assert_int_equal(fixture_count_processes("cmdline", s.marker), 0);
}

static void a_stop_right_after_the_start_is_a_stop(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = { "sleep", "1000", NULL };
    struct call call;

    call_init(&call, f, argv);
    call_start(&call);
    tool_runner_stop(launcher_runner(f->launcher), &call.run);
    tool_runner_stop(launcher_runner(f->launcher), &call.run);
    assert_int_equal(call.done, 0);
    call_await(&call);
    call_expect(&call, TOOL_STOPPED, 0);
}

static size_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char text[128] = "";
    char *at = text;

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    (void)fclose(file);
    (void)strtoul(at, &at, 10); /* the whole, then what is resident */
    return strtoul(at, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void a_gigabyte_of_output_is_counted_not_kept(void **state)
{
    size_t before = resident_bytes();
    struct call call;

    call_sh(&call, *state, "head -c 1000000000 /dev/zero");
    call_expect(&call, TOOL_EXITED, 0);
    assert_int_equal(call.output_bytes, 1000000000);
    assert_int_equal(call.output_len, 65536);
    assert_true(resident_bytes() < before + MB(8));
}

static void much_output_takes_no_memory(void **state)
{
    static const char *const argv[] = { "head", "-c", "200000000", "/dev/zero", NULL };
    size_t before = resident_bytes();
    struct call call;

    call_init(&call, *state, argv);
    call.spec.output_bytes_max = MB(100);
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    assert_int_equal(call.output_bytes, 200000000);
    assert_int_equal(call.output_len, MB(100));
    assert_true(resident_bytes() < before + MB(8));
}

static void long_errors_keep_head_and_tail(void **state)
{
    const char *argv[] = { "sh", "-c",
                           "echo first >&2; head -c 5000000 /dev/zero | tr '\\0' x >&2; "
                           "echo last >&2",
                           NULL };
    struct call call;

    call_init(&call, *state, argv);
    call.spec.stderr_bytes_max = 1000;
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    assert_memory_equal(call.errors, "first\nxxx", 9);
    assert_non_null(strstr(call.errors, "x\n[... 4999011 bytes left out ...]\nx"));
    assert_string_equal(call.errors + strlen(call.errors) - 6, "xlast\n");
}

static void a_fork_bomb_is_bounded_and_ends(void **state)
{
    const char *bounded[] = { "perl", "-e",
                              "$n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 1000 } "
                              "$n++ } print $n",
                              NULL };
    const char *bomb[] = { "sh", "-c", "f() { f | f & }; f; while :; do f; done", NULL };
    struct call call;

    call_init(&call, *state, bounded);
    call.spec.processes_max = 10;
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "9"); /* and itself */

    call_init(&call, *state, bomb);
    call.spec.processes_max = 10;
    call.spec.timeout_ms = 500;
    call_start(&call);
    call_await(&call);
    assert_true(call.end == TOOL_TIMED_OUT || call.end == TOOL_EXITED);
    assert_int_equal(fixture_count_processes("cmdline", "f() { f | f & }"), 0);
}

static void a_tool_need_not_read_its_stdin(void **state)
{
    enum { BYTES = 1024 * 1024 };
    const char *closes[] = { "sh", "-c", "exec 0<&-; echo ok", NULL };
    const char *reads_a_bit[] = { "sh", "-c", "head -c 3; exec 0<&-; echo", NULL };
    const char *never[] = { "sleep", "1000", NULL };
    const char *all[] = { "wc", "-c", NULL };
    const char *const *const cases[] = { closes, reads_a_bit, never, all };
    const char *const expected[] = { "ok\n", "[[[\n", "", "1048576\n" };
    char *arguments = malloc(BYTES);

    assert_non_null(arguments);
    memset(arguments, '[', BYTES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call;

        call_init(&call, *state, cases[i]);
        call.run.arguments = (struct slice){ arguments, BYTES };
        call.spec.timeout_ms = cases[i] == never ? 500 : 20 * 1000;
        call_start(&call);
        call_await(&call);
        call_expect(&call, cases[i] == never ? TOOL_TIMED_OUT : TOOL_EXITED, 0);
        assert_string_equal(call.output, expected[i]);
    }
    free(arguments);
}

static void hundreds_run_at_once(void **state)
{
    enum { CALLS = 200 };
    struct fixture *f = *state;
    const char *argv[] = { "sh", "-c", "cat; sleep 1000", NULL };
    struct call *calls = calloc(CALLS, sizeof(*calls));

    assert_non_null(calls);
    for (int i = 0; i < CALLS; i++) {
        call_init(&calls[i], f, argv);
        calls[i].spec.processes_max = 3; /* of its own, whatever the others of its user do */
        call_start(&calls[i]);
    }
    for (int i = 0; i < CALLS; i++)
        tool_runner_stop(launcher_runner(f->launcher), &calls[i].run);
    for (int i = 0; i < CALLS; i++) {
        call_await(&calls[i]);
        call_expect(&calls[i], TOOL_STOPPED, 0);
    }
    for (int i = 0; i < CALLS; i++) {
        const char *echo[] = { "cat", NULL };

        call_init(&calls[i], f, echo);
        calls[i].spec.processes_max = 1;
        call_start(&calls[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        call_await(&calls[i]);
        call_expect(&calls[i], TOOL_EXITED, 0);
        assert_string_equal(calls[i].output, "{}");
    }
    free(calls);
}

static void what_cannot_be_passed_on_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = { "true", NULL };
    char *long_arg = calloc(1, 200000);
    const char *long_argv[] = { "true", long_arg, NULL };
    struct tool_env secret = { "OK", SLICE_LIT("value") };
    const struct {
        const char *secret;
        struct slice value;
        struct slice session;
        const char *const *argv;
        const char *reason;
    } cases[] = {
        { "OK", SLICE_LIT("v"), SLICE_LIT("../evil"), argv, "session's name" },
        { "OK", SLICE_LIT("v"), SLICE_LIT(""), argv, "session's name" },
        { "OK", SLICE_LIT("v"), SLICE_LIT("s"), long_argv, "too long" },
        { "LD_PRELOAD", SLICE_LIT("v"), SLICE_LIT("s"), argv, "'LD_PRELOAD' has a name that" },
        { "PAWL_CALL", SLICE_LIT("v"), SLICE_LIT("s"), argv, "'PAWL_CALL' has a name that" },
        { "A=B", SLICE_LIT("v"), SLICE_LIT("s"), argv, "'A=B' has no name that" },
        { "OK", SLICE_LIT("v\0w"), SLICE_LIT("s"), argv, "OK would hold a zero byte" },
    };

    assert_non_null(long_arg);
    memset(long_arg, 'x', 199999);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call;

        secret = (struct tool_env){ cases[i].secret, cases[i].value };
        call_init(&call, f, cases[i].argv);
        call.spec.secrets = &secret;
        call.spec.secrets_n = 1;
        call.run.session = cases[i].session;
        call_start(&call);
        call_await(&call);
        call_expect(&call, TOOL_NOT_STARTED, 0);
        if (!strstr(call.reason, cases[i].reason))
            fail_msg("'%s' does not say '%s'", call.reason, cases[i].reason);
    }
    free(long_arg);
}

static void stopping_the_launcher_ends_every_run(void **state)
{
    struct fixture *f = *state;
    const char *marker = fixture_marker();
    const char *argv[] = { "sleep", marker, NULL };
    const char *missing[] = { "", NULL };
    struct call calls[10];

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        call_init(&calls[i], f, i == 9 ? missing : argv);
        call_start(&calls[i]);
    }
    launcher_stop(f->launcher);
    f->launcher = NULL;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(calls[i].done, 1);
        call_expect(&calls[i], i == 9 ? TOOL_NOT_STARTED : TOOL_STOPPED, 0);
    }
    assert_int_equal(fixture_count_processes("cmdline", marker), 0);
}

/* Waits until the scratch root holds nothing. */
struct empty_wait {
    struct fixture *f;
    struct loop_timer timer;
};

static void stop_when_empty(void *arg)
{
    struct empty_wait *wait = arg;
    DIR *dir = opendir(wait->f->scratch);
    int n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    if (n == 2)
        loop_stop(wait->f->loop);
    else
        loop_timer_start(wait->f->loop, &wait->timer, 10, stop_when_empty, wait);
}

static void a_forgotten_session_leaves_nothing_and_takes_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct empty_wait wait = { .f = f };
    char script[512];
    struct call call;

    fixture_write(f->base, "precious", "text", 0666);
    (void)snprintf(script, sizeof(script),
                   "cd /scratch && ln -s %s out && ln -s / root && mkdir -p a/b closed "
                   "&& touch closed/file a/b/c .hidden 'odd\nname' && mkfifo pipe "
                   "&& perl -e 'for (1..3000) { mkdir \"d\"; chdir \"d\" or die }' "
                   "&& chmod 0 closed",
                   f->base);
    call_sh(&call, f, script);
    call_expect(&call, TOOL_EXITED, 0);
    launcher_forget_session(f->launcher, SLICE_LIT("ses_one"));
    launcher_forget_session(f->launcher, SLICE_LIT("ses_never_seen"));
    launcher_forget_session(f->launcher, SLICE_LIT("../project"));
    loop_timer_start(f->loop, &wait.timer, 0, stop_when_empty, &wait);
    fixture_run(f);
    (void)snprintf(script, sizeof(script), "%s/precious", f->base);
    assert_int_equal(access(script, F_OK), 0);
}

int main(int argc, char **argv)
{
#define LAUNCHER_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        LAUNCHER_TEST(a_tool_prints_and_exits),
        LAUNCHER_TEST(arguments_come_on_stdin),
        LAUNCHER_TEST(exit_statuses_and_signals_are_told_apart),
        LAUNCHER_TEST(a_command_that_cannot_run_is_not_started),
        LAUNCHER_TEST(scripts_of_the_project_run_in_it),
        LAUNCHER_TEST(a_timeout_ends_the_whole_tree),
        LAUNCHER_TEST(what_outlives_its_command_is_ended_with_it),
        LAUNCHER_TEST(a_stop_ends_the_whole_tree),
        LAUNCHER_TEST(a_stop_right_after_the_start_is_a_stop),
        LAUNCHER_TEST(a_gigabyte_of_output_is_counted_not_kept),
        LAUNCHER_TEST(much_output_takes_no_memory),
        LAUNCHER_TEST(long_errors_keep_head_and_tail),
        LAUNCHER_TEST(a_fork_bomb_is_bounded_and_ends),
        LAUNCHER_TEST(a_tool_need_not_read_its_stdin),
        LAUNCHER_TEST(hundreds_run_at_once),
        LAUNCHER_TEST(what_cannot_be_passed_on_is_refused),
        LAUNCHER_TEST(stopping_the_launcher_ends_every_run),
        LAUNCHER_TEST(a_forgotten_session_leaves_nothing_and_takes_nothing_else),
    };

    if (!fixture_become(argc, argv))
        return FIXTURE_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
