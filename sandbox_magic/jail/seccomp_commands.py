"""The table of commands: what may be asked through the calls that are many calls in one.

Development alone reads it: see `seccomp.py`.  A later kernel adds to these calls by a new number: 1 GiB
of kernel memory by one prctl (PR_FUTEX_HASH, Linux 6.16), a lease by fcntl (F_SETDELEG, 6.19).  So what
programs use is listed, and any other number is answered as by a kernel that has not heard of it.
"""

from __future__ import annotations

import errno

from sandbox_magic.jail.seccomp import LOW_32_BITS, Bits, Choice, Values, allowed, refused
from sandbox_magic.jail.seccomp_flags import FILE_STATUS


def _command(calls: str, argument: int, *values: Values, otherwise: int = errno.EINVAL) -> Choice:
    return Choice(calls=tuple(calls.split()), argument=argument, values=values, otherwise=otherwise)


def _further(call: str, command: Bits, argument: int, values: Values, *, flags: bool = True) -> Choice:
    """Return the choice by an argument after the command: fcntl's is an int, those of the others 64 bits wide."""
    wide = call != "fcntl"
    return Choice(calls=(call,), argument=argument, values=(values,), flags=flags, wide=wide, only=command)


FCNTL = (
    _command(
        "fcntl",
        1,
        allowed(
            "Descriptors: what they are, and whom their signals reach.",
            """F_DUPFD=0 F_GETFD=1 F_SETFD=2 F_GETFL=3 F_SETFL=4 F_SETOWN=8 F_GETOWN=9 F_SETSIG=10 F_GETSIG=11
            F_SETOWN_EX=15 F_GETOWN_EX=16 F_DUPFD_QUERY=1027 F_CREATED_QUERY=1028 F_DUPFD_CLOEXEC=1030""",
        ),
        allowed(
            "Locks: SQLite, mailboxes.  That sandboxes can signal each other by them is said in SECURITY.md.",
            "F_GETLK=5 F_SETLK=6 F_SETLKW=7 F_OFD_GETLK=36 F_OFD_SETLK=37 F_OFD_SETLKW=38 F_GETLEASE=1025",
        ),
        allowed(
            "The size of a pipe; seals of a memfd.",
            "F_SETPIPE_SZ=1031 F_GETPIPE_SZ=1032 F_ADD_SEALS=1033 F_GET_SEALS=1034",
        ),
        allowed("What inotify tells too; CPython's tests ask for it.", "F_NOTIFY=1026"),
        refused(
            "A lease on a shared file of the caller's own makes the host's open(2) wait for the cell.",
            "F_SETLEASE=1024",
        ),
    ),
    _further("fcntl", Bits(1, 2), 2, allowed("Close on exec.", "FD_CLOEXEC=1")),
    _further("fcntl", Bits(1, 4), 2, FILE_STATUS),
    _further(
        "fcntl",
        Bits(1, 1026),
        2,
        allowed(
            "What F_NOTIFY tells.",
            """DN_ACCESS=1 DN_MODIFY=2 DN_CREATE=4 DN_DELETE=8 DN_RENAME=0x10 DN_ATTRIB=0x20
            DN_MULTISHOT=0x80000000""",
        ),
    ),
    _further(
        "fcntl",
        Bits(1, 1033),
        2,
        allowed(
            "What F_ADD_SEALS seals.",
            """F_SEAL_SEAL=1 F_SEAL_SHRINK=2 F_SEAL_GROW=4 F_SEAL_WRITE=8 F_SEAL_FUTURE_WRITE=0x10
            F_SEAL_EXEC=0x20""",
        ),
    ),
)

