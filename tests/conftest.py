"""For all tests: under SANDBOX_MUST_WORK=1 nothing is skipped silently.

`make test` and CI set it. A skip then is a failure that names the skip's reason, whether a test, a fixture or a whole
file asked for it. An expected failure (xfail) stays one: it ran.
"""

from __future__ import annotations

import os

import pytest


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("SANDBOX_MUST_WORK") != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"SANDBOX_MUST_WORK=1, and this did not run. {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport():
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report():
    report = yield
    _refuse_skip(report)
    return report
