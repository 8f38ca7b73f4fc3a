"""Cells that were written for a notebook, which await at the top level or have magics, in real sandboxes."""

import os
import tempfile
import venv

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome

LIMITS = {"timeout": 60}  # the first import of matplotlib in a sandbox takes seconds on a busy machine


def run(code, **options):
    return sm.run(code, **LIMITS | options)


def shown(result):
    return [(display.kind, display.text) for display in result.displays]


@pytest.fixture(scope="module")
def bare():
    """A Python of this version that has no IPython."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)  # a sandbox of a root caller's runs as another user
        venv.create(place, symlinks=True, with_pip=False)
        yield os.path.join(place, "bin", "python")


@pytest.fixture(scope="module")
def magics():
    """One cell with most of what a notebook's may have."""
    return run(
        "\n%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([given, 2])\n!echo from a shell\n"
        "found = !ls -a ~\nnames = list(found)\nmark('here')\ndisplay('shown')\n"
        "import asyncio\nawait asyncio.sleep(0)\n%timeit -n 1 -r 1 given\nsquare = given**2\nsquare",
        inputs={"given": 7},
        outputs=["square", "names"],
    )


def test_a_cell_with_magics_ends_as_any_cell(magics):
    assert (magics.outcome, magics.exit_code, magics.finished, magics.error) == (Outcome.COMPLETED, 0, True, None)
    assert (magics.stderr, magics.notes) == ("", ())
    assert "here" in [each.label for each in magics.timeline.marks]


def test_its_output_and_figures_are_shown_as_any_cells(magics):
    assert magics.stdout.startswith("from a shell\n")
    assert "per loop" in magics.stdout
    kinds = [(display.kind, "image/png" in display.data) for display in magics.displays]
    assert kinds == [("display", False), ("result", False), ("display", True)]
    assert [display.text for display in magics.displays][:2] == ["'shown'", "49"]


def test_its_variables_go_in_and_come_out_and_its_home_has_no_files_of_ipythons(magics):
    assert magics.outputs["square"] == 49
    assert {name for name in magics.outputs["names"] if "ipython" in name.lower()} == set()


FIGURE = "%matplotlib inline\nimport matplotlib.pyplot as plt\nfigure, _ = plt.subplots()\nfigure"


def test_a_figure_that_is_the_last_value_is_shown_once_by_a_cell_and_as_in_a_notebook_by_a_session():
    assert [display.kind for display in run(FIGURE).displays] == ["result"]
    with sm.Session(**LIMITS) as session:
        assert [display.kind for display in session.run(FIGURE).displays] == ["result", "display"]
        assert [display.kind for display in session.run("figure").displays] == ["result"]


def test_an_error_under_a_magic_has_the_cells_line_and_ipythons_traceback():
    result = run("import sys\n%time x = 1\n\nprint(missing)")
    assert (result.outcome, result.finished) == (Outcome.FAILED, False)
    assert (result.error.name, result.error.line) == ("NameError", 4)
    assert "----> 4 print(missing)" in result.stderr
    assert result.error.traceback.strip() == result.stderr.strip()
    assert "sandbox_guest" not in result.stderr


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("%time 1\nimport sys\nsys.exit(3)", 3, ""),
        ("%%bash\necho said >&2\nexit 4", 1, "said\n"),
        ("%%capture\nprint('caught')\n1 / 0", 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_cell_with_magics_that_fails_has_failed(code, status, words):
    result = run(code)
    assert (result.outcome, result.exit_code, result.finished) == (Outcome.FAILED, status, False)
    assert words in result.stderr
    assert "caught" not in result.stdout


READY = "import asyncio\nasyncio.get_running_loop().call_soon(print, 'ready')"  # once the cell waits


def test_an_interrupt_of_a_cell_with_magics(stopped):
    result = stopped("%time 1\nprint('ready', flush=True)\nwhile True:\n    pass", "ready")
    assert result.outcome is Outcome.INTERRUPTED


def test_magics_need_an_ipython_and_the_hint_says_so(bare):
    result = run("%matplotlib inline\n1", python=bare)
    assert (result.outcome, result.error.name, result.error.line) == (Outcome.FAILED, "SyntaxError", 1)
    (note,) = result.notes
    assert "IPython is installed for the Python that runs it" in note
    assert run("%time 1\n1").outcome is Outcome.COMPLETED, "with one it runs"


@pytest.mark.parametrize(
    "code",
    [
        "x = 5 % 3\ny = (x\n%x)\nx",
        "text = '''\n%time 1\n!ls\n''' and 2\ntext",
    ],
)
def test_what_python_itself_compiles_never_meets_ipython(code):
    result = run(f"{code}; import sys; assert 'IPython' not in sys.modules")
    assert result.outcome is Outcome.COMPLETED, result.stderr


def test_an_error_of_syntax_without_magics_is_pythons_own():
    result = run("x = (5\n  %y)\nz = = 1")
    assert result.stderr.startswith('  File "/sandbox/cell.py", line 3\n')


def test_only_cells_have_magics_and_await(tmp_path):
    sources = {"a.py": "%time 1\n", "b.py": "import asyncio\nawait asyncio.sleep(0)\n", "c.ipy": "%time 1\n"}
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
    outcomes = [sm.run(tmp_path / name, **LIMITS).outcome for name in sources]
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.COMPLETED]
    assert [run(source).outcome for source in sources.values()] == [Outcome.COMPLETED] * 3


