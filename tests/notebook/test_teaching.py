"""The class about processes and memory: each accident is contained, and its picture is what the text says."""

import re

import pytest

pytestmark = pytest.mark.timeout(240)  # the first test runs the notebook


@pytest.fixture(scope="module")
def executed(execute):
    for _ in range(3):  # the code has a tenth of a second to say where it was, and the machine may stall just then
        cells = execute("teaching.ipynb")
        if "in search" in "".join(text(cell) for cell, _ in cells):
            break
    return cells


def text(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def words(cell):
    (picture,) = [
        output.data["text/plain"] for output in cell.outputs if "<img" in output.get("data", {}).get("text/html", "")
    ]
    return picture


def test_each_cell_ends_as_its_tag_says(executed):
    for cell, status in executed:
        assert (status == "error") == ("raises-exception" in cell.metadata.get("tags", [])), text(cell)


def test_the_accidents_are_contained(executed):
    """Each has its own ending, and the numbers that the text around it promises."""
    _, busy, idle, forked, leak, bomb, numbers = (cell for cell, _ in executed)
    assert words(busy).startswith("stopped at the time limit")
    assert "in search" in text(busy), "the stack shows where it was"
    assert words(idle).startswith("stopped at the time limit"), "it used no CPU time"
    assert words(forked).startswith("done")
    assert "the child ended with status 7\n" in text(forked)
    assert re.match(r"out of memory|failed \(exit status 1\)", words(leak))
    assert words(bomb).startswith("stopped at the time limit")
    assert "Resource temporarily unavailable" in text(bomb)
    assert re.search(r"^40, ", text(numbers), re.MULTILINE)
