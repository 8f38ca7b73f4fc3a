"""The static picture: an SVG that needs nothing but a browser."""

import base64
import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from sandbox_magic import Limits, Mark, Outcome, Result, Sample, SandboxError, Timeline, Usage
from sandbox_magic.model import summary
from sandbox_magic.model.units import MIB
from sandbox_magic.picture import course

SVG = "{http://www.w3.org/2000/svg}"


def result(outcome=Outcome.OUT_OF_MEMORY, *, count=64, wall=3.2, unknown=()):
    samples = tuple(
        Sample(
            seconds=wall * n / count,
            cpu_percent=None if n in unknown else 100 + 3 * math.sin(n),
            cpu_seconds=wall * n / count,
            memory_bytes=int(512 * MIB * n / count),
            processes=2,
        )
        for n in range(1, count + 1)
    )
    usage = Usage(wall_seconds=wall, cpu_seconds=3.1, peak_memory_bytes=512 * MIB)
    return Result(outcome=outcome, exit_code=1, usage=usage, timeline=Timeline(samples))


def drawn(run, **options):
    return ET.fromstring(course.svg(run, **options))


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_it_says_in_words_how_the_run_ended():
    line = summary.ended(result())
    shown = "".join(texts(drawn(result())))
    assert line.state in shown
    assert all(figure in shown for figure in line.figures)


def test_both_curves_go_through_every_sample():
    root = drawn(result(count=64))
    for name in ("cpu", "memory"):
        (curve,) = [element for element in of_class(root, "curve") if name in element.get("class").split()]
        assert curve.get("d").count("L") == 63


def test_the_memory_curve_rises_to_the_limits_line():
    root = drawn(result())
    (curve,) = [element for element in of_class(root, "curve") if "memory" in element.get("class").split()]
    points = [tuple(map(float, point.split(","))) for point in curve.get("d")[1:].split("L")]
    (limit,) = of_class(root, "limit")
    assert points[-1][0] == pytest.approx(1000)
    assert points[-1][1] == pytest.approx(float(limit.get("y1")), abs=0.1)
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))
    assert "limit 512 MiB" in texts(root)


def test_the_bold_figures_are_the_peaks_and_each_has_its_dot_and_its_name():
    samples = [(1, 20.0, 10), (2, 90.0, 300), (3, 40.0, 43)]
    timeline = Timeline(tuple(Sample(seconds=s, cpu_percent=c, memory_bytes=m * MIB) for s, c, m in samples))
    usage = Usage(wall_seconds=3, peak_memory_bytes=300 * MIB)
    root = drawn(Result(outcome=Outcome.COMPLETED, usage=usage, timeline=timeline))
    assert ["".join(word.itertext()) for word in of_class(root, "word")] == ["90 %", "300 MiB"]
    assert ["".join(word.itertext()) for word in of_class(root, "aside")] == ["peak CPU", "peak memory"]
    assert [dot.get("cx") for dot in of_class(root, "cpu-fill") if dot.tag == f"{SVG}circle"] == ["66.67%"]
    assert [dot.get("cx") for dot in of_class(root, "memory-fill") if dot.tag == f"{SVG}circle"] == ["66.67%"]
    assert any("peak memory 300 of 512 MiB" in text for text in texts(root))


def test_a_pause_has_its_width_on_the_axis_of_time():
    run = result(Outcome.COMPLETED, wall=4.0, count=80)
    marks = (Mark("paused", 2.0), Mark("resumed", 2.0, paused_seconds=6.0))
    root = drawn(replace(run, timeline=replace(run.timeline, marks=marks)))
    bands = [band.get("d") for band in of_class(root, "pause")]
    assert [band.split(",")[0] for band in bands] == ["M200.0"] * 2
    assert ["H800.0" in band for band in bands] == [True, True]
    curves = [curve for curve in of_class(root, "curve") if "memory" in curve.get("class").split()]
    assert len(curves) == 2
    assert curves[1].get("d").startswith("M800.0,")
    assert [line.get("x1") for line in of_class(root, "moment")] == ["20.00%", "80.00%"]


def test_a_limit_outside_the_picture_is_said_and_not_drawn():
    root = drawn(replace(result(), limits=Limits(memory_bytes=64 * 1024 * MIB)))
    assert not of_class(root, "limit")
    assert "limit 64 GiB ↑" in texts(root)


def test_what_could_not_be_read_is_a_gap_and_not_zero():
    root = drawn(result(count=20, unknown=range(8, 13)))
    assert len([element for element in of_class(root, "curve") if "cpu" in element.get("class").split()]) == 2


def test_a_run_whose_cpu_was_never_known_is_drawn_without_that_curve():
    root = drawn(result(count=20, unknown=range(30)))
    assert "CPU unknown" in texts(root)
    assert len(of_class(root, "curve")) == 1


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_run_that_was_cut_short_has_a_mark_at_its_end(outcome):
    run = result(outcome)
    cause = summary.cause(run)
    assert ["".join(text.itertext()) for text in of_class(drawn(run), "cause")] == ([cause] if cause else [])


