"""The option that would allow what the code tried, as it is typed: the one place where it is worded."""

from __future__ import annotations

import shlex


def share(path: str) -> str:
    """Return what shares a path; nothing for none, or for a name that can't be shown as it is."""
    return f"--bind {shlex.quote(path)}" if path and path.isprintable() and ":" not in path else ""


def reach(host: str) -> str:  # noqa: ARG001 - there is no option for it
    """Return what lets it reach a host, by name."""
    return ""
