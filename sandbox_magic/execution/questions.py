"""A question that the code asks, while it is on screen: a thread steps the run, and CPU time alone counts.

The caller of the run is busy with the person, so a thread steps the run's loop: limits hold, samples are
taken, and what happens waits in the queue. It shows nothing itself.

Between two samples as much time counts as the code used CPU, and at most the time that passed. So a
question costs the code nothing while the code waits, and a thread that computes meanwhile gains nothing: its
CPU time counts. The time that does not count is bounded for a run as a whole.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.model.timeline import Sample

MOST_SECONDS = 600.0  # of all questions of a run
STEP_SECONDS = 0.05  # the longest step, so that an answer is not held up
_AGAIN_SECONDS = 0.5  # a signal that came just before a read began does not end it
_AT_ONCE_SECONDS = 0.02  # a caller that never answers needs no watching


class QuestionBudget:
    """How much of a run's time does not count, because a question was on screen.

    Attributes:
        left: Seconds that may still be excluded.
    """

    def __init__(self) -> None:
        self.left: float = MOST_SECONDS
        self._seconds = self._cpu = 0.0

    def begin(self, sample: Sample) -> None:
        """Start at this sample."""
        self._seconds, self._cpu = sample.seconds, sample.cpu_seconds or 0.0

    def advance(self, sample: Sample) -> float:
        """Return how much of the time since the sample before is to be excluded."""
        passed = sample.seconds - self._seconds
        used = passed if sample.cpu_seconds is None else max(0.0, sample.cpu_seconds - self._cpu)  # unknown is not 0
        excluded = min(self.left, max(0.0, passed - used))
        self._seconds = sample.seconds - excluded
        self._cpu += used
        self.left -= excluded
        return excluded


class Watcher:
    """Steps a run on a thread, until it is told to stop or the run is over.

    It does not keep the run alive: a run that is dropped during its question ends.

    Args:
        step: One short step, a method of the run; returns whether the run goes on. If it does not, it is called again
            now and then, to wake whoever waits for the answer.
    """

    def __init__(self, step: Callable[[], bool]) -> None:
        self._step = weakref.WeakMethod(step)
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._watch, name="sandbox-magic-question", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        try:
            self._stopping.wait(_AT_ONCE_SECONDS)
            while not self._stopping.is_set():
                step = self._step()
                if step is None:
                    return
                if not step():
                    self._stopping.wait(_AGAIN_SECONDS)
                del step
        except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
            self._error = error

    def stop(self) -> None:
        """End the thread; nothing steps the run any more.

        Raises:
            BaseException: What went wrong on it.
        """
        self._stopping.set()
        if threading.current_thread() is self._thread:  # the run's own end
            return
        self._thread.join()
        if self._error is not None:
            raise self._error


class Question:
    """A question that the code asks, from the moment it is on screen to its answer.

    Attributes:
        number: The number that the answer must repeat.
        answered: Whether it has been answered.
        excluded: Seconds on screen that do not count.
        advance: Seconds by which PID 1's deadline was moved in advance; those that are not excluded are taken back.

    Args:
        number: As above.
        step: See `Watcher`.
        budget: The run's.
        sample: What the run has used so far.
    """

    def __init__(self, number: int, step: Callable[[], bool], budget: QuestionBudget, sample: Sample) -> None:
        self.number = number
        self.answered = False
        self.excluded: float = 0.0
        self.advance: float = budget.left
        self._budget = budget
        budget.begin(sample)
        self._began = sample.seconds
        self._watcher = Watcher(step)

    def exclude(self, sample: Sample) -> float:
        """Return how much of the time since the sample before is to be excluded."""
        if sample.seconds + self.excluded - self._began < _AT_ONCE_SECONDS:  # no person's answer: nothing is gained
            return 0.0
        excluded = self._budget.advance(sample)
        self.excluded += excluded
        return excluded

    def stop(self) -> None:
        """Stop stepping the run.

        Raises:
            BaseException: What went wrong on the thread meanwhile.
        """
        self._watcher.stop()
