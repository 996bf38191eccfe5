#include "tool/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/wire.h"

enum {
    PROBE_WAIT_MS = 30 * 1000, /* it takes 5; a machine that swaps may be slow */
    PROBE_TEXT_MAX = 300,      /* of what was said on stderr */
};

#define PROBE_SESSION "probe"

static const struct tool_run probe_run = {
    .spec =
        &(const struct tool_spec){
            .name = "probe",
            .argv = (const char *const[]){ "true", NULL },
            .cpu_ms = 1000,
            .processes_max = 8,
            .file_bytes_max = 4096,
        },
    .session = { PROBE_SESSION, sizeof(PROBE_SESSION) - 1 },
};

static enum err_code send_probe(int sock, int null_fd, int text_fd, struct err *err)
{
    CLEANUP(buf_release) struct buf packet = { .max = WIRE_BYTES_MAX };
    const int fds[WIRE_FDS] = { null_fd, null_fd, text_fd };

    if (wire_put_start(&packet, &probe_run, 0, err))
        return err->code;
    int errnum = wire_send(sock, buf_slice(&packet), fds, 0);

    return errnum ? err_sys(err, errnum, "send to the launcher") : ERR_NONE;
}

static enum err_code await_end(int sock, struct wire_message *message, char *packet,
                               struct err *err)
{
    struct pollfd poll_fd = { .fd = sock, .events = POLLIN };
    int fds[WIRE_FDS];

    if (poll(&poll_fd, 1, PROBE_WAIT_MS) != 1)
        return err_set(err, ERR_UNAVAILABLE, "a first tool did not end in %d seconds",
                       PROBE_WAIT_MS / 1000);
    ssize_t len = wire_receive(sock, packet, WIRE_BYTES_MAX, fds, 0);

    if (len <= 0)
        return err_set(err, ERR_UNAVAILABLE, "the launcher of tools has died");
    wire_parse(message, (struct slice){ packet, (size_t)len });
    ASSERT(message->head.kind == WIRE_ENDED);
    return ERR_NONE;
}

/* What bubblewrap refuses is mostly namespaces; what we refuse says itself what to do. */
static enum err_code explain(const struct wire_message *message, int text_fd, struct err *err)
{
    char text[PROBE_TEXT_MAX + 1] = "";
    ssize_t len = read(text_fd, text, PROBE_TEXT_MAX);

    text[len > 0 ? len : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (message->text[0] != '\0')
        return err_set(err, ERR_UNAVAILABLE, "%s", message->text);
    if (strncmp(text, "bwrap: ", 7) == 0)
        return err_set(err, ERR_UNAVAILABLE,
                       "%s (bubblewrap needs user namespaces: sysctl "
                       "user.max_user_namespaces, kernel.unprivileged_userns_clone)",
                       text);
    return err_set(err, ERR_UNAVAILABLE, "%s", text[0] ? text : "it ended without a word");
}

static void forget(int sock)
{
    struct wire_head head = { .kind = WIRE_FORGET };
    CLEANUP(buf_release) struct buf packet = { .max = WIRE_BYTES_MAX };

    wire_put(&packet, &head, PROBE_SESSION);
    (void)wire_send(sock, buf_slice(&packet), NULL, 0); /* a lost launcher is seen next */
}

static enum err_code run_probe(int sock, int null_fd, const int text[2], struct err *err)
{
    struct wire_message *message = xcalloc(1, sizeof(*message));
    char *packet = xcalloc(1, WIRE_BYTES_MAX);
    enum err_code code = send_probe(sock, null_fd, text[1], err);

    if (code == ERR_NONE)
        code = await_end(sock, message, packet, err);
    if (code == ERR_NONE && (message->head.ended != WIRE_EXITED || message->head.status != 0))
        code = explain(message, text[0], err);
    forget(sock);
    free(message);
    free(packet);
    return code;
}

enum err_code probe_sandbox(int sock, struct err *err)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int text[2] = { -1, -1 };
    enum err_code code = ERR_NONE;

    if (null_fd < 0 || pipe2(text, O_CLOEXEC | O_NONBLOCK) != 0)
        code = err_sys(err, errno, "make the pipes of a first tool");
    else
        code = run_probe(sock, null_fd, text, err);
    if (null_fd >= 0)
        (void)close(null_fd);
    for (int i = 0; i < 2; i++) {
        if (text[i] >= 0)
            (void)close(text[i]);
    }
    return code ? err_wrap(err, "the sandbox of tools does not work here") : ERR_NONE;
}
