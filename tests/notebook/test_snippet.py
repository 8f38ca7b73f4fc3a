"""The analysis of a snippet: each question gets the answer that the text around it promises."""

import re
import shutil

import pytest

pytestmark = pytest.mark.timeout(240)  # the first test runs the notebook


@pytest.fixture(scope="module")
def executed(execute):
    cells = execute("snippet.ipynb")
    names = "load data table answer plot refused allowed project tidy changes apply other"
    return dict(zip(names.split(), cells, strict=True))


def text(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def shown(cell, mime):
    return [output.data[mime] for output in cell.outputs if mime in output.get("data", {})]


def test_each_cell_ends_as_its_tag_says(executed):
    """The last one asks for Node, and is the only one that may miss something of the machine's."""
    for name, (cell, status) in executed.items():
        meant = "raises-exception" in cell.metadata.get("tags", []) or (name == "other" and not shutil.which("node"))
        assert (status == "error") == meant, text(cell)


def test_a_table_goes_in_and_another_comes_out(executed):
    """It is shown as one, and is one for the cell that follows; the original is untouched."""
    table, _ = executed["table"]
    (result,) = [output.data for output in table.outputs if output.output_type == "execute_result"]
    assert "<table" in result["text/html"]
    assert re.search(r"^south +3 +245\.75 +81\.92$", result["text/plain"], re.MULTILINE)
    assert text(executed["answer"][0]) == "555.75 in all; 2 gaps in the original\n"


def test_the_plot_is_a_picture(executed):
    assert len(shown(executed["plot"][0], "image/png")) == 1


def test_a_missing_file_is_named_and_a_bind_shows_it(executed):
    refused, allowed = executed["refused"][0], executed["allowed"][0]
    note, _below = shown(refused, "text/plain")
    assert note.startswith("failed (exit status 1) · ")
    assert "orders.csv is on this machine, but not in the sandbox; --bind orders.csv shows it there" in note
    assert "orders.csv: No such file or directory" in text(refused)
    assert re.findall(r"(\d) (\w+)\n", text(allowed)) == [("3", "north"), ("3", "south"), ("2", "west")]


def test_changes_are_listed_and_only_the_chosen_one_is_taken(executed):
    assert text(executed["tidy"][0]) == "All tidied up!\n"
    (listed,) = shown(executed["changes"][0], "text/plain")
    assert re.findall(r"^([~+-]) (\S+)", listed, re.MULTILINE) == [
        ("~", "config.ini"),
        ("+", "conftest.py"),
        ("+", "report.md"),
        ("-", "notes.txt"),
    ]
    assert "conftest.py  54 B  (not applied: other programs may run this file by themselves)" in listed
    assert listed.endswith("anything else by its exact name: apply('config.ini')")
    assert text(executed["apply"][0]).endswith("['config.ini', 'notes.txt', 'report.md'] EUR\n")


def test_a_script_of_another_language_finds_nothing_and_nobody(executed):
    """Without its interpreter the cell names what is missing and what is there, and nothing has run."""
    cell, _ = executed["other"]
    if shutil.which("node"):
        assert text(cell).startswith("secrets in the environment: 0\n")
        assert text(cell).count("not there\n") == 4
        assert re.search(r"^not sent: E[A-Z_]+$", text(cell), re.MULTILINE)
    else:
        assert "there is no node or nodejs in the sandbox, so nothing was run; there are python, " in text(cell)
