"""Packages for one run, as ``--with PACKAGE`` asks for them: names and versions, no places."""

from __future__ import annotations

import re

from sandbox_magic.model.errors import PolicyError

MOST_REQUIREMENTS = 50

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
_EXTRAS = rf"(?:\[{_NAME}(?:,{_NAME}){{0,20}}\])?"
_VERSION = r"(?:===?|~=|!=|<=?|>=?)[A-Za-z0-9.*+!_-]{1,60}"
_REQUIREMENT = re.compile(rf"{_NAME}{_EXTRAS}(?:{_VERSION}(?:,{_VERSION}){{0,20}})?", re.ASCII)
_WHAT = "the name of a package, with a version if it matters: polars, 'polars==1.*', 'httpx[http2]>=0.27,<1'"


def check_requirements(words: tuple[str, ...]) -> None:
    """Refuse what is no name with versions.

    Raises:
        PolicyError: There is such a one, or there are too many.
    """
    for word in words:
        if not _REQUIREMENT.fullmatch(word):
            msg = f"{word[:80]!r} is not a package"
            raise PolicyError(msg, remedy=_WHAT)
    if len(words) > MOST_REQUIREMENTS:
        msg = f"with names {len(words)} packages"
        raise PolicyError(msg, remedy=f"at most {MOST_REQUIREMENTS}; what they need comes by itself")
