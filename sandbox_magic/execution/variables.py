"""Variables in and out of a run: packed before it, put together again when it has completed."""

from __future__ import annotations

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
        PolicyError: One of them can't travel; says which part of it, and what would.
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
    except codec.EncodeError as unfit:
        msg = f"input {name}{unfit.path} is {unfit.what}"
        raise PolicyError(msg, remedy=unfit.remedy) from None


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
        """Take the guest's word for why a value can't travel.

        Raises:
            ValueError: Nobody asked for it.
        """
        if name not in self._names:
            msg = "a name that nobody asked for"
            raise ValueError(msg)
        path, what, remedy = (label(word, _MOST_WORDS) for word in (path, what, remedy))
        self._refused[name] = f"{path and path + ' '}is {what}" + (f"; what would: {remedy}" if remedy else "")

    def values(self, stopped: Callable[[], bool]) -> tuple[dict[str, object], tuple[str, ...]]:
        """Return the variables of a run that has completed, and a sentence for each that did not come out.

        An interrupt ends the reading and nothing else: what was read so far stays.

        Args:
            stopped: Tells whether somebody wants the reading to end.
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
                why = "was not read: that was interrupted"
            if why:
                notes.append(f"Output {name} did not come out: it {why}.")
        return found, tuple(notes)

    def _read(self, name: str, found: dict[str, object], budget: Budget) -> str:
        """Put a variable together; return why it did not come out, if so."""
        if name not in self._whole:
            return "was not sent: the code's own process did not come to its end"
        try:
            budget.check()
            found[name] = untrusted.decode(bytes(self._pieces[name]), most=MOST_BYTES, budget=budget)
        except untrusted.DecodeError as error:
            return f"can't be read: {error}"
        return ""
