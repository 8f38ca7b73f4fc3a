"""What the machines said, as tables: short for a terminal, in full for a file."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from typing import TYPE_CHECKING, Any

from selection import about

if TYPE_CHECKING:
    from kinds import Kind

WIDE = 80
_NAME, _CELL, _COLUMNS = 15, 15, 4

# A mechanism in at most seven letters; the first match counts.
_SHORT = (
    (r"mount namespace", "mounts"),
    (r"network namespace", "net ns"),
    (r"PID namespace", "pid ns"),
    (r"user, IPC", "ns"),
    (r"host uid .*which nothing else uses", "new uid"),
    (r"host uid", "own uid"),
    (r"a session", "session"),
    (r"built from nothing", "fresh"),
    (r"seccomp", "seccomp"),
    (r"clock", "clock"),
    (r"cgroup v2 by systemd", "systemd"),
    (r"cgroup v2", "cgroup2"),
    (r"cgroup v1", "cgroup1"),
    (r"samples", "sampled"),
    (r"RLIMIT", "rlimit"),
    (r"tmpfs", "tmpfs"),
    (r"kept by the host", "capped"),
    (r"advisory: thread counts", "advice"),
)
_STRENGTH = {"enforced": "E", "per process": "P", "watched": "W", "none": "N"}
_LEGEND = (
    "mechanism, strength (E enforced by the kernel for the whole run, P by the kernel per process, W watched, "
    "N none), tests passed, or failed!all; * = the present machine, whose tests are `make test`. "
    "systemd = cgroup v2 by systemd; ns = user, IPC, UTS, cgroup namespaces."
)


@dataclasses.dataclass(kw_only=True)
class Machine:
    """What one machine said so far."""

    kind: Kind
    here: bool = False
    """It is the present machine; nothing was booted."""
    facts: dict[str, Any] | None = None
    passed: dict[str, float] = dataclasses.field(default_factory=dict)
    """Test -> seconds."""
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    """Test, or what else was expected of the machine -> why it failed."""
    seconds: float = 0.0

    def guards(self) -> list[dict[str, str]]:
        """What is in force there; nothing in a machine that refuses."""
        isolation = (self.facts or {}).get("isolation")
        return isolation["guards"] if isolation else []

    def counts(self, guard: str) -> tuple[int, int]:
        """How many tests about a guard passed, and failed."""
        passed, failed = (sum(about(test) == guard for test in tests) for tests in (self.passed, self.failed))
        return passed, failed

    def verdict(self, guard: str) -> str:
        passed, failed = self.counts(guard)
        if self.here:
            return "*"
        return f"{failed}!{passed + failed}" if failed else str(passed or "-")


def short(mechanism: str) -> str:
    return next((word for pattern, word in _SHORT if re.search(pattern, mechanism)), mechanism[:7])


def terminal(machines: list[Machine]) -> str:
    """Guards down, machines across, at most four in a row; then the machines that must refuse."""
    running = [machine for machine in machines if not machine.kind.refuses]
    lines = []
    for first in range(0, len(running), _COLUMNS):
        lines += [*_block(running[first : first + _COLUMNS]), ""]
    lines += textwrap.wrap(_LEGEND, WIDE)
    for machine in machines:
        if machine.kind.refuses:
            lines += ["", *textwrap.wrap(_refusal(machine), WIDE, subsequent_indent="  ", break_on_hyphens=False)]
    return "\n".join(lines)


def _block(machines: list[Machine]) -> list[str]:
    def row(name: str, cells: list[str]) -> str:
        return (f"{name:<{_NAME}} " + " ".join(f"{cell:<{_CELL}}" for cell in cells)).rstrip()

    heads = [textwrap.wrap(m.kind.name.replace("-", "- ") + (" *" if m.here else ""), _CELL) for m in machines]
    heads = [[line.replace("- ", "-") for line in head] for head in heads]
    deep = max(map(len, heads))
    lines = [row("", [head[n] if n < len(head) else "" for head in heads]) for n in range(deep)]
    names = dict.fromkeys(guard["name"] for machine in machines for guard in machine.guards())
    return [
        *lines,
        *(row(name.removeprefix("other "), [_cell(machine, name) for machine in machines]) for name in names),
        *(row(name, [machine.verdict(name) for machine in machines]) for name in ("refusal", "the run")),
        row("tests", [_total(machine) for machine in machines]),
        row("bwrap", [_bwrap(machine) for machine in machines]),
        row("start", [_start(machine) for machine in machines]),
    ]


def _cell(machine: Machine, name: str) -> str:
    guard = next((guard for guard in machine.guards() if guard["name"] == name), None)
    if guard is None:
        return f"?         {machine.verdict(name)}"
    return f"{short(guard['mechanism']):<7} {_STRENGTH[guard['strength']]} {machine.verdict(name)}"


def _total(machine: Machine) -> str:
    if machine.here:
        return "see make test" if not machine.failed else f"{len(machine.failed)} FAILED"
    return f"{len(machine.passed)} passed" if not machine.failed else f"{len(machine.failed)} FAILED"


def _bwrap(machine: Machine) -> str:
    said = ((machine.facts or {}).get("isolation") or {}).get("bwrap", "")
    return (re.findall(r"\d[\d.]*", said) or ["-"])[0]


def _start(machine: Machine) -> str:
    seconds = (machine.facts or {}).get("start_seconds")
    return f"{seconds * 1000:.0f} ms" if seconds else "-"


def _refusal(machine: Machine) -> str:
    error = (machine.facts or {}).get("error")
    if not error:
        return f"{machine.kind.name}: did NOT refuse, or said nothing; {len(machine.failed)} failed"
    verdict = f"{len(machine.failed)} FAILED" if machine.failed else f"{len(machine.passed)} tests passed"
    seen = error["seen"].strip().splitlines()[-1:] or [""]
    return (
        f"{machine.kind.name}: refused, as it must; {verdict}. {error['what']}. Seen: {seen[0]}. Try: {error['remedy']}"
    )


def markdown(machines: list[Machine]) -> str:
    """One table for each machine, nothing shortened."""
    lines = ["# What holds on which machine", "", "Written by `make test-machine`.", ""]
    for machine in machines:
        lines += [f"## {machine.kind.name}: {machine.kind.about}", ""]
        if machine.here:
            lines += ["The present machine: its tests are `make test`.", ""]
        lines += _in_full(machine)
    return "\n".join(lines)


def _in_full(machine: Machine) -> list[str]:
    facts = machine.facts or {}
    lines = [facts.get("machine", "It said nothing."), ""]
    if machine.guards():
        lines += [f"{facts['isolation']['bwrap']}; a start takes {_start(machine)}.", ""]
        lines += ["| protection or limit | mechanism | strength | tests passed | failed |", "|---|---|---|---|---|"]
        for guard in machine.guards():
            counts = ("make test", "") if machine.here else machine.counts(guard["name"])
            cells = (guard["name"], guard["mechanism"], guard["strength"], *map(str, counts))
            lines.append(f"| {' | '.join(cells)} |")
        for name in ("refusal", "the run"):
            lines.append(f"| {name} | | | {' | '.join(map(str, machine.counts(name)))} |")
        lines += ["", *(f"- not used: {reason}" for reason in facts["passed_over"]), ""]
    if error := facts.get("error"):
        lines += [f"Refused: {error['what']}.", "", f"Seen: `{error['seen'].strip()}`", ""]
        lines += [f"Remedy: {error['remedy']}", ""]
    lines += [f"{len(machine.passed)} passed, {len(machine.failed)} failed, {machine.seconds:.0f} s.", ""]
    for test, why in machine.failed.items():
        lines += [f"FAILED {test}", "", "```", why.strip(), "```", ""]
    return lines
