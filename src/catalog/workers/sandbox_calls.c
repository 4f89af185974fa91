/* sandbox_calls: system calls by seccomp. A list of what is forbidden, since what a GPU's driver calls is nobody's to
 * know; but all that is newer than the list is forbidden too. Assumes a little-endian processor, where the lower half
 * of an argument comes first. */
#include "catalog/workers/sandbox_parts.h"

#if (defined(__x86_64__) && !defined(__ILP32__)) || (defined(__aarch64__) && defined(__AARCH64EL__))

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
enum { OWN_ARCH = (int)AUDIT_ARCH_X86_64, FIRST_FOREIGN = 0x40000000 /* x32 */ };
#else
enum { OWN_ARCH = (int)AUDIT_ARCH_AARCH64, FIRST_FOREIGN = 0x7fffffff };
#endif

/* From 424 on a call has the same number on all processors. Headers may not know them all. */
enum {
    CALL_PIDFD_SEND_SIGNAL = 424,
    CALL_IO_URING_SETUP,
    CALL_IO_URING_ENTER,
    CALL_IO_URING_REGISTER,
    CALL_OPEN_TREE,
    CALL_MOVE_MOUNT,
    CALL_FSOPEN,
    CALL_FSCONFIG,
    CALL_FSMOUNT,
    CALL_FSPICK,
    CALL_PIDFD_OPEN,
    CALL_CLONE3,
    CALL_PIDFD_GETFD = 438,
    CALL_PROCESS_MADVISE = 440,
    CALL_MOUNT_SETATTR = 442,
    CALL_QUOTACTL_FD = 443,
    CALL_PROCESS_MRELEASE = 448,
    CALL_FCHMODAT2 = 452,
    LAST_KNOWN = 462 /* mseal, Linux 6.10 */
};

static const int forbidden[] = {
    /* processes and programs: nothing that would outlive this one (clone: see below) */
    SYS_execve, SYS_execveat, SYS_unshare, SYS_setns,
#ifdef SYS_fork
    SYS_fork, SYS_vfork,
#endif
    /* other processes: looking into them, signals (kill: see below) */
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, CALL_PIDFD_OPEN, CALL_PIDFD_GETFD,
    CALL_PIDFD_SEND_SIGNAL, CALL_PROCESS_MADVISE, CALL_PROCESS_MRELEASE, SYS_tkill, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl,
    SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_mq_open, SYS_mq_unlink,
    /* files by ways that Landlock does not look at; io_uring goes round this very list */
    SYS_fchmod, SYS_fchmodat, CALL_FCHMODAT2, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr,
    SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_truncate, SYS_open_by_handle_at,
    SYS_name_to_handle_at, SYS_fanotify_init, CALL_IO_URING_SETUP, CALL_IO_URING_ENTER, CALL_IO_URING_REGISTER,
#ifdef SYS_chmod
    SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
#endif
    /* who this process is, and the kernel's administration: it may be root's */
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid,
    SYS_setfsgid, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_swapon, SYS_swapoff, SYS_reboot,
    SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
    SYS_keyctl, SYS_add_key, SYS_request_key, SYS_acct, SYS_quotactl, SYS_settimeofday, SYS_clock_settime,
    SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_syslog, SYS_vhangup, CALL_OPEN_TREE,
    CALL_MOVE_MOUNT, CALL_FSOPEN, CALL_FSCONFIG, CALL_FSMOUNT, CALL_FSPICK, CALL_MOUNT_SETATTR,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm,
#endif
    CALL_QUOTACTL_FD};
enum { N_FORBIDDEN = sizeof forbidden / sizeof *forbidden, MAX_STEPS = 2 * N_FORBIDDEN + 80 };

/* --- the filter: a program of the kernel's small machine (BPF) ---------------------------------------------------- */

struct filter {
    struct sock_filter step[MAX_STEPS];
    unsigned short n;
};

static void add(struct filter *f, int code, uint32_t value, unsigned yes, unsigned no)
{
    f->step[f->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, value};
}

static void answer(struct filter *f, int error)
{
    add(f, BPF_RET | BPF_K, error ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_ALLOW, 0, 0);
}

static void load(struct filter *f, size_t at)
{
    add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0, 0);
}

/* compare: BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET. Where what is loaded compares so with value, the answer is error. */
static void refuse_if(struct filter *f, int compare, uint32_t value, int error)
{
    add(f, BPF_JMP | compare | BPF_K, value, 0, 1);
    answer(f, error);
}

/* The call may be made only if its argument (the lower half) is one of two. */
static void only(struct filter *f, int call, int argument, uint32_t a, uint32_t b)
{
    add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 5);
    load(f, offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1);
    answer(f, 0);
    answer(f, EPERM);
}

static void build(struct filter *f, bool has_device)
{
    const uint32_t self = (uint32_t)getpid(), no_family = UINT32_MAX;

    load(f, offsetof(struct seccomp_data, arch));
    add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)OWN_ARCH, 1, 0); /* 32-bit calls have other numbers */
    answer(f, EPERM);
    load(f, offsetof(struct seccomp_data, nr));
    refuse_if(f, BPF_JGE, FIRST_FOREIGN, EPERM);
    refuse_if(f, BPF_JGT, LAST_KNOWN, ENOSYS);
    for (int i = 0; i < N_FORBIDDEN; i++)
        refuse_if(f, BPF_JEQ, (uint32_t)forbidden[i], EPERM);

    /* clone3 hides its flags behind a pointer; the C library falls back to clone, which may make threads. */
    refuse_if(f, BPF_JEQ, CALL_CLONE3, ENOSYS);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load(f, offsetof(struct seccomp_data, args));
    add(f, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    answer(f, 0);
    answer(f, EPERM);

    only(f, SYS_kill, 0, self, self);
    only(f, SYS_tgkill, 0, self, self);
    only(f, SYS_prlimit64, 0, 0, self);
    only(f, SYS_socket, 0, has_device ? AF_UNIX : no_family, no_family);
    only(f, SYS_socketpair, 0, AF_UNIX, AF_UNIX);
    add(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5);
    load(f, offsetof(struct seccomp_data, args) + 8);
    refuse_if(f, BPF_JEQ, TIOCSTI, EPERM); /* typing into the terminal that stderr may be */
    refuse_if(f, BPF_JEQ, TIOCLINUX, EPERM);
    answer(f, 0);
}

enum status sandbox_seal_calls(const struct sandbox_setup *setup, struct sandbox_text *t)
{
    struct filter f = {.n = 0};
    /* Without SPEC_ALLOW older kernels slow the whole process down. */
    const unsigned flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;

    build(&f, setup->has_device);
    const struct sock_fprog program = {.len = f.n, .filter = f.step};
    long got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (got < 0 && errno == EINVAL)
        got = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (got < 0 && (errno == ENOSYS || errno == EINVAL))
        sandbox_tell(t, "no seccomp (not in this kernel)");
    else if (got != 0)
        return FAIL(ST_UNSUPPORTED, "seccomp: the filter cannot be put in force: %s",
                    got > 0 ? "a thread has another one" : strerror(errno));
    else
        sandbox_tell(t, "seccomp");
    return ST_OK;
}

#else

enum status sandbox_seal_calls(const struct sandbox_setup *setup, struct sandbox_text *t)
{
    (void)setup;
    sandbox_tell(t, "no seccomp (not for this processor)");
    return ST_OK;
}

#endif
