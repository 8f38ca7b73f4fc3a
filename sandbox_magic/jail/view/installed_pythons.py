"""The Pythons of this machine, by version: on PATH, of pyenv, of uv, of conda.

They are found by the names of their files, so that looking starts none of them. What is found on PATH is what the user
would start there by its name; the present directory, which may be a stranger's, is never looked into.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OLDEST = (3, 9)
_NAME = re.compile(r"python(3)\.(\d{1,3})")
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
_CONDAS = ("anaconda3", "miniconda3", "miniforge3", "mambaforge", "micromamba", ".conda")
_SYSTEM = ("/usr/local/bin", "/usr/bin")
_MOST_ENVIRONMENTS = 1000


def find(version: str) -> list[str]:
    """Return the paths of the Pythons of a version, the one to prefer first.

    Args:
        version: Such as ``3.12``, or ``3.12.4`` for that one alone.

    Raises:
        PolicyError: There is none; says which there are.
    """
    wanted = tuple(map(int, version.split(".")))
    there = list(_all())
    found = [path for path, has in there if has == wanted[:2]]
    if len(wanted) > 2:  # noqa: PLR2004 - only these are started, to be asked
        found = [path for path in found if _answer(path) == version]
    if not found:
        raise PolicyError(f"there is no Python {version} on this machine", seen=_listed(there), remedy=_remedy(there))
    return found


def versions() -> list[str]:
    """Return the versions that there are, the newest first."""
    return [".".join(map(str, has)) for has in sorted({has for _, has in _all()}, reverse=True)]


def _listed(there: list[tuple[str, tuple[int, ...]]]) -> str:
    first = {has: path for path, has in reversed(there)}
    named = ", ".join(f"{'.'.join(map(str, has))} ({path})" for has, path in sorted(first.items()))
    return f"found on PATH and of pyenv, uv and conda: {named or 'none'}"


def _remedy(there: list[tuple[str, tuple[int, ...]]]) -> str:
    newest = max((has for _, has in there), default=None)
    path = "--python PATH, the path of an interpreter"
    return path if newest is None else f"--python {'.'.join(map(str, newest))}, or {path}"


def _all() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each Python once, with its version."""
    seen = set()
    for directory in _directories():
        for name in _names(directory):
            match = _NAME.fullmatch(name)
            path = os.path.join(directory, name)
            if match and (has := (int(match[1]), int(match[2]))) >= _OLDEST and _is_program(path):
                real = os.path.realpath(path)
                if real not in seen:
                    seen.add(real)
                    yield path, has


def _directories() -> Iterator[str]:
    """Yield where Pythons are, in the order in which they are preferred."""
    path = os.environ.get("PATH", os.defpath)
    yield from (directory for directory in path.split(os.pathsep) if os.path.isabs(directory))
    home = os.path.expanduser("~")
    yield from _newest(os.environ.get("PYENV_ROOT") or f"{home}/.pyenv", "versions")
    data = os.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    yield from _newest(os.environ.get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python", "")
    yield from _of_conda(home)
    yield from _SYSTEM


def _newest(root: str, below: str) -> list[str]:
    """Return the directories of programs of installations that stand side by side, the newest version first."""
    place = os.path.join(root, below)
    return [os.path.join(place, name, "bin") for name in sorted(_names(place), key=_numbers, reverse=True)]


def _numbers(name: str) -> list[int]:
    return [int(digits[:9]) for digits in re.findall(r"\d+", name)]


def _of_conda(home: str) -> Iterator[str]:
    places = [os.environ.get("CONDA_PREFIX", ""), os.environ.get("MAMBA_ROOT_PREFIX", "")]
    places += [os.path.join(home, name) for name in _CONDAS] + ["/opt/conda"]
    for place in filter(os.path.isabs, places):
        yield os.path.join(place, "bin")
        yield from _newest(place, "envs")
    try:
        with open(f"{home}/.conda/environments.txt", encoding="utf-8", errors="surrogateescape") as listed:
            known = [line.strip() for _, line in zip(range(_MOST_ENVIRONMENTS), listed, strict=False)]
    except OSError:
        return
    yield from (os.path.join(place, "bin") for place in filter(os.path.isabs, known))


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _is_program(path: str) -> bool:
    """Return whether it can be started and is no script: pyenv's stand-ins start what the directory says."""
    try:
        if not os.path.isfile(path) or not os.access(path, os.X_OK):  # a FIFO would wait
            return False
        with open(path, "rb") as file:
            return file.read(2) not in (b"", b"#!")
    except OSError:
        return False


def _answer(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "-ISc", _ASK], cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
