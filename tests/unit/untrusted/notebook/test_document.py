"""A stranger's notebook file: what is kept of it, and what is refused with a word."""

import json

import nbformat
import pytest

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.untrusted.notebook import document


def file(*cells, **rest):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **rest}).encode()


def code(source="1", **rest):
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None, **rest}


def read(*cells, **rest):
    return document.read(file(*cells, **rest), "a.ipynb")


def test_cells_keep_their_kind_id_and_text():
    found = read(code(["a\n", "b"], id="one"), {"cell_type": "markdown", "source": "# t"}, {"cell_type": "raw"})
    assert [(cell.kind, cell.source) for cell in found] == [("code", "a\nb"), ("markdown", "# t"), ("raw", "")]
    assert found[0].name == "one"
    assert len({cell.name for cell in found}) == 3


@pytest.mark.parametrize("name", [None, 7, "", "../x", "a" * 65, "twice"])
def test_an_id_that_is_none_or_there_already_is_made_anew(name):
    first, second = read(code(id="twice"), code(id=name))
    assert first.name == "twice"
    assert second.name not in ("twice", name)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "no notebook"),
        (b'{"cells": []}', "no notebook"),
        (file(nbformat=3), "not of format 4"),
        (json.dumps({"nbformat": 4}).encode(), "not of format 4"),
        (file(7), "no cell"),
        (file({"cell_type": "heading", "source": "x"}), "no cell"),
        (file(metadata={"kernelspec": {"language": "R"}}), "a notebook of R"),
        (file(metadata={"language_info": {"name": "julia"}}), "a notebook of julia"),
    ],
)
def test_what_is_no_notebook_of_python_is_refused_with_what_was_seen(data, told):
    with pytest.raises(PolicyError, match=told):
        document.read(data, "a.ipynb")


def test_it_is_bounded(monkeypatch):
    monkeypatch.setattr(document, "MOST_CELLS", 2)
    with pytest.raises(PolicyError, match="3 cells"):
        read(code(), code(), code())
    monkeypatch.setattr(document, "MOST_BYTES", 10)
    with pytest.raises(PolicyError, match="too large"):
        read()


def test_of_the_metadata_only_plain_words_about_showing_and_grading_are_kept():
    metadata = {
        "tags": ["a", {"b": 1}, "c\x1b[2J"],
        "nbgrader": {"grade": True, "grade_id": "q1", "points": 2, "deep": {"x": {"y": 1}}, "nan": float("nan")},
        "scrolled": False,
        "widgets": {"state": 1},
        "ipub": {"html": "<script>"},
    }
    (cell,) = read(code(metadata=metadata))
    graded = {"grade": True, "grade_id": "q1", "points": 2}
    assert cell.metadata == {"tags": ["a", "c"], "scrolled": False, "nbgrader": graded}


@pytest.mark.parametrize("wrong", [None, 7, "x", {"a": 1}])
def test_parts_of_another_shape_are_as_if_they_were_not_there(wrong):
    (cell,) = read({"cell_type": "code", "source": 7, "metadata": wrong, "outputs": wrong})
    assert (cell.source, cell.metadata, list(cell.outputs)) == ("", {}, [])


def test_half_a_character_is_no_text():
    (cell,) = read(code("print('\ud800')"))
    assert cell.source == "print('?')"


def test_what_is_written_is_valid_by_the_formats_own_schema():
    cells = [{**code("1"), "id": "a"}, {"cell_type": "markdown", "source": "x", "metadata": {}, "id": "b"}]
    nbformat.validate(nbformat.reads(document.write(cells, {"kernelspec": {"name": "x", "display_name": "X"}}), 4))
