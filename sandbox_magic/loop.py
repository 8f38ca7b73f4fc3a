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

from sandbox_magic import ending, variables, watch
from sandbox_magic.clock import Clock
from sandbox_magic.events import Ended, Event, InputRequest, Mark, Output
from sandbox_magic.gathering import GATHER_SECONDS, Gathering
from sandbox_magic.guest import wire
from sandbox_magic.heard import Heard
from sandbox_magic.jail import programs
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.jail.task import Task
from sandbox_magic.languages import PYTHON
from sandbox_magic.question import STEP_SECONDS, Allowance, Watcher
from sandbox_magic.relay import Coalescer, Stream
from sandbox_magic.timeline import Recorder
from sandbox_magic.verdict import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from sandbox_magic.events import Sample
    from sandbox_magic.heard import Said
    from sandbox_magic.languages import Language
    from sandbox_magic.policy import Policy
    from sandbox_magic.result import Result

STOP_SECONDS = 0.4  # PID 1 has this long to end a run before the host kills it
_DYING_SECONDS = 0.03  # for the last processes of a run that was killed; what takes longer dies behind the result
_TEARDOWN_SECONDS = 1.0  # likewise for a sandbox's end, where no limit is near
MOST_PAUSED_SECONDS = 600.0  # then the run goes on by itself
_ANSWER_BYTES = 64 * 1024  # of a line that somebody typed
_DRAINED_PIECES = 8  # of each stream before a display: more than a pipe holds
_MANY_BORN = 2  # processes from one sample to the next that are worth a mark
_LATE_SECONDS = 0.5  # after which the first output is worth one


