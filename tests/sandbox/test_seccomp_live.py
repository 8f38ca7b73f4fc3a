"""The filter under a real bwrap: what it refuses is refused, and real programs do not notice it.

Each denial is tested in pairs: the same attempt in the same sandbox without the filter is the control.
The sandbox here is a minimal one of its own, so that nothing but the filter is on trial.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sandbox_magic.jail import seccomp, seccomp_calls

MACHINE = platform.machine()
GOLDEN = Path(__file__).resolve().parents[1] / "unit" / "jail" / f"seccomp_reachable_{MACHINE}.txt"
REFUSALS = {errno.EPERM, errno.ENOSYS}
SECONDS = 120  # for one program, generous: a loaded machine, a cold cache
# uretprobe and uprobe: since 2025 the kernel lets them past every filter (kernel/seccomp.c,
# seccomp_uprobe_exception); called from anywhere but its own trampoline they do nothing.
PAST_EVERY_FILTER = {"x86_64": {335, 336}, "aarch64": set()}[MACHINE] if MACHINE in seccomp.MACHINES else set()
# splice, tee, vmsplice: refused by what they also answer by themselves; COMMANDS shows that it is the filter.
INVALID = {"x86_64": {275, 276, 278}, "aarch64": {75, 76, 77}}.get(MACHINE, set())
DIED = 255  # a probe's status if a signal ended it: it was let through

PRELUDE = """
import ctypes, errno, json, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    '''The errno of a system call, 0 if it succeeded; int arguments are passed 64 bits wide.'''
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *wide) == -1 else 0
"""


@pytest.fixture(scope="module", autouse=True)
def bwrap() -> str:
    """Find bwrap; these tests are nothing without it."""
    found = shutil.which("bwrap")
    if found is None:
        pytest.skip("no bwrap (Debian: apt-get install bubblewrap)")
    if MACHINE not in seccomp.MACHINES:
        pytest.skip(f"no filter for {MACHINE}")
    return str(found)


def sandboxed(*command: str, filtered: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command under bwrap, with the filter or without."""
    places = ["/usr", "/lib", "/lib64", "/bin", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl", "/etc/fonts"]
    # Without it lscpu counts no cores, and joblib (scikit-learn) warns, filter or no filter.
    places += ["/sys/devices/system/cpu"]
    places += [sys.base_prefix, sys.prefix]
    binds = [word for place in places if Path(place).exists() for word in ("--ro-bind", place, place)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
    descriptor = os.memfd_create("filter")
    try:
        os.write(descriptor, seccomp.load())
        os.lseek(descriptor, 0, os.SEEK_SET)
        argv = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
        argv += ["--uid", "1000", "--gid", "1000", "--die-with-parent", "--new-session", "--clearenv"]
        argv += [word for name, value in environment.items() for word in ("--setenv", name, value)]
        # The tmpfs first: a venv may lie in /tmp.
        argv += [
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
            *binds,
            "--dir",
            "/tmp/here",
            "--chdir",
            "/tmp/here",
        ]
        argv += ["--seccomp", str(descriptor)] if filtered else []
        return subprocess.run(
            [*argv, "--", *command],
            pass_fds=[descriptor],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        os.close(descriptor)


def python(source: str, *, filtered: bool = True) -> str:
    """Run Python source inside, as a file so that multiprocessing can import it; return its output.

    Anything on stderr or a bad status fails the test: a program must work without a complaint.
    """
    write_and_run = f"cat > main.py; exec {shlex.quote(sys.executable)} main.py"
    ended = sandboxed("/bin/sh", "-c", write_and_run, filtered=filtered, stdin=textwrap.dedent(source))
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout


def ask(expression: str, *, filtered: bool) -> object:
    """Evaluate an expression inside, after the prelude, and bring its JSON value out."""
    return json.loads(python(f"{PRELUDE}\nprint(json.dumps({expression}))", filtered=filtered))


def golden() -> dict[str, tuple[int, bool]]:
    """Read the reviewed list: name -> (number, whether any arguments do)."""
    lines = [line.split() for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    return {name: (int(number), not rest) for number, name, *rest in lines}


PROBE = """
def vfork():
    '''The errno of vfork, 0 if it succeeded. The child has the parent's stack: it ends at once, and never returns.'''
    import mmap
    # mov eax, 58; syscall; test eax, eax; jnz over; xor edi, edi; mov eax, 60 (exit); syscall; over: ret
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex('b83a0000000f0585c0750931ffb83c0000000f05c3'))
    found = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    return max(0, -found)

def probe(number):
    '''Make one call, all arguments zero, in a child: its errno, or DIED if a signal ended it.'''
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.1)  # some wait for ever
        is_vfork = (os.uname().machine, number) == ('x86_64', 58)  # Arm has none
        os._exit(vfork() if is_vfork else call(number, 0, 0, 0, 0, 0, 0))
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255

sys.stdout.write(json.dumps([probe(number) for number in range(LAST + 13)]))
"""


def probe_all(*, filtered: bool) -> list[int]:
    """Try every number from 0 to beyond the table's last, really."""
    found: list[int] = json.loads(python(f"{PRELUDE}\nLAST = {seccomp_calls.LAST_NUMBER}\n{PROBE}", filtered=filtered))
    return found


def test_every_number_tried() -> None:
    """Really called, every number outside the reviewed list is refused, and none inside it by the filter."""
    inside, control = probe_all(filtered=True), probe_all(filtered=False)
    reachable = dict(golden().values())
    let_through = {
        n for n, found in enumerate(inside) if n not in reachable and found not in {*REFUSALS, errno.EOPNOTSUPP}
    }
    assert {inside[n] for n in INVALID} == {errno.EINVAL}
    let_through -= INVALID
    assert let_through <= PAST_EVERY_FILTER
    assert {inside[n] for n in let_through} <= {DIED, errno.ENXIO}
    changed = {
        n: (control[n], inside[n])
        for n, free in reachable.items()
        if free and (control[n] in REFUSALS) != (inside[n] in REFUSALS)
    }
    assert changed == {}
    # The controls: without the filter, most of what it refuses is there and answers something else.
    closed = {n for n, found in enumerate(control) if n not in reachable and found not in {*REFUSALS, errno.EOPNOTSUPP}}
    assert len(closed) >= 60


ASK = """
zeros = [0] * 6
found = [[call(n, *(before + [value] + zeros)[:6]) for value in values] for n, before, values in ASKED]
sys.stdout.write(json.dumps(found))
"""


def test_every_small_command_tried() -> None:
    """Really asked, what the table refuses has the table's answer: each number up to 4096, each flag, what is named.

    None of it gets to the kernel, so none can wait or do anything; what the table allows is not asked.
    """
    asked, answers = [], []
    for choice in seccomp_calls.CHOICES:
        named = {number for each in choice.values for _, numbers in each.named for number in (numbers[0], numbers[-1])}
        tried = sorted({*range(4097), *(1 << bit for bit in range(32)), *named})
        before = [0] * choice.argument
        if choice.only:
            before[choice.only.argument] = choice.only.value
        for name in {*choice.calls} & {*golden()}:
            expected = {n: seccomp_calls.answer(MACHINE, name, [*before, n, *[0] * 5][:6]) for n in tried}
            refused = {n: answer for n, answer in expected.items() if answer}
            asked.append((golden()[name][0], before, list(refused)))
            answers.append(list(refused.values()))
    found = json.loads(python(f"{PRELUDE}\nASKED = {asked!r}\n{ASK}"))
    wrong = [one[:2] for one, says, must in zip(asked, found, answers, strict=True) if says != must]
    assert wrong == []


def test_x32_and_newer_numbers_answer_enosys() -> None:
    """The x32 getpid and numbers nobody has yet are absent, not fatal."""
    numbers = [0x40000000 + 39, 0x40000000 + 512, 452, 462, 600, 0x7FFFFFFF]
    assert ask(f"[call(n, 0) for n in {numbers}]", filtered=True) == [errno.ENOSYS] * len(numbers)


ATTEMPTS = {
    "unshare user": "call(N(272, 97), 0x10000000)",
    "unshare user and time": "call(N(272, 97), 0x10000080)",
    "setns": "call(N(308, 268), os.open('/proc/self/ns/net', 0), 0x20000)",
    "ptrace": "call(N(101, 117), 0, 0, 0, 0)",
    "process_vm_readv": "call(N(310, 270), os.getpid(), iov, 1, iov, 1, 0)",
    "process_vm_writev": "call(N(311, 271), os.getpid(), iov, 1, iov, 1, 0)",
    "pidfd_getfd": "call(438, os.pidfd_open(os.getpid()), 0, 0)",
    "prlimit64 of PID 1": "call(N(302, 261), 1, 7, 0, zeros)",
    "sched_setaffinity of PID 1": "call(N(203, 122), 1, 8, ones)",
    "sched_setscheduler of PID 1": "call(N(144, 119), 1, 0, zeros)",
    "sched_setparam of PID 1": "call(N(142, 118), 1, zeros)",
    "sched_setattr of another process": "call(N(314, 274), os.getppid(), 0, 0)",
    "setpriority of PID 1": "call(N(141, 140), 0, 1, 0)",
    "setpriority of the user": "call(N(141, 140), 2, 0, 0)",
    "ioprio_set of PID 1": "call(N(251, 30), 1, 1, 3 << 13)",
    "ioprio_set of the user": "call(N(251, 30), 3, 0, 3 << 13)",
    "ioprio_set, before the others": "call(N(251, 30), 1, 0, 2 << 13)",
    "keyctl": "call(N(250, 219), 0, -3, 1)",
    "add_key": "call(N(248, 217), b'user', b'k', b'v', 1, -2)",
    "request_key": "call(N(249, 218), b'user', b'none', 0, -2)",
    "io_uring_setup": "call(425, 1, zeros)",
    "io_uring_enter": "call(426, 0, 0, 0, 0, 0, 0)",
    "io_uring_register": "call(427, 0, 0, 0, 0)",
    "userfaultfd": "call(N(323, 282), 1)",
    "personality, another": "call(N(135, 92), 0x0040000)",
    "kcmp": "call(N(312, 272), os.getpid(), os.getpid(), 0, 0, 1)",
    "process_madvise": "call(440, -1, iov, 1, 4, 0)",
    "process_mrelease": "call(448, -1, 0)",
    "message queue": "call(N(68, 186), 0, 0o1600)",
    "semaphore": "call(N(64, 190), 0, 1, 0o1600)",
    "shared memory": "call(N(29, 194), 0, 4096, 0o1600)",
    "POSIX message queue": "call(N(240, 180), b'q', 0o102, 0o600, 0)",
    "asynchronous I/O": "call(N(206, 0), 1, zeros)",
    "a filter with a listener": "call(N(317, 277), 1, 8, 0)",
    "sync": "call(N(162, 81))",
    "clone3": "call(435, zeros, 88)",
    "clone into a user namespace": "clone(0x10000000 | 17)",
    "clone into a user and network namespace": "clone(0x50000000 | 17)",
    "AF_VSOCK": "sock(40, 1, 0)",
    "AF_ALG": "sock(38, 5, 0)",
    "AF_UNSPEC": "sock(0, 1, 0)",
    "netlink generic": "sock(16, 3, 16)",
    "netlink uevent": "sock(16, 2, 15)",
    "TCP by another protocol": "sock(2, 1, 999)",
    "a socketpair of another family": "call(N(53, 199), 2, 1, 0, zeros)",
    "TIOCSTI": "call(N(16, 29), own_terminal(), 0x5412, zeros)",
    "TIOCSTI, high bits set": "call(N(16, 29), own_terminal(), 0x7fffffff00005412, zeros)",
    "TIOCSTI, sign bit set": "call(N(16, 29), own_terminal(), (-0x80000000 << 32) | 0x5412, zeros)",
    "TIOCLINUX": "call(N(16, 29), own_terminal(), 0x541C, zeros)",
    "TIOCLINUX, high bits set": "call(N(16, 29), own_terminal(), 0x10000541C, zeros)",
}
"""Expressions that give an errno, and give neither EPERM nor ENOSYS without the filter."""

COMMANDS = {
    "prctl, setting how time is told": ("call(N(157, 167), 14, 0)", errno.EINVAL),
    "prctl with high bits": ("call(N(157, 167), 0x10000000e, 0)", errno.EINVAL),
    "fcntl, how long data will live": ("call(N(72, 25), os.open('f', os.O_CREAT), 1035, zeros)", errno.EINVAL),
    "fcntl, a lease": ("call(N(72, 25), os.open('f', os.O_CREAT), 1024, 0)", errno.EPERM),
    "ioctl, the size of a block": ("call(N(16, 29), os.open('f', os.O_CREAT), 2, zeros)", errno.ENOTTY),
    "ioctl, the size of a file": ("call(N(16, 29), os.open('f', os.O_CREAT), 0x5460, zeros)", errno.ENOTTY),
    "ioctl, the line discipline": ("call(N(16, 29), terminal, 0x5424, zeros)", errno.ENOTTY),
    "getsockopt, its memory": ("call(N(55, 209), tcp(), 1, 55, zeros, size)", errno.ENOPROTOOPT),
    "setsockopt, what was lost": ("call(N(54, 208), tcp(), 1, 40, one, 4)", errno.ENOPROTOOPT),
    "setsockopt, several datagrams in one": ("call(N(54, 208), udp(), 17, 1, one, 4)", errno.ENOPROTOOPT),
    "sending out of band": ("call(N(44, 206), tcp(), b'x', 1, 1, 0, 0)", errno.EOPNOTSUPP),
    "sending without a copy": ("call(N(44, 206), tcp(), b'x', 1, 0x4000000, 0, 0)", errno.EOPNOTSUPP),
    "open with an unknown flag": ("call(N(257, 56), -100, b'f', 0x40000040, 0o600)", errno.EINVAL),
    "mmap with an unknown flag": ("call(N(9, 222), 0, 4096, 3, 0x800022, -1, 0)", errno.EINVAL),
    "mmap with an unknown protection": ("call(N(9, 222), 0, 4096, 0x8003, 0x22, -1, 0)", errno.EINVAL),
    "vmsplice": ("call(N(278, 75), pipe, iov, 1, 0)", errno.EINVAL),
    "splice": ("call(N(275, 76), source(), 0, pipe, 0, 1, 2)", errno.EINVAL),
    "tee": ("call(N(276, 77), source(), pipe, 1, 2)", errno.EINVAL),
    "openat2": ("call(437, -100, b'/tmp', zeros, 24)", errno.ENOSYS),
    "sched_setattr": (
        "call(N(314, 274), 0, ctypes.create_string_buffer(struct.pack('IIQi', 48, 0, 0, 19), 48), 0)",
        errno.ENOSYS,
    ),
}
"""Expressions that give 0 without the filter, and this errno with it: what a kernel says that has not got it."""

NO_CONTROL = {
    "mount": "call(N(165, 40), b'none', b'/tmp', b'tmpfs', 0, 0)",
    "umount2": "call(N(166, 39), b'/tmp', 2)",
    "pivot_root": "call(N(155, 41), b'/tmp', b'/tmp')",
    "chroot": "call(N(161, 51), b'/tmp')",
    "open_tree": "call(428, -100, b'/', 1)",
    "move_mount": "call(429, -100, b'/', -100, b'/tmp', 0)",
    "fsopen": "call(430, b'tmpfs', 0)",
    "fsconfig": "call(431, -1, 0, 0, 0, 0)",
    "fsmount": "call(432, -1, 0, 0)",
    "fspick": "call(433, -100, b'/', 0)",
    "mount_setattr": "call(442, -100, b'/', 0, zeros, 32)",
    "statmount": "call(457, zeros, zeros, 64, 0)",
    "listmount": "call(458, zeros, zeros, 8, 0)",
    "bpf": "call(N(321, 280), 0, zeros, 48)",
    "perf_event_open": "call(N(298, 241), zeros, 0, -1, -1, 0)",
    "AF_PACKET": "sock(17, 3, 0)",
    "raw IPv4": "sock(2, 3, 1)",
    "raw IPv6": "sock(10, 3, 58)",
    "ping socket": "sock(2, 2, 1)",
    "device node": "call(N(259, 33), -100, b'/tmp/null', 0o20666, 259)",
    "block device node": "call(N(259, 33), -100, b'/tmp/disk', 0o60666, 1792)",
    "name_to_handle_at": "call(N(303, 264), -100, b'/', zeros, zeros, 0)",
    "open_by_handle_at": "call(N(304, 265), -100, zeros, 0)",
    "clock_settime": "call(N(227, 112), 0, zeros)",
    "settimeofday": "call(N(164, 170), zeros, 0)",
    "adjtimex": "call(N(159, 171), zeros)",
    "clock_adjtime": "call(N(305, 266), 0, zeros)",
    "kexec_load": "call(N(246, 104), 0, 0, 0, 0)",
    "finit_module": "call(N(313, 273), -1, b'', 0)",
    "delete_module": "call(N(176, 106), b'none', 0)",
    "swapon": "call(N(167, 224), b'/tmp', 0)",
    "reboot": "call(N(169, 142), 0, 0, 0, 0)",
    "acct": "call(N(163, 89), 0)",
    "syslog": "call(N(103, 116), 3, zeros, 8)",
    "sethostname": "call(N(170, 161), b'x', 1)",
    "setdomainname": "call(N(171, 162), b'x', 1)",
    "quotactl": "call(N(179, 60), 0, 0, 0, 0)",
    "vhangup": "call(N(153, 58))",
    "fanotify_init": "call(N(300, 262), 0, 0)",
    "lookup_dcookie": "call(N(212, 18), 0, zeros, 8)",
    "nfsservctl": "call(N(180, 42), 0, 0, 0)",
    "memfd_secret": "call(447, 0)",
    "modify_ldt": "call(N(154, 999), 0, zeros, 16)",
    "iopl": "call(N(172, 999), 3)",
    "ioperm": "call(N(173, 999), 0x80, 1, 1)",
    "move_pages": "call(N(279, 239), 0, 0, 0, 0, 0, 0)",
    "mbind": "call(N(237, 235), 0, 0, 0, 0, 0, 0)",
    "set_mempolicy": "call(N(238, 237), 0, 0, 0)",
}
"""Attempts that the lack of capabilities, or of the facility in some kernels, refuses likewise."""

ALLOWED = {
    "clone as fork does": "clone(17)",
    "prlimit64 of itself": "call(N(302, 261), 0, 7, 0, zeros)",
    "sched_setaffinity of itself": "call(N(203, 122), 0, 8, ones)",
    "setpriority of itself": "call(N(141, 140), 0, 0, 19)",
    "prlimit64 by its number": "call(N(302, 261), os.getpid(), 7, 0, zeros)",
    "sched_setaffinity by its number": "call(N(203, 122), os.getpid(), 8, ones)",
    "sched_setscheduler by its number": "call(N(144, 119), os.getpid(), 0, zeros)",
    "sched_setparam by its number": "call(N(142, 118), os.getpid(), zeros)",
    "setpriority by its number": "call(N(141, 140), 0, os.getpid(), 19)",
    "ioprio_set by its number": "call(N(251, 30), 1, os.getpid(), 3 << 13)",
    "sched_rr_get_interval": "call(N(148, 127), 0, zeros)",
    "setreuid": "call(N(113, 145), -1, -1)",
    "setregid": "call(N(114, 143), -1, -1)",
    "capset": "call(N(126, 91), struct_of_capabilities(), zeros)",
    "personality, which": "call(N(135, 92), 0xffffffff)",
    "personality, which, sign-extended": "call(N(135, 92), -1)",
    "personality, plain Linux": "call(N(135, 92), 0)",
    "a FIFO": "call(N(259, 33), -100, b'/tmp/fifo', 0o10600, 0)",
    "a socket's node": "call(N(259, 33), -100, b'/tmp/node', 0o140600, 0)",
    "a file's node": "call(N(259, 33), -100, b'/tmp/plain', 0o600, 0)",
    "unix": "sock(1, 1, 0)",
    "tcp": "sock(2, 0x80001, 6)",
    "udp": "sock(2, 2, 0)",
    "netlink route": "sock(16, 0x80003, 0)",
    "window size": "call(N(16, 29), terminal, 0x5413, zeros)",
}

TRY = """
import fcntl, pty, socket, struct, termios
N = lambda x86_64, aarch64: x86_64 if os.uname().machine == 'x86_64' else aarch64
zeros, iov = ctypes.create_string_buffer(256), (ctypes.c_void_p * 2)()
ones = ctypes.create_string_buffer(b'\\xff' * 128)
(keep, terminal), (keep_too, pipe) = pty.openpty(), os.pipe()
sock = lambda *arguments: call(N(41, 198), *arguments)
one, size = ctypes.create_string_buffer(struct.pack('i', 1)), ctypes.create_string_buffer(struct.pack('i', 64))
def tcp(server=socket.create_server(('127.0.0.1', 0))):
    '''Connect to ourselves.'''
    return socket.create_connection(server.getsockname()).detach()
def source():
    '''Return a pipe with something in it.'''
    read, write = os.pipe()
    os.write(write, b'x')
    return read
struct_of_capabilities = lambda: ctypes.create_string_buffer(struct.pack('Ii', 0x20080522, 0), 8)
udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
def own_terminal():
    '''Make the terminal the controlling one: TIOCSTI is refused on any other.'''
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    return terminal

def clone(flags):
    ctypes.set_errno(0)
    child = libc.syscall(ctypes.c_long(N(56, 220)), ctypes.c_long(flags), *[ctypes.c_long(0)] * 4)
    if child == 0:
        os._exit(0)
    return ctypes.get_errno() if child == -1 else os.waitpid(child, 0) and 0

def attempt(expression):
    '''Evaluate in a child, so that no attempt spoils the next; 0 for success.'''
    child = os.fork()
    if child == 0:
        os._exit(eval(expression))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def attempted(expressions: dict[str, str], *, filtered: bool) -> dict[str, int]:
    """Make each attempt inside; its errno by its name."""
    source = f"{PRELUDE}\n{TRY}\nprint(json.dumps({{name: attempt(e) for name, e in {expressions!r}.items()}}))"
    found: dict[str, int] = json.loads(python(source, filtered=filtered))
    return found


def test_commands_are_unknown() -> None:
    """With the filter each command and flag that is not listed is answered as by a kernel that is too old for it."""
    found = attempted({name: expression for name, (expression, _) in COMMANDS.items()}, filtered=True)
    assert found == {name: answer for name, (_, answer) in COMMANDS.items()}


def test_commands_without_the_filter() -> None:
    """The control: without the filter the same commands in the same sandbox succeed."""
    found = attempted({name: expression for name, (expression, _) in COMMANDS.items()}, filtered=False)
    assert {name: code for name, code in found.items() if code} == {}


def test_attempts_are_refused() -> None:
    """With the filter each attempt is refused."""
    found = attempted(ATTEMPTS | NO_CONTROL, filtered=True)
    assert {name: code for name, code in found.items() if code not in REFUSALS} == {}


def test_attempts_without_the_filter() -> None:
    """The control: without the filter the same attempts in the same sandbox get further."""
    found = attempted(ATTEMPTS, filtered=False)
    assert {name: code for name, code in found.items() if code in REFUSALS} == {}


def test_what_is_beside_a_rule_works() -> None:
    """What the argument rules let through succeeds."""
    found = attempted(ALLOWED, filtered=True)
    assert {name: code for name, code in found.items() if code} == {}


INT80 = """
import mmap
# mov eax, 20 (getpid of i386); int 0x80; ret
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex('b814000000cd80c3'))
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
print(json.dumps(ctypes.CFUNCTYPE(ctypes.c_int)(address)()))
"""


if MACHINE == "x86_64":  # not a skip: no other machine has this door

    def test_the_i386_gate() -> None:
        """`int 0x80` is answered with ENOSYS and the process lives; without the filter it works."""
        assert json.loads(python(PRELUDE + INT80, filtered=True)) == -errno.ENOSYS
        assert json.loads(python(PRELUDE + INT80, filtered=False)) > 0


PROGRAMS = {
    "threads": """
        import threading
        done = []
        threads = [threading.Thread(target=done.append, args=(n,)) for n in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert sorted(done) == list(range(16))""",
    "subprocess": """
        import os, subprocess
        assert subprocess.run(["echo", "a"], capture_output=True, text=True).stdout == "a\\n"
        assert subprocess.run("cat | tr a b", shell=True, input=b"a", stdout=subprocess.PIPE).stdout == b"b"
        assert subprocess.run(["true"], preexec_fn=lambda: None, start_new_session=True).returncode == 0
        assert os.popen("echo x").read() == "x\\n"
        assert os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1] == 0""",
    "fork": """
        import os
        child = os.fork()
        if not child:
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3""",
    "multiprocessing": """
        import multiprocessing as mp
        from multiprocessing import shared_memory
        from concurrent.futures import ProcessPoolExecutor
        def square(n):
            return n * n
        if __name__ == "__main__":
            for method in ("fork", "spawn", "forkserver"):
                context = mp.get_context(method)
                with context.Pool(2) as pool:
                    assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
                queue = context.Queue()
                process = context.Process(target=queue.put, args=(7,))
                process.start()
                assert queue.get() == 7
                process.join()
                queue.close()
                queue.join_thread()
                with ProcessPoolExecutor(2, mp_context=context) as executor:
                    assert list(executor.map(square, range(3))) == [0, 1, 4]
            memory = shared_memory.SharedMemory(create=True, size=4096)
            memory.close()
            memory.unlink()""",
    "asyncio": """
        import asyncio
        async def main():
            process = await asyncio.create_subprocess_exec("echo", "a", stdout=asyncio.subprocess.PIPE)
            assert (await process.communicate())[0] == b"a\\n"
            assert await asyncio.to_thread(lambda: 1) == 1
            async def answer(reader, writer):
                writer.write(await reader.read(10))
                await writer.drain()
                writer.close()
            for serve, connect in (
                (
                    lambda: asyncio.start_server(answer, "127.0.0.1", 8000),
                    lambda: asyncio.open_connection("127.0.0.1", 8000),
                ),
                (lambda: asyncio.start_unix_server(answer, "u"), lambda: asyncio.open_unix_connection("u")),
            ):
                async with await serve():
                    reader, writer = await connect()
                    writer.write(b"hi")
                    assert await reader.read(10) == b"hi"
                    writer.close()
                    await writer.wait_closed()
        asyncio.run(main())""",
    "standard library": """
        import os, pty, resource, shutil, signal, socket, sqlite3, ssl, uuid
        db = sqlite3.connect("a.db")
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (n)")
        db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
        db.commit()
        assert db.execute("select sum(n) from t").fetchone() == (499500,)
        db.close()
        ssl.create_default_context()
        assert socket.if_nameindex()
        socket.getaddrinfo("127.0.0.1", 80)
        with open("a", "w") as f:
            f.write("x")
        shutil.copy2("a", "b")
        shutil.copytree(".", "/tmp/copy")
        os.sendfile(os.open("c", os.O_CREAT | os.O_WRONLY), os.open("a", os.O_RDONLY), 0, 1)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(1)
        os.sched_setaffinity(0, os.sched_getaffinity(0))
        signal.setitimer(signal.ITIMER_REAL, 100)
        os.memfd_create("m")
        os.mkfifo("f")
        uuid.uuid1(), uuid.getnode()
        pty.spawn("true")""",
    "commands and options": """
        import errno, fcntl, mmap, os, select, signal, socket, termios, threading, time
        with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
            client = socket.create_connection(server.getsockname())
            for level, names in (
                (socket.SOL_SOCKET, "SO_KEEPALIVE SO_LINGER SO_RCVBUF SO_PRIORITY SO_ERROR SO_TYPE SO_DOMAIN"),
                (socket.IPPROTO_IP, "IP_TOS IP_TTL IP_MULTICAST_TTL"),
                (socket.IPPROTO_TCP, "TCP_NODELAY TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_INFO TCP_CORK"),
            ):
                for name in names.split():
                    client.getsockopt(level, getattr(socket, name))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16))
            client.shutdown(socket.SHUT_WR)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as both:
            both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 2)
        memory = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE)
        for advice in "NORMAL RANDOM SEQUENTIAL WILLNEED DONTNEED FREE DONTFORK DOFORK DONTDUMP DODUMP".split():
            memory.madvise(getattr(mmap, f"MADV_{advice}"))
        memory.resize(1 << 21)
        sealed = os.memfd_create("m", os.MFD_ALLOW_SEALING)
        fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        assert fcntl.fcntl(sealed, fcntl.F_GET_SEALS) == fcntl.F_SEAL_SHRINK
        with open("f", "w") as file, open("copy", "w") as copy:
            fcntl.lockf(file, fcntl.LOCK_EX)
            fcntl.flock(file, fcntl.LOCK_EX)
            os.posix_fallocate(file.fileno(), 0, 4096)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            assert os.lseek(file.fileno(), 0, os.SEEK_END) == 4096
            try:
                fcntl.ioctl(copy, 0x40049409, file.fileno())  # FICLONE, as pathlib.Path.copy does
            except OSError as error:
                assert error.errno in {errno.EBADF, errno.EOPNOTSUPP, errno.ETXTBSY, errno.EXDEV}, error
        assert time.clock_gettime(time.pthread_getcpuclockid(threading.get_ident())) > 0
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        os.waitid(os.P_PIDFD, os.pidfd_open(os.spawnlp(os.P_NOWAIT, "true", "true")), os.WEXITED)
        select.epoll(flags=select.EPOLL_CLOEXEC).register(client, select.EPOLLIN)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))""",
    "psutil": """
        import psutil
        assert "lo" in psutil.net_if_stats()
        assert psutil.net_if_addrs()["lo"]
        psutil.Process().as_dict(["cpu_affinity", "cpu_times", "memory_full_info", "nice", "num_fds", "terminal"])""",
    "numpy": """
        import numpy as np
        rng = np.random.default_rng(1)
        a = rng.standard_normal((400, 400))
        a @ a
        u, s, v = np.linalg.svd(a)
        assert np.allclose((u * s) @ v, a)
        np.save("a.npy", a)
        assert np.load("a.npy", mmap_mode="r").shape == a.shape""",
    "pandas": """
        import pandas as pd
        df = pd.DataFrame({"k": list("aabb"), "v": range(4)})
        assert df.groupby("k").v.sum().tolist() == [1, 5]
        df.to_csv("a.csv")
        assert pd.read_csv("a.csv").shape == (4, 3)""",
    "matplotlib": """
        import os
        os.environ["MPLCONFIGDIR"] = "/tmp/mpl"
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        plt.plot([1, 2, 3])
        plt.savefig("a.png")
        assert os.path.getsize("a.png") > 1000""",
    "scipy": """
        import numpy as np
        from scipy import fft, linalg, optimize, sparse
        from scipy.sparse.linalg import spsolve
        assert abs(optimize.brentq(lambda x: x * x - 2, 0, 2) - 2**0.5) < 1e-9
        linalg.lu(np.eye(200) + 1)
        fft.fft(np.ones(1024), workers=2)
        assert spsolve(sparse.eye(5, format="csc"), np.ones(5)).sum() == 5""",
    "sklearn": """
        import numpy as np
        from sklearn.cluster import KMeans
        from sklearn.ensemble import RandomForestClassifier
        x = np.random.default_rng(0).standard_normal((300, 4))
        y = x[:, 0] > 0
        assert RandomForestClassifier(20, n_jobs=2).fit(x, y).score(x, y) > 0.9
        KMeans(3, n_init=2).fit(x)""",
    "joblib": """
        from joblib import Parallel, delayed
        if __name__ == "__main__":
            assert Parallel(n_jobs=2)(delayed(abs)(n) for n in (-1, -2)) == [1, 2]""",
    "PIL": """
        from PIL import Image, ImageFilter
        Image.new("RGB", (300, 200), "red").filter(ImageFilter.GaussianBlur(3)).save("a.jpg")
        assert Image.open("a.jpg").size == (300, 200)""",
    "pyarrow": """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq
        t = pa.table({"n": list(range(100000))})
        pq.write_table(t, "a.parquet")
        assert pc.sum(pq.read_table("a.parquet", memory_map=True)["n"]).as_py() == 4999950000
        with pa.OSFile("a.arrow", "wb") as f, pa.ipc.new_file(f, t.schema) as w:
            w.write_table(t)""",
}
"""What people run in notebooks.  Every one must end well and say nothing on stderr."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_programs_do_not_notice(name: str) -> None:
    """Libraries that people use in notebooks work without a complaint."""
    python(PROGRAMS[name])


