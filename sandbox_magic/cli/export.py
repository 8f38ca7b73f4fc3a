"""A run as a picture in a file: SVG and HTML by ourselves, PNG by matplotlib where it is installed."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.picture import course, png
from sandbox_magic.picture.drawing import SAVED_WIDTH, page

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.model.result import Result


def check(path: str) -> None:
    """Refuse, before anything is run, a picture that could not be drawn after it.

    Raises:
        PolicyError: Its kind is unknown, or what draws it is not installed.
    """
    suffix = _suffix(path)
    if suffix not in _FORMATS:
        raise PolicyError(f"{path} is not a picture's name", remedy="a name that ends in .svg, .html or .png")
    if suffix == ".png" and not png.can_draw():
        raise PolicyError("a PNG is drawn by matplotlib, which is not installed", remedy=png.REMEDY)


def drawn(path: str, result: Result) -> bytes:
    """Return the content of the picture's file.

    Raises:
        SandboxError: matplotlib does not work.
    """
    return _FORMATS[_suffix(path)](result)


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _svg(result: Result) -> bytes:
    return course.drawing(result).svg(width=SAVED_WIDTH).encode()


def _html(result: Result) -> bytes:
    """Return a page with the picture, the notes, and what was in force."""
    guards = "".join(
        f"<tr><th>{escape(guard.name)}</th><td>{escape(guard.text)}</td>"
        f"<td>{'' if guard.strength == 'enforced' else escape(guard.strength)}</td></tr>"
        for guard in result.isolation.guards
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in result.notes)
    table = f"<h2>What was in force</h2>\n<table>{guards or '<tr><td>not known</td></tr>'}</table>"
    return page(f"{course.html(result)}\n{notes}\n{table}", f"Sandbox run: {result.summary}")


def _png(result: Result) -> bytes:
    return course.drawing(result).paint("light")


_FORMATS: dict[str, Callable[[Result], bytes]] = {".svg": _svg, ".html": _html, ".png": _png}
