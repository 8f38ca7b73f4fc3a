"""How an address outside is reached: by itself, or through the proxy that this machine's variables name."""

from __future__ import annotations

import base64
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.net.addresses import is_public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox_magic.net.pinning import Pin

_MOST_REPLY_BYTES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One way to try.

    Attributes:
        family: Of the address that is dialled.
        place: That address, with its port.
        greeting: What a proxy is told first; empty without one.
    """

    family: socket.AddressFamily
    place: tuple[str, int]
    greeting: bytes = b""


class Proxy:
    """The proxy for what leaves this machine, by ``https_proxy`` and ``no_proxy``; the code never sees them.

    It is told the pinned address, not the name: what it would find behind the name nobody has looked at.

    Args:
        variables: The environment of this process.

    Raises:
        PolicyError: It is of a kind that is not spoken here, or its own name can't be resolved.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        known = os.environ if variables is None else variables
        self._not_for = (known.get("no_proxy") or known.get("NO_PROXY") or "").replace(",", " ").lower().split()
        self._places: tuple[Hop, ...] = ()
        self._credentials = b""
        if url := known.get("https_proxy") or known.get("HTTPS_PROXY"):
            self._read(url if "://" in url else f"http://{url}")

    def _read(self, url: str) -> None:
        what = "net: the proxy that https_proxy names can't be used, so nothing was run"
        try:
            parts = urlsplit(url)
            port = parts.port or 80
            if parts.scheme != "http" or not parts.hostname:
                raise PolicyError(
                    what, seen=f"it is not http://HOST:PORT, but {parts.scheme}://", remedy="an HTTP proxy"
                )
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise PolicyError(what, seen=str(error), remedy="https_proxy=http://HOST:PORT") from error
        if parts.username is not None:
            words = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._credentials = b"Proxy-Authorization: Basic " + base64.b64encode(words) + b"\r\n"
        self._places = tuple(Hop(family=family, place=(str(place[0]), port)) for family, *_, place in found)

    def hops(self, pin: Pin) -> tuple[Hop, ...]:
        """Return the ways to a pinned name, the first to be tried first."""
        port = pin.forward.port
        found: list[Hop] = []
        for address in pin.addresses:
            if self._places and is_public(address) and not self._passes_by(pin.forward.host, address):
                greeting = _connect(address, port, self._credentials)
                found += [Hop(family=hop.family, place=hop.place, greeting=greeting) for hop in self._places]
            else:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                found.append(Hop(family=family, place=(address, port)))
        return tuple(found)

    def _passes_by(self, host: str, address: str) -> bool:
        """Return whether no_proxy has it: ``*``, the name, a name above it, or the address."""
        for entry in self._not_for:
            name = entry.lstrip(".")
            if entry == "*" or name in (host, address) or host.endswith(f".{name}"):
                return True
        return False


def _connect(address: str, port: int, credentials: bytes) -> bytes:
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (target.encode(), target.encode(), credentials)


def answer_of(data: bytes) -> bytes | None:
    """Return what follows a proxy's answer that it has connected; None if more of the answer is needed.

    Raises:
        ConnectionError: It has not; says what it answered.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end and len(data) < _MOST_REPLY_BYTES:
        return None
    first = head.partition(b"\r\n")[0]
    words = first.split(None, 2)
    if not end or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":  # noqa: PLR2004 - HTTP/1.1 200
        msg = f"the proxy answered {first[:80].decode('ascii', 'replace')!r}"
        raise ConnectionError(msg)
    return rest
