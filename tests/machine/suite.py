"""Runs the sandbox suite on the kinds of machine that this one is not, and prints what held where.

``suite.py --packages DIR [--source DIR] [--out FILE] [--seconds N] [KIND ...]``: without a KIND, all but the present.
The exit status is 1 if anything failed; the last line is ``N passed, N failed``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine as machines
import recipe
import selection
import table
from kinds import KINDS, Kind
from table import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CHECK = "tests/machine/guest/check.py"
MARK = b"@machine "
AT_ONCE = 2  # each machine has one processor
LEAST_SECONDS = 20.0  # with less left a machine isn't booted
EVERY = 25  # tests between two lines of progress


class Progress:
    """Lines with the time, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        with self._lock:
            print(f"[{time.monotonic() - self.began:4.0f} s] {text}", flush=True)


class Listener:
    """Takes a machine's output as it comes: findings into its `Machine`, all into its log."""

    def __init__(self, found: Machine, log: Path, progress: Progress) -> None:
        self._found, self._log, self._progress = found, log, progress
        self._pending = b""
        self._wanted = 0
        self.at = "its start"
        self.status: int | None = None
        log.write_bytes(b"")

    def heed(self, data: bytes) -> None:
        with self._log.open("ab") as log:
            log.write(data)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if line.startswith(MARK):
                with contextlib.suppress(ValueError):
                    self._take(json.loads(line.removeprefix(MARK)))

    def _take(self, finding: dict[str, Any]) -> None:
        found, name = self._found, self._found.kind.name
        match finding:
            case {"facts": facts}:
                found.facts = facts
                start = facts["start_seconds"]
                self._progress.say(f"{name}: {f'a sandbox starts in {start:.2f} s' if start else 'no sandbox starts'}")
            case {"tests": int(wanted)}:
                self._wanted = wanted
            case {"begins": str(test)}:
                self.at = test
            case {"test": str(test), "outcome": "passed", "seconds": seconds}:
                found.passed[test] = seconds
                if len(found.passed) % EVERY == 0:
                    self._progress.say(f"{name}: {len(found.passed)} of {self._wanted} passed")
            case {"test": str(test), "why": str(why)}:
                found.passed.pop(test, None)
                found.failed[test] = why
                self._progress.say(f"{name}: FAILED {test}")
            case {"status": int(status)}:
                self.status = status

    def unfinished(self) -> str:
        """Why not every test has a verdict; empty if each has."""
        seen = len(self._found.passed) + len(self._found.failed)
        if self.status is None:
            return f"it ended before its tests did, at {self.at} ({seen} of {self._wanted} had ended)"
        if self.status not in (0, 1) or not self._wanted or seen < self._wanted:
            return f"pytest ended with status {self.status}, {seen} of {self._wanted} tests had a verdict"
        return ""


def present(source: Path) -> Machine | None:
    """The kind of the present machine, by what the package finds here; None if it is none of them."""
    question = json.dumps({"files": []})
    command = [sys.executable, "-P", CHECK, question]
    done = subprocess.run(command, cwd=source, capture_output=True, check=False)
    if done.returncode != 0:
        message = f"the present machine could not be asked what it is:\n{done.stderr.decode(errors='replace')}"
        raise recipe.MachineError(message)
    facts = next(
        json.loads(line.removeprefix(MARK))["facts"] for line in done.stdout.splitlines() if line.startswith(MARK)
    )
    if not facts["ok"]:
        return None
    memory = next(guard["mechanism"] for guard in facts["isolation"]["guards"] if guard["name"] == "memory")
    tier = next((t for t in ("cgroup v2 by systemd", "cgroup v2", "cgroup v1") if t in memory), "none")
    name = {
        (True, "cgroup v1"): "root-v1",
        (True, "cgroup v2 by systemd"): "root-systemd",
        (True, "cgroup v2"): "root-v2" if facts["top"] else "root-v2-nested",
        (False, "cgroup v2 by systemd"): "user-systemd-inside" if "/user@" in facts["cgroup"] else "user-systemd",
        (False, "none"): "user-no-cgroup",
    }.get((facts["uid"] == 0, tier))
    return Machine(kind=KINDS[name], here=True, facts=facts) if name else None


