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
    x               a part: the name of its kind, the node of what stands for it

What stands in two places comes back as two; what holds itself can't travel.
"""

from __future__ import annotations

import struct

from . import arrow_columns, base, datetimes, numpy_arrays, pandas_tables, unsupported

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


EncodeError = base.EncodeError
DecodeError = base.DecodeError

MAGIC = b"smv1"
MOST_DEPTH = 100
_CHECK_EVERY = 64  # nodes
_NODE_COST = 5
_SIMPLE = {int: b"q", float: b"d", bool: b"?"}


def encode(value: object, *, most: int) -> bytes:
    """Return a value as at most ``most`` bytes.

    Raises:
        EncodeError: It, or something within it, can't travel; says where it is, what it is, and what would.
    """
    encoder = _Encoder(min(most, 2**32 - 1))
    try:
        encoder.node(value, 0)
    except RecursionError:
        raise base.EncodeError("nested too deep for the stack that is left", "a flatter form") from None
    return bytes(encoder.out)


def decode(data: bytes, load: Callable[[str], Any] = __import__, budget: Any = None) -> object:
    """Return the value that `encode` was given.

    Args:
        data: What `encode` returned, or what somebody says it returned.
        load: Imports NumPy and its like by name.
        budget: What it may take, a `base.Budget`; no bound without one, for bytes of our own.

    Raises:
        DecodeError: It is no value, one of a kind whose module is not there, or one that the budget does not cover.
            Data made to mislead raises other errors too, for the host's `untrusted.values.decode` to catch.
    """
    decoder = _Decoder(data, load, budget or base.Budget())
    value = decoder.node(0)
    if decoder.at != len(data):
        raise base.DecodeError("something follows the value")
    return value


class _Cost:
    """Bounds what a value costs, in the same way on both sides."""

    def __init__(self) -> None:
        self._left: int = base.MOST_COST

    def pay(self, cost: int) -> bool:
        self._left -= cost
        return self._left >= 0


class _Encoder:
    def __init__(self, most: int) -> None:
        self.out = bytearray(MAGIC)
        self._most = most
        self._cost = _Cost()
        self._open: set[int] = set()

    def node(self, value: Any, depth: int) -> None:
        kind = type(value)
        self._pay(_NODE_COST)
        if depth > MOST_DEPTH:
            raise base.EncodeError("nested more than %d deep" % MOST_DEPTH, "a flatter form")
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
                part = pandas_tables.take_apart(value)
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
            raise base.EncodeError("more than %d objects" % (base.MOST_COST // _NODE_COST), "a NumPy array, or a table")

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
        if kind in _SIMPLE:
            try:
                data = struct.pack("<%d%s" % (len(value), _SIMPLE[kind].decode()), *value)
            except struct.error:  # beyond 64 bits
                return ()
            return b"L", _SIMPLE[kind], struct.pack(">I", len(value)), data
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


_PUT: dict[type, Callable[[_Encoder, Any], None]] = {
    type(None): lambda encoder, _: encoder._add(b"n"),  # noqa: SLF001 - this file's own, as below
    bool: lambda encoder, value: encoder._add(b"t" if value else b"f"),  # noqa: SLF001
    int: _Encoder._whole,  # noqa: SLF001
    float: lambda encoder, value: encoder._add(b"d", struct.pack("<d", value)),  # noqa: SLF001
    complex: lambda encoder, value: encoder._add(b"c", struct.pack("<dd", value.real, value.imag)),  # noqa: SLF001
    str: _Encoder._text,  # noqa: SLF001
    bytes: lambda encoder, value: encoder._sized(b"b", value),  # noqa: SLF001
    bytearray: lambda encoder, value: encoder._sized(b"y", bytes(value)),  # noqa: SLF001
}
_CONTAINERS: dict[type, Callable[[_Encoder, Any, int], None]] = {
    list: _Encoder._list,  # noqa: SLF001
    tuple: _Encoder._tuple,  # noqa: SLF001
    base.Fields: _Encoder._tuple,  # noqa: SLF001
    set: _Encoder._set,  # noqa: SLF001
    frozenset: _Encoder._set,  # noqa: SLF001
    dict: _Encoder._dict,  # noqa: SLF001
}


class _Decoder:
    def __init__(self, data: bytes, load: Callable[[str], Any], budget: Any) -> None:
        self.at = len(MAGIC)
        self._data = data
        self._load = load
        self._budget = budget
        self._cost = _Cost()
        self._nodes = 0
        if data[: len(MAGIC)] != MAGIC:
            raise base.DecodeError("it does not begin as a value does")

    def node(self, depth: int) -> Any:
        if depth > MOST_DEPTH:
            raise base.DecodeError("it is nested too deep")
        self._pay(_NODE_COST)
        self._nodes += 1
        if not self._nodes % _CHECK_EVERY:
            self._budget.check()
        get = _GET.get(self._take(1))
        if get is None:
            raise base.DecodeError("it holds a tag that none has")
        return get(self, depth)

    def _pay(self, cost: int) -> None:
        if not self._cost.pay(cost):
            raise base.DecodeError("it holds too many objects")

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise base.DecodeError("it ends too early")
        piece = self._data[self.at : end]
        self.at = end
        return piece

    def _number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def _sized(self, _: int = 0) -> bytes:
        return self._take(self._number())

    def _text(self, _: int = 0) -> str:
        return self._sized().decode("utf-8", "surrogatepass")

    def _float(self, _: int) -> float:
        return float(struct.unpack("<d", self._take(8))[0])

    def _complex(self, _: int) -> complex:
        return complex(*struct.unpack("<dd", self._take(16)))

    def _list(self, depth: int) -> list[Any]:
        count = self._number()
        self._pay(count)
        return [self.node(depth + 1) for _ in range(count)]

    def _packed(self, _: int) -> list[Any]:
        letter, count = self._take(1), self._number()
        self._pay(count)
        if letter == b"s":
            return self._texts(count)
        if letter not in _SIMPLE.values():
            raise base.DecodeError("it holds a list of no type")
        form = "<%d%s" % (count, letter.decode())
        return list(struct.unpack(form, self._take(struct.calcsize(form))))

    def _texts(self, count: int) -> list[str]:
        lengths = struct.unpack("<%dI" % count, self._take(4 * count))
        text = self._text()
        if sum(lengths) != len(text):
            raise base.DecodeError("it holds texts that are not as long as they say")
        texts, start = [], 0
        for length in lengths:
            texts.append(text[start : start + length])
            start += length
        return texts

    def _items(self, depth: int) -> list[Any]:
        """Return what a tuple, a set or a dict holds: the list that follows."""
        tag = self._take(1)
        if tag not in (b"l", b"L"):
            raise base.DecodeError("it holds a tuple, a set or a dict that is none")
        return self._list(depth) if tag == b"l" else self._packed(depth)

    def _set(self, depth: int, kind: Any = set) -> Any:
        items = self._items(depth)
        self._pay(10)  # an empty one takes 216 bytes
        self._budget.check_keys(items, set)
        return kind(items)

    def _dict(self, depth: int) -> dict[Any, Any]:
        keys, values = self._items(depth), self._items(depth)
        self._budget.check_keys(keys, dict)
        built = dict(zip(keys, values))
        if not len(built) == len(keys) == len(values):
            raise base.DecodeError("it holds a dict with a key twice, or without a value")
        return built

    def _part(self, depth: int) -> Any:
        kind = self._text()
        module = kind.partition(".")[0]
        self._pay(_COSTS.get(module, 0))
        payload = self.node(depth + 1)
        if module not in _BUILD:
            raise base.DecodeError("it holds a kind of value that does not travel")
        self._budget.check()
        return _BUILD[module](kind, payload, self._loaded, self._budget)

    def _loaded(self, module: str) -> Any:
        try:
            return self._load(module)
        except ImportError:
            raise base.DecodeError("it needs %s, which is not there" % module) from None


_COSTS = {"numpy": 200, "pandas": 1000, "pyarrow": 250}
_BUILD = {
    "numpy": numpy_arrays.build,
    "pandas": pandas_tables.build,
    "pyarrow": arrow_columns.build,
    "python": datetimes.build,
}
_GET: dict[bytes, Callable[[_Decoder, int], Any]] = {
    b"n": lambda _, __: None,
    b"t": lambda _, __: True,
    b"f": lambda _, __: False,
    b"i": lambda decoder, _: int.from_bytes(decoder._sized(), "little", signed=True),  # noqa: SLF001 - as above
    b"d": _Decoder._float,  # noqa: SLF001
    b"c": _Decoder._complex,  # noqa: SLF001
    b"s": _Decoder._text,  # noqa: SLF001
    b"b": _Decoder._sized,  # noqa: SLF001
    b"y": lambda decoder, _: bytearray(decoder._sized()),  # noqa: SLF001
    b"l": _Decoder._list,  # noqa: SLF001
    b"L": _Decoder._packed,  # noqa: SLF001
    b"T": lambda decoder, depth: tuple(decoder._items(depth)),  # noqa: SLF001
    b"S": _Decoder._set,  # noqa: SLF001
    b"Z": lambda decoder, depth: decoder._set(depth, frozenset),  # noqa: SLF001
    b"D": _Decoder._dict,  # noqa: SLF001
    b"x": _Decoder._part,  # noqa: SLF001
}
