"""The scales of a run's picture: how far each axis reaches and its few round ticks.

Pure arithmetic, shared by the live widget and the static picture so that both look alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sandbox_magic.model.units import MIB, limit_size

_STEPS = (1.0, 2.0, 5.0)
_LONG_STEPS = (10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0)
_DAY = 86400.0
_ENDS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_MINUTE, _HOUR = 60, 3600
MOST_TICKS = 6
HEADROOM = 1.12  # of the highest tick, so that a curve on it is not cut
LIMIT_SHOWN_FROM = 1 / 8  # of the limit: below, a curve under its limit's line would be flat


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis, from 0.

    Attributes:
        end: The value at its far end.
        ticks: Value and label of each tick; the unit is on the last.
        limit: Where the limit's line is drawn; None if it lies beyond the end, or there is none.
    """

    end: float
    ticks: tuple[tuple[float, str], ...]
    limit: float | None = None


def time_axis(end: float) -> Axis:
    """Return the axis of a run that took so many seconds."""
    end = max(end, 0.001)
    step = _time_step(end)
    factor, unit = (_HOUR, "h") if step >= _HOUR else (_MINUTE, "min") if step >= _MINUTE else (1, "s")
    values = [_clean(index * step) for index in range(int(end / step + 1e-9) + 1)]
    return Axis(end=end, ticks=_labelled(values, factor, unit))


def live_time_axis(elapsed: float, limit: float | None) -> Axis:
    """Return the axis of a run that goes on: it reaches to a round time ahead, or to the limit.

    Its end moves in steps, so the curve grows to the right instead of being squeezed at each update.
    """
    end = round_up(elapsed * 1.02, _ENDS)
    if limit is None or limit > end:
        return time_axis(end)
    axis = time_axis(max(limit, elapsed))
    return Axis(end=axis.end, ticks=axis.ticks, limit=limit)


def cpu_axis(peak: float | None) -> Axis:
    """Return the axis of the CPU, in percent of one core, for the highest value so far."""
    cores = max(1, math.ceil((peak or 0) / 100 / HEADROOM))
    top = 100 * (cores if cores <= 2 else round_up(cores, (1, 2, 4, 6, 8, 10)))  # noqa: PLR2004 - halves stay whole
    values = [0, top / 2, top] if cores > 1 else [0, top]
    return Axis(end=top * HEADROOM, ticks=_labelled([_clean(value) for value in values], 1, "%"))


def memory_axis(peak: float | None, limit: float | None) -> Axis:
    """Return the axis of the memory, in bytes: up to its limit, or closer while it is far from it or there is none."""
    peak = peak or 0
    if limit is None or peak < limit * LIMIT_SHOWN_FROM:
        top = 2.0 ** math.ceil(math.log2(max(peak * 1.05, MIB)))
        return Axis(end=top * HEADROOM, ticks=_sizes([0, top / 2, top]))
    reach = max(limit, peak)
    step = 2.0 ** math.floor(math.log2(reach / 1.5))
    values = [index * step for index in range(int(reach / step) + 1)]
    apart = [value for value in values if abs(value - limit) > reach * 0.05]
    return Axis(end=reach * 1.04, ticks=_sizes(apart), limit=limit)


def round_up(value: float, mantissas: tuple[float, ...]) -> float:
    """Return the smallest mantissa times a power of ten that is not below a positive value."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(_clean(m * power) for m in (*mantissas, 10.0) if m * power >= value * (1 - 1e-9))


def _time_step(end: float) -> float:
    least = end / MOST_TICKS
    if least <= _LONG_STEPS[0] / 2:
        return round_up(least, _STEPS)
    return next((step for step in _LONG_STEPS if step >= least), _DAY * math.ceil(least / _DAY))


def _labelled(values: list[float], factor: int, unit: str) -> tuple[tuple[float, str], ...]:
    labels = [f"{value / factor:g}" for value in values]
    labels[-1] += f" {unit}"
    return tuple(zip(values, labels, strict=True))


def _sizes(values: list[float]) -> tuple[tuple[float, str], ...]:
    return tuple((value, limit_size(value) if value else "0") for value in values)


def _clean(value: float) -> float:
    return round(value, 9)
