"""Files that a caller gives as bytes: checked, then packed for the working directory."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox_magic.guest.workspace import archive
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import file_names

if TYPE_CHECKING:
    from sandbox_magic.model.policy import Policy

MOST_FILES = 10_000
_MOST_PART = 255  # bytes: NAME_MAX of Linux
_PAGE = 4096  # what a file takes of a tmpfs is a whole number of them


def read(files: object, policy: Policy) -> dict[str, bytes]:
    """Return the files by name, as they are now.

    Args:
        files: What the caller gave: a mapping from names below the working directory to bytes; None for no files.
        policy: What else is in the working directory, and how much room is there.

    Raises:
        PolicyError: They are no such mapping, a name leads out or is taken, or they don't fit.
    """
    if files is None:
        return {}
    if not isinstance(files, Mapping):
        msg = f"files is a {type(files).__name__}"
        raise PolicyError(msg, remedy='a dict of names and bytes: files={"a.csv": b"..."}')
    given = {_name(name): _data(name, data) for name, data in files.items()}
    if given and policy.workspace:
        msg = "files and workspace can't be used together"
        raise PolicyError(msg, remedy="put the files into the workspace's directory")
    _check_places(given, [mount.name for mount in policy.binds])
    _check_room(given, policy.limits.disk_bytes)
    return given


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the archive from which the guest fills the working directory."""
    now = time.time_ns()
    pieces = [archive.header(archive.DIRECTORY, os.fsencode(name)) for name in sorted(_directories(files))]
    for name, data in files.items():
        pieces += (archive.header(archive.FILE, os.fsencode(name), len(data), changed_ns=now), data)
    return b"".join((*pieces, archive.header(archive.END, b"")))


def _name(name: object) -> str:
    if isinstance(name, str) and file_names.is_good(name):
        try:
            encoded = os.fsencode(name)
        except UnicodeEncodeError:
            encoded = b"/" * (archive.MOST_NAME + 1)
        if len(encoded) <= archive.MOST_NAME and max(map(len, encoded.split(b"/"))) <= _MOST_PART:
            return name
    shown = file_names.shown(name) if isinstance(name, str) else f"{name!r:.100}"
    msg = f"files has the name {shown}"
    raise PolicyError(msg, remedy="a name below the working directory: a.csv, data/in.csv")


def _data(name: str, data: object) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    remedy = "text.encode()" if isinstance(data, str) else "bytes, such as pathlib.Path(FILE).read_bytes() returns"
    raise PolicyError(f"files[{file_names.shown(name)!r}] is a {type(data).__name__}", remedy=remedy)


def _check_places(given: Mapping[str, bytes], binds: list[str]) -> None:
    directories = _directories(given)
    if both := sorted(directories & given.keys()):
        msg = f"files has {file_names.shown(both[0])} as a file and as a directory"
        raise PolicyError(msg, remedy="another name for one of them")
    for bind in binds:
        below = (name for name in given if f"{name}/".startswith(f"{bind}/") or f"{bind}/".startswith(f"{name}/"))
        if (name := next(below, None)) is not None:
            msg = f"files has {file_names.shown(name)}, where bind shows {file_names.shown(bind)}"
            raise PolicyError(msg, remedy="another name for one of them")


def _check_room(given: Mapping[str, bytes], room: int) -> None:
    if len(given) > MOST_FILES:
        raise PolicyError(f"files has {len(given):,} files", remedy=f"at most {MOST_FILES:,}; or bind=DIRECTORY")
    pages = sum(-(-len(data) // _PAGE) + 1 for data in given.values()) + len(_directories(given))
    if pages * _PAGE > room:
        msg = f"files take {in_words(pages * _PAGE)}, more than the {in_words(room)} there are"
        raise PolicyError(msg, remedy=f"option disk: at least {2 * pages * _PAGE // 2**20 + 1}M; or bind=PATH")


def _directories(names: Mapping[str, bytes]) -> set[str]:
    """Return every directory that is needed for the names."""
    parts = (name.split("/") for name in names)
    return {"/".join(each[:depth]) for each in parts for depth in range(1, len(each))}
