"""The table of flags: which bits are allowed in the arguments that change what a call does.

Development alone reads it: see `seccomp.py`.  A later kernel gives new bits a meaning, and an older one
refuses them in some calls and ignores them in others (open, mmap, sendmsg); here they are refused in all,
so that no bit acts before it has been reviewed.  Calls with nothing to choose by are in
`seccomp_calls.PLAIN`.
"""

from __future__ import annotations

import errno

from sandbox_magic.jail.seccomp import LOW_32_BITS, Bits, Choice, Values, allowed, refused


def _flags(calls: str, argument: int, *values: Values, otherwise: int = errno.EINVAL, wide: bool = False) -> Choice:
    names = tuple(calls.split())
    return Choice(calls=names, argument=argument, values=values, otherwise=otherwise, flags=True, wide=wide)


def _one_of(
    calls: str, argument: int, *values: Values, mask: int = LOW_32_BITS, otherwise: int = errno.EINVAL
) -> Choice:
    return Choice(calls=tuple(calls.split()), argument=argument, values=values, otherwise=otherwise, mask=mask)


FILE_STATUS = allowed(
    "How a file is opened.  Both architectures use the same bits, some for another flag.",
    """O_ACCMODE=3 O_CREAT=0o100 O_EXCL=0o200 O_NOCTTY=0o400 O_TRUNC=0o1000 O_APPEND=0o2000 O_NONBLOCK=0o4000
    O_DSYNC=0o10000 O_ASYNC=0o20000 O_DIRECT=0o40000 O_LARGEFILE=0o100000 O_DIRECTORY=0o200000
    O_NOFOLLOW=0o400000 O_NOATIME=0o1000000 O_CLOEXEC=0o2000000 __O_SYNC=0o4000000 O_PATH=0o10000000
    __O_TMPFILE=0o20000000""",
)
_CLOEXEC = "Close on exec."
_NONBLOCK = "Close on exec; do not block."
_STAT = allowed(
    "fstatat(3), fstat(3) and their like.",
    """AT_SYMLINK_NOFOLLOW=0x100 AT_NO_AUTOMOUNT=0x800 AT_EMPTY_PATH=0x1000 AT_STATX_FORCE_SYNC=0x2000
    AT_STATX_DONT_SYNC=0x4000""",
)
_LINK = allowed("A link itself, or a descriptor.", "AT_SYMLINK_NOFOLLOW=0x100 AT_EMPTY_PATH=0x1000")
_PROTECTION = (
    allowed(
        "Ordinary protections, and that of a stack.",
        "PROT_READ=1 PROT_WRITE=2 PROT_EXEC=4 PROT_SEM=8 PROT_GROWSDOWN=0x1000000",
    ),
    allowed("Branch targets and tagged memory.", "PROT_BTI=0x10 PROT_MTE=0x20", machine="aarch64"),
)
_CLOCKS = allowed(
    "Clocks that there are, and by a negative number the CPU clock of a process or thread.",
    """CLOCK_REALTIME=0 CLOCK_MONOTONIC=1 CLOCK_PROCESS_CPUTIME_ID=2 CLOCK_THREAD_CPUTIME_ID=3
    CLOCK_MONOTONIC_RAW=4 CLOCK_REALTIME_COARSE=5 CLOCK_MONOTONIC_COARSE=6 CLOCK_BOOTTIME=7
    CLOCK_REALTIME_ALARM=8 CLOCK_BOOTTIME_ALARM=9 CLOCK_TAI=11 of-a-process=0x80000000..0xffffffff""",
)
_ABSOLUTE = allowed("A moment, not a duration.", "TIMER_ABSTIME=1")
_WHOSE = allowed("A process, its group, its user.", "PRIO_PROCESS=0 PRIO_PGRP=1 PRIO_USER=2")
_LIMITS = allowed(
    "The limits that getrlimit(2) has.",
    """RLIMIT_CPU=0 RLIMIT_FSIZE=1 RLIMIT_DATA=2 RLIMIT_STACK=3 RLIMIT_CORE=4 RLIMIT_RSS=5 RLIMIT_NPROC=6
    RLIMIT_NOFILE=7 RLIMIT_MEMLOCK=8 RLIMIT_AS=9 RLIMIT_LOCKS=10 RLIMIT_SIGPENDING=11 RLIMIT_MSGQUEUE=12
    RLIMIT_NICE=13 RLIMIT_RTPRIO=14 RLIMIT_RTTIME=15""",
)
_WAIT = "WNOHANG=1 WUNTRACED=2 WCONTINUED=8 __WNOTHREAD=0x20000000 __WALL=0x40000000 __WCLONE=0x80000000"

