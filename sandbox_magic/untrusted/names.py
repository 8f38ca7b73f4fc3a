"""Names that strangers chose, as a person sees them: two that differ never look the same while they are shown whole."""

from __future__ import annotations

import re

from sandbox_magic.untrusted.text import INVISIBLE, PILED

_ODD_SPACE = re.compile(r"(?:(?<=[ ])|\A) | \Z")  # which a page shows as one, or not at all


def shown(name: str, most: int) -> str:
    """Return a name with what can't be seen written out, and its middle left out where it is longer than ``most``."""
    text = "".join(map(_visible, name))
    text = _ODD_SPACE.sub(r"\\x20", PILED.sub(lambda found: _written(found[0]), text))
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def _visible(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() and not INVISIBLE.match(character) else _written(character)


def _written(characters: str) -> str:
    return characters.encode("unicode_escape").decode()
