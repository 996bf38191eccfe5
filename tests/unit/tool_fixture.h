/*
 * tool_fixture.h - a real launcher on a real loop over folders of its own, for the tests of
 * src/tool/.
 *
 * The folders stand in one with mode 0700, like a project in /root: as root the tools' user
 * cannot pass through it. A test binary that is called with `unprivileged` becomes nobody first
 * (and is skipped where it is that already), so every test runs both ways.
 */
#ifndef UNIT_TOOL_FIXTURE_H
#define UNIT_TOOL_FIXTURE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "loop/loop.h"
#include "tool/launcher.h"
#include "unit/unit.h"

enum {
    FIXTURE_UID_BASE = 300000,
    FIXTURE_NOBODY = 65534,
    FIXTURE_SKIPPED = 77, /* meson's word for it */
    FIXTURE_WAIT_MS = 30000,
};

#define MB(n) ((size_t)(n) << 20)

struct fixture {
    char base[64];
    char project[96];
    char scratch[96];
    char lock[96];
    char store[128]; /* masked */
    struct loop *loop;
    struct launcher *launcher;
    int lost;
    struct loop_timer watchdog;
};

struct call {
    struct fixture *fixture;
    struct tool_spec spec;
    struct tool_run run;
    int done;
    int is_kept_going; /* its done does not stop the loop */
    enum tool_end end;
    int status;
    uint64_t output_bytes;
    size_t output_len;
    int64_t duration_ms;
    char output[4096];
    char errors[4096];
    char reason[ERR_MSG_MAX];
};

static inline void fixture_write(const char *folder, const char *name, const char *text,
                                 mode_t mode)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void fixture_make_folders(struct fixture *f)
{
    *f = (struct fixture){ .base = "/tmp/pawl-test-" };
    memset(f->base + strlen(f->base), 'X', 6); /* the six that mkdtemp() fills in */
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->project, sizeof(f->project), "%s/project", f->base);
    (void)snprintf(f->scratch, sizeof(f->scratch), "%s/project/scratch", f->base);
    (void)snprintf(f->lock, sizeof(f->lock), "%s/store.lock", f->base);
    (void)snprintf(f->store, sizeof(f->store), "%s/store.db", f->project);
    assert_int_equal(mkdir(f->project, 0755), 0);
    fixture_write(f->project, "store.db", "SECRET ROWS", 0644);
    fixture_write(f->project, "hello.sh", "#!/bin/sh\necho hello from $PWD\n", 0755);
}

/* A tool may have left folders that even their owner cannot read. */
static inline int fixture_open_up(const char *path, const struct stat *stat, int type,
                                  struct FTW *ftw)
{
    (void)stat;
    (void)ftw;
    return (type == FTW_D || type == FTW_DNR) && chmod(path, 0700) != 0;
}

