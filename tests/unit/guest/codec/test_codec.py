"""Variables between guest and host: what goes comes back as it went, and what can't go is named."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import math
import subprocess
import sys
import typing
import zoneinfo
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.guest.codec import base, codec
from sandbox_magic.untrusted.values import decode

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

MOST = 2**26
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
ZONES = st.sampled_from((None, dt.UTC, PARIS, dt.timezone(dt.timedelta(hours=-3), "here")))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.binary(), st.binary().map(bytearray),
    st.text(st.characters(exclude_categories=())), st.dates(), st.datetimes(), st.timedeltas(), st.times(),
    st.decimals(),
    st.builds(lambda moment, zone: moment.replace(tzinfo=zone), st.datetimes(), ZONES), ZONES,
)  # fmt: skip
HASHABLE = st.recursive(
    st.one_of(st.integers(), st.text(), st.binary(), st.booleans(), st.dates()),
    lambda inner: st.one_of(st.tuples(inner, inner), st.frozensets(inner, max_size=3)),
    max_leaves=5,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=5),
        st.sets(HASHABLE, max_size=5),
        st.frozensets(HASHABLE, max_size=5),
    ),
    max_leaves=20,
)


def travelled(value):
    return decode(codec.encode(value, most=MOST), most=MOST)


def same(one, other):  # noqa: PLR0911 - one for each family of types
    """Return whether two values are equal, and of the same types all the way down; one NaN is like the other."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (one == other or one != one)  # noqa: PLR0124 - NaN
    if isinstance(one, (decimal.Decimal, complex)):
        return repr(one) == repr(other)
    if isinstance(one, (dt.datetime, dt.time)):
        return one.replace(tzinfo=None) == other.replace(tzinfo=None) and same(one.tzinfo, other.tzinfo)
    return one == other


@given(VALUES)
def test_plain_values_come_back_as_they_went(value):
    assert same(value, travelled(value))


