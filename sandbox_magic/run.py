"""The loop: park, go, relay, sample, hold the limits -> events -> `Result`."""

from __future__ import annotations

import os
import selectors
import signal
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sandbox_magic import ending
from sandbox_magic import options as _options
from sandbox_magic.errors import PolicyError
from sandbox_magic.events import Ended, Event, Sample
from sandbox_magic.guest import wire
from sandbox_magic.jail.meter import Meter
from sandbox_magic.jail.sandbox import Sandbox
from sandbox_magic.relay import Coalescer, Stream
from sandbox_magic.timeline import Recorder
from sandbox_magic.verdict import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, TracebackType
    from typing import Self

    from sandbox_magic.policy import Policy
    from sandbox_magic.result import Result

STOP_SECONDS = 0.45  # PID 1 has this long to end a run before the host kills it
_FASTEST_FILL = 4e9  # bytes a second: how fast memory can be filled, for how soon to look again
_SOONEST_LOOK = 0.005
_LATEST_LOOK = 1.0


def run(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Result:
    """Run untrusted code in a sandbox and give its result.

    How the code ends never raises; Ctrl-C ends the code and is an outcome too (a second Ctrl-C
    raises KeyboardInterrupt).

    Args:
        source: The code, run as ``__main__`` from a file, verbatim.
        policy: What it may see, use and do.
        **options: Options of the table (`sandbox_magic.options.OPTIONS`), on top of the policy:
            ``timeout=5``, ``memory="256M"``, ``stdin="..."``, ``args=["a"]``.

    Raises:
        PolicyError: An option makes no sense.
        SandboxUnavailable: No sandbox could be started, so nothing was run.
    """
    with stream(source, policy=policy, **options) as events, interrupting(events):
        for _ in events:
            pass
        return events.result


def stream(source: str | bytes, *, policy: Policy | None = None, **options: object) -> Run:
    """Give the same run event by event: `Text` and `Sample` as they come, then `Ended`.

    The run starts with the first event asked for, and ends if the iterator is dropped.

    Raises:
        PolicyError: An option makes no sense.
    """
    values = _options.read(options, ("limits", "policy", "run"))
    if not isinstance(source, (str, bytes)):
        msg = f"the source is a {type(source).__name__}"
        raise PolicyError(msg, remedy="the code as a string or bytes")
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    given = {name: values.pop(name) for name in ("stdin", "args") if name in values}
    return Run(text, _options.to_policy(values, policy), stdin=given.get("stdin", b""), arguments=given.get("args", ()))  # type: ignore[arg-type] # parsed by the table


@contextmanager
def interrupting(run: Run) -> Iterator[None]:
    """While the block runs, Ctrl-C interrupts the run instead of raising; the second one raises.

    So it can't fall between an event and what is done with it. Where no handler can be set (on
    another thread than the main one, which gets no signals either), nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        if run.started and not run.interrupted:
            run.interrupt()
        elif callable(before):
            before(number, frame)

    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
        self._text = Coalescer()
        self._recorder = Recorder()
        self._selector = selectors.DefaultSelector()
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
        if self._sandbox is not None and not self._closed:
            self._expect_end("interrupt")
            self._sandbox.interrupt()

    def close(self) -> None:
        """End the run at once if it has not ended, and give back everything it holds."""
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
        self._began = time.monotonic()
        self._meter.begin(self._began)
        self._sample_due = self._began + self._meter.interval()
        if limits.wall_seconds is not None:
            self._kill_due = self._began + limits.wall_seconds + STOP_SECONDS
        self._streams = [
            Stream("stdout", sandbox.stdout, limits.output_bytes),
            Stream("stderr", sandbox.stderr, limits.output_bytes),
        ]
        for stream in self._streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        self._selector.register(sandbox.report, selectors.EVENT_READ, "report")
        if self._input:
            self._selector.register(sandbox.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            sandbox.close_stdin()
        return sandbox

    def _until_due(self) -> float:
        moments = [self._sample_due]
        moments += [moment for moment in (self._text.due(), self._kill_due) if moment is not None]
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
        if self._kill_due is not None and now >= self._kill_due:
            self._cause = self._cause or "deadline"
            sandbox.kill()
            self._kill_due = None

    def _sample(self, sandbox: Sandbox) -> None:
        sample = self._meter.sample()
        self._recorder.add(sample)
        self._queue.append(sample)
        self._sample_due = time.monotonic() + min(self._meter.interval(), *self._watch(sandbox, sample))

    def _watch(self, sandbox: Sandbox, sample: Sample) -> tuple[float, float]:
        """Hold the limits that the kernel does not hold; give how soon each must be looked at again."""
        limits = self.policy.limits
        soonest = [_LATEST_LOOK, _LATEST_LOOK]
        if limits.cpu_seconds is not None and sample.cpu_seconds is not None:
            left = limits.cpu_seconds - sample.cpu_seconds
            if left <= 0:
                self._stop("cpu")
            soonest[0] = left / (os.cpu_count() or 1)
        if sandbox.group.tier == "none":
            left = limits.memory_bytes - (sample.memory_bytes or 0)
            if left <= 0:
                self._stop("memory")
            soonest[1] = left / _FASTEST_FILL
        elif not sandbox.group.ends_whole_run and ending.facts(sandbox).oom_kills:
            self._stop("memory")
        return max(soonest[0], _SOONEST_LOOK), max(soonest[1], _SOONEST_LOOK)

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
        wall = time.monotonic() - self._began
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
            timeline=self._recorder.timeline(self._meter.memory_source),
            streams=self._streams,
        )
        self.close()
        self._queue.append(Ended(self._result))
