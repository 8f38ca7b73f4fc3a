"""Style from a stranger: parsed, and written anew from an allow-list of properties, values and selectors.

Nothing here can name an address (there is no ``url()`` in the grammar), leave the output it belongs to (each selector
is below the output's own element, each length is bounded), or reach for the page's own elements (names are prefixed).
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from sandbox_magic.safe_import import importing
from sandbox_magic.untrusted.mime.selectors import selectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sandbox_magic.untrusted.mime.selectors import Scope

MOST_CHARACTERS = 300_000  # of one output's style sheets
MOST_LENGTH = 3_000  # of a dimension, whatever its unit
MOST_NEGATIVE = 20
LEAST_DASH = 0.5
MOST_DEPTH = 6
MOST_TEXT = 2_000  # of a value

_SIDES = ("", "-top", "-right", "-bottom", "-left", "-block", "-inline", "-inline-start", "-inline-end")
_EDGES = [
    f"{name}{side}{what}"
    for side in _SIDES
    for name, what in (
        ("margin", ""),
        ("padding", ""),
        ("border", ""),
        ("border", "-color"),
        ("border", "-width"),
        ("border", "-style"),
    )
]
PROPERTIES = frozenset("""
    color background background-color background-image background-size background-repeat background-position
    background-clip border-collapse border-spacing border-radius border-top-left-radius border-top-right-radius
    border-bottom-left-radius border-bottom-right-radius box-shadow box-sizing outline outline-color outline-style
    outline-width outline-offset opacity visibility display float clear overflow overflow-x overflow-y
    overflow-wrap width height min-width min-height max-width max-height aspect-ratio vertical-align text-align
    text-decoration text-decoration-color text-decoration-line text-decoration-style text-indent text-overflow
    text-shadow text-transform text-wrap white-space word-break word-spacing word-wrap letter-spacing line-height
    hyphens font font-family font-size font-style font-variant font-variant-numeric font-weight font-stretch
    caption-side empty-cells table-layout list-style list-style-type list-style-position quotes content direction
    cursor flex flex-basis flex-direction flex-flow flex-grow flex-shrink flex-wrap order gap row-gap column-gap
    align-content align-items align-self justify-content justify-items justify-self place-content place-items
    place-self grid grid-area grid-auto-columns grid-auto-flow grid-auto-rows grid-column grid-column-end
    grid-column-start grid-row grid-row-end grid-row-start grid-template grid-template-areas grid-template-columns
    grid-template-rows clip-path position top right bottom left z-index fill fill-opacity fill-rule stroke
    stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity
    stroke-width stop-color stop-opacity text-anchor dominant-baseline clip-rule paint-order shape-rendering
    """.split()) | frozenset(_EDGES)  # fmt: skip
_SHEET_ONLY = frozenset("position top right bottom left z-index clip-path".split())
_KEYWORDS = {  # what a property may be, where not every word is harmless
    "position": {"static", "relative", "absolute"},  # the output's element holds both; not fixed, not sticky
    "cursor": {"auto", "default", "pointer", "help", "text", "not-allowed"},
    "clip-path": {"inset"},
}
_FUNCTIONS = frozenset(
    """
    rgb rgba hsl hsla hwb lab lch oklab oklch color-mix light-dark linear-gradient repeating-linear-gradient
    radial-gradient conic-gradient var minmax fit-content inset
    """.split()
)
_UNITS = frozenset("px em rem ex ch pt pc cm mm in q vw vh fr deg rad turn grad".split())
_WORD = re.compile(r"-{0,2}[A-Za-z_][A-Za-z0-9_-]{0,80}")
_HASH = re.compile(r"[0-9a-fA-F]{3,8}")
_PLAIN = re.compile("[^\"'\\\\<>\x00-\x1f\x7f-\x9f\u202a-\u202e\u2060-\u2069]{0,200}")


@cache
def _parser() -> Any:
    with importing():
        import tinycss2
    return tinycss2


def inline(style: str) -> str:
    """Return the declarations of a ``style`` attribute that are allowed."""
    if len(style) > MOST_CHARACTERS:
        return ""
    return "; ".join(_declarations(_parser().parse_blocks_contents(style), banned=_SHEET_ONLY))


def sheet(style: str, scope: Scope | None) -> str:
    """Return the rules of a style sheet that are allowed, held below the scope's element."""
    if len(style) > MOST_CHARACTERS:
        return ""
    rules = _parser().parse_stylesheet(style, skip_comments=True, skip_whitespace=True)
    return "\n".join(_rules(rules, scope))


_MEDIA = re.compile(
    r"\s*(?:screen|print|\(prefers-color-scheme:\s*(?:dark|light)\)|\((?:min|max)-width:\s*\d{1,4}px\))\s*"
)


