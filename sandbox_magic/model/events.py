"""What a run yields, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.output import Cleared, Display, InputRequest, Text
from sandbox_magic.model.timeline import Mark, Sample

if TYPE_CHECKING:
    from sandbox_magic.model.result import Result


@dataclass(frozen=True, slots=True)
class Output:
    """A variable that came out, when the run has completed.

    Attributes:
        name: Its name.
        value: Its value, a copy.
    """

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; always the last event.

    Attributes:
        result: How it ended and what it cost.
    """

    result: Result


Event = Text | Display | Cleared | InputRequest | Sample | Mark | Output | Ended
