"""A result as a model reads it: how it ended in our words, then the code's text, tables and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp import types

if TYPE_CHECKING:
    from sandbox_magic.mcp.kept import Kept
    from sandbox_magic.model.output import Display
    from sandbox_magic.model.result import Result

_PICTURES = 10
_PICTURE_CHARACTERS = 8 * 2**20  # of base64, all pictures of an answer together


def answer(result: Result, kept: Kept, *notes: str) -> types.CallToolResult:
    """Return a run's answer; an error for the model where the code failed.

    Args:
        result: How it ended.
        kept: Takes what is too long to be shown at once.
        *notes: Sentences that come first.
    """
    shown = [display.text for display in result.displays if _picture(display) is None]
    pictures, left = _pictures(result)
    ours = [*notes, f"{result.outcome.value}: {result.summary}", *result.notes]
    ours += [f"{left} of {left + len(pictures)} pictures are left out."] if left else []
    parts = {"stdout": result.stdout, "stderr": result.stderr, "shown": "\n".join(shown)}
    texts = [f"{name}:\n{kept.shown(text)}" for name, text in parts.items() if text]
    content: list[types.ContentBlock] = [text_block("\n".join(ours)), *map(text_block, texts), *pictures]
    return types.CallToolResult(content=content, is_error=not result.ok)


def text_block(text: str) -> types.TextContent:
    """Return a text as content; a name in it may hold bytes that are no text, and JSON has none."""
    return types.TextContent(type="text", text=text.encode("utf-8", "backslashreplace").decode())


def _picture(display: Display) -> tuple[str, str] | None:
    """Return a picture's MIME type and its bytes in base64."""
    found = next((item for item in display.data.items() if item[0].startswith("image/")), None)
    return found and (found[0], "".join(found[1].split()))


def _pictures(result: Result) -> tuple[list[types.ImageContent], int]:
    """Return the first pictures, and how many more there are."""
    found = [picture for display in result.displays if (picture := _picture(display)) is not None]
    room, taken = _PICTURE_CHARACTERS, list[types.ImageContent]()
    for mime, data in found[:_PICTURES]:
        room -= len(data)
        if room < 0:
            break
        taken.append(types.ImageContent(type="image", data=data, mime_type=mime))
    return taken, len(found) - len(taken)
