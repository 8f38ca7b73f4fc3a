"""The loop of one run: relay, sample, hold the limits -> events -> `Result`."""

from __future__ import annotations

import os
import select
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import conclude, host_limits
from sandbox_magic.execution.files import GATHER_SECONDS, FileTransfer
from sandbox_magic.execution.messages import MessageReader
from sandbox_magic.execution.questions import STEP_SECONDS, Question, QuestionBudget
from sandbox_magic.execution.relay import Relay, Stream
from sandbox_magic.execution.standard_input import StandardInput
from sandbox_magic.execution.timing import DYING_SECONDS, STOP_SECONDS, Timing
from sandbox_magic.execution.verdict import Report
from sandbox_magic.guest import wire
from sandbox_magic.jail import isolation
from sandbox_magic.model.events import Ended, Event, Output
from sandbox_magic.model.output import InputRequest
from sandbox_magic.model.timeline import MOST_SAMPLES, Mark, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.execution.messages import Message
    from sandbox_magic.jail.lease import Lease
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result
    from sandbox_magic.model.timeline import Sample

_MOST_WAITING = 8  # questions of a run at a time
_ANSWER_BYTES = 64 * 1024  # of a line that somebody typed
MOST_PAUSED_SECONDS = 600.0  # then the run goes on by itself
RESTORE_SECONDS = 8.0  # for a session to go back
_MANY_BORN = 2  # processes from one sample to the next that are worth a mark
_LATE_SECONDS = 0.5  # after which the first output is worth one