_BY_NUMBER = (
    allowed("Itself, and its own processes and threads.", "itself=0 child=2 others=4..0xffffffff"),
    # The first two that PID 1 starts are the cell's process and its own second thread (guest/init.py).
    refused("PID 1: a limit on its CPU time has it killed, a low priority starves it.", "PID-1=1 its-thread=3"),
)

FILES = (
    _flags("open", 1, FILE_STATUS),
    _flags("openat", 2, FILE_STATUS),
    _flags("dup3", 2, allowed(_CLOEXEC, "O_CLOEXEC=0o2000000")),
    # Not O_NOTIFICATION_PIPE (0o200): a queue of the kernel's own notices.
    _flags(
        "pipe2",
        1,
        allowed("Close on exec; do not block; packets.", "O_CLOEXEC=0o2000000 O_NONBLOCK=0o4000 O_DIRECT=0o40000"),
    ),
    _flags("close_range", 2, allowed("Python's subprocess, systemd.", "CLOSE_RANGE_UNSHARE=2 CLOSE_RANGE_CLOEXEC=4")),
    _one_of("lseek", 2, allowed("From where.", "SEEK_SET=0 SEEK_CUR=1 SEEK_END=2 SEEK_DATA=3 SEEK_HOLE=4")),
    _flags("flock", 1, allowed("Locks of whole files.", "LOCK_SH=1 LOCK_EX=2 LOCK_NB=4 LOCK_UN=8")),
    _flags(
        "fallocate",
        1,
        allowed(
            "What file systems can have; a tmpfs has the first two.",
            """FALLOC_FL_KEEP_SIZE=1 FALLOC_FL_PUNCH_HOLE=2 FALLOC_FL_COLLAPSE_RANGE=8 FALLOC_FL_ZERO_RANGE=0x10
            FALLOC_FL_INSERT_RANGE=0x20 FALLOC_FL_UNSHARE_RANGE=0x40""",
        ),
        otherwise=errno.EOPNOTSUPP,
    ),
    _one_of(
        "fadvise64",
        3,
        allowed(
            "How a file will be read.",
            """POSIX_FADV_NORMAL=0 POSIX_FADV_RANDOM=1 POSIX_FADV_SEQUENTIAL=2 POSIX_FADV_WILLNEED=3
            POSIX_FADV_DONTNEED=4 POSIX_FADV_NOREUSE=5""",
        ),
    ),
    _flags("copy_file_range", 5),
    _flags(
        "sync_file_range",
        3,
        allowed(
            "Writing back a part of a file: databases.",
            "SYNC_FILE_RANGE_WAIT_BEFORE=1 SYNC_FILE_RANGE_WRITE=2 SYNC_FILE_RANGE_WAIT_AFTER=4",
        ),
    ),
    # Not RWF_DONTCACHE (0x80), which drops pages of shared files.
    _flags(
        "preadv2 pwritev2",
        5,
        allowed(
            "As open's flags, for once.",
            "RWF_HIPRI=1 RWF_DSYNC=2 RWF_SYNC=4 RWF_NOWAIT=8 RWF_APPEND=0x10 RWF_NOAPPEND=0x20",
        ),
        otherwise=errno.EOPNOTSUPP,
    ),
    _flags("newfstatat", 3, _STAT),
    _flags("statx", 2, _STAT),
    _flags(
        "faccessat2",
        3,
        allowed("access(3) and faccessat(3).", "AT_SYMLINK_NOFOLLOW=0x100 AT_EACCESS=0x200 AT_EMPTY_PATH=0x1000"),
    ),
    _flags("utimensat", 3, _LINK),
    _flags("fchownat", 4, _LINK),
    _flags(
        "linkat", 4, allowed("What a link leads to, and descriptors.", "AT_SYMLINK_FOLLOW=0x400 AT_EMPTY_PATH=0x1000")
    ),
    _flags("unlinkat", 2, allowed("Directories.", "AT_REMOVEDIR=0x200")),
    # Not RENAME_WHITEOUT (4): it leaves a device node.
    _flags("renameat2", 4, allowed("mv -n, mv --exchange.", "RENAME_NOREPLACE=1 RENAME_EXCHANGE=2")),
)

