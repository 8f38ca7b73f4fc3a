"""Code as a caller gives it: text, or a file that holds it."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass, replace

from sandbox_magic.model.errors import PolicyError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8, also before a ``#!`` line."""


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


def with_line_feeds(source: Source) -> Source:
    """Return code that was saved on Windows as Linux would have it; any other code as it is.

    A shell takes a carriage return for a part of the last word of a line, and a byte order mark for one of the first.
    Python knows both, so its code stays verbatim.
    """
    text = source.text.removeprefix(BYTE_ORDER_MARK)
    if text.count(b"\n") == text.count(b"\r\n"):
        text = text.replace(b"\r\n", b"\n")
    return replace(source, text=text)


def refuse_other_than_code(text: bytes, path: str) -> None:
    """Refuse what is known not to be a script, and would do nothing or fail without a word that helps.

    Raises:
        PolicyError: It is a notebook, or text in UTF-16.
    """
    shown = shlex.quote(path) if path else "NOTEBOOK"
    what = repr(path) if path else "standard input"
    if _is_notebook(text):
        remedy = f"jupyter nbconvert --to script {shown}, then the script that it writes"
        raise PolicyError(f"{what} is a notebook, not a script", remedy=remedy)
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        remedy = f"iconv -f UTF-16 -t UTF-8 {shown if path else 'SCRIPT'} > script, then that"
        raise PolicyError(f"{what} is text in UTF-16", remedy=remedy)


def _is_notebook(text: bytes) -> bool:
    """Return whether it is the JSON of a notebook, which Python would take for an expression."""
    if not text.lstrip().startswith(b"{") or b'"nbformat"' not in text:
        return False
    try:
        return "cells" in json.loads(text)
    except (ValueError, RecursionError):
        return False


def _of_file(path: str) -> Source:
    try:
        with open(path, "rb") as file:
            text = file.read()
    except IsADirectoryError as error:
        raise PolicyError(f"{path!r} is a directory", remedy=_script_in(path)) from error
    except (OSError, ValueError) as error:
        seen = getattr(error, "strerror", None) or str(error)
        raise PolicyError(f"{path!r} can't be read", seen=seen, remedy="the path of a file with code in it") from error
    refuse_other_than_code(text, path)
    return Source(text=text, path=os.path.abspath(path))


def _script_in(directory: str) -> str:
    """Return what to try in place of a directory: a script in it that looks like the one to start, by its name."""
    there = [name for name in ("__main__.py", "main.py") if os.path.isfile(os.path.join(directory, name))]
    return f"the path of a file in it{f': {os.path.join(directory, there[0])}' if there else ''}"
