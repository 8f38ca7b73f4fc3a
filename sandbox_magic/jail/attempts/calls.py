"""The table of watched system calls: which are named in a list of attempts, and what each is asked to do.

Pure data, for the filters, for the process that takes the notices, and for the tests.
"""

from __future__ import annotations

EPERM, ENOSYS = 1, 38
"""What every call of `REFUSED` and of `ABSENT` is answered, as by the filter of a run that is not watched (the tests
compare)."""

REFUSED = (
    """ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise
    mount umount2 pivot_root chroot unshare setns open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
    add_key request_key keyctl name_to_handle_at open_by_handle_at
    init_module finit_module delete_module kexec_load kexec_file_load reboot
    swapon swapoff acct quotactl syslog sethostname setdomainname clock_settime settimeofday adjtimex"""
).split()
"""Refused whatever the arguments are, and worth a line. So are `socket` and `clone`, for some arguments."""

WATCHED = {
    "open": ("open", 0, -1),
    "creat": ("open", 0, -1),
    "openat": ("open", 1, 0),
    "openat2": ("open", 1, 0),
    "truncate": ("open", 0, -1),
    "execve": ("run", 0, -1),
    "execveat": ("run", 1, 0),
    "connect": ("connect", 1, -1),
    "sendto": ("send", 4, -1),
    "sendmsg": ("send", 1, -1),
    "sendmmsg": ("send", 1, -1),
    "unlink": ("remove", 0, -1),
    "unlinkat": ("remove", 1, 0),
    "rmdir": ("remove", 0, -1),
    "rename": ("rename", 0, -1),
    "renameat": ("rename", 1, 0),
    "renameat2": ("rename", 1, 0),
    "link": ("rename", 0, -1),
    "linkat": ("rename", 1, 0),
    "symlink": ("rename", 0, -1),
    "symlinkat": ("rename", 0, -1),
}
"""Calls that are listed with a name: the kind of attempt, and which arguments are the name and the directory that it is
relative to (-1 for the working directory). They are allowed, but for `ABSENT`."""

ABSENT = frozenset({"openat2"})
"""Those that the kernel seems not to have: what tries one opens by another, which is counted too."""

SECOND = {
    "rename": (1, -1),
    "renameat": (3, 2),
    "renameat2": (3, 2),
    "link": (1, -1),
    "linkat": (3, 2),
    "symlink": (1, -1),
    "symlinkat": (2, 1),
}
"""Which arguments are the second name and its directory."""

OPENS = {"open": (0, 1), "openat": (1, 2)}
"""Which arguments are the name of a file to open, and the flags that say how."""

WRITES = frozenset("creat truncate unlink unlinkat rmdir rename renameat renameat2".split())
"""Calls that change what they name."""

NUMBERS = {
    "x86_64": {
        "open": 2, "socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46, "clone": 56, "execve": 59, "truncate": 76,
        "rename": 82, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "ptrace": 101, "syslog": 103,
        "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165,
        "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171,
        "init_module": 175, "delete_module": 176, "quotactl": 179, "clock_settime": 227, "kexec_load": 246,
        "add_key": 248, "request_key": 249, "keyctl": 250, "openat": 257, "unlinkat": 263, "renameat": 264,
        "linkat": 265, "symlinkat": 266, "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303,
        "open_by_handle_at": 304, "sendmmsg": 307, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "kcmp": 312, "finit_module": 313, "renameat2": 316, "seccomp": 317, "kexec_file_load": 320, "bpf": 321,
        "execveat": 322, "userfaultfd": 323,
    },
    "aarch64": {
        "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38, "umount2": 39, "mount": 40, "pivot_root": 41,
        "truncate": 45, "chroot": 51, "openat": 56, "quotactl": 60, "acct": 89, "unshare": 97, "kexec_load": 104,
        "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142,
        "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "socket": 198, "connect": 203,
        "sendto": 206, "sendmsg": 211, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221,
        "swapon": 224, "swapoff": 225, "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265,
        "setns": 268, "sendmmsg": 269, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "finit_module": 273, "renameat2": 276, "seccomp": 277, "bpf": 280, "execveat": 281, "userfaultfd": 282,
        "kexec_file_load": 294,
    },
}  # fmt: skip
_LATE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "openat2": 437, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442,
}  # fmt: skip
for _numbers in NUMBERS.values():
    _numbers.update(_LATE)  # from 424 on every architecture has the same ones
