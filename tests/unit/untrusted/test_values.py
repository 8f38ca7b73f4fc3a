"""Bytes that claim to be a value: whatever they are, the answer is a value or one error, soon and in little memory."""

import decimal
import struct
import time
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox_magic.guest.codec import base, codec, encoder, pandas_decoder
from sandbox_magic.untrusted import budget
from sandbox_magic.untrusted.budget import Budget
from sandbox_magic.untrusted.values import DecodeError, decode

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

MOST = 2**26


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """On a machine that has something else to do an honest value may take longer than a person would wait."""
    monkeypatch.setattr(budget, "SECONDS", 5 * 60.0)


Part, Fields = base.Part, base.Fields


def sent(kind, *fields):
    """Return what a guest would send that writes its own parts."""
    return codec.encode(Part(kind, Fields(fields)), most=MOST)


def column(length, *buffers, children=()):
    return Part("pyarrow.array", Fields((length, buffers, Fields(children))))


def arrow_table(kind, array, notes=None, field_notes=None):
    return sent("pyarrow.Table", (("a", kind, True, field_notes),), notes, [1], Fields([array]))


GOOD = [
    codec.encode(value, most=MOST)
    for value in (
        {"a": [1, "b", (2.5, {3, b"c"})], 4: [True, None, 2**70]},
        [np.arange(4), np.array([(1, True, "x")], [("a", "i4"), ("b", "?"), ("c", "U2")])],
        pd.DataFrame(
            {"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}, index=pd.date_range("2020", periods=2)
        ),
        pd.DataFrame({"a": pd.array([1, None]), "b": pd.date_range("2020", periods=2, tz="UTC")}).set_index(["a", "b"]),
        pa.table(
            {"a": [[1], None], "b": ["x", "y"], "c": pa.array(["p", "q"]).dictionary_encode(), "d": [{"e": 1}, None]}
        ),
    )
]


def one_sequence(kind):
    """Return numbers that a dict or a set puts into one long run of its table.

    The run is the sequence in which every place of a table comes after all others, at a set with the nine places
    behind each; its keys are the places. Then come keys whose own sequences begin elsewhere, soon join the run, and go
    along it.
    """
    bits = 14 if kind is dict else 15  # of the size that it has for so many
    mask = (1 << bits) - 1
    position = np.full(1 << bits, -1)
    run, place = [], 0
    while len(run) < (1 << bits) // 2:
        for each in (place,) if kind is dict else range(place, min(place + 10, mask + 1)):
            if position[each] < 0:
                position[each] = len(run)
                run.append(each)
        place = (5 * place + 1) & mask
    full = np.minimum.reduce([np.roll(position, -n) for n in range(1 if kind is dict else 10)]) >= 0
    keys = np.arange(1 << bits, 1 << (bits + 5))
    at, left, inside = keys & mask, keys.copy(), full[keys & mask]
    while left.any():
        left >>= 5
        at = (at * 5 + left + 1) & mask
        inside &= full[at]
    joining = keys[inside & (position[at] < len(run) // 4)][: len(run) // 6]
    return [*run, *joining.tolist()]


def colliding(count):
    """Numbers in no order that pandas' table puts into one place."""
    high = np.arange(count, dtype=np.uint64)
    mixed = (high >> np.uint64(1)) & np.uint64(0xFFFFFFFF)
    low = mixed
    for shift in (11, 22):
        low = low ^ ((mixed << np.uint64(shift)) & np.uint64(0xFFFFFFFF))
    return np.random.default_rng(0).permutation(((high << np.uint64(32)) | low).astype(np.int64))


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("kind", ["MultiIndex", "Categorical"])
def test_keys_that_were_made_to_collide_in_pandas_take_no_time(kind, sort):
    """In order they cost nothing; in no order that many are refused. Each would be compared with each."""
    keys = np.sort(colliding(200_000)) if sort else colliding(200_000)
    index = Part("pandas.Index", Fields((keys, None, None)))
    codes = np.zeros(1, np.int8)
    fields = (Fields([index]), Fields([codes]), [None]) if kind == "MultiIndex" else (codes, index, False)
    began = time.process_time()
    assert (decoded(sent(f"pandas.{kind}", *fields)) is not None) == sort
    assert time.process_time() - began < 5  # unbounded it takes a minute


def test_the_hours_of_business_of_many_moments_are_not_looked_at():
    began = time.process_time()
    moments = np.arange(1_000_000).astype("M8[ns]")
    assert decode(sent("pandas.Index", moments, None, "cbh"), most=MOST).freq is None  # type: ignore[attr-defined] # what came out is an object to checkers
    assert time.process_time() - began < 5  # it would take a minute


def test_the_hours_of_business_of_many_indexes_count_together():
    """Fifty indexes of as many rows as one may have took a quarter of a minute."""
    hours = pd.date_range("2000-01-03 09:00", periods=4000, freq="cbh")
    indexes = [Part("pandas.Index", Fields((np.asarray(hours), None, "cbh")))] * 50
    shared = Budget()
    kept: list[Any] = [decode(codec.encode(indexes, most=MOST), most=MOST, budget=shared) for _ in range(2)]
    assert [[index.freq is not None for index in value] for value in kept] == [[True] * 2 + [False] * 48, [False] * 50]


def test_the_time_is_one_for_all_values(monkeypatch):
    """What is decoded when it is over is refused within the decoder, not behind it."""
    shared = Budget()
    data = codec.encode([[1, "a"]] * 1000, most=MOST)
    decode(data, most=MOST, budget=shared)
    monkeypatch.setattr(time, "monotonic", lambda: float("inf"))
    with pytest.raises(DecodeError, match="longer than 300 s"):
        decode(data, most=MOST, budget=shared)


def test_reading_ends_when_somebody_wants_it_to():
    looks = iter([False] * 5)
    with pytest.raises(DecodeError, match="interrupted"):
        decode(codec.encode([[1, "a"]] * 1000, most=MOST), most=MOST, budget=Budget(lambda: next(looks, True)))


def decoded(data):
    """Return what comes out, and look at it: a value that can't be shown is no value."""
    try:
        value = decode(data, most=MOST)
    except DecodeError as error:
        assert str(error).isascii()  # noqa: PT017 - there may be no error
        return None
    if isinstance(value, (pa.Table, pa.ChunkedArray)):
        value.validate(full=True)
    return repr(value)[:100] if not _long_number(value) else None


def _long_number(value):
    try:
        repr(value)
    except ValueError:  # more digits than Python shows
        return True
    return False


@settings(max_examples=400)
@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_give_a_value_or_the_one_error(data, changes):
    data = bytearray(data)
    for place, byte in changes:
        data[place % len(data)] = byte
    decoded(bytes(data))


@given(st.sampled_from(GOOD), st.integers(0), st.integers(0), st.binary(max_size=8))
def test_pieces_cut_out_and_put_in_give_a_value_or_the_one_error(data, start, length, piece):
    start %= len(data)
    decoded(data[:start] + piece + data[start + length % 40 :])


@given(st.binary(max_size=100))
@example(b"")
def test_any_bytes_give_a_value_or_the_one_error(data):
    decoded(base.MAGIC + data)
    decoded(data)


KINDS = [
    *sorted(pandas_decoder._BUILDERS),
    "numpy.ndarray", "numpy.scalar", "numpy.text", "pyarrow.Table", "pyarrow.column", "pyarrow.array", "python.date",
    "python.time",
    "python.datetime", "python.timedelta", "python.timezone", "python.ZoneInfo", "python.Decimal", "numpy.",
    "os.system", "", "python.exec",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=9), st.text(max_size=9),
    st.sampled_from(("<i8", "|b1", "O", "UTC", "D", "python", "C", "../x", "int64", ("timestamp", "s", "../x"),
    2**62, -1)),
    st.sampled_from((np.arange(2), np.array([True, False]), pd.Index([1, 2]), np.array(["2020"], "M8[s]"))),
)  # fmt: skip
PARTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Part, st.sampled_from(KINDS), inner),
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=5).map(Fields),
    ),
    max_leaves=12,
)


