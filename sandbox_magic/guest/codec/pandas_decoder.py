"""pandas tables, columns, indexes and moments, put together again; the data is not trusted."""

from __future__ import annotations

import sys

from . import base, pandas_keys

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


_MASKED = {"b": "BooleanArray", "i": "IntegerArray", "u": "IntegerArray", "f": "FloatingArray"}
_TICKS = {"D", "h", "min", "s", "ms", "us", "ns", "H", "T", "S", "L", "U", "N"}
_MOST_ROWS = 100_000_000  # of an index that is a range, so no data bounds it


def build(kind: str, payload: Any, load: Any, budget: Any) -> Any:
    """Put a part of pandas' together again; its data is not trusted."""
    pd = load("pandas")
    maker = _BUILDERS.get(kind)
    if maker is None:
        raise base.DecodeError("it holds a kind of value that can't be passed")
    return maker(pd, payload, budget)


def _built_frame(pd: Any, payload: Any, _: Any) -> Any:
    header, index, columns, attributes = payload
    _check_index(pd, header, index)
    for column in columns:
        _check_column(pd, column)
    if len(header) != len(columns) or any(len(column) != len(index) for column in columns):
        raise base.DecodeError("a table's columns are not as long as its index")
    series = {n: pd.Series(a, index=index, dtype=a.dtype) for n, a in enumerate(columns)}
    frame = pd.DataFrame(series, index=index)
    frame.columns = header
    frame.attrs.update(attributes)
    return frame


def _built_series(pd: Any, payload: Any, _: Any) -> Any:
    index, array, name, attributes = payload
    _check_index(pd, index)
    _check_column(pd, array)
    if len(array) != len(index):
        raise base.DecodeError("a column is not as long as its index")
    series = pd.Series(array, index=index, dtype=array.dtype, name=name)
    series.attrs.update(attributes)
    return series


def _built_range(pd: Any, payload: Any, _: Any) -> Any:
    start, stop, step, name = payload
    base.whole(start, stop, step)
    if len(range(start, stop, step)) > _MOST_ROWS:
        raise base.DecodeError("an index claims more than %d rows" % _MOST_ROWS)
    return pd.RangeIndex(start, stop, step, name=name)


def _built_multi(pd: Any, payload: Any, budget: Any) -> Any:
    levels, codes, names = payload
    for each in codes:
        _check_column(pd, each)
    _check_inner(pd, budget, *levels)
    _check_keys(pd, *levels)
    return pd.MultiIndex(levels=list(levels), codes=list(codes), names=names)


def _built_index(pd: Any, payload: Any, budget: Any) -> Any:
    array, name, frequency = payload
    _check_column(pd, array)
    index = pd.Index(array, dtype=array.dtype, name=name)
    if frequency is not None:
        if type(frequency) is not str or len(frequency) > 40:
            raise base.DecodeError("an index has a frequency that is none")
        if frequency.lstrip("-0123456789") in _TICKS or budget.allows_steps(len(index)):
            index.freq = frequency  # if it is no fixed length of time, pandas steps through all rows
    return index


def _built_objects(_: Any, payload: Any, __: Any = None) -> Any:
    if type(payload) is not list:
        raise base.DecodeError("a column is no list")
    array = sys.modules["numpy"].empty(len(payload), object)
    for number, value in enumerate(payload):
        array[number] = value
    return array


def _built_strings(pd: Any, payload: Any, _: Any) -> Any:
    storage, nan, texts, missing = payload
    _check_column(pd, missing)
    if type(texts) is not list or any(type(text) is not str for text in texts) or len(texts) != len(missing):
        raise base.DecodeError("a column of text is none")
    if storage not in ("python", "pyarrow") or missing.dtype != bool:
        raise base.DecodeError("a column of text is of no kind that is known")
    array = _built_objects(pd, texts)
    array[missing] = pd.NA
    return pd.array(array, dtype=_string_type(pd, storage, nan))


