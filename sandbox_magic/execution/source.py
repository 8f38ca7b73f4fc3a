"""Code as a caller gives it: text, or a file that holds it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sandbox_magic.model.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Code, and the file that it is in.

    Attributes:
        text: The code, verbatim.
        path: The file's absolute path on the host; empty for code that is in none.
        characters: Whether it was given as characters, which are UTF-8 now, whatever encoding they name.
    """

    text: bytes
    path: str = ""
    characters: bool = False


def read(source: object) -> Source:
    """Return the code of a string, of bytes, or of the file that a path names; what is read already as it is.

    Raises:
        PolicyError: It is none of these, or the file can't be read.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, str):
        return Source(text=source.encode("utf-8", "surrogatepass"), characters=True)
    if isinstance(source, bytes):
        return Source(text=source)
    if isinstance(source, os.PathLike):
        return _of_file(os.fsdecode(source))
    msg = f"the source is a {type(source).__name__}"
    raise PolicyError(msg, remedy="the code as a string or bytes, or a pathlib.Path to its file")


def _of_file(path: str) -> Source:
    try:
        with open(path, "rb") as file:
            return Source(text=file.read(), path=os.path.abspath(path))
    except (OSError, ValueError) as error:
        seen = getattr(error, "strerror", None) or str(error)
        raise PolicyError(f"{path!r} can't be read", seen=seen, remedy="the path of a file with code in it") from error
