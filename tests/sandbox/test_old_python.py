"""The guest runs on every Python that ``--python`` may name: here on each version, from 3.9 on, that this machine has.

SANDBOX_OLD_PYTHON names one more, which must be there: the machines of `make test-machine` and the Debians of
`make test-languages` have a 3.9.
"""

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox_magic as sm
from sandbox_magic import InputRequest, Outcome
from sandbox_magic.jail.view import installed_pythons

OLDEST = (3, 9)
NAMED = os.environ.get("SANDBOX_OLD_PYTHON")
PLACES = (Path.home() / ".pyenv/versions", Path("/opt"))


def version_of(path):
    """Return a Python's version as numbers; none if it is a script, as pyenv's stand-ins are, or does not answer."""
    try:
        with open(path, "rb") as file:
            script = file.read(2) == b"#!"
        ask = [path, "-ISc", "import sys; print(*sys.version_info[:2])"]
        said = "" if script else subprocess.check_output(ask, stderr=subprocess.DEVNULL, text=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(map(int, said.split()))


def pythons():
    """Return paths by version; the Python that runs the tests is always among them."""
    on_path = (shutil.which(f"python3.{minor}") for minor in range(OLDEST[1], 30))
    elsewhere = (str(path) for place in PLACES for path in sorted(place.glob("*/bin/python3")))
    known = {version_of(path): path for path in filter(None, (*on_path, *elsewhere, sys.executable, NAMED))}
    return {"{}.{}".format(*version): path for version, path in sorted(known.items()) if version >= OLDEST}


PYTHONS = pythons()


@pytest.fixture(params=PYTHONS)
def python(request):
    return {"python": PYTHONS[request.param], "timeout": 60}


def test_the_one_that_is_named_is_among_them():
    assert sys.executable in PYTHONS.values() or NAMED
    assert NAMED is None or NAMED in PYTHONS.values()


def test_a_version_names_it():
    """As long as it is where people have it: on PATH, of pyenv, of uv, of conda."""
    found = installed_pythons.versions()
    assert found, "the machine has one"
    for version in found:
        assert sm.run("import sys; print('%d.%d' % sys.version_info[:2])", python=version).stdout == f"{version}\n"
    with pytest.raises(sm.PolicyError, match=r"no Python 3\.99 .*\n.*found on PATH"):
        sm.run("1", python="3.99")


def test_an_exception_in_parts(python):
    result = sm.run("def f():\n    raise ValueError('no')\nf()", **python)
    assert (result.error.name, result.error.message, result.error.line) == ("ValueError", "no", 2)
    assert result.error.traceback == result.stderr
    assert (result.finished, sm.run("1", **python).finished) == (False, True)


def test_text_and_the_last_value(python, request):
    result = sm.run(
        "import sys\nprint('%d.%d' % sys.version_info[:2], 'π')\nerror = sys.stderr.write('e')\n6 * 7", **python
    )
    assert (result.stdout, result.stderr) == (f"{request.node.callspec.params['python']} π\n", "e")
    assert [(display.kind, display.text) for display in result.displays] == [("result", "42")]


def test_variables_go_in_and_come_out(python):
    given = {"a": [1, {"k": (2.5, None, b"\0")}], "b": {"π", "x"}, "c": dt.datetime(2026, 11, 24, tzinfo=dt.UTC)}
    result = sm.run("d = [a, b, c, 2**80]\ne = lambda: 1", inputs=given, outputs=["d", "e"], **python)
    assert result.outputs == {"d": [*given.values(), 2**80]}, result.stderr
    assert [note.split()[0] for note in result.notes] == ["`e`"]


def test_a_question_is_answered(python):
    with sm.stream("import getpass\nprint([input('Name? '), getpass.getpass()])", **python) as run:
        for event in run:
            if isinstance(event, InputRequest):
                run.answer(f"to {event.prompt}")
    assert run.result.stdout.endswith("['to Name?', 'to Password:']\n"), run.result.stderr


def test_a_traceback_is_about_the_cells_own_lines(python):
    result = sm.run(
        "def f():\n    1 / 0\ntry:\n    f()\nexcept Exception as error:\n    raise ValueError from error", **python
    )
    lines = [line.strip() for line in result.stderr.splitlines() if line.lstrip().startswith("File ")]
    cell = 'File "/sandbox/cell.py", line'
    assert lines == [f"{cell} 4, in <module>", f"{cell} 2, in f", f"{cell} 6, in <module>"]
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "ValueError")


