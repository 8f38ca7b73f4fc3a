"""What was saved in a notebook, made safe to show: outputs, prose, pictures that came with it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sandbox_magic.untrusted.mime import bundle, html, latex, markdown
from sandbox_magic.untrusted.mime.images import NotAPicture, from_base64, picture
from sandbox_magic.untrusted.notebook.document import joined
from sandbox_magic.untrusted.text import HeadTail, label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_TEXT = 2**20
_MOST_OUTPUTS = 1000  # of a cell
_MOST_WORDS = 1000
_MOST_ATTACHMENTS = 100

# What says that prose may hold more than words: a tag, a picture from elsewhere, a script's address or the beginning of
# a character that could hide in one. Wide on purpose: readers of Markdown differ, and what is taken for active is shown
# as cleaned HTML, which looks the same.
_MORE_THAN_WORDS = re.compile(r"<[A-Za-z/!?]|(?:script|data|file):|&[#\w]{1,32};", re.IGNORECASE)
_ATTACHED = re.compile(r"!\[[^\[\]]*\]\(attachment:[\w.-]+\)")
_STYLE = re.compile(r"<style>[^<]*</style>\n?")
_NAME = re.compile(r"[\w.-]{1,100}")


def outputs(saved: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the outputs of a cell as they may be shown, and what was left out of them, in words."""
    kept: list[dict[str, Any]] = []
    dropped: list[str] = []
    for output in saved[:_MOST_OUTPUTS]:
        match output.get("output_type"):
            case "stream":
                name = "stderr" if output.get("name") == "stderr" else "stdout"
                kept.append({"output_type": "stream", "name": name, "text": text(joined(output.get("text")))})
            case "error":
                kept.append(_error(output))
            case "display_data" | "execute_result" as kind:
                kept.extend(_display(kind, output, dropped))
            case _:
                dropped.append("an output of an unknown kind")
    if len(saved) > _MOST_OUTPUTS:
        dropped.append(f"{len(saved) - _MOST_OUTPUTS:,} more outputs")
    return kept, dropped


def text(value: str) -> str:
    """Return text without what could drive a terminal, and without its middle where it is long."""
    kept = HeadTail(_MOST_TEXT)
    kept.feed(value.encode("utf-8", "replace"))
    return kept.text


def _error(output: Mapping[str, Any]) -> dict[str, Any]:
    lines = output.get("traceback")
    whole = "\n".join(joined(line) for line in lines) if isinstance(lines, list) else ""
    words = {key: label(joined(output.get(key)), _MOST_WORDS) for key in ("ename", "evalue")}
    return {"output_type": "error", **words, "traceback": text(whole).split("\n")}


def _display(kind: str, output: Mapping[str, Any], dropped: list[str]) -> Iterator[dict[str, Any]]:
    data, metadata = output.get("data"), output.get("metadata")
    offered = {mime: _offered(mime, value) for mime, value in data.items()} if isinstance(data, dict) else {}
    cleaned = bundle.clean(offered, metadata if isinstance(metadata, dict) else None)
    dropped.extend(cleaned.dropped)
    if not cleaned.data:
        return
    shown: dict[str, Any] = {"output_type": kind, "data": dict(cleaned.data), "metadata": dict(cleaned.metadata)}
    if kind == "execute_result":
        count = output.get("execution_count")
        shown["execution_count"] = count if type(count) is int and 0 <= count < 2**31 else None
    yield shown


def _offered(mime: str, value: object) -> bytes:
    """Return what the file holds of a type as bytes: text, lines of it, or JSON as it is."""
    if isinstance(value, str) or (isinstance(value, list) and not mime.endswith("json")):
        return joined(value).encode()
    return json.dumps(value).encode()


def prose(source: str) -> str:
    """Return the source of a Markdown cell that only shows: as it is where it is words, else as cleaned HTML.

    HTML in a Markdown cell is shown as it is up to a blank line, so there is none in it. What can't be read is shown
    as the text that it is.
    """
    if _is_words(source):
        return source
    try:
        shown, _ = html.clean(markdown.render(source))
    except Exception:  # noqa: BLE001 - whatever a stranger's text does to a parser
        return _fenced(source)
    return re.sub(r"\n(?=[ \t]*\n)", "&#10;", _STYLE.sub("", shown).strip())


def _is_words(source: str) -> bool:
    others = _ATTACHED.sub("", source)
    if _MORE_THAN_WORDS.search(others) or "![" in others or len(source) > markdown.MOST_CHARACTERS:
        return False
    return not any("$" in piece or "\\" in piece for piece, typeset in latex.pieces(source) if not typeset)


def _fenced(source: str) -> str:
    longest = max(map(len, re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{source}\n{fence}"


def attachments(offered: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the pictures that came with a Markdown cell, each under the type that its bytes have."""
    kept: dict[str, dict[str, str]] = {}
    for name, data in list(offered.items())[:_MOST_ATTACHMENTS]:
        values = list(data.values()) if isinstance(data, dict) else []
        if _NAME.fullmatch(name) and values:
            try:
                found = picture(from_base64(joined(values[0]).encode()))
            except NotAPicture:
                continue
            kept[name] = {found.mime: found.base64}
    return kept
