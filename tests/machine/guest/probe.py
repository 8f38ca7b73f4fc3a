"""What a machine is: its facts and its speed, each tried. Prints one line per fact.

Run in a machine: ``run.py KIND --packages DIR -- python3 /machine/probe.py``.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PYTHON = "/usr/bin/python3"
VIEW = [
    *("bwrap", "--unshare-user", "--unshare-all", "--new-session", "--die-with-parent", "--cap-drop", "ALL"),
    *("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    *("--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev"),
    *("--size", str(16 * 2**20), "--tmpfs", "/tmp"),
]
CLOSED = [*VIEW, "--disable-userns", "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/"]
DROPPED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
LEAF = (
    "cgroup.kill",
    "cgroup.freeze",
    "cpu.stat",
    "memory.peak",
    "memory.oom.group",
    "memory.swap.max",
    "pids.peak",
    "cpu.max",
)


def main() -> None:
    say("kernel", f"{platform.release()}, {os.cpu_count()} CPU, Python {platform.python_version()}")
    say("uid", f"{os.getuid()}, cgroup {Path('/proc/self/cgroup').read_text().strip()!r}")
    cgroups()
    say("children file", Path(f"/proc/self/task/{os.getpid()}/children").exists())
    say("pidfd_open", attempt(lambda: os.close(os.pidfd_open(os.getpid()))))
    say("pressure", Path("/proc/pressure").exists())
    for name in ("user/max_user_namespaces", "kernel/unprivileged_userns_clone", "kernel/yama/ptrace_scope"):
        say(name, attempt(Path("/proc/sys", name).read_text))
    say("bwrap", output("bwrap", "--version"))
    say("sandbox", output(*CLOSED, PYTHON, "-c", "import os; print('up', os.getuid(), os.listdir('/'))"))
    say("as another uid", output(*(DROPPED if os.getuid() == 0 else []), *CLOSED, "true") or "up")
    say("seccomp", seccomp())
    say("processes", output(*VIEW, PYTHON, "-c", BOMB))
    if os.getuid() == 0:
        say("processes as another uid", output(*DROPPED, *VIEW, PYTHON, "-c", BOMB))
    say("user namespaces inside", output(*CLOSED, "unshare", "-U", "true"))
    say("overlay in a user namespace", output("unshare", "-Urm", "sh", "-c", OVERLAY))
    speed("true", "/bin/true")
    speed("python3 -I -S", PYTHON, "-I", "-S", "-c", "pass")
    speed("python3", PYTHON, "-c", "pass")
    speed("bwrap true", *CLOSED, "true")
    speed("bwrap python3 -I -S", *CLOSED, PYTHON, "-I", "-S", "-c", "pass")
    if os.getuid() == 0:
        speed("setpriv bwrap python3 -I -S", *DROPPED, *CLOSED, PYTHON, "-I", "-S", "-c", "pass")


BOMB = """if True:
    import os, resource, time
    resource.setrlimit(resource.RLIMIT_NPROC, (8, 8))
    made = 0
    try:
        for _ in range(20):
            if os.fork() == 0:
                time.sleep(9)
            made += 1
    except OSError as error:
        print("RLIMIT_NPROC 8: refused after", made, error.strerror)
    else:
        print("RLIMIT_NPROC 8 does not bind")
"""
OVERLAY = (
    "cd /tmp && d=$(mktemp -d) && mount -t tmpfs -o size=1m t $d && cd $d && mkdir u w m && "
    "mount -t overlay -o lowerdir=/usr,upperdir=u,workdir=w,userxattr o m && touch m/new && ls u"
)


def cgroups() -> None:
    """Which tree is mounted, whether it can be written, and what a leaf of it has."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind.startswith("cgroup"):
            say("mounted", f"{kind} {where} {options} writable={os.access(where, os.W_OK)}")
    lines = [line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    if not lines:
        return
    own = Path("/sys/fs/cgroup" + lines[0][3:])
    leaf = own / f"probe-{os.getpid()}"
    made = attempt(leaf.mkdir)
    say("a group below our own", made)
    if leaf.is_dir():
        say("its files", [name for name in LEAF if (leaf / name).exists()])
        say("its controllers", (leaf / "cgroup.controllers").read_text().split())
        leaf.rmdir()


def seccomp() -> str:
    """A filter that says EPERM to sethostname(2), given to bwrap."""
    code = ((0x20, 0, 0, 0), (0x15, 0, 1, 170), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000))
    calls = "import socket; socket.sethostname('x')"
    mode = "print(open('/proc/self/status').read().split('Seccomp:')[1].split()[0])"
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(struct.pack("HBBI", *step) for step in code))
        said = []
        for source in (mode, calls):
            file.seek(0)
            command = [*VIEW, "--seccomp", str(file.fileno()), PYTHON, "-c", source]
            said.append(output(*command, inherit=(file.fileno(),)).split(" / ")[-1])
    return f"mode {said[0]}; sethostname: {said[1]}"


def speed(name: str, *argv: str) -> None:
    """The median of seven starts to ends, after one that warms the caches."""
    times = []
    if not shutil.which(argv[0]):
        return
    for _ in range(8):
        start = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    median, first = statistics.median(times[1:]) * 1000, times[0] * 1000
    say(f"time of {name}", f"{median:.0f} ms (first {first:.0f}, status {done.returncode})")


def output(*argv: str, inherit: tuple[int, ...] = ()) -> str:
    """What a command says, on one line, with its status if that is not 0."""
    pipe, out = subprocess.PIPE, subprocess.STDOUT
    try:
        done = subprocess.run(argv, stdout=pipe, stderr=out, pass_fds=inherit, text=True, check=False)
    except OSError as error:
        return str(error)
    text = " / ".join(done.stdout.split("\n")[:-1])
    return f"{text} (rc {done.returncode})" if done.returncode else text


def attempt(call: Callable[[], object]) -> str:
    try:
        return str(call() or "yes").strip()
    except OSError as error:
        return error.strerror or str(error)


def say(name: str, value: object) -> None:
    print(f"{name:28} {value}", flush=True)


if __name__ == "__main__":
    main()
