"""The Python inside the sandbox: which one, and which host paths it needs to see."""

from __future__ import annotations

import functools
import json
import os
import pwd
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_magic.jail.view import installed_pythons
from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

SYSTEM = "/usr/bin/python3"
_PACKAGE = str(Path(__file__).absolute().parents[2])

_ASK = """
import json, site, sys
print(json.dumps({
    "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix],
    "path": sys.path[1:], "version": list(sys.version_info[:3]),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """One Python and what it needs.

    Attributes:
        executable: Its path, as it should be started (a venv's own link, not the link's target).
        prefixes: Directories that hold it and its libraries.
        search: Its module search path: existing entries, in order.
        extra: Further directories that it imports from (sources of editable installs).
        user_base: The user's own site directory's base, empty where it is not in use.
        checkout: Where we ourselves are installed from as a checkout: of it only the package is shown, for there
            people keep the notebooks that they try us with.
    """

    executable: str
    prefixes: tuple[str, ...]
    search: tuple[str, ...]
    extra: tuple[str, ...] = ()
    user_base: str = ""
    checkout: str = ""

    @property
    def entries(self) -> tuple[str, ...]:
        """What is shared besides the environment itself."""
        return tuple(path for path in self.shared if path not in self.prefixes)

    @property
    def shared(self) -> tuple[str, ...]:
        """The host paths that must be visible, outermost only, ``/usr`` and below left out."""
        search = (_PACKAGE if entry == self.checkout else entry for entry in self.search)
        return outermost((*self.prefixes, *search, *self.extra))


def choose(which: str) -> Interpreter:
    """Return the interpreter that a policy names.

    Raises:
        PolicyError: There is no such interpreter, or it can't be shared safely.
    """
    if which == "kernel":
        return _here()
    if os.path.isabs(which):
        return ask(which)
    return ask(SYSTEM) if which == "system" else _of_version(which)


def _of_version(version: str) -> Interpreter:
    """Return the first Python of a version that can be used; if there is none, say why the first one can't."""
    problems = []
    for path in installed_pythons.find(version):
        try:
            return ask(path)
        except PolicyError as error:
            problems.append(error)
    raise problems[0]


def _here() -> Interpreter:
    """Describe the Python that runs this process, with what its ``sys.path`` has now."""
    import site

    finders = {str(getattr(finder, "__module__", "")) for finder in sys.meta_path}
    modules = [sys.modules.get(name) for name in finders if name.startswith("__editable__")]
    sources = [str(path) for module in modules for path in getattr(module, "MAPPING", {}).values()]
    base = site.getuserbase() if site.ENABLE_USER_SITE else ""
    search = [entry for entry in _own_search() if isinstance(entry, str) and os.path.isabs(entry)]
    return _described(
        (sys.executable, (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)),
        tuple(filter(os.path.exists, dict.fromkeys(search))),
        tuple(filter(os.path.exists, sources)),
        base if os.path.isdir(base) else "",
        str(tempfile.tempdir),
    )


@functools.lru_cache(maxsize=4)  # each run asks, and links are slow to resolve
def _described(
    program: tuple[str, tuple[str, ...]], search: tuple[str, ...], extra: tuple[str, ...], user_base: str, _tmp: str
) -> Interpreter:
    executable, prefixes = program
    root = os.path.dirname(_PACKAGE)
    found = _checked(executable=executable, prefixes=prefixes, search=search, extra=extra, user_base=user_base)
    return replace(found, checkout=root if os.path.exists(f"{root}/pyproject.toml") else "")


def _own_search() -> list[object]:
    """Return ``sys.path`` without the directory of the script or, under ``-m``, of the start.

    A notebook's folder is there as ``""``, which is not a path, and is not shared either.
    """
    main = sys.modules.get("__main__")
    if getattr(main, "__spec__", None) is None:
        script = os.path.dirname(os.path.abspath(getattr(main, "__file__", None) or "/."))
    else:
        script = os.getcwd()
    entries: list[object] = [*sys.path]
    return entries[1:] if entries and entries[0] == script else entries


