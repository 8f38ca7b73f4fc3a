"""The pool's decisions, over sandboxes that are none."""

import itertools

import pytest

from sandbox_magic.jail import pool
from sandbox_magic.model.policy import Policy

SECONDS = 60


class Parked:
    """A sandbox that is parked at once, and remembers whether it was ended."""

    watcher = None

    def __init__(self):
        self.ended = False

    def wait(self, _seconds):
        return self.ended

    def close_behind(self):
        self.ended = True


@pytest.fixture
def parked(monkeypatch):
    """The sandboxes that were parked, in a list that grows."""
    made = []

    class Kind:
        @staticmethod
        def park(*_given, **_how):
            made.append(Parked())
            return made[-1]

    monkeypatch.setattr(pool, "kind", lambda _policy: Kind)
    monkeypatch.setattr(pool, "_is_memory_short", lambda: False)
    return made


@pytest.fixture
def spares():
    spares = pool.Pool()
    yield spares
    spares.close()


def test_one_is_parked_for_what_is_wanted(monkeypatch, parked, spares):
    monkeypatch.setattr(pool, "fingerprint", lambda *_: "same")
    spares.want("same", Policy(), None)
    assert spares.filled(SECONDS)
    assert spares.take("same") is parked[0]


def test_what_changes_while_one_is_parked_does_not_keep_the_pool_busy(monkeypatch, parked, spares):
    """A package is being installed, or sys.path was another for a moment: it parked without end, and took no orders."""
    changing = itertools.count()
    monkeypatch.setattr(pool, "fingerprint", lambda *_: next(changing))
    spares.want("changing", Policy(), None)
    assert spares.filled(SECONDS)
    assert [each.ended for each in parked] == [True]
    monkeypatch.setattr(pool, "fingerprint", lambda *_: "same")
    assert not spares.start(Policy(), None).ended


def test_who_runs_several_at_once_has_a_spare_for_each_and_gives_them_back(monkeypatch, parked, spares):
    monkeypatch.setattr(pool, "fingerprint", lambda *_: "same")

    def waiting():
        spares.want("same", Policy(), None)
        assert spares.filled(SECONDS)
        return sum(not each.ended for each in parked)

    assert waiting() == 1
    with spares.room_for(3):
        assert waiting() == 3
        with spares.room_for(2):
            assert waiting() == 3, "what two need together is not there for both"
        taken = [spares.take("same") for _ in range(3)]
        assert None not in taken
        assert len({*map(id, taken)}) == 3
        assert waiting() == 6
    assert waiting() == 4, "the three that were taken, and one"
    spares.size = 0
    with spares.room_for(3):
        spares.drop()
        assert waiting() == 3, "who wants none has none"
