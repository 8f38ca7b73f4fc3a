"""What a person should know about the connections of a run: in sentences, as marks, and in the list of attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import attempt_options
from sandbox_magic.model.attempts import Attempt
from sandbox_magic.model.timeline import Mark
from sandbox_magic.model.units import limit_size
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_magic.model.attempts import Attempts
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import NetworkUsage
    from sandbox_magic.net.account import Count
    from sandbox_magic.net.relay import Relay


def usage(network: Relay | None) -> dict[str, NetworkUsage]:
    """Return what went through each forward, by its name."""
    return {str(count.forward): count.usage for count in network.counts} if network is not None else {}


def marks(network: Relay | None) -> Iterator[Mark]:
    """Yield a mark for the first connection to each forward, the first that was refused, and the first that failed."""
    for count in network.counts if network is not None else ():
        name = next(iter(count.names), "") or f"{count.forward}, no TLS"
        for said, times in (
            (f"connected: {count.forward}", count.opened),
            (f"refused: {name}", count.misdirected),
            (f"not reached: {count.forward}", count.failed),
        ):
            if times.number:
                yield Mark(said, times.first_seconds)


def among(attempts: Attempts, network: Relay | None) -> Attempts:
    """Return the attempts with those that the relay refused, in the order in which each came first."""
    rows = [*attempts.rows]
    for count in network.counts if network is not None else ():
        rows += [
            Attempt(
                kind="connect",
                target=name or f"{count.forward} without TLS",
                count=times.number,
                first_seconds=times.first_seconds,
                last_seconds=times.last_seconds,
                answer="refused",
                option=attempt_options.reach(name) if name else "",
            )
            for name, times in count.names.items()
        ]
    return replace(attempts, rows=tuple(sorted(rows, key=lambda row: row.first_seconds)))


def of(network: Relay | None, policy: Policy) -> tuple[str, ...]:
    """Return what was refused, what failed, and whether the limit was reached."""
    if network is None:
        return ()
    said = [sentence for count in network.counts for sentence in _of_forward(count)]
    if network.left.exceeded:
        said.append(
            f"The code was to move more than {limit_size(policy.net_bytes)} through --net, so its connections were "
            "closed; --net-bytes allows more."
        )
    if network.broken:
        said.append(f"The relay of --net ended before the run, so its connections were closed: {network.broken}.")
    return tuple(said)


def _of_forward(count: Count) -> list[str]:
    said = []
    if refused := count.misdirected.number:
        names = ", ".join(filter(None, count.names))
        asked = f"asked for {names}" if names else "named no server in TLS"
        said.append(
            f"{_many(refused)} to {count.forward} {asked}, and {_were(refused)} closed: --net "
            "NAME allows a name, and port 443 is for TLS alone."
        )
    if failed := count.failed.number:
        said.append(f"{_many(failed)} to {count.forward} could not be opened: {label(count.failure, 200)}.")
    return said


def _many(number: int) -> str:
    return "1 connection" if number == 1 else f"{number:,} connections"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
