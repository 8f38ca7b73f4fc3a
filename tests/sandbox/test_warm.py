"""Spares: a run that gets one is like any other run but for its start; one is used once, and only where it fits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail import pool as pools
from sandbox_magic.jail import teardown

# What a cell can print that must be the same cold and warm, its exit status too.
SAME = (
    "print(1)",
    "import sys; print(sys.argv, sys.path, __file__, __name__); sys.exit(3)",
    "1/0",
    "x = 2; x",
    "import os; print(sorted(os.listdir('/proc/self/fd')), os.getpid(), os.getppid(), os.umask(0))",
    "import resource as r; print([r.getrlimit(n) for n in range(16) if n != r.RLIMIT_NPROC])",
    "import signal; print([signal.getsignal(n) for n in range(1, 32)], signal.pthread_sigmask(0, []))",
    "import os; print(os.sched_getscheduler(0), os.getpriority(0, 0), os.sched_getaffinity(0))",
    "import os; print(sorted(os.environ.items()), os.getcwd(), os.listdir('.'), os.getuid())",
    "import atexit, sys; atexit.register(print, 'at exit'); print(end='first '); sys.stderr.write('e')",
    "class A:\n def __del__(self): print('gone', helper())\ndef helper(): return __name__\na = A()",
    "class A:\n def __del__(self): print('gone')\na = A(); a.a = a; del a",
    "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.1), print('late'))).start()",
    "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start(); print('daemon')",
    "f = open('x', 'w'); f.write('kept'); import os; print(os.fork() and os.wait()[1])",
    "f = open('/dev/stdout', 'w'); f.write('never closed')",
    "import ctypes; ctypes.CDLL(None).printf(b'by the C library')",
    "import sys; sys.exit('a message')",
    "import sys; sys.exit(-1)",
    "import sys; sys.exit(2**40)",
    "import os; os._exit(7)",
    "import os; os.abort()",
    "raise SystemExit",
    "import sys; sys.stdout.close()",
    "import os; os.close(1); print('nowhere')",
    "def f(): f()\nf()",
    "import json, re, decimal, logging; logging.warning('w'); print(json.dumps([1]))",
)


@pytest.fixture
def warmed(spares):
    """Gives a function that runs code warm: in a spare that was parked for just these options."""

    def run(source, **options):
        sm.run("pass", **options)
        assert spares.filled(60)
        result = sm.run(source, **options)
        assert result.usage.warm
        return result

    return run


def facts(result):
    stderr = re.sub("0x[0-9a-f]+", "0x", result.stderr)
    return result.outcome, result.exit_code, result.signal, result.stdout, stderr, result.notes


def protections(result):
    return [(guard.name, guard.words, guard.strength) for guard in result.isolation.guards]


@pytest.mark.parametrize("source", SAME)
def test_a_warm_run_is_like_a_cold_one(source, warmed):
    cold = sm.run(source, warm=False)
    assert not cold.usage.warm
    warm = warmed(source)
    assert facts(warm) == facts(cold)
    assert protections(warm) == protections(cold)


def test_the_second_run_is_warm_and_each_has_a_sandbox_of_its_own(spares):
    leave = "import os; print(os.path.exists('/tmp/left')); open('/tmp/left', 'w').close(); os.setpgid(0, 0)"
    seen = []
    for number in range(4):
        seen.append(sm.run(leave))
        assert seen[-1].usage.warm == (number > 0)
        assert spares.filled(30)
    assert {result.stdout for result in seen} == {"False\n"}


def test_a_cell_can_not_tell_that_another_ran_before_or_beside_it(spares):
    """What is drawn by chance, addresses and moments are each run's own; what is not is a cold run's too."""
    spares.size = 2
    own = """import random, uuid, os, time, tempfile, secrets
drawn = random.random(), uuid.uuid4(), uuid.uuid1(), hash('a'), secrets.token_hex(), os.urandom(8)
told = *drawn, id(object()), id(print), next(tempfile._get_candidate_names()), time.time_ns(), time.monotonic_ns(), \
    time.thread_time_ns(), os.stat('/proc/self').st_ctime_ns
for each in told: print(each)"""
    same = """import os, threading
