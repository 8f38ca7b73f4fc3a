"""Imports go one way, rooms are free of circles, and what is heavy is imported late."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sandbox_magic

ROOT = Path(sandbox_magic.__file__).parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))

# The rooms from the lowest on: each may import those before it. A room is a directory, or a file of the root.
ORDER = (
    "safe_import",
    "version",
    "atomic_write",
    "guest/codec",
    "guest/workspace",
    "guest",
    "model",
    "picture",
    "terminal",
    "untrusted",
    "untrusted/mime",
    "untrusted/notebook",
    "untrusted/workspace",
    "net",
    "packages",
    "jail/cgroup",
    "jail/view",
    "jail/kept",
    "jail/attempts",
    "jail",
    "execution",
    "batch",
    "serve",
    "mcp",
    "adapters",
    "notebook/dashboard",
    "notebook",
    "kernel",
    "cli",
    "__init__",
    "__main__",
)
# What of the guest the host may import: the forms in which both sides write and read.
SHARED = ("guest/wire.py", "guest/variables.py", "guest/scoring.py", "guest/codec/", "guest/workspace/archive.py")
# The arrows that run up: a value that shows or writes itself, as those of pandas do. All are late, or for types.
UP = {
    ("model/attempts.py", "picture/card.py"),
    ("model/result.py", "execution/record.py"),
    ("model/result.py", "picture/card.py"),
    ("model/result.py", "picture/course.py"),
    ("model/result.py", "picture/drawing.py"),
    ("model/result.py", "untrusted/workspace/changes.py"),
    ("model/timeline.py", "picture/course.py"),
    ("model/timeline.py", "picture/drawing.py"),
}
# Circles of files within a room that are meant.
TOGETHER: set[frozenset[str]] = set()


def room(file):
    directory, _, name = file.rpartition("/")
    return directory or name.removesuffix(".py")


def parsed(file):
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def for_types(tree):
    """Return the nodes below ``if TYPE_CHECKING`` and the guest's ``if False``."""
    tests = ("TYPE_CHECKING", "False")
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) in tests]
    return {child for block in blocks for child in ast.walk(block)}


