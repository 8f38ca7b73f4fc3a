"""A picture as a value: as SVG, as HTML, in a notebook, in a file."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import SandboxError
from sandbox_magic.picture.panel import at_width
from sandbox_magic.picture.theme import PAGE_STYLE, stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.picture.theme import Theme

SAVED_WIDTH = 960  # pixels, of a picture in a file


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Drawing:
    """A picture that needs no kernel, no script and no network, and follows the width it is given.

    Attributes:
        described: The whole picture in sentences, for a reader who does not see it.
        height: In pixels.
        body: The elements on its card.
        paint: Draws the same as PNG.
    """

    described: str
    height: int
    body: str
    paint: Callable[[Theme], bytes]

    def svg(self, *, theme: Theme = "auto", width: int | None = None) -> str:
        """Return a whole SVG document.

        Args:
            theme: ``light``, ``dark``, or ``auto``: as the page around it prefers.
            width: In pixels, as programs other than browsers need it; without, it follows the width it is given.
        """
        whole = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{self.height}" role="img">'
            f"<title>{escape(self.described)}</title><style>{stylesheet(theme)}</style>"
            f'<rect class="card" x=".5" y=".5" width="100%" height="{self.height - 1}" rx="6"/>{self.body}</svg>'
        )
        return whole if width is None else at_width(whole, width)

    def html(self, *, theme: Theme = "auto") -> str:
        """Return the picture as one ``<img>`` with everything inside it, which untrusted notebooks show too.

        A style after it sets the picture's theme to the page's, where the page says which; a front end
        that drops the style shows the picture on its own card, as the browser prefers.
        """
        data = base64.b64encode(self.svg(theme=theme).encode()).decode()
        image = (
            f'<img class="sandbox-picture" alt="{escape(self.described)}" width="100%" height="{self.height}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
        return image + PAGE_STYLE if theme == "auto" else image

    def save(self, path: str | os.PathLike[str], *, theme: Theme = "auto") -> None:
        """Write it to a file whose name ends in ``.svg``, ``.html`` or, with matplotlib, ``.png``.

        Raises:
            SandboxError: The name ends otherwise, or there is no matplotlib.
            OSError: The file can't be written.
        """
        save(path, self, html=self.html(theme=theme), title=self.described, theme=theme)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Return what a notebook shows."""
        return {"text/html": self.html(), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"<Drawing: {self.described}>"


def save(path: str | os.PathLike[str], drawing: Drawing, *, html: str, title: str, theme: Theme = "auto") -> None:
    """Write a picture to a file, as its name says: the drawing alone, or the HTML as a page of its own.

    Raises:
        SandboxError: The name ends in none of ``.svg``, ``.html`` and ``.png``, or there is no matplotlib for the last.
    """
    from sandbox_magic.atomic_write import write

    match os.path.splitext(os.fspath(path))[1].lower():
        case ".svg":
            write(path, drawing.svg(theme=theme, width=SAVED_WIDTH).encode())
        case ".html" | ".htm":
            write(path, page(html, title, theme=theme))
        case ".png":
            write(path, drawing.paint(theme))
        case other:
            what = "A picture is saved as .svg, .html or .png."
            raise SandboxError(what, seen=f"a name that ends in {other!r}", remedy='.save("run.svg")')


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="{scheme}">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body{{font:14px system-ui,-apple-system,"Segoe UI",sans-serif;max-width:1200px;margin:24px auto;padding:0 16px}}
table{{border-collapse:collapse;margin:8px 0 24px}} td,th{{padding:3px 16px 3px 0;text-align:left;vertical-align:top}}
h2{{font-size:15px;margin:24px 0 4px}} th{{font-weight:600;white-space:nowrap}}
</style></head><body>
{body}
</body></html>
"""


def page(body: str, title: str, *, theme: Theme = "auto") -> bytes:
    """Return a whole page that needs no network and runs no script.

    Args:
        body: Its HTML.
        title: As text.
        theme: As of the pictures in it.
    """
    scheme = "light dark" if theme == "auto" else theme
    whole = _PAGE.format(scheme=scheme, title=escape(title), body=body)
    return whole.encode("utf-8", "backslashreplace")  # a path may hold bytes that are no text
