"""The shell of IPython, several cells of it in a process of its own, for IPython has one shell a process."""

import json
import os
import re
import subprocess
import sys

import pytest

CELLS = {
    "value": "x = 20\nx + 1",
    "last value": "_ + 21, Out, In[1]",
    "quiet": "x;",
    "defined": "def f():\n    1 / 0  # of this cell",
    "called": "\n\nf()",
    "syntax": "%time 1\nx = = 1",
    "timed": "\n%%time\nx = 20\n1 / 0",
    "usage": "%no_such_magic",
    "shell": "!echo out; echo $((x + {x}))\ny = !echo a; echo b >&2\ny",
    "status": "!exit 3\n_exit_code",
    "bash": "%%bash --out caught --err said\ncat <<< π\necho no >&2",
    "caught": "caught, said",
    "shown": "%%bash\necho shown\nexit 4",
    "not raised": "%%script --no-raise-error sh\nexit 4",
    "no program": "%%script no-such-program\n1",
    "background": "%%bash --bg --out pipe --proc process\nread -r line; echo $line\nback",
    "foreground": "pipe.read(), process.wait()",
    "captured": "%%capture c\nprint('in')\ndisplay(1)\n!echo sub",
    "of captured": "c.stdout, len(c.outputs)",
    "captured error": "%%capture\n1 / 0",
    "formatter": "class A: pass\n"
    "get_ipython().display_formatter.formatters['text/html'].for_type(A, lambda a: '<b>A</b>')\n"
    "display(A())",
    "html": "from IPython.display import HTML, clear_output, display\n"
    "display(HTML('<i>1</i>'), display_id='d')\nclear_output()",
    "await": "import asyncio\ntask = asyncio.ensure_future(asyncio.sleep(0, 'done'))\nawait asyncio.sleep(0)",
    "await again": "await task",
    "all": "from IPython.core.interactiveshell import InteractiveShell\n"
    "InteractiveShell.ast_node_interactivity = 'all'",
    "of all": "1\n2",
    "no value": "1\n2",
    "of all again": "3",
    "exit": "exit",
    "exit with": "exit(5)",
    "said": "raise SystemExit('said')",
    "interrupt": "raise KeyboardInterrupt",
    "input": "input('?')",
    "history": "%history -n 1",
    "help": "f?",
    "install": "%pip install x\n1",
    "extension": "%load_ext sandbox_magic",
    "nested": "%%sandbox --timeout 1\n1",
    "connect": "%connect_info",
    "autosave": "%autosave 60",
    "store": "%store x",
    "edit": "%ed x",
    "forgotten": "del get_ipython().db['not there']",
    "threads": "import threading\n[type(each).__name__ for each in threading.enumerate()]",
    "last": "get_ipython().colors.lower(), get_ipython().db, get_ipython().ipython_dir",
}
DRIVE = """
import io, json, sys, tempfile, types
from contextlib import redirect_stderr, redirect_stdout
from sandbox_magic.guest import cell_builtins, channel, error_text, shell

class Channel:
    ChannelClosed = channel.ChannelClosed
    frames = []
    def send(self, *frame):
        self.frames.append([part.decode("utf-8", "replace") for part in frame if isinstance(part, bytes)])
    send_and_wait = send
    def request(self, *_):
        return [b"an answer"]

found = cell_builtins.CellBuiltins(Channel(), error_text.show)
found.hook()
assert shell.prepare()
prepared = set(sys.modules)
main = sys.modules["__main__"] = types.ModuleType("__main__")
found.make(["ask"])
made = shell.make(found, main)
answers = {}
for name, cell in json.load(sys.stdin).items():
    Channel.frames, out, error, real = [], io.StringIO(), tempfile.TemporaryFile("w+"), sys.__stderr__
    sys.__stderr__ = error  # where errors go, whatever catches the rest
    with redirect_stdout(out), redirect_stderr(error):
        status = made.run_cell(cell, "cell " + name, value=name != "no value")
    sys.__stderr__ = real
    error.seek(0)
    answers[name] = {"status": status, "out": out.getvalue(), "error": error.read(), "frames": Channel.frames}
asked = [
    made.kind, made.complete("x = caug", 8), made.complete("%matpl", 6)[0], made.inspect("f(1)", 1, 0)["text/plain"],
    made.inspect("no_such", 1, 0), made.is_complete("for x in y:"), made.is_complete("x = = 1"),
    made.is_complete("%time 1"),
]
print(json.dumps([answers, asked]))
"""


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", DRIVE], input=json.dumps(CELLS), env=environment, cwd=home, capture_output=True,
        text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), "the practice is not seen either"
    assert list(home.iterdir()) == [], "neither a history nor a profile"
    return json.loads(done.stdout)


