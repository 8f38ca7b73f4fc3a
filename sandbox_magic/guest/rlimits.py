"""The resource limits of the cell's process, setrlimit(2)."""

from __future__ import annotations

import resource


def put(text: str, *, cpu_time: bool) -> None:
    """Set them, each no higher than it may be.

    Args:
        text: ``NPROC=64 CORE=1``.
        cpu_time: Whether that of CPU time too.
    """
    for item in text.split():
        name, _, value = item.partition("=")
        if name == "CPU" and not cpu_time:  # what a compiler uses is not the program's
            continue
        which = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(which)[1]
        number = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(which, (number, number))
