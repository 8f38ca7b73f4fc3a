"""Names of files that untrusted code chose: which are good, how they are shown, and which run by themselves."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import sys
from importlib.machinery import PathFinder

from sandbox_magic.guest.workspace.archive import MOST_STEPS

MOST_NAME = 3000
_MOST_PART = 255
_MOST_SHOWN = 200

RUNS_BY_ITSELF = (
    "conftest.py",  # pytest
    "sitecustomize.py",  # Python, at its start
    "usercustomize.py",
    "*.pth",
    "*.pyc",  # Python, in place of the source beside it
    "__pycache__",
    "jupyter*_config.*",  # Jupyter, started in this directory
    "ipython*_config.*",
    "matplotlibrc",  # names a module to import
    "hooks",  # git
    "head",  # makes a directory a repository, whose configuration names programs
)
"""Patterns for a part of a name, in lower case. A part that begins with a dot is left out as well."""

_BY_ITSELF = re.compile("|".join(map(fnmatch.translate, RUNS_BY_ITSELF)))


def is_good(path: str) -> bool:
    """Tell whether it is a relative name that stays below where it starts, and short enough."""
    parts = path.split("/")
    if "\0" in path or len(path) > MOST_NAME or len(parts) > MOST_STEPS:
        return False
    return all(part not in ("", ".", "..") and len(part) <= _MOST_PART for part in parts)


def stays_inside(path: str, target: str) -> bool:
    """Tell whether a link leads to a place beside or below itself, in the plainest form: ``../`` only in front.

    Elsewhere ``..`` goes up from wherever the parts before it lead, which another link decides.
    """
    parts = target.split("/")
    while parts and parts[0] == "..":
        del parts[0]
    up = len(target.split("/")) - len(parts)
    return up <= path.count("/") and is_good("/".join(parts))


def why_left_out(path: str, *, added: bool = True, link: bool = False) -> str:
    """Say why a file should not be taken over unless somebody names it; nothing if it may.

    Args:
        path: Its name.
        added: Whether it is new: then a module beside a notebook hides the standard library's, or an installed one.
        link: Whether it is a link, which may lead to a directory that is a package.
    """
    parts = path.casefold().split("/")
    if any(part.startswith(".") for part in parts):
        return "hidden: programs read such files by themselves"
    if any(map(_runs_by_itself, parts)):
        return "runs by itself later"
    if added and (link or len(parts) > 1 or parts[0].endswith((".py", ".so"))):
        if parts[0].partition(".")[0] in sys.stdlib_module_names:
            return "would be imported in place of the standard library's"
        if _is_installed(path.partition("/")[0].partition(".")[0]):
            return "would be imported in place of an installed module"
    return ""


@functools.lru_cache(maxsize=4096)  # many names share their directories
def _runs_by_itself(part: str) -> bool:
    return _BY_ITSELF.match(part) is not None


@functools.lru_cache(maxsize=4096)
def _is_installed(name: str) -> bool:
    """Tell whether a module of that name is installed; nothing is imported for that, and a bare directory is none."""
    places = [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    spec = PathFinder.find_spec(name, places) if name.isidentifier() else None
    return spec is not None and spec.origin is not None


def shown(path: str) -> str:
    """Give a name for a person: what can't be seen is written out, so that two names never look the same."""
    text = "".join(map(_visible, path))
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN // 2]}…{text[-_MOST_SHOWN // 2 :]}"


def _visible(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no text
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    return character if character.isprintable() else character.encode("unicode_escape").decode()
