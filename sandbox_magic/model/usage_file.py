"""The file of ``--save-usage``: what is kept of a `Result` as JSON, and the `Result` made from it again.

It is one object. Version 1 has these keys; a later sandbox_magic may add keys to any object in it
without a new version, so a reader ignores what it does not know. What is not known is null, never 0.

=================  ==================================================================================
``format``         always ``sandbox_magic resource usage``
``version``        1
``outcome``        how the run ended, a name of `sandbox_magic.Outcome`
``exit_code``      the code's own exit status; null if it did not exit by itself
``signal``         the number of the signal that ended it; null if none did
``dropped_bytes``  bytes of its output that were not kept
``usage``          what it cost: the fields of `sandbox_magic.Usage`
``limits``         its bounds: the fields of `sandbox_magic.Limits`
``timeline``       ``samples``: a list of `sandbox_magic.Sample`, oldest first, at most 600 (``cpu_percent``
                   is of one core); ``memory_source``; ``peaks``: [field, largest value] of all samples
                   that were taken, those that were thinned out too; ``marks``: what happened, and when
``isolation``      what was in force: the fields of `sandbox_magic.Isolation`
``attempts``       what it tried: ``rows``, a list of `sandbox_magic.Attempt`, and how many more; null without
                   ``--trace``; missing in files of older versions
``compiled``       whether a compiler succeeded, so that the program began; null without one; missing likewise
``restored``       whether it was a cell of a session, which went back to what it was before it
``notes``          plain sentences for a person
=================  ==================================================================================

The code's output is not in it. A file may come from a stranger: reading it checks the type and the
range of every value.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args, get_origin, get_type_hints

from sandbox_magic.model.attempts import Attempts
from sandbox_magic.model.errors import PolicyError, SandboxError
from sandbox_magic.model.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = "sandbox_magic resource usage"
VERSION = 1
MOST_CHARACTERS = 16 * 2**20
_LARGEST = 2.0**63
_MOST_ENTRIES = 100
_TYPES = {"Attempts": Attempts, "Display": object, "Changes": object, "Mapping": dict}  # some are not in the file

_PARTS = (
    "outcome",
    "exit_code",
    "signal",
    "dropped_bytes",
    "usage",
    "limits",
    "timeline",
    "isolation",
    "attempts",
    "compiled",
    "restored",
    "notes",
)

_LATER = ("attempts", "compiled")  # what older files lack


class BadUsageFile(SandboxError, ValueError):  # noqa: N818 - reads as what it says, as the other kinds do
    """It is no file that ``--save-usage`` wrote."""


def to_json(result: Result) -> str:
    """Return the text of the file, a line for each key."""
    return lines(to_dict(result))


def to_dict(result: Result) -> dict[str, object]:
    """Return what is in the file as plain JSON types."""
    return {"format": FORMAT, "version": VERSION, **{name: _plain(getattr(result, name)) for name in _PARTS}}


def lines(whole: Mapping[str, object]) -> str:
    """Return an object as JSON, a line for each key, to be read by a person too."""
    return (
        "{\n" + ",\n".join(f'"{key}": {json.dumps(value, allow_nan=False)}' for key, value in whole.items()) + "\n}\n"
    )


def from_json(text: str) -> Result:
    """Return the result that a file describes, without its output.

    Raises:
        BadUsageFile: It is not such a file, or one of a newer version.
    """
    if len(text) > MOST_CHARACTERS:
        _refuse(f"it has more than {MOST_CHARACTERS:,} characters")
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadUsageFile("this is not a resource usage file", seen=str(error), remedy=_REMEDY) from error
    return from_dict(whole)


def from_dict(whole: object) -> Result:
    """Return the result that the plain JSON types of a file describe, without its output.

    Raises:
        BadUsageFile: They are not such a file's, or those of a newer version.
    """
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        _refuse(f'it is not an object with "format": "{FORMAT}"')
    if whole.get("version") != VERSION:
        what = f"this resource usage file has version {str(whole.get('version'))[:20]!r}, not {VERSION}"
        raise BadUsageFile(what, remedy="pip install --upgrade sandbox-magic")
    try:
        kinds = get_type_hints(Result, localns=_TYPES)
        return Result(**{name: _read(kinds[name], _member(whole, name), name) for name in _PARTS})
    except PolicyError as error:  # the bounds make no sense
        raise BadUsageFile("this is not a resource usage file", seen=str(error), remedy=_REMEDY) from error


_REMEDY = "a file that sandbox-magic run --save-usage wrote"


def _refuse(seen: str) -> NoReturn:
    raise BadUsageFile("this is not a resource usage file", seen=seen, remedy=_REMEDY)


def _plain(value: Any) -> object:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.init}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def _member(whole: dict[str, Any], name: str) -> object:
    if name not in whole and name in _LATER:
        return None
    if name not in whole:
        _refuse(f"{name} is missing")
    return whole[name]


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns=_TYPES)


def _read(kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911 - one for each form of type
    """Return a value of the type that a field is annotated with.

    Raises:
        BadUsageFile: The value is not of that type.
        PolicyError: The values of an object make no sense together.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType or NoneType in parts:
        return None if value is None else _read(next(part for part in parts if part is not NoneType), value, where)
    if origin is Literal:
        return value if isinstance(value, str) and value in parts else _refuse(f"{where} is {str(value)[:40]!r}")
    if origin is tuple:
        return _sequence(parts, value, where)
    if origin is dict:
        return _table(parts[1], value, where)
    if is_dataclass(kind):
        return _object(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value) if value in list(kind) else _refuse(f"{where} is {str(value)[:40]!r}")
    if kind in (int, float):
        return _number(kind, value, where)
    if not isinstance(value, kind):
        _refuse(f"{where} is of type {type(value).__name__}")
    return "".join(c if c.isprintable() else "\ufffd" for c in value) if kind is str else value


def _sequence(parts: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or (parts[-1] is not ... and len(value) != len(parts)):
        _refuse(f"{where} is not a list")
    kinds = parts[:1] * len(value) if parts[-1] is ... else parts
    return tuple(_read(kind, item, where) for kind, item in zip(kinds, value, strict=True))


def _table(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > _MOST_ENTRIES:
        _refuse(f"{where} is not a short table")
    return {_read(str, name, where): _read(kind, each, f"{where} of a name") for name, each in value.items()}


def _object(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        _refuse(f"{where} is not an object")
    hints = _hints(kind)
    required = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    if lacking := [name for name in required if name not in value]:
        _refuse(f"{where}.{lacking[0]} is missing")
    known = [field.name for field in fields(kind) if field.name in value]
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in known})


def _number(kind: type[int | float], value: Any, where: str) -> int | float:
    wanted = (int, float) if kind is float else (int,)
    if not isinstance(value, wanted) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        _refuse(f"{where} is {str(value)[:40]!r}")
    return kind(value)
