#include "tool/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* By name: a call that this libseccomp or this machine does not know is not there to refuse. */
static const char *const refused[] = {
    /* what is mounted where */
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "quotactl",
    "quotactl_fd",
    /* other processes */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "pidfd_getfd",
    "setns",
    "process_madvise",
    "lookup_dcookie",
    /* the kernel itself */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "syslog",
    "iopl",
    "ioperm",
    "vm86",
    "vm86old",
    "nfsservctl",
    "uselib",
    "_sysctl",
    "sysfs",
    "modify_ldt",
    "open_by_handle_at",
    "fanotify_init",
    "vhangup",
    /* keys are not in a namespace */
    "keyctl",
    "add_key",
    "request_key",
    /* clocks and names of the machine */
    "settimeofday",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    "stime",
    "sethostname",
    "setdomainname",
    /* memory of other nodes */
    "move_pages",
    "migrate_pages",
    "mbind",
    "set_mempolicy",
};

/* sched.h has no name for the last. */
enum { CLONE_NEWTIME_BIT = 0x00000080 };

static const int namespace_flags[] = { CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                       CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP };

static int refuse_names(scmp_filter_ctx ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int nr = seccomp_syscall_resolve_name(refused[i]);
        int rc = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);

        /* EDOM: known, but not on this architecture. */
        if (rc != 0 && rc != -EDOM)
            return rc;
    }
    return 0;
}

/* clone() and unshare() stay, for threads and for the rest of what they do. */
static int refuse_namespaces(scmp_filter_ctx ctx)
{
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(namespace_flags); i++) {
        scmp_datum_t flag = (scmp_datum_t)(unsigned)namespace_flags[i];
        struct scmp_arg_cmp has_flag = SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag);

        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, has_flag);
        if (rc == 0)
            rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, has_flag);
    }
    /* The low byte of clone()'s flags is a signal, so this one is unshare()'s only. */
    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWTIME_BIT, CLONE_NEWTIME_BIT));
    return rc;
}

/* Typing into a terminal: the way out of a sandbox that shares one. */
static int refuse_ioctls(scmp_filter_ctx ctx)
{
    static const unsigned requests[] = { TIOCSTI, TIOCLINUX };
    int rc = 0;

    /* The kernel looks at 32 bits of the request only. */
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(requests); i++)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, requests[i]));
    return rc;
}

/*
 * Families that no namespace holds (AF_VSOCK talks to the host of a virtual machine even
 * without a network), or that are seldom used.
 */
static int refuse_sockets(scmp_filter_ctx ctx)
{
    static const unsigned kept[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
    unsigned from = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(kept); i++) {
        for (unsigned family = from; rc == 0 && family < kept[i]; family++) {
            struct scmp_arg_cmp is_family = { .arg = 0, .op = SCMP_CMP_EQ, .datum_a = family };

            rc =
                seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, is_family);
        }
        from = kept[i] + 1;
    }
    struct scmp_arg_cmp is_above = { .arg = 0, .op = SCMP_CMP_GE, .datum_a = from };

    if (rc == 0)
        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, is_above);
    return rc;
}

/*
 * Kept are 0 (Linux as usual) and all ones (the question which one it is). A rule compares an
 * argument once only, so this is said bit by bit: each bit must equal the highest.
 */
static int refuse_personalities(scmp_filter_ctx ctx)
{
    const scmp_datum_t top = 0x80000000u;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < 31; i++) {
        scmp_datum_t bit = 1u << i;

        rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, top | bit, bit));
        if (rc == 0)
            rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, top | bit, top));
    }
    return rc;
}

static int add_rules(scmp_filter_ctx ctx)
{
    int (*const rules[])(scmp_filter_ctx) = { refuse_names, refuse_namespaces, refuse_ioctls,
                                              refuse_sockets, refuse_personalities };
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++)
        rc = rules[i](ctx);
    return rc;
}

/* libseccomp writes to a descriptor only. */
static enum err_code export_program(scmp_filter_ctx ctx, int fd, struct buf *program,
                                    struct err *err)
{
    char bytes[4096];
    ssize_t len = 0;
    int rc = seccomp_export_bpf(ctx, fd);

    if (rc != 0)
        return err_sys(err, -rc, "export the seccomp filter");
    if (lseek(fd, 0, SEEK_SET) != 0)
        return err_sys(err, errno, "read the seccomp filter");
    while ((len = read(fd, bytes, sizeof(bytes))) > 0) {
        if (buf_add(program, (struct slice){ bytes, (size_t)len }, err))
            return err->code;
    }
    if (len < 0)
        return err_sys(err, errno, "read the seccomp filter");
    return ERR_NONE;
}

enum err_code filter_make(struct buf *ret_program, struct err *err)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int rc = ctx ? add_rules(ctx) : -ENOMEM;
    enum err_code code = ERR_NONE;

    if (fd < 0)
        code = err_sys(err, errno, "make room for the seccomp filter");
    else if (rc != 0)
        code = err_sys(err, -rc, "make the seccomp filter");
    else
        code = export_program(ctx, fd, ret_program, err);
    if (fd >= 0)
        (void)close(fd);
    if (ctx)
        seccomp_release(ctx);
    return code;
}
