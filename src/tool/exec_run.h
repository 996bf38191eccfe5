/*
 * exec_run.h - the server's side of one tool that the launcher runs: its pipes, what it prints,
 * its wall time. Included by src/tool/ only.
 *
 * Life: exec_run_new(), exec_run_open() (pipes), exec_run_watch() once it was sent to the
 * launcher, then exec_run_finish() when the launcher reported its end or is lost.
 * Threads: the loop's.
 */
#ifndef TOOL_EXEC_RUN_H
#define TOOL_EXEC_RUN_H

#include "loop/loop.h"
#include "tool/capture.h"
#include "tool/output.h"
#include "tool/wire.h"

enum { EXEC_READ_BYTES = 64 * 1024 };

/* One end of a pipe; fd is -1 when it is closed. */
struct exec_pipe {
    int fd;
    struct loop_fd *watch;
};

struct exec_run;

/* Asks the launcher to kill the tool's processes. */
typedef void exec_run_kill_fn(void *arg, struct exec_run *exec);

struct exec_run {
    uint64_t id;
    struct tool_run *run;
    struct loop *loop;
    char *read_buffer; /* EXEC_READ_BYTES, shared by all runs of a launcher */
    exec_run_kill_fn *kill;
    void *arg;
    struct exec_pipe input;
    struct exec_pipe output;
    struct exec_pipe errors;
    size_t input_at;          /* bytes of the arguments that went into the pipe */
    struct tool_output *kept; /* its stdout */
    struct capture errors_text;
    struct loop_timer deadline;
    struct loop_post post; /* for an end without a launcher */
    int64_t started_mono_ms;
    enum tool_end killed_as; /* TOOL_TIMED_OUT, TOOL_STOPPED; TOOL_END_COUNT: not killed */
};

/* output_dir: as of tool_output_new(). */
struct exec_run *exec_run_new(struct tool_run *run, struct loop *loop, uint64_t id,
                              const char *output_dir);

/* Makes its pipes. ret_fds: the tool's ends, the caller's to close once they are sent. */
enum err_code exec_run_open(struct exec_run *exec, int ret_fds[WIRE_FDS],
                            struct err *err) MUST_CHECK;

/* From now on its pipes are served and its wall time runs. */
void exec_run_watch(struct exec_run *exec);

/* Ends it early, as `as`. A second reason does not replace the first. */
void exec_run_end_early(struct exec_run *exec, enum tool_end as);

/*
 * The last word: takes what is left in its pipes, fills run->result, calls done, frees. `ended`
 * is the launcher's report; text its reason, or "".
 */
void exec_run_finish(struct exec_run *exec, const struct wire_head *ended, const char *text);

/* The same where there is no report: TOOL_NOT_STARTED, TOOL_STOPPED or TOOL_LOST. */
void exec_run_finish_as(struct exec_run *exec, enum tool_end end, const struct err *err);

#endif
