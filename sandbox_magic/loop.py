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

from sandbox_magic import ending, watch
from sandbox_magic.clock import Clock
from sandbox_magic.events import Ended, Event, Mark
from sandbox_magic.guest import wire
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.relay import Coalescer, Stream
from sandbox_magic.timeline import Recorder
from sandbox_magic.untrusted.text import label
from sandbox_magic.verdict import Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from sandbox_magic.policy import Policy
    from sandbox_magic.result import Result

STOP_SECONDS = 0.45  # PID 1 has this long to end a run before the host kills it
MOST_PAUSED_SECONDS = 600.0  # then the run goes on by itself
_FRAME_BYTES = 64 * 1024  # of one frame that the code sends
_LABEL_CHARACTERS = 60
_MANY_BORN = 2  # processes from one sample to the next that are worth a mark
_LATE_SECONDS = 0.5  # after which the first output is worth one


class Run:
    """One execution of one cell in one sandbox: an iterator of events, ended by `Ended`.

    Leaving it, by ``close``, by the end of a ``with`` block or by dropping the last reference,
    ends the code. Everything happens on the thread that asks for events.

    Attributes:
        policy: What the code may see, use and do.
    """

    def __init__(self, source: bytes, policy: Policy, *, stdin: bytes, arguments: Sequence[str]) -> None:
        self.policy = policy
        self._source = source
        self._input = memoryview(stdin)
        self._arguments = arguments
        self._sandbox: Sandbox | None = None
        self._queue: deque[Event] = deque()
        self._result: Result | None = None
        self._report: Report | None = None
        self._frames = wire.Reader()
        self._cause = ""
        self._kill_due: float | None = None
        self._lock = threading.RLock()  # a button's press comes on another thread
        self._clock = Clock()
        self._shown = wire.Reader(_FRAME_BYTES)
        self._processes = 1
        self._wrote = False
        self._text = Coalescer()
        self._recorder = Recorder()
        self._selector = selectors.PollSelector()  # needs no descriptor of its own
        self._closed = False

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
        return self._queue.popleft()

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
                self._meter.begin(self._clock.began)
                if self._kill_due is not None:
                    self._kill_due += gone
                self._sandbox.resume()
                self._mark("resumed")

    def close(self) -> None:
        """End the run at once if it has not ended, and give back everything it holds."""
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
        if "report" in ready:
            self._hear(self._sandbox)
        if self._result is None:
            self._keep_time(self._sandbox)

    def _start(self) -> Sandbox:
        limits = self.policy.limits
        sandbox = Sandbox.park(self.policy)
        try:
            self._meter = Meter(sandbox.pid, sandbox.group)
            sandbox.go(self._source, limits, arguments=self._arguments)
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
        if self._input:
            self._selector.register(sandbox.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            sandbox.close_stdin()
        return sandbox

    def _until_due(self) -> float:
        moments = [self._sample_due]
        kill_due = None if self.paused else self._kill_due
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
        """Take what the code has to show: untrusted."""
        try:
            data = os.read(sandbox.display, 65536)
            frames = self._shown.feed(data)
        except BlockingIOError:
            return
        except ValueError:  # no frames: not from our own code
            data, frames = b"", []
        for word, *fields in frames:
            if word == b"mark" and len(fields) == 1:
                self._mark(label(fields[0].decode("utf-8", "replace"), _LABEL_CHARACTERS), own=True)
        if not data:
            self._selector.unregister(sandbox.display)

    def _mark(self, what: str, *, own: bool = False) -> None:
        mark = Mark(what, self._clock.seconds(), own)
        if self._recorder.mark(mark):
            self._queue.append(mark)

    def _hear(self, sandbox: Sandbox) -> None:
        """Take PID 1's report, or notice that it died without one."""
        data = os.read(sandbox.report, 65536)
        frames = self._frames.feed(data)
        if frames:
            self._report = Report.parse(frames[0])
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
        elif self._kill_due is not None and now >= self._kill_due:
            self._cause = self._cause or "deadline"
            sandbox.kill()
            self._kill_due = None

    def _sample(self, sandbox: Sandbox) -> None:
        sample = self._meter.sample()
        if self.paused:  # shown, for the time passes, but no part of the run's course
            self._queue.append(replace(sample, seconds=self._clock.seconds()))
            self._sample_due = time.monotonic() + self._meter.interval()
            return
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
        """Everything in the sandbox is dead: read what is left in the pipes, decide, clean up."""
        wall = self._clock.seconds()
        if self._report is None:
            sandbox.wait()  # its last processes may still be dying
        for stream in self._streams:
            with suppress(BlockingIOError):
                while (text := stream.read()) is not None:
                    self._text.add(stream.name, text)
            self._text.add(stream.name, stream.rest())
        self._queue.extend(self._text.flush())
        self._result = ending.conclude(
            self.policy.limits,
            sandbox,
            self._meter,
            report=self._report,
            host_cause=self._cause,
            wall_seconds=wall,
            paused_seconds=self._clock.paused_seconds,
            timeline=self._recorder.timeline(self._meter.memory_source),
            streams=self._streams,
        )
        self.close()
        self._queue.append(Ended(self._result))
