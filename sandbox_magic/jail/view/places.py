"""The paths that have a meaning inside every sandbox."""

from __future__ import annotations

HOME = "/home/sandbox"
WORKSPACE = f"{HOME}/workspace"
CELL = "/sandbox"
GUEST = f"{CELL}/lib/sandbox_guest"  # a package of that name
LAYER = f"{CELL}/layer"
PACKAGES = "/packages"
"""Those of a run alone; the guest knows the name too (`sandbox_guest.library`)."""
UID = 1000  # inside only


def working_directory(*, workspace: bool) -> str:
    """Return the path inside of the directory in which the code starts."""
    return WORKSPACE if workspace else HOME
