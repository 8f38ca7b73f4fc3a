"""What waits until the host has read: only while there is something to read, and never for long."""

import os

import pytest

from sandbox_magic.guest import order
from sandbox_magic.guest.order import Patience


class Now:
    """A clock that only a sleep moves."""

    def __init__(self):
        self.seconds = 1000.0

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


@pytest.fixture
def now(monkeypatch):
    now = Now()
    monkeypatch.setattr(order, "time", now)
    return now


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for each in ends:
        os.close(each)


def test_what_has_been_read_is_not_waited_for(now, pipe):
    began = now.seconds
    Patience().wait(lambda: pipe[1])
    os.write(pipe[1], b"x")
    os.read(pipe[0], 1)
    Patience().wait(lambda: pipe[1])
    assert now.seconds == began


def test_where_nobody_reads_it_waits_a_bounded_time_and_then_a_share_of_it(now, pipe):
    os.write(pipe[1], b"x")
    patience, began = Patience(), now.seconds
    for _ in range(1000):
        patience.wait(lambda: pipe[1])
    assert 0.3 <= now.seconds - began < 0.35
    now.seconds += 100
    began = now.seconds
    patience.wait(lambda: pipe[1])
    assert now.seconds - began == pytest.approx(0.1, rel=0.1)


def test_what_is_no_pipe_is_not_waited_for(now):
    began = now.seconds
    Patience().wait(lambda: -1)
    with open(os.devnull, "w", encoding="utf-8") as null:
        Patience().wait(null.fileno)
        closed = null.fileno
    Patience().wait(closed)
    assert now.seconds == began
