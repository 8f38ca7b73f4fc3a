"""PID 1 of a machine without systemd: mounts, limits, the commands, power off."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
V1 = ("cpu", "cpuacct", "freezer", "memory", "pids")
CONTROLLERS = "+cpu +io +memory +pids"


def main() -> None:
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        _mount_basics()
        job = json.loads(Path("/machine/job.json").read_text())
        command = ["python3", "-I", "/machine/commands.py"]
        if job["cgroup"] == "v1":
            _mount_v1()
        else:
            command = _mount_v2(nested=job["cgroup"] == "nested") + command
        child = subprocess.Popen(command)
        while os.wait()[0] != child.pid:  # PID 1 reaps every orphan
            pass
    finally:
        os.sync()
        os.execv("/usr/bin/python3", ["python3", "-I", "-c", _POWER_OFF])


_POWER_OFF = "import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)"  # LINUX_REBOOT_CMD_POWER_OFF


def _mount(kind: str, where: str | Path, options: str = "") -> None:
    Path(where).mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", kind, *(["-o", options] if options else []), kind, where], check=True)


def _mount_basics() -> None:
    _mount("proc", "/proc", "nosuid,nodev,noexec")
    _mount("sysfs", "/sys", "nosuid,nodev,noexec")
    _mount("devpts", "/dev/pts", "mode=620,ptmxmode=666")
    _mount("tmpfs", "/dev/shm", "mode=1777,nosuid,nodev")
    _mount("tmpfs", "/run", "mode=755,nosuid,nodev")
    _mount("tmpfs", "/tmp", "mode=1777,nosuid,nodev")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path("/dev", name).symlink_to(f"/proc/self/fd{target}")
    socket.sethostname("machine")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def _mount_v1() -> None:
    _mount("tmpfs", CGROUP, "mode=755")
    for controller in V1:
        _mount("cgroup", CGROUP / controller, controller)


def _mount_v2(*, nested: bool) -> list[str]:
    """Mounts cgroup v2; what to put before a command that is to run below the top of it."""
    _mount("cgroup2", CGROUP)
    (CGROUP / "cgroup.subtree_control").write_text(CONTROLLERS)
    if not nested:
        return []
    (CGROUP / "container").mkdir()
    remount = "umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    inner = f'unshare --cgroup --mount sh -c \'{remount} && exec "$@"\' sh "$@"'
    return ["sh", "-c", f"echo $$ > {CGROUP}/container/cgroup.procs && exec {inner}", "sh"]


if __name__ == "__main__":
    main()
