"""Faults of the host: whatever dies, fills up or vanishes around a run, it ends in time and nothing is left."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome
from sandbox_magic.jail import teardown
from sandbox_magic.jail.cgroup import files
from sandbox_magic.jail.cgroup.base import PREFIX
from sandbox_magic.jail.view import run_directory

PR_SET_CHILD_SUBREAPER = 36
ROOT = os.geteuid() == 0


def groups_of(pid, parents):
    return [name for place in parents for name in os.listdir(place) if name.startswith(f"{PREFIX}{pid}-")]


def until(condition, seconds):
    """Waits for a condition; tells whether it came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def up(run):
    """Waits for the code's first line, which is written in two pieces; tells whether it came before the end."""
    texts = (event.text for event in run if isinstance(event, sm.Text) and event.stream == "stdout")
    return any(text.endswith("\n") for text in texts)


NO_SPARES = "from sandbox_magic.jail import pool, teardown; pool.spares.size = 0\n"


def host(code, *before, **options):
    """Starts another Python that uses the package, and no spares; `before` is put in front of the command."""
    command = [*before, sys.executable, "-P", "-c", NO_SPARES + textwrap.dedent(code)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def told(process):
    """Waits for its end; gives the JSON that it printed."""
    out, err = process.communicate(timeout=80)
    assert process.returncode == 0, err
    return json.loads(out)


def children():
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found |= set(map(int, (task / "children").read_text().split()))
    return found


@pytest.fixture
def survivors():
    """Makes this process the parent of all that outlive theirs; gives a function that tells who still lives."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    before = children()

    def alive():
        for pid in children() - before:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return children() - before

    yield alive
    for pid in alive():
        os.kill(pid, signal.SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


CALLERS = """
    import os, sys
    import sandbox_magic as sm
    for _ in sys.stdin:
        caller = os.fork()
        if caller == 0:
            print(os.getpid(), flush=True)
            sm.run("import time; time.sleep(3600)", timeout=3600)
        os.waitpid(caller, 0)
        print("dead", flush=True)
"""


@pytest.fixture
def callers(own_directory):
    """A process that imported the package once; for each line that it reads a copy of it starts its first run."""
    with host(CALLERS, stdin=subprocess.PIPE) as process:
        yield process
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_host_killed_at_fifty_moments(own_directory, callers, parents, slowness, survivors):
    """SIGKILL to the caller, from before its run starts until the code runs: the next start leaves nothing."""
    for number in range(50):
        print(file=callers.stdin, flush=True)
        caller = int(callers.stdout.readline())
        time.sleep(number / 50 * 0.15 * slowness)  # the moment itself: anywhere in the start of a run
        os.kill(caller, signal.SIGKILL)
        assert callers.stdout.readline() == "dead\n"
        until(lambda: not survivors(), 0.2 * slowness)  # what ends by itself has done so; a start that hung waits on
        assert sm.run("print(1)").stdout == "1\n"
        teardown.pending.wait()
        assert until(lambda: not survivors(), 30), (number, survivors())
        assert os.listdir(run_directory._root()) == []
        assert groups_of(caller, parents) == []


REFUSED = """
    import json, os, resource, sys, tempfile
    import sandbox_magic as sm
    from sandbox_magic.jail import spawn
    tempfile.tempdir = os.environ["TMPDIR"]
    {prepare}
    try: what = sm.run({source!r} + "print('ran')").stdout
    except sm.SandboxUnavailable as error: what = error.what
    teardown.pending.wait()
    print(json.dumps([what, [names for _, *names in os.walk(tempfile.tempdir) if "run-" in str(names)]]))
"""
CUT = """if True:
        for number in range(99):
            sys.path.append("{}/a-module-search-path-%d" % number)
            os.mkdir(sys.path[-1])
        seen, real = [], spawn.in_memory
        spawn.in_memory = lambda stack, data: seen.append(data) or real(stack, data)
        sm.run("pass")
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(seen, key=len).rindex(b"--remount-ro\\0/proc"), -1))
"""


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_temporary_directory(fault, own_directory):
    """Full or read-only: refused with the remedy, and nothing is left there."""
    mount = f'mount -t tmpfs -o {"size=4k" if fault == "full" else "ro"},mode=755 none "$TMPDIR" && exec "$@"'
    before = ("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", mount, "sh") if ROOT else ()
    full = "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, -1))"  # an ordinary user can't fill one of its own
    prepare = full if fault == "full" and not ROOT else "pass"
    own_directory.chmod(0o555 if fault == "read-only" and not ROOT else 0o755)
    source = f"text = '{'x' * 100_000}'\n"
    what, left = told(host(REFUSED.format(prepare=prepare, source=source), *before))
    assert "temporary directory" in what
    assert left == []


@pytest.mark.parametrize("where", ["at once", "before the last options"])
def test_what_bwrap_is_told_is_whole(where, own_directory):
    """Where a file can't take all of bwrap's options (RLIMIT_FSIZE) nothing runs: each left out is a hole."""
    cut = "resource.setrlimit(resource.RLIMIT_FSIZE, (0, -1))" if where == "at once" else CUT.format(own_directory)
    what, left = told(host(REFUSED.format(prepare=cut, source="")))
    assert "ran" not in what.splitlines()
    assert left == []


@pytest.mark.alone
def test_cgroup_vanishes(footprint, slowness, first_good):
    """The run's groups are removed under it: the clock still holds, and what is then told was measured otherwise."""
    code = "import time\nb = b'x' * (32 << 20)\nprint('up')\nwhile True: time.sleep(0.01)"
    sm.run("pass")
    before = footprint()

    def without_its_groups(limit):
        elsewhere = []
        with sm.stream(code, timeout=limit) as run:
            if up(run):
                for group in {os.path.dirname(door) for door in run._loop.sandbox.group.doors}:
                    elsewhere.append(os.path.join(os.path.dirname(group), f"elsewhere-{os.getpid()}"))
                    os.mkdir(elsewhere[-1])
                    for pid in files.members(group):
                        files.write(f"{elsewhere[-1]}/cgroup.procs", pid)
                    os.rmdir(group)
                for _ in run:
                    pass
        for place in elsewhere:
            assert until(lambda place=place: not files.members(place), 30)
            os.rmdir(place)
        return run.result

    result = first_good(lambda run: run.stdout, map(without_its_groups, (2 * slowness, 8 * slowness)))
    assert (result.outcome, result.stdout) == (Outcome.WALL_TIME, "up\n")
    assert result.usage.wall_seconds <= result.limits.wall_seconds + 5 * slowness
    assert result.usage.peak_memory_bytes >= 32 * 2**20
    assert 0 < result.usage.cpu_seconds < result.usage.wall_seconds
    assert footprint() == before


