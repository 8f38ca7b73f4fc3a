"""The cells that a front end asks for again."""

import pytest

from sandbox_magic.kernel.history import History, written


@pytest.fixture
def history():
    history = History()
    for number, (source, value) in enumerate([("x = 1", None), ("x", "1"), ("y = 2", None), ("x", "1")], start=1):
        history.add(number, source, value)
    return history


def numbers(cells):
    return [number for number, _, _ in cells]


def test_the_tail_is_the_latest_cells_in_order(history):
    assert numbers(history.tail(2)) == [3, 4]
    assert numbers(history.tail(None)) == numbers(history.tail(99)) == [1, 2, 3, 4]
    assert history.tail(0) == []


def test_a_range_goes_up_to_its_stop_and_knows_this_session_only(history):
    assert numbers(history.between(0, 2, 4)) == numbers(history.between(1, 2, 4)) == [2, 3]
    assert numbers(history.between(1, 3, None)) == [3, 4]
    assert history.between(-1, 1, 4) == []


def test_a_search_takes_patterns_and_can_leave_out_what_is_there_twice(history):
    assert numbers(history.search("x*", None, unique=False)) == [1, 2, 4]
    assert numbers(history.search("x*", 2, unique=False)) == [2, 4]
    assert [source for _, source, _ in history.search("x", None, unique=True)] == ["x"]


def test_with_outputs_each_code_stands_in_a_pair(history):
    assert written(history.tail(1), output=False) == [(1, 4, "x")]
    assert written(history.tail(1), output=True) == [(1, 4, ("x", "1"))]


def test_it_is_bounded_in_cells_and_characters():
    history = History()
    for number in range(1500):
        history.add(number, "a" * 200_000, "b" * 200_000)
    assert numbers(history.tail(None)) == list(range(500, 1500))
    ((_, source, value),) = history.tail(1)
    assert len(source) == len(value) == 100_000
