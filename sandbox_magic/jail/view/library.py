"""Where the packages of a run stand on its module search path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox_magic.jail.view.places import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

_INSTALLED = ("/site-packages", "/dist-packages")


def search(path: Sequence[str], *, with_packages: bool) -> tuple[str, ...]:
    """Return the module search path inside: behind the standard library, before what is installed.

    It is no site directory, so nothing in it is run by being there.

    Args:
        path: That of the Python.
        with_packages: Whether the run has packages of its own.
    """
    if not with_packages:
        return tuple(path)
    place = next((number for number, entry in enumerate(path) if entry.endswith(_INSTALLED)), len(path))
    return (*path[:place], PACKAGES, *path[place:])
