"""What a session's code answers a front end about its names: untrusted, made safe to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MATCHES = 1000
_MATCH_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a name could be completed to: in the code's own words, made safe to show.

    Attributes:
        matches: The texts that can stand there.
        start: Where the text begins that they replace, in characters.
        end: Where it ends.
    """

    matches: tuple[str, ...] = ()
    start: int = 0
    end: int = 0


def completion(answer: Sequence[bytes], code: str, cursor: int) -> Completion:
    """Return what a name could be completed to.

    Args:
        answer: The code's answer; empty if there is none.
        code: The cell so far.
        cursor: Where the name ends, in characters.
    """
    begin, end, *matches = answer or (b"", b"")
    if not (begin.isdigit() and end.isdigit() and 0 <= int(begin) <= int(end) <= len(code)):
        return Completion(start=cursor, end=cursor)
    words = (label(match.decode("utf-8", "replace"), _MATCH_CHARACTERS) for match in matches[:_MOST_MATCHES])
    return Completion(matches=tuple(filter(None, words)), start=int(begin), end=int(end))


def inspection(answer: Sequence[bytes]) -> dict[str, str]:
    """Return what there is to say of a name, by MIME type; {} if nothing."""
    from sandbox_magic.untrusted.mime import bundle

    if not answer or len(answer) % 2:
        return {}
    offered = {kind.decode("ascii", "replace"): text for kind, text in zip(answer[::2], answer[1::2], strict=True)}
    return {kind: str(text) for kind, text in bundle.clean(offered, None).data.items()}


def completeness(answer: Sequence[bytes]) -> tuple[str, str]:
    """Return ``complete``, ``incomplete``, ``invalid`` or ``unknown``, and the indent of the next line."""
    status, indent = [word.decode("utf-8", "replace") for word in answer] if len(answer) == 2 else ("", "")  # noqa: PLR2004 - these two
    if status not in ("complete", "incomplete", "invalid"):
        return "unknown", ""
    return status, indent[:200] if indent.isspace() else ""
