"""What a run may see, use and do: plain frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import MOST_FORWARDS, Forward
from sandbox_magic.model.requirements import check_requirements
from sandbox_magic.model.units import MIB

_VERSION = re.compile(r"3\.\d{1,3}(\.\d{1,3})?", re.ASCII)
_COMPILE_SECONDS = 60.0

OnOutputLimit = Literal["cut", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the resources of one run.

    Attributes:
        wall_seconds: Real time from "go", or from the end of a compiler; None for no bound.
        cpu_seconds: CPU time of all processes of the run together; None for no bound.
        memory_bytes: Memory of all processes of the run and of its tmpfs together.
        processes: Processes and threads at once.
        cpus: CPU quota in cores: 1.5 allows one and a half; None for no bound.
        disk_bytes: What may be written to the working directory, to ``/tmp`` and to ``/dev/shm``, each: it is
            memory (a tmpfs), and counts there.
        open_files: Descriptors of each process.
        output_bytes: How much of each output stream is kept, its head and its tail.
        on_output_limit: ``cut`` drops the middle and lets the code run on, ``stop`` ends the run.
    """

    wall_seconds: float | None = 30.0
    cpu_seconds: float | None = None
    memory_bytes: int = 512 * MIB
    processes: int = 64
    cpus: float | None = None
    disk_bytes: int = 64 * MIB
    open_files: int = 256
    output_bytes: int = 1 * MIB
    on_output_limit: OnOutputLimit = "cut"

    @property
    def compile_seconds(self) -> float:
        """Real time for a compiler, which is not the code: a minute, or what the code has if that is more."""
        return inf if self.wall_seconds is None else max(_COMPILE_SECONDS, self.wall_seconds)

    def __post_init__(self) -> None:
        """Refuse bounds under which no cell could run, and those that the kernel can't enforce."""
        _between("timeout", self.wall_seconds, 0.001, 20 * 86400, "seconds", optional=True)
        _between("cpu-time", self.cpu_seconds, 0.001, 10**9, "seconds", optional=True)
        _between("memory", self.memory_bytes, 16 * MIB, 2**50, "bytes")
        _between("processes", self.processes, 1, 2**22, "processes")
        _between("cpus", self.cpus, 0.01, 2**13, "processors", optional=True)
        _between("disk", self.disk_bytes, MIB, 2**50, "bytes")
        _between("open-files", self.open_files, 16, 2**20, "descriptors")
        _between("output-limit", self.output_bytes, 0, 2**30, "bytes")
        if self.on_output_limit not in ("cut", "stop"):
            msg = f"on-output-limit is {self.on_output_limit!r}"
            raise PolicyError(msg, remedy="cut (drop the middle, go on) or stop (end the run)")


def _between(name: str, value: object, least: float, most: float, unit: str, *, optional: bool = False) -> None:  # noqa: PLR0913 - a row
    if optional and value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
        if unit == "bytes" and isinstance(value, int) and 0 < value < min(least, 1024) and least <= value * MIB <= most:
            msg = f"{name}: {value} bytes is too little"
            raise PolicyError(msg, remedy=f"{value}M, if you meant that; the least is {_bound(least, unit)}")
        msg = f"{name} is {value!r}"
        raise PolicyError(msg, remedy=f"from {_bound(least, unit)} to {_bound(most, unit)}")


