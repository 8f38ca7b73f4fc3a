"""What a run's network is counted in, and bounded by."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_magic.model.result import NetworkUsage
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox_magic.model.forwards import Forward

_MOST_NAMES = 10
_NAME_CHARACTERS = 100


@dataclass(slots=True)
class Times:
    """How often something happened, and when, by the clock of the run.

    Attributes:
        number: How often.
        first_seconds: When it did first.
        last_seconds: When it did last.
    """

    number: int = 0
    first_seconds: float = 0.0
    last_seconds: float = 0.0

    def happen(self, now: float) -> None:
        """Note that it did once more."""
        if not self.number:
            self.first_seconds = now
        self.number += 1
        self.last_seconds = now


@dataclass(slots=True)
class Count:
    """What went through one forward.

    Attributes:
        forward: The forward.
        clock: Returns the seconds since the run began.
        opened: The connections to it.
        sent_bytes: What the code sent.
        received_bytes: What came back.
        misdirected: The connections that were closed, because TLS was for another name, or it was no TLS at all.
        names: Some of the names that these asked for, made safe to show; empty for none.
        failed: The connections that could not be opened.
        failure: Why the last one could not.
    """

    forward: Forward
    clock: Callable[[], float] = time.monotonic
    opened: Times = field(default_factory=Times)
    sent_bytes: int = 0
    received_bytes: int = 0
    misdirected: Times = field(default_factory=Times)
    names: dict[str, Times] = field(default_factory=dict)
    failed: Times = field(default_factory=Times)
    failure: str = ""

    def open(self) -> None:
        """Note that a connection was opened."""
        self.opened.happen(self.clock())

    def misdirect(self, name: str) -> None:
        """Note that a connection was for another name; empty for none."""
        name, now = label(name, _NAME_CHARACTERS), self.clock()
        self.misdirected.happen(now)
        if name in self.names or len(self.names) < _MOST_NAMES:
            self.names.setdefault(name, Times()).happen(now)

    def fail(self, reason: str) -> None:
        """Note that the other side could not be reached."""
        self.failed.happen(self.clock())
        self.failure = reason

    @property
    def usage(self) -> NetworkUsage:
        """The figures, for the result."""
        return NetworkUsage(
            connections=self.opened.number,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            refused=self.misdirected.number,
            failed=self.failed.number,
            refused_names=tuple(filter(None, self.names)),
        )


@dataclass(slots=True)
class Allowance:
    """What may still go out, and come in, through all forwards of a run.

    Attributes:
        out_bytes: What may go out.
        in_bytes: What may come in.
        exceeded: Whether there was more than that.
    """

    out_bytes: int
    in_bytes: int
    exceeded: bool = False