def test_the_mark_at_the_end_stands_at_the_curves_end_where_the_run_was_paused():
    """The samples' clock goes on in a pause, the run's own does not."""
    run = result()
    root = drawn(replace(run, usage=replace(run.usage, wall_seconds=1.2, paused_seconds=2.0)))
    assert [line.get("x1") for line in of_class(root, "bad") if line.tag == f"{SVG}line"] == ["100.00%"]


@pytest.mark.parametrize("run", [result(count=1), result(count=0), result(wall=0.05)])
def test_a_run_too_short_for_curves_is_one_line(run):
    root = drawn(run)
    assert root.get("height") == "36"
    assert not of_class(root, "plot")
    assert f'height="{course.SHORT_HEIGHT}"' in course.html(run)


def test_it_is_at_most_200_pixels_high():
    assert int(drawn(result()).get("height")) <= 200


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_it_runs_nothing_and_fetches_nothing(theme):
    source = course.svg(result(), theme=theme)
    names = {element.tag.removeprefix(SVG) for element in ET.fromstring(source).iter()}
    assert names <= {"svg", "title", "style", "rect", "g", "path", "circle", "line", "text", "tspan", "foreignObject"}
    assert not re.search(r"\bon\w+=|href|url\(|@import|javascript", source)
    assert ("prefers-color-scheme" in source) == (theme == "auto")


def test_light_and_dark_differ_in_colours_alone():
    light, dark = (course.svg(result(), theme=theme) for theme in ("light", "dark"))
    assert light != dark
    assert re.sub("#[0-9a-fA-F]{6}", "", light) == re.sub("#[0-9a-fA-F]{6}", "", dark)


def test_the_html_is_one_image_that_holds_everything():
    source = course.html(result(), theme="light")
    match = re.fullmatch(r'<img [^>]*alt="([^"]*)"[^>]* src="data:image/svg\+xml;base64,([^"]*)">', source)
    assert match[1] == summary.described(result())
    assert base64.b64decode(match[2]).decode() == course.svg(result(), theme="light")


def test_the_page_may_tell_the_picture_its_theme():
    source = course.html(result())
    image, style = source.split("<style>")
    assert image.startswith("<img ")
    assert "color-scheme" in style


def test_a_full_series_stays_small():
    assert len(course.html(result(count=600))) < 60_000


def shared(parts, limit=512 * MIB):
    """Return the course of a run whose memory has these anonymous and shared parts, in MiB."""
    samples = (
        Sample(seconds=n, cpu_percent=1.0, memory_bytes=(own + other) * MIB, anonymous_bytes=own * MIB)
        for n, (own, other) in enumerate(parts, start=1)
    )
    return Timeline(tuple(samples), memory_limit_bytes=limit)


def of_timeline(timeline):
    return ET.fromstring(timeline.plot().svg())


def test_shared_memory_is_told_apart_from_the_codes_own():
    root = of_timeline(shared([(100, 0), (150, 50), (200, 100)]))
    (line,) = of_class(root, "part")
    (whole,) = [curve for curve in of_class(root, "memory") if "part" not in curve.get("class")]
    assert len(of_class(root, "share")) == 1
    own, both = (float(curve.get("d").split(",")[-1]) for curve in (line, whole))
    assert own > both  # further down
    at = {"".join(element.itertext()): element.get("x") for element in root.iter(f"{SVG}text")}
    assert at["100 shared"] == at["300 MiB"]  # one below the other, behind all that marks the end


def test_shared_memory_that_is_gone_at_the_end_is_named_where_there_was_most():
    root = of_timeline(shared([(200, 0), (200, 100), (200, 0)]))
    assert "100 MiB shared" in texts(root)


@pytest.mark.parametrize("parts", [[(100, 1), (150, 2), (200, 3)], [(100, 0)] * 3])
def test_shared_memory_too_little_to_be_seen_is_not_drawn(parts):
    root = of_timeline(shared(parts))
    assert not of_class(root, "share")
    assert not any("shared" in text for text in texts(root))


def test_memory_whose_parts_are_not_known_is_drawn_whole():
    assert not of_class(drawn(result()), "share")


def marked(*marks, wall=10.0):
    run = result(Outcome.COMPLETED, wall=wall)
    return replace(run, timeline=replace(run.timeline, marks=marks))


def labels(root):
    return ["".join(text.itertext()) for text in of_class(root, "flag")]


def test_each_mark_is_a_line_with_its_label_and_the_codes_own_are_in_quotes():
    root = drawn(marked(Mark("first output", 2.0), Mark("sorted", 7.5, own=True)))
    assert [line.get("x1") for line in of_class(root, "moment")] == ["20.00%", "75.00%"]
    assert sorted(labels(root)) == ["first output", "“sorted”"]


@pytest.mark.parametrize(
    ("marks", "label"),
    [
        ([Mark("paused", 5), Mark("resumed", 5.01)], "paused, resumed"),
        ([Mark("step", 5, own=True)] * 4, "“step” \u00d74"),
        ([Mark(f"a rather long label {n}", 5) for n in range(3)], "a rather long label 0 +2"),
    ],
)
def test_marks_at_one_place_are_one_line(marks, label):
    root = drawn(marked(*marks))
    assert len(of_class(root, "moment")) == 1
    assert labels(root) == [label]


