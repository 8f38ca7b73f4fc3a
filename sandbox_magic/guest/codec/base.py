"""What a value is taken apart into, and the two errors: one for what can't be passed, one for what arrived broken.

Both sides use this file, so it runs on Python 3.9.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

MAGIC = b"smv1"
MOST_DEPTH = 100
NODE_COST = 5
SIMPLE = {int: b"q", float: b"d", bool: b"?"}  # types whose lists are packed, and what struct calls them
MOST_COST = 10_000_000  # of one value: about the memory of its Python objects, in units of some 50 bytes

_ZONE = r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}|[+-]\d\d:\d\d"


class EncodeError(ValueError):
    """A value that can't be passed.

    Attributes:
        path: Where in the value it is, as Python writes it: ``['a'][3]``; empty for the value itself.
        what: What it is: ``a function``.
        remedy: What can be passed in its place.
    """

    def __init__(self, what: str, remedy: str, path: str = "") -> None:
        self.path: str = path
        self.what = what
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        where = "%s is " % self.path if self.path else "it is "
        return "%s%s, which can't be passed; try %s" % (where, self.what, self.remedy)

    def below(self, step: str) -> None:
        """Say that this was found below ``step``."""
        self.path = (step + self.path)[:200]


class DecodeError(ValueError):
    """Bytes that are no value; says in plain words why."""


class Budget:
    """What decoding may take. This one, for bytes that the other side of us has written, bounds nothing."""

    def check(self) -> None:
        """Raise `DecodeError` if there is no time left."""

    def check_keys(self, keys: list[object], kind: type) -> None:
        """Raise `DecodeError` if a dict or a set (``kind``) of these keys would take long to make."""

    def claim_rows(self, count: int) -> None:
        """Raise `DecodeError` if so many more rows, which no data bounds, are too many."""

    def allows_steps(self, count: int) -> bool:  # noqa: ARG002 - for those that bound it
        """Return whether so many more rows may be stepped through one by one."""
        return True


class Cost:
    """Bounds what a value costs, in the same way on both sides."""

    def __init__(self) -> None:
        self._left: int = MOST_COST

    def pay(self, cost: int) -> bool:
        """Pay for a part of it; return whether there was enough left."""
        self._left -= cost
        return self._left >= 0


class Part:
    """A value of a named kind, and the plainer value that it is written as.

    Attributes:
        kind: Its kind, such as ``numpy.ndarray``.
        payload: A value that can be passed.
        step: How Python would reach it from what it is in, for an error's path.
        cost: Its own cost, without its payload's.
    """

    __slots__ = ("cost", "kind", "payload", "step")

    def __init__(self, kind: str, payload: Any, step: str = "", cost: int = 20) -> None:
        self.kind: str = kind
        self.payload: Any = payload
        self.step: str = step
        self.cost: int = cost


class Fields(tuple):  # type: ignore[type-arg] # noqa: SLOT001 - typing costs milliseconds; three names a value
    """A payload's fields: a tuple of its own type, whose numbers are in no error's path."""


def too_large(most: int) -> EncodeError:
    """Return the error for what is larger than ``most`` bytes."""
    return EncodeError("larger than %s bytes" % format(most, ","), "a part or a summary of it")


def of_module(value: object, name: str) -> bool:
    """Return whether a value's class, or one that it is made from, belongs to a module that is loaded."""
    return name in sys.modules and any(
        base.__module__ == name or str(base.__module__).startswith(name + ".") for base in type(value).__mro__
    )


def checked_zone(name: object) -> object:
    """Return a time zone's name that is one; it becomes a file's name."""
    import re  # costs milliseconds, and most values have no zone

    if type(name) is not str or not re.fullmatch(_ZONE, name):
        raise DecodeError("a time zone has a name that none has")
    return name


def whole(*numbers: object) -> None:
    """Check that these are whole numbers and nothing else."""
    if any(type(number) is not int for number in numbers):
        raise DecodeError("something else stands where a whole number belongs")
