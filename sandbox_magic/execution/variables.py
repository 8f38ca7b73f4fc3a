"""Variables passed into a run and out of it: encoded before it, decoded when it has completed."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from sandbox_magic.guest.codec import codec
from sandbox_magic.guest.variables import MOST_BYTES
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import size
from sandbox_magic.untrusted import values as untrusted
from sandbox_magic.untrusted.budget import Budget
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MOST_WORDS = 200


def packed(inputs: Mapping[str, object]) -> bytes:
    """Return the variables as the guest takes them.

    Raises:
        PolicyError: One of them can't be passed in; says which part of it, and what can.
    """
    try:
        return codec.encode(dict(inputs), most=MOST_BYTES)
    except codec.EncodeError:
        for name, value in inputs.items():
            _check(name, value)
        msg = f"the inputs take more than {size(MOST_BYTES)} together"
        raise PolicyError(msg, remedy="fewer or smaller ones, or --bind for a file") from None


def _check(name: str, value: object) -> None:
    try:
        codec.encode(value, most=MOST_BYTES)
    except codec.EncodeError as error:
        where = f"input {name}{error.path}"
        remedy = "" if error.path else _written_in_the_cell(name, value)
        if remedy:
            msg = f"{where}: {error.what} can't be passed in"
            raise PolicyError(msg, remedy=remedy) from None
        msg = f"{where} is {error.what}, which can't be passed in"
        raise PolicyError(msg, remedy=error.remedy) from None


def _written_in_the_cell(name: str, value: object) -> str:
    """Return what to write in the cell in place of a variable that is code; empty for any other."""
    if isinstance(value, ModuleType):
        return f"write `import {value.__name__}{'' if value.__name__ == name else f' as {name}'}` in the sandbox cell"
    if isinstance(value, (FunctionType, type)):
        return f"put its `{'class' if isinstance(value, type) else 'def'}` into the sandbox cell"
    return ""


class Outputs:
    """The variables that are asked for, as they arrive: untrusted.

    Args:
        names: What is asked for.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._pieces: dict[str, bytearray] = {}
        self._whole: set[str] = set()
        self._refused: dict[str, str] = {}
        self._room = MOST_BYTES

    def take(self, name: str, piece: bytes, *, last: bool) -> None:
        """Take a piece of a value.

        Raises:
            ValueError: It is not one that our guest sends.
        """
        self._room -= len(piece)
        if name not in self._names or name in self._whole or self._room < 0:
            msg = "a value that nobody asked for, or more than there is room for"
            raise ValueError(msg)
        self._pieces.setdefault(name, bytearray()).extend(piece)
        if last:
            self._whole.add(name)

    def refuse(self, name: str, path: str, what: str, remedy: str) -> None:
        """Take the guest's word for why a value can't be passed out.

        Raises:
            ValueError: Nobody asked for it.
        """
        if name not in self._names:
            msg = "a name that nobody asked for"
            raise ValueError(msg)
        path, what, remedy = (label(word, _MOST_WORDS) for word in (path, what, remedy))
        told = f", which can't be passed out. Try: {remedy}" if remedy else ""
        self._refused[name] = f"{path or 'it'} is {what}{told}"

    def values(self, stopped: Callable[[], bool]) -> tuple[dict[str, object], tuple[str, ...]]:
        """Return the variables of a run that has completed, and a sentence for each that is missing.

        An interrupt ends the decoding and nothing else: what was decoded before it stays.

        Args:
            stopped: Returns whether the run has been interrupted meanwhile.
        """
        found: dict[str, object] = {}
        notes: list[str] = []
        interrupted = False
        budget = Budget(lambda: interrupted or stopped())
        for name in self._names:
            try:
                why = self._refused.get(name) or self._read(name, found, budget)
            except KeyboardInterrupt:
                interrupted = True
                why = "reading it was interrupted"
            if why:
                notes.append(f"`{name}` is missing: {why}.")
        return found, tuple(notes)

    def _read(self, name: str, found: dict[str, object], budget: Budget) -> str:
        """Decode a variable; return why it is missing, if it is."""
        if name not in self._whole:
            return "the code quit before its last line, or closed descriptor 3"
        try:
            budget.check()
            found[name] = untrusted.decode(bytes(self._pieces[name]), most=MOST_BYTES, budget=budget)
        except untrusted.DecodeError as error:
            return f"it can't be read: {error}"
        return ""
