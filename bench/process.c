#include "bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"

static char folder[PATH_MAX];

_Noreturn void bench_die(const char *fmt, ...)
{
    int error = errno;
    va_list ap;

    (void)fprintf(stderr, "bench: ");
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "%s%s\n", error ? ": " : "", error ? strerrordesc_np(error) : "");
    exit(1);
}

int64_t bench_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void bench_pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* ---- the folder ---- */

void bench_path(char path[PATH_MAX], const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    ASSERT(n > 0 && n < PATH_MAX);
}

void bench_folder_set(const char *path)
{
    if (!realpath(path, folder))
        bench_die("%s", path);
}

void bench_remove_store(const char *name)
{
    static const char *const ends[] = { "", "-wal", "-shm", ".lock", ".scratch" };
    char path[PATH_MAX], file[80];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)snprintf(file, sizeof(file), "%s%s", name, ends[i]);
        bench_path(path, file);
        (void)remove(path);
    }
}

/* ---- starting ---- */

static _Noreturn void become(const char *const argv[], int out, int log)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* does not outlive a bench that is broken off */
    if (dup2(out, STDOUT_FILENO) < 0 || (log >= 0 && dup2(log, STDERR_FILENO) < 0))
        _exit(126);
    union { /* execv() changes nothing, but its prototype is older than const */
        const char *const *ours;
        char *const *theirs;
    } args = { .ours = argv };

    (void)execv(argv[0], args.theirs);
    perror(argv[0]);
    _exit(127);
}

/* Starts the program and reads its first line. */
static void start(struct process *process, const char *const argv[], int has_log, char *ret_line,
                  size_t size)
{
    int out[2], log[2] = { -1, -1 };
    int64_t began_us = bench_now_us();
    size_t n = 0;

    *process = (struct process){ .log = -1 };
    if (pipe2(out, O_CLOEXEC) < 0 || (has_log && pipe2(log, O_CLOEXEC) < 0))
        bench_die("pipe");
    process->pid = fork();
    if (process->pid < 0)
        bench_die("fork");
    if (process->pid == 0)
        become(argv, out[1], log[1]);
    (void)close(out[1]);
    process->out = out[0];
    if (has_log) {
        (void)close(log[1]);
        (void)fcntl(log[0], F_SETFL, O_NONBLOCK);
        (void)fcntl(log[0], F_SETPIPE_SZ, 1 << 20); /* a slow reader must not hold it up */
        process->log = log[0];
    }
    while (n + 1 < size && read(process->out, ret_line + n, 1) == 1 && ret_line[n] != '\n')
        n++;
    ret_line[n] = '\0';
    process->ready_us = bench_now_us() - began_us;
    if (n == 0) {
        pawl_read_log(process);
        bench_die("%s does not start: %.*s", argv[0], (int)process->line_len, process->line);
    }
}

void provider_start(struct process *provider)
{
    const char *argv[] = { BENCH_PROVIDER, NULL };
    char line[64];

    start(provider, argv, 0, line, sizeof(line));
    provider->port = (unsigned)strtoul(line, NULL, 10);
}

void pawl_start(struct process *pawl, const char *store, unsigned provider_port)
{
    char path[PATH_MAX], port[16], line[256];
    const char *other = getenv("PAWL");
    const char *argv[] = {
        other ? other : BENCH_PAWL, "serve", "--config", BENCH_CONFIG, "--grace", "1ms", NULL
    };

    bench_path(path, store);
    (void)snprintf(port, sizeof(port), "%u", provider_port);
    (void)setenv("BENCH_STORE", path, 1);
    (void)setenv("BENCH_PROVIDER_PORT", port, 1);
    start(pawl, argv, 1, line, sizeof(line));
    const char *at = strstr(line, "127.0.0.1:");

    if (!at)
        bench_die("pawl says: %s", line);
    pawl->port = (unsigned)strtoul(at + strlen("127.0.0.1:"), NULL, 10);
}

/* ---- its log ---- */

static void count_line(struct process *pawl)
{
    if (strstr(pawl->line, " turn ended "))
        pawl->turns_ended++;
    else if (strstr(pawl->line, " turn failed ")) {
        pawl->turns_failed++;
        (void)fprintf(stderr, "%s\n", pawl->line);
    }
}

static void count_lines(struct process *pawl, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (pawl->line_len + 1 < sizeof(pawl->line))
                pawl->line[pawl->line_len++] = bytes[i];
            continue;
        }
        pawl->line[pawl->line_len] = '\0';
        count_line(pawl);
        pawl->line_len = 0;
    }
}

void pawl_read_log(struct process *pawl)
{
    static char bytes[1 << 16];
    ssize_t n;

    while ((n = read(pawl->log, bytes, sizeof(bytes))) > 0)
        count_lines(pawl, bytes, (size_t)n);
}

/* ---- stopping, and what /proc says ---- */

static void end(struct process *process, int signum)
{
    (void)kill(process->pid, signum);
    while (waitpid(process->pid, NULL, WNOHANG) == 0) {
        if (process->log >= 0)
            pawl_read_log(process); /* a full pipe would hold it up for ever */
        bench_pause_ms(2);
    }
    (void)close(process->out);
    if (process->log >= 0)
        (void)close(process->log);
}

void process_stop(struct process *process)
{
    end(process, SIGTERM);
}

void process_kill(struct process *process)
{
    end(process, SIGKILL);
}

static void read_proc(const struct process *process, const char *name, char *ret_text, size_t size)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)process->pid, name);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(ret_text, 1, size - 1, file) : 0;

    if (n == 0)
        bench_die("read %s", path);
    ret_text[n] = '\0';
    (void)fclose(file);
}

double process_cpu_ms(const struct process *process)
{
    char text[1024];

    read_proc(process, "stat", text, sizeof(text));
    char *at = strrchr(text, ')'); /* the name may hold blanks; utime is the 12th field after it */

    for (int i = 0; at && i < 12; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        bench_die("/proc/PID/stat is not as expected");
    unsigned long user = strtoul(at, &at, 10);
    unsigned long sys = strtoul(at, NULL, 10);

    return (double)(user + sys) * 1000.0 / (double)sysconf(_SC_CLK_TCK);
}

double process_rss_kib(const struct process *process)
{
    char text[8192];

    read_proc(process, "status", text, sizeof(text));
    const char *rss = strstr(text, "VmRSS:");

    if (!rss)
        bench_die("/proc/PID/status is not as expected");
    return strtod(rss + strlen("VmRSS:"), NULL);
}
