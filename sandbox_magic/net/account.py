"""What a run's network is counted in, and bounded by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox_magic.model.result import NetworkUsage

if TYPE_CHECKING:
    from sandbox_magic.model.forwards import Forward

_MOST_NAMES = 10


@dataclass(slots=True)
class Count:
    """What went through one forward.

    Attributes:
        forward: The forward.
        connections: How many were opened to it.
        sent_bytes: What the code sent.
        received_bytes: What came back.
        misdirected: How many connections were closed, because TLS was for another name, or it was no TLS at all.
        names: Some of these other names, as the code said them: untrusted.
        failed: How many could not be opened.
        failure: Why the last one could not.
    """

    forward: Forward
    connections: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    misdirected: int = 0
    names: list[str] = field(default_factory=list)
    failed: int = 0
    failure: str = ""

    def misdirect(self, name: str) -> None:
        """Note that a connection was for another name; empty for none."""
        self.misdirected += 1
        if name and name not in self.names and len(self.names) < _MOST_NAMES:
            self.names.append(name)

    def fail(self, reason: str) -> None:
        """Note that the other side could not be reached."""
        self.failed += 1
        self.failure = reason

    @property
    def usage(self) -> NetworkUsage:
        """The figures, for the result."""
        return NetworkUsage(
            connections=self.connections,
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            refused=self.misdirected,
            failed=self.failed,
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
