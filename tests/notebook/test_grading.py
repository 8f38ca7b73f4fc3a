"""The grading of a folder: each submission gets the points that it deserves, and nothing of any is active."""

import html
import re

import pytest

pytestmark = pytest.mark.timeout(240)  # eighty sandboxes, some of which use up their time, before the first test

RIGHT = {"right", "right, with a loop", "right, from a module", "right, and it talks", "right, from Windows"}
# What is wrong for some questions, or does no harm; all others get nothing.
POINTS = dict.fromkeys(RIGHT, 4) | {
    "kills its parent": 4,  # it only tried
    "wrong, no empty list": 3,
    "wrong, whole numbers": 3,  # of whole numbers it is right
    "wrong, a constant": 1,
    "wrong, as text": 1,
    "patches sys.modules": 1,
}
ACTIVE = re.compile(r"<script|<[^>]*\son\w+=|<img(?! [^>]*src=\"data:image/svg)", re.IGNORECASE)


@pytest.fixture(scope="module")
def executed(execute):
    cells = execute("grading.ipynb")
    assert [status for _, status in cells] == ["ok"] * len(cells), [cell.outputs for cell, _ in cells]
    return [cell for cell, _ in cells]


def text(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def shown(cell):
    (page,) = [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]
    return page


def rows(page):
    lines = re.findall(r"<tr><th>(.*?)</th>(.*?)</tr>", page)
    return {html.unescape(name): re.findall(r"<td>(.*?)</td>", cells) for name, cells in lines}


def test_each_gets_the_points_that_it_deserves(executed):
    """And the worst comes first: who was killed, who failed, and then by points."""
    _, written, _, night, _, _ = executed
    assert text(written) == "40 submissions\n"
    table = rows(shown(night))
    table.pop("")
    assert len(table) == 40
    points = {name: score for name, (_, score, *_) in table.items()}
    assert points == {name: f"{POINTS.get(name, 0)} of 4" for name in points}
    assert set(list(table)[-6:]) == {name for name, points in POINTS.items() if points == 4}
    assert {table[name][0] for name in list(table)[:5]} & {"done", "failed: ValueError"} == set()
    assert table["crash"][0] == "failed: ZeroDivisionError"


def test_what_attacks_the_page_is_text(executed):
    *_, night, one, kept = executed
    for page in (shown(night), shown(one)):
        assert not ACTIVE.search(page)
    assert "&lt;img src=x onerror=alert(4)&gt;" in shown(night), "the control: it is there"
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown(one)
    assert re.fullmatch(r"\d+ kB\n", text(kept))
    assert "right, from a module" in shown(kept)
