"""The option that would allow what the code tried, as it is typed: the one place where it is worded."""

from __future__ import annotations

import shlex

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import TLS_PORT, Forward
from sandbox_magic.net.addresses import is_public

OWN_NAMES = ("localhost", "ip6-localhost", "sandbox")
"""What a sandbox calls itself."""


def share(path: str) -> str:
    """Return what shares a path; nothing for none, or for a name that can't be shown as it is."""
    return f"--bind {shlex.quote(path)}" if path and path.isprintable() and ":" not in path else ""


def reach(host: str, port: int | None = None, *, typed: bool = False) -> str:
    """Return what lets it connect to a host; nothing for one that `forward` leaves out."""
    found = forward(host, port, typed=typed)
    return f"--net {found}" if found else ""


def forward(host: str, port: int | None = None, *, typed: bool = False) -> str:
    """Return a host and a port as `--net` takes them; empty for what it refuses, and for what should not be proposed.

    That is the sandbox itself, and an address that is not public, unless the user has typed it before.

    Args:
        host: A name or an IPv4 address, in any case.
        port: None where it is not known.
        typed: Whether the user has.
    """
    try:
        found = Forward(host=host.lower(), port=port or TLS_PORT)
    except PolicyError:
        return ""
    is_proposed = typed or (is_public(found.host) if found.is_address else found.host not in OWN_NAMES)
    return str(found) if is_proposed else ""
