/*
 * tool.h - running a tool somewhere else, as a request that is data.
 *
 * A runner is one way to run tools: a sandboxed command (launcher.h), a function of this
 * process (builtin.h), a simulator's. The engine knows runners only by this interface.
 *
 * Completion: each run that was started ends in exactly one call of run->done, on the loop's
 * thread, never from inside start() or stop(). After it the tool and every process that it
 * left behind are gone.
 *
 * Ownership: the caller owns *run and all it points to, and keeps it in place until done has
 * run. Results in run->result are the runner's and valid during done only, but for `kept`: the
 * caller ends it with tool_output_free(), and until then has output, too.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include "base/buf.h"
#include "base/hash.h"

struct tool_runner;
struct tool_run;
struct tool_output;

/* How a run ended. What that means for the session is the engine's to say. */
enum tool_end {
    TOOL_EXITED,      /* result.status is its exit status; output is valid */
    TOOL_SIGNALLED,   /* result.status is the signal that ended it: memory, CPU, seccomp, ...;
                         also for an exit status of 128 and its number, as shells report it */
    TOOL_TIMED_OUT,   /* its wall time was over; it was ended */
    TOOL_STOPPED,     /* tool_runner_stop() ended it */
    TOOL_NOT_STARTED, /* it surely did not run; result.err says why */
    TOOL_LOST,        /* the launcher went away; it may have run */
    TOOL_END_COUNT
};

struct tool_env {
    const char *name;
    struct slice value;
};

/* What to run, and what it may use: the same for every call of one tool. */
struct tool_spec {
    const char *name;               /* the tool's name in pawl.yaml */
    const char *const *argv;        /* NULL-terminated; argv[0] as written: "./x.sh", "jq" */
    const char *const *read_paths;  /* NULL-terminated; absolute; extra read-only binds */
    const char *const *write_paths; /* NULL-terminated; real paths of folders it may change */
    const struct tool_env *secrets; /* from the configuration; never logged */
    size_t secrets_n;
    int has_network;    /* false: no interface but loopback of its own */
    int64_t timeout_ms; /* wall time from start to end; not 0 */
    /* 0 is "no limit" for the next four. */
    int64_t cpu_ms;          /* CPU time a process; rounded up to seconds */
    uint64_t memory_bytes;   /* address space a process; also the size of /tmp */
    uint32_t processes_max;  /* processes and threads at once */
    uint64_t file_bytes_max; /* a file it writes */
    size_t output_bytes_max; /* stdout beyond it is counted, dropped, and said so */
    size_t stderr_bytes_max; /* the same for stderr: head and tail are kept, and one more line
                                between them says how much was left out */
};

struct tool_result {
    enum tool_end end;
    int status;
    struct slice output;      /* stdout, at most output_bytes_max */
    struct tool_output *kept; /* where output stands, or NULL. The caller's from done on */
    struct slice errors;      /* stderr, for people */
    uint64_t output_bytes;    /* all that it printed, kept or not */
    int64_t started_at_ms;    /* wall */
    int64_t duration_ms;
    struct err err; /* TOOL_NOT_STARTED, TOOL_LOST */
};

typedef void tool_done_fn(struct tool_run *run, void *arg);

struct tool_run {
    const struct tool_spec *spec;
    struct slice session; /* names the scratch folder that its tools share: "ses_..." */
    struct slice key;     /* stable over attempts: PAWL_IDEMPOTENCY_KEY */
    uint32_t call;        /* PAWL_CALL, PAWL_ATTEMPT */
    uint32_t attempt;
    struct slice arguments; /* JSON, on its stdin */
    tool_done_fn *done;
    void *arg;
    struct tool_result result;
    void *runner_slot; /* for the runner, from start to done */
};

/* Every member is mandatory. */
struct tool_runner_ops {
    void (*start)(struct tool_runner *runner, struct tool_run *run);
    /* End it soon: SIGTERM is not asked for, its tree is killed. done follows as always. */
    void (*stop)(struct tool_runner *runner, struct tool_run *run);
};

struct tool_runner {
    const struct tool_runner_ops *ops;
};

void tool_runner_start(struct tool_runner *runner, struct tool_run *run);
void tool_runner_stop(struct tool_runner *runner, struct tool_run *run);

struct sha256 tool_output_hash(const struct tool_output *output); /* of all that was kept */
void tool_output_free(struct tool_output *output);                /* NULL-safe */

const char *tool_end_name(enum tool_end end); /* "exited", "timed_out", ... */

#endif
