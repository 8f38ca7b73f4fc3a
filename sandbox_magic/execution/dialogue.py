"""The questions of a run: those that wait, the one on screen, and the answers that go back to the code."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sandbox_magic.execution.questions import Question, QuestionBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.execution.timing import Timing
    from sandbox_magic.jail.sandbox import Sandbox

_MOST_WAITING = 8  # questions of a run at a time
_ANSWER_BYTES = 64 * 1024  # of a line that somebody typed


class Dialogue:
    """The questions of a run, in the order in which the code asked them.

    Attributes:
        question: The question that is on screen.
    """

    def __init__(self) -> None:
        self.question: Question | None = None
        self._numbers: deque[int] = deque()  # of the questions in the queue of events
        self._budget = QuestionBudget()

    @property
    def full(self) -> bool:
        """Whether no more are taken: input() waits for its answer; code that asks so often at once does not."""
        return len(self._numbers) >= _MOST_WAITING

    def add(self, number: int) -> None:
        """Take the number of a question that waits."""
        self._numbers.append(number)

    def next(self) -> int:
        """Return the number of the question that has waited longest; it does not wait any more."""
        return self._numbers.popleft()

    def begin(self, number: int, step: Callable[[], bool], sandbox: Sandbox, timing: Timing) -> None:
        """Have a question on screen.

        Args:
            number: Its number.
            step: Called on another thread while it is on screen, as for `questions.Watcher`.
            sandbox: Where the code is.
            timing: The run's clock, whose deadline moves along.
        """
        sandbox.control.credit(self._budget.left)
        self.question = Question(number, step, self._budget, sandbox.meter.sample(timing.elapsed()))

    def reply(self, question: Question, text: str | None, sandbox: Sandbox, timing: Timing) -> None:
        """Send the code the answer to a question that has left the screen; None is the end of input."""
        if not timing.paused:  # a pause does not count anyway
            timing.exclude(question.exclude(sandbox.meter.sample(timing.elapsed())))
        sandbox.control.credit(question.excluded - question.advance)
        line = [] if text is None else [text.encode("utf-8", "replace")[:_ANSWER_BYTES]]
        if not timing.cause:  # else the code is being ended, and that is what it should see
            sandbox.channel.reply(b"%d" % question.number, *line)
