"""One run as its caller sees it: an iterator of events that can be interrupted, paused, answered and closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.model.closing import Closing
from sandbox_magic.model.output import InputRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from sandbox_magic.execution.loop import Loop
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import Result


class Run(Closing):
    """One execution of one cell in one sandbox: an iterator of events, ended by `Ended`.

    Leaving it, by ``close``, by the end of a ``with`` block or by dropping the last reference,
    ends the code; ``result`` then has what came of it so far. Everything happens on the thread that asks for events.

    Attributes:
        when_over: Called on another thread when the run ends while a question is on screen.

    Args:
        loop: What makes the events.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.when_over: Callable[[], None] = lambda: None

    @property
    def policy(self) -> Policy:
        """What the code may see, use and do."""
        return self._loop.policy

    @property
    def result(self) -> Result:
        """The result, once the run has ended or was left; of one that was left before its end, what there was by then.

        Raises:
            RuntimeError: It has not, or was left before it had started.
        """
        if self._loop.result is None:
            msg = "the run was left before it had started" if self._loop.closed else "the run has not ended"
            raise RuntimeError(msg)
        return self._loop.result

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Return the next event; blocks until there is one.

        Raises:
            SandboxUnavailable: At the first event, if no sandbox could be started.
            KeyboardInterrupt: At the second interrupt of the same run.
        """
        if self._loop.question is not None:
            self.answer(None)
        while True:
            event = self._next()
            if not isinstance(event, InputRequest) or self._loop.ask(self._step_behind_question):
                return event

    def _next(self) -> Event:
        loop = self._loop
        while not loop.queue:
            if loop.closed:
                raise StopIteration
            try:
                loop.step()
            except KeyboardInterrupt:
                if loop.sandbox is None or self.interrupted:
                    loop.close()
                    raise
                self.interrupt()
            except BaseException:
                loop.close()
                raise
        return loop.queue.popleft()

    def _step_behind_question(self) -> bool:
        """Do a step on another thread; return whether there will be more."""
        if not self._loop.closed:
            self._loop.step()
        if self._loop.closed:
            self.when_over()
        return not self._loop.closed

    def while_starting(self, call: Callable[[], None]) -> None:
        """Have something called while the sandbox starts, where it costs no time; before the first event only."""
        self._loop.meanwhile = call

    @property
    def asking(self) -> bool:
        """Whether the code asks a question: an `InputRequest` was yielded and has not been answered."""
        question = self._loop.question
        return question is not None and not question.answered

    def answer(self, text: str | None) -> None:
        """Answer the question that is on screen; None is the end of input, an EOFError in the code."""
        self._loop.answer(text)

    @property
    def started(self) -> bool:
        """Whether its sandbox is up."""
        return self._loop.sandbox is not None

    @property
    def over(self) -> bool:
        """Whether it has ended, or was left."""
        return self._loop.closed

    @property
    def interrupted(self) -> bool:
        """Whether the run has been interrupted."""
        return self._loop.timing.cause == "interrupt"

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._loop.timing.paused

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        self._loop.interrupt()

    def stop(self) -> None:
        """Do what the dashboard's Stop does: the same as `interrupt`."""
        self.interrupt()

    def pause(self) -> None:
        """Stop the code where it is; its clock stops too. It goes on by itself after ten minutes."""
        self._loop.pause()

    def resume(self) -> None:
        """Let paused code go on."""
        self._loop.resume()

    def close(self) -> None:
        """End the run at once if it has not ended, and release everything that it holds.

        The result of a run that had started has what came of it so far; its outcome is `Outcome.INTERRUPTED`.
        """
        self._loop.leave()

    def __del__(self) -> None:
        self._loop.close()