open('new', 'w').close(), os.mkdir('/tmp/new')
child = os.fork() or os._exit(0)
print(os.getpid(), os.getppid(), child, threading.get_native_id(), os.stat('new').st_ino, os.stat('/tmp/new').st_ino)
print(os.getpgid(0), os.getsid(0), sorted(os.listdir('/proc'))[:9], os.listdir('/tmp'), os.listdir('/dev/shm'))"""

    def warm(source):
        sm.run("pass", preload=["random", "uuid"])
        assert spares.filled(60)
        result = sm.run(source, preload=["random", "uuid"]).check()
        assert result.usage.warm
        return result.stdout

    told = [warm(own).splitlines() for _ in range(4)]
    assert [len(set(each)) for each in zip(*told, strict=True)] == [4] * len(told[0]), told
    cold = sm.run(same, preload=["random", "uuid"], warm=False).check().stdout
    assert {warm(same) for _ in range(3)} == {cold}


@pytest.mark.parametrize(
    "change",
    [
        {"memory": "300M"}, {"processes": 20}, {"disk": "10M"}, {"open_files": 100}, {"python": "system"},
        {"preload": ["json"]}, {"cpus": 1},
    ],
)  # fmt: skip
def test_what_a_sandbox_is_parked_with_must_be_the_same(change, spares):
    sm.run("pass")
    assert spares.filled(30)
    result = sm.run("import sys; print(sys.executable)", **change)
    assert not result.usage.warm
    assert result.limits == sm.run("pass", warm=False, **change).limits


@pytest.mark.parametrize(
    "change",
    [
        {"timeout": 7}, {"cpu_time": 5}, {"output_limit": 100}, {"stdin": "in"}, {"args": "a b"},
        {"inputs": {"x": 1}}, {"outputs": ["y"]}, {"language": "bash"}, {"save": "*.txt"},
    ],
)  # fmt: skip
def test_what_comes_with_go_may_differ(change, spares, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sm.run("pass")
    assert spares.filled(30)
    result = sm.run("y=1", **change)
    assert (result.outcome, result.usage.warm) == (Outcome.COMPLETED, True)


def test_limits_are_held_in_a_warm_run(warmed):
    assert warmed("while True: pass", timeout=0.5).outcome is Outcome.WALL_TIME
    assert warmed("while True: pass", cpu_time=0.3, timeout=20).outcome is Outcome.CPU_TIME
    assert warmed("x = bytearray(400 << 20)", memory="200M").outcome in {Outcome.OUT_OF_MEMORY, Outcome.FAILED}
    used = warmed("import time; time.sleep(0.2)", preload=["json"]).usage
    assert used.cpu_seconds < used.wall_seconds - 0.1


def test_a_package_that_is_installed_meanwhile_is_seen(spares, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    tmp_path.chmod(0o755)
    sm.run("pass")
    assert spares.filled(30)
    (tmp_path / "brand_new.py").write_text("x = 1")
    result = sm.run("import brand_new; print(brand_new.x)")
    assert (result.stdout, result.usage.warm) == ("1\n", False)


def test_a_bound_file_that_was_replaced_is_seen(spares, tmp_path):
    file = tmp_path / "a.txt"
    tmp_path.chmod(0o755)
    file.write_text("old")
    sm.run("pass", bind=file)
    assert spares.filled(30)
    (tmp_path / "b").write_text("new")
    (tmp_path / "b").rename(file)
    assert sm.run("print(open('a.txt').read())", bind=file).stdout == "new\n"


def test_a_socket_that_came_into_a_bound_directory_is_masked(spares, tmp_path):
    import socket

    tmp_path.chmod(0o755)
    sm.run("pass", bind=f"{tmp_path}:d")
    assert spares.filled(30)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        (tmp_path / "s").chmod(0o777)
        listening.listen()
        reach = "import socket; socket.socket(socket.AF_UNIX).connect('d/s')"
        assert sm.run(reach, bind=f"{tmp_path}:d").outcome is Outcome.FAILED


def test_a_workspace_shows_what_changed_since_the_last_run(spares, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "a").write_text("1")
    look = "import os; print(sorted(os.listdir()), open('a').read())"
    assert sm.run(look, workspace=tmp_path).stdout == "['a'] 1\n"
    assert spares.filled(30)
    same = sm.run(look, workspace=tmp_path)
    assert (same.stdout, same.usage.warm) == ("['a'] 1\n", True)
    assert spares.filled(30)
    (tmp_path / "a").write_text("22")
    (tmp_path / "b").write_text("")
    changed = sm.run(look, workspace=tmp_path)
    assert (changed.stdout, changed.usage.warm) == ("['a', 'b'] 22\n", False)


def test_preloaded_modules_are_there_and_print_nothing(warmed):
    source = "import sys; print('this' in sys.modules, 'json.decoder' in sys.modules)"
    for result in (
        sm.run(source, preload="this,json.decoder", warm=False),
        warmed(source, preload="this,json.decoder"),
    ):
        assert result.stdout == "True True\n"
        assert not result.notes


@pytest.mark.parametrize("module", ["not_there", "kills_itself", "raises"])
def test_a_module_that_can_not_be_preloaded_is_left_out_and_told(module, tmp_path, monkeypatch, warmed):
    tmp_path.chmod(0o755)
    (tmp_path / "kills_itself.py").write_text("import os; os.kill(os.getpid(), 9)")
    (tmp_path / "raises.py").write_text("raise SystemExit(4)")
    monkeypatch.syspath_prepend(str(tmp_path))
    for result in (
        sm.run("print(1)", preload=["json", module], warm=False),
        warmed("print(1)", preload=["json", module]),
    ):
        assert (result.outcome, result.stdout) == (Outcome.COMPLETED, "1\n")
        assert [note for note in result.notes if module in note]


def test_preload_is_under_the_limits(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "huge.py").write_text("x = bytearray(600 << 20)")
    monkeypatch.syspath_prepend(str(tmp_path))
    result = sm.run("print(1)", preload="huge", memory="300M", warm=False)
    assert (result.outcome, result.stdout) == (Outcome.COMPLETED, "1\n")
    assert "huge" in " ".join(result.notes)


@pytest.mark.parametrize("name", ["a-b", "", "os; import x", "../x"])
def test_what_is_no_module_is_refused(name):
    with pytest.raises(sm.PolicyError, match="preload"):
        sm.run("1", preload=[name])


def test_a_spare_that_was_killed_is_not_used(spares):
    sm.run("pass")
    assert spares.filled(30)
    (spare,) = spares._spares
    os.kill(spare.sandbox.pid, signal.SIGKILL)
    spare.sandbox.wait()
    result = sm.run("print(1)")
    assert (result.stdout, result.usage.warm) == ("1\n", False)


def test_a_forked_copy_neither_uses_nor_ends_its_parents_spare(spares):
    sm.run("pass")
    assert spares.filled(30)
    (spare,) = spares._spares
    child = os.fork()
    if child == 0:
        try:
            result = sm.run("print(1)")
            os._exit(0 if result.stdout == "1\n" and not result.usage.warm else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert not spare.sandbox.wait(0.2)
    assert sm.run("print(1)").usage.warm


@pytest.mark.parametrize(
    "ending", ["pass", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "import os; os._exit(0)"]
)
def test_spares_are_gone_when_the_host_goes(ending, own_directory):
    """However it goes: with the next start at the latest nothing is left of it."""
    source = f"""
import sandbox_magic as sm
from sandbox_magic.jail import pool
sm.run("pass")
assert pool.spares.filled(30)
print(pool.spares._spares[0].sandbox.pid, flush=True)
{ending}
"""
    host = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120, check=False)
    pid = int(host.stdout)
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{pid}"), host.stderr
    sm.run("pass", warm=False)
    teardown.pending.wait()
    assert not list(Path(own_directory, f"sandbox-magic-{os.geteuid()}").glob("run-*"))


def test_idle_spares_and_those_of_another_policy_are_dropped(spares):
    sm.run("pass")
    assert spares.filled(30)
    (first,) = spares._spares
    sm.run("pass", memory="300M")
    assert spares.filled(30)
    (second,) = spares._spares
    assert second is not first
    assert first.sandbox.wait(20)
    spares.drop(older_than=pools.IDLE_SECONDS)
    assert spares._spares == [second]
    spares.drop()
    assert second.sandbox.wait(20)
