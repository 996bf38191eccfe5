#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tool/sandbox.h"

enum {
    FILES_MAX = 1024, /* open at once: what software expects as a rule */
    CPU_GRACE_S = 1,  /* from SIGXCPU, which a process may catch, to SIGKILL */
};

/* Limits are only lowered: to raise one takes a capability that a container's root may lack. */
static enum err_code set_limit(pid_t pid, __rlimit_resource_t resource, rlim_t soft, rlim_t hard,
                               const char *what, struct err *err)
{
    struct rlimit limit;

    if (prlimit(pid, resource, NULL, &limit) != 0)
        return err_sys(err, errno, "read the limit of its %s", what);
    if (hard < limit.rlim_max)
        limit.rlim_max = hard;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    if (prlimit(pid, resource, &limit, NULL) != 0)
        return err_sys(err, errno, "limit its %s", what);
    return ERR_NONE;
}

/* 0 leaves the limit alone. */
static enum err_code set_max(pid_t pid, __rlimit_resource_t resource, uint64_t max,
                             const char *what, struct err *err)
{
    return max ? set_limit(pid, resource, max, max, what, err) : ERR_NONE;
}

static enum err_code set_limits(pid_t init, const struct wire_limits *limits, struct err *err)
{
    /* bubblewrap's own first process, which waits for the command, is counted with it. */
    uint64_t processes = limits->processes ? limits->processes + 1 : 0;

    if (limits->cpu_s &&
        set_limit(init, RLIMIT_CPU, limits->cpu_s, limits->cpu_s + CPU_GRACE_S, "CPU time", err))
        return err->code;
    if (set_max(init, RLIMIT_AS, limits->memory_bytes, "memory", err) ||
        set_max(init, RLIMIT_FSIZE, limits->file_bytes, "file size", err) ||
        set_max(init, RLIMIT_NOFILE, FILES_MAX, "open files", err) ||
        set_limit(init, RLIMIT_CORE, 0, 0, "core files", err) ||
        set_max(init, RLIMIT_NPROC, processes, "processes", err))
        return err->code;
    return ERR_NONE;
}

enum err_code sandbox_limit(const struct sandbox *box, pid_t init, uid_t uid,
                            const struct wire_limits *limits, struct err *err)
{
    if (!box->is_root)
        return set_limits(init, limits, err);
    /* To limit another user's process takes CAP_SYS_RESOURCE, which a container's root may
     * lack; one's own real user's takes nothing. The effective user and all rights stay. */
    if (setresgid((gid_t)uid, (gid_t)-1, (gid_t)-1) != 0 ||
        setresuid(uid, (uid_t)-1, (uid_t)-1) != 0)
        return err_sys(err, errno, "limit the tool as its user %u", (unsigned)uid);
    enum err_code code = set_limits(init, limits, err);

    ASSERT(setresuid(0, (uid_t)-1, (uid_t)-1) == 0 && setresgid(0, (gid_t)-1, (gid_t)-1) == 0);
    return code;
}
