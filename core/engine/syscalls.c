/*
 * The list of system calls and its filter; see syscalls.h. A call that is missing here shows itself in a run with
 * `sandbox = "log"`: tests/peers/test_service.py looks for that.
 */
#include "engine/syscalls.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#if defined(__s390__)
#define CLONE_FLAGS 1 /* the only machine with the stack in front */
#else
#define CLONE_FLAGS 0
#endif

/* ---- The list: any arguments ---- */

static const char *const allowed[] = {
    /* memory; mmap and mprotect stand below */
    "brk", "madvise", "membarrier", "memfd_create", "memfd_secret", "mincore", "mlock", "mlock2", "mremap", "msync",
    "munlock", "munmap",
    /* open files */
    "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "fadvise64", "fadvise64_64", "fallocate",
    "fcntl", "fcntl64", "fdatasync", "flock", "fsync", "ftruncate", "ftruncate64", "getdents", "getdents64", "lseek",
    "_llseek", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readv", "sendfile",
    "sendfile64", "splice", "sync_file_range", "write", "writev",
    /* names of files */
    "access", "chdir", "chmod", "chown", "chown32", "creat", "faccessat", "faccessat2", "fchmod", "fchmodat",
    "fchmodat2", "fchown", "fchown32", "fchownat", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fgetxattr",
    "getcwd", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "link", "linkat",
    "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "readlink", "readlinkat",
    "rename", "renameat", "renameat2", "rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat",
    "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes",
    /* sockets; socket() stands below */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
    "recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    "socketpair",
    /* waiting */
    "_newselect", "clock_nanosleep", "clock_nanosleep_time64", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "nanosleep", "pause", "pipe", "pipe2", "poll",
    "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4", "timerfd_create",
    "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
    /* time and chance */
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "getrandom", "gettimeofday", "time",
    "times",
    /* threads; clone stands below. clone3 is answered by the quiet filter. */
    "arch_prctl", "clone3", "exit", "exit_group", "futex", "futex_requeue", "futex_time64", "futex_wait",
    "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "gettid", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_sigtimedwait_time64", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address",
    "sigaction", "sigaltstack", "sigprocmask", "sigreturn",
    /* who and where we are */
    "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getpgid",
    "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit",
    "getrusage", "getsid", "getuid", "getuid32", "sysinfo", "ugetrlimit", "uname",
};

/* Who calls these wants out; the others are merely not there. */
static const char *const forbidden[] = {
    "acct", "add_key", "bpf", "capset", "chroot", "delete_module", "execve", "execveat", "finit_module", "fork",
    "fsconfig", "fsmount", "fsopen", "init_module", "kexec_file_load", "kexec_load", "keyctl", "mknod", "mknodat",
    "mount", "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open",
    "personality", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pivot_root", "process_madvise",
    "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "request_key", "seccomp", "setdomainname", "setfsgid",
    "setfsuid", "setgid", "setgroups", "sethostname", "setns", "setregid", "setresgid", "setresuid", "setreuid",
    "settimeofday", "setuid", "swapoff", "swapon", "syslog", "umount2", "unshare", "userfaultfd", "vfork",
};

/* ---- The list: some arguments only ---- */

struct rule {
    const char *name;
    unsigned n;
    bool forbidden; /* EPERM then; what no rule of the name says fails with ENOSYS */
    struct scmp_arg_cmp when[2];
};

#define ARG(at, is)         { .arg = (at), .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(is) }
#define ARG_BITS(at, of, is) \
    { .arg = (at), .op = SCMP_CMP_MASKED_EQ, .datum_a = (scmp_datum_t)(of), .datum_b = (scmp_datum_t)(is) }
#define WHEN(...) .n = sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp), .when = { __VA_ARGS__ }
#define IOCTL(request) { "ioctl", WHEN(ARG(1, request)) }
#define PRCTL(option)  { "prctl", WHEN(ARG(0, option)) }