@pytest.mark.parametrize(
    "value",
    [
        10**5000, -(2**63), 2**63, [2**63, 1], [1, True], [True, 1.0], [0.0, -0.0, math.nan, math.inf],
        "\ud83d\ude00", ["\ud83d", "\ude00", "", "é"], {1: "a", "1": "b", (1, 2): None}, [(), [], {}, set(),
        frozenset()],
        dt.datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1), decimal.Decimal("1.500"), decimal.Decimal("-sNaN12"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_the_hard_ones_come_back_as_they_went(value):
    assert same(value, travelled(value))


def test_a_fold_and_the_one_utc_survive():
    assert travelled(dt.datetime(2024, 10, 27, 2, 30, tzinfo=PARIS, fold=1)).fold == 1
    assert travelled(dt.UTC) is dt.UTC


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3), np.asfortranarray(np.ones((2, 3), "f4")), np.arange(10)[::2], np.array(5),
        np.zeros((0, 5)),
        np.array([True, False]), np.array(["a", "é"]), np.array([b"x", b""]), np.array([1, 2], ">i4"), np.array([1j]),
        np.array(["2020", "NaT"], "M8[D]"), np.array([1, 2], "m8[25s]"), np.array([1.5], "f2"), np.zeros(3, "V5"),
        np.array([(1, [2, 3], "a")], [("a", "i4"), ("b", "f8", (2,)), ("c", "U3")]),
        np.zeros(2, np.dtype({"names": ["a", "b"], "formats": ["i1", "i8"]}, align=True)),
        np.zeros(2, [(("a title", "a"), "i4"), ("b", [("c", "?"), ("d", ">U2")])]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)  # fmt: skip
def test_arrays_come_back_with_type_shape_and_order(array):
    back = travelled(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert repr(back.tolist()) == repr(array.tolist())
    assert back.flags.f_contiguous == array.flags.f_contiguous or not array.flags.contiguous
    assert back.flags.writeable


def test_what_lies_between_the_fields_of_an_array_is_not_sent():
    """It is whatever the memory held before: something of the host's."""
    array = np.frombuffer(b"\xee" * 32, np.dtype([("a", "i1"), ("b", "i8")], align=True))
    assert codec.encode(array, most=MOST).count(b"\xee") == 2 * (1 + 8)


@pytest.mark.parametrize(
    "value",
    [np.float64(1.5), np.int8(3), np.bool_(True), np.str_("a\0"), np.bytes_(b"b\0"), np.datetime64("2020", "D")],
    ids=repr,
)
def test_numpys_scalars_stay_numpys(value):
    back = travelled([value])[0]
    assert type(back) is type(value)
    assert (back, len(repr(back))) == (value, len(repr(value)))


def frame():
    return pd.DataFrame(
        {
            "int": [1, 2, 3],
            "small": np.array([1, 2, 3], "i1"),
            "float": [1.0, np.nan, -0.0],
            "text": ["a", None, "\u20ac"],
            "mixed": pd.Series([1, "a", [1, {"b": dt.date(2020, 1, 1)}]], dtype=object),
            "category": pd.Categorical(["x", "y", None], categories=["y", "x"], ordered=True),
            "zoned": pd.date_range("2020", periods=3, tz="Europe/Paris"),
            "offset": pd.date_range("2020", periods=3, tz=dt.timezone(dt.timedelta(hours=1))),
            "naive": pd.to_datetime(["2020", None, "2021"]),
            "length": pd.to_timedelta([1, None, 3], unit="s"),
            "Int": pd.array([1, None, 3], dtype="Int64"),
            "UInt8": pd.array([1, None, 255], dtype="UInt8"),
            "Float": pd.array([1.5, None, 2], dtype="Float32"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["a", None, "b"], dtype="string"),
            "python": pd.array(["a", None, "b"], dtype=pd.StringDtype("python")),
            "interval": pd.cut([1, 2, 3], 2),
            "arrow": pd.array([1, None, 2], dtype="int64[pyarrow]"),
            3: [1, 2, 3],
        },
        index=pd.date_range("2021", periods=3, freq="D", name="when"),
    )


@pytest.mark.parametrize(
    "make",
    [
        frame,
        lambda: frame().set_index(["text", "Int"]),
        lambda: frame().reset_index(drop=True),
        lambda: frame()[["int", "text"]].T,
        lambda: frame()[["int", "int", "text"]],
        lambda: frame().iloc[:0],
        lambda: pd.DataFrame(index=range(3)),
        pd.DataFrame,
        lambda: frame().groupby("category", observed=False)[["int", "float"]].agg(["mean", "max"]),
        lambda: frame()[["int"]].set_axis(pd.CategoricalIndex(["a", "b", "a"], name="c")),
        lambda: frame()[["int"]].set_axis(pd.Index([1.5, 2.5, 3.5], name=("a", 1))),
    ],
)
def test_tables_come_back_with_every_type_and_their_index(make):
    table = make()
    back = travelled({"table": [table]})["table"][0]
    pd.testing.assert_frame_equal(back, table)
    assert list(back.dtypes) == list(table.dtypes)
    assert [type(column) for column in back] == [type(column) for column in table]
    assert getattr(back.index, "freq", None) == getattr(table.index, "freq", None)


MANY = np.random.default_rng(0).permutation(2000)
NAMES = [f"n{number}" for number in MANY]


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex(levels=[MANY, ["b", "a"]], codes=[[1, 0, 1999], [0, 1, 0]], names=["x", None]),
        pd.MultiIndex.from_arrays([NAMES, pd.Categorical(NAMES, categories=NAMES)]),
        pd.MultiIndex.from_arrays([pd.date_range("2020", periods=2000, tz="UTC"), pd.cut(MANY, 1000)]),
        pd.CategoricalIndex(pd.Categorical(NAMES, categories=NAMES, ordered=True)),
    ],
)
def test_indexes_of_many_keys_come_back(index):
    """In whatever order their levels stand."""
    pd.testing.assert_index_equal(travelled(index), index)


def test_many_categories_that_are_numbers_in_no_order_are_refused():
    """They could have been made to collide in the table of pandas: the host would take hours over them."""
    with pytest.raises(codec.EncodeError, match=r"more than 500 categories in no order"):
        codec.encode(pd.Categorical(MANY, categories=MANY), most=MOST)


def test_series_indexes_moments_and_attributes_come_back():
    series = frame()["category"].rename(("a", 2))
    series.attrs["unit"] = {"m": 1}
    back = travelled(series)
    pd.testing.assert_series_equal(back, series)
    assert back.attrs == {"unit": {"m": 1}}
    pd.testing.assert_index_equal(travelled(pd.RangeIndex(1, 9, 2, name="n")), pd.RangeIndex(1, 9, 2, name="n"))
    stamp = pd.Timestamp("2020-01-02 03:04:05.123456789", tz="Europe/Paris")
    assert repr(travelled([stamp, pd.Timedelta("1ns"), pd.NaT, pd.NA])) == repr(
        [stamp, pd.Timedelta("1ns"), pd.NaT, pd.NA]
    )


