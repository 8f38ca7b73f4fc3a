"""What comes out of a sandbox while a run goes: text, messages of the code, files, PID 1's report."""

from __future__ import annotations

import os
import selectors
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import host_limits
from sandbox_magic.execution.files import GATHER_SECONDS
from sandbox_magic.execution.messages import MessageReader
from sandbox_magic.execution.relay import Relay, Stream
from sandbox_magic.execution.standard_input import StandardInput
from sandbox_magic.execution.verdict import Report
from sandbox_magic.guest import wire
from sandbox_magic.model.output import InputRequest

if TYPE_CHECKING:
    from collections import deque

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.execution.dialogue import Dialogue
    from sandbox_magic.execution.files import FileTransfer
    from sandbox_magic.execution.messages import Message
    from sandbox_magic.execution.sampling import Sampler
    from sandbox_magic.execution.timing import Timing
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.policy import Limits

RESTORE_SECONDS = 8.0  # for a session to go back
_LATE_SECONDS = 0.5  # after which the first output is worth a mark


@dataclass(kw_only=True, eq=False)
class Intake:
    """Reads what a sandbox sends; all but PID 1's report is untrusted. It feeds the code's standard input too.

    Attributes:
        sandbox: The sandbox.
        cell: The cell that runs in it.
        limits: What it may use.
        queue: Takes what came, as events.
        timing: The run's clock.
        sampler: Takes marks.
        dialogue: Takes the questions that the code asks.
        files: Takes the files that come out.
        relay: What the code writes.
        messages: What the code has shown and said.
        input: What the code reads.
        report: PID 1's report, once it has come.
    """

    sandbox: Sandbox
    cell: Cell
    limits: Limits
    queue: deque[Event]
    timing: Timing
    sampler: Sampler
    dialogue: Dialogue
    files: FileTransfer
    relay: Relay = field(init=False)
    messages: MessageReader = field(init=False)
    input: StandardInput = field(init=False)
    report: Report | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Register what is to be read."""
        sandbox = self.sandbox
        self._frames = wire.Reader()
        self._selector = selectors.PollSelector()  # needs no descriptor of its own
        self.messages = MessageReader(self.cell.outputs, sandbox.channel.frames, sandbox.channel.display_ids)
        self.relay = Relay(sandbox.stdout, sandbox.stderr, self.limits.output_bytes)
        for stream in self.relay.streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)
        self._selector.register(sandbox.report, selectors.EVENT_READ, "report")
        if sandbox.channel.descriptor >= 0:  # else an earlier cell of the session has said what is no frame
            self._selector.register(sandbox.channel.descriptor, selectors.EVENT_READ, "display")
        if self.files.at_end:
            self._selector.register(sandbox.files, selectors.EVENT_READ, "files")
        if sandbox.watcher is not None:
            self._selector.register(sandbox.watcher.reported, selectors.EVENT_READ, "watcher")
        self.input = StandardInput(self.cell.stdin, sandbox.stdin, self._selector, sandbox.close_stdin)

    def take(self, seconds: float) -> bool:
        """Wait so long for something to come, and take it; return whether the run is over."""
        ready = [key.data for key, _ in self._selector.select(seconds)]
        for stream, most in self.relay.in_order(ready):
            self._read(stream, most)
        self.relay.wait(ready)
        if "stdin" in ready:
            self.input.feed()
        if "display" in ready:
            self.listen()
        if "files" in ready:
            self._gather()
        over = "report" in ready and self.hear()
        if "watcher" in ready and not over:  # it has ended, so every watched call fails
            if self.sandbox.watcher is not None:
                self._selector.unregister(self.sandbox.watcher.reported)
            self.sandbox.kill()
        return over

    def _read(self, stream: Stream, most: int) -> None:
        before = self.relay.wrote
        try:
            if not self.relay.read(stream, most):
                self._selector.unregister(stream.descriptor)
        except BlockingIOError:
            return
        ends = self.timing.cause or self.timing.limit_passed  # then it is where the code was, shown by us
        first = self.relay.wrote and not before and not ends
        if first and self.timing.elapsed() >= _LATE_SECONDS:
            self.sampler.mark("first output")
        if self.limits.on_output_limit == "stop" and stream.kept.total > self.limits.output_bytes:
            host_limits.stop(self.sandbox, self.timing, "output")

    def listen(self) -> None:
        """Take what the code says on its channel."""
        try:
            data = os.read(self.sandbox.channel.descriptor, 256 * 1024)
            said = self.messages.feed(data)
        except BlockingIOError:
            return
        except (ConnectionError, ValueError):  # no frames: not from our own code
            data, said = b"", []
        for each in said:
            self._take_message(each)
        if not data:
            self._selector.unregister(self.sandbox.channel.descriptor)
            self.sandbox.channel.close()

    def _take_message(self, said: Message) -> None:
        if isinstance(said.what, str):
            self.sampler.mark(said.what, own=True)
            return
        what = said.what
        if what is not None:  # it is shown behind what was written before it
            self.queue.extend(self.relay.drain())
        if isinstance(what, InputRequest) and self.dialogue.full:
            what = None
        if what is not None:
            self.queue.append(what)
        if isinstance(what, InputRequest):
            self.dialogue.add(said.number)
        elif said.number:
            self.sandbox.channel.reply(b"%d" % said.number)

    def _gather(self) -> bool:
        """Take a piece of what PID 1 brings out; return whether there may be more."""
        data = os.read(self.sandbox.files, 2**20)
        if not data:
            self._selector.unregister(self.sandbox.files)
            return False
        self.files.feed(data)
        return True

    def gather_rest(self) -> None:
        """Take all that PID 1 has brought out."""
        with suppress(BlockingIOError, KeyError):  # KeyError: it has been read to its end
            while self._gather():
                pass

    def hear(self) -> bool:
        """Take PID 1's report, or notice that it died without one; return whether the run is over.

        Raises:
            BlockingIOError: It has said nothing.
        """
        data = os.read(self.sandbox.report, 65536)
        frames = self._frames.feed(data)
        if frames and frames[0][0] == b"compiled":
            self.timing.begin()
            self.sandbox.meter.begin(float(frames.pop(0)[1] or "nan"))
        if frames and frames[0] in ([b"gathering"], [b"restoring"]):
            self.timing.extend(GATHER_SECONDS if self.files.at_end else RESTORE_SECONDS)
            del frames[0]
        if frames:
            self._take_report(Report.parse(frames[0]))
        return bool(frames) or not data

    def _take_report(self, report: Report) -> None:
        """Keep it; its time is PID 1's, which knows of no question. Files that came out took a time of their own."""
        excluded = self.timing.excluded_seconds
        since = self.timing.elapsed() + excluded - report.wall_seconds
        self.timing.ended(0.0 if self.files.at_end else since)
        self.report = replace(report, wall_seconds=max(0.0, report.wall_seconds - excluded))

    def close(self) -> None:
        """Wait for nothing more."""
        self._selector.close()
