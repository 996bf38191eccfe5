/*
 * process.h - the programs under measurement: pawl, and the provider beside it.
 *
 * Everything here ends the program when something fails: a bench without its servers has nothing
 * to say. What it started is ended with it.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int64_t bench_now_us(void);
void bench_pause_ms(int ms); /* between two looks at another process */

enum { LOG_TAIL = 4096 };

struct process {
    pid_t pid;
    unsigned port;
    int out; /* its stdout, and for pawl its log */
    int log;
    int64_t ready_us;                   /* from its start to its first line */
    uint64_t turns_ended, turns_failed; /* by the log */
    char line[LOG_TAIL];                /* the last one, perhaps not whole yet */
    size_t line_len;
};

void bench_folder_set(const char *path);                /* where the stores are made */
void bench_path(char path[PATH_MAX], const char *name); /* of a file in it */
void bench_remove_store(const char *name);

void provider_start(struct process *provider);
/* `store` is a file's name in the folder. */
void pawl_start(struct process *pawl, const char *store, unsigned provider_port);
void pawl_read_log(struct process *pawl);   /* counts the turns that have ended meanwhile */
void process_stop(struct process *process); /* SIGTERM, and waits */
void process_kill(struct process *process); /* SIGKILL, and waits */

/* From /proc, of all threads of the process: not of the tools or the launcher beside it. */
double process_cpu_ms(const struct process *process);
double process_rss_kib(const struct process *process);

#endif
