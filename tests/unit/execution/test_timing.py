"""What counts of a run's time, when the host kills, how long a result waits: on a clock of the test's own."""

import pytest

from sandbox_magic.execution import timing
from sandbox_magic.execution.timing import DYING_SECONDS, LAST_SECONDS, STOP_SECONDS, Timing

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
    monkeypatch.setattr(timing, "time", now)
    return now


def left(timing, now):
    """How long the host waits for the end before it kills."""
    return max(0.0, timing.due - now.monotonic())


@pytest.mark.parametrize("wall_seconds", [None, 0.1, 3600.0])
@pytest.mark.parametrize("ago", [0.0, 0.1, 0.3, 0.4, 5.0])
def test_a_result_waits_no_longer_than_is_promised_from_the_end_of_the_code(now, wall_seconds, ago):
    """Also where no limit is near, or there is none."""
    due = Timing(wall_seconds)
    due.ended(ago)
    assert left(due, now) <= max(0.0, PROMISED_SECONDS - LAST_SECONDS - DYING_SECONDS - ago)


def test_what_is_done_meanwhile_counts(now):
    due = Timing(None)
    due.ended(0.0)
    assert left(due, now) == pytest.approx(STOP_SECONDS)
    now.seconds += 0.2
    assert left(due, now) == pytest.approx(STOP_SECONDS - 0.2)
    now.seconds += 10
    assert left(due, now) == 0.0


def test_a_limit_that_is_nearer_counts(now):
    due = Timing(0.1)
    now.seconds += 0.3
    due.ended(0.0)
    assert left(due, now) == pytest.approx(STOP_SECONDS - 0.2)


def test_a_code_that_is_said_to_end_later_than_now_ends_now(now):
    """Its clock and ours are not quite the same."""
    due = Timing(None)
    due.ended(-0.3)
    assert left(due, now) == pytest.approx(STOP_SECONDS)


def test_the_first_cause_counts_and_the_kill_comes_by_the_limit_at_the_latest(now):
    due = Timing(1.0)
    due.expect("memory")
    assert due.due == pytest.approx(now.seconds + STOP_SECONDS)
    now.seconds += 0.2
    due.expect("output")
    assert (due.cause, due.passed) == ("memory", False)
    now.seconds += 0.2
    assert due.passed


def test_a_pause_and_what_is_excluded_move_the_end_and_do_not_count(now):
    run = Timing(10.0)
    due = run.due
    now.seconds += 1
    run.pause()
    now.seconds += 5
    assert (run.elapsed(), run.paused, run.pause_seconds) == (1.0, True, 5.0)
    run.resume()
    assert (run.elapsed(), run.paused_seconds, run.due) == (1.0, 5.0, due + 5)
    now.seconds += 2
    run.exclude(1.5)
    assert (run.elapsed(), run.excluded_seconds, run.due) == (1.5, 1.5, due + 6.5)


def test_what_is_excluded_does_not_hold_up_an_end_that_is_being_made(now):
    run = Timing(10.0)
    run.expect("interrupt")
    due = run.due
    run.exclude(3.0)
    assert run.due == due


def test_whoever_looks_late_waits_once_more(now):
    """The machine stood still, and PID 1 with it: it has had no time to report."""
    timing = Timing(1.0)
    now.seconds += 60
    assert timing.passed
    assert timing.wait_once_more()
    assert (timing.limit_passed, timing.passed) == (True, False)
    now.seconds += LAST_SECONDS
    assert timing.passed
    assert not timing.wait_once_more()
    assert timing.passed


def test_a_compiler_has_a_limit_of_its_own_before_the_clock_begins(now):
    timing = Timing(2.0)
    timing.compile(60.0)
    now.seconds += 59
    assert (timing.elapsed(), timing.elapsed(of_compiler=True), timing.limit_passed) == (0.0, 59.0, False)
    now.seconds += 1
    assert (timing.limit_passed, timing.passed) == (True, False)
    timing.begin()
    now.seconds += 1.5
    assert (timing.elapsed(), timing.limit_passed) == (1.5, False)
    now.seconds += 0.5
    assert timing.limit_passed


def test_code_without_a_limit_has_none_when_it_is_compiled(now):
    timing = Timing(None)
    timing.compile(float("inf"))
    now.seconds += 10**6
    assert not timing.limit_passed
    timing.begin()
    assert timing.due is None


def test_a_run_that_is_being_ended_while_it_is_compiled_keeps_its_end(now):
    timing = Timing(None)
    timing.compile(60.0)
    timing.expect("interrupt")
    timing.begin()
    assert timing.due == pytest.approx(now.seconds + STOP_SECONDS)
