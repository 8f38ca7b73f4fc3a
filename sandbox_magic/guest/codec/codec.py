"""One value as bytes, between guest and host, in both directions. Nothing is ever unpickled.

Both sides use this file, so it runs on Python 3.9. A decoder trusts nothing but its budget. The bytes
are `MAGIC` and one node: a tag of one byte, what it needs (numbers of four bytes in front of what they count), and the
nodes within it.

    n t f           None, True, False
    i d c           whole number of any size, float, complex
    s b y           str (lone surrogates too), bytes, bytearray
    l               list: a count, its nodes
    L               list of one simple type: its letter, a count, all of it packed
    T S Z           tuple, set, frozenset: a list's node
    D               dict: a list's node of its keys, one of its values
    x               a part: the name of its kind, the node of its payload

A value in two places comes back as two values; a value that contains itself can't be passed.
"""

from __future__ import annotations

from . import base, decoder, encoder

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


EncodeError = base.EncodeError
DecodeError = base.DecodeError


def encode(value: object, *, most: int) -> bytes:
    """Return a value as at most ``most`` bytes.

    Raises:
        EncodeError: It, or something within it, can't be passed; says where it is, what it is, and what can.
    """
    made = encoder.Encoder(min(most, 2**32 - 1))
    try:
        made.node(value, 0)
    except RecursionError:
        raise base.EncodeError("nested too deep for the stack that is left", "a flatter form") from None
    return bytes(made.out)


def decode(data: bytes, load: Callable[[str], Any] = __import__, budget: Any = None) -> object:
    """Return the value that `encode` was given.

    Args:
        data: What `encode` returned, or what is claimed to be that.
        load: Imports NumPy and its like by name.
        budget: What it may take, a `base.Budget`; no bound without one, for bytes of our own.

    Raises:
        DecodeError: It is no value, one of a kind whose module is not there, or one that the budget does not cover.
            Data made to mislead raises other errors too, for the host's `untrusted.values.decode` to catch.
    """
    reader = decoder.Decoder(data, load, budget or base.Budget())
    value = reader.node(0)
    if reader.at != len(data):
        raise base.DecodeError("something follows the value")
    return value
