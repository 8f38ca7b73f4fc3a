"""The tour: every cell ends as it is meant to, and shows what the text around it promises."""

import re
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.timeout(240)  # the first test runs the notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PICTURE = re.compile(r'<img [^>]*src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"')


# Where the code was when it was stopped. It has a tenth of a second to say it, and the machine may stall just then.
STACK = re.compile(r'File "/sandbox/cell.py", line [23] in <module>')


@pytest.fixture(scope="module")
def executed(execute):
    for _ in range(3):
        cells = execute("tour.ipynb")
        if STACK.search("".join(text(cell) for cell, _ in cells)):
            break
    return cells


def text(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def pictures(cell):
    return [output.data for output in cell.outputs if PICTURE.search(output.get("data", {}).get("text/html", ""))]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_committed_as_they_were_written(path):
    """No outputs, no counts, and a kernelspec, without which JupyterLab asks for a kernel in a dialog."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


def test_each_cell_ends_as_its_tag_says(executed):
    """Only the cells tagged raises-exception fail, each with one line and no traceback."""
    for cell, status in executed:
        meant = "raises-exception" in cell.metadata.get("tags", [])
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert (status, len(errors)) == (("error", 1) if meant else ("ok", 0)), text(cell)
        assert [len(error.traceback) for error in errors] == [1] * len(errors)
    assert [cell.execution_count for cell, _ in executed] == list(range(1, len(executed) + 1))


def test_each_sandbox_cell_leaves_one_picture_that_needs_no_kernel(executed):
    """And no widget: it would say that its model is not found."""
    endings = ["done", "stopped at the time limit", r"out of memory|failed \(exit status 1\)", "done"]
    sandboxed = [cell for cell, _ in executed if cell.source.startswith("%%sandbox")]
    for cell, ending in zip(sandboxed, endings, strict=True):
        (picture,) = pictures(cell)
        assert re.match(rf"({ending}) · ", picture["text/plain"]), picture["text/plain"]
        assert picture["text/plain"].partition("\n")[0] in picture["text/html"]
        assert not [output for output in cell.outputs if "widget-view" in str(output.get("data"))]


def test_the_cells_show_what_the_text_promises(executed):
    _, clean, loop, _, attempts, look = (text(cell) for cell, _ in executed)
    assert clean.count("step") == 5
    assert clean.partition("sandbox_magic: memory is watched")[0].endswith("step 5 of 5: 1500000 numbers\n")
    assert STACK.search(loop)
    for what in ("call home", "read /etc/shadow", "steal your SSH keys", "write into /usr"):
        assert f"{what}: refused, " in attempts
    assert re.search(r"^who am I: uid [1-9]\d*, ", attempts, re.MULTILINE)
    assert "a scratch file of its own: 7\n" in attempts
    assert look.startswith("<Result: COMPLETED, ")
    assert re.search(r"^COMPLETED 0 \d{6,}$", look, re.MULTILINE)
    assert "network namespace" in look
