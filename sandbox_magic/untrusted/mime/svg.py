"""SVG from a stranger, as a picture: parsed as XML without entities, and written anew from an allow-list.

It is only ever shown by ``<img>``, where a browser runs no script and loads nothing. What is left out here matters
where a reader opens the picture by itself, and where a drawing would keep the browser busy for ever.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from sandbox_magic.untrusted.mime import css
from sandbox_magic.untrusted.mime.images import MOST_PIXELS, NotAPicture, from_base64, picture

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHARACTERS = 4 * 2**20
MOST_ELEMENTS = 100_000
MOST_DRAWN = 300_000  # elements, each counted as often as it is used
MOST_DEPTH = 60
MOST_SHEETS = 20
MOST_MASKED = 20  # elements: each paints the area of its mask anew

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_ELEMENTS = frozenset(
    """
    svg g defs symbol use path rect circle ellipse line polyline polygon text tspan title desc clipPath mask
    linearGradient radialGradient stop pattern style image
    """.split()
)  # no marker: it is drawn at each corner of each path that inherits it
_ATTRIBUTES = css.PROPERTIES - {"content", "cursor", "position"} | frozenset(
    """
    id class d x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy width height viewBox preserveAspectRatio transform points
    offset gradientUnits gradientTransform spreadMethod clipPathUnits maskUnits maskContentUnits patternUnits
    patternContentUnits patternTransform version textLength lengthAdjust rotate clip-path mask
    """.split()
)
_VALUE = re.compile(r"[A-Za-z0-9_.,;:%#+\-*/()'\" \t\r\n]*")  # no escapes, no signs of markup
_POINTER = re.compile(r"\s*url\(\s*#([A-Za-z_][A-Za-z0-9_.:-]*)\s*\)\s*")
_ANCHOR = re.compile(r"#([A-Za-z_][A-Za-z0-9_.:-]*)")


def svg(text: str, take: Callable[[str, int], bool] | None = None) -> str:
    """Return the drawing as an SVG document of its own that holds only what draws.

    Args:
        text: The drawing.
        take: Whether there is room for so much more of something in all of the output (``css``, in characters;
            ``pixels``), which is then taken; without it the drawing is all of it.

    Raises:
        NotAPicture: It is not well-formed, is no SVG, or is too much.
    """
    if len(text) > MOST_CHARACTERS:
        raise NotAPicture("too long")
    start = text.find("<svg")
    if start < 0:
        raise NotAPicture("not an SVG")
    writer = _Writer(take or _room())
    try:
        return writer.run(text)
    except expat.ExpatError as error:
        raise NotAPicture(f"not well-formed: {error}") from None


def _room() -> Callable[[str, int], bool]:
    left = {"css": css.MOST_CHARACTERS, "pixels": 2 * MOST_PIXELS}

    def take(what: str, amount: int) -> bool:
        left[what] -= amount
        return left[what] >= 0

    return take


class _Writer:
    """Writes what the parser reads, as far as it is allowed."""

    def __init__(self, take: Callable[[str, int], bool]) -> None:
        self._take = take
        self._inline: dict[tuple[str, str], str] = {}
        self._out: list[str] = []
        self._open: list[str] = []  # what is written
        self._passed = 0  # how deep inside an element that is not
        self._style: list[str] | None = None
        self._elements = 0
        self._sheets = self._masked = 0
        self._owners: list[str] = [""]  # the ids around, innermost last
        self._sizes: Counter[str] = Counter()
        self._uses: dict[str, list[str]] = {}

    def run(self, text: str) -> str:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._entity
        text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text.lstrip("\ufeff"))
        if "xmlns=" not in text[:2000]:
            text = text.replace("<svg", f'<svg xmlns="{_SVG}"', 1)
        if "xlink:" in text and "xmlns:xlink" not in text:
            text = text.replace("<svg", f'<svg xmlns:xlink="{_XLINK}"', 1)
        parser.Parse(text.encode("utf-8", "replace"), True)  # noqa: FBT003 - expat has no name for it: this is all
        self._bounded()
        return "".join(self._out)

    def _entity(self, *_: object) -> None:
        raise NotAPicture("it declares entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        space, _, local = name.rpartition(" ")
        if self._elements > MOST_ELEMENTS or self._sheets > MOST_SHEETS or len(self._open) > MOST_DEPTH:
            raise NotAPicture("too many elements")
        if not self._open and (space, local) != (_SVG, "svg"):
            raise NotAPicture("not an SVG")
        if self._passed or space != _SVG or local not in _ELEMENTS:
            self._passed += 1
            return
        kept = self._attributes(local, attributes)
        self._count(kept.get("id", ""), kept.get("href", "") if local == "use" else "", kept)
        head = f' xmlns="{_SVG}"' if not self._open else ""
        self._out.append(f"<{local}{head}{''.join(f' {key}={quoteattr(value)}' for key, value in kept.items())}>")
        self._open.append(local)
        if local == "style":
            self._sheets += 1
            self._style = []

    def _attributes(self, local: str, attributes: dict[str, str]) -> dict[str, str]:
        kept = {}
        for name, value in attributes.items():
            if name in ("href", f"{_XLINK} href"):
                if target := self._target(local, value):
                    kept["href"] = target
            elif name == "style":
                kept["style"] = self._style_attribute(local, value)
            elif name in _ATTRIBUTES and _VALUE.fullmatch(value) and _harmless(local, name, value):
                kept[name] = value
        if not self._open:
            _document_size(kept)
        return kept

    def _count(self, identity: str, target: str, kept: dict[str, str]) -> None:
        """Note how much each named part draws, and which parts it uses."""
        targets = [target.removeprefix("#")] if target else []
        targets += [match[1] for value in kept.values() for match in re.finditer(r"url\(\s*#([^)\s]+)", value)]
        self._masked += "mask" in kept or "mask:" in kept.get("style", "")
        if self._masked > MOST_MASKED:
            raise NotAPicture("too many masks")
        self._owners.append(identity)
        for owner in {*self._owners}:
            self._sizes[owner] += 1
            self._uses.setdefault(owner, []).extend(targets)

    def _bounded(self) -> None:
        """Refuse a drawing that uses its parts in a circle, or so often that it takes for ever."""
        drawn: dict[str, int] = {}

        def size(name: str, depth: int) -> int:
            if depth > MOST_DEPTH:
                raise NotAPicture("it uses itself")
            if name not in drawn:
                drawn[name] = self._sizes[name] + sum(size(part, depth + 1) for part in self._uses.get(name, ()))
            if drawn[name] > MOST_DRAWN:
                raise NotAPicture("it draws too much")
            return drawn[name]

        size("", 0)

    def _end(self, _: str) -> None:
        if self._passed:
            self._passed -= 1
            return
        if self._style is not None:
            source = "".join(self._style)
            self._styled(source)
            self._out.append(escape(css.sheet(source, None)))
            self._style = None
        self._owners.pop()
        self._out.append(f"</{self._open.pop()}>")

    def _text(self, text: str) -> None:
        if self._passed:
            return
        if self._style is not None:
            self._style.append(text)
        elif self._open and self._open[-1] in ("text", "tspan", "title", "desc"):
            self._out.append(escape(text))

    def _styled(self, source: str) -> None:
        if not self._take("css", len(source)):
            raise NotAPicture("too much style")

    def _style_attribute(self, local: str, value: str) -> str:
        if (local, value) not in self._inline:
            self._styled(value)
            self._inline[local, value] = _inline(local, value)
        return self._inline[local, value]

    def _target(self, local: str, value: str) -> str:
        """Return what a reference points to: a part of the drawing, or a picture that came along."""
        if match := _ANCHOR.fullmatch(value.strip()):
            return match[0] if local in ("use", "linearGradient", "radialGradient", "pattern") else ""
        head, comma, data = value.partition(";base64,")
        if local == "image" and comma and head.strip().startswith("data:image/"):
            try:
                found = picture(from_base64(data.encode("ascii", "replace")))
            except NotAPicture:
                return ""
            return found.url if self._take("pixels", found.width * found.height) else ""
        return ""


_SHAPES = frozenset("path rect circle ellipse line polyline polygon text tspan".split())


def _may_point(local: str, name: str) -> bool:
    """Whether a property may name a part of the drawing: not where every element inside would inherit it, uncounted."""
    return name in ("clip-path", "mask") or (name in ("fill", "stroke") and local in _SHAPES)


def _harmless(local: str, name: str, value: str) -> bool:
    if name == "stroke-dasharray":
        return css.dashes(value)
    if "(" not in value or "url" not in value.lower():
        return True
    return _may_point(local, name) and _POINTER.fullmatch(value) is not None


def _inline(local: str, value: str) -> str:
    """Keep the declarations that are allowed, and pointers into the drawing itself (clip-path: url(#p1))."""
    kept = [css.inline(value)]
    for part in value.split(";"):
        name, _, pointer = part.partition(":")
        match = _POINTER.fullmatch(pointer)
        if match and _may_point(local, name.strip()):
            kept.append(f"{name.strip()}: url(#{match[1]})")
    return "; ".join(filter(None, kept))


_LENGTH = re.compile(r"\s*(\d{1,5}(?:\.\d{0,9})?)(px|pt|em|ex|cm|mm|in|%)?\s*")


def _document_size(kept: dict[str, str]) -> None:
    """Leave out a width or a height that is no length; refuse what is larger than a picture may be."""
    pixels = 1.0
    for name in ("width", "height"):
        match = _LENGTH.fullmatch(kept.get(name, ""))
        if match is None:
            kept.pop(name, None)
        pixels *= float(match[1]) if match else 1000
    if pixels > MOST_PIXELS:
        raise NotAPicture("too large")
