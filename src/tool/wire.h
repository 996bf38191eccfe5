/*
 * wire.h - what the server and its launcher say to each other over their socket. Included by
 * src/tool/ only.
 *
 * One message is one packet (SOCK_SEQPACKET): struct wire_head, then 0-terminated texts. Both
 * ends are the same program on the same machine, so the head goes as it lies in memory. What
 * does not parse is our bug, never bad input: sizes are checked where a message is made.
 *
 *   WIRE_START    texts: session; argv; env as NAME=value; read paths; write paths. Three
 *                 descriptors: the tool's stdin, stdout and stderr
 *   WIRE_KILL     run
 *   WIRE_FORGET   text: session
 *   WIRE_READY    the launcher has made its namespaces
 *   WIRE_REFUSED  text: why it could not
 *   WIRE_ENDED    run, ended, status; text: why, if the launcher itself could not start it
 */
#ifndef TOOL_WIRE_H
#define TOOL_WIRE_H

#include <sys/types.h>

#include "tool/tool.h"

enum {
    WIRE_BYTES_MAX = 128 * 1024, /* one message; the socket's buffer takes more */
    WIRE_FDS = 3,
    WIRE_LIST_MAX = 1024, /* arguments, or variables, of one tool */
    WIRE_READ_PATHS_MAX = 32,
    WIRE_WRITE_PATHS_MAX = 8
};

enum wire_kind {
    WIRE_START = 1,
    WIRE_KILL,
    WIRE_FORGET,
    WIRE_READY,
    WIRE_REFUSED,
    WIRE_ENDED,
};

enum wire_ended {
    WIRE_EXITED,      /* the command ran and ended by itself; status as a shell has it */
    WIRE_NOT_STARTED, /* it did not run: the text, or what stands on its stderr, says why */
    WIRE_KILLED,      /* it was ended from outside: by WIRE_KILL, or by the machine */
};

struct wire_limits {
    uint64_t cpu_s; /* here and below 0 is "none" */
    uint64_t memory_bytes;
    uint64_t processes;
    uint64_t file_bytes;
};

struct wire_head {
    uint32_t kind;
    uint32_t ended;
    int32_t status;
    uint32_t has_network;
    uint32_t argv_n;
    uint32_t env_n;
    uint32_t read_n;
    uint32_t write_n; /* the eighth of four bytes: so no byte of the packet is padding */
    uint64_t run;
    struct wire_limits limits;
};

/* A message as received: the pointers are into its packet. */
struct wire_message {
    struct wire_head head;
    const char *text; /* the first text, or "" */
    const char *argv[WIRE_LIST_MAX + 1];
    const char *env[WIRE_LIST_MAX + 1];
    const char *read_paths[WIRE_READ_PATHS_MAX + 1];
    const char *write_paths[WIRE_WRITE_PATHS_MAX + 1];
};

/* Checks the run's texts and writes its WIRE_START; the error is for people. */
enum err_code wire_put_start(struct buf *packet, const struct tool_run *run, uint64_t id,
                             struct err *err) MUST_CHECK;
void wire_put(struct buf *packet, const struct wire_head *head, const char *text);
void wire_parse(struct wire_message *ret_message, struct slice packet);

/* 0, or an errno. fds: WIRE_FDS of them, or NULL. */
int wire_send(int sock, struct slice packet, const int *fds, int flags);

/*
 * The length of the packet, 0 at the end of the socket, or -1 with errno. Writes three
 * descriptors, close-on-exec and the caller's; -1 each if the packet had none.
 */
ssize_t wire_receive(int sock, void *packet, size_t size, int fds[WIRE_FDS], int flags);

#endif