def _bound(value: float, unit: str) -> str:
    if unit != "bytes" or value < MIB:
        return f"{value:,} {unit}"
    return f"{value // MIB}M" if value < 2**40 else f"{value // 2**40}T"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or directory on the host that a run may read.

    Attributes:
        source: Its absolute path on the host.
        name: Where it appears below the working directory.
    """

    source: str
    name: str

    def __post_init__(self) -> None:
        """Refuse the root directory, and a name that leads out of the working directory."""
        if not self.source.startswith("/") or "\0" in self.source or not self.source.strip("/"):
            msg = f"bind is {self.source!r}"
            raise PolicyError(msg, remedy="the path of a file or directory, not of /")
        steps = self.name.split("/")
        if "\0" in self.name or not all(steps) or {".", ".."} & set(steps):
            msg = f"bind shows {self.source!r} as {self.name!r}"
            raise PolicyError(msg, remedy="PATH or PATH:NAME, with a NAME below the working directory: data/in.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one run may see, use and do.

    Attributes:
        limits: Bounds on its resources.
        python: The Python inside: ``kernel`` (this process's own environment), ``system``
            (``/usr/bin/python3``), a version such as ``3.12``, or the path of an interpreter.
        strict: Refuse to run where the kernel would not enforce every limit for the run as a whole.
        binds: The host's files and directories that it may read.
        workspace: The absolute path of a directory that it may change, copy-on-write; empty for none.
        save: Patterns of the files in its working directory that are saved.
        preload: Modules that are imported before the clock starts, under the limits.
        undo: How many cells a session can go back; None for a sandbox of one cell.
        trace: Whether what the code tries is listed.
        net: What it may connect to; nothing else.
        net_bytes: What may go out through all of these together, and what may come in.
        packages: Packages that it finds besides those of its Python; they are fetched before it starts.
        library: The directory with these, which is known when it starts.
    """

    limits: Limits = field(default_factory=Limits)
    python: str = "kernel"
    strict: bool = False
    binds: tuple[Mount, ...] = ()
    workspace: str = ""
    save: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    undo: int | None = None
    trace: bool = False
    net: tuple[Forward, ...] = ()
    net_bytes: int = 100 * MIB
    packages: tuple[str, ...] = ()
    library: str = ""

    def parked_with(self) -> Policy:
        """Return the part of the policy that a parked sandbox depends on; what comes with "go" is at its default.

        So two policies can use the same parked sandbox if this is equal for both. With "go" come the limits on time,
        output and the network's bytes, the patterns of files to save, and whether weaker guards are refused.
        """
        default = Limits()
        limits = replace(
            self.limits,
            wall_seconds=default.wall_seconds,
            cpu_seconds=default.cpu_seconds,
            output_bytes=default.output_bytes,
            on_output_limit=default.on_output_limit,
        )
        return replace(self, limits=limits, save=(), strict=False, net_bytes=100 * MIB)

    def __post_init__(self) -> None:
        """Refuse paths and patterns that make no sense, and an interpreter that is neither a known word nor a path."""
        if self.workspace and (not self.workspace.startswith("/") or "\0" in self.workspace):
            msg = f"workspace is {self.workspace!r}"
            raise PolicyError(msg, remedy="the path of a directory")
        if self.workspace and self.save:
            msg = "workspace and save can't be used together"
            raise PolicyError(msg, remedy="one of the two: result.changes.apply('*.png', to=DIRECTORY) saves from it")
        for pattern in self.save:
            if pattern.startswith("/") or {".", ".."} & set(pattern.split("/")):
                msg = f"save is {pattern!r}"
                raise PolicyError(msg, remedy="a pattern below the working directory: out.png, '*.csv', 'out/*'")
        for module in self.preload:
            if not all(map(str.isidentifier, module.split("."))):
                msg = f"preload is {module!r}"
                raise PolicyError(msg, remedy="the name of a module: numpy, or matplotlib.pyplot")
        _between("undo", self.undo, 0, 20, "cells", optional=True)
        _between("net-bytes", self.net_bytes, 1, 2**50, "bytes")
        check_requirements(self.packages)
        if len(self.net) > MOST_FORWARDS:
            msg = f"net names {len(self.net)} hosts and ports"
            raise PolicyError(msg, remedy=f"at most {MOST_FORWARDS}")
        _check_names([mount.name for mount in self.binds])
        _check_python(self.python)


def _check_python(python: str) -> None:
    known = python in ("kernel", "system") or _VERSION.fullmatch(python)
    if not known and (not python.startswith("/") or "\0" in python):
        msg = f"python is {python!r}"
        raise PolicyError(msg, remedy="kernel, system, a version such as 3.12, or the absolute path of an interpreter")


def _check_names(names: list[str]) -> None:
    if len(set(names)) < len(names):
        msg = f"bind shows two things as {max(names, key=names.count)!r}"
        raise PolicyError(msg, remedy="PATH:NAME with another NAME")
    for name in names:
        above = next((other for other in names if name.startswith(f"{other}/")), None)
        if above is not None:
            msg = f"bind shows {name!r} below {above!r}, which is shown read-only"
            raise PolicyError(msg, remedy="PATH:NAME with another NAME")