IOCTL = _command(
    "ioctl",
    1,
    allowed(
        "Terminals: isatty, readline, curses, job control of a shell.",
        """TCGETS=0x5401 TCSETS=0x5402 TCSETSW=0x5403 TCSETSF=0x5404 TCSBRK=0x5409 TCXONC=0x540a TCFLSH=0x540b
        TIOCSCTTY=0x540e TIOCGPGRP=0x540f TIOCSPGRP=0x5410 TIOCOUTQ=0x5411 TIOCGWINSZ=0x5413 TIOCSWINSZ=0x5414
        TIOCNOTTY=0x5422 TCSBRKP=0x5425 TIOCGSID=0x5429 TCGETS2=0x802c542a TCSETS2=0x402c542b
        TCSETSW2=0x402c542c TCSETSF2=0x402c542d""",
    ),
    allowed(
        "Terminals of its own: pty.fork, expect, tmux, screen.",
        """TIOCGPTN=0x80045430 TIOCSPTLCK=0x40045431 TIOCGPTLCK=0x80045439 TIOCGPTPEER=0x5441 TIOCPKT=0x5420
        TIOCGPKT=0x80045438""",
    ),
    allowed("Any descriptor.", "FIONREAD=0x541b FIONBIO=0x5421 FIONCLEX=0x5450 FIOCLEX=0x5451 FIOASYNC=0x5452"),
    allowed(
        "The network interfaces that there are: if_nameindex, ifconfig, psutil.",
        """SIOCGIFNAME=0x8910 SIOCGIFCONF=0x8912 SIOCGIFFLAGS=0x8913 SIOCGIFADDR=0x8915 SIOCGIFDSTADDR=0x8917
        SIOCGIFBRDADDR=0x8919 SIOCGIFNETMASK=0x891b SIOCGIFMETRIC=0x891d SIOCGIFMTU=0x8921 SIOCGIFHWADDR=0x8927
        SIOCGIFINDEX=0x8933 SIOCGIFTXQLEN=0x8942 SIOCGIFMAP=0x8970""",
    ),
    allowed(
        "Files: lsattr; cp and pathlib (3.14) go on only after the kernel's own answer that blocks can't be shared.",
        "FS_IOC_GETFLAGS=0x80086601 FICLONE=0x40049409 FICLONERANGE=0x4020940d",
    ),
    allowed(
        "The namespaces that it can see, which it can't enter: lsns.",
        "NS_GET_USERNS=0xb701 NS_GET_PARENT=0xb702 NS_GET_NSTYPE=0xb703 NS_GET_OWNER_UID=0xb704",
    ),
    refused(
        "The loopback's own answer, which psutil expects; what is asked lies in memory.",
        "SIOCETHTOOL=0x8946",
        answer=errno.EOPNOTSUPP,
    ),
    refused(
        """TIOCSTI types into the terminal, TIOCLINUX pastes into a console (CVE-2017-5226, CVE-2023-28100);
        TIOCSETD would load the module of a line discipline.""",
        "TIOCSTI=0x5412 TIOCLINUX=0x541c TIOCSETD=0x5423",
    ),
    otherwise=errno.ENOTTY,
)