def _string_type(pd: Any, storage: str, nan: Any) -> Any:
    """Return the type of text that was asked for, or the nearest that this pandas has."""
    more = {"na_value": float("nan")} if nan else {}
    for kept in (storage, "python"):  # where pyarrow is not there, the text is kept otherwise and compares equal
        try:
            return pd.StringDtype(kept, **more)
        except (ImportError, TypeError):  # TypeError: before pandas 2.3 it takes no na_value
            continue
    raise base.DecodeError("a column of text is of a kind that the pandas here does not have")


def _built_categorical(pd: Any, payload: Any, budget: Any) -> Any:
    codes, categories, ordered = payload
    _check_column(pd, codes)
    _check_inner(pd, budget, categories)
    _check_keys(pd, categories)
    if type(ordered) is not bool:
        raise base.DecodeError("a categorical column is neither ordered nor not")
    return pd.Categorical.from_codes(codes, categories, ordered=ordered)


def _built_moments(pd: Any, payload: Any, _: Any) -> Any:
    moments, zone = payload
    _check_column(pd, moments)
    zone = base.checked_zone(zone) if isinstance(zone, str) else zone
    return pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(zone).array


def _built_intervals(pd: Any, payload: Any, budget: Any) -> Any:
    left, right, closed = payload
    _check_inner(pd, budget, left, right)
    return pd.arrays.IntervalArray.from_arrays(left, right, closed)


def _built_masked(pd: Any, payload: Any, _: Any) -> Any:
    values, missing = payload
    _check_column(pd, values)
    _check_column(pd, missing)
    return getattr(pd.arrays, _MASKED[values.dtype.kind])(values, missing)


def _built_arrow(pd: Any, payload: Any, _: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(payload)


def _built_column(pd: Any, payload: Any, _: Any) -> Any:
    _check_column(pd, payload)
    return payload


def _built_missing(pd: Any, payload: Any, _: Any) -> Any:
    return {"NA": pd.NA, "NaT": pd.NaT}[payload]


def _built_timestamp(pd: Any, payload: Any, _: Any) -> Any:
    moment, zone = payload
    if type(moment) is not sys.modules["numpy"].datetime64:
        raise base.DecodeError("a moment is none")
    stamp = pd.Timestamp(moment)
    if zone is None:
        return stamp
    return stamp.tz_localize("UTC").tz_convert(base.checked_zone(zone) if isinstance(zone, str) else zone)


def _built_timedelta(pd: Any, payload: Any, _: Any) -> Any:
    if type(payload) is not sys.modules["numpy"].timedelta64:
        raise base.DecodeError("a length of time is none")
    return pd.Timedelta(payload)


def _check_index(pd: Any, *indexes: Any) -> None:
    if not all(isinstance(index, pd.Index) for index in indexes):
        raise base.DecodeError("a table's index is none")


def _check_inner(pd: Any, budget: Any, *indexes: Any) -> None:
    """Check indexes that are part of another value: a range among them is written out, and no data bounds it."""
    _check_index(pd, *indexes)
    for index in indexes:
        if isinstance(index, pd.RangeIndex):
            budget.claim_rows(len(index))


def _check_keys(pd: Any, *indexes: Any) -> None:
    if any(pandas_keys.may_collide(pd, index) for index in indexes):
        raise base.DecodeError("an index holds many keys in no order, which could have been made to collide")


def _check_column(pd: Any, array: Any) -> None:
    known = (sys.modules["numpy"].ndarray, pd.api.extensions.ExtensionArray)
    if not isinstance(array, known) or array.ndim != 1:
        raise base.DecodeError("a column is none")


_BUILDERS: dict[str, Any] = {
    "pandas.DataFrame": _built_frame,
    "pandas.Series": _built_series,
    "pandas.RangeIndex": _built_range,
    "pandas.Index": _built_index,
    "pandas.MultiIndex": _built_multi,
    "pandas.objects": _built_objects,
    "pandas.strings": _built_strings,
    "pandas.Categorical": _built_categorical,
    "pandas.moments": _built_moments,
    "pandas.intervals": _built_intervals,
    "pandas.masked": _built_masked,
    "pandas.arrow": _built_arrow,
    "pandas.column": _built_column,
    "pandas.missing": _built_missing,
    "pandas.Timestamp": _built_timestamp,
    "pandas.Timedelta": _built_timedelta,
}
