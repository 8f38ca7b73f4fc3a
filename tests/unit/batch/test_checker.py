"""A checker's score: what its calls say together, and none at all where it did not complete."""

import math
from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from sandbox_magic.batch import checker
from sandbox_magic.batch.graded import Score
from sandbox_magic.batch.hands import Hands
from sandbox_magic.batch.task import Task
from sandbox_magic.execution import source
from sandbox_magic.guest.scoring import MOST_CALLS, Scores, Usage
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.policy import Limits, Mount, Policy
from sandbox_magic.model.result import ErrorDetails, Result


def judged(calls=None, outcome=Outcome.COMPLETED, **more):
    from sandbox_magic.model.result import Usage as Cost

    outputs = {} if calls is None else {"score": calls}
    return checker.score_of(Result(outcome=outcome, usage=Cost(wall_seconds=1.0), outputs=outputs, **more))


def test_several_calls_add_up():
    assert judged([[1.0, 1.0, "one"], [0.5, 2.0, "half"]]) == (Score(points=1.5, of=3.0, note="one; half"), "")
    assert judged([[1.0, None, ""]]) == (Score(points=1.0), "")
    assert judged([[1.0, None, "\x1b[2J" + "x" * 10000]])[0].note == "x" * 4000


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.COMPLETED])
def test_a_checker_that_did_not_complete_gives_none(outcome):
    error = ErrorDetails(name="KeyError", message="'x'")
    score, why = judged([[1.0, 1.0, ""]], outcome, error=error)
    assert score is None
    assert "did not complete" in why
    assert "KeyError: 'x'" in why


@pytest.mark.parametrize("calls", [None, 5, [5], [[1, 1.0, ""]], [[1.0, 1.0]], [[1.0, "1", ""]], [["1", None, ""]], {}])
def test_what_is_no_list_of_calls_gives_none(calls):
    assert judged(calls)[0] is None


def test_no_call_gives_none_and_says_so():
    assert judged([]) == (None, "The checker did not call score().")


def test_points_that_are_no_number_together_give_none_and_say_so():
    for calls in ([[1e308, None, ""]] * 2, [[1.0, 1e308, ""]] * 2):
        score, why = judged(calls)
        assert score is None
        assert "more together than a number can be" in why


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.setattr("builtins.score", None, raising=False)
    return Scores()


def test_score_takes_numbers_of_every_kind_and_refuses_what_is_none(scores):
    import numpy as np

    scores.score(points=True, of=1, note=5)
    scores.score(np.float64(0.5), np.int64(2))
    assert scores.with_calls({"x": 1}) == {"x": 1, "score": [[1.0, 1.0, "5"], [0.5, 2.0, ""]]}
    for wrong in (math.nan, math.inf, "many", None):
        with pytest.raises((ValueError, TypeError)):
            scores.score(wrong)
    for _ in range(MOST_CALLS - 2):
        scores.score(1)
    with pytest.raises(ValueError, match="more than"):
        scores.score(1)


def test_what_it_cost_can_be_read_in_both_ways(scores):
    namespace = {"usage": {"wall_seconds": 1.0}}
    scores.bring(namespace)
    usage: Any = namespace["usage"]
    assert usage.wall_seconds == usage["wall_seconds"] == 1.0
    with pytest.raises(AttributeError):
        assert Usage().speed


def test_the_variables_that_it_asks_for_are_found():
    text = b"outputs['a'], outputs.get('b', 1), 'c' in outputs, other['d'], outputs[e], outputs['not a name']"
    assert checker.names_wanted(source.Source(text=text)) == ("a", "b", "c")


def test_it_has_the_submissions_limits_but_for_time_and_sees_none_of_their_files():
    policy = Policy(limits=Limits(wall_seconds=1.0, memory_bytes=2**28), binds=(Mount(source="/etc/hosts", name="h"),))
    made = checker.make("score(1)", policy, None, warm=True)
    assert (made.policy.limits.wall_seconds, made.policy.limits.memory_bytes, made.policy.binds) == (30.0, 2**28, ())
    assert not made.warm  # it could not use the same spares
    assert checker.make("score(1)", replace(policy, binds=()), None, warm=True).warm
    assert checker.make("score(1)", policy, {"timeout": 2}, warm=True).policy.limits.wall_seconds == 2.0
    with pytest.raises(PolicyError, match="no Python"):
        checker.make("score(", policy, None, warm=True)
    with pytest.raises(PolicyError, match="no option"):
        checker.make("score(1)", policy, {"timout": 2}, warm=True)


def task(text=b"x", **more):
    return Task(name="a", source=source.Source(text=text), **more)


def test_a_task_has_a_key_of_all_that_decides_what_comes_of_it():
    made = checker.make("score(1)", Policy(), None, warm=True)
    other = checker.make("score(2)", Policy(), None, warm=True)
    tasks = [
        task(),
        task(b"y"),
        task(case=1),
        task(policy=Policy(python="system")),
        task(options={"inputs": {"x": 1}}),
        task(options={"inputs": {"x": True}}),
        task(options={"inputs": {"x": [1]}}),
        task(files={"a": b"1"}),
        task(checker=made),
        task(checker=other),
    ]
    keys = [each.hashed(1) for each in tasks]
    assert len({*keys, task().hashed(2)}) == len(tasks) + 1
    assert keys[0] == task().hashed(1)
    one, two = ({"inputs": {"x": set(each)}} for each in ("abc", "cab"))
    assert task(options=one).hashed(1) == task(options=two).hashed(1)


def test_a_checker_finds_the_submission_as_text_whatever_its_bytes_are():
    found = task(b"name = 'caf\xe9'", options={"inputs": {"x": 1}})._as_found()
    assert found == {"name": "a", "source": "name = 'caf\ufffd'", "inputs": {"x": 1}, "stdin": ""}


class Lost(Exception):  # noqa: N818 - as an executor's own
    pass


class Unlucky:
    """An executor whose first workers are lost."""

    def __init__(self, times):
        self.left = deque(range(times))

    def submit(self, work, *given):
        from concurrent.futures import Future

        future = Future()
        if self.left:
            self.left.popleft()
            future.set_exception(Lost("a worker"))
        else:
            future.set_result(b'{"name":"a","case":null,"score":null,"why":"","result":null}')
        return future


@pytest.mark.parametrize(("times", "why"), [(0, ""), (2, ""), (3, "No worker finished it: Lost: a worker")])
def test_a_task_whose_worker_is_lost_is_given_again_but_not_for_ever(times, why):
    hands = Hands(Unlucky(times), 1)
    hands.give(task())
    taken = []
    while len(hands):
        taken += hands.take()
    assert [row.why for _, row in taken] == [why]
