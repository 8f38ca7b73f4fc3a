"""Bytes -> a value: see `codec` for their form. It trusts nothing but its budget."""

from __future__ import annotations

import struct

from . import arrow_columns, base, datetimes, numpy_arrays, pandas_decoder

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CHECK_EVERY = 64  # nodes


class Decoder:
    """Reads one value.

    Attributes:
        at: How far it has read.

    Args:
        data: The bytes.
        load: Imports NumPy and its like by name.
        budget: What it may take.
    """

    def __init__(self, data: bytes, load: Callable[[str], Any], budget: Any) -> None:
        self.at: int = len(base.MAGIC)
        self._data = data
        self._load = load
        self._budget = budget
        self._cost = base.Cost()
        self._nodes = 0
        if data[: len(base.MAGIC)] != base.MAGIC:
            raise base.DecodeError("it does not begin as a value does")

    def node(self, depth: int) -> Any:
        """Return the value that comes next, with what is within it."""
        if depth > base.MOST_DEPTH:
            raise base.DecodeError("it is nested too deep")
        self._pay(base.NODE_COST)
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
        if letter not in base.SIMPLE.values():
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
            raise base.DecodeError("it holds a kind of value that can't be passed")
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
    "pandas": pandas_decoder.build,
    "pyarrow": arrow_columns.build,
    "python": datetimes.build,
}
_GET: dict[bytes, Callable[[Decoder, int], Any]] = {
    b"n": lambda _, __: None,
    b"t": lambda _, __: True,
    b"f": lambda _, __: False,
    b"i": lambda decoder, _: int.from_bytes(decoder._sized(), "little", signed=True),  # noqa: SLF001 - as above
    b"d": Decoder._float,  # noqa: SLF001
    b"c": Decoder._complex,  # noqa: SLF001
    b"s": Decoder._text,  # noqa: SLF001
    b"b": Decoder._sized,  # noqa: SLF001
    b"y": lambda decoder, _: bytearray(decoder._sized()),  # noqa: SLF001
    b"l": Decoder._list,  # noqa: SLF001
    b"L": Decoder._packed,  # noqa: SLF001
    b"T": lambda decoder, depth: tuple(decoder._items(depth)),  # noqa: SLF001
    b"S": Decoder._set,  # noqa: SLF001
    b"Z": lambda decoder, depth: decoder._set(depth, frozenset),  # noqa: SLF001
    b"D": Decoder._dict,  # noqa: SLF001
    b"x": Decoder._part,  # noqa: SLF001
}