@pytest.mark.alone
@pytest.mark.parametrize("victim", ["bwrap", "PID 1"])
def test_killed_from_outside(victim, footprint):
    """The run ends at once, with what was printed; never as if the code had completed."""
    sm.run("pass")
    before = footprint()
    with sm.stream("import time\nprint('up')\ntime.sleep(600)", timeout=600) as run:
        assert up(run)
        began = time.monotonic()
        os.kill(run._loop.sandbox.pid if victim == "PID 1" else run._loop.sandbox._process.pid, signal.SIGKILL)
        *_, last = run
    assert time.monotonic() - began < 30
    assert (last.result.outcome, last.result.exit_code, last.result.stdout) == (Outcome.SIGNALLED, None, "up\n")
    assert any("without its PID 1's report" in note for note in last.result.notes)
    assert footprint() == before


@pytest.mark.parametrize("first", ["after a run", "from the start"])
def test_descriptors_of_the_host_exhausted(first, own_directory):
    """Refused clearly wherever they run out, nothing is left, and the next run is as strong as the one before."""
    code = """
        import json, os, resource, threading
        import sandbox_magic as sm
        from sandbox_magic.jail.view import run_directory
        if {warm}: sm.run("pass"); teardown.pending.wait()
        before = os.listdir("/proc/self/fd")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        seen = set()
        for limit in range(3, 40):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try: seen.add(str(sm.run("print(1)").outcome))
            except Exception as error: seen.add(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        teardown.pending.wait()
        left = [os.listdir("/proc/self/fd") == before, os.listdir(run_directory._root()), threading.active_count()]
        print(json.dumps([sorted(seen), left, sm.run("print(1)").isolation["memory"].mechanism]))
    """
    seen, left, mechanism = told(host(code.format(warm=first == "after a run")))
    assert mechanism == sm.run("pass").isolation["memory"].mechanism
    assert left == [True, [], 1]
    of_an_import = {"OSError"} if first == "from the start" else set()  # what runs code is imported with the first run
    assert {"COMPLETED", "SandboxUnavailable"} <= set(seen) <= {"COMPLETED", "SandboxUnavailable"} | of_an_import


def test_fork_of_the_host(own_directory):
    """A forked copy of the caller has runs of its own; its end, and its closing of the run, don't end the caller's."""
    code = """
        import json, multiprocessing, os, sys
        import sandbox_magic as sm
        run = sm.stream("import time; print('up', flush=True); time.sleep(1); print('end')", timeout=60)
        next(event for event in run if isinstance(event, sm.Text))
        child = os.fork()
        if child == 0:
            ok = sm.run("print(2)").stdout == "2\\n"
            run.close()
            sys.exit(0 if ok else 1)
        status = os.waitpid(child, 0)[1]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pooled = [result.stdout for result in pool.map(sm.run, ["print(3)", "print(4)"])]
        *_, last = run
        teardown.pending.wait()
        print(json.dumps([status, pooled, last.result.outcome, last.result.stdout]))
    """
    assert told(host(code)) == [0, ["3\n", "4\n"], "COMPLETED", "up\nend\n"]
    sm.run("pass")  # what the pool's processes left, which end without waiting for their threads
    teardown.pending.wait()
    assert os.listdir(run_directory._root()) == []
