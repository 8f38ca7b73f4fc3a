"""Facts -> how a run ended. Pure functions, and nothing that the code says about itself is a fact."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox_magic.model import units
from sandbox_magic.model.options import limit_names
from sandbox_magic.model.outcome import BY_CAUSE, ENDINGS, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox_magic.model.policy import Limits


_OF_SESSION = {
    "restored": "The session is as it was before this cell. Its threads are gone, and files are as the cell left them.",
    "lost": "There was no copy of the session to go back to: the next cell begins anew.",
}
_UNWATCHED = "Ended because its memory could not be watched: no file could be opened on this machine any more."
_BETWEEN = {
    "restored": "The session's process had ended since the last cell: this cell ran on a copy from the end of that "
    "one, without its threads.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What PID 1 reports at the end.

    Attributes:
        status: The wait status of the first process of the run, as waitpid(2) gives it.
        cause: A key of `BY_CAUSE` if PID 1 stopped the code, else empty.
        wall_seconds: Real time from "go" to the end of the code.
        cpu_seconds: CPU time of all processes that were waited for.
        largest_bytes: Peak resident memory of the largest process.
        stopped: The number of background processes that were still running and were killed.
        compiling: Whether it was still the compiler that ran.
        session: Of a session's cell: ``done`` if its process lives, ``restored`` if it had to go back, ``lost`` if it
            could not; else empty.
        between: Likewise, of what happened to the session before the cell, if something did.
    """

    status: int
    cause: str
    wall_seconds: float
    cpu_seconds: float
    largest_bytes: int
    stopped: int
    compiling: bool = False
    session: Literal["", "done", "restored", "lost"] = ""
    between: Literal["", "restored"] = ""

    @classmethod
    def parse(cls, fields: Sequence[bytes]) -> Report:
        """Read the fields of PID 1's frame.

        Raises:
            ValueError: It is not such a frame.
        """
        word, cause, status, wall, cpu, largest, stopped, compiling, *session = fields
        kept, between = [field.decode() for field in session] or ("", "")
        if word != b"ended":
            msg = f"PID 1 sent {word!r}"
            raise ValueError(msg)
        return cls(
            status=int(status), cause=cause.decode(), wall_seconds=float(wall), cpu_seconds=float(cpu),
            largest_bytes=int(largest), stopped=int(stopped),
            compiling=bool(int(compiling)), session=kept, between=between,  # type: ignore[arg-type] # PID 1's
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a run ended.

    Attributes:
        outcome: From the closed list.
        exit_code: The code's own exit status, if it exited.
        signal: The signal that ended it, if one did.
    """

    outcome: Outcome
    exit_code: int | None = None
    signal: int | None = None


def decide(
    report: Report | None, host_cause: str, limits: Limits, *, oom_kills: int = 0, too_much: bool = False
) -> Verdict:
    """Return the verdict.

    Args:
        report: PID 1's report; None if it died before it could send one.
        host_cause: Why the host ended the run itself; counts only where PID 1 sent no report.
        limits: The limits in force.
        oom_kills: Processes of the run that the kernel killed because it was out of memory.
        too_much: Whether the code wrote more than the output limit; it may have ended before that was read.
    """
    cause = report.cause if report is not None else host_cause
    if oom_kills and cause != "interrupt":
        cause = "memory"
    cause = cause or ("output" if too_much else "")
    if report is None:
        return Verdict(outcome=BY_CAUSE.get(cause, Outcome.SIGNALLED))
    exit_code = os.WEXITSTATUS(report.status) if os.WIFEXITED(report.status) else None
    number = os.WTERMSIG(report.status) if os.WIFSIGNALED(report.status) else None
    if cause:
        outcome = BY_CAUSE.get(cause, Outcome.SIGNALLED)
    elif number is not None:
        outcome = Outcome.CPU_TIME if _hit_cpu_rlimit(number, report, limits) else Outcome.SIGNALLED
    else:
        died = report.session not in ("", "done")  # a cell of a session that ends its interpreter did not complete
        outcome = Outcome.FAILED if exit_code or died else Outcome.COMPLETED
    return Verdict(outcome=outcome, exit_code=exit_code, signal=number)


def _hit_cpu_rlimit(number: int, report: Report, limits: Limits) -> bool:
    limit = limits.cpu_seconds
    return limit is not None and number in (signal.SIGXCPU, signal.SIGKILL) and report.cpu_seconds >= limit


def notes(  # noqa: PLR0913 - the facts, each by name
    verdict: Verdict,
    report: Report | None,
    limits: Limits,
    *,
    dropped: int = 0,
    oom_kills: int = 0,
    refused_forks: int = 0,
    given_up: bool = False,
    compiling: bool = False,
    compile_seconds: float | None = None,
) -> tuple[str, ...]:
    """Return what a person should know about how the run ended, in plain sentences.

    Args:
        verdict: How it ended.
        report: PID 1's report; None if it died before it could send one.
        limits: The limits in force.
        dropped: Bytes of output that were not kept.
        oom_kills: Processes of the run that the kernel killed because it was out of memory.
        refused_forks: Processes that it was refused.
        given_up: Whether the host ended it for a reason of its own, which is told elsewhere.
        compiling: Whether it was still the compiler that ran, for want of PID 1's report.
        compile_seconds: The limit of that; None for as much as the limits give.
    """
    if report is not None:
        compiling = report.compiling
    compiler = limits.compile_seconds if compile_seconds is None else compile_seconds
    said = [_limit_reached(verdict.outcome, limits, compiler if compiling else None)]
    if verdict.outcome is Outcome.SIGNALLED and report is None and not given_up:
        said.append("The sandbox ended without its PID 1's report: the code destroyed its own sandbox.")
    if report is not None and report.cause == "unwatched":
        said.append(_UNWATCHED)
    if compiling and verdict.outcome in (Outcome.FAILED, Outcome.SIGNALLED):
        said.append("It was the compiler that failed; the program never began.")
    if report is not None and report.session:
        said += [_OF_SESSION.get(report.session, ""), _BETWEEN.get(report.between, "")]
    if oom_kills and verdict.exit_code is not None and not compiling:
        said.append("The kernel killed a process that the code had started, not the first process of the run.")
    if refused_forks:
        said.append(f"The code asked for more than {limits.processes} processes and threads; --processes allows more.")
    if report is not None and report.stopped and verdict.outcome in (Outcome.COMPLETED, Outcome.FAILED):
        many = "1 background process was" if report.stopped == 1 else f"{report.stopped} background processes were"
        said.append(f"{many} stopped at the end.")
    if dropped:
        said.append(f"{dropped:,} bytes of output were dropped from the result; --output-limit keeps more.")
    return tuple(filter(None, said))


def _limit_reached(outcome: Outcome, limits: Limits, compile_seconds: float | None) -> str:
    """Return the note about the limit that ended a run, or its compiler, which has a time of its own; else empty."""
    row, compiling = ENDINGS[outcome], compile_seconds is not None
    of_compiler = compiling and row.limit == "wall_seconds"
    reached = compile_seconds if of_compiler else getattr(limits, row.limit or "wall_seconds")
    if not row.limit or reached is None:
        return ""
    who = "The compiler" if compiling else "The code"
    note = row.note.format(who=who, limit=units.limit(row.limit, reached), option=f"--{limit_names()[row.limit]}")
    return f"{note} The program never began." if compiling else note
