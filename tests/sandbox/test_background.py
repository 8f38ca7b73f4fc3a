"""Runs in the background: a handle to poll, to wait on and to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.execution import background


def test_it_is_a_result_when_it_has_ended():
    handle = sm.start("x = 2\nprint(1)", outputs=["x"])
    result = handle.wait(60)
    assert handle.done
    assert (handle.outcome, handle.stdout, handle.outputs) == (Outcome.COMPLETED, "1\n", {"x": 2})
    assert handle.ok
    assert result.usage is handle.usage
    assert repr(handle) == repr(result)


def test_it_says_that_it_has_not_ended():
    handle = sm.start("import time; time.sleep(600)", timeout=600)
    try:
        assert not handle.done
        assert "running" in repr(handle)
        with pytest.raises(TimeoutError, match=r"has not ended within 0\.1 seconds"):
            handle.wait(0.1)
        with pytest.raises(AttributeError, match="has not ended"):
            assert handle.stdout
        assert not hasattr(handle, "usage")
    finally:
        handle.stop()
    assert handle.wait(60).outcome is Outcome.INTERRUPTED


def test_it_can_be_stopped_while_it_starts():
    handle = sm.start("import time; time.sleep(600)", timeout=600)
    handle.stop()
    assert handle.wait(60).outcome is Outcome.INTERRUPTED


def test_what_makes_no_sense_is_refused_at_once_and_what_can_not_start_when_it_is_waited_for():
    with pytest.raises(sm.PolicyError):
        sm.start("1", timeout="banana")
    handle = sm.start("1", python="/no/such/python")
    with pytest.raises(sm.PolicyError, match="no Python at"):
        handle.wait(60)
    assert handle.done


def test_several_go_on_at_once_and_limits_hold():
    began = time.monotonic()
    handles = [sm.start(f"import time; time.sleep(1); print({number})", timeout=60) for number in range(3)]
    late = sm.start("while True: pass", timeout=0.5)
    assert [handle.wait(60).stdout for handle in handles] == ["0\n", "1\n", "2\n"]
    assert late.wait(60).outcome is Outcome.WALL_TIME
    assert time.monotonic() - began < 30


def test_it_ends_with_its_process():
    """And the end of the process does not wait for it."""
    code = """
        import sandbox_magic as sm
        handle = sm.start("import time; print('up'); time.sleep(600)", timeout=600)
        while not handle._run.started: pass
        print(handle._run._loop.sandbox.pid)
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=True
    )
    deadline = time.monotonic() + 60  # the code itself sleeps for longer
    while _lives(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_an_interrupt_while_somebody_waits_for_it_changes_nothing():
    handle = sm.start("import time; time.sleep(600)", timeout=600)
    press = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))

    def wait():
        press.start()
        handle.wait()

    with pytest.raises(KeyboardInterrupt):
        wait()
    assert not handle.done
    assert handle in background.running()
    handle.stop()
    assert handle.wait(60).outcome is Outcome.INTERRUPTED


def test_a_forked_copy_of_this_process_does_not_stop_it(tmp_path):
    """The copy comes to its end as an interpreter does; the code ends when it is told that this was so."""
    code = """
        import os, sys
        import sandbox_magic as sm
        place = sys.argv[1]
        waiting = "import os, time\\nwhile not os.path.exists('here/now'): time.sleep(0.01)\\nprint('whole')"
        handle = sm.start(waiting, timeout=60, bind=f"{place}:here")
        while not handle._run.started: pass
        if not (copy := os.fork()):
            sys.exit(not handle.done)
        status = os.waitpid(copy, 0)[1]
        open(os.path.join(place, "now"), "w").close()
        print(status, handle.wait(60).stdout)
    """
    tmp_path.chmod(0o755)
    command = [sys.executable, "-P", "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=80, check=False)
    assert (done.stdout, done.stderr) == ("0 whole\n\n", "")
