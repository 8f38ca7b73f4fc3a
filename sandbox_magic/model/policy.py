"""What a run may see, use and do: plain frozen values. Sizes and times are parsed once, here."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from sandbox_magic.model.errors import PolicyError

OnOutputLimit = Literal["cut", "stop"]

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?", re.IGNORECASE | re.ASCII)
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|min|m|h)?", re.IGNORECASE | re.ASCII)
_MOST_DIGITS = 20
MIB = 2**20


def parse_bytes(value: object) -> int:
    """Read a size: a number of bytes, or text such as ``512M``, ``1.5G``, ``64 KiB``.

    Units are powers of 1024, as in Docker and systemd.

    Raises:
        PolicyError: It is not a size.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return int(value)
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > _MOST_DIGITS:
        msg = f"{value!r} is not a size"
        raise PolicyError(msg, remedy="a number of bytes, or a number with K, M, G or T: 512M, 1.5G")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


def parse_seconds(value: object) -> float | None:
    """Read a time: a number of seconds, text such as ``90``, ``1.5s``, ``200ms``, ``2m``, or ``none``.

    Raises:
        PolicyError: It is not a time.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > _MOST_DIGITS:
        msg = f"{value!r} is not a time"
        raise PolicyError(msg, remedy="seconds, or a number with ms, s, m or h: 30, 1.5s, 200ms, 2m")
    return float(match[1]) * _TIMES[(match[2] or "").lower()]


def parse_count(value: object) -> int:
    """Read a whole number.

    Raises:
        PolicyError: It is not one.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        return int(value)
    msg = f"{value!r} is not a whole number"
    raise PolicyError(msg, remedy="a whole number, such as 64")


def parse_cpus(value: object) -> float | None:
    """Read a share of processors: 1.5 is one and a half; ``none`` is no bound.

    Raises:
        PolicyError: It is not a positive number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        msg = f"{value!r} is not a share of processors"
        raise PolicyError(msg, remedy="a number such as 0.5, 1 or 1.5")
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the resources of one run.

    Attributes:
        wall_seconds: Real time from "go"; None for no bound.
        cpu_seconds: CPU time of all processes of the run together; None for no bound.
        memory_bytes: Memory of all processes of the run and of its tmpfs together.
        processes: Processes and threads at once.
        cpus: Processors' time per time: 1.5 is one and a half processors; None for no bound.
        disk_bytes: Writable space in all (it is memory: a tmpfs); a quarter of it is ``/dev/shm``.
        open_files: Descriptors of each process.
        output_bytes: What is kept of each output stream, its head and its tail.
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
    def shared_memory_bytes(self) -> int:
        """The part of `disk_bytes` that is ``/dev/shm``."""
        return self.disk_bytes // 4

    @property
    def home_bytes(self) -> int:
        """The part of `disk_bytes` that is everything else."""
        return self.disk_bytes - self.shared_memory_bytes

    def __post_init__(self) -> None:
        """Refuse bounds under which no cell could run, and those that the kernel can't hold."""
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
        msg = f"{name} is {value!r}"
        raise PolicyError(msg, remedy=f"from {_bound(least, unit)} to {_bound(most, unit)}")


def _bound(value: float, unit: str) -> str:
    return f"{value // MIB}M" if unit == "bytes" and value >= MIB else f"{value:,} {unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A file or directory of the host's that a run may read.

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
        if "\0" in self.name or not all(steps) or {".", ".."} & set(steps) or steps[0] == ".tmp":
            msg = f"bind shows {self.source!r} as {self.name!r}"
            raise PolicyError(msg, remedy="PATH or PATH:NAME, with a NAME below the working directory: data/in.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one run may see, use and do. Equal policies can use the same parked sandbox.

    Attributes:
        limits: Bounds on its resources.
        python: The Python inside: ``kernel`` (this process's own environment), ``system``
            (``/usr/bin/python3``), or the path of an interpreter.
        strict: Refuse to run where a limit would be held by less than the kernel for the run as a whole.
        binds: What it may read of the host's, besides.
        workspace: The absolute path of a directory to change as it likes, while the real one stays; empty for none.
        save: Patterns of the files in its working directory that come out.
    """

    limits: Limits = field(default_factory=Limits)
    python: str = "kernel"
    strict: bool = False
    binds: tuple[Mount, ...] = ()
    workspace: str = ""
    save: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse paths and patterns that can't be meant, and an interpreter that is neither a known word nor a path."""
        if self.workspace and (not self.workspace.startswith("/") or "\0" in self.workspace):
            msg = f"workspace is {self.workspace!r}"
            raise PolicyError(msg, remedy="the path of a directory")
        if self.workspace and self.save:
            msg = "there is a workspace and something to save"
            raise PolicyError(msg, remedy="one of the two: result.changes.apply('*.png', to=DIRECTORY) saves from it")
        for pattern in self.save:
            if pattern.startswith("/") or {".", ".."} & set(pattern.split("/")):
                msg = f"save is {pattern!r}"
                raise PolicyError(msg, remedy="a pattern below the working directory: out.png, '*.csv', 'out/*'")
        names = [mount.name for mount in self.binds]
        if len(set(names)) < len(names):
            msg = f"bind shows two things as {max(names, key=names.count)!r}"
            raise PolicyError(msg, remedy="PATH:NAME with another NAME")
        for name in names:
            above = next((other for other in names if name.startswith(f"{other}/")), None)
            if above is not None:
                msg = f"bind shows {name!r} below {above!r}, which is shown read-only"
                raise PolicyError(msg, remedy="PATH:NAME with another NAME")
        if self.python not in ("kernel", "system") and (not self.python.startswith("/") or "\0" in self.python):
            msg = f"python is {self.python!r}"
            raise PolicyError(msg, remedy="kernel, system, or the absolute path of an interpreter")
