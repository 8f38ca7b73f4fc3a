"""Names of files that untrusted code chose: which are good, and how they are shown."""

from __future__ import annotations

from sandbox_magic.guest.workspace.archive import MOST_STEPS
from sandbox_magic.untrusted import names

MOST_NAME = 3000
_MOST_PART = 255
_MOST_SHOWN = 200


def is_good(path: str) -> bool:
    """Return whether it is a relative name that stays below where it starts, and short enough."""
    parts = path.split("/")
    if "\0" in path or len(path) > MOST_NAME or len(parts) > MOST_STEPS:
        return False
    return all(part not in ("", ".", "..") and len(part) <= _MOST_PART for part in parts)


def stays_inside(path: str, target: str) -> bool:
    """Return whether a link leads to a place beside or below itself, in the plainest form: ``../`` only in front.

    Elsewhere ``..`` goes up from wherever the parts before it lead, which another link decides.
    """
    parts = target.split("/")
    while parts and parts[0] == "..":
        del parts[0]
    up = len(target.split("/")) - len(parts)
    return up <= path.count("/") and is_good("/".join(parts))


def shown(path: str) -> str:
    """Return a name for a person, with what can't be seen written out."""
    return names.shown(path, _MOST_SHOWN)
