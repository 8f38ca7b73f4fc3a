"""What a stranger's notebook has saved, before anybody opens it."""

import base64
import zlib

import pytest
from markdown_it import MarkdownIt

from sandbox_magic.untrusted.notebook import cleaning


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
PNG += chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
PICTURE = base64.b64encode(PNG).decode()


def shown(mime, value, kind="display_data", **rest):
    return cleaning.outputs([{"output_type": kind, "data": {mime: value}, "metadata": {}, **rest}])


def test_text_loses_what_drives_a_terminal():
    kept, dropped = cleaning.outputs([{"output_type": "stream", "name": "x", "text": ["a\x1b[2J", "\x1b[31mb"]}])
    assert kept == [{"output_type": "stream", "name": "stdout", "text": "a\x1b[31mb"}]
    assert dropped == []


def test_an_error_stays_an_error():
    error = {"output_type": "error", "ename": "A\nB", "evalue": "x\x07", "traceback": ["one\x1b]0;t\x07", "two"]}
    ((kept,), _) = cleaning.outputs([error])
    assert kept == {"output_type": "error", "ename": "A B", "evalue": "x", "traceback": ["one", "two"]}


def test_html_is_cleaned_and_scripts_are_said():
    (kept,), dropped = shown("text/html", ["<b>x</b>", "<script>1</script>"])
    assert "<b>x</b>" in kept["data"]["text/html"]
    assert "script" not in kept["data"]["text/html"]
    assert any("<script>" in each for each in dropped)


@pytest.mark.parametrize(
    "mime", ["application/javascript", "application/vnd.jupyter.widget-view+json", "application/x-unknown"]
)
def test_a_kind_that_is_not_known_leaves_nothing(mime):
    kept, dropped = shown(mime, {"model_id": "x"} if mime.endswith("json") else "alert(1)")
    assert kept == []
    assert len(dropped) == 1


def test_a_value_keeps_its_number():
    (kept,), _ = shown("text/plain", "7", kind="execute_result", execution_count=3)
    assert kept["execution_count"] == 3
    (kept,), _ = shown("text/plain", "7", kind="execute_result", execution_count="<b>")
    assert kept["execution_count"] is None


def test_json_is_set_out_as_text():
    (kept,), _ = shown("application/json", {"a": [1]})
    assert kept["data"] == {"text/plain": '{\n  "a": [\n    1\n  ]\n}'}


@pytest.mark.parametrize(
    "source",
    [
        "# A title\n\nSome *words*, `code`, [a link](https://example.org).\n\n- one\n- two",
        "a formula $x^2$ and\n\n$$\\frac{1}{2}$$",
        "![plot](attachment:plot.png)",
        "5 < 6 & 7 > 2",
    ],
)
def test_prose_that_is_words_stays_as_it_was_written(source):
    assert cleaning.prose(source) == source


ACTIVE = [
    "<script>1</script>",
    "<img src=x onerror=1>",
    "![beacon](http://beacon.invalid/x)",
    "![beacon][b]\n\n[b]: http://beacon.invalid/x",
    "[x](javascript:1)",
    "[x](java&#115;cript:1)",
    "[x](JavaScript:1)",
    "`a`\n\n<iframe src='/api'></iframe>\n\n<style>b{}</style>\n\n    code\n\n    more",
    "$\\href{javascript:1}{x}$",
    "<pre>\n\n\n\n<b onclick=1>x</b></pre>\n\n<form action=/api/kernels>",
]


@pytest.mark.parametrize("source", ACTIVE)
def test_prose_that_is_more_is_cleaned_html_without_a_blank_line(source):
    cleaned = cleaning.prose(source)
    assert "\n\n" not in cleaned
    again = MarkdownIt("commonmark", {"html": True}).render(cleaned)
    assert again.strip() == cleaned.strip(), "what reads it as Markdown leaves it as it is"
    for active in ("<script", "<iframe", "onerror", "onclick", "<form", 'href="javascript', "beacon.invalid", "<style"):
        assert active not in cleaned
    assert not cleaned or cleaned.startswith("<div ")


def test_prose_that_cannot_be_read_is_shown_as_the_text_that_it_is(monkeypatch):
    monkeypatch.setattr(cleaning.markdown, "MOST_CHARACTERS", 10)
    assert cleaning.prose("```\n<script>1</script>\n````") == "`````\n```\n<script>1</script>\n````\n`````"


def test_attachments_are_pictures_under_the_type_that_they_have():
    offered = {
        "a.png": {"image/svg+xml": PICTURE},
        "b.svg": {"image/png": "<svg onload=1>"},
        "c d.png": {"image/png": PICTURE},
        "e.png": "x",
    }
    assert list(cleaning.attachments(offered)) == ["a.png"]
    assert list(cleaning.attachments(offered)["a.png"]) == ["image/png"]


def test_outputs_are_bounded():
    kept, dropped = cleaning.outputs([{"output_type": "stream", "name": "stdout", "text": "x"}] * 1500)
    assert (len(kept), dropped) == (1000, ["500 more outputs"])
    ((kept,), _) = cleaning.outputs([{"output_type": "stream", "name": "stdout", "text": "x" * 3_000_000}])
    assert len(kept["text"]) < 1_100_000
