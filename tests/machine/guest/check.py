"""Says what this machine is, then runs tests, and tells each finding as it comes: ``check.py QUESTION``.

The question is one JSON object: ``files`` (tests to run; none: only the facts), ``keep`` and ``leave`` (regular
expressions over a test's id). A finding is a line that starts with ``@machine`` and goes on with one JSON object:
``facts``, ``tests`` (how many), ``begins``, ``test`` with ``outcome`` and ``seconds``, ``status`` (pytest's). Whatever
else is printed is for a person who looks for a cause.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

import sandbox_magic as sm
from sandbox_magic.jail import doctor

MARK = "@machine "
NATIVE_SECONDS = 0.05  # a sandbox's start on the machine that the tests' own bounds were made for
TEST_SECONDS = 90.0  # pyproject's `timeout`
LONGEST_SECONDS = 240.0  # one test that hangs must not take the machine's whole time
WHY = 4000  # characters of a failure


def tell(**finding: object) -> None:
    print(f"\n{MARK}{json.dumps(finding)}", flush=True)


def facts() -> dict[str, Any]:
    """What the package finds here, every limit asked for, and how long a start takes."""
    policy = sm.Policy(limits=sm.Limits(cpu_seconds=10, cpus=0.5))
    found = doctor.diagnose(policy)
    starts = [doctor.diagnose(policy).park_seconds for _ in range(5)] if found.ok else []
    return found.as_dict() | {
        "uid": os.geteuid(),
        "cgroup": Path("/proc/self/cgroup").read_text(),
        "top": not Path("/sys/fs/cgroup/cgroup.type").exists(),
        "start_seconds": statistics.median(starts) if starts else None,
    }


class Findings:
    """A plugin of pytest's: it chooses the tests and tells how each ends."""

    def __init__(self, keep: str, leave: str) -> None:
        self._keep, self._leave = re.compile(keep), re.compile(leave)
        self._failed: set[str] = set()
        self._seconds = 0.0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        names = {item: _name(item.nodeid) for item in items}
        items[:] = [i for i in items if self._keep.search(names[i]) and not self._leave.search(names[i])]
        tell(tests=len(items))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            tell(test=report.nodeid, outcome="failed", seconds=0, why=report.longreprtext[-WHY:])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._seconds = 0.0
        tell(begins=_name(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tells of a test once, after its teardown, or as soon as a part of it failed."""
        name = _name(report.nodeid)
        self._seconds += report.duration
        if report.failed and name not in self._failed:
            self._failed.add(name)
            tell(test=name, outcome="failed", seconds=round(self._seconds, 2), why=report.longreprtext[-WHY:])
        elif report.when == "teardown" and name not in self._failed:
            tell(test=name, outcome="passed", seconds=round(self._seconds, 2))


def _name(nodeid: str) -> str:
    """A test's id without the directories of its file; a parameter may hold a slash of its own."""
    path, _, rest = nodeid.partition("::")
    return f"{path.rpartition('/')[2]}::{rest}"


def main(question: dict[str, Any]) -> int:
    known = facts()
    tell(facts=known)
    if not question["files"]:
        return 0
    slowness = max(1.0, (known["start_seconds"] or 0) / NATIVE_SECONDS)
    bound = min(TEST_SECONDS * slowness, LONGEST_SECONDS)
    options = ["-q", "--tb=short", "-p", "no:cacheprovider"]
    options += [f"--override-ini=timeout={bound:.0f}", "--override-ini=session_timeout=86400"]  # the host ends all
    status = pytest.main([*options, *question["files"]], plugins=[Findings(question["keep"], question["leave"])])
    tell(status=int(status))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
