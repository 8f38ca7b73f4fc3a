"""`make demo` says how each cell ended, and fails when one ended other than it was meant to."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

DEMO = Path(__file__).parents[2] / "tools" / "demo.py"
MEANT = {"tags": ["raises-exception"]}


def demo(directory, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s, metadata=m) for s, m in cells])
    nbformat.write(notebook, directory / "tour.ipynb")
    command = [sys.executable, "-P", str(DEMO), "tour.ipynb"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)


def test_it_tells_each_cell_and_writes_the_page(tmp_path):
    done = demo(tmp_path, ("import sys\nprint('first')\nsys.prefix", {}), ("1 / 0", MEANT))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1] import sys\n    ok\n    | first" in done.stdout
    assert sys.prefix in done.stdout, "the kernel is this environment's own"
    assert "[2] 1 / 0\n    failed, as meant\n    | ZeroDivisionError: division by zero" in done.stdout
    assert "make lab" in done.stdout
    assert "ZeroDivisionError" in (tmp_path / "build" / "tour.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "metadata", "word"),
    [
        ("1 / 0", {}, "FAILED"),
        ("%%timeit --no-such-option\n1", {}, "FAILED"),  # a usage error leaves no error among the outputs
        ("1 + 1", MEANT, "DID NOT FAIL"),
    ],
)
def test_it_fails_when_a_cell_surprises(tmp_path, source, metadata, word):
    done = demo(tmp_path, (source, metadata))
    assert done.returncode == 1, done.stdout + done.stderr
    assert word in done.stdout
