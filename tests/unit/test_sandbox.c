/* What a tool can see and do, and what it cannot. */
#include "unit/tool_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* The script writes to stdout what it could do; `expected` is all that it should. */
static void expect_output(void **state, const char *script, const char *expected)
{
    struct call call;

    call_sh(&call, *state, script);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, expected);
}

static void the_environment_is_its_own(void **state)
{
    assert_int_equal(setenv("SERVER_ONLY", "secret", 1), 0);
    expect_output(state, "unset PWD OLDPWD _ SHLVL; env | sort",
                  "HOME=/scratch\nLANG=C.UTF-8\n"
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                  "PAWL_ATTEMPT=2\nPAWL_CALL=7\nPAWL_IDEMPOTENCY_KEY=key-7\n"
                  "PAWL_SCRATCH=/scratch\nPAWL_SESSION=ses_one\nPAWL_TOOL=probed\nTMPDIR=/tmp\n");
}

static void it_has_no_rights_and_a_filter(void **state)
{
    struct fixture *f = *state;
    struct call call;

    call_sh(&call, f, "grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status");
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                                     "CapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
    call_sh(&call, f, "id -u; id -G");
    call_expect(&call, TOOL_EXITED, 0);
    long uid = strtol(call.output, NULL, 10);

    if (geteuid() == 0)
        assert_true(uid >= FIXTURE_UID_BASE && uid < FIXTURE_UID_BASE + 65536);
    else
        assert_int_equal(uid, geteuid());
}

static void it_is_the_first_to_go_when_memory_is_short(void **state)
{
    expect_output(state, "cat /proc/self/oom_score_adj", "1000\n");
}

static void refused_calls_fail(void **state)
{
    /* perl's syscall() by number: x86-64's, as the build is for one machine. */
    expect_output(
        state,
        "unshare -U true 2>/dev/null && echo user namespace\n"
        "unshare -m true 2>/dev/null && echo mount namespace\n"
        "mount -t tmpfs none /tmp 2>/dev/null && echo mount\n"
        "setarch -R true 2>/dev/null && echo personality\n"
        "perl -e '$! = 0; syscall(135, 0x40000); print \"no ASLR $!\\n\"'\n"
        "perl -e '$! = 0; syscall(135, 0x80040000); print \"nor so $!\\n\"'\n"
        "perl -e 'print \"asked \", syscall(135, 0xffffffff), \"\\n\"'\n"
        "perl -e '$! = 0; syscall(101, 0, 0, 0, 0); print \"ptrace $!\\n\"'\n"
        "perl -e '$! = 0; syscall(321, 0, 0, 0); print \"bpf $!\\n\"'\n"
        "perl -e '$! = 0; syscall(425, 1, 0); print \"io_uring $!\\n\"'\n"
        "perl -e '$! = 0; syscall(250, 0, 0); print \"keyctl $!\\n\"'\n"
        "perl -e '$! = 0; syscall(435, 0, 0); print \"clone3 $!\\n\"'\n"
        "perl -e '$! = 0; $x = \"x\"; syscall(16, 0, 0x5412, $x); print \"TIOCSTI $!\\n\"'\n"
        "perl -e '$! = 0; syscall(41, 40, 1, 0); print \"vsock $!\\n\"'\n"
        "perl -e '$! = 0; syscall(41, 1, 1, 0); print \"unix $!\\n\"'\n",
        "no ASLR Operation not permitted\nnor so Operation not permitted\nasked 0\n"
        "ptrace Operation not permitted\nbpf Operation not permitted\n"
        "io_uring Operation not permitted\nkeyctl Operation not permitted\n"
        "clone3 Function not implemented\nTIOCSTI Operation not permitted\n"
        "vsock Address family not supported by protocol\nunix \n");
}