def arrow():
    return pa.table(
        {
            "i": [1, None],
            "s": ["x", None],
            "list": [[1], [2, 3]],
            "struct": [{"x": 1, "y": ["b"]}, None],
            "dictionary": pa.array(["q", "r"]).dictionary_encode(),
            "decimal": [decimal.Decimal("1.5"), None],
            "zoned": pa.array([1, 2], pa.timestamp("us", "Europe/Paris")),
            "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
            "pairs": pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
            "null": pa.nulls(2),
            "bool": [True, None],
            "day": pa.array([1, 2], pa.date32()),
            "large": pa.array([["a"], None], pa.large_list(pa.large_string())),
            "fixed": pa.array([b"ab", None], pa.binary(2)),
            "half": pa.array(np.array([1.5, 2.5], "f2")),
            "length": pa.array([1, None], pa.duration("ms")),
            "time": pa.array([1, None], pa.time64("ns")),
        }
    )


@pytest.mark.parametrize(
    "make",
    [
        arrow,
        lambda: pa.concat_tables([arrow(), arrow().slice(1)]),
        lambda: arrow().slice(0, 0),
        lambda: pa.table({}),
        lambda: arrow().replace_schema_metadata({b"a": b"b"}),
        lambda: pa.Table.from_pandas(frame()[["int", "text", "category"]]),
        lambda: pa.table({"a": [1]}, schema=pa.schema([pa.field("a", pa.int8(), nullable=False, metadata={"u": "m"})])),
    ],
)
def test_arrow_tables_come_back_with_schema_and_notes(make):
    table = make()
    back = travelled(table)
    assert back.schema.equals(table.schema, check_metadata=True)
    assert back.equals(table)


def test_a_slice_of_a_table_sends_no_more_than_the_slice():
    table = pa.table({"a": range(100_000), "s": ["secret"] * 100_000})
    assert len(codec.encode(table.slice(5, 3), most=MOST)) < 1000
    assert travelled(table.slice(5, 3)["s"]).equals(table.slice(5, 3)["s"])


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int = 1


class Pair(typing.NamedTuple):
    a: int
    b: int


ITSELF = []
ITSELF.append({"again": ITSELF})


def extended():
    return pa.table({"e": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"a" * 16], pa.binary(16)))})


