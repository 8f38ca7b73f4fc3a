"""A row as bytes: one line of JSON, between processes and in a journal. What is written can be read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox_magic.batch.graded import Graded
from sandbox_magic.model.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 256 * 2**20  # of a line: all that a run may leave, with its default limits
_SURE = 2**18  # so short a line has reached none of the bounds of what reads it
_KEPT = 2**20  # characters of a stream, where not all of it can be kept
_SHORTER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("variables", {"outputs": {}}),
    ("files", {"changes": None}),
    ("displays", {"displays": ()}),
    ("raw output", {"stdout_bytes": b"", "stderr_bytes": b""}),
)


def pack(row: Graded, most: int = MOST_BYTES) -> bytes:
    """Return a row as one line of JSON, without its line feed; with less in it where all can't be read again.

    Args:
        row: The row.
        most: The most bytes.
    """
    line = _line(row)
    for shorter in _shorter(row):
        if _can_be_read(line, most):
            break
        line = _line(shorter)
    return line


def _line(row: Graded) -> bytes:
    return json.dumps(row.to_dict(), allow_nan=False, separators=(",", ":")).encode()


def _can_be_read(line: bytes, most: int) -> bool:
    if len(line) <= _SURE:
        return True
    try:
        return len(line) <= most and unpack(line) is not None
    except ValueError:
        return False


def _shorter(row: Graded) -> Iterator[Graded]:
    """Yield the row with ever less of what its run left; who gets how many points is never left out."""
    result = row.result
    if result is None:
        return
    left: list[str] = []
    for what, without in _SHORTER:
        left.append(what)
        result = replace(result, **without)
        note = f"Not kept, for a row of a batch takes {size(MOST_BYTES)} at most: {', '.join(left)}."
        yield replace(row, result=replace(result, notes=(*result.notes, note)))
    cut = replace(result, stdout=result.stdout[:_KEPT], stderr=result.stderr[-_KEPT:], error=None)
    note = f"Not kept, for a row of a batch takes {size(MOST_BYTES)} at most: {', '.join(left)}, most of the output."
    yield replace(row, result=replace(cut, notes=(*cut.notes, note)))


def unpack(line: bytes) -> Graded:
    """Return the row of such a line; all of it is checked.

    Raises:
        ValueError: It is none.
    """
    try:
        whole = json.loads(line)
    except RecursionError as error:
        raise ValueError("this is no row of a batch: it is nested too deep") from error
    if not isinstance(whole, dict):
        raise ValueError("this is no row of a batch")  # noqa: TRY004 - whoever wrote it gave no argument
    return Graded.from_dict(whole)
