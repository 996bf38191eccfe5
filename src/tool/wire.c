#include "tool/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tool/environment.h"
#include "tool/scratch.h"

static struct slice head_bytes(const struct wire_head *head)
{
    return (struct slice){ (const char *)head, sizeof(*head) };
}

/* With its 0. */
static struct slice text_bytes(const char *text)
{
    return (struct slice){ text, strlen(text) + 1 };
}

void wire_put(struct buf *packet, const struct wire_head *head, const char *text)
{
    buf_put(packet, head_bytes(head));
    if (text)
        buf_put(packet, text_bytes(text));
}

static enum err_code put_list(struct buf *packet, const char *const *list, uint32_t max,
                              uint32_t *ret_n, struct err *err)
{
    uint32_t n = 0;

    for (; list && list[n]; n++) {
        if (n == max)
            return err_set(err, ERR_LIMIT, "it has more than %u arguments or paths", max);
        if (buf_add(packet, text_bytes(list[n]), err))
            return err->code;
    }
    *ret_n = n;
    return ERR_NONE;
}

static enum err_code put_texts(struct buf *packet, struct wire_head *head,
                               const struct tool_run *run, struct err *err)
{
    if (buf_add(packet, run->session, err) || buf_add(packet, text_bytes(""), err))
        return err->code;
    if (put_list(packet, run->spec->argv, WIRE_LIST_MAX, &head->argv_n, err))
        return err->code;
    if (environment_put(packet, run, WIRE_LIST_MAX, &head->env_n, err))
        return err->code;
    if (put_list(packet, run->spec->read_paths, WIRE_READ_PATHS_MAX, &head->read_n, err))
        return err->code;
    return put_list(packet, run->spec->write_paths, WIRE_WRITE_PATHS_MAX, &head->write_n, err);
}

static struct wire_limits limits_of(const struct tool_spec *spec)
{
    return (struct wire_limits){
        .cpu_s = spec->cpu_ms > 0 ? ((uint64_t)spec->cpu_ms + 999) / 1000 : 0,
        .memory_bytes = spec->memory_bytes,
        .processes = spec->processes_max,
        .file_bytes = spec->file_bytes_max,
    };
}

enum err_code wire_put_start(struct buf *packet, const struct tool_run *run, uint64_t id,
                             struct err *err)
{
    struct wire_head head = {
        .kind = WIRE_START,
        .run = id,
        .has_network = run->spec->has_network ? 1 : 0,
        .limits = limits_of(run->spec),
    };

    ASSERT(packet->len == 0 && packet->max == WIRE_BYTES_MAX);
    if (!scratch_name_is_valid(run->session))
        return err_set(err, ERR_INVALID, "its session's name cannot name a folder");
    if (!run->spec->argv || !run->spec->argv[0] || run->spec->argv[0][0] == '\0')
        return err_set(err, ERR_INVALID, "it has no command");
    buf_put(packet, head_bytes(&head));
    if (put_texts(packet, &head, run, err)) {
        if (err->code == ERR_LIMIT)
            (void)err_wrap(err, "its command line, paths and secrets are too long");
        return err->code;
    }
    memcpy(packet->data, &head, sizeof(head)); /* now with its counts */
    return ERR_NONE;
}

static const char *next_text(struct slice *rest)
{
    const char *text = rest->ptr;
    size_t len = strnlen(text, rest->len);

    ASSERT(len < rest->len);
    rest->ptr += len + 1;
    rest->len -= len + 1;
    return text;
}

static void take_list(const char **list, uint32_t n, uint32_t max, struct slice *rest)
{
    ASSERT(n <= max);
    for (uint32_t i = 0; i < n; i++)
        list[i] = next_text(rest);
    list[n] = NULL;
}

void wire_parse(struct wire_message *ret_message, struct slice packet)
{
    struct wire_message *m = ret_message;
    struct slice rest = { packet.ptr + sizeof(m->head), packet.len - sizeof(m->head) };

    ASSERT(packet.len >= sizeof(m->head));
    memcpy(&m->head, packet.ptr, sizeof(m->head));
    m->text = rest.len > 0 ? next_text(&rest) : "";
    take_list(m->argv, m->head.argv_n, WIRE_LIST_MAX, &rest);
    take_list(m->env, m->head.env_n, WIRE_LIST_MAX, &rest);
    take_list(m->read_paths, m->head.read_n, WIRE_READ_PATHS_MAX, &rest);
    take_list(m->write_paths, m->head.write_n, WIRE_WRITE_PATHS_MAX, &rest);
    ASSERT(rest.len == 0);
}

/* Room for the descriptors of one packet, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
};

int wire_send(int sock, struct slice packet, const int *fds, int flags)
{
    union {
        const char *in;
        void *out;
    } bytes = { packet.ptr }; /* sendmsg() only reads; its type is shared with recvmsg() */
    struct iovec iov = { bytes.out, packet.len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    union control control = { 0 };

    if (fds) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * WIRE_FDS);
        memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * WIRE_FDS);
    }
    for (;;) {
        ssize_t sent = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);

        if (sent >= 0) {
            ASSERT((size_t)sent == packet.len); /* packets go whole or not at all */
            return 0;
        }
        if (errno != EINTR)
            return errno;
    }
}

/* All three or none: with too few free descriptors the kernel gives some of them. */
static void take_fds(struct msghdr *msg, int fds[WIRE_FDS])
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        ASSERT(n <= WIRE_FDS);
        memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
        for (size_t i = 0; n < WIRE_FDS && i < n; i++) {
            (void)close(fds[i]);
            fds[i] = -1;
        }
    }
}

ssize_t wire_receive(int sock, void *packet, size_t size, int fds[WIRE_FDS], int flags)
{
    struct iovec iov = { packet, size };
    union control control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t len = 0;

    for (int i = 0; i < WIRE_FDS; i++)
        fds[i] = -1;
    do
        len = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len > 0)
        take_fds(&msg, fds);
    return len;
}
