"""NumPy arrays and scalars, as a description of their type and their bare bytes; both sides use this file.

Not NumPy's own file format: its header is Python source, and it can hold a pickle.
"""

from __future__ import annotations

import sys

from . import base

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


MOST_EMPTY = 10_000_000  # elements that take no bytes, so no data bounds their number
_MOST_ITEM = 2**20  # bytes of one element of an array without elements: NumPy allocates one
_PLAIN = r"[<>|](b1|[iu][1248]|f[248]|c8|c16|[SUV]\d{1,9}|[mM]8(\[\d{0,9}[A-Za-z]{1,2}\])?)"


def take_apart(value: Any, room: int) -> Any:
    """Return the part for an array or a scalar of NumPy's; None for anything else.

    Raises:
        EncodeError: It is one that can't be passed.
        OverflowError: It has more than ``room`` bytes.
    """
    np = sys.modules["numpy"]
    kind = type(value)
    if kind is np.str_ or kind is np.bytes_:  # an array would drop NULs at their end
        return base.Part("numpy.text", base.Fields((kind.__name__, value[:])))
    if isinstance(value, np.generic):
        return base.Part("numpy.scalar", _array(np.asarray(value), room))
    if kind is np.ndarray:
        return _array(value, room)
    if isinstance(value, np.ndarray):
        raise base.EncodeError("a %s, a kind of NumPy array" % kind.__name__, "numpy.array(x), a plain one")
    return None


def _array(array: Any, room: int) -> Any:
    dtype = array.dtype
    if dtype.hasobject:
        raise base.EncodeError("a NumPy array of Python objects", "x.tolist(), or x.astype() to a type of NumPy's own")
    if array.nbytes > room:
        raise OverflowError
    if dtype.names is not None:  # what lies between its fields is not the array's, and was anything before
        fields, array = array, sys.modules["numpy"].zeros_like(array)
        array[...] = fields
    flags = array.flags
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    payload = (_described(dtype), tuple(array.shape), order, array.tobytes(order))
    return base.Part("numpy.ndarray", base.Fields(payload), cost=200)


def _described(dtype: Any) -> Any:
    """Return NumPy's description of a type; only what comes back as the same type is one."""
    import warnings  # NumPy has it

    form = sys.modules["numpy"].lib.format
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "metadata on a dtype is not saved"
            description = form.dtype_to_descr(dtype)
            _check_description(description)
            same = form.descr_to_dtype(description) == dtype
    except (ValueError, TypeError, UserWarning):
        same = False
    if not same:
        raise base.EncodeError("a NumPy array of type %s" % (dtype,), "x.astype() to a usual type, such as float64")
    return description


def _check_description(description: Any) -> None:
    import re  # NumPy has it

    if type(description) is str:
        if not re.fullmatch(_PLAIN, description):
            raise base.DecodeError("an array has elements of a type that can't be passed")
    elif type(description) is list:
        for field in description:
            _check_field(field)
    else:
        raise base.DecodeError("an array's type is no description of one")


def _check_field(field: Any) -> None:
    if type(field) is not tuple or len(field) not in (2, 3):
        raise base.DecodeError("an array's type has a broken field")
    name, description = field[:2]
    names = name if type(name) is tuple and len(name) == 2 else (name,)
    if any(type(each) is not str for each in names):
        raise base.DecodeError("an array's type has a field without a name")
    if len(field) == 3:
        if type(field[2]) is not tuple:
            raise base.DecodeError("an array's type has a field of no shape")
        base.whole(*field[2])
    _check_description(description)


def build(kind: str, payload: Any, load: Any, _: Any) -> Any:
    """Put a part of NumPy's together again; its data is not trusted."""
    np = load("numpy")
    if kind == "numpy.ndarray":
        return _built(payload, np)
    if kind == "numpy.text":
        name, text = payload
        if (name, type(text)) not in (("str_", str), ("bytes_", bytes)):
            raise base.DecodeError("a NumPy text is none")
        return getattr(np, name)(text)
    if type(payload) is not np.ndarray or payload.shape != ():
        raise base.DecodeError("a NumPy scalar is none")
    return payload[()]


def _built(payload: Any, np: Any) -> Any:
    description, shape, order, data = payload
    _check_description(description)
    if type(shape) is not tuple or order not in ("C", "F") or type(data) is not bytes:
        raise base.DecodeError("an array is broken")
    base.whole(*shape)
    dtype = np.lib.format.descr_to_dtype(description)
    count = 1
    for length in shape:
        count *= length
    if any(length < 0 for length in shape) or count * dtype.itemsize != len(data):
        raise base.DecodeError("an array's shape does not fit its data")
    if not data:
        if dtype.itemsize > _MOST_ITEM or count > MOST_EMPTY:
            raise base.DecodeError("an array without data claims to be large")
        return np.zeros(shape, dtype, order)
    array = np.frombuffer(data, dtype, count).reshape(shape, order=order).copy(order)
    _check_content(array, np)
    return array


def _check_content(array: Any, np: Any) -> None:
    """Refuse what NumPy takes for granted: it counts truths by adding bytes, and makes text of any number."""
    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            _check_content(array[name], np)
    elif dtype.kind == "b" and array.view("u1").max(initial=0) > 1:
        raise base.DecodeError("an array holds truth values that are neither true nor false")
    elif dtype.kind == "U" and dtype.itemsize:
        order = dtype.byteorder.replace("=", "<" if sys.byteorder == "little" else ">")
        codes = np.ascontiguousarray(array).view(order + "u4")
        if codes.max(initial=0) > sys.maxunicode:
            raise base.DecodeError("an array holds characters that do not exist")
