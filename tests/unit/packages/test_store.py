"""What was unpacked is found again, for a day, and swept; but never what somebody holds."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.packages import store as _store
from sandbox_magic.packages.store import Store
from tests.unit.packages.test_wheels import wheel

HOLD = """
import sys
import time
from sandbox_magic.packages.store import Store
print(Store(sys.argv[1]).find(sys.argv[2]), flush=True)
sys.stdin.read()
"""


def files(number):
    return {f"demo-{number}-py3-none-any.whl": wheel((f"demo{number}.py", b"x" * 1000))}


@pytest.fixture
def root(tmp_path):
    return str(tmp_path / "cache/packages")


def test_it_is_found_again_by_what_was_asked(root):
    one = Store(root)
    assert one.find("demo") is None
    place = one.add("demo", "3.11", files(1))
    assert os.listdir(place) == ["demo1.py"]
    assert one.find("demo") == Store(root).find("demo") == place
    assert one.find("other") is None
    assert one.add("demo==1", "3.11", files(1)) == place, "the same wheels are kept once"
    assert one.add("demo", "3.12", files(1)) != place
    assert os.stat(os.path.dirname(place)).st_mode & 0o077 == 0


def test_after_a_day_the_index_is_asked_but_not_by_who_holds_it(root, monkeypatch):
    one = Store(root)
    place = one.add("demo", "3.11", files(1))
    monkeypatch.setattr(_store, "FRESH_SECONDS", 0.0)
    assert Store(root).find("demo") is None
    assert one.find("demo") == place


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lock": "../../etc", "asked": 1e10}', '{"lock": 5, "asked": "x"}'])
def test_an_answer_that_is_damaged_is_none(root, text):
    Store(root).add("demo", "3.11", files(1))
    [name] = os.listdir(f"{root}/answers")
    with open(f"{root}/answers/{name}", "w", encoding="utf-8") as file:
        file.write(text)
    assert Store(root).find("demo") is None


def test_an_answer_from_the_future_is_none(root):
    Store(root).add("demo", "3.11", files(1))
    [name] = os.listdir(f"{root}/answers")
    with open(f"{root}/answers/{name}", encoding="utf-8") as file:
        answer = json.load(file)
    with open(f"{root}/answers/{name}", "w", encoding="utf-8") as file:
        json.dump({**answer, "asked": 1e12}, file)
    assert Store(root).find("demo") is None


def test_what_was_removed_by_hand_is_none(root):
    one = Store(root)
    place = one.add("demo", "3.11", files(1))
    os.unlink(f"{place}/demo1.py")
    os.rmdir(place)
    assert one.find("demo") is None
    assert one.add("demo", "3.11", files(1)) == place


def test_nothing_is_left_of_what_was_refused(root):
    with pytest.raises(PolicyError):
        Store(root).add("demo", "3.11", {"demo-1-py3-none-any.whl": b"no zip"})
    bad = {"a-1-py3-none-any.whl": wheel(("a", b"x")), "b-1-py3-none-any.whl": wheel(("a/b", b"x"))}
    with pytest.raises(PolicyError):
        Store(root).add("demo", "3.11", bad)
    assert os.listdir(f"{root}/answers") == []
    assert [name for name in os.listdir(f"{root}/kept") if not name.endswith(".lock")] == []


@pytest.mark.parametrize(("bound", "value"), [("MOST_KEPT", 2), ("MOST_KEPT_BYTES", 2500)])
def test_the_longest_unused_is_swept_but_not_what_a_process_holds(root, monkeypatch, bound, value):
    monkeypatch.setattr(_store, bound, value)

    def added(number):
        one = Store(root)
        place = one.add(str(number), "3.11", files(number))
        one.close()
        os.utime(place, (number, number))
        return place

    held = added(1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", HOLD, root, "1"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as other:
        assert other.stdout.readline().strip() == held
        os.utime(held, (1, 1))
        places = [held, *map(added, range(2, 6))]
        assert [os.path.isdir(place) for place in places] == [True, False, False, True, True]
        other.communicate("")
    places.append(added(6))
    assert [os.path.isdir(place) for place in places] == [False] * 4 + [True] * 2


def test_what_a_killed_process_has_left_unfinished_is_swept_after_a_day(root):
    Store(root).add("1", "3.11", files(1))
    left, fresh = f"{root}/kept/.new-x", f"{root}/kept/.new-y"
    for path in (left, fresh):
        os.makedirs(f"{path}/demo")
    day_before = time.time() - _store.FRESH_SECONDS - 60
    os.utime(left, (day_before, day_before))
    Store(root).add("2", "3.11", files(2))
    assert (os.path.exists(left), os.path.exists(fresh)) == (False, True), "one may be at work on what is fresh"


def test_an_interrupt_while_it_sweeps_leaves_nothing_that_is_half_there(root, monkeypatch):
    monkeypatch.setattr(_store, "MOST_KEPT", 1)
    one = Store(root)
    old = one.add("old", "3.11", files(1))
    one.close()
    os.utime(old, (1, 1))

    def interrupted(path, **_how):
        if os.path.exists(path):
            os.unlink(f"{path}/demo1.py")
            raise KeyboardInterrupt

    with monkeypatch.context() as while_it_removes:
        while_it_removes.setattr(shutil, "rmtree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store(root).add("new", "3.11", files(2))
    assert Store(root).find("old") is None


def test_two_processes_may_sweep_at_once(root, monkeypatch):
    """What one lists the other removes meanwhile."""
    monkeypatch.setattr(_store, "MOST_KEPT", 1)
    one = Store(root)
    old = one.add("old", "3.11", files(1))
    one.close()
    scandir = os.scandir

    def beside(place):
        entries = list(scandir(place))
        os.rename(old, f"{root}/elsewhere")
        return entries

    monkeypatch.setattr(os, "scandir", beside)
    assert os.listdir(Store(root).add("new", "3.11", files(2))) == ["demo2.py"]
