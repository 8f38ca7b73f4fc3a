"""What a person should know about the connections of a run, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.model.units import limit_size
from sandbox_magic.untrusted.text import label

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.model.result import NetworkUsage
    from sandbox_magic.net.account import Count
    from sandbox_magic.net.relay import Relay

_NAME_CHARACTERS = 100


def usage(network: Relay | None) -> dict[str, NetworkUsage]:
    """Return what went through each forward, by its name."""
    return {str(count.forward): count.usage for count in network.counts} if network is not None else {}


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
    if count.misdirected:
        names = ", ".join(label(name, _NAME_CHARACTERS) for name in count.names)
        asked = f"asked for {names}" if names else "named no server in TLS"
        said.append(
            f"{_many(count.misdirected)} to {count.forward} {asked}, and {_were(count.misdirected)} closed: --net "
            "NAME allows a name, and port 443 is for TLS alone."
        )
    if count.failed:
        said.append(f"{_many(count.failed)} to {count.forward} could not be opened: {label(count.failure, 200)}.")
    return said


def _many(number: int) -> str:
    return "1 connection" if number == 1 else f"{number:,} connections"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