MEMORY = (
    _one_of(
        "mmap",
        3,
        allowed(
            "Kinds of mapping; libc draws random numbers from one that may be dropped.",
            "MAP_SHARED=1 MAP_PRIVATE=2 MAP_SHARED_VALIDATE=3 MAP_DROPPABLE=8",
        ),
        mask=0xF,
    ),
    _flags(
        "mmap",
        3,
        allowed(
            "Where and how, as libc, JVMs and sanitizers map.",
            """MAP_TYPE=0xf MAP_FIXED=0x10 MAP_ANONYMOUS=0x20 MAP_GROWSDOWN=0x100 MAP_DENYWRITE=0x800
            MAP_EXECUTABLE=0x1000 MAP_LOCKED=0x2000 MAP_NORESERVE=0x4000 MAP_POPULATE=0x8000 MAP_NONBLOCK=0x10000
            MAP_STACK=0x20000 MAP_SYNC=0x80000 MAP_FIXED_NOREPLACE=0x100000""",
        ),
        allowed("Where, on x86.", "MAP_32BIT=0x40 MAP_ABOVE4G=0x80", machine="x86_64"),
        refused("Huge pages of the reserved pool: no memory controller counts them.", "MAP_HUGETLB=0x40000"),
        wide=True,
    ),
    _flags("mmap mprotect pkey_mprotect", 2, *_PROTECTION, wide=True),
    _flags(
        "mremap",
        3,
        allowed("realloc(3) of what is large.", "MREMAP_MAYMOVE=1 MREMAP_FIXED=2 MREMAP_DONTUNMAP=4"),
        wide=True,
    ),
    _flags("mlock2", 2, allowed("When it is touched.", "MLOCK_ONFAULT=1")),
    _flags("msync", 2, allowed("Writing back a mapped file.", "MS_ASYNC=1 MS_INVALIDATE=2 MS_SYNC=4")),
    _flags(
        "memfd_create",
        1,
        allowed("Files in memory.", "MFD_CLOEXEC=1 MFD_ALLOW_SEALING=2 MFD_NOEXEC_SEAL=8 MFD_EXEC=0x10"),
        refused("As MAP_HUGETLB.", "MFD_HUGETLB=4"),
    ),
    _flags("pkey_alloc", 0, wide=True),
    _flags(
        "pkey_alloc",
        1,
        allowed("What a key denies.", "PKEY_DISABLE_ACCESS=1 PKEY_DISABLE_WRITE=2"),
        allowed("What a key denies, on Arm.", "PKEY_DISABLE_EXECUTE=4 PKEY_DISABLE_READ=8", machine="aarch64"),
        wide=True,
    ),
)