def shown_labels(source, width):
    """Yield the labels that the style shows in a picture so many pixels wide, each with its extent."""
    root = ET.fromstring(source)
    rules = re.findall(
        r"@media\(min-width:([\d.]+)px\) and \(max-width:([\d.]+)px\)\{([^{}]*)\{display:inline\}\}", source
    )
    classes = {
        name.strip(".") for low, high, names in rules if float(low) <= width <= float(high) for name in names.split(",")
    }
    for text in of_class(root, "flag"):
        if classes & set(text.get("class").split()):
            start = float(text.get("x").rstrip("%")) / 100 * (width - 148) + float(text.get("dx"))
            long = 5.6 * len("".join(text.itertext()))
            yield (start - long, start) if text.get("text-anchor") == "end" else (start, start + long)


@pytest.mark.parametrize("width", [300, 380, 500, 777, 900, 1200])
@pytest.mark.parametrize("count", [2, 9, 40, 100])
def test_no_label_of_a_mark_stands_over_another_or_outside_the_picture(width, count):
    marks = [Mark(f"a label {n * 7919}", 10 * n / count, own=n % 3 == 0) for n in range(count)]
    extents = sorted(shown_labels(course.svg(marked(*marks)), width))
    assert extents
    assert all(left[1] < right[0] for left, right in pairwise(extents))
    assert extents[0][0] > -60
    assert extents[-1][1] < width - 60


def test_a_wide_picture_shows_more_labels_than_a_narrow_one():
    marks = [Mark(f"step {n}", n / 4) for n in range(40)]
    numbers = [len(list(shown_labels(course.svg(marked(*marks)), width))) for width in (300, 600, 1200)]
    assert numbers == sorted(set(numbers))


def test_many_marks_do_not_hide_the_curves():
    root = drawn(marked(*(Mark("x", n / 10) for n in range(100))))
    assert {line.get("y2") for line in of_class(root, "moment")} == {"-1.0"}


def test_a_label_that_the_code_chose_is_text_whatever_is_in_it():
    root = drawn(marked(Mark("</text><script>\x00\x1b[31m\u202e" + "x" * 500, 5.0, own=True)))
    (label,) = labels(root)
    assert label.startswith("“</text><script>[31m")
    assert len(label) == 30


def test_the_description_tells_the_marks():
    told = summary.described(marked(Mark("first output", 2.0), Mark("sorted", 7.5, own=True)))
    assert told.endswith("Marks: first output at 2.00 s, “sorted” at 7.50 s.")
    many = summary.described(marked(*(Mark("x", n) for n in range(10))))
    assert many.endswith("x at 7.00 s, and 2 more.")


def test_a_timeline_alone_is_drawn_without_an_ending():
    timeline = replace(result().timeline, memory_limit_bytes=512 * MIB)
    root = of_timeline(timeline)
    assert len(of_class(root, "curve")) == 2
    assert "limit 512 MiB" in texts(root)
    assert not of_class(root, "cause")
    assert any(text.startswith("3.20 s") for text in texts(root))
    assert "limit" not in "".join(texts(of_timeline(result().timeline)))


@pytest.mark.parametrize(("samples", "word"), [((), "no samples"), ((Sample(seconds=0.5),), "0.50 s")])
def test_a_timeline_too_short_for_curves_is_one_line(samples, word):
    drawing = Timeline(samples).plot()
    assert drawing.height == course.SHORT_HEIGHT
    assert texts(ET.fromstring(drawing.svg())) == [word]


def test_a_notebook_shows_a_drawing_and_a_file_holds_it(tmp_path):
    drawing = result().timeline.plot()
    assert drawing._repr_mimebundle_(include=None, exclude=None) == {
        "text/html": drawing._repr_html_(),
        "text/plain": f"<Drawing: {drawing.described}>",
    }
    drawing.save(tmp_path / "run.svg", theme="light")
    drawing.save(tmp_path / "run.HTML")
    assert (tmp_path / "run.svg").read_text(encoding="utf-8") == drawing.svg(theme="light", width=960)
    page = (tmp_path / "run.HTML").read_text(encoding="utf-8")
    assert drawing.html() in page
    assert 'content="light dark"' in page


def test_a_picture_in_a_file_can_be_drawn_by_programs_that_are_no_browsers():
    """They know neither foreign objects nor widths that are calculations."""
    root = ET.fromstring(course.drawing(result()).svg(width=960))
    assert root.get("width") == "960"
    frames = [frame for frame in root if frame.tag.endswith("}svg")]
    assert len(frames) >= 4
    assert {(frame.get("x"), frame.get("width")) for frame in frames} == {("60", "812")}
    assert not [element for element in root.iter() if element.tag.endswith("}foreignObject")]


def test_a_drawing_in_another_format_is_refused_with_a_remedy(tmp_path):
    with pytest.raises(SandboxError) as caught:
        result().plot().save(tmp_path / "run.pdf")
    assert "svg" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []
