"""One run as its caller sees it: an iterator of events that can be interrupted, paused, answered and closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.execution.loop import Loop
from sandbox_magic.execution.questions import Question
from sandbox_magic.model.output import InputRequest

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sandbox_magic.jail.sandbox import Sandbox
    from sandbox_magic.model.events import Event
    from sandbox_magic.model.result import Result

_ANSWER_BYTES = 64 * 1024  # of a line that somebody typed


class Run(Loop):
    """One execution of one cell in one sandbox: an iterator of events, ended by `Ended`.

    Leaving it, by ``close``, by the end of a ``with`` block or by dropping the last reference,
    ends the code. Everything happens on the thread that asks for events.

    Attributes:
        policy: What the code may see, use and do.
        meanwhile: Called once while the sandbox starts, which costs nothing then.
        last_value: Whether the value of its last expression is shown, as in a notebook.
        variable: Tells whether the caller has a variable of a name, for a hint.
        when_over: Called on another thread when the run ends while a question is on screen.

    Args:
        cell: The cell, and what goes with it.
        policy: As above.
    """

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
        if self._question is not None:
            self.answer(None)
        while True:
            event = self._next()
            if not isinstance(event, InputRequest) or self._ask():
                return event

    def _next(self) -> Event:
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
    def asking(self) -> bool:
        """Whether a question of the code's is on screen: an `InputRequest` was given and not answered."""
        return self._question is not None and not self._question.answered

    def answer(self, text: str | None) -> None:
        """Answer the question that is on screen; None is the end of input, an EOFError in the code."""
        question = self._question
        if question is None:
            return
        question.answered = True
        try:
            question.stop()
        except BaseException:
            self.close()
            raise
        finally:
            self._question = None
        if self._sandbox is not None and not self._closed:
            self._settle(question, self._sandbox)
            line = [] if text is None else [text.encode("utf-8", "replace")[:_ANSWER_BYTES]]
            if not self._deadline.cause:  # else the code is being ended, and that is what it should see
                self._sandbox.reply(b"%d" % question.number, *line)

    def _ask(self) -> bool:
        """Begin with the next question; give whether there is still somebody who wants the answer."""
        number = self._numbers.popleft()
        if self._sandbox is None or self._closed or self._deadline.cause:
            return False
        self._sandbox.credit(self._allowance.left)
        self._question = Question(number, self._step_behind_question, self._allowance, self._meter.sample())
        return True

    def _settle(self, question: Question, sandbox: Sandbox) -> None:
        """Count no more of the question's time than was given."""
        if not self.paused:  # a pause does not count anyway, and must not be given twice
            self._give_time(question, self._meter.sample())
        sandbox.credit(question.given - question.ahead)
        self._clock.forgive(question.given)
        self._meter.begin(self._clock.began)

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
        return self._deadline.cause == "interrupt"

    def interrupt(self) -> None:
        """Interrupt the code, as Ctrl-C would; it is killed if it does not end within 0.3 s."""
        with self._lock:
            if self._sandbox is not None and not self._closed:
                self.resume()
                self._deadline.expect("interrupt")
                self._sandbox.interrupt()

    def pause(self) -> None:
        """Stop the code where it is; its clock stops too. It goes on by itself after ten minutes."""
        with self._lock:
            if self._sandbox is not None and not self._closed and not self.paused:
                self._mark("paused")
                self._clock.pause()
                self._sandbox.pause()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
