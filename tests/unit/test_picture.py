"""The static picture: an SVG that needs nothing but a browser."""

import base64
import math
import re
from xml.etree import ElementTree as ET

import pytest

from sandbox_magic import Limits, Outcome, Result, Sample, Timeline, Usage, picture, words
from sandbox_magic.policy import MIB

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


def drawn(run, limits=None, **options):
    return ET.fromstring(picture.svg(run, limits or Limits(), **options))


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_it_says_in_words_how_the_run_ended():
    line = words.ended(result(), Limits())
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


def test_a_limit_outside_the_picture_is_said_and_not_drawn():
    root = drawn(result(), Limits(memory_bytes=64 * 1024 * MIB))
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
    cause = words.cause(run)
    assert ["".join(text.itertext()) for text in of_class(drawn(run), "cause")] == ([cause] if cause else [])


@pytest.mark.parametrize("run", [result(count=1), result(count=0), result(wall=0.05)])
def test_a_run_too_short_for_curves_is_one_line(run):
    root = drawn(run)
    assert root.get("height") == "36"
    assert not of_class(root, "plot")
    assert f'height="{picture.SHORT_HEIGHT}"' in picture.html(run, Limits())


def test_it_is_at_most_200_pixels_high():
    assert int(drawn(result()).get("height")) <= 200


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_it_runs_nothing_and_fetches_nothing(theme):
    source = picture.svg(result(), Limits(), theme=theme)
    names = {element.tag.removeprefix(SVG) for element in ET.fromstring(source).iter()}
    assert names <= {"svg", "title", "style", "rect", "g", "path", "circle", "line", "text", "tspan", "foreignObject"}
    assert not re.search(r"\bon\w+=|href|url\(|@import|javascript", source)
    assert ("prefers-color-scheme" in source) == (theme == "auto")


def test_light_and_dark_differ_in_colours_alone():
    light, dark = (picture.svg(result(), Limits(), theme=theme) for theme in ("light", "dark"))
    assert light != dark
    assert re.sub("#[0-9a-fA-F]{6}", "", light) == re.sub("#[0-9a-fA-F]{6}", "", dark)


def test_the_html_is_one_image_that_holds_everything():
    source = picture.html(result(), Limits(), theme="light")
    match = re.fullmatch(r'<img [^>]*alt="([^"]*)"[^>]* src="data:image/svg\+xml;base64,([^"]*)">', source)
    assert match[1] == words.described(result(), Limits())
    assert base64.b64decode(match[2]).decode() == picture.svg(result(), Limits(), theme="light")


def test_the_page_may_tell_the_picture_its_theme():
    source = picture.html(result(), Limits())
    image, style = source.split("<style>")
    assert image.startswith("<img ")
    assert "color-scheme" in style


def test_a_full_series_stays_small():
    assert len(picture.html(result(count=600), Limits())) < 60_000