@pytest.mark.parametrize(
    ("value", "path", "what", "remedy"),
    [
        ({"a": [1, 2, 3, len]}, "['a'][3]", "a built-in function", "what it returns"),
        (lambda: 0, "", "a function", "what it returns"),
        (ITSELF, "[0]['again']", "a list that holds itself", "without the cycle"),
        ({"a": Pair(1, 2)}, "['a']", "class Pair, a kind of tuple", "tuple(x)"),
        (collections.OrderedDict(a=1), "", "OrderedDict, a kind of dict", "dict(x)"),
        (collections.defaultdict(list), "", "a kind of dict", "dict(x)"),
        ([Colour.RED], "[0]", "an enumeration", "x.value"),
        (Point(), "", "class Point", "dataclasses.asdict(x)"),
        (Path("a"), "", "Path", "str(x)"),
        (range(3), "", "a range", "list(x)"),
        ({(1, Point): 1}, ".keys()[0][1]", "a class", "vars(x)"),
        (np.array([None]), "", "Python objects", "x.tolist()"),
        (np.ma.array([1]), "", "MaskedArray, a kind of NumPy array", "numpy.array(x)"),
        (np.zeros(1, np.longdouble), "", "type float128", "float64"),
        (np.array(["a"], np.dtypes.StringDType()), "", "Python objects", "astype"),
        (np.zeros(1, np.dtype("i4", metadata={"a": 1})), "", "int32", "astype"),
        (pd.DataFrame({"p": pd.period_range("2020", periods=2, freq="D")}), "['p']", "type period[D]", "astype(str)"),
        (pd.DataFrame({"o": [1, {"f": len}]}, dtype=object), "['o'][1]['f']", "a built-in function", "what it returns"),
        (pd.DataFrame({"s": pd.arrays.SparseArray([1])}), "['s']", "Sparse", "astype(str)"),
        (pd.Series([1], index=pd.period_range("2020", periods=1)), ".index", "PeriodIndex", "reset_index"),
        (type("Mine", (pd.DataFrame,), {})(), "", "a kind of DataFrame", "pandas.DataFrame(x)"),
        (pa.array([1]), "", "pyarrow Int64Array", "chunked_array"),
        (pa.table({"v": pa.array(["a"], pa.string_view())}), "['v']", "string_view", "cast"),
        (extended(), "['e']", "uuid", "cast"),
        (pa.table({"a": [1]}, schema=pa.schema([pa.field("a", pa.int64(), metadata={"ARROW:extension:name": "x"})])),
         "['a']", "extension type", "cast"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_what_can_not_be_passed_is_named_with_its_place_and_what_can(value, path, what, remedy):
    with pytest.raises(codec.EncodeError) as caught:
        codec.encode(value, most=MOST)
    assert caught.value.path == path
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert str(caught.value).startswith(f"{path or 'it'} is ")


@pytest.mark.parametrize(
    "value",
    [b"x" * 1000, "x" * 1000, [1] * 1000, np.zeros(1000, "i1"), pd.DataFrame({"a": range(1000)}),
    pa.table({"a": range(1000)}),
     {"a": "y" * 1000}, 2**9000],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_larger_than_allowed_is_refused(value):
    with pytest.raises(codec.EncodeError, match="larger than 1,000 bytes"):
        codec.encode(value, most=1000)


def test_depth_and_number_are_bounded_by_name(monkeypatch):
    deep = []
    for _ in range(base.MOST_DEPTH + 1):
        deep = [deep]
    with pytest.raises(codec.EncodeError, match="nested more than 100 deep"):
        codec.encode(deep, most=MOST)
    twice = []
    for _ in range(40):  # 2 ** 40 lists, if it were written out
        twice = [twice, twice]
    monkeypatch.setattr(base, "MOST_COST", 100_000)
    with pytest.raises(codec.EncodeError, match="more than 20000 objects"):
        codec.encode(twice, most=MOST)


def test_the_deepest_that_is_allowed_comes_back():
    deep = 1
    for _ in range(base.MOST_DEPTH):
        deep = [deep]
    assert travelled(deep) == deep


BARE = """
import sys
sys.path.insert(0, {place!r})
from guest.codec import codec
print(codec.decode(sys.stdin.buffer.read()), file=sys.stderr)
sys.stdout.buffer.write(codec.encode({{"a": (1, b"x", 2.5)}}, most=1000))
print(*sorted(set(sys.modules) & {{"numpy", "pandas", "pyarrow", "datetime", "decimal", "json", "pickle"}}),
file=sys.stderr)
"""


def test_the_guest_needs_the_standard_library_only_and_loads_little(tmp_path):
    """It runs as a package of another name under a Python without packages, as in a sandbox."""
    code = BARE.format(place=str(Path(codec.__file__).parents[2]))
    sent = codec.encode([1, "\u20ac"], most=100)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], input=sent, capture_output=True, check=True)
    assert done.stderr.decode().splitlines() == ["[1, '\u20ac']", ""]
    assert decode(done.stdout, most=1000) == {"a": (1, b"x", 2.5)}


def test_a_guest_without_pandas_says_so_in_plain_words():
    def load(name):
        if name == "pandas":
            raise ImportError
        return __import__(name)

    with pytest.raises(codec.DecodeError, match="it needs pandas, which is not there"):
        codec.decode(codec.encode(pd.DataFrame({"a": [1]}), most=MOST), load)


def test_text_columns_come_back_where_pyarrow_is_not_there(monkeypatch):
    """Without pyarrow they are kept otherwise, and are equal."""
    sent = codec.encode(pd.Series(["a", None], dtype=pd.StringDtype("pyarrow")), most=MOST)
    real = pd.StringDtype

    def without(storage=None, **more):
        if storage == "pyarrow":
            raise ImportError
        return real(storage, **more)

    monkeypatch.setattr(pd, "StringDtype", without)
    back = decode(sent, most=MOST)
    assert back.dtype == real("python")  # type: ignore[attr-defined] # what came out is an object to checkers
    assert back.isna().tolist() == [False, True]  # type: ignore[attr-defined] # what came out is an object to checkers
