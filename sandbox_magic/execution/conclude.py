"""The end of a run: what the kernel, PID 1 and the meter know -> `Result`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import attempts as tried
from sandbox_magic.execution import hints, network_notes
from sandbox_magic.execution.hint_facts import Facts as HintFacts
from sandbox_magic.execution.verdict import Report, decide, notes
from sandbox_magic.jail.view.host_lookup import Outside
from sandbox_magic.jail.view.overlay import Layer
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import Result, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.execution.code_words import CodeWords
    from sandbox_magic.execution.files import FileTransfer
    from sandbox_magic.execution.messages import MessageReader
    from sandbox_magic.execution.relay import Stream
    from sandbox_magic.jail.cgroup.base import Facts
    from sandbox_magic.jail.meter import Meter
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.isolation import Isolation
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import ErrorDetails
    from sandbox_magic.model.timeline import Timeline
    from sandbox_magic.net.relay import Relay as NetworkRelay

_COLOURS = re.compile(rb"\x1b\[[0-9;:]*m")
_ANEW = "The session had ended since its last cell: this cell began anew."
_LOST = "The control group was removed during the run; memory and process limits were only monitored after that."


def build_result(  # noqa: PLR0913 - everything that is known at the end, each by name
    policy: Policy,
    sandbox: Sandbox,
    meter: Meter,
    *,
    report: Report | None,
    host_cause: str,
    wall_seconds: float,
    paused_seconds: float,
    compile_seconds: float | None,
    timeline: Timeline,
    streams: Sequence[Stream],
    messages: MessageReader,
    files: FileTransfer,
    cell: Cell,
    fed: bool,
    stopped: Callable[[], bool],
    tells_its_end: bool,
    network: NetworkRelay | None = None,
) -> Result:
    """Return the result of a run whose last process is dead and whose output has been read.

    Args:
        policy: What the run was given.
        sandbox: Its sandbox, not yet closed.
        meter: What took its samples.
        report: PID 1's report, if it came.
        host_cause: Why the host ended the run, if it did.
        wall_seconds: Real time by the host's clock, for want of PID 1's.
        paused_seconds: Real time for which it was paused.
        compile_seconds: Real time of a compiler that has succeeded.
        timeline: The samples.
        streams: Standard output and standard error.
        messages: What it showed.
        files: The files that came out.
        cell: What was run.
        fed: Whether there was anything on its standard input.
        stopped: Returns whether the run has been interrupted meanwhile.
        network: What relayed its connections, now closed; None without one.
        tells_its_end: Whether it is run by our guest, which tells when the code has come to its end.
    """
    limits = policy.limits
    isolation = sandbox.describe(limits)
    counted = sandbox.facts()
    too_much = limits.on_output_limit == "stop" and any(s.kept.total > limits.output_bytes for s in streams)
    verdict = decide(report, host_cause, limits, oom_kills=counted.oom_kills, too_much=too_much)
    outputs, refused = messages.outputs.values(stopped) if verdict.outcome is Outcome.COMPLETED else ({}, ())
    changes, told = files.finish()
    wall = report.wall_seconds if report else wall_seconds
    compiled = compile_seconds is not None if cell.language.compiles else None
    cpu = _cpu_seconds(counted, meter, report, timeline)
    timeline = timeline.ended(wall, cpu, _last_peak(counted, meter, report, verdict.outcome))
    timeline = replace(timeline, memory_limit_bytes=limits.memory_bytes)
    out, err = (stream.kept for stream in streams)
    (stdout_bytes, stdout), (stderr_bytes, stderr) = (stream.whole() for stream in streams)
    dropped = out.dropped + err.dropped
    attempts = _attempts(policy, sandbox, cell, messages.code_words)
    timeline = timeline.with_marks((*(tried.marks(attempts) if attempts else ()), *network_notes.marks(network)))
    if attempts is not None:
        attempts = network_notes.among(attempts, network)
    said = notes(
        verdict,
        report,
        limits,
        dropped=dropped,
        oom_kills=counted.oom_kills,
        refused_forks=counted.refused_forks,
        given_up=attempts is not None and not attempts.complete,
        compiling=compiled is False,
        compile_seconds=cell.compiler_limit(limits),
    )
    return Result(
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        signal=verdict.signal,
        error=None if verdict.outcome is Outcome.COMPLETED else messages.error,
        finished=messages.finished and verdict.outcome is Outcome.COMPLETED if tells_its_end else None,
        compiled=compiled,
        stdout=stdout,
        stderr=stderr,
        stdout_bytes=stdout_bytes,
        stderr_bytes=stderr_bytes,
        dropped_bytes=dropped,
        displays=messages.displays,
        outputs=outputs,
        changes=changes,
        usage=Usage(
            wall_seconds=wall,
            cpu_seconds=cpu,
            peak_memory_bytes=_most(timeline.peak("memory_bytes")),
            peak_processes=_most(timeline.peak("processes"), 1 if report else None),
            read_bytes=_most(timeline.peak("read_bytes")),
            written_bytes=_most(timeline.peak("written_bytes")),
            park_seconds=sandbox.park_seconds,
            warm=sandbox.warm,
            paused_seconds=paused_seconds,
            network=network_notes.usage(network),
            compile_seconds=wall if compiled is False else compile_seconds,
        ),
        limits=limits,
        timeline=timeline,
        isolation=isolation,
        attempts=attempts,
        restored=report is not None and report.session == "restored",
        notes=(_LOST,) * meter.lost
        + (_ANEW,) * sandbox.begun_anew
        + _unloaded(sandbox)
        + said
        + hints.of(
            verdict.outcome,
            _last_words(stderr_bytes, messages.error, cell),
            _known(policy, sandbox, isolation, said, cell, fed=fed, sought=messages.sought),
        )
        + network_notes.of(network, policy)
        + (*messages.notes, *refused, *told, *(attempts.sentences if attempts is not None else ())),
    )


def _last_words(stderr: bytes, error: ErrorDetails | None, cell: Cell) -> bytes:
    """Return the end of what the code wrote, with the error that ended it where that is told apart."""
    apart = b"" if cell.shows_error or error is None else _COLOURS.sub(b"", error.traceback.encode())
    return (stderr[-hints.MOST_BYTES :] + apart)[-hints.MOST_BYTES :]


def _attempts(policy: Policy, sandbox: Sandbox, cell: Cell, words: CodeWords) -> Attempts | None:
    if sandbox.tried is None:
        return None
    return tried.listed(
        sandbox.tried.end_cell(words.beside), Outside(sandbox.interpreter, policy, cell.source.path), policy
    )


def _unloaded(sandbox: Sandbox) -> tuple[str, ...]:
    names = ", ".join(sandbox.unloaded)
    return (f"Not preloaded, because importing it failed or took too long: {names}.",) if names else ()


def _known(  # noqa: PLR0913 - likewise
    policy: Policy,
    sandbox: Sandbox,
    isolation: Isolation,
    said: tuple[str, ...],
    cell: Cell,
    *,
    fed: bool,
    sought: str,
) -> HintFacts:
    outside = Outside(sandbox.interpreter, policy, cell.source.path)
    watched = isolation["memory"].strength == "watched"
    return HintFacts(
        limits=policy.limits,
        said=said,
        memory_is_watched=watched,
        hidden=outside.hidden,
        module=outside.module,
        shown_as=outside.shown_as,
        bound=outside.bound,
        elsewhere=outside.elsewhere,
        beside=outside.beside,
        variable=cell.variable,
        reads_nothing=cell.reads_input and not fed,
        net=tuple(map(str, policy.net)),
        sought=sought,
        binds_reach_home=not policy.workspace,
        layered=isinstance(sandbox.workspace, Layer),
    )


def _cpu_seconds(counted: Facts, meter: Meter, report: Report | None, timeline: Timeline) -> float | None:
    if counted.cpu_seconds is not None:
        return max(0.0, counted.cpu_seconds - meter.cpu_before)
    return report.cpu_seconds if report else timeline.peak("cpu_seconds")


def _last_peak(counted: Facts, meter: Meter, report: Report | None, outcome: Outcome) -> int | None:
    """Return the most memory since the last sample, or of the whole run where only that is known."""
    if outcome is Outcome.OUT_OF_MEMORY and counted.oom_kills:  # all of it: the kernel had no other page left to take
        return counted.peak_bytes
    if counted.peak_bytes is not None:
        return meter.last_peak()
    return (report.largest_bytes or None) if report else None


def _most(*values: float | None) -> int | None:
    known = [value for value in values if value is not None]
    return int(max(known)) if known else None