@settings(max_examples=600)
@given(PARTS)
def test_parts_put_together_wrongly_give_a_value_or_the_one_error(value):
    decoded(codec.encode(value, most=MOST))


def node(*pieces):
    return base.MAGIC + b"".join(piece if isinstance(piece, bytes) else struct.pack(">I", piece) for piece in pieces)


HUGE = 2**32 - 1
WIDE = np.zeros((10**7, 0), "<i8")  # no byte of data, and a minute to show it as a column
MAP = ("map", ("key", "string", False, None), ("value", "int8", True, None), False)
TWO_DIMENSIONS = {
    "pandas.moments": (WIDE, None),
    "pandas.masked": (WIDE, WIDE.astype(bool)),
    "pandas.strings": ("python", False, [], WIDE.astype(bool)),
    "pandas.Categorical": (WIDE, pd.Index(["a"]), False),
    "pandas.Series": (pd.RangeIndex(10**7), WIDE, None, {}),
    "pandas.Index": (WIDE, None, None),
    "pandas.MultiIndex": (Fields([pd.Index(["a"])]), Fields([WIDE]), [None]),
}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"smv0n",
        node(b"n", b"n"),
        node(b"s", HUGE, b"abc"),
        node(b"i", HUGE),
        node(b"l", HUGE),
        node(b"l", 2**20),
        node(b"L", b"q", HUGE),
        node(b"L", b"s", HUGE),
        node(b"L", b"P", 0),
        node(b"L", b"s", 1, b"\x05\0\0\0", 1, b"a"),
        node(b"D", b"l", HUGE),
        node(b"D", b"l", 1, b"n", b"l", 0),
        node(b"D", b"l", 2, b"nn", b"l", 2, b"nn"),
        node(b"S", b"l", 1, b"l", 0),
        node(b"Tn"),
        node(b"T" * 200, b"l", 0),
        node(b"s", 1, b"\xff"),
        node(b"l\0\0\0\x01" * 100_000),
        node(b"x", 2, b"os", b"n"),
        sent("numpy.ndarray", "<i8", (2**60,), "C", b"12345678"),
        sent("numpy.ndarray", "<i8", (2**40, 2**40), "C", b""),
        sent("numpy.ndarray", "<i8", (-1, -1), "C", b"12345678"),
        sent("numpy.ndarray", "|V0", (2**60,), "C", b""),
        sent("numpy.ndarray", "|S999999999", (0,), "C", b""),
        sent("numpy.ndarray", "|O", (1,), "C", b"12345678"),
        sent("numpy.ndarray", [("a", "|O")], (1,), "C", b"12345678"),
        sent("numpy.ndarray", [("a", "<i8", (2**31, 2**31))], (1,), "C", b"12345678"),
        sent("numpy.ndarray", "|b1", (1,), "C", b"\x02"),
        sent("numpy.ndarray", [("a", "|b1"), ("b", "|i1")], (1,), "C", b"\xff\x02"),
        sent("numpy.ndarray", "<U1", (1,), "C", b"\xff\xff\xff\xff"),
        sent("numpy.ndarray", [("a", ">U1")], (1,), "C", b"\x00\x11\x00\x00"),
        sent("numpy.ndarray", "<f16", (1,), "C", b"\xff" * 16),
        sent("numpy.text", "void", b"a"),
        sent("python.date", b"\x07\xe5\xff\xff"),
        sent("python.date", 2020, 1),
        sent("python.time", 0, b"\x01\xff\xff\xff\xff\xff"),
        sent("python.time", 1, 2, 3, 4, 0, "UTC"),
        sent("python.datetime", 0, b"\xff\xff\x0c\xff\xff\xff\xff\xff\xff\xff"),
        sent("python.datetime", 2020, 0, None),
        sent("python.datetime", 2020, 1, 1, 0, 0, 0, 0, 0, 7),
        sent("python.datetime", b"\x07\xe5\x01\xff\xff\xff\xff\xff\xff\xff", None),
        codec.encode(Part("python.ZoneInfo", "../../../../etc/passwd"), most=MOST),
        codec.encode(Part("python.ZoneInfo", "/etc/passwd"), most=MOST),
        codec.encode(Part("python.ZoneInfo", "x.y/z"), most=MOST),
        codec.encode(Part("python.Decimal", "x" * 100), most=MOST),
        sent("pandas.RangeIndex", 0, 2**60, 1, None),
        sent("pandas.DataFrame", pd.RangeIndex(1), pd.RangeIndex(3), Fields([np.arange(2)]), {}),
        sent("pandas.Categorical", np.array([5]), pd.Index(["a"]), False),
        sent("pandas.MultiIndex", Fields([pd.Index(["a"])]), Fields([np.array([7])]), [None]),
        sent("pandas.moments", np.array(["2020"], "M8[s]"), "../../etc/passwd"),
        sent("pandas.Index", np.array(["2020"], "M8[s]"), None, "D" * 100),
        *(sent(kind, *fields) for kind, fields in TWO_DIMENSIONS.items()),
        sent("pandas.DataFrame", pd.RangeIndex(1), pd.RangeIndex(0), Fields([WIDE]), {}),
        sent("pandas.intervals", pd.RangeIndex(90_000_000), pd.RangeIndex(90_000_000), "left"),
        sent("pandas.Categorical", np.array([0]), pd.RangeIndex(90_000_000), False),
        arrow_table("int64", column(2**60, None, b"12345678")),
        arrow_table("null", column(2**60, None)),
        sent("pyarrow.Table", [(name, "null", True, None) for name in "abc"], None, [1, 1, 1],
        Fields([column(9_000_000, None)] * 3)),
        arrow_table(MAP, column(1, None, struct.pack("<ii", 0, 1), children=[column(1, b"\0", struct.pack("<ii", 0, 0),
        b""), column(1, None, b"a")])),
        arrow_table("string", column(1, None, struct.pack("<ii", 0, 2**30), b"abc")),
        arrow_table("string", column(2, None, struct.pack("<iii", 3, 0, 3), b"abc")),
        arrow_table("string", column(1, None, struct.pack("<ii", 0, 1), b"\xff")),
        arrow_table("string", column(1, None)),
        arrow_table("int64", column(-1, None, b"")),
        arrow_table(("fixed_size_binary", 0), column(2**60, None, b"")),
        arrow_table(("fixed_size_list", ("i", "int8", True, None), 0), column(2**60, None, children=[column(0, None,
        b"")])),
        arrow_table(("list", ("i", "int8", True, None)), column(1, None, struct.pack("<ii", 0, 9),
        children=[column(1, None, b"a")])),
        arrow_table(("dictionary", "int8", "string", False), column(1, children=[column(1, None, b"\x07"), column(0,
        None, b"\0\0\0\0", b"")])),
        arrow_table(("struct", ()), column(2**60, None)),
        arrow_table(("timestamp", "s", "../../etc/passwd"), column(1, None, b"12345678")),
        arrow_table("int8", column(1, None, b"a"), {b"ARROW:extension:name": b"arrow.py_extension_type"}),
        arrow_table("int8", column(1, None, b"a"), None, {b"ARROW:extension:name": b"arrow.py_extension_type"}),
        arrow_table("uuid", column(1, None, b"a" * 16)),
    ],
    ids=lambda data: f"{data[4:34]!r}",
)  # fmt: skip
def test_a_lie_is_refused_at_once_and_costs_no_memory(data):
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(DecodeError):
            decode(data, most=MOST)
        assert time.process_time() - began < 5
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def keys_of(kind, keys):
    """Return a dict or a set of these keys as a guest would send it that made them up."""
    written = encoder.Encoder(MOST)
    written._list(keys, 0)
    listed = bytes(written.out[len(base.MAGIC) :])
    falses = b"L?" + struct.pack(">I", len(keys)) + bytes(len(keys))
    return base.MAGIC + {dict: b"D", set: b"S", frozenset: b"Z"}[kind] + listed + (falses if kind is dict else b"")