AWAIT = """
import asyncio, sys
async def numbers():
    for number in range(given):
        yield number
async for number in numbers():
    print(number)
async with asyncio.Lock():
    doubled = [2 * number async for number in numbers()]
left = asyncio.ensure_future(asyncio.sleep(1000))
assert "IPython" not in sys.modules
await asyncio.sleep(0, doubled)
"""


def test_a_cell_that_awaits(bare):
    result = run(AWAIT, inputs={"given": 3}, outputs=["doubled"], python=bare)
    assert (result.outcome, result.exit_code, result.finished) == (Outcome.COMPLETED, 0, True), result.stderr
    assert (result.stdout, result.stderr, shown(result)) == ("0\n1\n2\n", "", [("result", "[0, 2, 4]")])
    assert result.outputs == {"doubled": [0, 2, 4]}


def test_an_error_in_a_cell_that_awaits_has_its_own_lines():
    result = run("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    1 / 0\n\nawait f()")
    lines = [line.strip() for line in result.stderr.splitlines() if line.startswith("  File ")]
    cell = 'File "/sandbox/cell.py", line'
    assert lines == [f"{cell} 6, in <module>", f"{cell} 4, in f"]
    assert (result.error.name, result.error.line, result.finished) == ("ZeroDivisionError", 4, False)
    assert result.error.traceback == result.stderr


def test_an_interrupt_comes_where_the_cell_awaits(stopped):
    result = stopped(f"{READY}\nawait asyncio.sleep(1000)", "ready")
    assert result.outcome is Outcome.INTERRUPTED
    assert 'File "/sandbox/cell.py", line 3, in <module>' in result.stderr
    assert "CancelledError" not in result.stderr


def test_an_interrupt_can_be_caught_where_the_cell_awaits(stopped):
    result = stopped(
        f"{READY}\ntry:\n    await asyncio.gather(asyncio.sleep(1000))\n"
        "except KeyboardInterrupt:\n    print('caught')\nawait asyncio.sleep(0, 'went on')",
        "ready",
    )
    assert "caught" in result.stdout
    assert shown(result) == [("result", "'went on'")]


def test_an_interrupt_comes_where_a_cell_that_awaits_computes(stopped):
    code = "import asyncio\nawait asyncio.sleep(0)\nprint('ready', flush=True)\nwhile True:\n    pass"
    result = stopped(code, "ready")
    assert (result.outcome, result.error.name) == (Outcome.INTERRUPTED, "KeyboardInterrupt")


def test_a_time_limit_ends_a_cell_that_awaits():
    result = sm.run("import asyncio\nprint(1, flush=True)\nawait asyncio.sleep(1000)", timeout=5)
    assert (result.outcome, result.stdout) == (Outcome.WALL_TIME, "1\n")


@pytest.mark.parametrize("first", ["%time 1", "import asyncio\nawait asyncio.sleep(0)"])
def test_a_process_that_such_a_cell_spawns_does_not_run_it_anew(first):
    result = run(
        f"{first}\nimport multiprocessing\nif __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=print, args=('of the child',))\n"
        "    child.start()\n    child.join()\nchild.exitcode"
    )
    assert "of the child\n" in result.stdout, result.stderr
    assert ("result", "0") in shown(result)


def test_questions_are_asked_under_a_magic():
    with sm.stream("%time 1\nprint([input('Name? ')])", **LIMITS) as events:
        for event in events:
            if isinstance(event, sm.InputRequest):
                events.answer("given")
    assert events.result.stdout.endswith("['given']\n"), events.result.stderr
