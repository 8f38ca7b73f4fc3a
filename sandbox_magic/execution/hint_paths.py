"""Hints for a path that the code did not find, or could not write."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from sandbox_magic.execution.hint_facts import is_plain

if TYPE_CHECKING:
    from sandbox_magic.execution.hint_facts import Facts

_QUOTED = re.compile(r"""(['"])([^'"]{1,200})\1""")
_RUBY_AND_PHP = re.compile(r"@ \w{1,30} - (.{1,200}) \(Errno::|\w\((.{1,200})\): [Ff]ailed to open stream")
_INSIDE = ("/home/sandbox/workspace/", "/home/sandbox/")
_NOT_THERE = re.compile(r"[Nn]o such file|ENOENT|^FileNotFoundError: |cannot open \"|unable to open database")

READ_ONLY = (
    "Only its working directory and /tmp can be written in a sandbox; --workspace DIR lets the code change a copy of "
    "DIR."
)
_ELSEWHERE = (
    "A sandbox has no such directory: only its working directory and /tmp can be written, and what the code is to read "
    "is shown by --bind PATH."
)
_BOUND = "What --bind shows is read-only; --workspace DIR lets the code change a copy of DIR."


def not_there(line: str, text: str, facts: Facts) -> str:
    """Return the hint for a path that was not found; for SQLite's message, which has none, the code's own line has."""
    if not _NOT_THERE.search(line):
        return ""
    paths = _paths(line if "unable to open database" not in line else text)
    return next(filter(None, (_of_path(path, facts) for path in paths)), "") or (
        _ELSEWHERE if any(path.startswith("/") and facts.elsewhere(path) for path in paths) else ""
    )


def denied(line: str, facts: Facts) -> str:
    """Return the hint for a path that may not be written, or read."""
    if any(map(facts.bound, _paths(line))):
        return _BOUND
    return READ_ONLY if any(path.startswith("/") and not path.startswith("/tmp/") for path in _paths(line)) else ""  # noqa: S108 - inside


def _of_path(path: str, facts: Facts) -> str:
    if name := facts.shown_as(path):
        return f"{shlex.quote(path)} is in the sandbox as {shlex.quote(name)}, in the working directory: open that."
    if facts.hidden(path):
        return _bind(path)
    if there := facts.beside(path):
        return _bind_beside(path, there)
    parent = os.path.dirname(path)  # where the code wanted to write, that is what it misses
    if parent.strip("/.") and facts.hidden(parent):
        return _bind(parent, also_written=True)
    return ""


def _paths(line: str) -> list[str]:
    """Return what may be the path in a message about a missing file, as the host would write it."""
    found = [match[1] or match[2] for match in _RUBY_AND_PHP.finditer(line)]
    found += [match[2] for match in _QUOTED.finditer(line)]
    before = re.split(r":? \(?(?:[Nn]o such file|[Pp]ermission denied)", line, maxsplit=1)[0]
    found += [before.rpartition(": ")[2].rpartition("open ")[2], line.partition(": ")[2].removesuffix(" not found.")]
    paths = []
    for path in found[:4]:
        for place in _INSIDE:
            path = path.removeprefix(place)  # noqa: PLW2901 - one of the two, or none
        if is_plain(path):
            paths.append(os.path.normpath(path))
    return paths


def _bind(path: str, *, also_written: bool = False) -> str:
    shown = shlex.quote(path)
    if _may_be_secret(path):
        return (
            f"{shown} is on this machine, but not in the sandbox: such files often hold secrets. --bind shows a file."
        )
    if path.startswith(("/", "..")):
        name = shlex.quote(os.path.basename(path))
        if also_written:
            return (
                f"{shown} is on this machine, but not in the sandbox, where only the working directory and /tmp can be "
                f"written; --bind {shown} shows it, read-only, as {name} in the working directory."
            )
        return (
            f"{shown} is on this machine, but not in the sandbox; --bind {shown} shows it, read-only, as {name} in the "
            "working directory: open that."
        )
    top = shlex.quote(path.partition("/")[0])
    return (
        f"{shown} is on this machine, but not in the sandbox; --bind {top} shows it there, read-only; "
        "--workspace . shows a copy of this whole directory, which the code may change."
    )


def _bind_beside(path: str, there: str) -> str:
    """Return the hint for what lies beside the script, which stands in the working directory of the sandbox."""
    if _may_be_secret(there):
        return _bind(there)
    depth = path.count("/")
    top = shlex.quote(there.rsplit("/", depth)[0])
    return f"{shlex.quote(there)} is on this machine, but not in the sandbox; --bind {top} shows it, read-only."


def _may_be_secret(path: str) -> bool:
    return path.startswith("/etc/") or any(part.startswith(".") and part != ".." for part in path.split("/"))
