#include "tool/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "tool/environment.h"
#include "tool/filter.h"
#include "tool/sandbox_args.h"
#include "tool/scratch.h"
#include "tool/view.h"

enum {
    SANDBOX_UIDS = 65536,
    SANDBOX_ARENA_MAX = 1024 * 1024,
    NOT_STARTED_STATUS = 1, /* like bubblewrap's own, when it cannot start a command */
};

/* ---- what all tools have in common ---- */

/* True if `name` in one of the folders of a PATH is a program; writes where. */
static int find_in_path(char found[PATH_MAX], const char *path, const char *name)
{
    while (*path) {
        size_t len = strcspn(path, ":");

        if (len > 0 && snprintf(found, PATH_MAX, "%.*s/%s", (int)len, path, name) < PATH_MAX &&
            access(found, X_OK) == 0)
            return 1;
        path += len + (path[len] == ':');
    }
    return 0;
}

static enum err_code find_bwrap(char **ret_path, struct err *err)
{
    char found[PATH_MAX];
    const char *path = getenv("PATH");

    if (!(path && find_in_path(found, path, "bwrap")) &&
        !find_in_path(found, SANDBOX_PATH, "bwrap"))
        return err_set(err, ERR_UNAVAILABLE,
                       "tools run in bubblewrap, and it is not installed: apt-get install "
                       "bubblewrap");
    *ret_path = xstrdup(found);
    return ERR_NONE;
}

/* By its real path: bubblewrap mounts there, and a link in it would lead elsewhere. */
static enum err_code find_project(char **ret_path, const char *dir, struct err *err)
{
    char real[PATH_MAX];

    if (dir[0] != '/')
        return err_set(err, ERR_INVALID, "the project folder %s is no absolute path", dir);
    if (!realpath(dir, real))
        return err_sys(err, errno, "the project folder %s", dir);
    if (strcmp(real, "/") == 0 || strcmp(real, SANDBOX_SCRATCH) == 0)
        return err_set(err, ERR_INVALID, "the project folder may not be %s", real);
    *ret_path = xstrdup(real);
    return ERR_NONE;
}

static char **list_covered(const char *const *masked, const char *scratch_root)
{
    size_t n = 0;

    while (masked && masked[n])
        n++;
    char **list = xcalloc(n + 2, sizeof(*list));

    for (size_t i = 0; i < n; i++)
        list[i] = xstrdup(masked[i]);
    list[n] = xstrdup(scratch_root);
    return list;
}

/* A project in there would be covered, too. */
static enum err_code check_covered(const struct sandbox *box, struct err *err)
{
    char real[PATH_MAX];

    for (size_t i = 0; box->covered[i]; i++) {
        size_t len = realpath(box->covered[i], real) ? strlen(real) : 0;

        if (len > 0 && strncmp(box->project_dir, real, len) == 0 &&
            (box->project_dir[len] == '/' || box->project_dir[len] == '\0'))
            return err_set(err, ERR_INVALID,
                           "the project folder %s lies in %s, which tools may not see",
                           box->project_dir, real);
    }
    return ERR_NONE;
}

enum err_code sandbox_init(struct sandbox *ret_box, const char *project_dir,
                           const char *scratch_root, const char *const *masked, uint32_t uid_base,
                           struct err *err)
{
    struct sandbox box = {
        .scratch_fd = -1,
        .uid_base = uid_base,
        .is_root = geteuid() == 0,
        .filter.max = FILTER_BYTES_MAX,
    };

    if (box.is_root && (uid_base == 0 || uid_base > UINT32_MAX - SANDBOX_UIDS - 1))
        return err_set(err, ERR_INVALID, "the first user of tools, %u, is out of range", uid_base);
    box.scratch_root = xstrdup(scratch_root);
    box.covered = list_covered(masked, scratch_root);
    if (find_bwrap(&box.bwrap, err) || find_project(&box.project_dir, project_dir, err) ||
        filter_make(&box.filter, err) || scratch_root_open(&box.scratch_fd, scratch_root, err) ||
        check_covered(&box, err)) {
        sandbox_release(&box);
        return err->code;
    }
    *ret_box = box;
    return ERR_NONE;
}