static inline int fixture_remove(const char *path, const struct stat *stat, int type,
                                 struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fixture_remove_folders(struct fixture *f)
{
    assert_int_equal(nftw(f->base, fixture_open_up, 16, FTW_PHYS), 0);
    assert_int_equal(nftw(f->base, fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline enum err_code fixture_start(struct fixture *f, struct launcher **ret_launcher,
                                          struct err *err)
{
    const char *masked[] = { f->store, NULL };
    struct launcher_config config = {
        .lock_path = f->lock,
        .project_dir = f->project,
        .scratch_root = f->scratch,
        .output_dir = f->base,
        .masked = masked,
        .uid_base = FIXTURE_UID_BASE,
    };

    return launcher_start(ret_launcher, &config, err);
}

static inline void fixture_on_lost(void *arg)
{
    struct fixture *f = arg;

    f->lost++;
    loop_stop(f->loop);
}

static inline void fixture_attach(struct fixture *f)
{
    struct err err = { 0 };

    assert_int_equal(loop_new(&f->loop, &err), ERR_NONE);
    launcher_attach(f->launcher, f->loop, fixture_on_lost, f);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = { 0 };

    assert_non_null(f);
    fixture_make_folders(f);
    if (fixture_start(f, &f->launcher, &err))
        fail_msg("%s", err.msg);
    fixture_attach(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    launcher_stop(f->launcher);
    loop_free(f->loop);
    fixture_remove_folders(f);
    free(f);
    return 0;
}

static inline void fixture_timeout(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for %d seconds", FIXTURE_WAIT_MS / 1000);
}

/* Runs the loop until somebody stops it, but not for ever. */
static inline void fixture_run(struct fixture *f)
{
    loop_timer_start(f->loop, &f->watchdog, FIXTURE_WAIT_MS, fixture_timeout, NULL);
    loop_run(f->loop);
    loop_timer_stop(f->loop, &f->watchdog);
}

static inline void call_copy(char *to, size_t size, struct slice from)
{
    (void)snprintf(to, size, "%.*s", (int)from.len, from.ptr ? from.ptr : "");
}

static inline void call_on_done(struct tool_run *run, void *arg)
{
    struct call *call = arg;

    call->done++;
    call->end = run->result.end;
    call->status = run->result.status;
    call->output_bytes = run->result.output_bytes;
    call->output_len = run->result.output.len;
    call->duration_ms = run->result.duration_ms;
    call_copy(call->output, sizeof(call->output), run->result.output);
    call_copy(call->errors, sizeof(call->errors), run->result.errors);
    (void)snprintf(call->reason, sizeof(call->reason), "%s", run->result.err.msg);
    tool_output_free(run->result.kept);
    if (!call->is_kept_going)
        loop_stop(call->fixture->loop);
}

/* argv is kept: it must outlive the call. */
static inline void call_init(struct call *call, struct fixture *f, const char *const *argv)
{
    *call = (struct call){ .fixture = f, .end = TOOL_END_COUNT };
    call->spec = (struct tool_spec){
        .name = "probed",
        .argv = argv,
        .timeout_ms = FIXTURE_WAIT_MS / 2,
        .cpu_ms = 10000,
        .memory_bytes = MB(512),
        .processes_max = 32,
        .file_bytes_max = MB(16),
        .output_bytes_max = 65536,
        .stderr_bytes_max = 65536,
    };
    call->run = (struct tool_run){
        .session = SLICE_LIT("ses_one"),
        .key = SLICE_LIT("key-7"),
        .call = 7,
        .attempt = 2,
        .arguments = SLICE_LIT("{}"),
        .done = call_on_done,
        .arg = call,
    };
}

static inline void call_start(struct call *call)
{
    call->run.spec = &call->spec;
    tool_runner_start(launcher_runner(call->fixture->launcher), &call->run);
    assert_int_equal(call->done, 0); /* never from inside start() */
}

static inline void call_await(struct call *call)
{
    while (!call->done)
        fixture_run(call->fixture);
    assert_int_equal(call->done, 1);
}

/* The tool is `sh -c script`. */
static inline void call_sh(struct call *call, struct fixture *f, const char *script)
{
    const char *argv[] = { "sh", "-c", script, NULL };

    call_init(call, f, argv);
    call_start(call);
    call_await(call);
}

static inline void call_expect(const struct call *call, enum tool_end end, int status)
{
    if (call->end == end && call->status == status)
        return;
    fail_msg("ended %s %d: output '%s', errors '%s', reason '%s'", tool_end_name(call->end),
             call->status, call->output, call->errors, call->reason);
}

/* ---- what runs on the machine ---- */

static inline int fixture_file_holds(const char *path, const char *text)
{
    char bytes[64 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

    if (fd >= 0)
        (void)close(fd);
    return len > 0 && memmem(bytes, (size_t)len, text, strlen(text)) != NULL;
}

/* How many processes have text in that file of theirs (`cmdline`, `environ`). A forked copy of
 * this program has it too: tests keep the text in the tool's script, made at run time. */
static inline int fixture_count_processes(const char *file, const char *text)
{
    DIR *proc = opendir("/proc");
    int n = 0;

    assert_non_null(proc);
    for (struct dirent *entry = readdir(proc); entry; entry = readdir(proc)) {
        char path[PATH_MAX];

        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        (void)snprintf(path, sizeof(path), "/proc/%s/%s", entry->d_name, file);
        n += fixture_file_holds(path, text);
    }
    (void)closedir(proc);
    return n;
}

/* A text that stands in no other process: an odd number of seconds to sleep. */
static inline const char *fixture_marker(void)
{
    static char marker[32];
    static int serial;

    (void)snprintf(marker, sizeof(marker), "9%07d.%d", (int)getpid(), ++serial);
    return marker;
}

/* The youngest child that calls itself so: where this program is the first of its process
 * namespace, launchers of killed servers are its children, too. */
static inline pid_t fixture_launcher_pid(void)
{
    char path[64];
    char pids[1024] = "";
    pid_t found = 0;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    assert_non_null(fgets(pids, sizeof(pids), file));
    (void)fclose(file);
    for (char *at = pids, *end = NULL;; at = end) {
        long pid = strtol(at, &end, 10);

        if (end == at)
            break;
        (void)snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
        if (fixture_file_holds(path, "pawl-launcher"))
            found = (pid_t)pid;
    }
    assert_true(found > 0);
    return found;
}

/* ---- main ---- */

/* True if the tests shall run. */
static inline int fixture_become(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "unprivileged") != 0)
        return 1;
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) != 0 || setresgid(FIXTURE_NOBODY, FIXTURE_NOBODY, FIXTURE_NOBODY) != 0 ||
        setresuid(FIXTURE_NOBODY, FIXTURE_NOBODY, FIXTURE_NOBODY) != 0) {
        perror("become nobody");
        exit(1);
    }
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* so that /proc/self is ours */
    return 1;
}

#endif