SAME_HASH = [(2**61 - 1) * number for number in range(40_000)]


@pytest.mark.parametrize("kind", [dict, set, frozenset])
@pytest.mark.parametrize(
    "keys",
    [
        SAME_HASH,
        [(number, 0) for number in SAME_HASH],
        [frozenset([number, "a"]) for number in SAME_HASH],
        [((number,), 0) for number in SAME_HASH],
        [(tuple(range(100_000)), number) for number in SAME_HASH[:60]],  # few, but each comparison is long
    ],
    ids=["numbers", "tuples", "frozensets", "nested", "long"],
)
def test_keys_with_one_hash_are_refused(kind, keys):
    """Each would be compared with each: forty thousand take half a minute."""
    with pytest.raises(DecodeError, match="collide"):
        decode(keys_of(kind, keys), most=MOST)


@pytest.mark.parametrize("kind", [dict, set, frozenset])
@pytest.mark.parametrize("made", [int, float, decimal.Decimal])
def test_keys_that_share_a_probe_sequence_are_refused(monkeypatch, kind, made):
    """Their hashes differ. A million would take hours, in a call that nothing interrupts."""
    monkeypatch.setattr(budget, "_MOST_PROBES", 500_000)
    keys = list(map(made, one_sequence(kind)))
    with pytest.raises(DecodeError, match="collide"):
        decode(keys_of(kind, keys), most=MOST)
    as_many = np.random.default_rng(0).integers(0, 2**50, len(keys)).tolist()
    assert len(decode(keys_of(kind, list(map(made, as_many))), most=MOST)) == len(keys)