class Loop:
    """What happens between the caller's asking for an event and there being one.

    Everything happens on the thread that calls `step`, but for what a press of a button does.

    Args:
        cell: The cell, and what goes with it.
        policy: What it may see, use and do.
        lease: Where its sandbox comes from.

    Attributes:
        policy: As above.
        queue: The events that nobody has taken yet.
        result: The result, once the run has ended.
        sandbox: Its sandbox; None before the first step.
        question: The question that is on screen.
        messages: What the code has shown and said.
        report: PID 1's report, once it has come.
        files: What goes into its working directory and what comes out.
        timing: Its clock and deadline.
        meanwhile: Called once while the sandbox starts, which costs nothing then, or while the code runs.
    """

    def __init__(self, cell: Cell, policy: Policy, lease: Lease) -> None:
        self.policy = policy
        self.queue: deque[Event] = deque()
        self.result: Result | None = None
        self.sandbox: Sandbox | None = None
        self.question: Question | None = None
        self.timing: Timing = Timing()
        self.meanwhile: Callable[[], None] | None = None
        self._cell = cell
        self._lease = lease
        self.files: FileTransfer = FileTransfer(policy, cell.files)
        self.report: Report | None = None
        self._frames = wire.Reader()
        self._lock = threading.RLock()  # a button's press comes on another thread
        self.messages: MessageReader = MessageReader(cell.outputs)
        self._numbers: deque[int] = deque()  # of the questions in the queue
        self._budget = QuestionBudget()
        self._processes = 1
        self._recorder = Recorder(MOST_SAMPLES - 1)  # the run's end is one more
        self._selector = selectors.PollSelector()  # needs no descriptor of its own
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it is over, with a result or without."""
        return self._closed

    def step(self) -> None:
        """Wait for something to happen, and handle it; the first step starts the code.

        Raises:
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            PolicyError: It can't be run with this policy.
        """
        if self.sandbox is None:
            self.sandbox = self._start()
            return
        ready = [key.data for key, _ in self._selector.select(self._until_due())]
        for stream, most in self._relay.in_order(ready):
            self._read(stream, most)
        self._relay.wait(ready)
        if "stdin" in ready:
            self._input.feed()
        if "display" in ready:
            self._listen(self.sandbox)
        if "files" in ready:
            self._gather(self.sandbox)
        if "report" in ready:
            self._hear(self.sandbox)
        if "watcher" in ready and self.result is None:  # it has ended, so every watched call fails
            self._selector.unregister(self._watched)
            self.sandbox.kill()
        if self.result is None:
            self._keep_time(self.sandbox)

    def _start(self) -> Sandbox:
        limits = self.policy.limits
        sandbox = self._lease.acquire(self.policy, self.files.look(), self._do_meanwhile)
        try:
            if self.policy.strict:
                isolation.demand(sandbox.describe(limits))
            self._cell.give(sandbox, self.policy, self.files)
        except BaseException:
            self._lease.release(sandbox)
            raise
        self._meter = sandbox.meter
        self.messages = MessageReader(self._cell.outputs, sandbox.frames, sandbox.display_ids)
        self.timing = Timing(limits.wall_seconds, STOP_SECONDS + sandbox.further_seconds)
        if self._cell.language.compiles:
            self.timing.compile(limits.compile_seconds)
        self._sample_due = time.monotonic() + self._meter.interval(0.0)
        self._relay = Relay(sandbox.stdout, sandbox.stderr, limits.output_bytes)
        for stream in self._relay.streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        self._selector.register(sandbox.report, selectors.EVENT_READ, "report")
        if sandbox.display >= 0:  # else an earlier cell of the session has said what is no frame
            self._selector.register(sandbox.display, selectors.EVENT_READ, "display")
        if self.files.at_end:
            self._selector.register(sandbox.files, selectors.EVENT_READ, "files")
        if sandbox.watcher is not None:
            self._watched = sandbox.watcher.reported
            self._selector.register(self._watched, selectors.EVENT_READ, "watcher")
        self._input = StandardInput(self._cell.stdin, sandbox.stdin, self._selector, sandbox.close_stdin)
        self._do_meanwhile()  # where nothing had to be started
        return sandbox

    def _do_meanwhile(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    @property
    def _suspended(self) -> bool:
        """Whether the deadline is: by a pause, or by a question while which samples are looked at."""
        return self.timing.paused or (self.question is not None and not self.timing.cause)

    def _until_due(self) -> float:
        moments = [self._sample_due]
        if self.question is not None:
            moments.append(time.monotonic() + STEP_SECONDS)
        kill_due = None if self._suspended else self.timing.due
        moments += [moment for moment in (self._relay.due(), kill_due) if moment is not None]
        return max(0.0, min(moments) - time.monotonic())

    def _read(self, stream: Stream, most: int) -> None:
        before = self._relay.wrote
        try:
            if not self._relay.read(stream, most):
                self._selector.unregister(stream.descriptor)
        except BlockingIOError:
            return
        ends = self.timing.cause or self.timing.limit_passed  # then it is where the code was, shown by us
        first = self._relay.wrote and not before and not ends
        if first and self.timing.elapsed() >= _LATE_SECONDS:
            self._mark("first output")
        limits = self.policy.limits
        if limits.on_output_limit == "stop" and stream.kept.total > limits.output_bytes:
            self._stop("output")

    def _listen(self, sandbox: Sandbox) -> None:
        """Take what the code says on its display wire: untrusted."""
        try:
            data = os.read(sandbox.display, 256 * 1024)
            said = self.messages.feed(data)
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
        what = said.what
        if what is not None:  # it is shown behind what was written before it
            self.queue.extend(self._relay.drain())
        if isinstance(what, InputRequest) and len(self._numbers) >= _MOST_WAITING:
            what = None  # input() waits for its answer; code that asks so often at once does not
        if what is not None:
            self.queue.append(what)
        if isinstance(what, InputRequest):
            self._numbers.append(said.number)
        elif said.number:
            sandbox.reply(b"%d" % said.number)

    def _mark(self, what: str, *, own: bool = False, paused_seconds: float = 0.0) -> None:
        mark = Mark(what, self.timing.elapsed(), own, paused_seconds)
        if self._recorder.mark(mark):
            self.queue.append(mark)

    def _gather(self, sandbox: Sandbox) -> bool:
        """Take a piece of what PID 1 brings out; return whether there may be more."""
        data = os.read(sandbox.files, 2**20)
        if not data:
            self._selector.unregister(sandbox.files)
            return False
        self.files.feed(data)
        return True

    def _hear(self, sandbox: Sandbox) -> None:
        """Take PID 1's report, or notice that it died without one."""
        data = os.read(sandbox.report, 65536)
        frames = self._frames.feed(data)
        if frames and frames[0][0] == b"compiled":
            self.timing.begin()
            self._meter.begin(float(frames.pop(0)[1] or "nan"))
        if frames and frames[0] in ([b"gathering"], [b"restoring"]):
            self.timing.extend(GATHER_SECONDS if self.files.at_end else RESTORE_SECONDS)
            del frames[0]
        if data and not frames:
            return
        if frames:
            self._take_report(Report.parse(frames[0]))
        if frames or not data:
            self._end(sandbox)

    def _take_report(self, report: Report) -> None:
        """Keep it; its time is PID 1's, which knows of no question. Files that came out took a time of their own."""
        excluded = self.timing.excluded_seconds
        since = self.timing.elapsed() + excluded - report.wall_seconds
        self.timing.ended(0.0 if self.files.at_end else since)
        self.report = replace(report, wall_seconds=max(0.0, report.wall_seconds - excluded))

    def _keep_time(self, sandbox: Sandbox) -> None:
        self.queue.extend(self._relay.flush())
        if time.monotonic() >= self._sample_due:
            self._sample(sandbox)
        if self.timing.paused:
            if self.timing.pause_seconds >= MOST_PAUSED_SECONDS:
                self.resume()
        elif not self._suspended and self.timing.passed:
            self.timing.expect("deadline")
            sandbox.kill()
            with suppress(BlockingIOError):
                self._hear(sandbox)
            if self.result is None:  # it takes the kernel long to end a process with very many mappings
                self._end(sandbox)

    def _sample(self, sandbox: Sandbox) -> None:
        sample = self._meter.sample(self.timing.elapsed())
        if self.timing.paused:  # shown, but no part of the run's course
            self.queue.append(sample)
            self._sample_due = time.monotonic() + self._meter.interval(sample.seconds)
            return
        if (question := self.question) is not None:
            excluded = question.exclude(sample)
            self.timing.exclude(excluded)
            sample = replace(sample, seconds=sample.seconds - excluded)
            if self.timing.limit_passed:
                self._stop("deadline")
        limits = self.policy.limits
        if self.timing.compiling:  # the compiler is not the code
            limits = replace(limits, cpu_seconds=None)
        elif sample.processes:  # else it was taken after the exit, and is no part of the run's course either
            self._record(sample)
        lost = self._meter.lost or sandbox.group.tier == "none"
        cause, soon = host_limits.check(limits, sample, memory=lost, blind_seconds=self._meter.blind_seconds)
        if not cause and not lost and not sandbox.group.ends_whole_run and sandbox.facts().oom_kills:
            cause = "memory"
        if cause:
            self._stop(cause)
        self._sample_due = time.monotonic() + min(self._meter.interval(sample.seconds), soon)

    def _record(self, sample: Sample) -> None:
        self._recorder.add(sample)
        self.queue.append(sample)
        if (born := (sample.processes or 0) - self._processes) >= _MANY_BORN:
            self._mark(f"{born} more processes")
        self._processes = max(self._processes, sample.processes or 0)

    def _stop(self, cause: str) -> None:
        """End the run because of a limit that the host holds."""
        if self.sandbox is not None and not self.timing.cause:
            self.timing.expect(cause)
            self.sandbox.control.stop(cause)

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        with self._lock:
            if self.sandbox is not None and not self._closed:
                self.resume()
                self.timing.expect("interrupt")
                self.sandbox.control.interrupt()

    def pause(self) -> None:
        """Stop the code where it is; its clock stops too. It goes on by itself after ten minutes."""
        with self._lock:
            if self.sandbox is not None and not self._closed and not self.timing.paused:
                self._mark("paused")
                self.timing.pause()
                self.sandbox.control.pause()

    def resume(self) -> None:
        """Let paused code go on."""
        with self._lock:
            if self.sandbox is not None and not self._closed and self.timing.paused:
                paused_seconds = self.timing.pause_seconds
                self.timing.resume()
                self.sandbox.control.resume()
                self._mark("resumed", paused_seconds=paused_seconds)

    def ask(self, step: Callable[[], bool]) -> bool:
        """Begin with the next question; return whether there is still somebody who wants the answer.

        Args:
            step: Called on another thread while the question is on screen, as for `questions.Watcher`.
        """
        number = self._numbers.popleft()
        if self.sandbox is None or self._closed or self.timing.cause:
            return False
        self.sandbox.control.credit(self._budget.left)
        self.question = Question(number, step, self._budget, self._meter.sample(self.timing.elapsed()))
        return True

    def answer(self, text: str | None) -> None:
        """Answer the question that is on screen; None is the end of input, an EOFError in the code."""
        question = self.question
        if question is None:
            return
        question.answered = True
        try:
            question.stop()
        except BaseException:
            self.close()
            raise
        finally:
            self.question = None
        if self.sandbox is None or self._closed:
            return
        if not self.timing.paused:  # a pause does not count anyway
            self.timing.exclude(question.exclude(self._meter.sample(self.timing.elapsed())))
        self.sandbox.control.credit(question.excluded - question.advance)
        line = [] if text is None else [text.encode("utf-8", "replace")[:_ANSWER_BYTES]]
        if not self.timing.cause:  # else the code is being ended, and that is what it should see
            self.sandbox.reply(b"%d" % question.number, *line)

    def _end(self, sandbox: Sandbox) -> None:
        """Everything in the sandbox is dead or dying: read what is left in the pipes, decide, clean up."""
        wall = self.timing.elapsed()
        if self.report is None:
            self.timing.ended(0.0)
            sandbox.wait(DYING_SECONDS)
        if self.report is not None and self.files.at_end:
            with suppress(BlockingIOError, KeyError):  # KeyError: it has been read to its end
                while self._gather(sandbox):
                    pass
        self.queue.extend(self._relay.finish())
        cause = self.timing.cause
        self.result = conclude.build_result(
            self.policy,
            sandbox,
            self._meter,
            report=self.report,
            host_cause=cause,
            wall_seconds=wall,
            paused_seconds=self.timing.paused_seconds,
            timeline=self._recorder.timeline(self._meter.memory_source),
            streams=self._relay.streams,
            messages=self.messages,
            files=self.files,
            cell=self._cell,
            fed=self._input.fed,
            stopped=lambda: self.timing.cause != cause,
            tells_its_end=not self._cell.language.commands,
        )
        try:
            self._lease.release(sandbox)
        finally:  # also where an interrupt comes meanwhile: there is nothing left to interrupt
            self.close()
            self.queue.extend(Output(name, value) for name, value in self.result.outputs.items())
            self.queue.append(Ended(self.result))

    def leave(self) -> None:
        """End the run at once if it has not ended; what has come of it so far becomes its result."""
        try:
            if self.question is not None:
                self.question.stop()
            if self.sandbox is not None and self.sandbox.is_ours and not self._closed:
                self._end_now(self.sandbox)
        finally:
            self.close()
            self.queue.clear()

    def _end_now(self, sandbox: Sandbox) -> None:
        self.resume()
        self.timing.expect("interrupt")
        if sandbox.display >= 0:
            self._listen(sandbox)
        with suppress(BlockingIOError):  # it may have ended by itself meanwhile
            self._hear(sandbox)
        if self.result is None:
            sandbox.end_cell()
            self._await_report(sandbox)

    def _await_report(self, sandbox: Sandbox) -> None:
        """Hear PID 1's last words; where they don't come, kill it."""
        poll = select.poll()
        poll.register(sandbox.report, select.POLLIN)
        while self.result is None:
            if poll.poll(RESTORE_SECONDS * 1000):
                self._hear(sandbox)
            else:
                sandbox.kill()
                self._end(sandbox)

    def close(self) -> None:
        """End the run at once if it has not ended, without a result, and give back everything it holds."""
        if (question := self.question) is not None:
            with suppress(Exception):  # it is over
                question.stop()
        with self._lock:
            self._closed = True
            self._selector.close()
            if self.sandbox is not None:
                if self.result is None:  # dropped: nothing of it is left when this returns
                    self.sandbox.drop()
                self._lease.release(self.sandbox)
