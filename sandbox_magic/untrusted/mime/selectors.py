"""Selectors of a stranger's style sheet, held below the element of the output they came with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_SELECTORS = 5_000  # of one rule: Styler names every cell of a kind
MOST_DEPTH = 4
MOST_TEXT = 2_000  # of one
NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]{0,120}")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a style sheet holds: below the element of this class, whose names all begin with the prefix.

    Without a scope a sheet is for a document of its own, a picture.
    """

    element: str
    prefix: str
    kept: frozenset[str] = frozenset()  # classes that are not prefixed

    def name(self, name: str) -> str:
        """Return an id as it is in the page."""
        return f"{self.prefix}{name}" if NAME.fullmatch(name) else ""

    def class_name(self, name: str) -> str:
        """Return a class as it is in the page."""
        return name if name in self.kept else self.name(name)


_PSEUDO = frozenset(
    """
    hover checked link visited first-child last-child only-child first-of-type last-of-type only-of-type empty
    before after marker nth-child nth-of-type nth-last-child not is where open disabled focus
    """.split()
)
_STEP = re.compile(r"\s*(?:odd|even|[+-]?\d{0,4}n?(?:\s*[+-]\s*\d{1,4})?)\s*")


def selectors(prelude: Sequence[Any], scope: Scope | None) -> Iterator[str]:
    """Yield each selector of a rule that is allowed."""
    for number, tokens in enumerate(_split(prelude)):
        written = _selector(tokens, scope) if number < MOST_SELECTORS else ""
        if written and written[0] not in ">+~":
            yield _within(written, scope) if scope else written


def _within(selector: str, scope: Scope) -> str:
    """Hold a selector below the scope's element, without more weight than it had.

    scikit-learn's script marks its element as light or dark. Without the script the page's own mark counts.
    """
    base, light, dark = (f".{scope.class_name(name)}" for name in ("sk-global", "light", "dark"))
    element = f":where(.{scope.element})"
    if f"{base}{dark}" in selector:
        element, selector = f'{element}:where([data-jp-theme-light="false"] *)', selector.replace(f"{base}{dark}", base)
    return f"{element} {selector.replace(f'{base}{light}', base)}"


def _split(tokens: Sequence[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for token in tokens:
        if token == ",":  # noqa: S105 - tinycss2 compares a token with its sign
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _selector(tokens: Sequence[Any], scope: Scope | None, depth: int = 0) -> str:
    """Write one selector, or nothing if any of it is not allowed."""
    text, before = "", ""
    for token in tokens:
        if token.type == "comment":
            continue
        written = _selector_part(token, before, scope, depth)
        if written is None or len(text) > MOST_TEXT:
            return ""
        text, before = text + written, str(token.value) if token.type == "literal" else ""
    return "" if before in (".", ":") else text.strip()


def _selector_part(token: Any, before: str, scope: Scope | None, depth: int) -> str | None:  # noqa: PLR0911 - a kind each
    kind = token.type
    if kind == "ident":
        return _selector_word(token.value, before, scope)
    if kind == "hash" and not before.strip(">+~*"):
        name = scope.name(token.value) if scope else token.value
        return f"#{name}" if NAME.fullmatch(name) else None
    if depth and (kind == "whitespace" or (kind == "literal" and token.value in (">", "+", "~"))):
        return None  # in :is() and :not(): a browser would look for them around every element
    if kind == "whitespace":
        return " " if before not in (".", ":") else None
    if kind == "literal":
        return str(token.value) if token.value in (".", ":", ">", "+", "~", "*") and before != "." else None
    if kind == "function" and before == ":" and token.lower_name in _PSEUDO:
        return _selector_function(token, scope, depth)
    if kind == "[] block" and [part.type for part in token.content] == ["ident"]:
        return "[open]" if token.content[0].value == "open" else None
    return None


def _selector_word(word: str, before: str, scope: Scope | None) -> str | None:
    if before == ":":
        return word.lower() if word.lower() in _PSEUDO else None
    if not NAME.fullmatch(word):
        return None
    if before == ".":
        return (scope.class_name(word) if scope else word) or None
    return word.lower()


def _selector_function(token: Any, scope: Scope | None, depth: int) -> str | None:
    if token.lower_name.startswith("nth-"):
        step = "".join(_step(part) for part in token.arguments)
        return f"{token.lower_name}({step.strip()})" if _STEP.fullmatch(step) and step.strip() else None
    split = map(_trimmed, _split(token.arguments))
    inner = [_selector(part, scope, depth + 1) for part in split] if depth < MOST_DEPTH else [""]
    return f"{token.lower_name}({', '.join(inner)})" if all(inner) else None


def _trimmed(tokens: list[Any]) -> list[Any]:
    while tokens and tokens[0].type == "whitespace":
        del tokens[0]
    while tokens and tokens[-1].type == "whitespace":
        del tokens[-1]
    return tokens


def _step(token: Any) -> str:
    if token.type == "whitespace":
        return " "
    if token.type == "dimension":
        return f"{token.representation}{token.unit}"
    return str(getattr(token, "representation", None) or getattr(token, "value", "?"))
