"""Rich output of a stranger's: of a bundle of any types and bytes, what may be shown, and a word on the rest.

It says what is known safe, never what is known bad: a type that is not named here is dropped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from sandbox_magic.untrusted.mime import latex
from sandbox_magic.untrusted.mime.images import MOST_SIDE, NotAPicture, from_base64, picture
from sandbox_magic.untrusted.text import HeadTail, label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_TEXT = 2**20
MOST_TYPES = 50
MOST_NAMED = 12

_PICTURES = ("image/png", "image/jpeg", "image/gif")
_REASONS = {
    "application/javascript": "it would run in the page",
    "text/javascript": "it would run in the page",
    "application/vnd.jupyter.widget-view+json": "its controls need scripts in the page; this is how the widget stood",
}
_SCRIPTED = (
    "application/vnd.plotly", "application/vnd.vega", "application/vnd.bokehjs", "application/vnd.holoviews",
)  # fmt: skip
_UNKNOWN = "this kind is not known to be safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What may be shown of a bundle.

    Attributes:
        data: Jupyter's MIME bundle: text as text, pictures as base64. It may be empty.
        metadata: What Jupyter keeps beside it: for each picture its width and height as it wishes to be shown.
        dropped: What is not in ``data``, and why, in words for a person.
    """

    data: Mapping[str, str]
    metadata: Mapping[str, object]
    dropped: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Bundle:
    """A bundle in the making: what is offered, and what is kept of it so far."""

    offered: Mapping[str, bytes]
    wishes: Mapping[str, object]
    data: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, object] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)

    def drop(self, what: str, why: str) -> None:
        what = what.encode("ascii", "backslashreplace").decode()  # a type's name is ASCII, or wants to look like one
        self.dropped.append(f"{label(what, 80)} ({label(why, 160)})")


def clean(offered: Mapping[str, bytes], metadata: Mapping[str, object] | None = None) -> Cleaned:
    """Return what may be shown of a bundle. Whatever is offered, this answers, in bounded time and space."""
    bundle = _Bundle(offered=offered, wishes=metadata if isinstance(metadata, dict) else {})
    known = {name for name, _ in CLEANERS}
    for name in [name for name in offered if name not in known][:MOST_TYPES]:
        bundle.drop(
            name, "it needs scripts in the page" if name.startswith(_SCRIPTED) else _REASONS.get(name, _UNKNOWN)
        )
    for name, keep in CLEANERS:
        if name in offered:
            keep(bundle, name, offered[name])
    unseen = len(bundle.dropped) - MOST_NAMED
    dropped = [*bundle.dropped[:MOST_NAMED], *([f"{unseen} more"] if unseen > 0 else [])]
    return Cleaned(
        data=MappingProxyType(bundle.data), metadata=MappingProxyType(bundle.metadata), dropped=tuple(dropped)
    )


def _image(bundle: _Bundle, name: str, data: bytes) -> None:
    """Keep a picture under the type that its bytes have."""
    try:
        found = picture(from_base64(data))
    except NotAPicture as why:
        bundle.drop(name, str(why))
        return
    if found.mime not in bundle.data:
        bundle.data[found.mime] = found.base64
        wish = bundle.wishes.get(name)
        sizes = wish if isinstance(wish, dict) else {}
        kept = {
            key: sizes[key]
            for key in ("width", "height")
            if type(sizes.get(key)) is int and 0 < sizes[key] <= MOST_SIDE
        }
        if kept:
            bundle.metadata[found.mime] = kept


def _mathematics(bundle: _Bundle, name: str, data: bytes) -> None:
    """Keep mathematics that is known to draw signs only; show the rest as it was written."""
    source = _decoded(data)
    if latex.latex(source):
        bundle.data[name] = source
    else:
        bundle.drop(name, "not all of it is known to be safe")
        if "text/plain" not in bundle.offered:
            bundle.data["text/plain"] = source


def _page(bundle: _Bundle, name: str, data: bytes) -> None:
    """Keep it as HTML, if no kind before it has given any; a drawing only where there is no mathematics."""
    if "text/html" in bundle.data or (name == "image/svg+xml" and "text/latex" in bundle.data):
        return
    shown, dropped = _html(name, data)
    for what in dropped:
        bundle.dropped.append(label(f"{name}: {what}", 240))
    if shown:
        bundle.data["text/html"] = shown


def _instead(bundle: _Bundle, name: str, data: bytes) -> None:
    """Keep it as text, if nothing else is shown; JSON is set out to be read."""
    if not bundle.data:
        bundle.data["text/plain"] = _json(data) if name == "application/json" else _decoded(data)


def _plain(bundle: _Bundle, name: str, data: bytes) -> None:
    """Keep plain text beside what is shown."""
    if "application/json" not in bundle.offered or set(bundle.data) != {name}:
        bundle.data[name] = _decoded(data)


def _html(name: str, data: bytes) -> tuple[str, list[str]]:
    """Return something as HTML that only shows, and what was left out."""
    from sandbox_magic.untrusted.mime import html, markdown

    source = data.decode("utf-8", "replace")
    try:
        if name == "image/svg+xml":
            return html.drawing(source), []
        shown, dropped = html.clean(markdown.render(source) if name == "text/markdown" else source)
    except ValueError as why:
        return "", [f"all of it ({why})"]
    except Exception:  # noqa: BLE001 - whatever a stranger's bytes do to a parser, the run goes on without them
        return "", ["all of it (it could not be read)"]
    if not shown and not dropped and source.strip():
        dropped = ["all of it (nothing of it could be shown)"]
    return shown, dropped


def _decoded(data: bytes) -> str:
    kept = HeadTail(MOST_TEXT)
    kept.feed(data)
    return kept.text


def _json(data: bytes) -> str:
    """Set JSON out to be read, where it is not too long then: what is deeply nested grows a thousandfold."""
    pieces, left = [], MOST_TEXT
    try:
        for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(data[:MOST_TEXT])):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                return _decoded(data)
    except (ValueError, RecursionError):
        return _decoded(data)
    return _decoded("".join(pieces).encode("utf-8", "replace"))


CLEANERS: tuple[tuple[str, Callable[[_Bundle, str, bytes], None]], ...] = (
    *((name, _image) for name in _PICTURES),
    ("text/latex", _mathematics),
    ("text/html", _page),
    ("text/markdown", _page),
    ("image/svg+xml", _page),
    ("application/json", _instead),
    ("text/plain", _plain),
    ("text/markdown", _instead),
)
"""A MIME type -> what keeps it, in the order in which they are asked. What is not here is dropped."""