PRCTL = (
    _command(
        "prctl",
        0,
        allowed(
            "Name, parent's death, whether it can be read and traced, orphans, the vector that it was started with.",
            """PR_SET_PDEATHSIG=1 PR_GET_PDEATHSIG=2 PR_GET_DUMPABLE=3 PR_SET_DUMPABLE=4 PR_SET_NAME=15
            PR_GET_NAME=16 PR_SET_CHILD_SUBREAPER=36 PR_GET_CHILD_SUBREAPER=37 PR_SET_PTRACER=0x59616d61
            PR_GET_AUXV=0x41555856""",
        ),
        allowed(
            "Its timers and its pages.",
            "PR_SET_TIMERSLACK=29 PR_GET_TIMERSLACK=30 PR_SET_THP_DISABLE=41 PR_GET_THP_DISABLE=42",
        ),
        allowed(
            "Giving up what it may do.  There is no capability to keep or to raise.",
            """PR_GET_KEEPCAPS=7 PR_SET_KEEPCAPS=8 PR_GET_SECCOMP=21 PR_SET_SECCOMP=22 PR_CAPBSET_READ=23
            PR_CAPBSET_DROP=24 PR_GET_SECUREBITS=27 PR_SET_NO_NEW_PRIVS=38 PR_GET_NO_NEW_PRIVS=39
            PR_CAP_AMBIENT=47 PR_GET_SPECULATION_CTRL=52 PR_SET_SPECULATION_CTRL=53 PR_SET_MDWE=65
            PR_GET_MDWE=66""",
        ),
        allowed(
            "Vectors, pointer authentication, tagged memory and shadow stacks of its own, on Arm: libc.",
            """PR_SVE_SET_VL=50 PR_SVE_GET_VL=51 PR_PAC_RESET_KEYS=54 PR_SET_TAGGED_ADDR_CTRL=55
            PR_GET_TAGGED_ADDR_CTRL=56 PR_PAC_SET_ENABLED_KEYS=60 PR_PAC_GET_ENABLED_KEYS=61 PR_SME_SET_VL=63
            PR_SME_GET_VL=64 PR_GET_SHADOW_STACK_STATUS=74 PR_SET_SHADOW_STACK_STATUS=75
            PR_LOCK_SHADOW_STACK_STATUS=76""",
            machine="aarch64",
        ),
        refused("Merging equal pages tells what other processes hold.", "PR_SET_MEMORY_MERGE=67"),
        refused("1 GiB of kernel memory by one call, which no signal ends.", "PR_FUTEX_HASH=78"),
        refused("It keeps the processor beside its own idle, whatever --cpus says.", "PR_SCHED_CORE=62"),
        refused(
            "Names of mappings are kernel memory that nothing counts; libc and Go then do without.",
            "PR_SET_VMA=0x53564d41",
            answer=errno.EINVAL,
        ),
    ),
    _further(
        "prctl",
        Bits(0, 22),
        1,
        allowed("PR_SET_SECCOMP.", "SECCOMP_MODE_STRICT=1 SECCOMP_MODE_FILTER=2"),
        flags=False,
    ),
    _further("prctl", Bits(0, 41), 2, allowed("PR_SET_THP_DISABLE.", "PR_THP_DISABLE_EXCEPT_ADVISED=2")),
    _further(
        "prctl",
        Bits(0, 47),
        1,
        allowed(
            "PR_CAP_AMBIENT.",
            "PR_CAP_AMBIENT_IS_SET=1 PR_CAP_AMBIENT_RAISE=2 PR_CAP_AMBIENT_LOWER=3 PR_CAP_AMBIENT_CLEAR_ALL=4",
        ),
        flags=False,
    ),
    _further(
        "prctl",
        Bits(0, 52, ~1 & LOW_32_BITS),
        1,
        allowed("PR_GET_ and PR_SET_SPECULATION_CTRL.", "PR_SPEC_STORE_BYPASS=0 PR_SPEC_INDIRECT_BRANCH=1"),
        flags=False,
    ),
    _further("prctl", Bits(0, 65), 1, allowed("PR_SET_MDWE.", "PR_MDWE_REFUSE_EXEC_GAIN=1 PR_MDWE_NO_INHERIT=2")),
    _further(
        "prctl",
        Bits(0, 55),
        1,
        allowed("PR_SET_TAGGED_ADDR_CTRL.", "PR_TAGGED_ADDR_ENABLE=1 PR_MTE_TCF_MASK=6 PR_MTE_TAG_MASK=0x7fff8"),
    ),
    _further(
        "prctl",
        Bits(0, 75),
        1,
        allowed(
            "PR_SET_SHADOW_STACK_STATUS.",
            "PR_SHADOW_STACK_ENABLE=1 PR_SHADOW_STACK_WRITE=2 PR_SHADOW_STACK_PUSH=4",
        ),
    ),
)

