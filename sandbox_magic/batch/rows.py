"""A row as bytes: one line of JSON, between processes and in a journal."""

from __future__ import annotations

import json

from sandbox_magic.batch.graded import Graded


def pack(row: Graded) -> bytes:
    """Return a row as one line of JSON, without its line feed."""
    return json.dumps(row.to_dict(), allow_nan=False, separators=(",", ":")).encode()


def unpack(line: bytes) -> Graded:
    """Return the row of such a line; all of it is checked.

    Raises:
        ValueError: It is none.
    """
    whole = json.loads(line)
    if not isinstance(whole, dict):
        raise ValueError("this is no row of a batch")  # noqa: TRY004 - whoever wrote it gave no argument
    return Graded.from_dict(whole)
