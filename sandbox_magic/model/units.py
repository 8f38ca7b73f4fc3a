"""Every size and every time: read from what a person writes, and written for a person."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from typing import TypeGuard

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?", re.IGNORECASE | re.ASCII)
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|min|m|h)?", re.IGNORECASE | re.ASCII)
_MOST_DIGITS = 20
MIB = 2**20


def parse_bytes(value: object) -> int:
    """Read a size: a number of bytes, or text such as ``512M``, ``1.5G``, ``64 KiB``.

    Units are powers of 1024, as in Docker and systemd.

    Raises:
        PolicyError: It is not a size.
    """
    if _is_number(value):
        return int(value)
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > _MOST_DIGITS:
        msg = f"{value!r} is not a size"
        raise PolicyError(msg, remedy="a number of bytes, or a number with K, M, G or T: 512M, 1.5G")
    return int(float(match[1]) * _UNITS[(match[2] or "").upper()])


def parse_seconds(value: object) -> float | None:
    """Read a time: a number of seconds, text such as ``90``, ``1.5s``, ``200ms``, ``2m``, or ``none``.

    Raises:
        PolicyError: It is not a time.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    if _is_number(value):
        return float(value)
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or len(match[1]) > _MOST_DIGITS:
        msg = f"{value!r} is not a time"
        raise PolicyError(msg, remedy="seconds, or a number with ms, s, m or h: 30, 1.5s, 200ms, 2m")
    return float(match[1]) * _TIMES[(match[2] or "").lower()]


def parse_count(value: object) -> int:
    """Read a whole number.

    Raises:
        PolicyError: It is not one.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        return int(value)
    msg = f"{value!r} is not a whole number"
    raise PolicyError(msg, remedy="a whole number, such as 64")


def parse_cpus(value: object) -> float | None:
    """Read a share of processors: 1.5 is one and a half; ``none`` is no bound.

    Raises:
        PolicyError: It is not a positive number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    try:
        number = float(value) if isinstance(value, str) or _is_number(value) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        msg = f"{value!r} is not a share of processors"
        raise PolicyError(msg, remedy="a number such as 0.5, 1 or 1.5")
    return number


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return whether it is a number that a float can hold: an int may be larger than any."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def seconds(value: float) -> str:
    """Write a time that was measured: ``3 ms``, ``0.25 s``, ``12.3 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if value < 0.0995:  # noqa: PLR2004 - below, milliseconds read better
        return f"{value * 1000:.0f} ms"
    if value < 9.995:  # noqa: PLR2004 - where two decimals would round to ten
        return f"{value:.2f} s"
    if value < 59.95:  # noqa: PLR2004 - where one decimal would round to a minute
        return f"{value:.1f} s"
    return _long(round(value))


def limit_seconds(value: float) -> str:
    """Write a time that a person chose, without what is zero: ``30 s``, ``500 ms``, ``1 min 30 s``, ``1 d``."""
    if 0 < value < 1:
        return f"{value * 1000:g} ms"
    return f"{value:g} s" if value < _MINUTE or value % 1 else _long(int(value))


def running_seconds(value: float) -> str:
    """Write a time that runs, so that its width stays from one update to the next: ``3.2 s``, ``2 min 05 s``."""
    return f"{value:.1f} s" if value < _MINUTE else _long(int(value), digits=2)


def running(value: float, limit: float | None) -> str:
    """Write a time that runs beside its limit, if there is one: ``3.2 s of 1 min 30 s``."""
    return running_seconds(value) if limit is None else f"{running_seconds(value)} of {limit_seconds(limit)}"


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS_OF_TIME = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))


def _long(value: int, *, digits: int = 0) -> str:
    """Write a minute or more by its two largest units; with ``digits`` the second is there always, and so long."""
    place = next(place for place, (unit, _) in enumerate(_UNITS_OF_TIME) if value >= unit)
    (large, its_name), (small, other) = _UNITS_OF_TIME[place : place + 2]
    rest = value % large // small
    return f"{value // large} {its_name}" + (f" {rest:0{digits}} {other}" if rest or digits else "")


def size(value: float) -> str:
    """Write a number of bytes: ``512 B``, ``9.8 MiB``, ``1.25 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        text = f"{value:.0f}" if unit == "B" or value >= 99.95 else f"{value:.1f}"  # noqa: PLR2004 - three digits
        if float(text) < 1024:  # noqa: PLR2004 - the unit's own factor
            return f"{text} {unit}"
        value /= 1024
    return f"{value:.2f} GiB" if value < 1023.995 else f"{value / 1024:.2f} TiB"  # noqa: PLR2004 - as above


def limit_size(value: float) -> str:
    """Write a size that a person chose: ``64 MiB``, not ``64.0 MiB``."""
    number, unit = size(value).split()
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {unit}"


def amount(value: float, limit: float) -> str:
    """Write a size beside its limit: ``271 of 512 MiB``, ``9.8 MiB of 1 GiB``."""
    used, bound = size(value), limit_size(limit)
    number, unit = used.split()
    return f"{number if bound.endswith(f' {unit}') else used} of {bound}"


def limit(field: str, value: float) -> str:
    """Write the value of a field of `Limits`, whose name says what it is: ``wall_seconds``, ``memory_bytes``."""
    if field.endswith("_seconds"):
        return limit_seconds(value)
    return limit_size(value) if field.endswith("_bytes") else f"{value:g}"


def counted(value: int | None, one: str, many: str) -> str:
    """Write a number of things: ``1 process``, ``3 processes``, ``processes unknown``."""
    return f"{many} unknown" if value is None else f"{value} {one if value == 1 else many}"