@pytest.mark.parametrize("kind", [dict, set, frozenset])
@pytest.mark.parametrize(
    "keys",
    [
        list(range(100_000)),
        np.random.default_rng(0).integers(-(2**62), 2**62, 100_000).tolist(),
        [number * 4096 for number in range(30_000)],
        [number / 2 for number in range(30_000)],
        [number * 10**9 for number in range(30_000)],
        [(x, y) for x in range(-150, 150) for y in range(-150, 150)],
        [decimal.Decimal(number) / 100 for number in range(1_000)],
        [str(number) for number in range(100_000)],
    ],
    ids=["range", "random", "addresses", "halves", "moments", "grid", "Decimal", "text"],
)
def test_many_keys_of_an_honest_kind_come_out(kind, keys):
    value = dict.fromkeys(keys, False) if kind is dict else kind(keys)
    assert decode(codec.encode(value, most=MOST), most=MOST) == value


def test_keys_that_collide_by_chance_are_not():
    """The hashes of -1 and -2 are one in CPython."""
    grid = {(x, y, z) for x in range(-5, 5) for y in range(-5, 5) for z in range(-5, 5)}
    assert decode(codec.encode(grid, most=MOST), most=MOST) == grid


def test_many_small_objects_are_refused_before_they_fill_the_memory():
    for data in (node(b"l", 3_000_000, b"n" * 3_000_000), node(b"l", 10_000_000, b"S" * 10)):
        with pytest.raises(DecodeError, match="too many objects"):
            decode(data, most=MOST)


def test_more_bytes_than_allowed_are_not_looked_at():
    with pytest.raises(DecodeError, match="larger than 10 bytes"):
        decode(codec.encode("x" * 10, most=100), most=10)


def test_a_pickle_is_never_read(monkeypatch):
    """Not in good data of every kind, and not by the libraries on our behalf."""
    import _pickle
    import pickle

    def caught(*_, **__):
        pytest.fail("something was unpickled")

    for module in (pickle, _pickle):
        for name in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(module, name, caught)
    for data in GOOD:
        assert decode(data, most=MOST) is not None


def test_a_module_that_the_data_asks_for_is_not_taken_from_the_working_directory(tmp_path, monkeypatch):
    import sys

    (tmp_path / "pyarrow.py").write_text("raise SystemExit('imported from the working directory')")
    data = codec.encode(pa.table({"a": [1]}), most=MOST)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *[entry for entry in sys.path if "site-packages" not in entry]])
    with pytest.raises(DecodeError, match="it needs pyarrow, which is not there"):
        decode(data, most=MOST)