void sandbox_release(struct sandbox *box)
{
    if (!box)
        return;
    for (size_t i = 0; box->covered && box->covered[i]; i++)
        free(box->covered[i]);
    free(box->covered);
    free(box->bwrap);
    free(box->project_dir);
    free(box->scratch_root);
    buf_release(&box->filter);
    if (box->scratch_fd >= 0)
        (void)close(box->scratch_fd);
    *box = (struct sandbox){ .scratch_fd = -1 };
}

uid_t sandbox_uid(const struct sandbox *box, const char *session)
{
    if (!box->is_root)
        return geteuid();
    return box->uid_base + (uid_t)(hash_stable(slice_of(session)) % SANDBOX_UIDS);
}

/* ---- one tool's process ---- */

static enum err_code make_view(const struct sandbox *box, const struct wire_message *order,
                               uid_t uid, uint32_t *ret_folders, struct err *err)
{
    char scratch_dir[PATH_MAX];
    struct view view = {
        .project_dir = box->project_dir,
        .scratch_dir = scratch_dir,
        .covered = (const char *const *)box->covered,
        .read_paths = order->read_paths,
        .write_paths = order->write_paths,
    };

    if (snprintf(scratch_dir, PATH_MAX, "%s/%s", box->scratch_root, order->text) >= PATH_MAX)
        return err_set(err, ERR_INVALID, "the path of the scratch folder is too long");
    if (scratch_make(box->scratch_fd, order->text, uid, err))
        return err_wrap(err, "%s", box->scratch_root);
    if (view_enter(&view, err))
        return err->code;
    *ret_folders = view.read_folders;
    return ERR_NONE;
}

static enum err_code become_user(const struct sandbox *box, uid_t uid, struct err *err)
{
    gid_t gid = (gid_t)uid;

    if (!box->is_root)
        return ERR_NONE;
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return err_sys(err, errno, "become the tools' user %u", (unsigned)uid);
    return ERR_NONE;
}

static enum err_code check_project(const struct sandbox *box, uid_t uid, struct err *err)
{
    if (access(VIEW_PROJECT, R_OK | X_OK) == 0)
        return ERR_NONE;
    return err_set(err, ERR_UNAVAILABLE,
                   "user %u, under which this tool runs, may not read the project folder: "
                   "chmod o+rx %s",
                   (unsigned)uid, box->project_dir);
}

/* Said here, or the tool would say it in words of its own. */
static enum err_code check_write_paths(const struct wire_message *order, uid_t uid, struct err *err)
{
    char staged[VIEW_STAGED_MAX];

    for (unsigned i = 0; order->write_paths[i]; i++) {
        if (access(view_staged_write(staged, i), W_OK | X_OK) == 0)
            continue;
        if (errno != EACCES) /* on a disk that nobody may write to, say */
            return err_sys(err, errno, "cannot give it %s to write to", order->write_paths[i]);
        return err_set(err, ERR_UNAVAILABLE,
                       "user %u, under which this tool runs, may not write to %s: "
                       "chmod -R a+rwX %s",
                       (unsigned)uid, order->write_paths[i], order->write_paths[i]);
    }
    return ERR_NONE;
}

/* With a '/', it is taken from the project folder; else looked for in the sandbox's PATH. */
static enum err_code check_command(const char *command, struct err *err)
{
    char found[PATH_MAX];

    if (!strchr(command, '/')) {
        if (find_in_path(found, SANDBOX_PATH, command))
            return ERR_NONE;
        return err_set(err, ERR_NOT_FOUND, "the command %s is not installed (looked in %s)",
                       command, SANDBOX_PATH);
    }
    if (command[0] == '/' || access(command, X_OK) == 0)
        return ERR_NONE; /* an absolute one may be in a read path: bubblewrap will say */
    return err_sys(err, errno, "the command %s in the project folder", command);
}

