#include "tool/sandbox_args.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/environment.h"
#include "tool/view.h"

enum {
    /* What stands below, the system's folders, and three a path; checked by add(). */
    ARGS_MAX = 160 + 3 * (WIRE_READ_PATHS_MAX + WIRE_WRITE_PATHS_MAX) + WIRE_LIST_MAX,
    TMP_BYTES_DEFAULT = 256 * 1024 * 1024,
};

struct args {
    struct arena *arena;
    const char **list;
    size_t n;
};

static void add(struct args *args, const char *arg)
{
    ASSERT(args->n < ARGS_MAX);
    args->list[args->n++] = arg;
}

static void add_all(struct args *args, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        add(args, list[i]);
}

static void add_number(struct args *args, const char *option, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    add(args, option);
    add(args, arena_str(args->arena, slice_of(text)));
}

static void add_bind(struct args *args, const char *option, const char *from, const char *to)
{
    add(args, option);
    add(args, from);
    add(args, to);
}

static void add_namespaces(struct args *args, int has_network)
{
    static const char *const always[] = {
        "--die-with-parent", "--new-session",    "--unshare-user", "--unshare-ipc", "--unshare-pid",
        "--unshare-uts",     "--unshare-cgroup", "--cap-drop",     "ALL",           NULL
    };

    add_all(args, always);
    if (!has_network)
        add(args, "--unshare-net");
}

/* /bin and its like are links into /usr on most systems, and folders on some. */
static void add_system_dir(struct args *args, const char *dir)
{
    char target[PATH_MAX];
    struct stat stat_buf;

    if (lstat(dir, &stat_buf) != 0)
        return;
    if (S_ISDIR(stat_buf.st_mode)) {
        add_bind(args, "--ro-bind", dir, dir);
        return;
    }
    ssize_t len = readlink(dir, target, sizeof(target));

    if (len > 0)
        add_bind(args, "--symlink", arena_str(args->arena, (struct slice){ target, (size_t)len }),
                 dir);
}

/* /etc/resolv.conf is often a link into /run, which a tool does not have. */
static void add_resolver(struct args *args)
{
    char real[PATH_MAX];

    if (!realpath("/etc/resolv.conf", real) || strncmp(real, "/etc/", 5) == 0)
        return;
    const char *path = arena_str(args->arena, slice_of(real));

    add_bind(args, "--ro-bind", path, path);
}

static void add_system(struct args *args, int has_network)
{
    static const char *const dirs[] = { "/usr",   "/bin",   "/sbin",   "/lib",
                                        "/lib32", "/lib64", "/libx32", "/etc" };

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        add_system_dir(args, dirs[i]);
    if (has_network)
        add_resolver(args);
}

/* Memory under another name: bounded like memory. */
static void add_tmpfs(struct args *args, const char *dir, uint64_t bytes)
{
    add_number(args, "--size", bytes ? bytes : TMP_BYTES_DEFAULT);
    add(args, "--tmpfs");
    add(args, dir);
}

static void add_read_paths(struct args *args, const char *const *read_paths, uint32_t folders)
{
    char staged[VIEW_STAGED_MAX];

    for (unsigned i = 0; read_paths[i]; i++) {
        const char *from = view_staged(staged, i, (folders >> i & 1) != 0);

        add_bind(args, "--ro-bind", arena_str(args->arena, slice_of(from)), read_paths[i]);
    }
}

static void add_write_paths(struct args *args, const char *const *write_paths)
{
    char staged[VIEW_STAGED_MAX];

    for (unsigned i = 0; write_paths[i]; i++)
        add_bind(args, "--bind", arena_str(args->arena, slice_of(view_staged_write(staged, i))),
                 write_paths[i]);
}

const char *const *sandbox_args(struct arena *arena, const struct sandbox *box,
                                const struct wire_message *order, uint32_t read_folders,
                                const struct sandbox_fds *fds)
{
    struct args args = { .arena = arena };

    args.list = arena_alloc(arena, (ARGS_MAX + 1) * sizeof(*args.list));
    add(&args, box->bwrap);
    add_namespaces(&args, order->head.has_network != 0);
    add_system(&args, order->head.has_network != 0);
    add_bind(&args, "--proc", "/proc", "--dev");
    add(&args, "/dev");
    add_tmpfs(&args, "/dev/shm", order->head.limits.memory_bytes);
    add_tmpfs(&args, "/tmp", order->head.limits.memory_bytes);
    add_bind(&args, "--bind", VIEW_SCRATCH, SANDBOX_SCRATCH);
    add_bind(&args, "--ro-bind", VIEW_PROJECT, box->project_dir);
    add_read_paths(&args, order->read_paths, read_folders);
    add_write_paths(&args, order->write_paths); /* last: they may lie in the others */
    /* The folders that bubblewrap made to mount the others on. */
    add_bind(&args, "--remount-ro", "/dev", "--remount-ro");
    add(&args, "/");
    add(&args, "--chdir");
    add(&args, box->project_dir);
    add_number(&args, "--seccomp", (uint64_t)fds->filter);
    add_number(&args, "--json-status-fd", (uint64_t)fds->status);
    add_number(&args, "--block-fd", (uint64_t)fds->gate);
    add(&args, "--");
    add_all(&args, order->argv);
    return args.list;
}
