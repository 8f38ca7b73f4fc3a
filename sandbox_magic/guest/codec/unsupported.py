"""What to call a value that can't be passed, and what can be passed in its place."""

from __future__ import annotations

import sys

from . import base

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


_PLAIN = (bool, int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
_WORDS = {
    "function": ("a function", "what it returns"),
    "builtin_function_or_method": ("a built-in function", "what it returns"),
    "method": ("a method", "what it returns"),
    "module": ("a module", "the values in it that are needed"),
    "type": ("a class", "vars(x) of an instance"),
    "generator": ("a generator", "list(x)"),
    "range": ("a range", "list(x)"),
    "dict_keys": ("a view of a dict", "list(x)"),
    "dict_values": ("a view of a dict", "list(x)"),
    "dict_items": ("a view of a dict", "dict(x)"),
    "memoryview": ("a memoryview", "bytes(x)"),
    "TextIOWrapper": ("an open file", "what it holds: x.read()"),
    "BufferedReader": ("an open file", "what it holds: x.read()"),
}
_ELSE = "plain data: numbers, text, lists, dicts, arrays, tables"


def unfit(value: Any) -> Any:
    """Return the error for a value that can't be passed."""
    kind = type(value)
    if kind.__name__ in _WORDS and kind.__module__ in ("builtins", "_io"):
        return base.EncodeError(*_WORDS[kind.__name__])
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(value, enum.Enum):
        return base.EncodeError("%s, an enumeration" % _named(kind), "x.value")
    for plain in _PLAIN:
        if isinstance(value, plain):
            return base.EncodeError("%s, a kind of %s" % (_named(kind), plain.__name__), "%s(x)" % plain.__name__)
    for mark, remedy in _REMEDIES:
        if hasattr(kind, mark):
            return base.EncodeError(_named(kind), remedy)
    return base.EncodeError(_named(kind), _ELSE)


_REMEDIES = (
    ("__dataclass_fields__", "dataclasses.asdict(x)"),
    ("__fspath__", "str(x)"),
    ("to_pandas", "x.to_pandas()"),
    ("to_dict", "x.to_dict()"),
    ("toarray", "x.toarray()"),
    ("savefig", "showing it, or saving it to a file"),
    ("__array__", "numpy.asarray(x)"),
    ("isoformat", "x.isoformat()"),
    ("__next__", "list(x)"),
)


def _named(kind: Any) -> str:
    return "an object of class %.80s" % kind.__qualname__