PROCESSES = (
    _one_of("prlimit64 sched_setaffinity sched_setparam sched_setscheduler", 0, *_BY_NUMBER),
    _one_of(
        "setpriority",
        0,
        allowed("A process.", "PRIO_PROCESS=0"),
        refused("A group and a user may be PID 1's too.", "PRIO_PGRP=1 PRIO_USER=2"),
    ),
    _one_of(
        "ioprio_set",
        0,
        allowed("A process.", "IOPRIO_WHO_PROCESS=1"),
        refused("A group and a user may be PID 1's too.", "IOPRIO_WHO_PGRP=2 IOPRIO_WHO_USER=3"),
    ),
    _one_of("setpriority ioprio_set", 1, *_BY_NUMBER),
    _one_of(
        "ioprio_set",
        2,
        allowed(
            "Ordinary, less, or only while nothing else is read: ionice -c3.",
            "none=0..7 lower-best-effort=0x4004..0x4007 idle=0x6000..0x6007",
        ),
        refused("Before everybody else on the disk.", "real-time=0x2000..0x2007 upper-best-effort=0x4000..0x4003"),
    ),
    _one_of(
        "ioprio_get",
        0,
        allowed("A process, a group, a user.", "IOPRIO_WHO_PROCESS=1 IOPRIO_WHO_PGRP=2 IOPRIO_WHO_USER=3"),
    ),
    _flags(
        "execveat",
        4,
        allowed(
            "A program by descriptor; or only whether it may run.",
            "AT_SYMLINK_NOFOLLOW=0x100 AT_EMPTY_PATH=0x1000 AT_EXECVE_CHECK=0x10000",
        ),
    ),
    _flags("wait4", 2, allowed("What to wait for.", _WAIT)),
    _one_of("waitid", 0, allowed("Whom to wait for.", "P_ALL=0 P_PID=1 P_PGID=2 P_PIDFD=3")),
    _flags("waitid", 3, allowed("What to wait for.", f"{_WAIT} WEXITED=4 WNOWAIT=0x1000000")),
    _flags("rseq", 2, allowed("libc, at a thread's start and end.", "RSEQ_FLAG_UNREGISTER=1")),
    _flags("pidfd_open", 1, allowed("A process or thread of its own.", "PIDFD_NONBLOCK=0o4000 PIDFD_THREAD=0o200")),
    _flags(
        "pidfd_send_signal",
        3,
        allowed(
            "As kill and tgkill.", "PIDFD_SIGNAL_THREAD=1 PIDFD_SIGNAL_THREAD_GROUP=2 PIDFD_SIGNAL_PROCESS_GROUP=4"
        ),
    ),
    _flags("signalfd4", 3, allowed(_NONBLOCK, "SFD_CLOEXEC=0o2000000 SFD_NONBLOCK=0o4000")),
    _one_of(
        "seccomp",
        0,
        allowed(
            "A filter, and which answers there are.",
            "SECCOMP_SET_MODE_STRICT=0 SECCOMP_SET_MODE_FILTER=1 SECCOMP_GET_ACTION_AVAIL=2 SECCOMP_GET_NOTIF_SIZES=3",
        ),
    ),
    _flags(
        "seccomp",
        1,
        allowed(
            "How a filter is set.",
            """SECCOMP_FILTER_FLAG_TSYNC=1 SECCOMP_FILTER_FLAG_LOG=2 SECCOMP_FILTER_FLAG_SPEC_ALLOW=4
            SECCOMP_FILTER_FLAG_TSYNC_ESRCH=0x10""",
        ),
        refused("Further filters only tighten; this is what adds machinery.", "SECCOMP_FILTER_FLAG_NEW_LISTENER=8"),
    ),
    _one_of("getrusage", 0, allowed("Whose.", "RUSAGE_SELF=0 RUSAGE_THREAD=1 RUSAGE_CHILDREN=0xffffffff")),
    _one_of("getpriority", 0, _WHOSE),
    _one_of("getrlimit setrlimit", 0, _LIMITS),
    _one_of("prlimit64", 1, _LIMITS),
    _flags("sched_getattr", 3),
    _one_of(
        "sched_setscheduler",
        1,
        allowed("Ordinary, or less.", "SCHED_OTHER=0 SCHED_BATCH=3 SCHED_IDLE=5"),
        refused("Before everything else on the machine.", "SCHED_FIFO=1 SCHED_RR=2"),
        mask=~0x4000_0000 & LOW_32_BITS,  # SCHED_RESET_ON_FORK goes with any
    ),
    _flags("getrandom", 2, allowed("How good, and whether to wait.", "GRND_NONBLOCK=1 GRND_RANDOM=2 GRND_INSECURE=4")),
)

CLOCKS = (
    _one_of("clock_gettime clock_getres clock_nanosleep timer_create timerfd_create", 0, _CLOCKS),
    _flags("clock_nanosleep timer_settime", 1, _ABSOLUTE),
    _one_of("getitimer setitimer", 0, allowed("Its three timers.", "ITIMER_REAL=0 ITIMER_VIRTUAL=1 ITIMER_PROF=2")),
    _flags("timerfd_create", 1, allowed(_NONBLOCK, "TFD_CLOEXEC=0o2000000 TFD_NONBLOCK=0o4000")),
    _flags(
        "timerfd_settime",
        1,
        allowed("A moment; tell when the clock is set.", "TFD_TIMER_ABSTIME=1 TFD_TIMER_CANCEL_ON_SET=2"),
    ),
)

