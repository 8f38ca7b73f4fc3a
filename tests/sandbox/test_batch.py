"""Many runs: over any executor, kept in a journal, judged where the submission is not, and ended as one."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

CHECK = """\
right = outputs.get("total") == 6
score(right, of=1, note="total")
score("6" in stdout.split(), of=1, note="printed")
assert type(outputs.get("total")) in (int, type(None))
"""

PATCHES = """\
import sys, builtins
builtins.score = lambda *a, **k: None
sys.modules["json"] = None
builtins.int = builtins.sum = lambda *a: 6
total = 5
score(2, of=2)
"""
FORGES = """\
import os, struct
frame = [b"output", b"0", b"score", b"1", b"x"]
body = b"".join(struct.pack("<I", len(field)) + field for field in frame)
os.write(3, struct.pack("<I", len(body)) + body)
score = [[2.0, 2.0, ""]]
total = 1
"""
# Each with the score that it deserves: one point for the value, one for what it printed.
SUBMISSIONS = {
    "right": ("total = sum([1, 2, 3])\nprint(total)", 2),
    "wrong": ("total = 7\nprint(total)", 0),
    "silent": ("total = 6", 1),
    "fails": ("total = 6\nprint(total)\n1 / 0", 1),
    "exits early": ("import os\nprint(6, flush=True)\nos._exit(0)", 1),
    "exits politely": ("import sys\ntotal = 6\nprint(6)\nsys.exit(0)", 2),
    "redefines ==": ("class Six(int):\n    __eq__ = lambda *_: True\n    __hash__ = int.__hash__\ntotal = Six(7)", 0),
    "patches": (PATCHES, 0),
    "forges": (FORGES, 0),
    "spoofs": ("print('score: 2 of 2')\nprint('<Graded COMPLETED, 2 of 2 points>')\ntotal = 'score'", None),
    "hangs": ("print(6, flush=True)\nwhile True: pass", 1),
    "forks": ("import os\nwhile True:\n    os.fork()", 0),
    "fills": ("with open('big', 'wb') as file:\n    while True: file.write(bytes(2**20))", 0),
}


@pytest.fixture(scope="module")
def graded():
    """Rows of all submissions, by name."""
    sources = [(name, code) for name, (code, _) in SUBMISSIONS.items()]
    with sm.run_many(sources, check=CHECK, timeout=60, cpu_time=1, memory="128M", processes=16) as batch:
        return {row.name: row for row in batch}


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_each_submission_gets_the_score_that_it_deserves(graded, name):
    row, points = graded[name], SUBMISSIONS[name][1]
    assert (None if row.score is None else row.score.points) == points, (row, row.why, row.stderr)
    if points is None:
        assert "AssertionError" in row.why  # the checker failed, so it gave nothing, whatever it had called before
    else:
        assert (row.score.of, row.why) == (2.0, "")


def test_each_has_its_own_outcome(graded):
    assert graded["right"].outcome is Outcome.COMPLETED
    assert graded["fails"].outcome is Outcome.FAILED
    assert graded["hangs"].outcome is Outcome.CPU_TIME
    assert not graded["fills"].ok


def test_a_checker_that_fails_or_hangs_gives_nothing_and_says_why():
    for check, why in (("score(1)\n1 / 0", "ZeroDivisionError"), ("score(1)\nwhile True: pass", "CPU time limit")):
        (row,) = sm.run_many(["x = 1"], check=check, check_options={"cpu_time": 1})
        assert row.ok
        assert row.score is None
        assert why in row.why


def test_a_checker_finds_files_usage_inputs_and_the_outcome(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check = """
score(files["out.txt"] == b"abc" and outcome == "COMPLETED" and exit_code == 0)
score(usage.wall_seconds > 0 and usage["cpu_seconds"] > 0 and inputs == {"word": "abc"} and name == "1")
score("warned" in stderr and source.startswith("import sys\\nopen('out.txt'"))
"""
    source = "import sys\nopen('out.txt', 'w').write(word)\nprint('warned', file=sys.stderr)"
    (row,) = sm.run_many([source], check=check, inputs={"word": "abc"}, save="*.txt")
    assert row.score == sm.Score(points=3.0)
    assert not list(tmp_path.iterdir())  # what one submission saves is not in the place of another's


def test_several_texts_on_standard_input_are_cases_and_the_checker_finds_each():
    double = ("double", "print(2 * int(input()))")
    check = "score(int(stdout) == 2 * int(stdin), of=1, note=stdin.strip())"
    rows = sorted(sm.run_many([double], stdin=["3\n", b"5\n"], check=check), key=lambda row: row.title)
    found = [(row.title, str(row.score), row.score.note) for row in rows]
    assert found == [("double #1", "1 of 1", "3"), ("double #2", "1 of 1", "5")]
    pairs = [("pair", "print(n, input())")]
    both = sm.run_many(pairs, inputs=[{"n": 1}, {"n": 2}], stdin=["a", "b"], timeout=60)
    assert sorted(row.stdout for row in both) == ["1 a\n", "2 b\n"]
    shared = sm.run_many(pairs, inputs=[{"n": 1}, {"n": 2}], stdin="a", timeout=60)
    assert sorted(row.stdout for row in shared) == ["1 a\n", "2 a\n"]
    with pytest.raises(sm.PolicyError, match="inputs has 2 cases, and stdin 3"):
        sm.run_many(pairs, inputs=[{}, {}], stdin=["a", "b", "c"])
    with pytest.raises(sm.PolicyError, match="a case of stdin is a int"):
        sm.run_many(pairs, stdin=[3])  # type: ignore[list-item] # as a program may


def test_several_inputs_are_cases():
    rows = sm.Results(
        sm.run_many(
            [("double", "y = 2 * x"), ("square", "y = x * x")],
            check="score(outputs['y'] == 2 * inputs['x'], of=1)",
            inputs=[{"x": 2}, {"x": 3}],
        )
    )
    found = {(row.name, row.case): row.score.points for row in rows}
    assert found == {("double", 1): 1, ("double", 2): 1, ("square", 1): 1, ("square", 2): 0}
    assert len(rows.to_frame()) == 4


def test_sources_may_be_endless_and_no_more_are_taken_than_are_soon_run():
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield (f"n{number}", f"print({number})")

    with sm.run_many(endless(), workers=2) as batch:
        rows = list(itertools.islice(batch, 5))
    assert sorted(row.name for row in rows) == sorted(f"n{int(row.stdout)}" for row in rows)
    assert len(taken) <= 5 + 2 * 2
    assert next(batch, None) is None


def test_what_can_not_be_run_is_a_row_and_the_others_are_run(tmp_path):
    (tmp_path / "script.sh").write_text("echo $1")
    sources = [
        ("missing", tmp_path / "none.py"),
        ("no python", "1", {"python": "/no/such/python"}),
        ("nonsense", "1", {"timeout": "banana"}),
        ("bash", tmp_path / "script.sh", {"args": ["a b"]}),
        ("files", "print(open('a').read())", {"files": {"a": b"inside"}}),
        tmp_path / "script.sh",
        5,
    ]
    rows = {row.name: row for row in sm.run_many(sources, check="score(len(outputs) == 0)", journal=tmp_path / "j")}
    assert {name for name, row in rows.items() if row.result is None} == {"missing", "no python", "nonsense", "7"}
    assert "can't be read" in rows["missing"].why
    assert "no Python at" in rows["no python"].why
    assert "banana" in rows["nonsense"].why
    assert rows["bash"].stdout == "a b\n"
    assert rows["files"].stdout == "inside\n"
    assert rows["script.sh"].ok
    assert {row.name for row in sm.Results.read(tmp_path / "j")} == {"bash", "files", "script.sh"}


@pytest.mark.parametrize(
    "wrong", [{"timeout": "banana"}, {"inputs": [5]}, {"check": "("}, {"check": "1", "check_options": {"bg": True}}]
)
def test_what_makes_no_sense_for_all_is_refused_before_anything_runs(wrong):
    with pytest.raises(sm.PolicyError):
        sm.run_many(["print(1)"], **wrong)


def test_one_source_is_not_many():
    with pytest.raises(sm.PolicyError, match="sources is a str"):
        sm.run_many("print(1)")


def values(rows):
    return sorted((row.name, row.outcome, row.stdout, repr(row.outputs), row.score) for row in rows)


MANY = [(f"n{number}", f"total = {number}\nprint(total)") for number in range(6)]
HOW = {"check": "score(outputs['total'], of=6)", "timeout": 60}


@pytest.fixture(scope="module")
def expected():
    return values(sm.run_many(MANY, **HOW))


def test_threads_of_the_callers_run_them(expected):
    with ThreadPoolExecutor(2) as executor:
        assert values(sm.run_many(MANY, executor=executor, **HOW)) == expected


def pool_of(method):
    if method == "loky":
        import loky

        return loky.ProcessPoolExecutor(2)
    return ProcessPoolExecutor(2, mp_context=get_context(method))


@pytest.mark.parametrize("method", ["fork", "spawn", "loky"])
def test_processes_run_them_and_one_that_is_killed_loses_nothing(method, expected, tmp_path):
    with pool_of(method) as executor:
        batch = sm.run_many(MANY, executor=executor, journal=tmp_path / "j", **HOW)
        rows = [next(batch)]
        os.kill(next(iter(executor._processes)), signal.SIGKILL)
        rows += batch
    assert values(rows) == expected
    assert values(sm.Results.read(tmp_path / "j")) == expected


@pytest.mark.timeout(600)  # a cluster of three processes, and a command
@pytest.mark.filterwarnings("default")  # Dask's own
def test_a_dask_cluster_runs_them_from_python_and_for_the_command(expected, tmp_path):
    import distributed

    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, processes=True)
    with cluster, distributed.Client(cluster) as client:
        with sm.run_many(MANY, executor=client.get_executor(), **HOW) as batch:
            assert batch._hands.workers == 4, "as many as the cluster has threads, whatever there is here"
            assert values(batch) == expected
        twice = [("x", "import time; print(time.time_ns())")] * 2
        assert len({row.stdout for row in sm.run_many(twice, executor=client.get_executor(), timeout=60)}) == 2
        for name in "ab":
            (tmp_path / name).write_text(f"print({name!r})")
        words = ["batch", str(tmp_path), "--dask", cluster.scheduler_address]
        command = [sys.executable, "-P", "-m", "sandbox_magic", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in sorted(done.stdout.splitlines())] == [["a", "done"], ["b", "done"]]


HOST = """\
import sys
import sandbox_magic as sm
slow = "import time; time.sleep(600)" if sys.argv[2] == "slow" else "print('slow')"
sources = [("a", "print('a')"), ("b", "print('b')"), ("slow", slow)]
for row in sm.run_many(sources, journal=sys.argv[1], timeout=600, workers=2, warm=False):
    print(row.name, row.outcome, flush=True)
