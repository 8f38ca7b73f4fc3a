"""A whole result as plain JSON types, and back: the usage file's keys, and besides them what the code left.

=================  ==================================================================================
``stdout``         text, made safe to show; ``stderr`` likewise
``stdout_bytes``   the bytes that were kept, in base64; ``stderr_bytes`` likewise
``error``          the fields of `sandbox_magic.ErrorDetails`; null without one
``finished``       whether the code came to its own end; null where that can't be told
``displays``       ``data``, ``metadata`` and ``kind`` of each
``outputs``        by name: ``{"value": ...}``, or, of other types and where there is much of it, ``{"codec": ...}``
                   with the codec's bytes in base64
``changes``        ``complete``, and ``entries``: the fields of `sandbox_magic.Change`, ``data`` in base64; or null
=================  ==================================================================================

What is read may be a stranger's. Each part goes through the same code as when it comes out of a sandbox.
"""

from __future__ import annotations

import binascii
import json
import math
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args

from sandbox_magic.execution.messages import MessageReader
from sandbox_magic.guest import wire
from sandbox_magic.guest.codec import codec
from sandbox_magic.guest.variables import MOST_BYTES
from sandbox_magic.model import usage_file
from sandbox_magic.model.errors import PolicyError, SandboxError
from sandbox_magic.model.option_values import read_names
from sandbox_magic.model.outcome import Outcome
from sandbox_magic.model.usage_file import BadUsageFile
from sandbox_magic.untrusted.text import clean, label
from sandbox_magic.untrusted.workspace import recorded
from sandbox_magic.untrusted.workspace.openat import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox_magic.execution.variables import Outputs
    from sandbox_magic.model.output import Display
    from sandbox_magic.model.result import Result
    from sandbox_magic.untrusted.workspace.changes import Changes

MOST_CHARACTERS = 2**30  # of all text in it
MOST_VALUES = 2_000_000  # lists, objects, numbers and so on
_MOST_DEPTH = 32  # of an output that is written as JSON has it
_MOST_PLAIN = 2**20  # bytes that those would take otherwise: at least one a value, so there are fewer than MOST_VALUES
_MOST_NESTED = 100
_MOST_WORDS = 300  # of what is said about a stranger's
_LARGEST = 2**63
_REMEDY = "what Result.to_dict() returned"
_Kind = TypeVar("_Kind", str, bytes, bool, int, list[Any], dict[str, Any])


class NotAResult(SandboxError, ValueError):  # noqa: N818 - reads as what it says, as the other kinds do
    """It is nothing that `Result.to_dict` returned."""


def to_json(result: Result) -> str:
    """See `Result.to_json`."""
    return usage_file.lines(to_dict(result))


def to_dict(result: Result) -> dict[str, Any]:
    """See `Result.to_dict`."""
    error = result.error
    return {
        **usage_file.to_dict(result),
        "stdout": result.stdout,
        "stderr": result.stderr,
        "stdout_bytes": _base64(result.stdout_bytes),
        "stderr_bytes": _base64(result.stderr_bytes),
        "error": None if error is None else {each.name: getattr(error, each.name) for each in fields(error)},
        "finished": result.finished,
        "displays": [_display(display) for display in result.displays],
        "outputs": _written(result.outputs),
        "changes": None if result.changes is None else _changes(result.changes),
    }


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _display(display: Display) -> dict[str, object]:
    return {"data": dict(display.data), "metadata": json.loads(json.dumps(display.metadata)), "kind": display.kind}


def _written(outputs: Mapping[str, object]) -> dict[str, object]:
    written: dict[str, object] = {}
    room = _MOST_PLAIN
    for name, value in outputs.items():
        piece = _encoded(name, value)
        plain = len(piece) <= room and _is_plain(value, _MOST_DEPTH)
        room -= len(piece) if plain else 0
        written[name] = {"value": value} if plain else {"codec": _base64(piece)}
    return written