def surprises(kind: Kind, facts: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Where a machine is not what its kind says: what was expected, and what was found."""
    if facts is None:
        yield "it says what it is", "no facts came"
        return
    if facts["ok"] == kind.refuses:
        yield "it refuses" if kind.refuses else "a sandbox starts", json.dumps(facts["error"] or "it ran")
        return
    if kind.refuses:
        return
    guards = {guard["name"]: guard for guard in facts["isolation"]["guards"]}
    expected = f"{kind.tier} memory controller" if kind.tier != "none" else "samples of its processes"
    if expected not in guards["memory"]["mechanism"]:
        found = "; ".join((guards["memory"]["mechanism"], *facts["passed_over"]))
        yield f"memory is bounded by {expected}", found
    weak = {name for name, guard in guards.items() if guard["strength"] != "enforced"}
    if kind.tier != "none" and weak:
        yield "every limit is enforced", f"these are not: {', '.join(sorted(weak))}"
    if kind.tier == "none" and not all(guards[name]["remedy"] for name in weak):
        yield "each weaker limit names a remedy", ", ".join(sorted(weak))
    newest = "0.11" in facts["isolation"]["bwrap"]
    if newest != (kind.bwrap == "newest") or "/usr/bin/bwrap" not in facts["isolation"]["bwrap"]:
        yield f"its bwrap is {kind.bwrap}'s", facts["isolation"]["bwrap"]


def visit(kind: Kind, options: argparse.Namespace, progress: Progress) -> Machine:
    """Boots one machine and runs what is selected for it. Raises nothing: what went wrong is in the result."""
    found = Machine(kind=kind)
    left = progress.began + options.seconds - time.monotonic()
    if left < LEAST_SECONDS:
        found.failed["it is booted"] = f"the {options.seconds:g} s for all machines were over"
        return found
    progress.say(f"{kind.name}: boots ({kind.about})")
    listener = Listener(found, options.out.parent / "machines" / f"{kind.name}.log", progress)
    began = time.monotonic()
    try:
        report = machines.run(
            kind,
            [["python3", "-P", CHECK, json.dumps(selection.question(kind, options.source))]],
            contents=machines.Contents(source=options.source, packages=options.packages),
            seconds=left,
            environment={"SANDBOX_MUST_WORK": "1"},
            on_output=listener.heed,
        )
    except (machines.MachineError, OSError, subprocess.SubprocessError) as error:
        found.failed["it comes up"] = str(error)
    else:
        found.failed |= surprises(kind, found.facts)
        if why := listener.unfinished():
            said = report.runs[0].output.decode(errors="replace")[-2000:]
            late = f"killed after {left:.0f} s, " if report.timed_out else ""
            found.failed["its tests end"] = f"{late}{why}\n{said}"
    found.seconds = time.monotonic() - began
    progress.say(
        f"{kind.name}: {len(found.passed)} passed, {len(found.failed)} failed, {found.seconds:.0f} s with its boot"
    )
    return found


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    (options.out.parent / "machines").mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        recipe.build(recipe.default_cache())
        here = present(options.source)
    except (recipe.MachineError, subprocess.SubprocessError) as error:
        print(f"suite.py: {error}", file=sys.stderr)
        return 1
    progress = Progress()
    kinds = [KINDS[name] for name in options.kinds] or [k for k in KINDS.values() if here is None or k is not here.kind]
    if here is not None and here.kind not in kinds:
        progress.say(f"the present machine is {here.kind.name}: that one is tested by make test")
        here.failed |= {f"here: {what}": why for what, why in surprises(here.kind, here.facts) if "bwrap" not in what}
    found = _visit_all(kinds, options, progress)
    if here is not None and here.kind not in kinds:
        found.insert(0, here)
    return _conclude(found, options.out, progress)


def _visit_all(kinds: list[Kind], options: argparse.Namespace, progress: Progress) -> list[Machine]:
    """Two at a time: those with the most tests first, then those that must refuse, then the variants of the others.

    The order of the result is root's before an ordinary user's, and else that of `KINDS`.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    order = sorted(kinds, key=lambda kind: (not kind.whole, kind.bwrap != "newest", not kind.refuses))
    try:
        found = list(pool.map(lambda kind: visit(kind, options, progress), order))
    finally:  # at Ctrl-C or SIGTERM: those that run end, those that wait don't begin
        options.seconds = 0
        machines.kill_all()
        pool.shutdown(cancel_futures=True)
    names = list(KINDS)
    return sorted(found, key=lambda machine: (not machine.kind.root, names.index(machine.kind.name)))


def _conclude(found: list[Machine], out: Path, progress: Progress) -> int:
    print(f"\n{table.terminal(found)}\n")
    out.write_text(table.markdown(found), encoding="utf-8")
    print(f"In full: {os.path.relpath(out)}; what each machine said: {os.path.relpath(out.parent)}/machines/")
    passed, failed = (sum(len(getattr(machine, name)) for machine in found) for name in ("passed", "failed"))
    progress.say(f"{sum(not machine.here for machine in found)} machines")
    for machine in found:  # at the very end: a log that is cut keeps that
        for test, why in machine.failed.items():
            print(f"\n--- {machine.kind.name}: {test}\n{os.linesep.join(why.strip().splitlines()[-12:])}")
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="suite.py", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[[], *KINDS], metavar="KIND")
    parser.add_argument("--packages", type=Path, required=True, help="installed packages for Python 3.11")
    parser.add_argument("--source", type=Path, default=ROOT, help="the source tree to test")
    parser.add_argument("--out", type=Path, default=ROOT / "build/machines.md", help="where the tables go")
    parser.add_argument("--seconds", type=float, default=720, help="for all machines (default 720)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
