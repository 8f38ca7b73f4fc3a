"""The loop of one run: park, go, relay, sample, hold the limits -> events -> `Result`."""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import conclude, host_limits
from sandbox_magic.execution.clock import Clock
from sandbox_magic.execution.deadline import DYING_SECONDS, Deadline
from sandbox_magic.execution.files import GATHER_SECONDS, FileTransfer
from sandbox_magic.execution.messages import MessageReader
from sandbox_magic.execution.questions import STEP_SECONDS, Question, QuestionBudget
from sandbox_magic.execution.relay import Relay, Stream
from sandbox_magic.execution.verdict import Report
from sandbox_magic.guest import wire
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.model.events import Ended, Event, Output
from sandbox_magic.model.output import InputRequest
from sandbox_magic.model.timeline import Mark, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.execution.messages import Message
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample

_MOST_WAITING = 8  # questions of a run at a time
MOST_PAUSED_SECONDS = 600.0  # then the run goes on by itself
_MANY_BORN = 2  # processes from one sample to the next that are worth a mark
_LATE_SECONDS = 0.5  # after which the first output is worth one


class Loop:
    """What happens between the caller's asking for an event and there being one.

    Args:
        cell: The cell, and what goes with it.
        policy: What it may see, use and do.
    """

    def __init__(self, cell: Cell, policy: Policy) -> None:
        self.policy = policy
        self.meanwhile: Callable[[], None] | None = None
        self.when_over: Callable[[], None] = lambda: None
        self.last_value = True
        self.variable: Callable[[str], bool] = lambda _: False
        self._cell = cell
        self._input = memoryview(cell.stdin)
        self._files = FileTransfer(policy)
        self._sandbox: Sandbox | None = None
        self._queue: deque[Event] = deque()
        self._result: Result | None = None
        self._report: Report | None = None
        self._frames = wire.Reader()
        self._deadline = Deadline()
        self._lock = threading.RLock()  # a button's press comes on another thread
        self._clock = Clock()
        self._messages = MessageReader(cell.outputs)
        self._numbers: deque[int] = deque()  # of the questions in the queue
        self._allowance = QuestionBudget()
        self._question: Question | None = None  # that is on screen
        self._processes = 1
        self._recorder = Recorder()
        self._selector = selectors.PollSelector()  # needs no descriptor of its own
        self._closed = False

    def _step(self) -> None:
        """Wait for something to happen, and handle it."""
        if self._sandbox is None:
            self._sandbox = self._start()
            return
        ready = [key.data for key, _ in self._selector.select(self._until_due())]
        for stream in self._relay.in_order():
            if stream in ready:
                self._read(stream)
        self._relay.wait(ready)
        if "stdin" in ready:
            self._feed_input(self._sandbox)
        if "display" in ready:
            self._listen(self._sandbox)
        if "files" in ready:
            self._gather(self._sandbox)
        if "report" in ready:
            self._hear(self._sandbox)
        if self._result is None:
            self._keep_time(self._sandbox)

    def _start(self) -> Sandbox:
        limits = self.policy.limits
        meanwhile, self.meanwhile = self.meanwhile, None
        sandbox = Sandbox.park(self.policy, meanwhile, lower=self._files.look())
        try:
            self._meter = Meter(sandbox.pid, sandbox.group)
            self._cell.give(sandbox, self.policy, self._files, last_value=self.last_value)
        except BaseException:
            sandbox.close()
            raise
        self._clock = Clock()
        self._meter.begin(self._clock.began)
        self._sample_due = self._clock.began + self._meter.interval()
        self._deadline.begin(self._clock.began, limits.wall_seconds)
        self._relay = Relay(sandbox.stdout, sandbox.stderr, limits.output_bytes)
        for stream in self._relay.streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        self._selector.register(sandbox.report, selectors.EVENT_READ, "report")
        self._selector.register(sandbox.display, selectors.EVENT_READ, "display")
        if self._files.order:
            self._selector.register(sandbox.files, selectors.EVENT_READ, "files")
        if self._input:
            self._selector.register(sandbox.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            sandbox.close_stdin()
        return sandbox

    @property
    def _waits(self) -> bool:
        """Whether the end of its time is not to be expected now: it is paused, or asks and is looked at by samples."""
        return self.paused or (self._question is not None and not self._deadline.cause)

    def _until_due(self) -> float:
        moments = [self._sample_due]
        if self._question is not None:
            moments.append(time.monotonic() + STEP_SECONDS)
        kill_due = None if self._waits else self._deadline.due
        moments += [moment for moment in (self._relay.due(), kill_due) if moment is not None]
        return max(0.0, min(moments) - time.monotonic())

    def _read(self, stream: Stream) -> None:
        before = self._relay.wrote
        try:
            if not self._relay.read(stream):
                self._selector.unregister(stream.descriptor)
        except BlockingIOError:
            return
        ends = self._deadline.cause or self._deadline.limit_passed  # then it is where the code was, shown by us
        first = self._relay.wrote and not before and not ends
        if first and self._clock.seconds() >= _LATE_SECONDS:
            self._mark("first output")
        limits = self.policy.limits
        if limits.on_output_limit == "stop" and stream.kept.total > limits.output_bytes:
            self._stop("output")

    def _feed_input(self, sandbox: Sandbox) -> None:
        try:
            self._input = self._input[os.write(sandbox.stdin, self._input) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the code does not want it
            self._input = self._input[:0]
        if not self._input:
            self._selector.unregister(sandbox.stdin)
            sandbox.close_stdin()

    def _listen(self, sandbox: Sandbox) -> None:
        """Take what the code says on its display wire: untrusted."""
        try:
            data = os.read(sandbox.display, 256 * 1024)
            said = self._messages.feed(data)
        except BlockingIOError:
            return
        except (ConnectionError, ValueError):  # no frames: not from our own code
            data, said = b"", []
        for each in said:
            self._take(each, sandbox)
        if not data:
            self._selector.unregister(sandbox.display)
            sandbox.hang_up()

    def _take(self, said: Message, sandbox: Sandbox) -> None:
        if isinstance(said.what, str):
            self._mark(said.what, own=True)
            return
        self._queue.extend(self._relay.drain())
        what = said.what
        if isinstance(what, InputRequest) and len(self._numbers) >= _MOST_WAITING:
            what = None  # input() waits for its answer; code that asks so often at once does not
        if what is not None:
            self._queue.append(what)
        if isinstance(what, InputRequest):
            self._numbers.append(said.number)
        elif said.number:
            sandbox.reply(b"%d" % said.number)

    def _mark(self, what: str, *, own: bool = False) -> None:
        given = self._question.given if self._question is not None else 0.0
        mark = Mark(what, self._clock.seconds() - given, own)
        if self._recorder.mark(mark):
            self._queue.append(mark)

    def _gather(self, sandbox: Sandbox) -> bool:
        """Take a piece of what PID 1 brings out; give whether there may be more."""
        data = os.read(sandbox.files, 2**20)
        if not data:
            self._selector.unregister(sandbox.files)
            return False
        self._files.feed(data)
        return True

    def _hear(self, sandbox: Sandbox) -> None:
        """Take PID 1's report, or notice that it died without one."""
        data = os.read(sandbox.report, 65536)
        frames = self._frames.feed(data)
        if frames and frames[0] == [b"files"]:
            self._deadline.extend(GATHER_SECONDS)
            del frames[0]
            if data and not frames:
                return
        if frames:
            report = Report.parse(frames[0])
            self._note_end(report.wall_seconds)
            forgiven = self._clock.forgiven_seconds + (self._question.given if self._question is not None else 0.0)
            self._report = replace(report, wall_seconds=max(0.0, report.wall_seconds - forgiven))
        if frames or not data:
            self._end(sandbox)

    def _note_end(self, wall_seconds: float) -> None:
        """Let the result be due by the time at which PID 1 saw the code end; files that came out took their own."""
        since = self._clock.seconds() + self._clock.forgiven_seconds - wall_seconds
        self._deadline.ended(0.0 if self._files.order else since)

    def _keep_time(self, sandbox: Sandbox) -> None:
        self._queue.extend(self._relay.flush())
        if time.monotonic() >= self._sample_due:
            self._sample(sandbox)
        if self.paused:
            if self._clock.pause_seconds >= MOST_PAUSED_SECONDS:
                self.resume()
        elif not self._waits and self._deadline.passed:
            self._deadline.expect("deadline")
            sandbox.kill()
            with suppress(BlockingIOError):
                self._hear(sandbox)
            if self._result is None:  # it takes the kernel long to end a process with very many mappings
                self._end(sandbox)

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._clock.paused

    def resume(self) -> None:
        """Let paused code go on."""
        with self._lock:
            if self._sandbox is not None and not self._closed and self.paused:
                gone = self._clock.resume()
                self._allowance.begin(self._meter.sample())
                self._meter.begin(self._clock.began)
                self._deadline.move(gone)
                self._sandbox.resume()
                self._mark("resumed")

    def _give_time(self, question: Question, sample: Sample) -> None:
        """Count as little of the time behind a question as its allowance says."""
        given = question.take(sample)
        if not self._deadline.cause:
            self._deadline.move(given)

    def _sample(self, sandbox: Sandbox) -> None:
        sample = self._meter.sample()
        if self.paused:  # shown, for the time passes, but no part of the run's course
            self._queue.append(replace(sample, seconds=self._clock.seconds()))
            self._sample_due = time.monotonic() + self._meter.interval()
            return
        if (question := self._question) is not None:
            self._give_time(question, sample)
            sample = replace(sample, seconds=sample.seconds - question.given)
            if self._deadline.limit_passed:
                self._stop("deadline")
        self._recorder.add(sample)
        self._queue.append(sample)
        if (born := (sample.processes or 0) - self._processes) >= _MANY_BORN:
            self._mark(f"{born} more processes")
        self._processes = max(self._processes, sample.processes or 0)
        lost = self._meter.lost or sandbox.group.tier == "none"
        cause, soon = host_limits.check(self.policy.limits, sample, memory=lost)
        if not cause and not lost and not sandbox.group.ends_whole_run and conclude.facts(sandbox).oom_kills:
            cause = "memory"
        if cause:
            self._stop(cause)
        self._sample_due = time.monotonic() + min(self._meter.interval(), soon)

    def _stop(self, cause: str) -> None:
        """End the run because of a limit that the host holds."""
        if self._sandbox is not None and not self._deadline.cause:
            self._deadline.expect(cause)
            self._sandbox.stop(cause)

    def _end(self, sandbox: Sandbox) -> None:
        """Everything in the sandbox is dead or dying: read what is left in the pipes, decide, clean up."""
        wall = self._clock.seconds()
        if self._report is None:
            self._deadline.ended(0.0)
            sandbox.wait(DYING_SECONDS)
        if self._report is not None and sandbox.files >= 0:
            with suppress(BlockingIOError, KeyError):  # KeyError: it has been read to its end
                while self._gather(sandbox):
                    pass
        self._queue.extend(self._relay.finish())
        cause = self._deadline.cause
        self._result = conclude.build_result(
            self.policy,
            sandbox,
            self._meter,
            report=self._report,
            host_cause=cause,
            wall_seconds=wall,
            paused_seconds=self._clock.paused_seconds,
            timeline=self._recorder.timeline(self._meter.memory_source),
            streams=self._relay.streams,
            messages=self._messages,
            files=self._files,
            variable=self.variable,
            stopped=lambda: self._deadline.cause != cause,
        )
        try:
            sandbox.close(self._deadline.teardown_seconds())
        finally:  # also where an interrupt comes meanwhile: there is nothing left to interrupt
            self.close()
            self._queue.extend(Output(name, value) for name, value in self._result.outputs.items())
            self._queue.append(Ended(self._result))

    def close(self) -> None:
        """End the run at once if it has not ended, and give back everything it holds."""
        if (question := self._question) is not None:
            with suppress(Exception):  # it is over
                question.stop()
        with self._lock:
            self._closed = True
            self._selector.close()
            if self._sandbox is not None:
                self._sandbox.close()
