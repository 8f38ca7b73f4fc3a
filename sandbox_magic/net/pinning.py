"""Names -> addresses, once, when a run starts: what a name leads to later changes nothing for the run."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import LOCALHOST, Forward
from sandbox_magic.net.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Resolver = Callable[[str], Sequence[str]]

_LOOPBACK = ("127.0.0.1", "::1")
_MOST_ADDRESSES = 8  # that are tried of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Where a forward leads during one run.

    Attributes:
        forward: The name and the port.
        addresses: What is dialled, the first one first.
    """

    forward: Forward
    addresses: tuple[str, ...]


def resolve(host: str) -> Sequence[str]:
    """Return the addresses of a name as this machine finds them.

    Raises:
        OSError: It has none, or nobody can be asked.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def pin(forwards: Sequence[Forward], ask: Resolver | None = None) -> tuple[Pin, ...]:
    """Resolve every name, and refuse those that lead where nobody said that the code may go.

    A name may lead to an address that is not public where that address is typed too, with the same port: then it opens
    nothing that is not open already.

    Args:
        forwards: What the run may connect to.
        ask: What resolves a name; this machine's own way without it.

    Raises:
        PolicyError: A name can't be resolved, or one of its addresses is not public.
    """
    typed = {(each.host, each.port) for each in forwards if each.is_address}
    typed |= {(address, each.port) for each in forwards if each.host == LOCALHOST for address in _LOOPBACK}
    known: dict[str, tuple[str, ...]] = {}
    for forward in forwards:
        if forward.host not in known:
            known[forward.host] = _addresses(forward, ask or resolve)
        _check(forward, known[forward.host], typed)
    return tuple(Pin(forward=each, addresses=known[each.host][:_MOST_ADDRESSES]) for each in forwards)


def _addresses(forward: Forward, ask: Resolver) -> tuple[str, ...]:
    if forward.is_address:
        return (forward.host,)
    if forward.host == LOCALHOST:
        return _LOOPBACK
    try:
        found = tuple(dict.fromkeys(ask(forward.host)))
    except (OSError, UnicodeError) as error:
        raise _unresolved(forward, str(error)) from error
    if not found:
        raise _unresolved(forward, "no address")
    return found


def _unresolved(forward: Forward, seen: str) -> PolicyError:
    what = f"net: {forward.host} can't be resolved on this machine, so nothing was run"
    has_proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    behind = "; with a proxy too the name is resolved here" if has_proxy else ""
    return PolicyError(what, seen=seen, remedy=f"the name as a browser on this machine has it{behind}")


def _check(forward: Forward, addresses: Iterable[str], typed: set[tuple[str, int]]) -> None:
    for address in addresses:
        if (address, forward.port) not in typed and not is_public(address):
            msg = f"net: {forward.host} leads to {address}, which is not an address of the public internet"
            raise PolicyError(msg, remedy=_remedy(address, forward.port))


def _remedy(address: str, port: int) -> str:
    if address in _LOOPBACK:
        return f"--net localhost:{port} beside it, if you mean this machine itself"
    try:
        return f"--net {Forward(host=address, port=port)} beside it, if you mean that address"
    except PolicyError:
        return "the name of another host"