@pytest.fixture
def cell(driven):
    return lambda name: driven[0][name]


@pytest.fixture
def result(cell):
    return lambda name: next(frame[-1] for frame in cell(name)["frames"] if frame[0] == "result")


@pytest.fixture
def error(cell):
    return lambda name: next(frame[1:] for frame in cell(name)["frames"] if frame[0] == "error")


def test_values_are_kept_as_in_ipython(cell, result):
    assert result("value") == "21"
    assert result("last value") == r"(42, {1: 21}, 'x = 20\nx + 1')"
    assert cell("quiet")["frames"] == [["finished"]]
    assert cell("history")["out"] == "   1:\nx = 20\nx + 1\n"


def test_the_code_says_which_values_are_shown(cell):
    values = [[frame[-1] for frame in cell(name)["frames"]] for name in ("of all", "no value", "of all again")]
    assert values == [["1", "2", "finished"], ["finished"], ["3", "finished"]]


def test_an_error_is_ipythons_own_and_has_its_line(cell, error):
    name, message, written, line = error("called")
    assert (name, message, line) == ("ZeroDivisionError", "division by zero", "3")
    assert "----> 2     1 / 0  # of this cell" in written
    assert "\x1b" not in written
    assert cell("called")["error"] == written
    assert not re.search(r"ipython_(inner|magics|parts|shell)\b", written)
    assert error("syntax")[::3] == ["SyntaxError", "2"]
    assert (
        error("usage")[2] == cell("usage")["error"] == "UsageError: Line magic function `%no_such_magic` not found.\n"
    )


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("called", 1), ("syntax", 1), ("usage", 1), ("shown", 1), ("captured error", 1), ("exit", 0), ("exit with", 5),
        ("forgotten", 0), ("said", 1), ("interrupt", 130), ("nested", 1), ("not raised", 0), ("install", 0),
    ],
)  # fmt: skip
def test_how_a_cell_ends(cell, name, status):
    assert cell(name)["status"] == status
    finished = ["finished"] in cell(name)["frames"]
    assert finished is (status == 0 and name != "exit")
    assert (cell(name)["error"] == "") is (name in ("exit", "exit with", "forgotten", "not raised"))


def test_commands(cell, result):
    assert cell("shell")["out"] == "out\n20\n"  # the shell's own variables are not Python's
    assert result("shell") == "['a', 'b']"
    assert result("status") == "3"
    assert result("caught") == r"('π\n', 'no\n')"
    assert cell("shown")["out"] == "shown\n"
    assert cell("no program")["out"] == "Couldn't find program: 'no-such-program'\n"
    assert result("foreground") == r"(b'back\n', 0)"
    assert result("threads") == "['_MainThread']"


def test_what_a_magic_catches_is_not_shown(cell, result):
    assert cell("captured")["frames"] == [["finished"]]
    assert cell("captured")["out"] == ""
    assert result("of captured") == r"('in\nsub\n', 1)"
    assert "ZeroDivisionError: division by zero" in cell("captured error")["error"]


def test_what_is_displayed(cell):
    assert cell("formatter")["frames"][0][-2:] == ["text/html", "<b>A</b>"]
    shown, cleared, _ = cell("html")["frames"]
    assert (shown[1], shown[-1], cleared) == ("d", "<i>1</i>", ["clear", "0"])


def test_what_one_cell_made_the_next_one_awaits(result):
    assert result("await again") == "'done'"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("install", "%pip: nothing can be installed in a sandbox"),
        ("extension", "%load_ext: the code is in a sandbox already"),
        ("nested", "UsageError: %%sandbox: the code is in a sandbox already; leave this line out."),
        ("connect", "%connect_info: nothing outside can connect"),
        ("autosave", "%autosave: when the notebook is saved"),
        ("store", "%store: nothing in a sandbox outlives it"),
        ("edit", "%edit: no editor"),
    ],
)
def test_what_belongs_outside_says_so_in_one_line(cell, name, words):
    assert cell(name)["error"].startswith(words)
    assert cell(name)["error"].count("\n") == 1


def test_the_rest_is_ipythons(driven, cell, result):
    assert result("input") == "'an answer'"
    assert cell("help")["out"].startswith("Signature: f()\n")
    assert result("last") == "('nocolor', {}, '')"
    kind, names, magics, inspected, nothing, *complete = driven[1]
    assert (kind, names, magics) == ("ipython", [["caught"], 4, 8], ["%matplotlib"])
    assert inspected.startswith("Signature: f()")
    assert nothing == {}
    assert complete == [["incomplete", "    "], ["invalid", ""], ["complete", ""]]
