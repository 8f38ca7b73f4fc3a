"""When the host kills, and how long a result waits for its sandbox's end: on a clock of the test's own."""

import pytest

from sandbox_magic.execution import deadline
from sandbox_magic.execution.deadline import DYING_SECONDS, STOP_SECONDS, Deadline

PROMISED_SECONDS = 0.5  # a result is at most so late


class Now:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.seconds = 1000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def now(monkeypatch):
    now = Now()
    monkeypatch.setattr(deadline, "time", now)
    return now


def begun(wall_seconds):
    due = Deadline()
    due.begin(deadline.time.monotonic(), wall_seconds)
    return due


@pytest.mark.parametrize("wall_seconds", [None, 0.1, 3600.0])
@pytest.mark.parametrize("ago", [0.0, 0.1, 0.3, 0.4, 5.0])
def test_a_result_waits_no_longer_than_is_promised_from_the_end_of_the_code(now, wall_seconds, ago):
    """Also where no limit is near, or there is none."""
    due = begun(wall_seconds)
    due.ended(ago)
    assert due.teardown_seconds() <= max(DYING_SECONDS, PROMISED_SECONDS - ago)


def test_what_is_done_meanwhile_counts(now):
    due = begun(None)
    due.ended(0.0)
    assert due.teardown_seconds() == pytest.approx(STOP_SECONDS + DYING_SECONDS)
    now.seconds += 0.2
    assert due.teardown_seconds() == pytest.approx(STOP_SECONDS + DYING_SECONDS - 0.2)
    now.seconds += 10
    assert due.teardown_seconds() == DYING_SECONDS


def test_a_limit_that_is_nearer_counts(now):
    due = begun(0.1)
    now.seconds += 0.3
    due.ended(0.0)
    assert due.teardown_seconds() == pytest.approx(0.2 + DYING_SECONDS)


def test_a_code_that_is_said_to_end_later_than_now_ends_now(now):
    """Its clock and ours are not quite the same."""
    due = begun(None)
    due.ended(-0.3)
    assert due.teardown_seconds() == pytest.approx(STOP_SECONDS + DYING_SECONDS)


def test_the_first_cause_counts_and_the_kill_comes_by_the_limit_at_the_latest(now):
    due = begun(1.0)
    due.expect("memory")
    assert due.due == pytest.approx(now.seconds + STOP_SECONDS)
    now.seconds += 0.2
    due.expect("output")
    assert (due.cause, due.passed) == ("memory", False)
    now.seconds += 0.2
    assert due.passed
