"""Writes HTML anew: the tags on the list with the attributes on the list, and no other; notes what was left out."""

from __future__ import annotations

import html
import re
import urllib.parse
from binascii import b2a_base64
from typing import TYPE_CHECKING

from sandbox_magic.untrusted.mime import css, latex, media
from sandbox_magic.untrusted.mime.allowlist import FLAG, LINK, MEDIA, REASONS, SHAPED, SPAN, SPANS, TAGS
from sandbox_magic.untrusted.mime.images import MOST_PIXELS, NotAPicture, from_base64, picture
from sandbox_magic.untrusted.mime.svg import svg
from sandbox_magic.untrusted.mime.tokenizer import RAW, VOID, End, Start, TooMuch, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.untrusted.mime.selectors import Scope

MOST = {  # of one output, in all
    "formulas": 60_000,  # characters of mathematics: MathJax is slow
    "signs": 100_000,  # of mathematics, in text that is none
    "columns": 50_000,  # that cells span
    "pixels": 2 * MOST_PIXELS,
    "pictures": 2_000,
    "media": 20,
    "css": css.MOST_CHARACTERS,
    "names": 400_000,
    "sheets": 200,
}


class Writer:
    """Writes what is allowed, and notes what was left out.

    Args:
        scope: Renames what style sheets could select.

    Attributes:
        styles: The style sheets in it.
        dropped: What was left out, in the order in which it came.
        shows: Whether there is anything to see.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._out: list[str] = []
        self.styles: list[str] = []
        self.dropped: dict[str, None] = {}
        self.shows: bool = False
        self._room = dict(MOST)
        self._inline: dict[str, str] = {}
        self._verbatim = 0  # how deep in elements whose text is no mathematics

    def run(self, source: str, most: int) -> str:
        """Return the source written anew.

        Args:
            source: Someone's HTML.
            most: How many characters it may become.

        Raises:
            TooMuch: It is too long, or there is too much of something in it.
        """
        for token in tokens(source):
            if isinstance(token, str):
                self._text(token)
            elif isinstance(token, End):
                self._end(token.name)
            else:
                self._start(token)
        written = "".join(self._out)
        if len(written) > most:
            raise TooMuch("too long")
        return written

    def _take(self, what: str, amount: int) -> bool:
        """Whether there is room for so much more of something, which is then taken."""
        self._room[what] -= amount
        return self._room[what] >= 0

    def _text(self, text: str) -> None:
        self.shows = self.shows or bool(text.strip())
        if "$" not in text and "\\" not in text:
            self._out.append(_escaped(text))
            return
        for piece, typeset in latex.pieces(text):
            if typeset and not self._verbatim and self._take("formulas", len(piece)):
                self._out.append(f"<span>{html.escape(piece, quote=False)}</span>")  # no other text joins in
            else:
                self._apart(piece)

    def _apart(self, text: str) -> None:
        """Write text with no mathematics in it: each sign that could begin or end some is kept apart."""
        if not self._take("signs", text.count("$") + text.count("\\")):
            raise TooMuch("too many signs of mathematics")
        text = _escaped(text) if self._verbatim else _escaped(text).replace("\\$", "$")  # as MathJax shows it
        self._out.append(_APART.sub(r"<span>\g<0></span>", text))

    def _end(self, name: str) -> None:
        if name in TAGS:
            self._out.append(f"</{name}>")
            self._verbatim -= name in _VERBATIM

    def _start(self, tag: Start) -> None:
        if tag.name == "style":
            self._style(tag.raw or "")
        elif tag.name == "svg":
            self._svg(tag)
        elif tag.name == "img":
            self._image(tag)
        elif tag.name in MEDIA:
            self._media(tag)
        elif tag.name == "input" and tag.attributes.get("type", "").lower() != "checkbox":
            self._note("input")
        elif tag.name not in TAGS or tag.name in RAW:
            self._note(tag.name)
            self._out.append("<i hidden></i>" if tag.name == "script" else "")  # so that :last-child is who it was
        else:
            attributes = self._attributes(tag)
            self.shows = self.shows or tag.name in _SEEN or PAINTED.search(attributes.get("style", "")) is not None
            self._write(tag, attributes)
            self._verbatim += tag.name in _VERBATIM and tag.name not in VOID

    def _note(self, name: str) -> None:
        if name in REASONS:
            self.dropped[f"<{name}> ({REASONS[name]})"] = None

    def _write(self, tag: Start, attributes: dict[str, str]) -> None:
        # Also < and >, so that no text of a value could ever be a tag.
        pairs = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        self._out.append(f"<{tag.name}{pairs}>")

    def _attributes(self, tag: Start) -> dict[str, str]:
        kept = {"type": "checkbox"} if tag.name == "input" else {}
        shaped = (SHAPED["*"], SHAPED.get(tag.name, {}))
        for name, value in tag.attributes.items():
            for forms in shaped:
                if name in forms and forms[name].fullmatch(value):
                    kept[name] = "" if forms[name] is FLAG else value
            if name in SPANS and tag.name in ("td", "th", "col", "colgroup") and (span := self._span(value)):
                kept[name] = span
            elif name in NAMES or name == "style":
                kept[name] = self._named(name, value)
            elif name == "href" and tag.name == "a" and (link := _link(value)):
                kept[name] = link
            elif name.startswith("on"):
                self.dropped["event handlers (they would run in the page)"] = None
        return {name: value for name, value in kept.items() if value or name not in {*NAMES, "style"}}

    def _span(self, value: str) -> str:
        value = value.strip()
        if SPAN.fullmatch(value) and self._take("columns", int(value)):
            return str(min(int(value), 1000))
        return ""

    def _named(self, name: str, value: str) -> str:
        if name == "class":
            classes = value.split()[:50]
            return (
                " ".join(filter(None, map(self._scope.class_name, classes)))
                if self._take("names", len(classes))
                else ""
            )
        if name == "style":
            if value not in self._inline:
                self._inline[value] = css.inline(value) if self._take("css", len(value)) else ""
            return self._inline[value]
        return self._scope.name(value.strip())

    def _style(self, source: str) -> None:
        if self._take("css", len(source)) and self._take("sheets", 1):
            self.styles.append(css.sheet(source, self._scope))
        else:
            self.dropped["<style> (too long)"] = None

    def _image(self, tag: Start) -> None:
        source = _shown(tag.attributes.get("src", ""), self._take)
        if source and self._take("pictures", 1):
            self._write(tag, {"src": source} | self._attributes(tag))
            self.shows = True
        else:
            self.dropped["<img> (only pictures that came along are shown)"] = None

    def _media(self, tag: Start) -> None:
        """Write a sound or a film that its address holds, or that of the first ``source`` in it."""
        inside = (token for token in tokens(tag.raw or "") if isinstance(token, Start) and token.name == "source")
        source = tag.attributes.get("src") or next((each.attributes.get("src", "") for each in inside), "")
        try:
            found = media.address(source, tag.name)
        except media.NotMedia as why:
            self.dropped[f"<{tag.name}> ({why})"] = None
            return
        if not self._take("media", 1):
            self.dropped[f"<{tag.name}> (too many)"] = None
            return
        still = {} if found.startswith("data:audio/wav") else {"preload": "none"}
        self._write(tag, {"src": found} | still | MEDIA[tag.name] | self._attributes(tag))
        self._out.append(f"</{tag.name}>")
        self.shows = True

    def _svg(self, tag: Start) -> None:
        attributes = "".join(
            f' {name}="{html.escape(value)}"' for name, value in tag.attributes.items() if name.isalpha()
        )
        attributes = attributes.replace(" viewbox=", " viewBox=")
        if not self._take("pictures", 1):
            return
        try:
            drawn = svg_url(svg(f"<svg{attributes}>{tag.raw}</svg>", self._take))
            self._write(Start("img"), {"src": drawn, "style": "display: inline"})  # Lab shows pictures as blocks
            self.shows = True
        except NotAPicture as why:
            self.dropped[f"<svg> ({why})"] = None


_SEEN = frozenset({"hr", "input", "progress", "meter"})
PAINTED = re.compile("background|border")
NAMES = ("id", "class", "for")
_VERBATIM = frozenset({"pre", "code"})
_APART = re.compile(r"[$\\]")
_STRETCH = 10_000


def _escaped(text: str) -> str:
    """Write text; in stretches, because nh3 copies the rest of one at each ``&``. It removes what parts them."""
    stretches = (text[start : start + _STRETCH] for start in range(0, len(text), _STRETCH))
    return "<!---->".join(html.escape(stretch, quote=False) for stretch in stretches)


def _link(value: str) -> str:
    value = value.strip()
    return value if LINK.fullmatch(value) else ""


def svg_url(drawing: str) -> str:
    """Return an address that holds a drawing."""
    return "data:image/svg+xml;base64," + b2a_base64(drawing.encode(), newline=False).decode()


_DATA = re.compile(r"data:(image/[a-z+.-]{1,20})((?:;[a-zA-Z0-9=-]{1,40}){0,3}),", re.IGNORECASE)


def _shown(source: str, take: Callable[[str, int], bool]) -> str:
    """Return the address of a picture that its address holds (``data:``), checked and written anew."""
    source = source.strip()
    match = _DATA.match(source)
    if match is None:
        return ""
    data = urllib.parse.unquote_to_bytes(source[match.end() :])
    data = from_base64(data) if match[2].lower().endswith(";base64") else data
    try:
        if match[1].lower() == "image/svg+xml":
            return svg_url(svg(data.decode("utf-8", "replace"), take))
        found = picture(data)
    except NotAPicture:
        return ""
    return found.url if take("pixels", found.width * found.height) else ""
