"""The Python of a script where no option names one: the one that ``python3`` means at this terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ASK = "import sys; print(sys.executable)"
_PATIENCE_SECONDS = 30


def find(environment: Mapping[str, str] = os.environ) -> str:
    """Return its path: that of the activated environment, else the first ``python3`` on PATH that starts.

    This process's own Python, where it is that one or there is none, is ``kernel``: the command may be installed in
    an environment of its own, as pipx makes it, which has not the packages that the script's author has.
    """
    found = next(filter(None, map(_behind, _candidates(environment))), "")
    return found if found and not _is_ours(found) else "kernel"


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield absolute paths of programs; a folder that PATH names from here may be a stranger's."""
    activated = environment.get("VIRTUAL_ENV", "")
    folders = [os.path.join(activated, "bin")] if activated else []
    folders += environment.get("PATH", "").split(os.pathsep)
    for folder in filter(os.path.isabs, folders):
        path = os.path.join(folder, "python3")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            yield path


def _behind(path: str) -> str:
    """Return the program itself where a script stands before it, as pyenv's and asdf's do; empty if it does not start.

    The script is run here, where it would be run, for the directory may choose the Python.
    """
    try:
        with open(path, "rb") as file:
            if file.read(2) != b"#!":
                return path
        answer = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    found = answer.stdout.strip()
    return found if os.path.isabs(found) and os.path.isfile(found) else ""


def _is_ours(path: str) -> bool:
    """Return whether it is this process's: a link to it in another environment is not."""
    same_folder = os.path.realpath(os.path.dirname(path)) == os.path.realpath(os.path.dirname(sys.executable or "/."))
    return same_folder and os.path.realpath(path) == os.path.realpath(sys.executable)
