"""What a parked sandbox depends on: a run may have it only if all of that is still the same."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic.jail.view import interpreter, mounts, places, special_files

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from sandbox_magic.jail.view.overlay import Lower
    from sandbox_magic.model.policy import Policy

# Of the environment of this process: where programs are found, and where temporary files go.
_VARIABLES = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))

Fingerprint = tuple["Hashable", ...]


def fingerprint(policy: Policy, lower: Lower | None) -> Fingerprint:
    """Return what a sandbox that is parked now would depend on.

    Args:
        policy: What it may see and use.
        lower: The policy's workspace as it was found.

    Raises:
        PolicyError: The policy's Python is missing or can't be shared.
    """
    python = interpreter.choose(policy.python)
    shown = (python.executable, *python.prefixes, *python.search, *(mount.source for mount in policy.binds))
    place = places.working_directory(workspace=bool(policy.workspace))
    return (
        policy.parked_with(),
        lower,
        python,
        tuple(_stamps(shown)),
        special_files.below(python.entries, except_for=python.prefixes),
        tuple(mounts.masked(policy.binds, place)),
        (os.geteuid(), os.getegid()),
        tuple(os.environ.get(name) for name in _VARIABLES),
        tuple(map(resource.getrlimit, _LIMITS)),
        frozenset(os.sched_getaffinity(0)),
    )


def _stamps(paths: Iterable[str]) -> Iterable[Hashable]:
    """Yield what tells whether a path leads elsewhere, or has got or lost a name: a package was installed."""
    for path in paths:
        with suppress(OSError):
            status = os.stat(path)
            yield path, status.st_dev, status.st_ino, status.st_mtime_ns
