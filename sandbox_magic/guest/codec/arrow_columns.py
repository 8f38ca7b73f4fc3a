"""PyArrow tables, as their types in plain values and their buffers; both sides use this file.

Not Arrow's own stream: reading one calls whatever extension types are registered (before pyarrow 14.0.1 that
unpickled, CVE-2023-47248), and its compressed buffers can be of any size.
"""

from __future__ import annotations

import sys

from . import base

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


_SIMPLE = (
    "null",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "halffloat",
    "float",
    "double",
    "string",
    "large_string",
    "binary",
    "large_binary",
    "date32[day]",
    "date64[ms]",
    "time32[s]",
    "time32[ms]",
    "time64[us]",
    "time64[ns]",
    "duration[s]",
    "duration[ms]",
    "duration[us]",
    "duration[ns]",
    "month_day_nano_interval",
)
_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64", "bool": "bool_"}
_THREE_BUFFERS = ("string", "large_string", "binary", "large_binary")


def take_apart(value: Any, room: int) -> Any:
    """Return the part for a table or a column of PyArrow's; None for anything else.

    Raises:
        EncodeError: It is one that can't be passed.
        OverflowError: It has more than ``room`` bytes.
    """
    pa = sys.modules["pyarrow"]
    if type(value) is pa.Table:
        return _table(value, room)
    if type(value) is pa.ChunkedArray:
        return base.Part("pyarrow.column", _table(pa.table({"": value}), room))
    if isinstance(value, (pa.Array, pa.RecordBatch)):
        remedy = "pyarrow.chunked_array([x])" if isinstance(value, pa.Array) else "pyarrow.Table.from_batches([x])"
        raise base.EncodeError("a pyarrow %s" % type(value).__name__, remedy)
    return None


def _table(table: Any, room: int) -> Any:
    fields = []
    for field in table.schema:
        try:
            fields.append(_field(field))
        except base.EncodeError as error:
            error.below("[%.60r]" % field.name)
            raise
    if table.nbytes > room:
        raise OverflowError
    compact = _compact(table).columns
    chunks = [_array(chunk) for column in compact for chunk in column.chunks]
    counts = [column.num_chunks for column in compact]
    payload = (tuple(fields), _notes(table.schema.metadata), counts, base.Fields(chunks))
    return base.Part("pyarrow.Table", base.Fields(payload), cost=2000)


def _compact(table: Any) -> Any:
    """Return the same table without the rest of the buffers that it is a slice of."""
    pa = sys.modules["pyarrow"]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _notes(notes: Any) -> Any:
    """Return what is noted of a field or a table; an extension type is nothing but a note."""
    if notes and any(type(key) is not bytes or key.startswith(b"ARROW:") for key in notes):
        raise base.EncodeError("an Arrow extension type", "x.cast() to the type that it is stored as")
    return dict(notes) if notes else None


def _field(field: Any) -> Any:
    return (field.name, _type(field.type), field.nullable, _notes(field.metadata))


def _type(kind: Any) -> Any:  # noqa: C901, PLR0911 - one for each family of types
    test = sys.modules["pyarrow"].types
    if not isinstance(kind, sys.modules["pyarrow"].BaseExtensionType):
        if str(kind) in _SIMPLE:
            return str(kind)
        if test.is_timestamp(kind):
            return ("timestamp", kind.unit, kind.tz)
        if test.is_fixed_size_binary(kind) and kind.byte_width:
            return ("fixed_size_binary", kind.byte_width)
        if test.is_decimal128(kind) or test.is_decimal256(kind):
            return ("decimal%d" % kind.bit_width, kind.precision, kind.scale)
        if test.is_list(kind) or test.is_large_list(kind):
            return ("list" if test.is_list(kind) else "large_list", _field(kind.value_field))
        if test.is_fixed_size_list(kind) and kind.list_size:
            return ("fixed_size_list", _field(kind.value_field), kind.list_size)
        if test.is_struct(kind) and kind.num_fields:
            return ("struct", tuple(map(_field, kind)))
        if test.is_map(kind):
            return ("map", _field(kind.key_field), _field(kind.item_field), kind.keys_sorted)
        if test.is_dictionary(kind):
            return ("dictionary", _type(kind.index_type), _type(kind.value_type), kind.ordered)
    raise base.EncodeError("an Arrow column of type %s" % kind, "x.cast() to a usual type, such as string or int64")


def _array(array: Any) -> Any:
    """Return an array's length, its own buffers and its children; it starts at the start of its buffers."""
    kind = array.type
    test = sys.modules["pyarrow"].types
    own: int = 2
    children: tuple[Any, ...] = ()
    if test.is_dictionary(kind):
        own, children = 0, (array.indices, array.dictionary)
    elif test.is_struct(kind):
        own, children = 1, tuple(array.field(n) for n in range(kind.num_fields))
    elif test.is_map(kind):
        children = (array.keys, array.items)
    elif hasattr(kind, "value_field"):
        own, children = 1 if test.is_fixed_size_list(kind) else 2, (array.values,)
    elif str(kind) in _THREE_BUFFERS:
        own = 3
    elif test.is_null(kind):
        own = 1
    buffers = tuple(buffer if buffer is None else buffer.to_pybytes() for buffer in array.buffers()[:own])
    return base.Part("pyarrow.array", base.Fields((len(array), buffers, _children(children))), cost=250)


def _children(arrays: Any) -> Any:
    return base.Fields([_array(array) for array in arrays])