static void the_system_is_read_only(void **state)
{
    expect_output(state,
                  "for place in / /usr /usr/bin /etc /dev /proc /bin . /proc/sys/kernel; do\n"
                  "    (: > $place/planted) 2>/dev/null && echo wrote to $place\n"
                  "done\n"
                  "(: >> hello.sh) 2>/dev/null && echo changed the project\n"
                  "for place in /tmp /scratch /dev/shm; do\n"
                  "    (: > $place/planted) || echo cannot write to $place\n"
                  "done\n"
                  "echo x > /dev/null && head -c 1 /dev/urandom | wc -c\n"
                  "ls -d /home /root /var /run /sys /mnt /srv 2>/dev/null\n"
                  "true",
                  "1\n");
}

static void it_sees_only_its_own_processes(void **state)
{
    /* bubblewrap's init and the shell; ls has its folder open, too */
    expect_output(state, "set -- /proc/[0-9]*; echo $# $$; ls /proc/self/fd", "2 2\n0\n1\n2\n3\n");
}

static void the_store_and_other_sessions_are_covered(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = { "sh", "-c", "echo other > /scratch/mine", NULL };
    struct call other;

    call_init(&other, f, argv);
    other.run.session = SLICE_LIT("ses_two");
    call_start(&other);
    call_await(&other);
    call_expect(&other, TOOL_EXITED, 0);
    expect_output(state,
                  "cat store.db 2>/dev/null\n"
                  "dd if=store.db 2>/dev/null\n"
                  "ls scratch 2>/dev/null; cat scratch/ses_two/mine 2>/dev/null\n"
                  "ls /scratch\n"
                  "echo *",
                  "hello.sh scratch store.db\n");
}

static void a_link_to_the_store_leads_to_its_cover(void **state)
{
    struct fixture *f = *state;
    char path[160];
    const char *read_paths[] = { path, NULL };
    const char *argv[] = { "cat", path, NULL };
    struct call call;

    (void)snprintf(path, sizeof(path), "%s/link", f->base);
    assert_int_equal(symlink(f->project, path), 0);
    (void)snprintf(path, sizeof(path), "%s/link/store.db", f->base);
    call_init(&call, f, argv);
    call.spec.read_paths = read_paths;
    call_start(&call);
    call_await(&call);
    assert_true(call.end == TOOL_EXITED || call.end == TOOL_NOT_STARTED);
    assert_true(call.end == TOOL_NOT_STARTED || call.status != 0);
    assert_int_equal(call.output_bytes, 0);
}

static void scratch_is_kept_from_call_to_call(void **state)
{
    expect_output(state, "cd; mkdir -p deep; echo kept > deep/note", "");
    expect_output(state, "cat /scratch/deep/note; cat $PAWL_SCRATCH/deep/note", "kept\nkept\n");
    expect_output(state, "echo gone > /tmp/note", "");
    expect_output(state, "ls /tmp | grep note; true", "");
}

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void the_network_is_there_only_if_it_is_given(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int fd = listen_on_loopback(&port);
    char script[256];
    const char *argv[] = { "sh", "-c", script, NULL };
    struct call call;

    (void)snprintf(
        script, sizeof(script),
        "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(\"127.0.0.1:%u\") ? "
        "\"connected\" : \"refused\"'; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n'",
        port);
    for (int has_network = 0; has_network < 2; has_network++) {
        call_init(&call, f, argv);
        call.spec.has_network = has_network;
        call_start(&call);
        call_await(&call);
        call_expect(&call, TOOL_EXITED, 0);
        if (has_network)
            assert_memory_equal(call.output, "connected", 9);
        else
            assert_string_equal(call.output, "refusedlo");
    }
    (void)close(fd);
}

struct secret_check {
    struct call call;
    struct loop_timer timer;
    int checked;
};

static void check_cmdlines(void *arg)
{
    struct secret_check *check = arg;
    struct fixture *f = check->call.fixture;

    if (fixture_count_processes("cmdline", check->call.spec.argv[3]) < 4) {
        /* two of bubblewrap's, the shell, sleep */
        loop_timer_start(f->loop, &check->timer, 10, check_cmdlines, check);
        return;
    }
    check->checked = 1;
    assert_int_equal(fixture_count_processes("cmdline", check->call.spec.secrets->value.ptr), 0);
    tool_runner_stop(launcher_runner(f->launcher), &check->call.run);
}