/* A file of its own for each tool: bubblewrap reads from where the descriptor stands. */
static enum err_code open_filter(int *ret_fd, const struct sandbox *box, struct err *err)
{
    int fd = memfd_create("seccomp", 0);

    if (fd < 0)
        return err_sys(err, errno, "make room for the seccomp filter");
    ssize_t len = write(fd, box->filter.data, box->filter.len);

    if (len < 0 || (size_t)len != box->filter.len || lseek(fd, 0, SEEK_SET) != 0) {
        (void)err_sys(err, errno, "write the seccomp filter");
        (void)close(fd);
        return err->code;
    }
    *ret_fd = fd;
    return ERR_NONE;
}

/* Ignored and blocked signals pass through exec: a tool starts with none. */
static void reset_signals(void)
{
    sigset_t none;

    for (int signum = 1; signum < NSIG; signum++)
        (void)signal(signum, SIG_DFL); /* EINVAL for those that cannot be set */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only stdin, stdout, stderr and what bubblewrap asked for pass on. */
static enum err_code place_fds(const int fds[WIRE_FDS], const struct sandbox_fds *given,
                               struct err *err)
{
    const int kept[] = { given->status, given->gate, given->filter };

    for (int i = 0; i < WIRE_FDS; i++) {
        if (dup2(fds[i], i) != i)
            return err_sys(err, errno, "take its pipes");
    }
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        return err_sys(err, errno, "close what is not its own");
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (fcntl(kept[i], F_SETFD, 0) != 0)
            return err_sys(err, errno, "keep a descriptor");
    }
    return ERR_NONE;
}

/* Short of memory, the machine ends tools first, not the server. */
static enum err_code volunteer(struct err *err)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return err_sys(err, errno, "open /proc/self/oom_score_adj");
    enum err_code code = ERR_NONE;

    if (write(fd, "1000", 4) != 4)
        code = err_sys(err, errno, "write /proc/self/oom_score_adj");
    (void)close(fd);
    return code;
}

/* execve() promises not to write to them; its type is older than const. */
static char *const *as_vector(const char *const *list)
{
    union {
        const char *const *in;
        char *const *out;
    } vector = { list };

    return vector.out;
}

static enum err_code start(const struct sandbox *box, const struct wire_message *order,
                           struct sandbox_fds *given, struct err *err)
{
    struct arena *arena = arena_new(SANDBOX_ARENA_MAX);
    uid_t uid = sandbox_uid(box, order->text);
    uint32_t folders = 0;

    if (make_view(box, order, uid, &folders, err) || volunteer(err) || become_user(box, uid, err) ||
        check_project(box, uid, err) || check_write_paths(order, uid, err))
        return err->code;
    if (chdir(VIEW_PROJECT) != 0)
        return err_sys(err, errno, "enter the project folder %s", box->project_dir);
    if (check_command(order->argv[0], err))
        return err->code;
    const char *const *args = sandbox_args(arena, box, order, folders, given);

    (void)execve(box->bwrap, as_vector(args), as_vector(order->env));
    return err_sys(err, errno, "run %s", box->bwrap);
}

_Noreturn void sandbox_exec(const struct sandbox *box, const struct wire_message *order,
                            const int fds[WIRE_FDS], int status_fd, int gate_fd)
{
    struct sandbox_fds given = { .status = status_fd, .gate = gate_fd, .filter = -1 };
    struct err err = { 0 };

    (void)setpgid(0, 0);
    reset_signals();
    (void)umask(022);
    if (open_filter(&given.filter, box, &err) == ERR_NONE &&
        place_fds(fds, &given, &err) == ERR_NONE)
        (void)start(box, order, &given, &err);
    (void)dprintf(STDERR_FILENO, "%s\n", err.msg);
    _exit(NOT_STARTED_STATUS);
}
