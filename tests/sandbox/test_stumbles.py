"""Programs over which people stumbled in a sandbox: each ends, and says, what it would outside.

`stumbles.jsonl` has them, a line each: the code as it was found, and what must come of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sandbox_magic as sm

STUMBLES: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_suffix(".jsonl").with_stem("stumbles").read_text().splitlines()
]
# What a row may say besides its name and its code.
KNOWN = {"id", "code", "options", "outcome", "signals", "stdout", "has", "lacks", "notes", "seconds"}


@pytest.mark.parametrize("row", STUMBLES, ids=[row["id"] for row in STUMBLES])
def test_what_was_stumbled_over(row):
    """Of a program that is done nothing is said but what its row has."""
    assert set(row) <= KNOWN
    result = sm.run(row["code"], **row.get("options", {}))
    seen = (result.stdout, result.stderr, result.notes)
    assert result.outcome == row.get("outcome", "COMPLETED"), seen
    assert result.signal in row.get("signals", [None]), seen
    if "stdout" in row:
        assert result.stdout == row["stdout"], seen
    assert all(words in result.stdout for words in row.get("has", ())), seen
    assert not any(words in result.stdout + result.stderr for words in row.get("lacks", ())), seen
    assert len(result.notes) == len(row.get("notes", ())), seen
    assert all(words in note for words, note in zip(row.get("notes", ()), result.notes, strict=True)), seen
    assert result.usage.wall_seconds < row.get("seconds", 30), seen
