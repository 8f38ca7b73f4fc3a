"""A picture as a value: as SVG, as HTML, in a notebook, in a file."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sandbox_magic.errors import SandboxError
from sandbox_magic.ink import PAGE_STYLE, stylesheet

if TYPE_CHECKING:
    from sandbox_magic.ink import Theme


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Drawing:
    """A picture that needs no kernel, no script and no network, and follows the width it is given.

    Attributes:
        described: The whole picture in sentences, for a reader who does not see it.
        height: In pixels.
        body: The elements on its card.
    """

    described: str
    height: int
    body: str

    def svg(self, *, theme: Theme = "auto") -> str:
        """Give a whole SVG document.

        Args:
            theme: ``light``, ``dark``, or ``auto``: as the page around it prefers.
        """
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{self.height}" role="img">'
            f"<title>{escape(self.described)}</title><style>{stylesheet(theme)}</style>"
            f'<rect class="card" x=".5" y=".5" width="100%" height="{self.height - 1}" rx="6"/>{self.body}</svg>'
        )

    def html(self, *, theme: Theme = "auto") -> str:
        """Give the picture as one ``<img>`` with everything inside it, which untrusted notebooks show too.

        A style after it tells the picture which theme the page has, where the page knows; a front end
        that drops the style shows the picture on its own card, as the browser prefers.
        """
        data = base64.b64encode(self.svg(theme=theme).encode()).decode()
        image = (
            f'<img class="sandbox-picture" alt="{escape(self.described)}" width="100%" height="{self.height}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
        return image + PAGE_STYLE if theme == "auto" else image

    def save(self, path: str | os.PathLike[str], *, theme: Theme = "auto") -> None:
        """Write it to a file whose name ends in ``.svg`` or ``.html``.

        Raises:
            SandboxError: The name ends otherwise.
            OSError: The file can't be written.
        """
        save(path, svg=self.svg(theme=theme), html=self.html(theme=theme), title=self.described, theme=theme)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        """Give what a notebook shows."""
        return {"text/html": self.html(), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return f"<Drawing: {self.described}>"


def save(path: str | os.PathLike[str], *, svg: str, html: str, title: str, theme: Theme = "auto") -> None:
    """Write a picture to a file, as its name says: the SVG alone, or the HTML as a page of its own.

    Raises:
        SandboxError: The name ends neither in ``.svg`` nor in ``.html``.
        OSError: The file can't be written.
    """
    from sandbox_magic.saving import write

    match os.path.splitext(os.fspath(path))[1].lower():
        case ".svg":
            write(path, svg)
        case ".html" | ".htm":
            write(path, _page(html, title, theme))
        case other:
            what = "A picture is saved as .svg or .html."
            raise SandboxError(what, seen=f"a name that ends in {other!r}", remedy='.save("run.svg")')


def _page(html: str, title: str, theme: Theme) -> str:
    scheme = "light dark" if theme == "auto" else theme
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="{scheme}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>body{{margin:16px auto;max-width:1200px;padding:0 16px;font:13px system-ui,sans-serif}}</style>"
        f"</head><body>{html}</body></html>\n"
    )