def _encoded(name: str, value: object) -> bytes:
    try:
        return codec.encode(value, most=MOST_BYTES)
    except codec.EncodeError as error:
        msg = f"output {name}{error.path} is {error.what}, which can't be kept"
        raise PolicyError(msg, remedy=error.remedy) from None


def _is_plain(value: Any, depth: int) -> bool:
    """Return whether JSON has the value's very type, so that it comes back as it is."""
    kind = type(value)
    if kind is list:
        return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    if kind is dict:
        return depth > 0 and all(type(key) is str and _is_plain(each, depth - 1) for key, each in value.items())
    if kind is float:
        return math.isfinite(value)
    return value is None or kind in (str, bool) or (kind is int and -_LARGEST <= value < _LARGEST)


def _changes(changes: Changes) -> dict[str, object]:
    entries: list[dict[str, object]] = []
    for change in changes:
        values = {each.name: getattr(change, each.name) for each in fields(recorded.Entry)}
        entries.append(values | {"data": None if change.data is None else _base64(change.data)})
    return {"complete": changes.complete, "entries": entries}


def from_dict(whole: object) -> Result:
    """See `Result.from_dict`.

    Raises:
        NotAResult: It is not one.
    """
    _check_form(whole)
    try:
        return _read(whole)  # type: ignore[arg-type] # the usage file's reader has said that it is a dict
    except NotAResult:
        raise
    except BadUsageFile as error:  # one of a newer version says what to do
        what, remedy = ("this is not a result", _REMEDY) if error.seen else (error.what, error.remedy)
        raise NotAResult(what, seen=error.seen, remedy=remedy) from error
    except (PolicyError, ValueError) as error:
        raise NotAResult("this is not a result", seen=label(str(error), _MOST_WORDS), remedy=_REMEDY) from error


def _read(whole: dict[str, Any]) -> Result:
    result = usage_file.from_dict(whole)
    values = _member(whole, "outputs", dict, {})
    reader = MessageReader(read_names(list(values)))
    for number, display in enumerate(_member(whole, "displays", list, [])):
        reader.feed(_display_frame(_typed(display, dict, f"displays[{number}]")))
    if whole.get("error") is not None:
        reader.feed(_error_frame(_member(whole, "error", dict, {})))
    outputs, missing = _outputs(values, reader.outputs)
    changes = None if whole.get("changes") is None else _read_changes(_member(whole, "changes", dict, {}))
    finished = None if whole.get("finished") is None else _member(whole, "finished", bool, default=False)
    completed = result.outcome is Outcome.COMPLETED
    return replace(
        result,
        stdout=clean(_member(whole, "stdout", str, "")),
        stderr=clean(_member(whole, "stderr", str, "")),
        stdout_bytes=_bytes(_member(whole, "stdout_bytes", str, ""), "stdout_bytes"),
        stderr_bytes=_bytes(_member(whole, "stderr_bytes", str, ""), "stderr_bytes"),
        error=None if completed else reader.error,
        finished=finished and completed,
        displays=reader.displays,
        outputs=outputs,
        changes=changes,
        notes=(*result.notes, *reader.notes, *missing),
    )


def _check_form(whole: object) -> None:
    """Refuse what is not plain JSON types, and too much of them, before anything is done with it."""
    left, room = MOST_VALUES, MOST_CHARACTERS
    for value in _all_of(whole):
        left -= 1
        room -= len(value) if isinstance(value, str) else 0
        if left < 0 or room < 0:
            _refuse(f"it has more than {MOST_VALUES:,} values or {MOST_CHARACTERS:,} characters")
        if type(value) not in (dict, list, str, int, float, bool, type(None)):
            _refuse(f"a {type(value).__name__} is in it")
        if type(value) is dict and not all(type(key) is str for key in value):
            _refuse("a name in it is no text")
        if type(value) is int and not -_LARGEST <= value < _LARGEST:
            _refuse("a number in it is too large")


