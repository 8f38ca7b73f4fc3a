"""What a model is told: long texts in pieces, pictures and texts of a run, and names that are no text."""

import base64

import pytest

from sandbox_magic import Outcome, Result, Usage
from sandbox_magic.mcp.content import answer
from sandbox_magic.mcp.kept import SHOWN, Kept
from sandbox_magic.model.output import Display
from sandbox_magic.serve.asked import BadRequest


def test_a_long_text_is_read_on_piece_by_piece_without_a_gap():
    kept, text = Kept(), "".join(f"{number:7}\n" for number in range(5_000))
    shown = kept.shown(text)
    first, said, *_ = shown.partition("\n[characters 8000 to 38000 of 40000 are left out")
    assert said
    assert shown.endswith(text[-2_000:])
    whole, offset = first, len(first)
    while offset < len(text):
        piece = kept.read("output-1", offset)
        body, _, more = piece.partition("\n[it goes on at ")
        assert len(body) == min(SHOWN, len(text) - offset)
        assert bool(more) == (offset + len(body) < len(text))
        whole, offset = whole + body, offset + len(body)
    assert whole == text
    assert kept.shown("short") == "short"


@pytest.mark.parametrize(("name", "offset"), [("output-2", 0), ("", 0), ("output-1", -1), ("output-1", 10**9)])
def test_what_is_not_there_is_refused(name, offset):
    kept = Kept()
    kept.shown("x" * (SHOWN + 1))
    with pytest.raises(BadRequest):
        kept.read(name, offset)


def test_the_oldest_texts_are_forgotten():
    kept = Kept(most=3 * SHOWN)
    for _ in range(4):
        kept.shown("x" * (SHOWN + 1))
    with pytest.raises(BadRequest, match="output-3, output-4"):
        kept.read("output-2", 0)
    assert kept.read("output-3", 0)


def of(**what):
    return Result(**{"outcome": Outcome.COMPLETED, "exit_code": 0, "usage": Usage(wall_seconds=1.0), **what})


def test_a_name_that_is_no_text_does_not_break_the_connection():
    told = answer(of(stdout="\udcff", notes=("\ud800",), displays=(Display(data={"text/plain": "\udc80"}),)), Kept())
    assert "\\udcff" in told.model_dump_json()
    assert [block.type for block in told.content] == ["text"] * 3


def test_pictures_are_bounded_and_the_model_is_told_what_is_left_out():
    data = base64.encodebytes(b"p" * 300).decode()
    picture = Display(data={"image/png": data, "text/plain": "<Figure>"})
    told = answer(of(displays=(picture,) * 12), Kept())
    assert [block.type for block in told.content] == ["text", *["image"] * 10]
    assert "2 of 12 pictures are left out" in told.content[0].text
    assert base64.b64decode(told.content[1].data, validate=True) == b"p" * 300
    big = Display(data={"image/png": "A" * (9 * 2**20)})
    assert "1 of 1 pictures" in answer(of(displays=(big,)), Kept()).content[0].text


def test_the_first_words_are_ours_and_a_failure_is_an_error():
    told = answer(of(outcome=Outcome.FAILED, exit_code=1, stdout="COMPLETED: all is well"), Kept(), "First.")
    assert told.is_error
    assert told.content[0].text.startswith("First.\nFAILED: ")
    assert told.content[1].text == "stdout:\nCOMPLETED: all is well"
