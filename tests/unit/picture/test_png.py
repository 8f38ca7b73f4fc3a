"""A picture in a file that is no drawing: the same panels, by matplotlib."""

import io
import sys

import pytest

from sandbox_magic import Mark, Outcome, Result, Sample, SandboxError, Timeline, Usage, compare
from sandbox_magic.model.units import MIB
from sandbox_magic.picture.theme import colours

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def result(wall=4.0, memory=300, marks=()):
    samples = [
        Sample(seconds=wall * n / 40, cpu_percent=50.0, memory_bytes=memory * MIB * min(n, 20) // 20)
        for n in range(1, 41)
    ]
    usage = Usage(wall_seconds=wall, peak_memory_bytes=memory * MIB)
    return Result(outcome=Outcome.COMPLETED, usage=usage, timeline=Timeline(tuple(samples), marks=marks))


def inks(path):
    """Return the size of a picture, and the colours in it by how many pixels they have."""
    image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
    return image.size, {f"#{r:02x}{g:02x}{b:02x}": count for count, (r, g, b) in image.getcolors(image.width * 400)}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_run_is_saved_with_both_curves_in_the_colours_of_its_theme(tmp_path, theme):
    result().plot().save(tmp_path / "run.PNG", theme=theme)
    size, found = inks(tmp_path / "run.PNG")
    assert size == (1920, 2 * 184)
    assert max(found, key=found.get) == colours(theme)["card"]
    assert all(found.get(colours(theme)[name].lower(), 0) > 500 for name in ("cpu", "memory"))


def test_every_kind_of_picture_is_saved(tmp_path):
    paused = result(marks=(Mark("paused", 1.0), Mark("resumed", 1.0, paused_seconds=2.0)))
    bare = Result(outcome=Outcome.FAILED, exit_code=1, usage=Usage(wall_seconds=0.01))
    shown = {"pause": paused, "short": bare, "timeline": result().timeline}
    for name, value in shown.items():
        value.plot().save(tmp_path / f"{name}.png")
    compare(result(), result(wall=1.0), bare).save(tmp_path / "three.png")
    sizes = {path.stem: inks(path)[0][1] for path in tmp_path.iterdir()}
    assert sizes == {"pause": 368, "short": 72, "timeline": 368, "three": 2 * (54 + 220)}
    _, found = inks(tmp_path / "three.png")
    assert all(found.get(colours("light")[name].lower(), 0) > 100 for name in ("run0", "run1"))


def test_a_label_with_dollars_is_no_formula(tmp_path):
    compare(result(), result(), labels=("a $x", "b $\\frac{1")).save(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_both_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SandboxError) as caught:
        result().plot().save(tmp_path / "run.png")
    assert "sandbox-magic[plot]" in caught.value.remedy
    assert ".svg or .html" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []
