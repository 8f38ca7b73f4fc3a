"""Dates, times, their zones, and decimal numbers, as plain values; both sides use this file."""

from __future__ import annotations

import sys

from . import base

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from typing import Any


def take_apart(value: Any) -> Any:
    """Return the part for a moment, a zone or a decimal; None for anything else."""
    kind = type(value)
    name = "%s.%s" % (kind.__module__, kind.__qualname__)
    take = _TAKE.get(name)
    module = sys.modules.get(kind.__module__)
    if take is None or getattr(module, kind.__qualname__, None) is not kind:
        return None
    return base.Part("python." + kind.__qualname__, take(value))


def _zone(zone: Any) -> str:
    if zone.key is None:
        raise base.EncodeError("a time zone that was read from a file", "zoneinfo.ZoneInfo(name)")
    return str(zone.key)


def _time(moment: Any) -> tuple[Any, ...]:
    return (moment.hour, moment.minute, moment.second, moment.microsecond, moment.fold, moment.tzinfo)


_TAKE: dict[str, Any] = {
    "datetime.date": lambda day: (day.year, day.month, day.day),
    "datetime.time": lambda moment: base.Fields(_time(moment)),
    "datetime.datetime": lambda moment: base.Fields((moment.year, moment.month, moment.day, *_time(moment))),
    "datetime.timedelta": lambda length: (length.days, length.seconds, length.microseconds),
    "datetime.timezone": lambda zone: base.Fields(zone.__getinitargs__()),
    "zoneinfo.ZoneInfo": _zone,
    "decimal.Decimal": str,
}


def build(kind: str, payload: Any, load: Any, _: Any) -> Any:
    """Put such a part together again; its data is not trusted."""
    name = kind.partition(".")[2]
    if name in _NUMBERS:  # by their number: one argument that is bytes would be a pickle's form, which is not checked
        base.whole(*payload)
        _count(payload, _NUMBERS[name])
        return getattr(load("datetime"), name)(*payload)
    if name in _MOMENTS:
        *numbers, fold, zone = payload
        base.whole(*numbers, fold)
        _count(numbers, _MOMENTS[name])
        return getattr(load("datetime"), name)(*numbers, tzinfo=_built_zone(zone, load), fold=fold)
    if name == "timezone":
        return load("datetime").timezone(*payload)
    if name == "ZoneInfo":
        return load("zoneinfo").ZoneInfo(base.checked_zone(payload))
    if name == "Decimal" and type(payload) is str:
        return load("decimal").Decimal(payload)
    raise base.DecodeError("it holds a kind of value that can't be passed")


_NUMBERS = {"date": 3, "timedelta": 3}
_MOMENTS = {"time": 4, "datetime": 7}


def _count(numbers: Any, count: int) -> None:
    if len(numbers) != count:
        raise base.DecodeError("a moment is none")


def _built_zone(zone: Any, load: Any) -> Any:
    if zone is not None and not isinstance(zone, load("datetime").tzinfo):
        raise base.DecodeError("a moment's time zone is none")
    return zone