def _all_of(whole: object) -> Iterator[object]:
    waiting = [iter((whole,))]
    while waiting:
        if len(waiting) > _MOST_NESTED:
            _refuse(f"it is nested more than {_MOST_NESTED} deep")
        for value in waiting[-1]:
            yield value
            if type(value) is dict:
                waiting.append(iter((*value.keys(), *value.values())))
                break
            if type(value) is list:
                waiting.append(iter(value))
                break
        else:
            waiting.pop()


def _refuse(seen: str) -> NoReturn:
    raise NotAResult("this is not a result", seen=seen, remedy=_REMEDY)


def _typed(value: object, kind: type[_Kind], where: str) -> _Kind:
    if type(value) is not kind:
        _refuse(f"{where} is of type {type(value).__name__}")
    return value


def _member(whole: Mapping[str, object], name: str, kind: type[_Kind], default: _Kind) -> _Kind:
    """Return a member, or the default where it is missing, as in a usage file."""
    return _typed(whole.get(name, default), kind, name)


def _bytes(text: str, where: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error, and characters that are not ASCII
        return _refuse(f"{where} is not base64: {error}")


def _display_frame(display: dict[str, Any]) -> bytes:
    """Return what our guest would have sent."""
    data = _member(display, "data", dict, {})
    word = {"display": b"display", "result": b"result"}.get(_member(display, "kind", str, "display"))
    if word is None:
        _refuse(f"a display is of kind {display['kind'][:40]!r}")
    pairs = [_utf8(part) for mime, text in data.items() for part in (mime, _typed(text, str, "a display's data"))]
    metadata = json.dumps(_member(display, "metadata", dict, {})).encode()
    try:
        return wire.pack(word, b"0", b"", b"0", metadata, b"", *pairs)
    except ValueError as error:
        _refuse(f"a display is too large: {error}")


def _error_frame(error: dict[str, Any]) -> bytes:
    words = [_utf8(_member(error, name, str, "")) for name in ("name", "message", "traceback")]
    line = "" if error.get("line") is None else str(_member(error, "line", int, 0))
    try:
        return wire.pack(b"error", b"0", *words, line.encode())
    except ValueError as wrong:
        _refuse(f"the error is too large: {wrong}")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _outputs(values: dict[str, Any], arriving: Outputs) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the variables, and a sentence for each that can't be read."""
    for name, value in values.items():
        output = _typed(value, dict, f"outputs.{name}")
        if "codec" in output:
            piece = _bytes(_typed(output["codec"], str, f"outputs.{name}.codec"), f"outputs.{name}.codec")
        elif "value" in output:  # JSON's own types become the codec's, so that there is one way in
            piece = codec.encode(output["value"], most=MOST_BYTES)
        else:
            _refuse(f"outputs.{name} has neither value nor codec")
        arriving.take(name, piece, last=True)
    return arriving.values(lambda: False)


def _read_changes(changes: dict[str, Any]) -> Changes:
    entries = [_entry(_typed(each, dict, "an entry of changes")) for each in _member(changes, "entries", list, [])]
    return recorded.read(entries, complete=_member(changes, "complete", bool, default=True))


def _entry(entry: dict[str, Any]) -> recorded.Entry:
    kind, form = (_member(entry, name, str, default) for name, default in (("kind", ""), ("type", "file")))
    if kind not in ("added", "changed", "removed") or form not in get_args(Kind):
        _refuse(f"a change is of kind {kind[:40]!r} and type {form[:40]!r}")
    return recorded.Entry(
        path=_member(entry, "path", str, ""),
        kind=kind,  # type: ignore[arg-type] # checked above
        type=form,  # type: ignore[arg-type] # likewise
        size=max(0, _member(entry, "size", int, 0)),
        executable=_member(entry, "executable", bool, default=False),
        data=None if entry.get("data") is None else _bytes(_member(entry, "data", str, ""), "data of a change"),
        left_out=_member(entry, "left_out", str, ""),
        refused=_member(entry, "refused", str, ""),
    )
