"""Markdown from a stranger: rendered on the host, to be cleaned as HTML."""

from __future__ import annotations

import html
import re
from typing import Any

from sandbox_magic.safe_import import importing
from sandbox_magic.untrusted.mime import latex

MOST_RENDERED = 4 * 2**20
MOST_CHARACTERS = 100_000  # the parser takes some ten microseconds for each, and more for the worst


def render(text: str) -> str:
    """Return Markdown as HTML, which is as little to be trusted as before.

    Formulas are taken out before and put back after: Markdown would read their ``_`` and ``*`` as emphasis.

    Raises:
        ValueError: It is too long.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError("too long")
    formulas: list[str] = []
    text = "".join(
        _place(piece, formulas) if typeset else piece for piece, typeset in latex.pieces(_PRIVATE.sub("", text))
    )
    return _PLACE.sub(lambda match: html.escape(formulas[int(match[1])]), _rendered(text))


_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PLACE = re.compile("\ue000(\\d+)\ue001")


def _place(piece: str, formulas: list[str]) -> str:
    if "`" in piece or "\n\n" in piece or "|" in piece:
        return piece
    formulas.append(piece)
    return f"\ue000{len(formulas) - 1}\ue001"


def _rendered(text: str) -> str:
    with importing():
        from markdown_it import MarkdownIt
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    if sum(map(_size, tokens)) > MOST_RENDERED:
        raise ValueError("too long once its references are resolved")
    return str(parser.renderer.render(tokens, parser.options, {}))


def _size(token: Any) -> int:
    """How much a token will become: a long address may be written once and used ten thousand times."""
    attributes = sum(len(str(value)) for value in token.attrs.values())
    return len(token.content) + attributes + sum(map(_size, token.children or ()))
