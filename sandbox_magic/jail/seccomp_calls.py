"""The table of system calls: which a sandbox may make, and what the others are answered.

Development alone reads it: see `seccomp.py`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sandbox_magic.jail import seccomp_commands, seccomp_flags, seccomp_options
from sandbox_magic.jail.seccomp import LOW_32_BITS, Bits, group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.jail.seccomp import Choice

LAST_NUMBER = 450
"""The newest call that the table was written for (Linux 5.17); what is newer answers ENOSYS."""

UNUSED = {"x86_64": ((335, 423),), "aarch64": ((244, 259), (295, 423))}
"""Ranges of numbers (both ends included) below `LAST_NUMBER` that no call had in Linux 5.17."""

ALLOWED = (
    group(
        "Reading and writing what is open already.",
        """read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close
        close_range dup dup2 dup3 fcntl flock ftruncate fallocate fsync fdatasync fadvise64 sendfile
        copy_file_range sync_file_range pipe pipe2""",
    ),
    group(
        "Device control.",
        "ioctl",
    ),
    group(
        "Files by name; the mount namespace and its read-only binds decide what there is.",
        """open openat creat truncate stat fstat lstat newfstatat statx statfs fstatfs access
        faccessat faccessat2 readlink readlinkat getdents64 getcwd chdir fchdir mkdir mkdirat
        rmdir rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat umask chmod
        fchmod fchmodat chown fchown lchown fchownat utimensat utime utimes""",
    ),
    group(
        "Reading extended attributes, as ls does.",
        "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr",
    ),
    group(
        "Memory, protection keys (V8), and files in memory, which are charged to the run.",
        """mmap munmap mprotect mremap msync mincore madvise brk mlock mlock2 munlock memfd_create pkey_alloc
        pkey_free pkey_mprotect""",
    ),
    group(
        "Processes and threads of its own.  `clone` has a rule: no new namespaces.",
        """fork vfork execve execveat exit exit_group wait4 waitid set_tid_address set_robust_list futex
        rseq membarrier arch_prctl prctl restart_syscall sched_yield getcpu""",
    ),
    group(
        "Further filters of its own, which only tighten.",
        "seccomp",
    ),
    group(
        "Signals; the PID namespace ends their reach and PID 1 takes none that could end it.",
        """kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait
        rt_sigsuspend rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack signalfd4 pause pidfd_open
        pidfd_send_signal""",
    ),
    group(
        "Who am I.  No identity but one is mapped and no capability is held, so the setters can only set that again.",
        """getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid
        getpgrp getsid setpgid setsid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid capget
        capset""",
    ),
    group(
        "What there is and what it cost; limits and priorities of its own processes (not of PID 1: `CHOICES`).",
        """uname sysinfo getrusage times getrlimit setrlimit prlimit64 getrandom getpriority setpriority ioprio_get
        ioprio_set sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler
        sched_setscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval""",
    ),
    group(
        "Reading clocks, sleeping, timers.  Nothing here sets a clock.",
        """clock_gettime clock_getres clock_nanosleep gettimeofday time nanosleep alarm getitimer
        setitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete
        timerfd_create timerfd_settime timerfd_gettime""",
    ),
    group(
        "Waiting for many things: asyncio, Node, watchers of files.",
        """poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
        epoll_pwait2 eventfd2 inotify_init inotify_init1 inotify_add_watch inotify_rm_watch""",
    ),
    group(
        "Sockets, once made; which can be made is a rule of `socket`.",
        """bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg
        sendmmsg recvmmsg shutdown setsockopt getsockopt""",
    ),
)
"""Allowed, but for what `CHOICES` says of their arguments."""

CHOICES = (*seccomp_commands.CHOICES, *seccomp_options.CHOICES, *seccomp_flags.CHOICES)
"""What may stand in the arguments of these calls; the first choice that answers is the answer."""

PLAIN = (
    group(
        "There is nothing to choose by.",
        """read write readv writev pread64 pwrite64 preadv pwritev close dup dup2 ftruncate fsync fdatasync sendfile
        pipe creat truncate stat fstat lstat statfs fstatfs readlink readlinkat getdents64 getcwd chdir fchdir
        mkdir mkdirat rmdir rename renameat link symlink symlinkat unlink umask chmod fchmod fchmodat chown fchown
        lchown utime utimes getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr munmap mincore brk mlock
        munlock pkey_free fork vfork execve exit exit_group set_tid_address set_robust_list restart_syscall sched_yield
        getcpu kill tkill tgkill rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend rt_sigqueueinfo
        rt_tgsigqueueinfo pause getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups
        getpgid getpgrp getsid setpgid setsid setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid
        uname sysinfo times sched_getaffinity sched_getparam sched_getscheduler sched_rr_get_interval gettimeofday
        time nanosleep alarm timer_gettime timer_getoverrun timer_delete timerfd_gettime select pselect6
        epoll_create epoll_wait epoll_pwait epoll_pwait2 inotify_init inotify_rm_watch bind listen accept connect
        getsockname getpeername""",
    ),
    group(
        "What they choose by lies in memory, where no filter can look, and no program does without them.",
        "rt_sigaction sigaltstack capget capset poll ppoll",
    ),
    group(
        "What they choose by only tells something: of a file that can be seen, of a constant.",
        "access faccessat sched_get_priority_max sched_get_priority_min",
    ),
    group(
        "`how` is ignored where no signals are given, so anything can stand there; POSIX has three.", "rt_sigprocmask"
    ),
)
"""The calls that are allowed without a choice, and why."""

NEW_NAMESPACES = 0x7E02_0080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME together (sched.h)."""

