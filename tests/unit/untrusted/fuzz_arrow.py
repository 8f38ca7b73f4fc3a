"""A program that puts broken Arrow columns together and uses whatever comes out; `test_untrusted_arrow.py` runs it.

    python fuzz_arrow.py SEED COUNT

A column that Arrow trusts and should not ends the process, so this is one of its own. It prints each seed before it
tries it, so that the last line names the one that ended it.
"""

import contextlib
import random
import struct
import sys

import pyarrow as pa

from sandbox_magic.guest.codec import arrow_columns, base, codec
from sandbox_magic.untrusted.values import DecodeError, decode

MOST = 2**22
LEAVES = (
    pa.null(), pa.bool_(), pa.int8(), pa.uint16(), pa.int64(), pa.float16(), pa.float64(), pa.string(),
    pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(3), pa.date32(), pa.date64(), pa.time32("ms"),
    pa.time64("ns"), pa.duration("us"), pa.timestamp("ns", "Europe/Paris"), pa.timestamp("s"), pa.decimal128(5, 2),
    pa.decimal256(50, 3), pa.month_day_nano_interval(),
)  # fmt: skip
NESTED = (
    pa.list_,
    pa.large_list,
    lambda kind: pa.list_(kind, 2),
    lambda kind: pa.struct([("a", kind), ("b", pa.int8())]),
    lambda kind: pa.map_(pa.string(), kind),
    lambda kind: pa.dictionary(pa.int8(), kind),
)
NUMBERS = (0, 1, -1, 2, 3, 4, 7, 100, 24832, 2**30, 2**31 - 1, -(2**31))


def any_type(rng, depth=0):
    if depth == 3 or rng.random() < 0.4:
        return rng.choice(LEAVES)
    return rng.choice(NESTED)(any_type(rng, depth + 1))


def any_array(rng, kind):
    """Return a sound array, with rows or without."""
    try:
        array = pa.concat_arrays([pa.array([any_value(rng, kind) for _ in range(rng.choice((0, 0, 1, 3, 9)))], kind)])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, TypeError, OverflowError, ValueError):
        array = pa.nulls(rng.choice((0, 1, 4)), kind)
    return array


def any_value(rng, kind):  # noqa: PLR0911 - one for each family of types
    test = pa.types
    if rng.random() < 0.2:
        return None
    if test.is_dictionary(kind):
        return any_value(rng, kind.value_type)
    if test.is_struct(kind):
        return {field.name: any_value(rng, field.type) for field in kind}
    if test.is_map(kind):
        return [(f"k{n}", any_value(rng, kind.item_type)) for n in range(rng.randrange(3))]
    if test.is_fixed_size_list(kind):
        return [any_value(rng, kind.value_type) for _ in range(kind.list_size)]
    if test.is_list(kind) or test.is_large_list(kind):
        return [any_value(rng, kind.value_type) for _ in range(rng.randrange(4))]
    if test.is_string(kind) or test.is_large_string(kind):
        return rng.choice(("", "a", "π" * 5))
    if test.is_binary(kind) or test.is_large_binary(kind) or test.is_fixed_size_binary(kind):
        return b"abc"
    return rng.randrange(100)


def arrays_of(part):
    """Return every array of a table, at every depth."""
    found = []
    waiting = list(part.payload[3])
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].payload[2]
    return found


def break_one(rng, part):
    """Change a length, a buffer or the children of one of the arrays."""
    arrays = arrays_of(part)
    if not arrays:
        return
    array = rng.choice(arrays)
    length, buffers, children = array.payload
    what = rng.randrange(5)
    if what == 0:
        length = rng.choice((0, 0, 1, length + 1, length - 1, 10, 2**31))
    elif what == 1 and children:
        children = base.Fields(rng.sample(list(children), len(children)))
    elif buffers:
        place = rng.randrange(len(buffers))
        changed = list(buffers)
        changed[place] = rng.choice((None, b"", broken_bytes(rng, buffers[place]), broken_bytes(rng, buffers[place])))
        buffers = tuple(changed)
    array.payload = base.Fields((length, buffers, children))


def broken_bytes(rng, data):
    """Return other numbers in place of some that are offsets, perhaps."""
    changed = bytearray(data or bytes(rng.choice((4, 8, 16))))
    for _ in range(rng.randrange(1, 4)):
        form = rng.choice(("<i", "<q", "<b"))
        if len(changed) >= (size := struct.calcsize(form)):
            number = rng.choice(NUMBERS)
            if form == "<b":
                number = rng.randrange(-128, 128)
            struct.pack_into(form, changed, rng.randrange(len(changed) // size) * size, number)
    return bytes(changed[: rng.choice((None, None, -1, len(changed) // 2))])


def use(table):
    """Do with a table what people do; it may raise, and must not end the process."""
    column = table.column(0)
    ways = (
        table.to_pandas,
        lambda: repr(table.to_pandas()),
        table.to_pylist,
        lambda: repr(table),
        lambda: repr(column),
        lambda: column.slice(1).to_pylist(),
        lambda: column.slice(1, 1).to_pandas(),
        lambda: column.take(pa.array([len(column) - 1, 0])).to_pylist(),
        lambda: column.filter(pa.array([True] * len(column))).to_pylist(),
        lambda: column.cast(pa.string()).to_pylist(),
        lambda: column.cast(pa.large_list(pa.string())).to_pylist(),
        lambda: column.combine_chunks().to_pandas(),
        lambda: [chunk.flatten().to_pylist() for chunk in column.chunks],
        lambda: [chunk.dictionary_decode().to_pylist() for chunk in column.chunks],
        column.unique,
        column.value_counts,
        column.dictionary_encode,
        lambda: column.is_null().to_pylist(),
        lambda: pa.concat_tables([table, table]).combine_chunks().to_pandas(),
        lambda: table.equals(table.slice(0)),
        lambda: table.sort_by(table.column_names[0]),
        lambda: codec.encode(table, most=MOST),
    )
    for way in ways:
        with contextlib.suppress(Exception):
            way()


def main():
    first, count = map(int, sys.argv[1:])
    came = 0
    for seed in range(first, first + count):
        print(seed, flush=True)
        rng = random.Random(seed)
        table = pa.table({"a": any_array(rng, any_type(rng))})
        try:
            part = arrow_columns.take_apart(table, MOST)
        except (base.EncodeError, pa.ArrowException, OSError):  # a dictionary within a dictionary, say
            continue
        for _ in range(rng.choice((0, 1, 1, 2))):
            break_one(rng, part)
        with contextlib.suppress(DecodeError):
            use(decode(codec.encode(part, most=MOST), most=MOST))
            came += 1
    print("came", came)


if __name__ == "__main__":
    main()
