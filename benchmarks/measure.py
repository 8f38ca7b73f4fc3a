"""Measures ways of doing the same, alternating in one process, so that each meets the same machine -> rows of a table.

A row has median and p99, and both as ratios to the median of one of the ways, the base.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Found = Mapping[str, Mapping[str, Sequence[float]]]  # way -> what was measured of it -> values

PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way.

    Attributes:
        run: Does it once; returns what was measured, by name.
        prepare: Called before it, outside the measurement.
    """

    run: Callable[[], Mapping[str, float]]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table.

    Attributes:
        subject: The module that measured it.
        what: What was measured, and of which way.
        unit: Of median and p99.
        median: None where it could not be measured.
        p99: None where there is only one value.
        ratio: The median to the base's median; None for want of a base.
        p99_ratio: The p99 to the base's median.
        note: Why there is no number, or what else is to be known.
    """

    subject: str
    what: str
    unit: str = ""
    median: float | None = None
    p99: float | None = None
    ratio: float | None = None
    p99_ratio: float | None = None
    note: str = ""


def rounds(usual: int) -> int:
    """Return how many rounds to measure: ROUNDS, else what is usual for a subject."""
    return int(os.environ.get("ROUNDS") or usual)


def alternate(ways: Mapping[str, Way], *, usual: int, pause_seconds: float = PAUSE_SECONDS) -> Found:
    """Measure each way in turn, again and again; the first round is for what is loaded once."""
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ways}
    for number in range(-1, rounds(usual)):
        for name, way in ways.items():
            way.prepare()
            time.sleep(pause_seconds)
            for what, value in way.run().items():
                if number >= 0:
                    found[name][what].append(value)
    return found


def rows(subject: str, found: Found, *, unit: str, base: tuple[str, str] | None = None) -> list[Row]:
    """Return a row for each measure of each way.

    Args:
        subject: What they belong to.
        found: The values, in the unit.
        unit: The unit.
        base: The way, and what was measured of it, whose median the ratios are to.
    """
    unit_value = statistics.median(found[base[0]][base[1]]) if base else None
    return [
        row(subject, f"{what}: {name}", values, unit=unit, base=unit_value)
        for what in dict.fromkeys(what for measured in found.values() for what in measured)
        for name, measured in found.items()
        if (values := measured.get(what))
    ]


def row(subject: str, what: str, values: Sequence[float], *, unit: str, base: float | None = None) -> Row:
    """Return the row of these values."""
    ordered = sorted(values)
    median, p99 = statistics.median(ordered), ordered[math.ceil(0.99 * (len(ordered) - 1))]
    alone = len(ordered) == 1
    return Row(
        subject=subject,
        what=what,
        unit=unit,
        median=median,
        p99=None if alone else p99,
        ratio=median / base if base else None,
        p99_ratio=p99 / base if base and not alone else None,
    )


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Return the milliseconds that a call takes, as what is called ``result``."""
    began = time.perf_counter()
    call()
    return {"result": 1000 * (time.perf_counter() - began)}
