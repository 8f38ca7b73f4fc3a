"""The shell of plain Python; that of IPython runs in tests/sandbox/test_shell.py."""

import linecache
import sys
from types import ModuleType

import pytest

from sandbox_magic.guest.plain_shell import Shell


class Heard:
    """Takes what the shell tells the host."""

    def __init__(self):
        self.told = []
        self.shown = []

    def begin(self, namespace): ...

    def send(self, namespace): ...

    def tell(self, word, *fields):
        self.told.append((word, *fields))

    def finish(self, value):
        self.shown += [] if value is None else [value]


@pytest.fixture
def heard(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(linecache, "cache", dict(linecache.cache))
    return Heard()


@pytest.fixture
def shell(heard):
    return Shell(heard, ModuleType("__main__"))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("1", 0),
        ("", 0),
        ("1 / 0", 1),
        ("x = = 1", 1),
        ("raise KeyboardInterrupt", 130),
        ("raise SystemExit", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit(True)", 1),
        ("raise SystemExit(256)", 0),
        ("raise SystemExit('said')", 1),
        ("raise GeneratorExit", 1),
        ("import asyncio\nawait asyncio.sleep(0)", 0),
        ("async def f():\n    raise ValueError\nawait f()", 1),
    ],
)
def test_a_cell_ends_with_a_status(shell, heard, code, status):
    assert shell.run_cell(code, "cell-1") == status
    assert ((b"finished",) in heard.told) is (status == 0 and "SystemExit" not in code)


def test_what_one_cell_sets_the_next_one_finds(shell, heard):
    assert shell.run_cell("x = 20\nx + 1", "cell-1") == 0
    assert shell.run_cell("x + _ + 1", "cell-2") == 0
    assert heard.shown == [21, 42]
    assert shell.run_cell("x", "cell-3", value=False) == 0
    assert heard.shown == [21, 42]


def test_an_error_is_told_with_its_line_and_shown_with_each_cells_own_text(shell, heard, capsys):
    shell.run_cell("def f():\n    1 / 0  # of the first", "cell-1")
    shell.run_cell("\n\nf()  # of the second", "cell-2")
    [(_, name, message, written, line)] = [frame for frame in heard.told if frame[0] == b"error"]
    assert (name, message, line) == (b"ZeroDivisionError", b"division by zero", b"3")
    assert b"# of the first" in written
    assert b"# of the second" in written
    assert capsys.readouterr().err.strip() == written.decode().strip()
    assert b"plain_shell" not in written


def test_the_line_of_an_error_in_a_coroutine(shell, heard):
    shell.run_cell("import asyncio\n\nasync def f():\n    await asyncio.sleep(0)\n    1 / 0\nawait f()", "cell-1")
    [(_, _, _, written, line)] = heard.told
    assert line == b"5"
    assert written.startswith(b'Traceback (most recent call last):\n  File "cell-1", line 6, in <module>\n')


def test_what_one_cell_made_the_next_one_awaits(shell, heard):
    shell.run_cell(
        "import asyncio\ntask = asyncio.ensure_future(asyncio.sleep(0, 'done'))\nawait asyncio.sleep(0)", "c1"
    )
    shell.run_cell("await task", "c2")
    assert heard.shown == ["done"], heard.told


def test_completion(shell):
    shell.run_cell("value = {}", "cell-1")
    matches, begin, end = shell.complete("x = value.po", 12)
    assert {match.rstrip("()") for match in matches} == {"value.pop", "value.popitem"}
    assert (begin, end) == (4, 12)
    assert shell.complete("", 0) == ([], 0, 0)
    assert shell.complete("no_such_na", 10)[0] == []


def test_inspection(shell):
    shell.run_cell("def f(a, b=1):\n    'What it says.'", "cell-1")
    assert shell.inspect("f(1)", 1, 0)["text/plain"].splitlines()[0] == "f(a, b=1)"
    assert "What it says." in shell.inspect("f(1)", 0, 0)["text/plain"]
    assert shell.inspect("g(1)", 1, 0) == {}
    assert shell.inspect("", 0, 0) == {}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("1 + 1", ("complete", "")),
        ("for x in y:", ("incomplete", "    ")),
        ("if x:\n    if y:", ("incomplete", "        ")),
        ("f(", ("incomplete", "")),
        ("x = = 1", ("invalid", "")),
    ],
)
def test_completeness(shell, code, status):
    assert shell.is_complete(code) == status