def imported(file, tree, *, top=False):
    """Yield every module that a file imports by name; with ``top`` only when it is itself imported."""
    within = for_types(tree) if top else set()
    within |= {
        child for node in ast.walk(tree) if top and isinstance(node, ast.FunctionDef) for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in within:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ("sandbox_magic/" + file).split("/")[: -node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            for name in node.names:
                yield f"{base}.{name.name}" if path_of(f"{base}.{name.name}") else base


def path_of(module):
    path = "/".join(module.split(".")[1:]) + ".py"
    return path if module.startswith("sandbox_magic.") and path in FILES else ""


def of_ours(file, *, top=False):
    return {path for name in imported(file, parsed(file), top=top) if (path := path_of(name))}


@pytest.mark.parametrize("file", FILES)
def test_imports_go_one_way(file):
    own = room(file)
    assert own in ORDER, "say in ORDER where this new room stands"
    above = [other for other in of_ours(file) if ORDER.index(room(other)) > ORDER.index(own)]
    assert [other for other in above if (file, other) not in UP] == []
    now = of_ours(file, top=True)
    assert not [other for other in above if other in now], "what runs up must be late"


def test_the_arrows_that_run_up_are_there():
    assert {(file, other) for file, other in UP if other not in of_ours(file)} == set()


@pytest.mark.parametrize("own", ORDER)
def test_a_room_is_free_of_circles(own):
    """Also those of functions and of types: who reads one file needs not read them all."""
    inside = {file: {other for other in of_ours(file) if room(other) == own} for file in FILES if room(file) == own}
    for one, *others in map(sorted, TOGETHER):
        for other in others:
            inside.get(one, set()).discard(other)
    list(TopologicalSorter(inside).static_order())


@pytest.mark.parametrize("file", [file for file in FILES if not room(file).startswith("guest")])
def test_the_host_imports_of_the_guest_what_both_sides_write(file):
    assert [other for other in of_ours(file) if room(other).startswith("guest") and not other.startswith(SHARED)] == []


@pytest.mark.parametrize("file", [file for file in FILES if room(file).startswith("guest")])
def test_the_guest_imports_nothing_of_the_hosts(file):
    assert [other for other in of_ours(file) if not room(other).startswith("guest")] == []


NO_INPUT_OR_OUTPUT = {"asyncio", "ctypes", "multiprocessing", "select", "selectors", "shutil", "socket", "subprocess"}
NO_INPUT_OR_OUTPUT |= {"tempfile", "threading", "pathlib", "fcntl", "psutil", "IPython"}


@pytest.mark.parametrize("file", [file for file in FILES if room(file) in ("model", "picture")])
def test_values_and_pictures_start_no_process_and_no_thread_and_open_nothing(file):
    tree = parsed(file)
    assert not {name.partition(".")[0] for name in imported(file, tree)} & NO_INPUT_OR_OUTPUT
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "open" not in {call.id for call in calls if isinstance(call, ast.Name)}


ON_REQUEST = {  # imported late
    "batch/results.py": {"pandas"},  # as Attempts, below
    "guest/ipython_inner.py": {"IPython"},  # the sandbox's own, as the next three
    "guest/ipython_magics.py": {"IPython"},
    "guest/ipython_parts.py": {"IPython"},
    "guest/ipython_shell.py": {"IPython"},
    "model/attempts.py": {"pandas"},  # Attempts.to_frame gives a frame to those who have pandas, as the next
    "model/timeline.py": {"pandas"},
    "untrusted/hash_tables.py": {"numpy"},  # when a dict or a set with many keys comes out
}


@pytest.mark.parametrize("file", [file for file in FILES if not room(file).startswith("notebook")])
def test_only_the_notebooks_side_knows_widgets_and_ipython(file):
    tree = parsed(file)
    used = set(ast.walk(tree)) - for_types(tree)
    names = {alias.name for node in used if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in used if isinstance(node, ast.ImportFrom) and not node.level}
    theirs = {"IPython", "ipywidgets", "bqplot", "numpy", "pandas"} - ON_REQUEST.get(file, set())
    assert not {name.partition(".")[0] for name in names} & theirs


HEAVY = ("bqplot", "pandas", "ipywidgets", "numpy", "matplotlib", "psutil", "rich", "IPython")
HEAVY += ("nh3", "tinycss2", "markdown_it")
# What of ours a notebook loads before its first cell. All else comes with the first run, or with the name asked for.
AT_LOAD = {"safe_import", "model", "notebook"}
NOT_AT_LOAD = {"model.result", "model.attempts", "model.timeline", "model.isolation", "notebook.views"}
LOAD = """
import json, sys, warnings
warnings.simplefilter("error")

def loaded():
    return [name for name in sys.modules if name.partition(".")[0] in {heavy} or name.startswith("sandbox_magic.")]

import sandbox_magic
found = [loaded()]
from IPython.core.interactiveshell import InteractiveShell
before = set(sys.modules)
sandbox_magic.load_ipython_extension(InteractiveShell.instance())
found.append([name for name in loaded() if name not in before])
sandbox_magic.run
found.append([name for name in loaded() if name.startswith("sandbox_magic.execution")])
print(json.dumps(found))
"""


def test_import_and_load_ext_import_little(tmp_path):
    """They take a notebook's first second; the widgets come with the first long run, psutil with the first run."""
    command = [sys.executable, "-P", "-c", LOAD.replace("{heavy}", str(HEAVY))]
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    imported_, by_load, by_name = json.loads(done.stdout)
    assert imported_ == ["sandbox_magic.safe_import"]
    names = {name.removeprefix("sandbox_magic.") for name in by_load if not name.startswith("IPython.")}
    assert {name.partition(".")[0] for name in names} <= AT_LOAD
    assert "notebook.magic" in names
    assert not {name for name in names if name in NOT_AT_LOAD or name.startswith("notebook.dashboard")}
    assert "sandbox_magic.execution.api" in by_name
