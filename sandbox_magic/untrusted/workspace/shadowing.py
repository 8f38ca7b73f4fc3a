"""What a new file would be imported in place of, by a program that is started in some directory of a workspace.

Python looks for a module first in the directory of its script, and IPython in the notebook's, before the installed
packages. That may be any directory that is no package itself, and a package too if a notebook lies in it.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from sandbox_magic.safe_import import elsewhere
from sandbox_magic.untrusted.workspace.autorun import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_SOURCE = ".py"  # bytecode and extension modules are left out whatever they are called
_STARTS = (".ipynb", "/__main__.py")
_OPTIONAL = os.path.join(os.path.dirname(__file__), "optional_modules.txt")
# The standard library's of versions before and after this one, which programs try to import.
_OTHER_VERSIONS = frozenset(
    """annotationlib asynchat asyncore cgi cgitb chunk compression crypt distutils imghdr imp lib2to3 mailcap msilib nis
    nntplib pipes sndhdr smtpd spwd sunau telnetlib tomllib uu xdrlib zoneinfo""".split()
)
_STANDARD = "it would be imported in place of a module of the standard library"
_INSTALLED = "it would be imported in place of an installed module"
_LOOKED_FOR = "it would be imported by packages that look for an optional module of that name"
_OWN = "it would be imported in place of a module of your own"


class Modules:
    """The modules that there were in a directory, for what is new to be compared with.

    Args:
        there: All names that were in it.
    """

    def __init__(self, there: Collection[str]) -> None:
        self._there = there

    def why_it_shadows(self, path: str, *, link: bool = False) -> str:
        """Return what a new file would be imported in place of, in words; nothing if none is known.

        Args:
            path: Its name.
            link: Whether it is a link, which may lead to a package.
        """
        if not link and not folded(path).endswith(_SOURCE):
            return ""
        directory, _, file = path.rpartition("/")
        module = file.partition(".")[0]
        if module == "__init__" and directory:  # it makes its directory a package
            directory, _, module = directory.rpartition("/")
        return (
            self._why_module(directory, module)
            or next(filter(None, map(self._why_portion, _above(path))), "")
            or (_OWN if self._has(directory, module) else "")
        )

    def _why_module(self, directory: str, module: str) -> str:
        return _why(module) if self._starts_programs(directory) else ""

    def _why_portion(self, package: str) -> str:
        """Say the same for a directory without ``__init__.py``: it counts where no other place has that package."""
        directory, _, module = package.rpartition("/")
        if f"{package}/__init__.py" in self._there or not self._starts_programs(directory):
            return ""
        return _why(module) if _is_open(module) else ""

    def _starts_programs(self, directory: str) -> bool:
        """Return whether a program may be started there, so that its modules are found by their bare names."""
        is_package = directory and f"{directory}/__init__.py" in self._there
        return not is_package or directory in self._started_in

    @functools.cached_property
    def _started_in(self) -> frozenset[str]:
        return frozenset(name.rpartition("/")[0] for name in self._there if name.endswith(_STARTS))

    def _has(self, directory: str, module: str) -> bool:
        start = f"{directory}/{module}" if directory else module
        return f"{start}.py" in self._there or f"{start}/__init__.py" in self._there


def _above(path: str) -> Iterator[str]:
    """Yield the directories above a name, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


@functools.lru_cache(maxsize=4096)  # many names share their directories
def _why(module: str) -> str:
    if folded(module) in sys.stdlib_module_names | _OTHER_VERSIONS:
        return _STANDARD
    if _found(module):
        return _INSTALLED
    return _LOOKED_FOR if folded(module) in _optional() else ""


@functools.lru_cache(maxsize=4096)
def _is_open(module: str) -> bool:
    """Return whether a mere directory of that name is, or is a part of, what ``import`` finds."""
    found = _found(module)
    return found == "namespace" or (not found and folded(module) in _optional())


@functools.lru_cache(maxsize=4096)
def _found(module: str) -> str:
    """Return what of that name is installed: a "module", a "namespace" or nothing. Nothing is imported for that."""
    if not module.isidentifier():
        return ""
    editable = [finder for finder in sys.meta_path if getattr(finder, "__module__", "").startswith("__editable__")]
    if any(finder.find_spec(module, None) for finder in editable):  # setuptools'
        return "module"
    spec = PathFinder.find_spec(module, elsewhere())
    if spec is None or spec.origin is not None:
        return "module" if spec else ""
    portions = [os.path.basename(os.path.dirname(place)) for place in spec.submodule_search_locations or ()]
    return "namespace" if {"site-packages", "dist-packages"}.intersection(portions) else ""


@functools.cache
def _optional() -> frozenset[str]:
    """Return the modules that common packages try to import and do without, in lower case."""
    with open(_OPTIONAL, encoding="utf-8") as lines:
        return frozenset(name.casefold() for line in lines if not line.startswith("#") for name in line.split())
