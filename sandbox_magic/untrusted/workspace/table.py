"""A list of changes as a table for a notebook."""

from __future__ import annotations

import html as _html
from typing import TYPE_CHECKING

from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import file_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox_magic.untrusted.workspace.change import Change

_COLOURS = {"added": "#2da44e", "changed": "#bf8700", "removed": "#cf222e"}  # beside the word: never alone
_CELL = "text-align: left; vertical-align: top; overflow-wrap: anywhere"


def html(changes: Sequence[Change], sizes: Mapping[str, int], remarks: Sequence[str]) -> str:
    """Return the table; every name in it is harmless to show.

    Args:
        changes: Its rows.
        sizes: What files had before, in bytes, by name.
        remarks: Sentences below it.
    """
    rows = "".join(map(_row, [_cells(change, sizes) for change in changes]))
    head = _row(("", "name", "size", ""), "th") if changes else ""
    below = "".join(f"<div>{_html.escape(remark)}</div>" for remark in remarks or [] if changes or remark)
    return f"<div><table><thead>{head}</thead><tbody>{rows}</tbody></table>{below or _nothing(changes)}</div>"


def _nothing(changes: Sequence[Change]) -> str:
    return "" if changes else "<div>no changes</div>"


def _row(cells: Sequence[str], kind: str = "td") -> str:
    return "<tr>" + "".join(f'<{kind} style="{_CELL}">{cell}</{kind}>' for cell in cells) + "</tr>"


def _cells(change: Change, sizes: Mapping[str, int]) -> tuple[str, ...]:
    word = f'<span style="color: {_COLOURS[change.kind]}">{change.kind}</span>'
    name = file_names.shown(change.path) + "/" * (change.type == "directory")
    return word, f"<code>{_html.escape(name)}</code>", _size(change, sizes), _html.escape(_remark(change))


def _size(change: Change, sizes: Mapping[str, int]) -> str:
    if change.type != "file":
        return ""
    before, after = sizes.get(change.path), change.size
    if change.kind == "removed":
        return "" if before is None else in_words(before)
    if change.kind == "added" or before is None:
        return in_words(after)
    return f"{in_words(before)} → {in_words(after)}"


def _remark(change: Change) -> str:
    said = [f"→ {file_names.shown(change.target)}" if change.target else ""]
    said += ["executable" if change.executable and change.type == "file" else ""]
    said += [change.refused or (f"not applied: {change.left_out}" if change.left_out else "")]
    return "; ".join(filter(None, said))
