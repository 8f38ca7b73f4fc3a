"""`make demo` says how each cell ended, and fails when one ended other than it was meant to."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

DEMO = Path(__file__).parents[2] / "tools" / "demo.py"
MEANT = {"tags": ["raises-exception"]}


def demo(directory, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s, metadata=m) for s, m in cells])
    nbformat.write(notebook, directory / "tour.ipynb")
    command = [sys.executable, "-P", str(DEMO), "tour.ipynb"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=85, check=False)


def test_it_tells_each_cell_and_writes_the_page(tmp_path):
    done = demo(tmp_path, ("import sys\nprint('first')\nsys.prefix", {}), ("1 / 0", MEANT))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1] import sys\n    ok\n    | first" in done.stdout
    assert sys.prefix in done.stdout, "the kernel is this environment's own"
    assert "[2] 1 / 0\n    failed, as meant\n    | ZeroDivisionError: division by zero" in done.stdout
    assert "make lab" in done.stdout
    assert "ZeroDivisionError" in (tmp_path / "build" / "tour.html").read_text(encoding="utf-8")


def test_it_fails_when_cells_surprise(tmp_path):
    """Each of them is counted: so each alone would have made it fail."""
    usage_error = "%%timeit --no-such-option\n1"  # which leaves no error among the outputs
    done = demo(tmp_path, ("1 / 0", {}), (usage_error, {}), ("1 + 1", MEANT), ("1 / 0", MEANT), ("1 + 1", {}))
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.findall(r"^    (\w+(?: \w+)*)(?:,.*)?$", done.stdout, re.MULTILINE)[:5] == [
        "FAILED", "FAILED", "DID NOT FAIL", "failed", "ok"
    ]  # fmt: skip
    assert "5 cells, 3 ended other than they should" in done.stdout