NODE = """
const assert = require('assert'), fs = require('fs'), net = require('net'), { Worker } = require('worker_threads');
assert.equal(require('child_process').execFileSync('echo', ['a']).toString(), 'a\\n');
fs.writeFileSync('a', 'x'); fs.copyFileSync('a', 'b'); fs.watch('.').close();
require('crypto').pbkdf2('a', 'b', 1000, 32, 'sha256', () => {});
new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true }).on('message', () => {
  const server = net.createServer(s => s.end('hi')).listen(0, '127.0.0.1', () =>
    net.connect(server.address().port, '127.0.0.1').on('data', d => {
      console.log(String(d), Object.keys(require('os').networkInterfaces()).length);
      server.close();
    }));
});
"""
BASH = """
set -eu
a=(1 2 3); [ ${#a[@]} = 3 ]
echo hi | tee x | grep -q hi
mkfifo p; cat p & echo there > p; wait
(sleep 0.01; exit 0) & wait $!
cat <(echo sub) <<< here > y
cp -a x z; ls -la > /dev/null; find . -name x > /dev/null; sort -u x > /dev/null; tar cf t.tar x
gzip t.tar; sed -i s/h/H/ x
timeout 5 true; nice true; ulimit -c 0; mktemp > /dev/null; dd if=/dev/zero of=d bs=1k count=4 status=none
touch -d yesterday x; chmod 600 x; ln -s x l; stat l > /dev/null; df . > /dev/null; date > /dev/null
ps > /dev/null; id > /dev/null
"""
C = """
cat > a.c <<'END'
#include <pthread.h>
#include <stdio.h>
void *f(void *p) { puts("hi"); return p; }
int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return pthread_join(t, 0); }
END
gcc -O2 -pthread a.c -o a && ./a
"""


EVERYDAY = {
    "node": (("node", "-e", NODE), "hi 1\n"),
    "bash": (("bash", "-c", BASH), "there\n"),
    "gcc": (("sh", "-c", C), "hi\n"),
}


@pytest.mark.parametrize("program", [name for name in EVERYDAY if Path("/usr/bin", name).exists()])
def test_programs_do_not_notice(program: str) -> None:
    """Node, bash with its everyday tools, and a compiler, those that the machine has, work in silence."""
    command, says = EVERYDAY[program]
    ended = sandboxed(*command)
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", says)
