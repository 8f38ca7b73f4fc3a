"""A cold run beside bwrap started by hand: first text and result, alternating, median and p99.

By hand means: the same bwrap with the same view and the same interpreter, started with the cell's file, its output read
to the end. Both start as root would have them start: as another user, where root runs this.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sandbox_magic as sm
from sandbox_magic.jail import bubblewrap, seccomp, spawn
from sandbox_magic.jail.cgroup import tiers
from sandbox_magic.jail.cgroup.base import Group
from sandbox_magic.jail.view import host_paths, identity, interpreter
from sandbox_magic.model.policy import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS = int(os.environ.get("ROUNDS", "60"))
CELL = "print(1)"

Times = tuple[float, float]


def ours() -> Times:
    """A cold `stream`: seconds to the first text, and to the result."""
    began = time.perf_counter()
    first = 0.0
    for event in sm.stream(CELL):
        if isinstance(event, sm.Text) and not first:
            first = time.perf_counter() - began
    assert first
    return first, time.perf_counter() - began


def by_hand(directory: Path) -> Callable[[], Times]:
    """Prepare the same sandbox without us; return what runs it once."""
    python, who, program = interpreter.choose("kernel"), identity.choose(), bubblewrap.find().path
    cell = directory / "cell"
    (cell / "guest").mkdir(parents=True)
    (cell / "cell.py").write_text(CELL)
    directory.chmod(0o755)
    how = identity.launch(who, (*python.shared, spawn.GUEST, str(cell), os.path.dirname(program)))
    folder, name = os.path.split(program)
    options = bubblewrap.arguments(
        Limits(), python, host_paths.host(), guest=spawn.GUEST, cell=str(cell), sources=how.sources
    )
    command = [*how.prefix, os.path.join(how.sources.get(folder, folder), name), *options, "--", python.executable]

    def run() -> Times:
        began = time.perf_counter()
        with subprocess.Popen([*command, "/sandbox/cell.py"], stdout=subprocess.PIPE, env={}, cwd="/") as process:
            assert process.stdout is not None
            assert process.stdout.read(1) == b"1"
            first = time.perf_counter() - began
            process.stdout.read()
        return first, time.perf_counter() - began

    return run


def unfiltered() -> Times:
    """`ours` without the filter and without the group, to tell what they cost."""
    load, make = seccomp.load, tiers.make
    # One instruction: allow everything.
    seccomp.load = lambda machine=None: b"\x06\x00\x00\x00\x00\x00\xff\x7f"  # type: ignore[assignment] # noqa: ARG005
    tiers.make = lambda limits: Group()  # noqa: ARG005
    try:
        return ours()
    finally:
        seccomp.load, tiers.make = load, make


def line(name: str, times: Iterable[float], base: Iterable[float]) -> str:
    """One row: median and p99 in milliseconds, and the ratio to the base."""
    ordered, other = sorted(times), sorted(base)
    median, p99 = statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]
    ratio = median / statistics.median(other), p99 / other[int(0.99 * (len(other) - 1))]
    return f"{name:<42} {median * 1000:7.1f} {p99 * 1000:7.1f}    {ratio[0]:5.2f} {ratio[1]:5.2f}"


def main() -> None:
    """Alternate the ways and print the table."""
    with tempfile.TemporaryDirectory() as directory:
        ways: dict[str, Callable[[], Times]] = {
            "bwrap by hand": by_hand(Path(directory)),
            "sandbox_magic": ours,
            "sandbox_magic, no filter, no group": unfiltered,
        }
        for way in ways.values():
            way()
        found: dict[str, list[Times]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                found[name].append(way())
    print(f"cold print(1), {ROUNDS} rounds, {sys.version.split()[0]}, memory: {_tier()}")
    print(f"{'milliseconds':<42} {'median':>7} {'p99':>7}    {'ratio':>5} {'p99':>5}")
    base = found["bwrap by hand"]
    for position, what in enumerate(("first text", "result")):
        for name, times in found.items():
            print(line(f"{what}: {name}", [t[position] for t in times], [t[position] for t in base]))


def _tier() -> str:
    return sm.run(CELL).isolation["memory"].mechanism


if __name__ == "__main__":
    main()
