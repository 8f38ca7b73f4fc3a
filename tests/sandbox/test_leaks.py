"""After a run, however it ended, nothing is left."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail import teardown
from sandbox_magic.jail.view import run_directory


def test_crashes_do_not_spoil_the_next_run():
    """Ten crashes, then a normal run."""
    for _ in range(10):
        assert sm.run("import os; os.kill(os.getppid(), 9); os.abort()").outcome is Outcome.SIGNALLED
    assert sm.run("print(1)").stdout == "1\n"


def test_every_way_out_leaves_nothing(footprint):
    """Limit, interrupt, dropped, closed early, refused: before = after."""
    sm.run("print(1)")
    before = footprint()
    sm.run("while True: pass", timeout=0.3)
    run = sm.stream("import time; time.sleep(60)", timeout=60)
    next(run)
    run.interrupt()
    list(run)
    run = sm.stream("import time; time.sleep(60)", timeout=60)
    next(run)
    del run
    with sm.stream("import time; time.sleep(60)", timeout=60) as run:
        next(run)
    with pytest.raises(sm.PolicyError):
        sm.run("1", python="/no/such/python")
    sm.run("import os\nos.makedirs('locked/in'); os.chmod('locked', 0)")
    del run
    assert footprint() == before


def test_a_directory_that_can_not_be_furnished_is_given_back(footprint, monkeypatch):
    """The file system is full behind the lock: refused, and neither the lock nor the directory is left."""
    sm.run("print(1)")
    before = footprint()
    real = os.mkdir

    def full(path, *mode, **more):
        if str(path).endswith("/cell"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, *mode, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        with pytest.raises(sm.SandboxUnavailable, match="temporary directory"):
            sm.run("print(1)")
    assert footprint() == before


def lives(pid):
    """A zombie that waits for this machine's init is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_host_killed_in_mid_run(own_directory):
    """SIGKILL to the caller: its processes end with it, and its directory goes with the next start."""
    code = """
        import sandbox_magic as sm
        for event in sm.stream("import time\\nprint('up', flush=True)\\ntime.sleep(3600)", timeout=3600):
            print(event, flush=True)
    """
    host = subprocess.Popen(
        [sys.executable, "-P", "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert "up" in next(line for line in host.stdout if "up" in line)
    below = [int(pid) for pid in Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()]
    assert below
    tree = below + [int(p) for pid in below for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 60
    while any(map(lives, tree)):
        assert time.monotonic() < deadline, tree
        time.sleep(0.01)
    assert os.listdir(run_directory._root())
    sm.run("print(1)")
    teardown.pending.wait()
    assert os.listdir(run_directory._root()) == []


def test_hosts_side_by_side_keep_their_groups():
    """Six processes at once: none sweeps away the other's fresh group, so none falls back to weaker limits."""
    code = "import sandbox_magic as sm\nfor _ in range(12): print(sm.run('pass').isolation['memory'].mechanism)"
    hosts = [subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [host.communicate(timeout=80)[0].splitlines() for host in hosts]
    assert [len(lines) for lines in said] == [12] * 6
    assert len({line for lines in said for line in lines}) == 1


def test_the_next_start_ends_what_a_killed_host_left(own_directory):
    """A process that bears the name of a dead host's directory is ended; one that bears another name is not."""
    sm.run("pass")
    dead = Path(run_directory._root()) / "run-00000000"
    dead.mkdir()
    wait = [sys.executable, "-S", "-c", "import time; time.sleep(3600)"]
    with subprocess.Popen([*wait, dead.name]) as left, subprocess.Popen([*wait, "run-11111111"]) as other:
        try:
            sm.run("pass")
            assert left.wait(60) == -signal.SIGKILL
            assert other.poll() is None
        finally:
            left.kill()
            other.kill()
    assert not dead.exists()


def test_what_a_sandbox_of_a_killed_host_gives_birth_to_while_it_is_looked_for_is_ended(own_directory, monkeypatch):
    """A bwrap at its clone(2): its child is not there yet at the first look, and would wait for ever."""
    sm.run("pass")
    dead = Path(run_directory._root()) / "run-00000000"
    dead.mkdir()
    wait = [sys.executable, "-S", "-c", "import time; time.sleep(3600)", dead.name]
    with subprocess.Popen(wait) as parent, subprocess.Popen(wait) as child:
        real, looks = os.listdir, []

        def listed(path="."):
            if path != "/proc":
                return real(path)
            looks.append(path)
            return [name for name in real(path) if len(looks) > 1 or name != str(child.pid)]

        try:
            with monkeypatch.context() as patch:
                patch.setattr(os, "listdir", listed)
                run_directory.sweep(run_directory._root())
            assert [parent.wait(60), child.wait(60)] == [-signal.SIGKILL] * 2
        finally:
            parent.kill()
            child.kill()