def test_a_cell_awaits(python):
    code = "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    1 / 0\n"
    assert sm.run(code + "await asyncio.sleep(0, 42)", **python).displays[0].text == "42"
    result = sm.run(code + "\nawait f()", **python)
    lines = [line.strip() for line in result.stderr.splitlines() if line.lstrip().startswith("File ")]
    cell = 'File "/sandbox/cell.py", line'
    assert lines == [f"{cell} 6, in <module>", f"{cell} 4, in f"]


def test_an_error_of_syntax_shows_the_line(python):
    result = sm.run("x = 1\nx +* 2", **python)
    assert 'File "/sandbox/cell.py", line 2\n    x +* 2\n' in result.stderr
    assert "sandbox_guest" not in result.stderr


def test_changes_of_a_workspace_come_out(python, own_directory, monkeypatch):
    project = own_directory / "project"
    project.mkdir(mode=0o755)
    monkeypatch.chdir(project)
    (project / "kept.txt").write_text("a")
    (project / "gone.txt").write_text("b")
    code = (
        "import os\nopen('kept.txt', 'a').write('π')\nos.remove('gone.txt')\nos.mkdir('d')\nopen('d/new', 'w').close()"
    )
    result = sm.run(code, workspace=".", **python)
    found = {change.path: change.kind for change in result.changes}
    assert found == {"kept.txt": "changed", "gone.txt": "removed", "d": "added", "d/new": "added"}, result.stderr


def test_a_time_limit_shows_where_the_code_was(python):
    for _ in range(3):  # it has a tenth of a second to say it, and the machine may stall just then
        result = sm.run("import time\ndef waits():\n    time.sleep(1000)\nwaits()", **python | {"timeout": 2})
        assert result.outcome is Outcome.WALL_TIME
        if result.stderr:
            break
    assert 'File "/sandbox/cell.py", line 3 in waits\n' in result.stderr


def test_rich_displays_and_marks(python):
    code = """
mark("begun")
class Table:
    def _repr_html_(self): return "<b>π</b>"
    def __repr__(self): return "Table()"
display(Table(), 1)
Table()
"""
    result = sm.run(code, **python)
    assert [(each.kind, each.text) for each in result.displays] == [
        ("display", "Table()"),
        ("display", "1"),
        ("result", "Table()"),
    ], result.stderr
    assert ["<b>π</b>" in each.data.get("text/html", "") for each in result.displays] == [True, False, True]
    assert [mark.label for mark in result.timeline.marks] == ["begun"]


def test_output_of_a_thread_and_of_a_child(python):
    code = """
import subprocess, sys, threading
def tell():
    print("thread")
    subprocess.run([sys.executable, "-c", "print('child')"])
thread = threading.Thread(target=tell)
thread.start()
thread.join()
"""
    assert sm.run(code, **python).stdout == "thread\nchild\n"


def test_a_flood_of_lines_is_whole(python):
    result = sm.run("for n in range(20_000): print(n)", **python)
    assert result.stdout == "".join(f"{n}\n" for n in range(20_000))


def test_a_session(python):
    """In a shell of plain Python where it has no IPython."""
    with sm.Session(**python) as session:
        session.run("x = 1").check()
        assert session.run("x = 2\nimport os; os._exit(0)").restored
        assert session.run("x").displays[-1].data["text/plain"] == "1"
        assert "x" in session.complete("x", 1).matches
        session.run("import asyncio\nx = await asyncio.sleep(0, 3)").check()
        session.undo()
        assert session.run("x").displays[-1].data["text/plain"] == "1"
