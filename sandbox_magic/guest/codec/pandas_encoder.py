"""pandas tables, columns, indexes and moments, taken apart into arrays and plain values."""

from __future__ import annotations

import sys

from . import base, pandas_keys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any

_PLAIN_INDEXES = {"Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex", "IntervalIndex"}
_PLAIN_INDEXES |= {"Int64Index", "UInt64Index", "Float64Index"}  # of pandas 1
_MASKED_TYPES = {"BooleanDtype", "Float32Dtype", "Float64Dtype"}
_MASKED_TYPES |= {"%sInt%dDtype" % (sign, size) for sign in ("", "U") for size in (8, 16, 32, 64)}


def take_apart(value: Any) -> Any:  # noqa: PLR0911 - one for each kind
    """Return the part for a value of pandas; None for anything else.

    Raises:
        EncodeError: It is one that can't be passed.
    """
    pd = sys.modules["pandas"]
    kind = type(value)
    if kind is pd.DataFrame:
        return _frame(value)
    if kind is pd.Series:
        fields = (_index(value.index), _column(value.array), value.name, dict(value.attrs))
        return base.Part("pandas.Series", base.Fields(fields), cost=2000)
    if isinstance(value, pd.Index):
        return _index(value)
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _column(value)
    if value is pd.NA or value is pd.NaT:
        return base.Part("pandas.missing", "NA" if value is pd.NA else "NaT")
    if kind is pd.Timestamp:
        return base.Part("pandas.Timestamp", base.Fields((value.asm8, _zone(value.tz))), cost=100)
    if kind is pd.Timedelta:
        return base.Part("pandas.Timedelta", value.asm8, cost=100)
    for plain in (pd.DataFrame, pd.Series):
        if isinstance(value, plain):
            raise base.EncodeError(
                "a %s, a kind of %s" % (kind.__name__, plain.__name__), "pandas.%s(x)" % plain.__name__
            )
    return None


def _frame(frame: Any) -> Any:
    names = list(frame.columns)
    columns = []
    for number, name in enumerate(names):
        step = "[%.60r]" % (name,)
        try:
            column = _column(frame.iloc[:, number].array)
        except base.EncodeError as error:
            error.below(step)
            raise
        columns.append(base.Part("pandas.column", column, step))
    index, header = _index(frame.index), _index(frame.columns, ".columns")
    fields = (header, index, base.Fields(columns), dict(frame.attrs))
    return base.Part("pandas.DataFrame", base.Fields(fields), cost=5000)


def _index(index: Any, step: str = ".index") -> Any:
    pd = sys.modules["pandas"]
    kind = type(index)
    if kind is pd.RangeIndex:
        return _index_part("RangeIndex", step, index.start, index.stop, index.step, index.name)
    if kind is pd.MultiIndex:
        if any(pandas_keys.may_collide(pd, level) for level in index.levels):  # the same index, its levels in order
            index = pd.MultiIndex.from_arrays(
                list(map(index.get_level_values, range(index.nlevels))), names=index.names
            )
        if any(pandas_keys.may_collide(pd, level) for level in index.levels):
            raise base.EncodeError("a pandas MultiIndex with a level in no order", "x.reset_index()", step)
        levels = base.Fields([_index(level, ".levels[%d]" % n) for n, level in enumerate(index.levels)])
        codes = base.Fields([_plain(each) for each in index.codes])
        return _index_part("MultiIndex", step, levels, codes, list(index.names))
    if kind.__name__ not in _PLAIN_INDEXES or kind.__module__.partition(".")[0] != "pandas":
        raise base.EncodeError("a pandas %s" % kind.__name__, "x.reset_index(), or x.index.astype(str)", step)
    return _index_part("Index", step, _column(index.array), index.name, getattr(index, "freqstr", None))


def _index_part(kind: str, step: str, *fields: Any) -> Any:
    return base.Part("pandas." + kind, base.Fields(fields), step, cost=1000)


def _column(array: Any) -> Any:  # noqa: PLR0911 - one for each family of types
    """Return the part for the content of a column, whatever its type."""
    pd, np = sys.modules["pandas"], sys.modules["numpy"]
    dtype = array.dtype
    name = type(dtype).__name__
    if isinstance(dtype, np.dtype) or name in ("NumpyEADtype", "PandasDtype"):
        plain = np.asarray(array)
        return base.Part("pandas.objects", list(array), cost=1000) if plain.dtype.kind == "O" else plain
    if name == "StringDtype":
        return _strings(array)
    if name == "CategoricalDtype":
        if pandas_keys.may_collide(pd, array.categories):
            raise base.EncodeError(
                "a column of more than %d categories in no order" % pandas_keys.MOST_MIXED, "x.astype(str)"
            )
        fields = (_plain(array.codes), _index(array.categories, ".cat.categories"), array.ordered)
        return base.Part("pandas.Categorical", base.Fields(fields), cost=1000)
    if name == "DatetimeTZDtype":
        moments = np.asarray(array, dtype="M8[%s]" % dtype.unit)
        return base.Part("pandas.moments", base.Fields((moments, _zone(dtype.tz))), cost=1000)
    if name == "IntervalDtype":
        fields = (_index(array.left, ".left"), _index(array.right, ".right"), array.closed)
        return base.Part("pandas.intervals", base.Fields(fields), cost=1000)
    if name == "ArrowDtype":
        return base.Part("pandas.arrow", sys.modules["pyarrow"].chunked_array(array.__arrow_array__()), cost=1000)
    if name in _MASKED_TYPES:
        missing = np.asarray(pd.isna(array))
        values = array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        return base.Part("pandas.masked", base.Fields((values, missing)), cost=1000)
    raise base.EncodeError("a pandas column of type %s" % dtype, "x.astype(str)")


def _plain(array: Any) -> Any:
    return sys.modules["numpy"].array(array)


def _strings(array: Any) -> Any:
    dtype = array.dtype
    missing = sys.modules["numpy"].asarray(sys.modules["pandas"].isna(array))
    texts = array.to_numpy(dtype=object, na_value="").tolist()
    storage, empty = dtype.storage, getattr(dtype, "na_value", None)
    fields = (storage, isinstance(empty, float), texts, missing)
    return base.Part("pandas.strings", base.Fields(fields), cost=1000)


def _zone(zone: Any) -> Any:
    """Return a time zone; pytz's by its name, for pandas makes it from that."""
    return zone.zone if base.of_module(zone, "pytz") and zone.zone else zone