print("whole")
"""


@contextlib.contextmanager
def host(tmp_path, how):
    command = [sys.executable, "-P", "-c", textwrap.dedent(HOST), tmp_path / "night.jsonl", how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def of_host(process):
    """Return the processes below one, from /proc."""
    found, waiting = set(), [process.pid]
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                new = {int(number) for number in children.read_text().split()}
                waiting += new
                found |= new
    return found


def lives(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_host_that_is_ended_keeps_what_is_done_and_goes_on_another_day(tmp_path, number):
    with host(tmp_path, "slow") as process:
        seen = {process.stdout.readline(), process.stdout.readline()}
        assert seen == {"a COMPLETED\n", "b COMPLETED\n"}
        before = (tmp_path / "night.jsonl").read_bytes()
        deadline = time.monotonic() + 60
        while not (below := of_host(process)):
            assert time.monotonic() < deadline, "the slow one does not begin"
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    assert sorted(row.name for row in sm.Results.read(tmp_path / "night.jsonl")) == ["a", "b"]
    with host(tmp_path, "slow again") as process:  # its source is another, the two others are known
        output, errors = process.communicate(timeout=60)
    assert sorted(output.splitlines()) == ["a COMPLETED", "b COMPLETED", "slow COMPLETED", "whole"], errors
    after = (tmp_path / "night.jsonl").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\n") == before.count(b"\n") + 1
    deadline = time.monotonic() + 60
    while any(map(lives, below)):
        assert time.monotonic() < deadline, "what ran is left"
        time.sleep(0.05)


def test_a_batch_that_is_left_ends_what_is_running(tmp_path):
    sources = [("fast", "print(1)"), ("slow", "import time; time.sleep(600)")]
    with sm.run_many(sources, timeout=600, workers=2, journal=tmp_path / "j") as batch:
        assert next(batch).name == "fast"
    assert [row.name for row in sm.Results.read(tmp_path / "j")] == ["fast"]


def test_control_c_on_the_way_to_the_next_row_ends_what_is_running():
    """Python hears a signal where a function begins, too, which no ``try`` within it covers."""
    calls = itertools.count()

    def press(frame, event, arg):
        if frame.f_code is type(batch).__next__.__code__ and next(calls) == 1:
            signal.raise_signal(signal.SIGINT)

    batch = sm.run_many([("fast", "print(1)"), ("slow", "import time; time.sleep(60)")], timeout=60, workers=2)
    sys.settrace(press)
    try:
        with pytest.raises(KeyboardInterrupt):
            for _ in batch:
                pass
    finally:
        sys.settrace(None)
    assert next(calls) > 1, "it was pressed"
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("sandbox-magic batch")]


def test_the_same_source_twice_is_run_twice_and_once_only(tmp_path):
    sources = ["import time; print(time.time_ns())"] * 2 + [("x", "import time; print(time.time_ns())")] * 2
    first = values(sm.run_many(sources, journal=tmp_path / "j"))
    assert len({row[2] for row in first}) == 4
    assert values(sm.run_many(sources, journal=tmp_path / "j")) == first
