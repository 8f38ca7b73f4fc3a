"""A result as a notebook shows it."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest

from sandbox_magic import Guard, Isolation, Outcome, Result, Sample, Timeline, Usage
from sandbox_magic.model.units import MIB
from sandbox_magic.picture.card import SHOWN_CHARACTERS, folded, html, noted, plain

ATTACK = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>"
ISOLATION = Isolation(
    guards=(
        Guard(name="network", kind="protection", mechanism="network namespace"),
        Guard(name="memory", kind="limit", mechanism="RLIMIT_DATA", strength="per process", remedy="cgroups <v2>"),
    ),
    shared=("/opt/venv", ATTACK),
    bwrap="bubblewrap 0.11.0 (/usr/bin/bwrap)",
)


TABLE = ("table", "thead", "tbody", "tr", "th", "td")


class Elements(HTMLParser):
    """Collects the names of elements and attributes as a browser would find them."""

    def __init__(self):
        super().__init__()
        self.names, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def result(**fields):
    usage = Usage(wall_seconds=3.2, cpu_seconds=3.1, peak_memory_bytes=40 * MIB, read_bytes=3 * MIB, park_seconds=0.04)
    samples = tuple(Sample(seconds=n, cpu_percent=99.0, memory_bytes=n * MIB) for n in (1, 2, 3))
    return Result(
        outcome=fields.pop("outcome", Outcome.COMPLETED), usage=usage, timeline=Timeline(samples),
        isolation=ISOLATION, **fields,
    )  # fmt: skip


def summaries(page):
    return [re.sub("<[^>]*>", " ", text).split() for text in re.findall("<summary>(.*?)</summary>", page)]


def test_the_picture_and_the_notes_are_shown_and_the_rest_is_folded():
    page = html(result(stdout="a\nb", stderr="c\n", notes=("1 background process was stopped at the end.",)))
    body = page.partition("</style>")[2]
    assert body.index("<img ") < body.index("<p>1 background process") < body.index("<details>")
    assert "<details open" not in page
    assert summaries(page) == [
        ["output", "2", "lines"],
        ["errors", "1", "line"],
        ["figures", "3.0", "MiB", "read"],
        ["isolation", "1", "of", "2", "weaker:", "memory"],
    ]


def test_words_keep_their_spaces_where_an_untrusted_notebook_drops_the_style():
    page = html(result(stdout="a\nb")).partition("</style>")[2]
    assert "output 2 lines" in re.sub("<[^>]*>", "", page)


def test_below_a_picture_the_figures_and_what_held_it_are_folded():
    page = folded(result(stdout=ATTACK))
    assert [words[0] for words in summaries(page)] == ["details"]
    assert "peak memory: 40.0 MiB" in page
    assert "memory: RLIMIT_DATA, per process" in page
    assert page.count("<") < 16, "a page keeps them for every cell"
    assert "<script" not in page


def test_the_picture_of_a_cell_is_said_once_and_may_be_large():
    page = noted(result(notes=("a note",)), large=True)
    assert page.count('role="status"') == page.count("<img ") == 1
    assert "class=sandbox-large" in page
    assert "jp-OutputArea-stdin-item" not in page
    assert "jp-OutputArea-stdin-item" in noted(result(), unanswered=True)
    assert "class=sandbox-large" not in noted(result())


def test_what_was_not_written_is_left_out():
    assert [words[0] for words in summaries(html(result()))] == ["figures", "isolation"]


@pytest.mark.parametrize("field", ["stdout", "stderr", "notes"])
def test_nothing_that_came_from_the_code_is_markup(field):
    page = html(result(**{field: (ATTACK,) if field == "notes" else ATTACK}))
    assert "<script" not in page
    assert page.count("<img ") == 1
    assert ATTACK in unescape(page)


def test_it_fetches_nothing_and_runs_nothing():
    page = html(result(stdout=ATTACK, stderr=ATTACK, notes=(ATTACK,)))
    found = Elements()
    found.feed(page)
    assert found.names <= {"style", "div", "img", "p", "details", "summary", "small", "pre", *TABLE}
    assert found.attributes <= {"class", "src", "alt", "width", "height"}
    assert not re.search(r"https?:|url\(|@import", "".join(re.findall("<style>(.*?)</style>", page, re.DOTALL)))
    assert re.findall(' src="([^"]{14})', page) == ["data:image/svg"]


def test_a_long_output_is_cut_and_says_where_the_rest_is():
    page = html(result(stdout="é" * 1_000_000))
    assert page.count("é") == SHOWN_CHARACTERS
    assert "The first 2,000 of 1,000,000 characters; all of them: .stdout" in page
    assert len(page) < 30_000


def test_of_long_errors_the_end_is_shown_from_a_lines_beginning():
    lines = "".join(f"\x1b[31mline {number}\x1b[0m\n" for number in range(1000))
    page = html(result(stderr=f"{lines}ValueError: why"))
    assert "ValueError: why</pre>" in page
    assert re.search(r"<pre>line \d+\n", page)
    assert re.search(r"The last 1,9\d\d of [\d,]+ characters; all of them: \.stderr", page)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("10 %\r20 %\r30 %\nend", "30 %\nend"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("a\r", ""),
        ("\udce9", "?"),
    ],
)
def test_text_stands_as_on_a_terminal_without_colours(text, shown):
    assert plain(text) == shown


def test_the_isolation_is_a_table_with_remedies():
    page = html(result())
    assert "<tr><th>memory</th><td>RLIMIT_DATA</td><td>per process</td><td>cgroups &lt;v2&gt;</td></tr>" in page
    assert "/opt/venv" in page
    assert "bubblewrap 0.11.0" in page


def test_what_is_not_known_is_called_unknown():
    page = html(Result(outcome=Outcome.FAILED, exit_code=1, usage=Usage(wall_seconds=0.02)))
    assert "<tr><th>CPU time</th><td>unknown</td></tr>" in page
    assert "<tr><th>peak memory</th><td>unknown</td></tr>" in page
    assert [words[0] for words in summaries(page)] == ["figures"]


def test_paused_time_is_told_only_if_there_was_any():
    assert "paused for" not in html(result())
    usage = Usage(wall_seconds=1, paused_seconds=12)
    assert "<tr><th>paused for</th><td>12.0 s</td></tr>" in html(Result(outcome=Outcome.COMPLETED, usage=usage))
