/*
 * jobs.h - the tools that the launcher runs, each from its fork to the death of its last
 * process. Included by src/tool/ only; lives in the launcher's process.
 *
 * A tool is: bubblewrap, our child, which starts and watches the first process of a process
 * namespace ("init"), in which the command runs. bubblewrap says on its status pipe who init is,
 * then waits at the gate: now init gets the tool's limits and a pidfd, and the gate is opened.
 * It says the command's exit status if, and only if, exec worked. It may end before init does,
 * so the tool is over when bubblewrap is reaped and the pidfd says that init is dead: the
 * kernel lets an init die last.
 */
#ifndef TOOL_JOBS_H
#define TOOL_JOBS_H

#include "tool/sandbox.h"

enum { JOB_STATUS_MAX = 1024 }; /* bubblewrap 0.8 writes 270 bytes */

struct job;

/* What epoll gives back. */
struct job_source {
    struct job *job;
    int fd; /* -1: closed */
};

struct job {
    struct job *next;
    struct job_source status; /* bubblewrap's reports */
    struct job_source init;   /* pidfd of the namespace's first process */
    int gate_fd;
    uint64_t run;
    uid_t uid;
    pid_t bwrap; /* 0: reaped */
    int wait_status;
    int is_killed; /* by us */
    int is_ended;
    struct wire_limits limits;
    char *refusal; /* why the launcher itself could not start it */
    size_t text_len;
    char text[JOB_STATUS_MAX + 1]; /* of the status pipe */
};

typedef void job_report_fn(void *arg, const struct wire_head *head, const char *text);

struct jobs {
    const struct sandbox *box;
    int epoll;
    job_report_fn *report;
    void *arg;
    struct job *first;
    size_t n;
};

void jobs_init(struct jobs *jobs, const struct sandbox *box, int epoll, job_report_fn *report,
               void *arg);

/* Each ends in one report of WIRE_ENDED. The descriptors stay the caller's. */
void jobs_start(struct jobs *jobs, const struct wire_message *order, const int fds[WIRE_FDS]);
void jobs_kill(struct jobs *jobs, uint64_t run); /* ended, or unknown: a no-op */

void jobs_reaped(struct jobs *jobs, pid_t pid, int wait_status);
void jobs_on_event(struct jobs *jobs, struct job_source *source);
void jobs_free_ended(struct jobs *jobs);

#endif