static const struct rule rules[] = {
    /* a thread, no process */
    { "clone", WHEN(ARG_BITS(CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD)) },
    { "clone", WHEN(ARG_BITS(CLONE_FLAGS, CLONE_THREAD, 0)), .forbidden = true },
    /* no memory that can be written and executed; what was written is not made executable */
    { "mmap", WHEN(ARG_BITS(2, PROT_EXEC, 0)) },
    { "mmap", WHEN(ARG_BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)) },
    { "mmap", WHEN(ARG_BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE)), .forbidden = true },
    { "mmap2", WHEN(ARG_BITS(2, PROT_EXEC, 0)) },
    { "mmap2", WHEN(ARG_BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)) },
    { "mmap2", WHEN(ARG_BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE)), .forbidden = true },
    { "mprotect", WHEN(ARG_BITS(2, PROT_EXEC, 0)) },
    { "mprotect", WHEN(ARG_BITS(2, PROT_EXEC, PROT_EXEC)), .forbidden = true },
    /* the network as the unit has it, too; route netlink is getaddrinfo()'s */
    { "socket", WHEN(ARG(0, AF_UNIX)) },
    { "socket", WHEN(ARG(0, AF_INET)) },
    { "socket", WHEN(ARG(0, AF_INET6)) },
    { "socket", WHEN(ARG(0, AF_NETLINK), ARG(2, NETLINK_ROUTE)) },
    /* what libraries ask of descriptors and interfaces; nothing that puts words into a terminal's mouth */
    IOCTL(FIOCLEX), IOCTL(FIONBIO), IOCTL(FIONCLEX), IOCTL(FIONREAD), IOCTL(SIOCGIFADDR), IOCTL(SIOCGIFCONF),
    IOCTL(SIOCGIFFLAGS), IOCTL(SIOCGIFINDEX), IOCTL(SIOCGIFMTU), IOCTL(SIOCGIFNAME), IOCTL(SIOCGIFNETMASK), IOCTL(SIOCOUTQ),
    IOCTL(TCGETS), IOCTL(TIOCGWINSZ),
    /* what only concerns ourselves, and takes no protection away */
    PRCTL(PR_CAPBSET_READ), PRCTL(PR_GET_DUMPABLE), PRCTL(PR_GET_NAME), PRCTL(PR_GET_NO_NEW_PRIVS), PRCTL(PR_SET_NAME),
    PRCTL(PR_SET_NO_NEW_PRIVS), PRCTL(PR_SET_TIMERSLACK), PRCTL(PR_SET_VMA),
    { "prctl", WHEN(ARG(0, PR_SET_DUMPABLE), ARG(1, 0)) },
    { "prlimit64", WHEN(ARG(0, 0)) },
};

/* ---- The filters ---- */

/* A name that libseccomp does not know is of another machine, or of a kernel to come. What is only logged is the default then,
 * for which it wants no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned n, const struct scmp_arg_cmp *when)
{
    const int number = seccomp_syscall_resolve_name(name);
    int rc;

    if (number == __NR_SCMP_ERROR || action == SCMP_ACT_LOG)
        return 0;
    rc = seccomp_rule_add_array(filter, action, number, n, when);
    return rc == -EDOM ? 0 : rc;
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add(filter, action, names[i], 0, NULL);
    return rc;
}

/* Signals go to this process only; its number is known here. */
static int add_signals(scmp_filter_ctx filter, uint32_t forbid)
{
    static const char *const names[] = { "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo" };
    const scmp_datum_t self = (scmp_datum_t)getpid();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < COUNT(names); i++) {
        rc = add(filter, SCMP_ACT_ALLOW, names[i], 1, &(struct scmp_arg_cmp){ .arg = 0, .op = SCMP_CMP_EQ, .datum_a = self });
        if (rc == 0)
            rc = add(filter, forbid, names[i], 1, &(struct scmp_arg_cmp){ .arg = 0, .op = SCMP_CMP_NE, .datum_a = self });
    }
    return rc;
}

static int add_rules(scmp_filter_ctx filter, uint32_t forbid)
{
    int rc = add_names(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed));

    for (size_t i = 0; rc == 0 && i < COUNT(rules); i++)
        rc = add(filter, rules[i].forbidden ? forbid : SCMP_ACT_ALLOW, rules[i].name, rules[i].n, rules[i].when);
    return rc == 0 ? add_signals(filter, forbid) : rc;
}

static int load(scmp_filter_ctx filter, bool logged)
{
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, logged);
    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return rc == 0 ? seccomp_load(filter) : rc;
}

/* glibc tries clone3 for each thread, whose flags no filter can see; "not there" makes it take clone. That needs no line in the
 * kernel's log, so it is a filter of its own: of two answers the sterner counts. */
static int limit_quietly(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc = filter ? add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL) : -ENOMEM;

    if (rc == 0)
        rc = load(filter, false);
    seccomp_release(filter);
    return rc;
}

static int limit(enum syscalls_mode mode)
{
    const bool refuse = mode == SYSCALLS_REFUSE;
    scmp_filter_ctx filter = seccomp_init(refuse ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_LOG);
    int rc = filter ? 0 : -ENOMEM;

    if (rc == 0 && refuse)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0 && refuse)
        rc = add_names(filter, SCMP_ACT_ERRNO(EPERM), forbidden, COUNT(forbidden));
    if (rc == 0)
        rc = add_rules(filter, refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_LOG);
    if (rc == 0)
        rc = load(filter, true);
    seccomp_release(filter);
    return rc;
}

bool syscalls_can_be_limited(void)
{
    return true;
}

int syscalls_limit(enum syscalls_mode mode, struct cs_error *err)
{
    int rc = limit_quietly();

    if (rc == 0)
        rc = limit(mode);
    return rc == 0 ? 0 : cs_fail(err, CS_ECONFIG, "this kernel takes no list of system calls: %s", strerror(-rc));
}