ARCH_PRCTL = (
    _command(
        "arch_prctl",
        0,
        allowed(
            "Segments (libc, Wine), processor features that must be asked for (AMX), shadow stacks (libc).",
            """ARCH_SET_GS=0x1001 ARCH_SET_FS=0x1002 ARCH_GET_FS=0x1003 ARCH_GET_GS=0x1004 ARCH_GET_CPUID=0x1011
            ARCH_GET_XCOMP_SUPP=0x1021 ARCH_GET_XCOMP_PERM=0x1022 ARCH_REQ_XCOMP_PERM=0x1023
            ARCH_SHSTK_ENABLE=0x5001 ARCH_SHSTK_DISABLE=0x5002 ARCH_SHSTK_LOCK=0x5003 ARCH_SHSTK_STATUS=0x5005""",
        ),
    ),
    _further(
        "arch_prctl",
        Bits(0, 0x1023),
        1,
        allowed("ARCH_REQ_XCOMP_PERM: tiles.", "ARCH_XCOMP_TILEDATA=18"),
        flags=False,
    ),
    _further(
        "arch_prctl",
        Bits(0, 0x5000, ~3 & LOW_32_BITS),
        1,
        allowed("ARCH_SHSTK_ENABLE, _DISABLE and _LOCK.", "ARCH_SHSTK_SHSTK=1 ARCH_SHSTK_WRSS=2"),
    ),
)

MADVISE = _command(
    "madvise",
    2,
    allowed(
        "Allocators, garbage collectors, readers of large files, fork.",
        """MADV_NORMAL=0 MADV_RANDOM=1 MADV_SEQUENTIAL=2 MADV_WILLNEED=3 MADV_DONTNEED=4 MADV_FREE=8 MADV_REMOVE=9
        MADV_DONTFORK=10 MADV_DOFORK=11 MADV_HUGEPAGE=14 MADV_NOHUGEPAGE=15 MADV_DONTDUMP=16 MADV_DODUMP=17
        MADV_WIPEONFORK=18 MADV_KEEPONFORK=19 MADV_COLD=20 MADV_POPULATE_READ=22 MADV_POPULATE_WRITE=23""",
    ),
    refused("Merging equal pages tells what other processes hold.", "MADV_MERGEABLE=12"),
    refused(
        """Page tables for any stretch of memory by one call, which no signal ends: 512 MiB in 2 s; libc then guards
        stacks as before.""",
        "MADV_GUARD_INSTALL=102",
        answer=errno.EINVAL,
    ),
)

FUTEX = Choice(
    calls=("futex",),
    argument=1,
    mask=~0x180 & LOW_32_BITS,  # FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME go with any
    values=(
        allowed(
            "Locks and conditions of libc and of runtimes; those that hand priority on.",
            """FUTEX_WAIT=0 FUTEX_WAKE=1 FUTEX_REQUEUE=3 FUTEX_CMP_REQUEUE=4 FUTEX_WAKE_OP=5 FUTEX_LOCK_PI=6
            FUTEX_UNLOCK_PI=7 FUTEX_TRYLOCK_PI=8 FUTEX_WAIT_BITSET=9 FUTEX_WAKE_BITSET=10 FUTEX_LOCK_PI2=13""",
        ),
        refused(
            "A way into the kernel more than once (CVE-2014-3153); libc left it in 2.25.",
            "FUTEX_WAIT_REQUEUE_PI=11 FUTEX_CMP_REQUEUE_PI=12",
            answer=errno.ENOSYS,
        ),
    ),
    otherwise=errno.ENOSYS,
)

MEMBARRIER = (
    _command(
        "membarrier",
        0,
        allowed(
            "The JVM, .NET, liburcu.",
            """MEMBARRIER_CMD_QUERY=0 MEMBARRIER_CMD_GLOBAL=1 MEMBARRIER_CMD_GLOBAL_EXPEDITED=2
            MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED=4 MEMBARRIER_CMD_PRIVATE_EXPEDITED=8
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED=0x10 MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE=0x20
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE=0x40 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ=0x80
            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ=0x100 MEMBARRIER_CMD_GET_REGISTRATIONS=0x200""",
        ),
    ),
    Choice(
        calls=("membarrier",),
        argument=1,
        values=(allowed("One processor.", "MEMBARRIER_CMD_FLAG_CPU=1"),),
        flags=True,
    ),
)

CHOICES = (*FCNTL, IOCTL, *PRCTL, *ARCH_PRCTL, MADVISE, FUTEX, *MEMBARRIER)
