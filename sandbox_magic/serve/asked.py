"""What a request asks for, checked; and the policy of it, which is never above the server's own."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox_magic.execution.api import prepare
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import parse_bytes, parse_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox_magic.execution.run import Run
    from sandbox_magic.model.policy import Limits, Policy

_Kind = TypeVar("_Kind", str, int, float, list[Any], dict[str, Any])
_KNOWN = {"code", "language", "stdin", "args", "timeout", "memory", "files", "inputs", "outputs", "save"}


class BadRequest(ValueError):  # noqa: N818 - reads as what it says
    """A request is not of the form that it should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for.

    Attributes:
        code: The code.
        seconds: Wall time; None for as much as the server gives.
        memory_bytes: Memory, likewise.
        compile_seconds: Wall time of a compiler, likewise.
        options: Options of the run.
        files: Files for its working directory.
    """

    code: str
    seconds: float | None = None
    memory_bytes: int | None = None
    compile_seconds: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] | None = None

    def policy(self, most: Policy) -> Policy:
        """Return the server's policy with what is lower in the request.

        Raises:
            PolicyError: It is so low that nothing could run.
        """
        limits = most.limits
        wall = _lower(self.seconds, limits.wall_seconds)
        memory = limits.memory_bytes if self.memory_bytes is None else min(self.memory_bytes, limits.memory_bytes)
        lowered: Limits = replace(limits, wall_seconds=wall, memory_bytes=memory)
        return replace(most, limits=lowered)

    def run(self, most: Policy, *, last_value: bool = False) -> Run:
        """Return the run, not started yet; nothing of it is written to the server's directory.

        Args:
            most: The server's policy.
            last_value: Whether the value of the last expression is shown, as in a notebook.

        Raises:
            PolicyError: It makes no sense, or is so low that nothing could run.
        """
        policy = self.policy(most)
        return prepare(
            self.code,
            self.options,
            policy,
            files=self.files,
            last_value=last_value,
            writes=False,
            compile_seconds=_lower(self.compile_seconds, most.limits.compile_seconds),
        )


def _lower(asked: float | None, most: float | None) -> float | None:
    known = [each for each in (asked, most) if each is not None]
    return min(known) if known else None


def read(whole: Mapping[str, Any]) -> Asked:
    """Return what a request of our own form asks for.

    Raises:
        BadRequest: It is not of that form; says what is wrong.
    """
    if more := sorted(whole.keys() - _KNOWN):
        raise BadRequest(f"there is no {more[0]!r}; there are {', '.join(sorted(_KNOWN))}")
    options: dict[str, Any] = {
        name: value for name, value in whole.items() if name in ("language", "args", "inputs", "outputs", "save")
    }
    if whole.get("stdin") is not None:
        options["stdin"] = member(whole, "stdin", str)  # a number would name a descriptor of the server's
    try:
        seconds = None if whole.get("timeout") is None else parse_seconds(whole["timeout"])
        memory = None if whole.get("memory") is None else parse_bytes(whole["memory"])
    except PolicyError as error:
        raise BadRequest(str(error)) from error
    files = files_of(member(whole, "files", dict, {}))
    return Asked(code=member(whole, "code", str), seconds=seconds, memory_bytes=memory, options=options, files=files)


def files_of(given: Mapping[str, Any]) -> dict[str, bytes] | None:
    """Return files whose content is in base64; None where there are none.

    Raises:
        BadRequest: A content is not.
    """
    try:
        found = {
            name.removeprefix("./"): base64.b64decode(data, validate=True)
            for name, data in given.items()
            if data is not None
        }
    except (binascii.Error, TypeError, ValueError) as error:
        raise BadRequest(f"files: a content is no base64: {error}") from error
    return found or None


def words(whole: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts in a request; empty where it is missing.

    Raises:
        BadRequest: It is something else.
    """
    found = member(whole, name, list, [])
    if wrong := [word for word in found if not isinstance(word, str)]:
        raise BadRequest(f"{name} has one of type {type(wrong[0]).__name__}")
    return found


def member(whole: Mapping[str, Any], name: str, kind: type[_Kind], default: _Kind | None = None) -> _Kind:
    """Return a value of a request.

    Raises:
        BadRequest: It is missing, or of another type.
    """
    value: Any = whole.get(name)
    if value is None and default is not None:
        return default
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError as error:
            raise BadRequest(f"{name} is too large") from error
    if value is None:
        raise BadRequest(f"{name} is missing")
    if type(value) is not kind or value != value:  # noqa: PLR0124 - JSON's NaN
        raise BadRequest(f"{name} is of type {type(value).__name__}")
    return value