static void secrets_stand_in_no_command_line(void **state)
{
    struct fixture *f = *state;
    char value[32];
    struct tool_env secret = { "SHOP_TOKEN", { value, 0 } };
    const char *argv[] = { "sh", "-c", "echo $SHOP_TOKEN; sleep $0", fixture_marker(), NULL };
    struct secret_check check = { .checked = 0 };

    /* Made at run time, so that it stands nowhere in this program either. */
    secret.value.len = (size_t)snprintf(value, sizeof(value), "tok-%d-%d", 40 + 2, (int)getpid());
    call_init(&check.call, f, argv);
    check.call.spec.secrets = &secret;
    check.call.spec.secrets_n = 1;
    call_start(&check.call);
    loop_timer_start(f->loop, &check.timer, 0, check_cmdlines, &check);
    call_await(&check.call);
    call_expect(&check.call, TOOL_STOPPED, 0);
    assert_true(check.checked);
    assert_memory_equal(check.call.output, value, secret.value.len);
    expect_output(state, "echo \"[$SHOP_TOKEN]\"", "[]\n");
}

static void limits_hold(void **state)
{
    struct fixture *f = *state;
    const char *cpu[] = { "sh", "-c", "while :; do :; done", NULL };
    const char *cpu_stubborn[] = { "perl", "-e", "$SIG{XCPU} = 'IGNORE'; 1 while 1", NULL };
    const char *memory[] = { "dd", "if=/dev/zero", "bs=300M", "count=1", NULL };
    const char *file[] = { "sh", "-c", "exec head -c 20000000 /dev/zero > /scratch/big", NULL };
    const struct {
        const char *const *argv;
        enum tool_end end;
        int status;
    } cases[] = {
        { cpu, TOOL_SIGNALLED, SIGXCPU },
        { cpu_stubborn, TOOL_SIGNALLED, SIGKILL },
        { memory, TOOL_EXITED, 1 },
        { file, TOOL_SIGNALLED, SIGXFSZ },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct call call;

        call_init(&call, f, cases[i].argv);
        call.spec.cpu_ms = 1;
        call.spec.memory_bytes = MB(128);
        call_start(&call);
        call_await(&call);
        call_expect(&call, cases[i].end, cases[i].status);
        assert_string_equal(call.output, "");
    }
}

static void tmp_is_bounded_like_memory(void **state)
{
    const char *argv[] = { "sh", "-c",
                           "for i in 1 2 3 4; do head -c 8000000 /dev/zero > /tmp/$i || exit 3; "
                           "done",
                           NULL };
    struct call call;

    call_init(&call, *state, argv);
    call.spec.memory_bytes = MB(24);
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 3);
    assert_non_null(strstr(call.errors, "No space left on device"));
}

static void read_paths_are_bound_or_refused(void **state)
{
    struct fixture *f = *state;
    char data[160];
    char file[160];
    char missing[160];
    const char *read_paths[] = { data, file, NULL, NULL };
    char script[1024];
    const char *argv[] = { "sh", "-c", script, NULL };
    struct call call;

    (void)snprintf(data, sizeof(data), "%s/data", f->base);
    (void)snprintf(file, sizeof(file), "%s/single", f->base);
    (void)snprintf(missing, sizeof(missing), "%s/missing", f->base);
    assert_int_equal(mkdir(data, 0755), 0);
    fixture_write(data, "note", "read me\n", 0644);
    fixture_write(f->base, "single", "me too\n", 0644);
    (void)snprintf(script, sizeof(script), "cat %s/note %s; touch %s/x 2>/dev/null; ls %s", data,
                   file, data, f->base);
    call_init(&call, f, argv);
    call.spec.read_paths = read_paths;
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, "read me\nme too\ndata\nproject\nsingle\n");

    read_paths[2] = missing;
    call_init(&call, f, argv);
    call.spec.read_paths = read_paths;
    call_start(&call);
    call_await(&call);
    call_expect(&call, TOOL_NOT_STARTED, 0);
    assert_non_null(strstr(call.reason, missing));
    assert_non_null(strstr(call.reason, "No such file or directory"));
}

