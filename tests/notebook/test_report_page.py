"""The report of a batch in a real browser: whatever a submission is called, writes and gets said, the page is ours.

The corpus is that of ``test_active_content.py``, where each vector is shown to act.
"""

import json
import re
import time
from pathlib import Path

import pytest

from sandbox_magic.batch.graded import Graded, Score
from sandbox_magic.batch.results import Results
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.result import ErrorDetails, Result, Usage
from tests.notebook.conftest import PAGE_SECONDS, VIEWPORT, shared

CORPUS = [json.loads(line) for line in Path(__file__).with_name("active_content.jsonl").read_text("utf-8").splitlines()]
EVERY = 4  # of them: some two hundred
SPOOFS = [
    "</pre></details></div><details open><summary>ada.py <small>done, 1 of 1</small></summary>",
    "<tr><th>ada.py</th><td>done</td><td>1 of 1</td></tr>",
    "</title></head><title>{title}</title><!--",
    "</textarea><plaintext>",
    "\x1b]0;pwned\x07\x1b[2J\u202e\u2066",
    "x" * 255,
    "W" * 40 + "\u0301" * 40,
]
CONTROL = b"<script>fired('a script')</script><img src=http://beacon.invalid/asked>"
POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy"[^>]*>')
FACTS = """() => ({
    names: [...document.querySelectorAll(".rows tbody th")].map(cell => cell.textContent),
    titles: [...document.querySelectorAll("body > .sandbox-result > details > summary")].map(
        each => each.firstChild.textContent.slice(0, -1)),
    hidden: [...document.querySelectorAll(".rows tbody tr")].filter(row => !row.offsetHeight).length,
    pictures: [...document.images].filter(image => image.naturalWidth).length,
    wider: [document.documentElement, document.querySelector(".rows")].filter(
        each => each.scrollWidth > each.clientWidth).length,
    tags: [...new Set([...document.querySelectorAll("body *")].map(each => each.localName))].sort(),
})"""
OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"
LISTED = "details div h1 img p pre small style summary table tbody td th thead tr"


def row(number, text):
    """A row that has the text wherever a submission can put it."""
    error = ErrorDetails(name=text[:200], message=text, traceback=text)
    said = Score(points=0, of=1, note=text)
    result = Result(
        outcome=Outcome.FAILED, exit_code=1, usage=Usage(wall_seconds=1.0), stdout=text, stderr=text, error=error
    )
    return Graded(name=text[:255], case=number, result=result, score=said, why=text)


@pytest.fixture
def heard(server):
    """A page of its own, and all that is heard of it."""
    acted: list[str] = []
    context = shared.browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(PAGE_SECONDS * 1000)
    page = context.new_page()
    page.expose_function("fired", lambda what: acted.append(str(what)))
    page.on("dialog", lambda dialog: (acted.append(dialog.message), dialog.dismiss()))
    for event in ("popup", "download", "pageerror", "worker"):
        page.on(event, lambda what: acted.append(repr(what)))
    page.route(re.compile("^(?!file:|data:)"), lambda route: (acted.append(route.request.url), route.abort("aborted")))
    yield page, acted
    context.close()


@pytest.mark.timeout(240)
def test_nothing_of_a_submission_acts_and_every_row_is_there(heard, tmp_path):
    page, acted = heard
    texts = [*SPOOFS, *(vector["text"] for vector in CORPUS[::EVERY])]
    texts = [text.replace("{call}", "fired('{n}')").replace("{url}", "http://beacon.invalid/{n}") for text in texts]
    rows = Results(row(number, text) for number, text in enumerate(texts, 1))
    path = tmp_path / "report.html"
    rows.save(path, title="The night")

    attacked = path.read_bytes().replace(b"</h1>", b"</h1>" + CONTROL, 1)
    (tmp_path / "bare.html").write_bytes(POLICY.sub(b"", attacked, count=1))
    page.goto((tmp_path / "bare.html").as_uri())
    deadline = time.monotonic() + PAGE_SECONDS
    while len(set(acted)) < 2 and time.monotonic() < deadline:  # a picture may be asked for ahead of the parser too
        page.wait_for_timeout(50)
    assert set(acted) == {"a script", "http://beacon.invalid/asked"}, "the control is heard, and nothing else"
    page.goto("about:blank")
    acted.clear()
    (tmp_path / "held.html").write_bytes(attacked)
    page.goto((tmp_path / "held.html").as_uri())
    assert acted == [], "the page's own policy would hold it"

    page.goto(path.as_uri())
    page.evaluate(OPEN)
    page.wait_for_function("[...document.images].every(image => image.complete)")
    facts = page.evaluate(FACTS)
    shown = [each.shown for each in rows.worst_first()]
    assert facts["names"] == facts["titles"] == shown
    assert len(set(shown)) == len(rows)
    assert (facts["hidden"], facts["pictures"], facts["wider"]) == (0, len(rows), 0)
    assert set(facts["tags"]) <= set(LISTED.split())
    assert (page.title(), page.url, acted) == ("The night", path.as_uri(), [])
