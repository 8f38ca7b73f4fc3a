"""What a question costs the code: the time for which it computes, and no more."""

import threading

import pytest

from sandbox_magic import Sample
from sandbox_magic.execution import questions
from sandbox_magic.execution.questions import Question, QuestionBudget, Watcher


def given(budget, steps):
    """Take at samples after steps of (real seconds, CPU seconds); return what was given."""
    seconds, cpu = 100.0, 5.0
    budget.begin(Sample(seconds=seconds, cpu_seconds=cpu))
    found = []
    for passed, used in steps:
        seconds += passed
        cpu += used
        found.append(budget.advance(Sample(seconds=seconds, cpu_seconds=cpu)))
        seconds -= found[-1]  # as the run's own time, of which it is excluded
    return found


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(1, 0), (2, 0)], [1, 2]),  # it waits: nothing counts
        ([(1, 1), (2, 2)], [0, 0]),  # it computes: all counts
        ([(1, 0.25)], [0.75]),  # in part
        ([(1, 2)], [0]),  # two threads: no more than the time that passed
        ([(5, 0), (1, 2)], [5, 0]),  # what was given is not taken back
        ([(1, 2), (1, 0)], [0, 1]),
    ],
)
def test_as_much_time_counts_as_cpu_was_used(steps, expected):
    assert given(QuestionBudget(), steps) == pytest.approx(expected)


def test_no_more_is_given_to_a_run_than_ten_minutes():
    budget = QuestionBudget()
    assert given(budget, [(400, 0)]) == [400]
    assert given(budget, [(400, 0), (400, 0)]) == [200, 0]


def test_nothing_is_given_where_the_cpu_is_unknown():
    budget = QuestionBudget()
    budget.begin(Sample(seconds=1))
    assert budget.advance(Sample(seconds=11)) == 0


class Stepped:
    def __init__(self):
        self.steps, self.reached, self.error = 0, threading.Event(), None

    def step(self):
        self.steps += 1
        if self.error:
            raise self.error
        if self.steps == 5:
            self.reached.set()
        return True


def test_a_watcher_steps_until_it_is_stopped():
    run = Stepped()
    watcher = Watcher(run.step)
    assert run.reached.wait(60)
    watcher.stop()
    steps = run.steps
    assert not watcher._thread.is_alive()
    assert run.steps == steps


def test_a_question_that_nobody_looks_at_takes_no_step(monkeypatch):
    monkeypatch.setattr(questions, "_AT_ONCE_SECONDS", 10)
    run = Stepped()
    Watcher(run.step).stop()
    assert run.steps == 0


def test_an_error_behind_the_question_is_raised_by_stop():
    run = Stepped()
    run.error = OSError("gone")
    watcher = Watcher(run.step)
    watcher._thread.join()
    with pytest.raises(OSError, match="gone"):
        watcher.stop()


def test_a_watcher_does_not_keep_its_run():
    run = Stepped()
    watcher = Watcher(run.step)
    assert run.reached.wait(60)
    del run
    watcher._thread.join(60)
    assert not watcher._thread.is_alive()


@pytest.mark.parametrize(("on_screen", "expected"), [(0.01, 0.0), (0.5, 0.5)])
def test_a_question_that_is_answered_at_once_gives_no_time(on_screen, expected):
    """A loop of questions that nobody answers ran a fifth longer than its limit."""
    run = Stepped()
    asked = Question(1, run.step, QuestionBudget(), Sample(seconds=1.0, cpu_seconds=0.0))
    asked.stop()
    assert asked.exclude(Sample(seconds=1.0 + on_screen, cpu_seconds=0.0)) == pytest.approx(expected)
    assert asked.excluded == pytest.approx(expected)
