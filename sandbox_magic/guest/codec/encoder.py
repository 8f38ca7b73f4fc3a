"""A value -> its bytes: see `codec` for their form."""

from __future__ import annotations

import struct

from . import arrow_columns, base, datetimes, numpy_arrays, pandas_encoder, unsupported

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Encoder:
    """Writes one value.

    Attributes:
        out: What has been written.

    Args:
        most: Bytes that it may take.
    """

    def __init__(self, most: int) -> None:
        self.out: bytearray = bytearray(base.MAGIC)
        self._most = most
        self._cost = base.Cost()
        self._open: set[int] = set()

    def node(self, value: Any, depth: int) -> None:
        """Write a value, and what is within it."""
        kind = type(value)
        self._pay(base.NODE_COST)
        if depth > base.MOST_DEPTH:
            raise base.EncodeError("nested more than %d deep" % base.MOST_DEPTH, "a flatter form")
        put = _PUT.get(kind)
        if put is not None:
            put(self, value)
            return
        if kind in _CONTAINERS:
            if id(value) in self._open:
                raise base.EncodeError("a %s that holds itself" % kind.__name__, "a form without the cycle")
            self._open.add(id(value))
            _CONTAINERS[kind](self, value, depth)
            self._open.remove(id(value))
            return
        part = value if kind is base.Part else self._taken_apart(value)
        self._part(part, depth)

    def _taken_apart(self, value: Any) -> Any:
        room = self._most - len(self.out)
        part = datetimes.take_apart(value)
        try:
            if part is None and base.of_module(value, "numpy"):
                part = numpy_arrays.take_apart(value, room)
            if part is None and base.of_module(value, "pandas"):
                part = pandas_encoder.take_apart(value)
            if part is None and base.of_module(value, "pyarrow"):
                part = arrow_columns.take_apart(value, room)
        except OverflowError:
            raise base.too_large(self._most) from None
        if part is None:
            raise unsupported.unfit(value)
        return part

    def _part(self, part: Any, depth: int) -> None:
        self._pay(part.cost)
        self._sized(b"x", part.kind.encode())
        try:
            self.node(part.payload, depth + 1)
        except base.EncodeError as error:
            error.below(part.step)
            raise

    def _pay(self, cost: int) -> None:
        if not self._cost.pay(cost):
            raise base.EncodeError(
                "more than %d objects" % (base.MOST_COST // base.NODE_COST), "a NumPy array, or a table"
            )

    def _add(self, *pieces: bytes) -> None:
        if len(self.out) + sum(map(len, pieces)) > self._most:
            raise base.too_large(self._most)
        for piece in pieces:
            self.out += piece

    def _sized(self, tag: bytes, data: bytes) -> None:
        self._add(tag, struct.pack(">I", len(data) & 0xFFFFFFFF), data)

    def _text(self, value: str) -> None:
        if len(value) > self._most:
            raise base.too_large(self._most)
        self._sized(b"s", value.encode("utf-8", "surrogatepass"))

    def _whole(self, value: int) -> None:
        self._sized(b"i", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))

    def _list(self, value: Any, depth: int, steps: bool = True) -> None:  # noqa: FBT001, FBT002 - two callers, below
        self._pay(len(value))
        packed = self._packed(value)
        if packed:
            self._add(*packed)
            return
        self._add(b"l", struct.pack(">I", len(value)))
        number = -1
        try:
            for item in value:
                number += 1
                self.node(item, depth + 1)
        except base.EncodeError as error:
            if steps:
                error.below("[%d]" % number)
            raise

    @staticmethod
    def _packed(value: Any) -> tuple[bytes, ...]:
        """Return a list of one simple type packed, which is some ten times as fast; nothing for another list."""
        kinds = set(map(type, value))
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind in base.SIMPLE:
            try:
                data = struct.pack("<%d%s" % (len(value), base.SIMPLE[kind].decode()), *value)
            except struct.error:  # beyond 64 bits
                return ()
            return b"L", base.SIMPLE[kind], struct.pack(">I", len(value)), data
        if kind is str:
            text = "".join(value).encode("utf-8", "surrogatepass")
            lengths = struct.pack("<%dI" % len(value), *map(len, value))
            return b"L", b"s", struct.pack(">I", len(value)), lengths, struct.pack(">I", len(text)), text
        return ()

    def _dict(self, value: dict[object, object], depth: int) -> None:
        self._add(b"D")
        keys = list(value)
        try:
            self._list(keys, depth)
        except base.EncodeError as error:
            error.below(".keys()")
            raise
        self._pay(len(keys))
        packed = self._packed(list(value.values()))
        if packed:
            self._add(*packed)
            return
        self._add(b"l", struct.pack(">I", len(keys)))
        key: object = None
        try:
            for key in keys:
                self.node(value[key], depth + 1)
        except base.EncodeError as error:
            error.below("[%.60r]" % (key,))
            raise

    def _tuple(self, value: Any, depth: int) -> None:
        self._add(b"T")
        self._list(value, depth, steps=type(value) is tuple)

    def _set(self, value: Any, depth: int) -> None:
        self._add(b"S" if type(value) is set else b"Z")
        self._list(list(value), depth)


_PUT: dict[type, Callable[[Encoder, Any], None]] = {
    type(None): lambda encoder, _: encoder._add(b"n"),  # noqa: SLF001 - this file's own, as below
    bool: lambda encoder, value: encoder._add(b"t" if value else b"f"),  # noqa: SLF001
    int: Encoder._whole,  # noqa: SLF001
    float: lambda encoder, value: encoder._add(b"d", struct.pack("<d", value)),  # noqa: SLF001
    complex: lambda encoder, value: encoder._add(b"c", struct.pack("<dd", value.real, value.imag)),  # noqa: SLF001
    str: Encoder._text,  # noqa: SLF001
    bytes: lambda encoder, value: encoder._sized(b"b", value),  # noqa: SLF001
    bytearray: lambda encoder, value: encoder._sized(b"y", bytes(value)),  # noqa: SLF001
}
_CONTAINERS: dict[type, Callable[[Encoder, Any, int], None]] = {
    list: Encoder._list,  # noqa: SLF001
    tuple: Encoder._tuple,  # noqa: SLF001
    base.Fields: Encoder._tuple,  # noqa: SLF001
    set: Encoder._set,  # noqa: SLF001
    frozenset: Encoder._set,  # noqa: SLF001
    dict: Encoder._dict,  # noqa: SLF001
}