WAITING = (
    _flags("epoll_create1", 0, allowed(_CLOEXEC, "EPOLL_CLOEXEC=0o2000000")),
    _one_of("epoll_ctl", 1, allowed("What is waited for.", "EPOLL_CTL_ADD=1 EPOLL_CTL_DEL=2 EPOLL_CTL_MOD=3")),
    _flags("eventfd2", 1, allowed(_NONBLOCK, "EFD_SEMAPHORE=1 EFD_CLOEXEC=0o2000000 EFD_NONBLOCK=0o4000")),
    _flags("inotify_init1", 0, allowed(_NONBLOCK, "IN_CLOEXEC=0o2000000 IN_NONBLOCK=0o4000")),
    _flags(
        "inotify_add_watch",
        2,
        allowed(
            "What to tell.",
            """IN_ALL_EVENTS=0xfff IN_UNMOUNT=0x2000 IN_Q_OVERFLOW=0x4000 IN_IGNORED=0x8000 IN_ONLYDIR=0x1000000
            IN_DONT_FOLLOW=0x2000000 IN_EXCL_UNLINK=0x4000000 IN_MASK_CREATE=0x10000000 IN_MASK_ADD=0x20000000
            IN_ISDIR=0x40000000 IN_ONESHOT=0x80000000""",
        ),
    ),
)

_SOCKET_TYPE = allowed(
    "The types of TCP and UDP have a rule; close on exec, do not block.",
    "SOCK_TYPE=0xf SOCK_CLOEXEC=0o2000000 SOCK_NONBLOCK=0o4000",
)
# Not MSG_ZEROCOPY, which pins pages, nor MSG_OOB, which nothing needs inside and which was a way into the
# kernel through Unix sockets (CVE-2025-38236).
_MESSAGE = allowed(
    "How to send and receive.",
    """MSG_PEEK=2 MSG_DONTROUTE=4 MSG_CTRUNC=8 MSG_TRUNC=0x20 MSG_DONTWAIT=0x40 MSG_EOR=0x80 MSG_WAITALL=0x100
    MSG_CONFIRM=0x800 MSG_ERRQUEUE=0x2000 MSG_NOSIGNAL=0x4000 MSG_MORE=0x8000 MSG_WAITFORONE=0x10000
    MSG_BATCH=0x40000 MSG_FASTOPEN=0x20000000 MSG_CMSG_CLOEXEC=0x40000000""",
)
SOCKETS = (
    _flags("socket socketpair", 1, _SOCKET_TYPE),
    Choice(
        calls=("socket", "socketpair"),
        argument=1,
        values=(allowed("Types of Unix sockets.", "SOCK_STREAM=1 SOCK_DGRAM=2 SOCK_RAW=3 SOCK_SEQPACKET=5"),),
        otherwise=errno.ESOCKTNOSUPPORT,
        mask=0xF,
        only=Bits(0, 1),
    ),
    Choice(
        calls=("socket", "socketpair"),
        argument=2,
        values=(allowed("Protocols of Unix sockets, which are one.", "any=0 PF_UNIX=1"),),
        otherwise=errno.EPROTONOSUPPORT,
        only=Bits(0, 1),
    ),
    _flags("accept4", 3, allowed(_NONBLOCK, "SOCK_CLOEXEC=0o2000000 SOCK_NONBLOCK=0o4000")),
    _flags("sendmsg recvmsg", 2, _MESSAGE, otherwise=errno.EOPNOTSUPP),
    _flags("sendto recvfrom sendmmsg recvmmsg", 3, _MESSAGE, otherwise=errno.EOPNOTSUPP),
    _one_of("shutdown", 1, allowed("Which half.", "SHUT_RD=0 SHUT_WR=1 SHUT_RDWR=2")),
)

CHOICES = (*FILES, *MEMORY, *PROCESSES, *CLOCKS, *WAITING, *SOCKETS)
