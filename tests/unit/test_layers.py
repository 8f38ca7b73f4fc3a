"""Imports go one way, and what is heavy is imported late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox_magic

ROOT = Path(sandbox_magic.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

PURE = (
    "axes",
    "clock",
    "deadline",
    "errors",
    "events",
    "ink",
    "languages",
    "options",
    "picture",
    "policy",
    "result",
    "timeline",
)
PURE += (
    "card",
    "comparison",
    "drawing",
    "exits",
    "flags",
    "panel",
    "sparkline",
    "usage_file",
    "verdict",
    "watch",
    "words",
)
ABOVE = ("batch", "cli", "commands", "notebook", "terminal", "__main__", "__init__")

SHARED = ("guest.values", "guest.parts", "guest.files", "guest.exchange")  # what both sides write and read

# What each room may import of ours besides itself; a room is a module or a directory.
ROOMS = {
    **dict.fromkeys(PURE, (*PURE, "trusted", "saving")),
    "trusted": (),  # a leaf that everybody may use
    "saving": (),  # likewise; writes a file when a value is told to save itself
    "untrusted": (*PURE, "trusted", *SHARED),
    "jail": (*PURE, "guest.wire", "trusted"),
    "relay": (*PURE, "untrusted"),
    "hints": (*PURE, "untrusted"),
}
BELOW = (*PURE, "trusted", "saving", "untrusted", "guest.wire", *SHARED, "jail", "hints", "relay")
RUNS = ("ending", "execution", "gathering", "handover", "heard", "loop", "question", "run", "session", "variables")
ROOMS["result"] += ("untrusted.files",)  # names the type of its changes, which can apply themselves
ROOMS |= dict.fromkeys(RUNS, (*BELOW, *RUNS))
ROOMS |= dict.fromkeys(ABOVE, (*BELOW, *RUNS, *ABOVE))

NO_INPUT_OR_OUTPUT = {"asyncio", "ctypes", "multiprocessing", "select", "selectors", "shutil", "socket", "subprocess"}
NO_INPUT_OR_OUTPUT |= {"tempfile", "threading", "pathlib", "fcntl", "psutil", "IPython"}


def room(file):
    return file.removesuffix(".py").partition("/")[0]


def imported(file):
    """Give every module that a file imports anywhere, functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used"
            for name in node.names:
                below = f"{node.module}.{name.name}"
                path = ROOT / "/".join(below.split(".")[1:])
                yield below if path.is_dir() or path.with_suffix(".py").is_file() else node.module


def of_ours(file):
    for name in imported(file):
        head, _, rest = name.partition(".")
        if head == "sandbox_magic":
            yield rest or "__init__"


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("guest/")])
def test_imports_go_one_way(file):
    own = room(file)
    assert own in ROOMS, "say in ROOMS what this new module may import"
    allowed = (own, *ROOMS[own])
    wrong = [name for name in of_ours(file) if not any(f"{name}.".startswith(f"{other}.") for other in allowed)]
    assert wrong == []


@pytest.mark.parametrize("file", [file for file in FILES if room(file) in PURE])
def test_pure_modules_start_no_process_and_no_thread_and_open_nothing(file):
    assert not {name.partition(".")[0] for name in imported(file)} & NO_INPUT_OR_OUTPUT
    calls = [node.func for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.Call)]
    assert "open" not in {call.id for call in calls if isinstance(call, ast.Name)}


@pytest.mark.parametrize("file", [file for file in FILES if room(file) == "guest"])
def test_the_guest_imports_nothing_of_the_hosts(file):
    assert list(of_ours(file)) == []


ON_REQUEST = {  # imported late
    "timeline.py": {"pandas"},  # Timeline.to_frame gives a frame to those who have pandas
    "untrusted/hash_tables.py": {"numpy"},  # when a dict or a set with many keys comes out
}


@pytest.mark.parametrize("file", [file for file in FILES if room(file) != "notebook"])
def test_only_the_notebooks_side_knows_widgets_and_ipython(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    checking = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    for node in checking:
        tree.body.remove(node)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    theirs = {"IPython", "ipywidgets", "bqplot", "numpy", "pandas"} - ON_REQUEST.get(file, set())
    assert not {name.partition(".")[0] for name in names} & theirs


HEAVY = ("bqplot", "pandas", "ipywidgets", "numpy", "matplotlib", "psutil", "rich", "IPython")
HEAVY += ("nh3", "tinycss2", "markdown_it")
LOAD = """
import sys, warnings
warnings.simplefilter("error")
import sandbox_magic
print(*(name for name in {heavy} if name in sys.modules))
from IPython.core.interactiveshell import InteractiveShell
before = set(sys.modules)
sandbox_magic.load_ipython_extension(InteractiveShell.instance())
print(*(name for name in {heavy} if name in set(sys.modules) - before))
"""


def test_neither_import_nor_load_ext_imports_anything_heavy(tmp_path):
    """They take a notebook's first second; the widgets come with the first long run, psutil with the first run."""
    command = [sys.executable, "-P", "-c", LOAD.format(heavy=HEAVY)]
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "\n\n"
