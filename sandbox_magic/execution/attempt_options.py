"""The option that would allow what the code tried, as it is typed: the one place where it is worded."""

from __future__ import annotations

import shlex

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.forwards import TLS_PORT, Forward


def share(path: str) -> str:
    """Return what shares a path; nothing for none, or for a name that can't be shown as it is."""
    return f"--bind {shlex.quote(path)}" if path and path.isprintable() and ":" not in path else ""


def reach(host: str, port: int = TLS_PORT) -> str:
    """Return what lets it connect to a host, by name or by address; nothing for one that `--net` would refuse."""
    try:
        return f"--net {Forward(host=host, port=port)}"
    except PolicyError:
        return ""
