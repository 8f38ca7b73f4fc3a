"""What is true of every file that runs inside: an old Python, the standard library alone, no annotation at work."""

import ast
import sys
from pathlib import Path

import pytest

import sandbox_magic.guest

ROOT = Path(sandbox_magic.guest.__file__).parent
GUEST = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
OLDEST = (3, 9)


@pytest.fixture(params=GUEST)
def guest(request):
    """The syntax tree of one file of the guest, as its oldest Python would read it."""
    return ast.parse((ROOT / request.param).read_text(encoding="utf-8"), feature_version=OLDEST)


def test_the_guest_has_files():
    assert {"init.py", "runner.py", "wire.py", "codec/codec.py", "workspace/archive.py"} <= set(GUEST)


AT_REQUEST = {
    "figures.py": {"matplotlib"},
    "ipython_inner.py": {"IPython", "matplotlib", "traitlets"},
    "ipython_magics.py": {"IPython", "matplotlib_inline"},
    "ipython_parts.py": {"IPython"},
    "ipython_shell.py": {"IPython"},
    "library_hooks.py": {"plotly"},
    "start.py": {"sandbox_guest"},
}  # once the cell itself has imported it; for a cell that needs IPython; itself


def test_the_guest_imports_only_the_standard_library_and_itself(request, guest):
    allowed = sys.stdlib_module_names | AT_REQUEST.get(request.node.callspec.params["guest"], set())
    for node in ast.walk(guest):
        if isinstance(node, ast.Import):
            assert {name.name.partition(".")[0] for name in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom) and not node.level:
            assert node.module.partition(".")[0] in allowed


def test_the_guest_evaluates_no_annotation(guest):
    """`list[bytes] | None` is an error in Python 3.9 unless annotations stay text."""
    annotated = any(
        getattr(node, "returns", None) or getattr(node, "annotation", None)
        for node in ast.walk(guest)
        if isinstance(node, (ast.FunctionDef, ast.arg, ast.AnnAssign))
    )
    futures = [name.name for node in guest.body if isinstance(node, ast.ImportFrom) for name in node.names]
    assert not annotated or "annotations" in futures


def test_the_guest_calls_nothing_newer_than_its_oldest_python(guest):
    newer = {"bit_count", "pairwise", "UnionType"}
    assert not newer & {node.attr for node in ast.walk(guest) if isinstance(node, ast.Attribute)}
    named = [keyword.arg for node in ast.walk(guest) if isinstance(node, ast.Call) for keyword in node.keywords]
    assert "strict" not in named  # of zip()


def test_each_module_that_is_hooked_has_a_hook():
    from sandbox_magic.guest.cell_builtins import FIGURES, HOOKED
    from sandbox_magic.guest.library_hooks import LibraryHooks

    assert list(LibraryHooks(None, None, FIGURES)._hooks) == list(HOOKED)