/* Runs a shell script that may change the folder. */
static void call_with_write(struct call *call, struct fixture *f, const char *folder,
                            const char *script)
{
    const char *write_paths[] = { folder, NULL };
    const char *argv[] = { "sh", "-c", script, NULL };

    call_init(call, f, argv);
    call->spec.write_paths = write_paths;
    call_start(call);
    call_await(call);
}

/* What it printed must be `expected`. */
static void expect_with_write(struct fixture *f, const char *folder, const char *script,
                              const char *expected)
{
    struct call call;

    call_with_write(&call, f, folder, script);
    call_expect(&call, TOOL_EXITED, 0);
    assert_string_equal(call.output, expected);
}

/* The reason names the folder, and says so. */
static void expect_not_given(struct fixture *f, const char *folder, const char *why)
{
    struct call call;

    call_with_write(&call, f, folder, "echo");
    call_expect(&call, TOOL_NOT_STARTED, 0);
    assert_non_null(strstr(call.reason, folder));
    assert_non_null(strstr(call.reason, why));
    assert_int_equal(call.output_bytes, 0);
}

static void write_paths_can_be_changed_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    char data[160];

    (void)snprintf(data, sizeof(data), "%s/data", f->project);
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(chmod(data, 0777), 0);
    expect_with_write(f, data, "echo one > data/note; mv data/note data/kept; cat data/kept",
                      "one\n");
    expect_with_write(
        f, data,
        "cat data/kept; (: > other) 2>/dev/null || echo no\n"
        "rm -f store.db 2>/dev/null || echo nor that; rmdir data 2>/dev/null || echo nor so",
        "one\nno\nnor that\nnor so\n");
    expect_output(state, "cat data/kept; (: > data/more) 2>/dev/null || echo not without leave",
                  "one\nnot without leave\n");
}

static void write_paths_that_cannot_be_given(void **state)
{
    struct fixture *f = *state;
    char folder[160];
    char link[192];

    (void)snprintf(folder, sizeof(folder), "%s/closed", f->base);
    expect_not_given(f, folder, "No such file or directory");
    assert_int_equal(mkdir(folder, 0555), 0);
    expect_not_given(f, folder, "may not write to");
    expect_not_given(f, folder, "chmod -R a+rwX ");
    assert_int_equal(chmod(folder, 0777), 0);
    expect_with_write(f, folder, "echo in", "in\n");
    (void)snprintf(link, sizeof(link), "%s/link", folder);
    assert_int_equal(symlink(f->project, link), 0);
    expect_not_given(f, link, "is a symbolic link"); /* put there by a tool, perhaps */
    (void)snprintf(link, sizeof(link), "%s/link/scratch", folder);
    expect_not_given(f, link, "is a symbolic link");
    expect_not_given(f, f->store, "Not a directory"); /* covered, and a file */
    expect_not_given(f, f->scratch, "may not write to");
}

int main(int argc, char **argv)
{
#define SANDBOX_TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(the_environment_is_its_own),
        SANDBOX_TEST(it_has_no_rights_and_a_filter),
        SANDBOX_TEST(it_is_the_first_to_go_when_memory_is_short),
        SANDBOX_TEST(refused_calls_fail),
        SANDBOX_TEST(the_system_is_read_only),
        SANDBOX_TEST(it_sees_only_its_own_processes),
        SANDBOX_TEST(the_store_and_other_sessions_are_covered),
        SANDBOX_TEST(a_link_to_the_store_leads_to_its_cover),
        SANDBOX_TEST(scratch_is_kept_from_call_to_call),
        SANDBOX_TEST(the_network_is_there_only_if_it_is_given),
        SANDBOX_TEST(secrets_stand_in_no_command_line),
        SANDBOX_TEST(limits_hold),
        SANDBOX_TEST(tmp_is_bounded_like_memory),
        SANDBOX_TEST(read_paths_are_bound_or_refused),
        SANDBOX_TEST(write_paths_can_be_changed_and_nothing_else),
        SANDBOX_TEST(write_paths_that_cannot_be_given),
    };

    if (!fixture_become(argc, argv))
        return FIXTURE_SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
