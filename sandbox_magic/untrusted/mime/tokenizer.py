"""HTML from a stranger as a flat, well nested row of tags and text, in linear time.

A parser of HTML takes quadratic time and memory for tags that are never closed, or closed in a wrong order. So what
it gets is brought in order before: here. What this reads differently than a browser is shown differently, no more:
whatever comes out of here is written anew, sign by sign.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DEPTH = 100
MOST_TAGS = 100_000
MOST_ATTRIBUTES = 50

VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
RAW = frozenset("script style xmp iframe noembed noframes noscript textarea title plaintext template object".split())
RAW |= frozenset("svg math select applet audio video canvas".split())  # ours: as a whole or not at all
_END = {name: re.compile(rf"</{name}(?=[\s/>])[^>]*>", re.IGNORECASE) for name in RAW}
_BLOCKS = frozenset(
    """
    address article aside blockquote center details dl div fieldset figcaption figure footer form h1 h2 h3 h4 h5
    h6 header hr main nav ol p pre section table ul
    """.split()
)
_ROWS = frozenset("tr tbody thead tfoot".split())
_ENDED_BY = {  # an open tag ends when one of these begins
    "p": _BLOCKS,
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "td": _ROWS | {"td", "th"},
    "th": _ROWS | {"td", "th"},
    "tr": _ROWS,
    **dict.fromkeys(_ROWS - {"tr"}, _ROWS - {"tr"}),
}
_WALLS = frozenset("table td th caption".split())  # an end tag inside closes nothing outside ...
_TABLE_PARTS = _WALLS | _ROWS  # ... except these


@dataclass(frozen=True, slots=True)
class Start:
    """A tag that begins an element; ``raw`` is the text of one whose content is not read as markup."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The tag that ends the innermost open element of this name, which is the innermost of all."""

    name: str


Token = Start | End | str


class TooMuch(ValueError):  # noqa: N818 - said of the data
    """More tags than a page should hold."""


_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_NOT_SHOWN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff]")


def unescape(text: str) -> str:
    """Resolve character references, and leave out what has no place in a page."""
    if "&" in text:
        text = html.unescape(_HUGE_NUMBER.sub("\ufffd", text))  # int() refuses thousands of digits
    return _NOT_SHOWN.sub("", text)


def tokens(source: str) -> Iterator[Token]:
    """Yield tags and text in order, every element ended, none deeper than ``MOST_DEPTH``.

    Raises:
        TooMuch: There are more than ``MOST_TAGS`` tags.
    """
    stack: list[str] = []
    for count, token in enumerate(_read(source)):
        if count > 2 * MOST_TAGS:
            raise TooMuch(f"more than {MOST_TAGS:,} tags")
        if isinstance(token, str):
            yield token
        elif isinstance(token, End):
            yield from map(End, _closed_by_end(stack, token.name))
        else:
            while stack and token.name in _ENDED_BY.get(stack[-1], ()):
                yield End(stack.pop())
            if token.raw is not None or token.name in VOID:
                yield token
            elif len(stack) < MOST_DEPTH:
                stack.append(token.name)
                yield token
    yield from map(End, reversed(stack))


def _closed_by_end(stack: list[str], name: str) -> list[str]:
    """Take off the stack what an end tag ends: the innermost of its name, and what is open inside."""
    for place in range(len(stack) - 1, -1, -1):
        if stack[place] == name:
            closed = stack[place:][::-1]
            del stack[place:]
            return closed
        if stack[place] in _WALLS and name not in _TABLE_PARTS:
            break
    return []


_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,60})")


def _read(source: str) -> Iterator[Token]:
    """Yield the tokens, in order."""
    place = 0
    while (start := source.find("<", place)) >= 0:
        if start > place:
            yield unescape(source[place:start])
        match = _TAG.match(source, start)
        if match is None:
            text, place = _no_tag(source, start)
            if text:
                yield text
            continue
        attributes, place = _attributes(source, match.end())
        if place < 0:  # the tag never ends: a browser drops it
            return
        name = match[2].lower()
        if match[1]:
            yield End(name)
            continue
        raw, place = _raw(name, source, place)
        yield Start(name, attributes, raw)
    yield unescape(source[place:])


_COMMENT_END = re.compile("--!?>")


def _no_tag(source: str, start: int) -> tuple[str, int]:
    """Pass over a comment, a declaration or the like; a sign that begins none is text."""
    if source.startswith("<!--", start):
        if source.startswith((">", "->"), start + 4):
            return "", source.index(">", start) + 1
        match = _COMMENT_END.search(source, start + 4)
        return "", match.end() if match else len(source)
    if source.startswith(("<!", "<?", "</"), start):
        end = source.find(">", start)
        return "", end + 1 or len(source)
    return "<", start + 1


_ATTRIBUTE = re.compile(r"[\s/]*+(?:(>)|([^\s/>][^\s/>=]*+)(?:\s*+=\s*+([\"']|[^\s>\"'][^\s>]*+)?)?)")


def _attributes(source: str, place: int) -> tuple[dict[str, str], int]:
    """Return a tag's attributes and where it ends, or -1; the first of a name counts."""
    found: dict[str, str] = {}
    while match := _ATTRIBUTE.match(source, place):
        place = match.end()
        if match[1]:
            return found, place
        value = match[3] or ""
        if value in ('"', "'") and value:
            end = source.find(value, place)
            if end < 0:
                break
            value, place = source[place:end], end + 1
        if len(found) < MOST_ATTRIBUTES:
            found.setdefault(match[2].lower(), unescape(value))
    return found, -1


def _raw(name: str, source: str, place: int) -> tuple[str | None, int]:
    """Return the text of an element whose content is not HTML markup, and where it ends."""
    if name not in RAW:
        return None, place
    if name in ("svg", "math") and source.startswith("/>", place - 2):
        return "", place
    match = _END[name].search(source, place) if name != "plaintext" else None
    if match is None:
        return source[place:], len(source)
    return source[place : match.start()], match.end()