def build(kind: str, payload: Any, load: Any, budget: Any) -> Any:
    """Put a part of PyArrow's together again; its data is not trusted."""
    pa = load("pyarrow")
    if kind == "pyarrow.Table":
        return _built_table(pa, payload, budget)
    if kind == "pyarrow.column":
        return payload.column(0)
    if kind == "pyarrow.array":
        return base.Part(kind, payload)  # has no type yet
    raise base.DecodeError("it holds a kind of value that can't be passed")


def _built_table(pa: Any, payload: Any, budget: Any) -> Any:
    described, notes, counts, arrays = payload
    fields = [_built_field(pa, field) for field in described]
    base.whole(*counts)
    if len(counts) != len(fields) or min(counts, default=0) < 0 or sum(counts) != len(arrays):
        raise base.DecodeError("a table has more columns than types, or fewer")
    rest = iter(arrays)
    columns = []
    for field, count in zip(fields, counts):
        chunks = [_built_array(pa, field.type, next(rest), budget) for _ in range(count)]
        for chunk in chunks:
            chunk.validate(full=True)
        columns.append(pa.chunked_array(chunks, type=field.type))
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=_checked_notes(notes)))
    table.validate(full=True)
    return table


def _checked_notes(notes: Any) -> Any:
    if notes is not None and type(notes) is not dict:
        raise base.DecodeError("a table's notes are none")
    if notes and any(type(value) is not bytes for value in notes.values()):
        raise base.DecodeError("a table's notes are none")
    try:
        return _notes(notes)
    except base.EncodeError as error:
        raise base.DecodeError("a table holds an Arrow extension type") from error


def _built_field(pa: Any, described: Any) -> Any:
    name, kind, nullable, notes = described
    if type(name) is not str or type(nullable) is not bool:
        raise base.DecodeError("a table's field is broken")
    return pa.field(name, _built_type(pa, kind), nullable, metadata=_checked_notes(notes))


def _built_type(pa: Any, kind: Any) -> Any:  # noqa: C901, PLR0911 - one for each family of types
    if type(kind) is str and kind in _SIMPLE:
        name, _, unit = _NAMES.get(kind, kind).partition("[")
        more = (unit[:-1],) if unit and name[:4] != "date" else ()
        return getattr(pa, name)(*more)
    name, *arguments = kind
    if name == "timestamp":
        return pa.timestamp(arguments[0], arguments[1] and base.checked_zone(arguments[1]))
    if name in ("fixed_size_binary", "decimal128", "decimal256"):
        base.whole(*arguments)
        if arguments[0] < 1:
            raise base.DecodeError("a table has a column of no width")
        return pa.binary(*arguments) if name == "fixed_size_binary" else getattr(pa, name)(*arguments)
    if name in ("list", "large_list"):
        return (pa.list_ if name == "list" else pa.large_list)(_built_field(pa, *arguments))
    if name == "fixed_size_list":
        base.whole(arguments[1])
        if arguments[1] < 1:
            raise base.DecodeError("a table has a column of no width")
        return pa.list_(_built_field(pa, arguments[0]), arguments[1])
    if name == "struct" and arguments[0]:
        return pa.struct([_built_field(pa, field) for field in arguments[0]])
    if name == "map":
        key, item, is_sorted = arguments
        return pa.map_(_built_field(pa, key), _built_field(pa, item), keys_sorted=bool(is_sorted))
    if name == "dictionary":
        index, value, ordered = arguments
        return pa.dictionary(_built_type(pa, index), _built_type(pa, value), bool(ordered))
    raise base.DecodeError("a table has a column of a type that can't be passed")


def _built_array(pa: Any, kind: Any, part: Any, budget: Any) -> Any:
    """Put a column together from its buffers; what it holds is checked when it is whole, by `validate`.

    Arrow checks nothing of an array without rows, and follows its offsets all the same: a list whose only offset
    points behind its items passes `validate` and ends the process in `to_pandas`. So there our buffers are not used.
    """
    if type(part) is not base.Part or part.kind != "pyarrow.array":
        raise base.DecodeError("a table's column is none")
    length, buffers, children = part.payload
    base.whole(length)
    test = pa.types
    types = _child_types(pa, kind)
    if length < 0 or len(types) != len(children):
        raise base.DecodeError("a table's column is broken")
    if test.is_null(kind):
        budget.claim_rows(length)
    if not length:
        return pa.nulls(0, kind)
    built = [_built_array(pa, each, child, budget) for each, child in zip(types, children)]
    if test.is_dictionary(kind) or test.is_map(kind):  # which look into them before they are checked
        for each in built:
            each.validate(full=True)
    if test.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(*built, ordered=kind.ordered)
    if test.is_map(kind):
        if built[0].null_count:  # which would end the process
            raise base.DecodeError("a table holds a map with a key that is missing")
        entries = pa.struct([kind.key_field, kind.item_field])
        built = [pa.Array.from_buffers(entries, len(built[0]), [None], children=built)]
    held = [None if buffer is None else pa.py_buffer(_bytes(buffer)) for buffer in buffers]
    return pa.Array.from_buffers(kind, length, held, children=built)


def _child_types(pa: Any, kind: Any) -> Any:
    test = pa.types
    if test.is_dictionary(kind):
        return (kind.index_type, kind.value_type)
    if test.is_struct(kind):
        return tuple(field.type for field in kind)
    if test.is_map(kind):
        return (kind.key_type, kind.item_type)
    return (kind.value_type,) if hasattr(kind, "value_field") else ()


def _bytes(data: Any) -> bytes:
    if type(data) is not bytes:
        raise base.DecodeError("a table's buffer is none")
    return data
