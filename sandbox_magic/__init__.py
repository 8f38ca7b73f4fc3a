"""Run code that you do not trust: ``%load_ext sandbox_magic``, then ``%%sandbox`` on top of a cell."""

import sys
from typing import TYPE_CHECKING

if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)].endswith("sandbox_magic") and not sys.flags.safe_path:
    del sys.path[0]  # python -m puts the working directory first, which may hold a stranger's selectors.py

from sandbox_magic.safe_import import importing as _importing

with _importing():  # a notebook's folder stands before the standard library too
    import importlib

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from sandbox_magic.batch.graded import Graded, Score
    from sandbox_magic.batch.results import Results
    from sandbox_magic.batch.run_many import Batch, run_many
    from sandbox_magic.execution.api import run, start, stream
    from sandbox_magic.execution.asynchronous import AsyncRun, arun, astream
    from sandbox_magic.execution.background import BackgroundRun
    from sandbox_magic.execution.run import Run
    from sandbox_magic.execution.session import Session
    from sandbox_magic.execution.session_answers import Completion
    from sandbox_magic.jail.doctor import Diagnosis
    from sandbox_magic.model.attempts import Attempt, Attempts
    from sandbox_magic.model.errors import PolicyError, SandboxError, SandboxUnavailable
    from sandbox_magic.model.events import Ended, Event, Output
    from sandbox_magic.model.forwards import Forward
    from sandbox_magic.model.isolation import Guard, Isolation
    from sandbox_magic.model.languages import Language
    from sandbox_magic.model.option_types import ManyOptions, Options
    from sandbox_magic.model.outcome import Outcome
    from sandbox_magic.model.output import Cleared, Display, InputRequest, Text
    from sandbox_magic.model.policy import Limits, Mount, Policy
    from sandbox_magic.model.result import ErrorDetails, NetworkUsage, Result, RunFailed, Usage
    from sandbox_magic.model.timeline import Mark, Sample, Timeline
    from sandbox_magic.picture.comparison import Comparison, compare
    from sandbox_magic.picture.drawing import Drawing
    from sandbox_magic.untrusted.workspace.apply import Applied, NotApplied
    from sandbox_magic.untrusted.workspace.change import Change
    from sandbox_magic.untrusted.workspace.changes import Changes
    from sandbox_magic.untrusted.workspace.diff import Diff

    __version__: str

__all__ = [
    "Applied",
    "AsyncRun",
    "Attempt",
    "Attempts",
    "BackgroundRun",
    "Batch",
    "Change",
    "Changes",
    "Cleared",
    "Comparison",
    "Completion",
    "Diagnosis",
    "Diff",
    "Display",
    "Drawing",
    "Ended",
    "ErrorDetails",
    "Event",
    "Forward",
    "Graded",
    "Guard",
    "InputRequest",
    "Isolation",
    "Language",
    "Limits",
    "ManyOptions",
    "Mark",
    "Mount",
    "NetworkUsage",
    "NotApplied",
    "Options",
    "Outcome",
    "Output",
    "Policy",
    "PolicyError",
    "Result",
    "Results",
    "Run",
    "RunFailed",
    "Sample",
    "SandboxError",
    "SandboxUnavailable",
    "Score",
    "Session",
    "Text",
    "Timeline",
    "Usage",
    "__version__",
    "arun",
    "astream",
    "compare",
    "diagnose",
    "run",
    "run_many",
    "start",
    "stream",
]


def diagnose() -> "Diagnosis":
    """Return what this machine enforces, found by starting a sandbox; print it for a table."""
    with _importing():
        from sandbox_magic.jail import doctor
    return doctor.diagnose()


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Make ``%%sandbox`` and ``%sandbox`` known (called by ``%load_ext sandbox_magic``)."""
    with _importing():
        from sandbox_magic.notebook import extension
    extension.load(shell)


def unload_ipython_extension(shell: "InteractiveShell") -> None:
    """Take the magics away (called by ``%unload_ext sandbox_magic``)."""
    from sandbox_magic.notebook import extension

    extension.unload(shell)


def __dir__() -> list[str]:
    """Return what is public."""
    return __all__


_LATE = {
    "Applied": "untrusted.workspace.apply",
    "AsyncRun": "execution.asynchronous",
    "Attempt": "model.attempts",
    "Attempts": "model.attempts",
    "BackgroundRun": "execution.background",
    "Batch": "batch.run_many",
    "Change": "untrusted.workspace.change",
    "Changes": "untrusted.workspace.changes",
    "Cleared": "model.output",
    "Comparison": "picture.comparison",
    "Completion": "execution.session_answers",
    "Diagnosis": "jail.doctor",
    "Diff": "untrusted.workspace.diff",
    "Display": "model.output",
    "Drawing": "picture.drawing",
    "Ended": "model.events",
    "ErrorDetails": "model.result",
    "Event": "model.events",
    "Forward": "model.forwards",
    "Graded": "batch.graded",
    "Guard": "model.isolation",
    "InputRequest": "model.output",
    "Isolation": "model.isolation",
    "Language": "model.languages",
    "Limits": "model.policy",
    "ManyOptions": "model.option_types",
    "Mark": "model.timeline",
    "Mount": "model.policy",
    "NetworkUsage": "model.result",
    "NotApplied": "untrusted.workspace.apply",
    "Options": "model.option_types",
    "Outcome": "model.outcome",
    "Output": "model.events",
    "Policy": "model.policy",
    "PolicyError": "model.errors",
    "Result": "model.result",
    "Results": "batch.results",
    "Run": "execution.run",
    "RunFailed": "model.result",
    "Sample": "model.timeline",
    "SandboxError": "model.errors",
    "SandboxUnavailable": "model.errors",
    "Score": "batch.graded",
    "Session": "execution.session",
    "Text": "model.output",
    "Timeline": "model.timeline",
    "Usage": "model.result",
    "arun": "execution.asynchronous",
    "astream": "execution.asynchronous",
    "compare": "picture.comparison",
    "run": "execution.api",
    "run_many": "batch.run_many",
    "start": "execution.api",
    "stream": "execution.api",
}

if not TYPE_CHECKING:  # a checker would take every name for one that there is

    def __getattr__(name: str) -> object:
        """Import what is public when it is first asked for."""
        if name in _LATE:
            with _importing():
                value = getattr(importlib.import_module(f"sandbox_magic.{_LATE[name]}"), name)
            globals()[name] = value
            return value
        if name == "__version__":
            from sandbox_magic.version import installed

            return installed()
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