_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16  # address families, linux/socket.h
_STREAM, _DGRAM, _RAW = 1, 2, 3
_KIND = 0xF  # the rest of a socket's type is SOCK_NONBLOCK and SOCK_CLOEXEC
_TCP, _UDP, _ROUTE = 6, 17, 0
_FORMAT = 0o170000  # S_IFMT
_MODES = (0, 0o100000, 0o010000, 0o140000)  # a regular file (said two ways), a FIFO, a socket

RULES: dict[str, tuple[tuple[Bits, ...], ...]] = {
    # clone3 has its flags in memory, where no filter can look: it is answered ENOSYS, and libc uses this.  Every bit
    # of the flags here has a meaning since Linux 5.2, so a later kernel can't give it another.
    "clone": ((Bits(0, 0, NEW_NAMESPACES),),),
    "socket": (
        (Bits(0, _UNIX),),
        # Plain TCP and UDP: any other protocol (SCTP, DCCP, MPTCP) would load a kernel module.
        *(
            (Bits(0, family), Bits(1, kind, _KIND), Bits(2, protocol))
            for family in (_INET, _INET6)
            for kind, own in ((_STREAM, _TCP), (_DGRAM, _UDP))
            for protocol in (0, own)
        ),
        # getifaddrs and getaddrinfo ask the routing table; libc says RAW where others say DGRAM.
        *((Bits(0, _NETLINK), Bits(1, kind, _KIND), Bits(2, _ROUTE)) for kind in (_DGRAM, _RAW)),
    ),
    "socketpair": ((Bits(0, _UNIX),),),
    "mknod": tuple((Bits(1, mode, _FORMAT),) for mode in _MODES),
    "mknodat": tuple((Bits(2, mode, _FORMAT),) for mode in _MODES),
    # Ask for the present one, or set plain Linux: gcc and Lisp systems do.
    "personality": ((Bits(0, LOW_32_BITS),), (Bits(0, 0),)),
}
"""Allowed if one of the alternatives holds; an alternative holds if all its conditions do."""

ANSWERED = {
    # Attributes on a tmpfs take memory that its size does not bound.
    errno.EOPNOTSUPP: group(
        "As a file system without them answers: cp -a is silent.",
        "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr",
    ),
    errno.EINVAL: group(
        "As for descriptors that can't be spliced: grep then reads, where ENOSYS is an error to it.",
        "splice tee vmsplice",
    ),
    # clone3, openat2 and sched_setattr have their flags in memory, where no filter can look.
    errno.ENOSYS: group(
        "As on a kernel built without it: the caller uses something older.",
        """clone3 openat2 sched_setattr io_setup io_destroy io_getevents io_submit io_cancel
        io_pgetevents mbind get_mempolicy set_mempolicy move_pages migrate_pages set_mempolicy_home_node futex_waitv
        landlock_create_ruleset landlock_add_rule landlock_restrict_self remap_file_pages _sysctl
        create_module get_kernel_syms query_module getpmsg putpmsg afs_syscall tuxcall security vserver
        set_thread_area get_thread_area epoll_ctl_old epoll_wait_old""",
    ),
}
"""Calls that are refused by another errno than EPERM, after which their callers go on."""


def answer(machine: str, name: str, arguments: Sequence[int]) -> int:
    """Return what a call that this table allows is answered with such arguments: an errno, 0 if it goes on.

    This is how the table is meant; the tests hold the compiled filter against it.
    """
    chosen = (_chosen(choice, machine, arguments) for choice in CHOICES if name in choice.calls)
    refusal = next(filter(None, chosen), 0)
    rules = RULES.get(name, ((),))
    fits = any(all(arguments[bits.argument] & bits.mask == bits.value for bits in rule) for rule in rules)
    return refusal if refusal or fits else errno.EPERM


def _chosen(choice: Choice, machine: str, arguments: Sequence[int]) -> int:
    only, value = choice.only, arguments[choice.argument]
    if only and arguments[only.argument] & only.mask != only.value:
        return 0
    if choice.wide and value > LOW_32_BITS:
        return choice.otherwise
    value &= choice.mask
    known = [(n, each.answer) for each in choice.values if each.machine in {"", machine} for _, n in each.named]
    if not choice.flags:
        return next((answer for numbers, answer in known if value in numbers), choice.otherwise)
    refused = next((answer for flag, answer in known if answer and value & flag.start), 0)
    for flag, _ in known:
        value &= ~flag.start
    return refused or (choice.otherwise if value else 0)
