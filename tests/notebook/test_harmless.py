"""Harmless rich output from a sandbox looks as it does from an ordinary cell: the same pixels, in JupyterLab."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops

PIECES = Path(__file__).with_name("harmless.py")
LEAST = 50

SAME = 0.0005  # the part of a picture that may differ visibly: an edge smoothed otherwise

# What looks different, and why.
DIFFERENT = {
    "Markdown: program in a language": "Lab colours it by an editor of its own; here it is one colour",
    "code outside a paragraph": "Lab shades <code> below any other element, and here the output's own is one",
}
TOLERANCE = 24  # of 255: smoothed edges lie on other fractions of a pixel

MAKE = f"""
import base64, runpy
from IPython.core.pylabtools import select_figure_formats
from IPython.display import display
from sandbox_magic.untrusted.mime.bundle import clean

select_figure_formats(get_ipython(), {{"png"}})
pieces = runpy.run_path({str(PIECES)!r})["PIECES"]
bundles = [get_ipython().display_formatter.format(piece) for piece in pieces.values()]
print(*pieces, sep="\\n")
"""
ORDINARY = "for data, metadata in bundles:\n    display(data, metadata=metadata, raw=True)"
CLEANED = """
for data, metadata in bundles:
    offered = {kind: value if isinstance(value, bytes) else value.encode() for kind, value in data.items()}
    cleaned = clean(offered, metadata)
    display(dict(cleaned.data), metadata=dict(cleaned.metadata), raw=True)
"""
ALIGN = """() => {
    for (const node of document.querySelectorAll(".jp-OutputArea-child")) {
        const {top} = node.getBoundingClientRect();
        node.style.marginTop = `${Math.ceil(top) - top}px`;
    }
}"""
BOXES = """cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].outputArea.widgets.map(({node}) => {
    const {left, top, right, bottom} = node.querySelector(".jp-OutputArea-output").getBoundingClientRect();
    return [left, top, right, bottom].map(Math.round);
})"""
# Pictures are there, and no text that waits for MathJax is left.
TYPESET = """() => [...document.images].every(image => image.complete) &&
    document.querySelectorAll("mjx-container").length >= 20 &&
    [...document.querySelectorAll(".jp-RenderedLatex")].every(node => node.querySelector("mjx-container"))"""


def shown(lab, cell):
    """The pictures of a cell's outputs."""
    lab.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).scroll_into_view_if_needed()
    page = Image.open(io.BytesIO(lab.page.screenshot())).convert("RGB")
    return [page.crop(box) for box in lab.page.evaluate(BOXES, cell)]


def difference(one, other):
    """How large a part of two pictures differs visibly; all of it if they differ in size."""
    if one.size != other.size:
        return 1.0
    apart = ImageChops.difference(one, other).convert("L").point(lambda value: 255 * (value > TOLERANCE))
    return apart.histogram()[255] / (one.width * one.height)


@pytest.mark.timeout(240)
def test_harmless_output_looks_the_same(lab):
    """Each piece is shown as the kernel publishes it and as the cleaner gives it, and the two are compared."""
    lab.open([MAKE, ORDINARY, CLEANED])
    lab.page.set_viewport_size({"width": 1280, "height": 16_000})
    lab.run()
    lab.page.wait_for_function(TYPESET)
    lab.page.evaluate(ALIGN)
    names = lab.text(0).splitlines()
    ordinary, cleaned = shown(lab, 1), shown(lab, 2)
    assert len(ordinary) == len(names), "the kernel published something else besides"
    apart = dict(zip(names, map(difference, ordinary, cleaned), strict=True))
    assert {name: part for name, part in apart.items() if part > SAME} == {name: apart[name] for name in DIFFERENT}
    assert len(names) - len(DIFFERENT) >= LEAST
    assert all(len(picture.getcolors(10**6)) > 1 for picture in ordinary), "nothing was shown that could be compared"