class Run:
    """One execution of one cell in one sandbox: an iterator of events, ended by `Ended`.

    Leaving it, by ``close``, by the end of a ``with`` block or by dropping the last reference,
    ends the code. Everything happens on the thread that asks for events.

    Attributes:
        policy: What the code may see, use and do.
        meanwhile: Called once while the sandbox starts, which costs nothing then.
        last_value: Whether the value of its last expression is shown, as in a notebook.
        when_over: Called on another thread when the run ends while a question is on screen.

    Args:
        source: The cell.
        policy: As above.
        stdin: What it finds on standard input; where that is nothing, input() asks.
        arguments: ``sys.argv[1:]``.
        inputs: Variables for it, by name.
        outputs: The names of the variables that come out of it.
        language: What the cell is written in.
        languages: The user's own languages, to be named where a program is missing.

    Raises:
        PolicyError: An input can't travel.
    """

    def __init__(  # noqa: PLR0913 - what a run is given, each by name
        self,
        source: bytes,
        policy: Policy,
        *,
        stdin: bytes = b"",
        arguments: Sequence[str] = (),
        inputs: Mapping[str, object] | None = None,
        outputs: Sequence[str] = (),
        language: Language = PYTHON,
        languages: Sequence[Language] = (),
    ) -> None:
        self.policy = policy
        self.meanwhile: Callable[[], None] | None = None
        self._outputs = tuple(outputs)
        self._gathering = Gathering(policy)
        self._source = source
        self._input = memoryview(stdin)
        self._arguments = tuple(arguments)
        self._language = language
        self._languages = tuple(languages)
        self._sandbox: Sandbox | None = None
        self._queue: deque[Event] = deque()
        self._result: Result | None = None
        self._report: Report | None = None
        self._frames = wire.Reader()
        self._cause = ""
        self._kill_due: float | None = None
        self._lock = threading.RLock()  # a button's press comes on another thread
        self._clock = Clock()
        self._heard = Heard(self._outputs)
        self.last_value = True
        self._numbers: deque[int] = deque()  # of the questions in the queue
        self._allowance = Allowance()
        self._watcher: Watcher | None = None  # while a question is on screen
        self._answered = False
        self._ahead = self._given = 0.0
        self.when_over: Callable[[], None] = lambda: None
        self._processes = 1
        self._wrote = False
        self._text = Coalescer()
        self._recorder = Recorder()
        self._selector = selectors.PollSelector()  # needs no descriptor of its own
        self._closed = False
        self._inputs = variables.packed(inputs) if inputs else b""

    @property
    def result(self) -> Result:
        """The result, once the run has ended.

        Raises:
            RuntimeError: It has not.
        """
        if self._result is None:
            msg = "the run has not ended"
            raise RuntimeError(msg)
        return self._result

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Give the next event; blocks until there is one.

        Raises:
            SandboxUnavailable: At the first event, if no sandbox could be started.
            KeyboardInterrupt: At the second interrupt of the same run.
        """
        if self._watcher is not None:
            self.answer(None)
        while not self._queue:
            if self._closed:
                raise StopIteration
            try:
                self._step()
            except KeyboardInterrupt:
                if self._sandbox is None or self.interrupted:
                    self.close()
                    raise
                self.interrupt()
            except BaseException:
                self.close()
                raise
        event = self._queue.popleft()
        if isinstance(event, InputRequest):
            self._begin_question()
        return event

    @property
    def asking(self) -> bool:
        """Whether a question of the code's is on screen: an `InputRequest` was given and not answered."""
        return self._watcher is not None and not self._answered

    def answer(self, text: str | None) -> None:
        """Answer the question that is on screen; None is the end of input, an EOFError in the code."""
        if self._watcher is None:
            return
        self._answered = True
        number = self._numbers.popleft()
        try:
            self._watcher.stop()
        except BaseException:
            self.close()
            raise
        finally:
            self._watcher = None
        if self._sandbox is not None and not self._closed:
            self._end_question(self._sandbox)
            line = [] if text is None else [text.encode("utf-8", "replace")[:_ANSWER_BYTES]]
            if not self._cause:  # else the code is being ended, and that is what it should see
                self._sandbox.reply(b"%d" % number, *line)

    def _begin_question(self) -> None:
        if self._sandbox is None or self._closed:
            self._numbers.popleft()
            return
        self._ahead, self._given = self._allowance.left, 0.0
        self._sandbox.credit(self._ahead)  # PID 1 expects the end later, and what is not given is taken back
        self._allowance.begin(self._meter.sample())
        self._answered = False
        self._watcher = Watcher(self._step_behind_question)

    def _end_question(self, sandbox: Sandbox) -> None:
        self._take_allowance(self._meter.sample())
        sandbox.credit(self._given - self._ahead)
        self._clock.forgive(self._given)
        self._meter.begin(self._clock.began)
        self._given = 0.0

    def _take_allowance(self, sample: Sample) -> None:
        given = self._allowance.take(sample)
        self._given += given
        if self._kill_due is not None and not self._cause:
            self._kill_due += given

    def _step_behind_question(self) -> bool:
        """Do a step on another thread; give whether there will be more."""
        if not self._closed:
            self._step()
        if self._closed:
            self.when_over()
        return not self._closed

    @property
    def started(self) -> bool:
        """Whether its sandbox is up."""
        return self._sandbox is not None

    @property
    def interrupted(self) -> bool:
        """Whether the run has been interrupted."""
        return self._cause == "interrupt"

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        with self._lock:
            if self._sandbox is not None and not self._closed:
                self.resume()
                self._expect_end("interrupt")
                self._sandbox.interrupt()

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._clock.paused

    def pause(self) -> None:
        """Stop the code where it is; its clock stops too. It goes on by itself after ten minutes."""
        with self._lock:
            if self._sandbox is not None and not self._closed and not self.paused:
                self._mark("paused")
                self._clock.pause()
                self._sandbox.pause()

    def resume(self) -> None:
        """Let paused code go on."""
        with self._lock:
            if self._sandbox is not None and not self._closed and self.paused:
                gone = self._clock.resume()
                self._allowance.begin(self._meter.sample())
                self._meter.begin(self._clock.began)
                if self._kill_due is not None:
                    self._kill_due += gone
                self._sandbox.resume()
                self._mark("resumed")

    def close(self) -> None:
        """End the run at once if it has not ended, and give back everything it holds."""
        if (watcher := self._watcher) is not None:
            with suppress(Exception):  # it is over
                watcher.stop()
        with self._lock:
            self._closed = True
            self._selector.close()
            if self._sandbox is not None:
                self._sandbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _step(self) -> None:
        """Wait for something to happen, and handle it."""
        if self._sandbox is None:
            self._sandbox = self._start()
            return
        ready = [key.data for key, _ in self._selector.select(self._until_due())]
        for stream in sorted(self._streams, key=lambda stream: not self._text.waits_on(stream.name)):
            if stream in ready:
                self._relay(stream)
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
        sandbox = Sandbox.park(self.policy, meanwhile)
        try:
            self._meter = Meter(sandbox.pid, sandbox.group)
            self._hand_over(sandbox)
        except BaseException:
            sandbox.close()
            raise
        self._clock = Clock()
        self._meter.begin(self._clock.began)
        self._sample_due = self._clock.began + self._meter.interval()
        if limits.wall_seconds is not None:
            self._kill_due = self._clock.began + limits.wall_seconds + STOP_SECONDS
        self._streams = [
            Stream("stdout", sandbox.stdout, limits.output_bytes),
            Stream("stderr", sandbox.stderr, limits.output_bytes),
        ]
        for stream in self._streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        self._selector.register(sandbox.report, selectors.EVENT_READ, "report")
        self._selector.register(sandbox.display, selectors.EVENT_READ, "display")
        if self._gathering.order:
            self._selector.register(sandbox.files, selectors.EVENT_READ, "files")
        if self._input:
            self._selector.register(sandbox.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            sandbox.close_stdin()
        return sandbox

    def _hand_over(self, sandbox: Sandbox) -> None:
        if self._inputs:
            with sandbox.create("inputs") as file:
                file.write(self._inputs)
        if self.policy.workspace:
            with sandbox.create("workspace") as file:
                self._gathering.pack(file)
        limits = self.policy.limits
        program = programs.packed(self._language, sandbox.interpreter, limits, self._languages)
        task = Task(
            source=self._source,
            suffix=self._language.suffix,
            arguments=self._arguments,
            offered=self._offered(),
            program=program,
            gather=self._gathering.order,
        )
        sandbox.go(task, limits)

    @property
    def _waits(self) -> bool:
        """Whether the end of its time is not to be expected now: it is paused, or asks and is looked at by samples."""
        return self.paused or (self._watcher is not None and not self._cause)

    def _offered(self) -> str:
        asked = {
            "value": self.last_value,
            "ask": not self._input,
            "inputs": bool(self._inputs),
            "workspace": bool(self.policy.workspace),
        }
        return " ".join([*(word for word in asked if asked[word]), *(f"out:{name}" for name in self._outputs)])

    def _until_due(self) -> float:
        moments = [self._sample_due]
        if self._watcher is not None:
            moments.append(time.monotonic() + STEP_SECONDS)
        kill_due = None if self._waits else self._kill_due
        moments += [moment for moment in (self._text.due(), kill_due) if moment is not None]
        return max(0.0, min(moments) - time.monotonic())

    def _relay(self, stream: Stream) -> None:
        try:
            text = stream.read()
        except BlockingIOError:
            return
        if text is None:
            self._selector.unregister(stream.descriptor)
            return
        self._text.add(stream.name, text)
        if text and not self._wrote and not self._cause:
            self._wrote = True
            if self._clock.seconds() >= _LATE_SECONDS:
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
            said = self._heard.feed(data)
        except BlockingIOError:
            return
        except (ConnectionError, ValueError):  # no frames: not from our own code
            data, said = b"", []
        for each in said:
            self._take(each, sandbox)
        if not data:
            self._selector.unregister(sandbox.display)
            sandbox.hang_up()

    def _take(self, said: Said, sandbox: Sandbox) -> None:
        if isinstance(said.what, str):
            self._mark(said.what, own=True)
            return
        self._drain()
        if said.what is not None:
            self._queue.append(said.what)
        if isinstance(said.what, InputRequest):
            self._numbers.append(said.number)
        elif said.number:
            sandbox.reply(b"%d" % said.number)

    def _drain(self) -> None:
        """Take the text that is in the pipes, so that it comes before what was shown after it."""
        for stream in self._streams:
            for _ in range(_DRAINED_PIECES):
                try:
                    text = stream.read()
                except BlockingIOError:
                    break
                if text is None:  # unregistered in its turn
                    break
                self._text.add(stream.name, text)
        self._queue.extend(self._text.flush())

    def _mark(self, what: str, *, own: bool = False) -> None:
        mark = Mark(what, self._clock.seconds() - self._given, own)
        if self._recorder.mark(mark):
            self._queue.append(mark)

    def _gather(self, sandbox: Sandbox) -> bool:
        """Take a piece of what PID 1 brings out; give whether there may be more."""
        data = os.read(sandbox.files, 2**20)
        if not data:
            self._selector.unregister(sandbox.files)
            return False
        self._gathering.feed(data)
        return True

    def _hear(self, sandbox: Sandbox) -> None:
        """Take PID 1's report, or notice that it died without one."""
        data = os.read(sandbox.report, 65536)
        frames = self._frames.feed(data)
        if frames and frames[0] == [b"gathering"]:
            self._kill_due = time.monotonic() + GATHER_SECONDS
            del frames[0]
            if data and not frames:
                return
        if frames:
            report = Report.parse(frames[0])
            forgiven = self._clock.forgiven_seconds + self._given
            self._report = replace(report, wall_seconds=max(0.0, report.wall_seconds - forgiven))
        if frames or not data:
            self._end(sandbox)

    def _keep_time(self, sandbox: Sandbox) -> None:
        now = time.monotonic()
        if (due := self._text.due()) is not None and now >= due:
            self._queue.extend(self._text.flush())
        if now >= self._sample_due:
            self._sample(sandbox)
        if self.paused:
            if self._clock.pause_seconds >= MOST_PAUSED_SECONDS:
                self.resume()
        elif not self._waits and self._kill_due is not None and now >= self._kill_due:
            self._cause = self._cause or "deadline"
            sandbox.kill()
            with suppress(BlockingIOError):
                self._hear(sandbox)
            if self._result is None:  # it takes the kernel long to end a process with very many mappings
                self._end(sandbox)

    def _sample(self, sandbox: Sandbox) -> None:
        sample = self._meter.sample()
        if self.paused:  # shown, for the time passes, but no part of the run's course
            self._queue.append(replace(sample, seconds=self._clock.seconds()))
            self._sample_due = time.monotonic() + self._meter.interval()
            return
        if self._watcher is not None:
            self._take_allowance(sample)
            sample = replace(sample, seconds=sample.seconds - self._given)
            if self._kill_due is not None and time.monotonic() >= self._kill_due - STOP_SECONDS:
                self._stop("deadline")
        self._recorder.add(sample)
        self._queue.append(sample)
        if (born := (sample.processes or 0) - self._processes) >= _MANY_BORN:
            self._mark(f"{born} more processes")
        self._processes = max(self._processes, sample.processes or 0)
        lost = self._meter.lost or sandbox.group.tier == "none"
        cause, soon = watch.look(self.policy.limits, sample, memory=lost)
        if not cause and not lost and not sandbox.group.ends_whole_run and ending.facts(sandbox).oom_kills:
            cause = "memory"
        if cause:
            self._stop(cause)
        self._sample_due = time.monotonic() + min(self._meter.interval(), soon)

    def _stop(self, cause: str) -> None:
        """End the run because of a limit that the host holds."""
        if self._sandbox is not None and not self._cause:
            self._expect_end(cause)
            self._sandbox.stop(cause)

    def _expect_end(self, cause: str) -> None:
        self._cause = self._cause or cause
        due = time.monotonic() + STOP_SECONDS
        self._kill_due = due if self._kill_due is None else min(due, self._kill_due)

    def _end(self, sandbox: Sandbox) -> None:
        """Everything in the sandbox is dead or dying: read what is left in the pipes, decide, clean up."""
        wall = self._clock.seconds()
        if self._report is None:
            sandbox.wait(_DYING_SECONDS)
        if self._report is not None and sandbox.files >= 0:
            with suppress(BlockingIOError, KeyError):  # KeyError: it has been read to its end
                while self._gather(sandbox):
                    pass
        for stream in self._streams:
            with suppress(BlockingIOError):
                while (text := stream.read()) is not None:
                    self._text.add(stream.name, text)
            self._text.add(stream.name, stream.rest())
        self._queue.extend(self._text.flush())
        self._result = ending.conclude(
            self.policy,
            sandbox,
            self._meter,
            report=self._report,
            host_cause=self._cause,
            wall_seconds=wall,
            paused_seconds=self._clock.paused_seconds,
            timeline=self._recorder.timeline(self._meter.memory_source),
            streams=self._streams,
            heard=self._heard,
            gathering=self._gathering,
        )
        sandbox.close(self._teardown_seconds())
        self.close()
        self._queue.extend(Output(name, value) for name, value in self._result.outputs.items())
        self._queue.append(Ended(self._result))

    def _teardown_seconds(self) -> float:
        """Give how long to wait for the sandbox's end, so that a limit and half a second are kept."""
        left = _TEARDOWN_SECONDS if self._kill_due is None else self._kill_due + _DYING_SECONDS - time.monotonic()
        return max(_DYING_SECONDS, min(_TEARDOWN_SECONDS, left))
