"""Runs in one picture, and the table below it."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from sandbox_magic import (
    Comparison,
    Limits,
    Outcome,
    PolicyError,
    Result,
    Sample,
    SandboxError,
    Timeline,
    Usage,
    compare,
)
from sandbox_magic.model import summary
from sandbox_magic.model.units import MIB

SVG = "{http://www.w3.org/2000/svg}"


def result(outcome=Outcome.COMPLETED, *, wall=4.0, cpu=100.0, memory=80, count=40, **fields):
    samples = tuple(
        Sample(seconds=wall * n / count, cpu_percent=cpu, memory_bytes=memory * MIB * n // count)
        for n in range(1, count + 1)
    )
    usage = Usage(wall_seconds=wall, cpu_seconds=wall * cpu / 100, peak_memory_bytes=memory * MIB)
    return Result(outcome=outcome, usage=usage, timeline=Timeline(samples), **fields)


def drawn(comparison):
    return ET.fromstring(comparison.plot().svg())


def of_class(root, *names):
    return [element for element in root.iter() if set(names) <= set(element.get("class", "").split())]


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


PAIR = (result(), result(wall=1.0, cpu=190.0, memory=160))


def test_both_runs_are_drawn_in_both_panels_over_the_same_axes():
    """The second takes a quarter of the time, so its curve ends after a quarter of the width."""
    root = drawn(compare(*PAIR))
    lines = {name: of_class(root, "curve", name) for name in ("run0", "run1")}
    assert [len(found) for found in lines.values()] == [3, 3]  # one in the legend
    ends = [float(found[-1].get("d").split("L")[-1].split(",")[0]) for found in lines.values()]
    assert ends == pytest.approx([1000, 250])


def test_the_lines_differ_in_style_and_not_in_colour_alone():
    root = drawn(compare(*PAIR))
    assert len(of_class(root, "curve", "dashed", "run1")) == 3
    assert not of_class(root, "curve", "dashed", "run0")
    assert not of_class(root, "area", "run1-fill")


def test_each_line_has_its_label_at_its_end_and_in_the_first_rows():
    root = drawn(compare(*PAIR, labels=("bubble", "quick")))
    assert texts(root).count("bubble") == texts(root).count("quick") == 2
    assert [text for text in texts(root) if "done, " in text] == [
        "bubble\u2002·\u2002done, 4.00 s",
        "quick\u2002·\u2002done, 1.00 s",
    ]


@pytest.mark.parametrize("other", [result(), result(wall=3.9), result(memory=1), result(wall=0.5)])
def test_labels_of_lines_that_end_together_are_moved_apart(other):
    root = drawn(compare(result(), other))
    for panel in of_class(root, "plot")[:2]:
        first, second = of_class(panel, "word")
        places = [float(word.get("x").rstrip("%")) for word in (first, second)]
        heights = [float(word.get("y")) for word in (first, second)]
        assert abs(places[0] - places[1]) >= 40 or abs(heights[0] - heights[1]) >= 12


def test_the_limit_is_drawn_if_it_is_the_same_for_both():
    root = drawn(compare(*PAIR))
    assert len(of_class(root, "limit")) == 1
    assert "memory, limit 512 MiB" in texts(root)
    other = result(limits=Limits(memory_bytes=100 * MIB))
    assert "memory" in texts(drawn(compare(result(), other)))


def test_the_table_has_the_outcome_and_three_figures_and_what_they_are_to_the_first():
    stopped = result(Outcome.WALL_TIME, wall=8.0, memory=20)
    assert compare(result(), stopped).rows == [
        ("outcome", "✓ done", "◷ stopped at the time limit"),
        ("real time", "4.00 s", "8.00 s (2 times as slow)"),
        ("CPU time", "4.00 s", "8.00 s (2 \u00d7)"),
        ("peak memory", "80.0 MiB", "20.0 MiB (0.25 \u00d7)"),
    ]


def test_what_is_not_known_is_called_unknown_and_has_no_ratio():
    bare = Result(outcome=Outcome.FAILED, usage=Usage(wall_seconds=0.0))
    assert compare(bare, PAIR[0]).rows[1:] == [
        ("real time", "0 ms", "4.00 s"),
        ("CPU time", "unknown", "4.00 s"),
        ("peak memory", "unknown", "80.0 MiB"),
    ]


def test_runs_without_samples_are_still_compared():
    bare = Result(outcome=Outcome.FAILED, exit_code=1, usage=Usage(wall_seconds=0.01))
    root = drawn(compare(bare, bare))
    assert len(of_class(root, "curve")) == 2  # the legend's


def test_a_notebook_shows_the_picture_and_the_table_and_a_terminal_the_table():
    bundle = compare(*PAIR, labels=("a", "b"))._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/html", "text/plain"}
    assert 'src="data:image/svg+xml;base64,' in bundle["text/html"]
    assert "<td>160 MiB (2 \u00d7)</td>" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    lines = bundle["text/plain"].splitlines()
    assert lines[0].split() == ["a", "b"]
    assert lines[1].split() == ["outcome", "✓", "done", "✓", "done"]


def test_labels_are_escaped_and_cut():
    comparison = compare(*PAIR, labels=("<script>alert(1)</script>\x00", "y" * 500))
    assert "<script" not in comparison.html()
    assert "<script" not in comparison.plot().svg()
    assert len(comparison.labels[1]) == 40
    assert max(len(text) for text in texts(drawn(comparison)) if text.startswith("y") and "·" not in text) == 11


@pytest.mark.parametrize("labels", [("a",), ("a", "b", "c"), "ab", ()])
def test_there_are_two_labels(labels):
    with pytest.raises(PolicyError, match="labels"):
        compare(*PAIR, labels=labels)


def test_the_description_tells_how_each_run_ended():
    described = compare(*PAIR, labels=("a", "b")).plot().described
    ended = f"a: {summary.ended(PAIR[0])}. b: {summary.ended(PAIR[1])}."
    assert described == f"Two sandbox runs compared. {ended} b is 4 times as fast as a."


def test_it_is_saved_as_a_picture_or_as_a_page_with_the_table(tmp_path):
    comparison = compare(*PAIR)
    comparison.save(tmp_path / "both.svg")
    comparison.save(str(tmp_path / "both.html"), theme="dark")
    ET.fromstring((tmp_path / "both.svg").read_text(encoding="utf-8"))
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert re.search('name="color-scheme" content="dark"', page)
    assert "peak memory" in page
    with pytest.raises(SandboxError, match="A picture is saved"):
        comparison.save(tmp_path / "both.pdf")
    assert not (tmp_path / "both.pdf").exists()


def test_a_comparison_keeps_its_results():
    assert compare(*PAIR) == Comparison(results=PAIR, labels=("first", "second"))


def test_runs_are_called_what_the_callers_variables_are():
    bubble, quick = PAIR
    assert compare(bubble, quick).labels == ("bubble", "quick")
    assert compare(bubble, bubble).labels == ("bubble", "second")
    assert compare(quick, result()).labels == ("quick", "second")
    called = {"compare": compare, "_hidden": bubble, "shown": quick}
    exec("labels = compare(_hidden, shown).labels", called)
    assert called["labels"] == ("first", "shown")


@pytest.mark.parametrize(
    ("wall", "words"),
    [(8.6, "172 times as fast"), (0.05, "as fast"), (0.051, "as fast"), (0.02, "2.5 times as slow"), (0.0, "")],
)
def test_the_speed_is_said_in_words(wall, words):
    slow, quick = result(wall=wall), result(wall=0.05)
    assert compare(slow, quick).rows[1][2] == "50 ms" + f" ({words})" * bool(words)


def test_any_number_of_runs_is_compared():
    runs = [result(wall=4.0 - n / 2, memory=20 + n) for n in range(7)]
    comparison = compare(*runs)
    assert comparison.labels == ("first", "second", "third", "fourth", "fifth", "sixth", "run 7")
    assert {len(row) for row in comparison.rows} == {8}
    root = drawn(comparison)
    styles = {tuple(curve.get("class").split()[1:]) for curve in of_class(root, "curve")}
    assert len(styles) == 7
    for panel in of_class(root, "plot")[:2]:
        heights = sorted(float(word.get("y")) for word in of_class(panel, "word") if word.get("x") == "100.00%")
        assert all(after - before >= 12 for before, after in pairwise(heights))
    assert comparison.plot().described.startswith("7 sandbox runs compared. first: done")


@pytest.mark.parametrize("given", [(), PAIR[:1], (PAIR[0], ("a", "b")), (PAIR[0], None)])
def test_only_two_results_or_more_can_be_compared(given):
    with pytest.raises(PolicyError, match="two results or more"):
        compare(*given)