def ask(path: str) -> Interpreter:
    """Describe another Python by running it, on its own, from the root directory.

    Raises:
        PolicyError: It is no Python, or it can't be shared safely.
    """
    try:
        stamp = os.stat(path).st_mtime_ns
    except OSError as error:
        msg = f"there is no Python at {path}"
        raise PolicyError(msg, seen=str(error), remedy="--python kernel, or another path") from error
    return _ask(path, stamp)


@functools.lru_cache(maxsize=32)
def _ask(path: str, _stamp: int) -> Interpreter:
    try:
        answer = subprocess.run(
            [path, "-c", _ASK], stdout=subprocess.PIPE, check=False, cwd="/", timeout=30,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        facts = json.loads(answer.stdout if answer.returncode == 0 else b"")
        version, prefixes, search = (tuple(facts[name]) for name in ("version", "prefixes", "path"))
        recent = version >= (3, 9)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        msg = f"{path} does not answer as a Python"
        raise PolicyError(msg, seen=f"{error}", remedy="the path of a Python 3.9 or later") from error
    if not recent:
        msg = f"{path} is Python {'.'.join(map(str, version))}"
        raise PolicyError(msg, remedy="a Python 3.9 or later")
    return _checked(executable=path, prefixes=prefixes, search=search, extra=(), user_base="")


def _checked(
    *, executable: str, prefixes: Iterable[str], search: Iterable[str], extra: Iterable[str], user_base: str
) -> Interpreter:
    private = _private()
    link = os.path.dirname(os.path.realpath(executable))
    for prefix in (*prefixes, os.path.dirname(executable), link):
        if _too_wide(prefix, private):
            msg = f"the Python environment at {prefix} can't be shared: that directory is or holds a home"
            raise PolicyError(msg, remedy="a virtual environment in a directory of its own, or --python system")
    # Such an entry of the search path is left out, not refused: nothing else is lost.
    entries = [entry for entry in dict.fromkeys(search) if os.path.exists(entry) and not _too_wide(entry, private)]
    return Interpreter(
        executable=executable,
        prefixes=tuple(dict.fromkeys((*prefixes, *_installation(executable, link, tuple(prefixes))))),
        search=tuple(entries),
        extra=tuple(path for path in extra if not _too_wide(path, private)),
        user_base="" if _too_wide(user_base, private) else user_base,
    )


def _installation(executable: str, link: str, prefixes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the directories of the executable and of its link's target, where no prefix holds them."""
    places = (os.path.dirname(executable), link)
    return tuple(place for place in places if not any(_within(place, prefix) for prefix in prefixes))


@functools.lru_cache(maxsize=1)
def _private() -> frozenset[str]:
    """Return every directory that is somebody's home or everybody's temporary one, with links resolved."""
    listed = {entry.pw_dir for entry in pwd.getpwall() if entry.pw_uid == 0 or 1000 <= entry.pw_uid < 65534}  # noqa: PLR2004 - login.defs(5)
    listed |= {os.path.expanduser("~"), "/root", "/home", tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev", "/run"}  # noqa: S108
    return frozenset(os.path.realpath(place) for place in listed if place.startswith("/") and os.path.exists(place))


def _too_wide(path: str, private: Iterable[str]) -> bool:
    """Return whether sharing the path would show such a directory as a whole."""
    real = os.path.realpath(path) if path else ""
    return bool(real) and any(_within(place, real) for place in private if place != "/")


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that lie in no other one and not in what every sandbox sees, sorted."""
    return _outermost(frozenset(paths))


@functools.lru_cache(maxsize=64)
def _outermost(paths: frozenset[str]) -> tuple[str, ...]:
    kept = ["/usr", "/bin", "/lib", "/lib64"]
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if not any(_within(path, other) for other in kept):
            kept.append(path)
    return tuple(kept[4:])
