"""The loop of one run, from its start to its end: relay, sample, hold the limits -> events -> `Result`."""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.execution import conclude
from sandbox_magic.execution.dialogue import Dialogue
from sandbox_magic.execution.files import FileTransfer
from sandbox_magic.execution.intake import RESTORE_SECONDS, Intake
from sandbox_magic.execution.questions import STEP_SECONDS
from sandbox_magic.execution.sampling import Sampler
from sandbox_magic.execution.timing import DYING_SECONDS, STOP_SECONDS, Timing
from sandbox_magic.jail import isolation
from sandbox_magic.model.events import Ended, Event, Output
from sandbox_magic.net import pinning
from sandbox_magic.net.relay import Relay as NetworkRelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.cell import Cell
    from sandbox_magic.execution.questions import Question
    from sandbox_magic.execution.verdict import Report
    from sandbox_magic.jail.lease import Lease
    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result

MOST_PAUSED_SECONDS = 600.0  # then the run goes on by itself


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
        files: What goes into its working directory and what comes out.
        timing: Its clock and deadline.
        network: What relays its connections; None without ``net``.
        provide: Called before a sandbox is looked for, and asked meanwhile whether to go on: fetches what the policy
            only names.
        meanwhile: Called once while the sandbox starts, which costs nothing then, or while the code runs.
    """

    def __init__(self, cell: Cell, policy: Policy, lease: Lease) -> None:
        self.policy: Policy = policy
        self.queue: deque[Event] = deque()
        self.result: Result | None = None
        self.timing: Timing = Timing()
        self.meanwhile: Callable[[], None] | None = None
        self.provide: Callable[[Policy, Callable[[], bool]], Policy] | None = None
        self.network: NetworkRelay | None = None
        self._cell = cell
        self._lease = lease
        self.files: FileTransfer = FileTransfer(policy, cell.files)
        self._dialogue = Dialogue()
        self._intake: Intake | None = None
        self._lock = threading.RLock()  # a button's press comes on another thread
        self._closed = False
        self._stops = False  # whether to interrupt what comes before the sandbox

    @property
    def closed(self) -> bool:
        """Whether it is over, with a result or without."""
        return self._closed

    @property
    def sandbox(self) -> Sandbox | None:
        """Its sandbox; None before the first step."""
        return None if self._intake is None else self._intake.sandbox

    @property
    def question(self) -> Question | None:
        """The question that is on screen."""
        return self._dialogue.question

    @property
    def report(self) -> Report | None:
        """PID 1's report, once it has come."""
        return None if self._intake is None else self._intake.report

    @property
    def replied(self) -> tuple[bytes, ...]:
        """What the code replied to a front end's query; empty if nothing has come."""
        return () if self._intake is None else self._intake.messages.answer

    def step(self) -> None:
        """Wait for something to happen, and handle it; the first step starts the code.

        Raises:
            SandboxUnavailable: No sandbox could be started, so nothing was run.
            PolicyError: It can't be run with this policy.
        """
        if self._intake is None:
            self._intake = self._start()
        elif self._intake.take(self._until_due(self._intake)):
            self._end(self._intake)
        else:
            self._keep_time(self._intake)

    def _start(self) -> Intake:
        if self.provide is not None:
            self.policy = self.provide(self.policy, lambda: not self._stops)
        named = () if self._cell.query else self.policy.net  # what a front end asks needs no network
        pins = pinning.pin(named) if named else ()
        sandbox = self._lease.acquire(self.policy, self.files.look(), self._do_meanwhile)
        try:
            if pins:
                clock = lambda: self.timing.elapsed()  # noqa: E731, PLW0108 - at "go" there is a new one
                self.network = NetworkRelay(pins, sandbox.network.listeners, self.policy.net_bytes, clock=clock)
                self.network.start()
            if self.policy.strict:
                isolation.demand(sandbox.describe(self.policy.limits))
            self._cell.give(sandbox, self.policy, self.files)
            intake = self._begin(sandbox)
            self._do_meanwhile()  # where nothing had to be started
        except BaseException:
            self._close_network()
            self._lease.release(sandbox)
            raise
        return intake

    def _begin(self, sandbox: Sandbox) -> Intake:
        """Start the clock of the code, which runs now, and look at what it does."""
        limits = self.policy.limits
        self.timing = Timing(limits.wall_seconds, STOP_SECONDS + sandbox.further_seconds)
        if (compiler := self._cell.compiler_limit(limits)) is not None:
            self.timing.compile(compiler)
        return Intake(
            sandbox=sandbox,
            cell=self._cell,
            limits=limits,
            queue=self.queue,
            timing=self.timing,
            sampler=Sampler(sandbox, limits, self.timing, self.queue),
            dialogue=self._dialogue,
            files=self.files,
        )

    def _close_network(self) -> None:
        if self.network is not None:
            self.network.close()

    def _do_meanwhile(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    @property
    def _suspended(self) -> bool:
        """Whether the deadline is: by a pause, or by a question, during which samples are looked at."""
        return self.timing.paused or (self.question is not None and not self.timing.cause)

    def _until_due(self, intake: Intake) -> float:
        moments = [intake.sampler.due]
        if self.question is not None:
            moments.append(time.monotonic() + STEP_SECONDS)
        kill_due = None if self._suspended else self.timing.due
        moments += [moment for moment in (intake.relay.due(), kill_due) if moment is not None]
        return max(0.0, min(moments) - time.monotonic())

    def _keep_time(self, intake: Intake) -> None:
        self.queue.extend(intake.relay.flush())
        if time.monotonic() >= intake.sampler.due:
            intake.sampler.sample(self.question)
        if self.timing.paused:
            if self.timing.pause_seconds >= MOST_PAUSED_SECONDS:
                self.resume()
        elif not self._suspended and self.timing.passed and not self.timing.wait_once_more():
            self.timing.expect("deadline")
            intake.sandbox.kill()
            with suppress(BlockingIOError):
                intake.hear()
            self._end(intake)  # also without a report: it takes the kernel long to end very many mappings

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        with self._lock:
            self._stops = True
            if self.sandbox is not None and not self._closed:
                self.resume()
                self.timing.expect("interrupt")
                self.sandbox.control.interrupt()

    def pause(self) -> None:
        """Stop the code where it is; its clock stops too. It goes on by itself after ten minutes."""
        with self._lock:
            if self._intake is not None and not self._closed and not self.timing.paused:
                self._intake.sampler.mark("paused")
                self.timing.pause()
                self._intake.sandbox.control.pause()

    def resume(self) -> None:
        """Let paused code go on."""
        with self._lock:
            if self._intake is not None and not self._closed and self.timing.paused:
                paused_seconds = self.timing.pause_seconds
                self.timing.resume()
                self._intake.sandbox.control.resume()
                self._intake.sampler.mark("resumed", paused_seconds=paused_seconds)

    def ask(self, step: Callable[[], bool]) -> bool:
        """Begin with the next question; return whether there is still somebody who wants the answer.

        Args:
            step: Called on another thread while the question is on screen, as for `questions.Watcher`.
        """
        number = self._dialogue.next()
        if self.sandbox is None or self._closed or self.timing.cause:
            return False
        self._dialogue.begin(number, step, self.sandbox, self.timing)
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
            self._dialogue.question = None
        if self.sandbox is not None and not self._closed:
            self._dialogue.reply(question, text, self.sandbox, self.timing)

    def _end(self, intake: Intake) -> None:
        """Everything in the sandbox is dead or dying: read what is left in the pipes, decide, clean up."""
        wall = self.timing.elapsed(of_compiler=True)
        if intake.report is None:
            self.timing.ended(0.0)
            intake.sandbox.wait(DYING_SECONDS)
        elif self.files.at_end:
            intake.gather_rest()
        self.queue.extend(intake.relay.finish())
        self._close_network()
        cause = self.timing.cause
        self.result = conclude.build_result(
            self.policy,
            intake.sandbox,
            intake.sandbox.meter,
            report=intake.report,
            host_cause=cause,
            wall_seconds=wall,
            paused_seconds=self.timing.paused_seconds,
            compile_seconds=self.timing.compile_seconds,
            timeline=intake.sampler.timeline(),
            streams=intake.relay.streams,
            messages=intake.messages,
            files=self.files,
            cell=self._cell,
            fed=intake.input.fed,
            stopped=lambda: self.timing.cause != cause,
            tells_its_end=not self._cell.language.commands,
            network=self.network,
        )
        with self._lock:  # no button's press from here on: the numbers of its descriptors may be others' soon
            self._closed = True
        try:
            self._lease.release(intake.sandbox)
        finally:  # also where an interrupt comes meanwhile: there is nothing left to interrupt
            self.close()
            self.queue.extend(Output(name, value) for name, value in self.result.outputs.items())
            self.queue.append(Ended(self.result))

    def leave(self) -> None:
        """End the run at once if it has not ended; what has come of it so far becomes its result."""
        try:
            if self.question is not None:
                self.question.stop()
            if self._intake is not None and self._intake.sandbox.is_ours and not self._closed:
                self._end_now(self._intake)
        finally:
            self.close()
            self.queue.clear()

    def _end_now(self, intake: Intake) -> None:
        self.resume()
        self.timing.expect("interrupt")
        if intake.sandbox.channel.descriptor >= 0:
            intake.listen()
        over = False
        with suppress(BlockingIOError):  # it may have ended by itself meanwhile
            over = intake.hear()
        if not over:
            intake.sandbox.end_cell()
            self._await_report(intake)
        self._end(intake)

    def _await_report(self, intake: Intake) -> None:
        """Hear PID 1's last words; where they don't come, kill it."""
        poll = select.poll()
        poll.register(intake.sandbox.report, select.POLLIN)
        while poll.poll(RESTORE_SECONDS * 1000):
            if intake.hear():
                return
        intake.sandbox.kill()

    def close(self) -> None:
        """End the run at once if it has not ended, without a result, and give back everything it holds."""
        if (question := self.question) is not None:
            with suppress(Exception):  # it is over
                question.stop()
        with self._lock:
            self._closed = True
            if self._intake is not None:
                self._intake.close()
                if self.result is None:  # dropped: nothing of it is left when this returns
                    self._intake.sandbox.drop()
                self._close_network()
                self._lease.release(self._intake.sandbox)