def _rules(rules: Iterable[Any], scope: Scope | None, *, nested: bool = False) -> Iterator[str]:
    for rule in rules:
        if rule.type == "at-rule" and rule.lower_at_keyword == "media" and rule.content and not nested:
            condition = _flat(rule.prelude)
            if _MEDIA.fullmatch(condition):
                inner = _parser().parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
                if written := " ".join(_rules(inner, scope, nested=True)):
                    yield f"@media {condition.strip()} {{ {written} }}"
        elif rule.type == "qualified-rule":
            below = list(selectors(rule.prelude, scope))
            declarations = list(_declarations(_parser().parse_blocks_contents(rule.content))) if below else []
            if declarations:
                yield f"{', '.join(below)} {{ {'; '.join(declarations)} }}"


def _flat(tokens: Sequence[Any]) -> str:
    """Write a condition of a media rule: words, numbers and one level of brackets."""
    text = ""
    for token in tokens:
        if token.type == "() block":
            text += (
                f"({_flat(token.content)})" if not any(inner.type.endswith("block") for inner in token.content) else "?"
            )
        else:
            text += (
                {"whitespace": " ", "literal": str(getattr(token, "value", ""))}.get(token.type)
                or _simple(token)
                or "?"
            )
    return text[:200]


def _declarations(parts: Iterable[Any], banned: frozenset[str] = frozenset()) -> Iterator[str]:
    for part in parts:
        if part.type != "declaration" or part.lower_name in banned:
            continue
        name = part.name if part.name.startswith("--") else part.lower_name
        if name in PROPERTIES or (name.startswith("--") and _WORD.fullmatch(name)):
            value = _values(part.value, _KEYWORDS.get(name))
            if value and not _costly(name, value):
                yield f"{name}: {value}{' !important' if part.important else ''}"


def _costly(name: str, value: str) -> bool:
    """Return whether a browser could be kept busy by it.

    A share of the width as room around boxes in boxes that wrap is laid out anew at each level, three times as
    often at the next; dashes of no length are drawn one by one.
    """
    if name.startswith(("padding", "margin")):
        return "%" in value or "var(" in value  # which may be one
    return name == "stroke-dasharray" and not dashes(value)


def dashes(value: str) -> bool:
    """Return whether a pattern of dashes is of lengths that can be seen, or of none."""
    lengths = re.findall(r"[0-9.]+(?:e[+-]?[0-9]+)?", value.lower())
    return value == "none" or (bool(lengths) and all(_seen(length) for length in lengths) and "%" not in value)


def _seen(length: str) -> bool:
    try:
        return float(length) >= LEAST_DASH
    except ValueError:
        return False


def _values(tokens: Sequence[Any], words: set[str] | None = None, depth: int = 0) -> str:
    """Write a value, or nothing if any of it is not allowed."""
    text = ""
    for token in tokens:
        written = _value(token, words, depth)
        if written is None or len(text) > MOST_TEXT:
            return ""
        text += written
    return text.strip()


def _value(token: Any, words: set[str] | None, depth: int) -> str | None:
    kind = token.type
    if kind in ("whitespace", "comment"):
        return " "
    if kind == "literal":
        return str(token.value) if token.value in (",", "/") else None
    if kind == "function":
        return _function(token, words, depth)
    if kind == "ident" and words is not None:
        return token.lower_value if token.lower_value in words else None
    return _simple(token)


def _function(token: Any, words: set[str] | None, depth: int) -> str | None:
    name = token.lower_name
    if name not in _FUNCTIONS or depth >= MOST_DEPTH or (words is not None and name not in words):
        return None
    inner = _values(token.arguments, None, depth + 1)
    return f"{name}({inner})" if inner else None


def _simple(token: Any) -> str | None:
    """Write a word, a number, a length, a colour or a text."""
    kind = token.type
    if kind == "ident":
        return token.value if _WORD.fullmatch(token.value) else None
    if kind == "hash":
        return f"#{token.value}" if _HASH.fullmatch(token.value) else None
    if kind == "string":
        return f'"{token.value}"' if _PLAIN.fullmatch(token.value) else None
    if kind in ("number", "percentage", "dimension"):
        return _number(token)
    return None


def _number(token: Any) -> str | None:
    unit = {"number": "", "percentage": "%"}.get(token.type)
    if unit is None:
        unit = token.lower_unit if token.lower_unit in _UNITS else None
    most = 100 if unit in ("vw", "vh", "fr", "em", "rem") else MOST_LENGTH
    if unit is None or not -MOST_NEGATIVE <= token.value <= most:
        return None
    return f"{token.value:.6g}{unit}" if token.value % 1 else f"{int(token.value)}{unit}"
