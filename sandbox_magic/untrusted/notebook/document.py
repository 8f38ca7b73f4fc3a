"""A notebook's file as plain values, each checked and bounded; and back, built anew from these alone."""

from __future__ import annotations

import json
import math
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_BYTES = 128 * 2**20
MOST_CELLS = 10_000

_FORMAT = 4
_KINDS = ("code", "markdown", "raw")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEPT = ("tags", "collapsed", "scrolled", "editable", "deletable", "jupyter", "slideshow", "nbgrader", "name")
_MOST_WORDS, _MOST_ITEMS, _MOST_NUMBER = 1000, 50, 2**53
_REMEDY = "a notebook as Jupyter saves it (.ipynb)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell as the file has it.

    Attributes:
        kind: ``code``, ``markdown`` or ``raw``.
        name: Its id.
        source: Its text.
        metadata: What of its metadata only says how it is shown or graded; plain values.
        outputs: What was saved of its outputs, not cleaned.
        attachments: Pictures of a Markdown cell, by name, not cleaned.
    """

    kind: Literal["code", "markdown", "raw"]
    name: str
    source: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    outputs: Sequence[Mapping[str, Any]] = ()
    attachments: Mapping[str, Any] = field(default_factory=dict)


def read(data: bytes, path: str) -> tuple[Cell, ...]:
    """Return the cells of a notebook's file.

    Args:
        data: The file's content.
        path: Its name, for what is said of it.

    Raises:
        PolicyError: It is no notebook, or none of Python; says what was seen.
    """
    if len(data) > MOST_BYTES:
        raise PolicyError(f"{path} is too large", seen=f"{len(data):,} bytes", remedy=f"at most {MOST_BYTES:,}")
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        seen = label(str(error), 200) or "it is nested too deeply"
        raise PolicyError(f"{path} is not JSON, as a notebook is", seen=seen, remedy=_REMEDY) from error
    if not isinstance(whole, dict) or "nbformat" not in whole:
        raise PolicyError(f"{path} is JSON, but no notebook", seen="it has no nbformat", remedy=_REMEDY)
    if whole["nbformat"] != _FORMAT or not isinstance(whole.get("cells"), list):
        seen = f"nbformat {label(str(whole['nbformat']), 40)}, {'' if 'cells' in whole else 'no '}cells"
        raise PolicyError(f"{path} is not of format 4", seen=seen, remedy=f"jupyter nbconvert --to notebook {path}")
    _refuse_other_languages(whole.get("metadata"), path)
    if len(whole["cells"]) > MOST_CELLS:
        raise PolicyError(f"{path} has {len(whole['cells']):,} cells", remedy=f"at most {MOST_CELLS:,}")
    return tuple(_cells(whole["cells"], path))


def _refuse_other_languages(metadata: object, path: str) -> None:
    """Refuse a notebook that says it is for another language; one that says nothing is taken for Python."""
    whole = metadata if isinstance(metadata, dict) else {}
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        said = whole.get(part)
        name = said.get(key) if isinstance(said, dict) else None
        if isinstance(name, str) and name and not name.lower().startswith(("python", "ipython")):
            raise PolicyError(f"{path} is a notebook of {label(name, 40)}", remedy="one of Python: only that is run")


def _cells(cells: Sequence[object], path: str) -> Iterator[Cell]:
    names: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        kind = cell.get("cell_type") if isinstance(cell, dict) else None
        if not isinstance(cell, dict) or kind not in _KINDS:
            seen = f"cell {number} is {label(str(kind), 40) if isinstance(cell, dict) else type(cell).__name__}"
            raise PolicyError(f"{path} has a cell that is no cell", seen=seen, remedy=_REMEDY)
        name = cell.get("id")
        if not isinstance(name, str) or not _ID.fullmatch(name) or name in names:
            name = secrets.token_hex(4)
        names.add(name)
        outputs, attachments = cell.get("outputs"), cell.get("attachments")
        yield Cell(
            kind=kind,
            name=name,
            source=joined(cell.get("source")),
            metadata=_metadata(cell.get("metadata")),
            outputs=[each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else (),
            attachments=attachments if isinstance(attachments, dict) else {},
        )


def joined(value: object) -> str:
    """Return a text that may be saved as a list of lines; a lone surrogate, which is no text, becomes ``?``."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _metadata(value: object) -> dict[str, object]:
    whole = value if isinstance(value, dict) else {}
    kept = {key: _plain(whole[key], depth=1) for key in _KEPT if key in whole}
    return {key: value for key, value in kept.items() if value is not None}


def _plain(value: object, depth: int) -> object:
    """Return a value that only says something: words, numbers, switches, a few of them; None for anything else."""
    match value:
        case str():
            return label(value, _MOST_WORDS)
        case bool():
            return value
        case int() | float():
            return value if math.isfinite(value) and abs(value) < _MOST_NUMBER else None
        case list() if depth:
            return [kept for each in value[:_MOST_ITEMS] if (kept := _plain(each, depth - 1)) is not None]
        case dict() if depth:
            pairs = ((label(key, 100), _plain(each, depth - 1)) for key, each in list(value.items())[:_MOST_ITEMS])
            return {key: each for key, each in pairs if each is not None}
    return None


def write(cells: Sequence[Mapping[str, Any]], metadata: Mapping[str, object]) -> bytes:
    """Return the file of a notebook.

    Args:
        cells: Its cells, as the format has them.
        metadata: The notebook's own.
    """
    whole = {"cells": cells, "metadata": metadata, "nbformat": _FORMAT, "nbformat_minor": 5}
    return (json.dumps(whole, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
