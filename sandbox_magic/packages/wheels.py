"""Wheels -> a directory. They are anybody's: looked at as zip files alone, as a whole before anything is written.

Nothing of a wheel is run, imported or believed here: no ``.pth`` file and no script comes out, its own list of files
(RECORD) is not asked, no link is made, and no entry point is one.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import MIB
from sandbox_magic.model.units import size as in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_WHEELS = 200
MOST_FILES = 50_000
MOST_BYTES = 2048 * MIB
"""What all wheels of a run may have in them together, unpacked."""

_WHEEL = re.compile(r"[A-Za-z0-9_.]+-[A-Za-z0-9_.!+]+(?:-\d[A-Za-z0-9_.]*)?(?:-[A-Za-z0-9_.]+){3}\.whl", re.ASCII)
_MOST_NAME = 1000
_MOST_PART = 255  # bytes (NAME_MAX)
_MOST_STEPS = 64
_ENCRYPTED = 0x1
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 2**20
_END = struct.Struct("<4sHHHHIIH")  # the end of the central directory
_ENTRY = b"PK\x01\x02"  # how each entry of that begins
_MOST_LIST_BYTES = 16 * MIB
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that comes out of a wheel.

    Attributes:
        path: Where, below the directory.
        member: Its entry in the archive.
    """

    path: str
    member: zipfile.ZipInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel that was looked at.

    Attributes:
        name: The name of its file.
        archive: It, open.
        parts: What comes out.
    """

    name: str
    archive: zipfile.ZipFile
    parts: tuple[Part, ...]


def look(files: Mapping[str, bytes], *, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> list[Wheel]:
    """Look at every entry of every wheel.

    Args:
        files: Name -> content.
        most_files: How many entries they may have together.
        most_bytes: How large these may say that they are, together.

    Raises:
        PolicyError: One is not a wheel, or has something in it that none should.
    """
    if len(files) > MOST_WHEELS:
        msg = f"with: {len(files)} packages are more than {MOST_WHEELS}"
        raise PolicyError(msg, remedy="fewer packages")
    if (number := sum(map(_entries, files.values()))) > most_files:  # before an object is made of each
        msg = f"with: the packages have {number:,} files, more than {most_files:,}"
        raise PolicyError(msg, remedy="fewer packages, or an environment of its own with --python")
    found = [_look(name, files[name]) for name in sorted(files)]
    members = [member for wheel in found for member in wheel.archive.infolist()]
    if (total := sum(member.file_size for member in members)) > most_bytes:
        msg = f"with: the packages are {in_words(total)} unpacked, more than {in_words(most_bytes)}"
        raise PolicyError(msg, remedy="fewer packages, or an environment of its own with --python")
    return found


def _look(name: str, data: bytes) -> Wheel:
    if not _WHEEL.fullmatch(name) or len(name) > _MOST_PART:
        raise _refused(name, "its name is not that of a wheel")
    try:
        _check_end(data)
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as error:
        raise _refused(name, f"it is not a zip file: {error}") from error
    parts: dict[str, Part] = {}
    for member in archive.infolist():
        if why := _why_not(member):
            raise _refused(name, f"{member.filename[:80]!r}: {why}")
        if (path := _place(member)) in parts:
            raise _refused(name, f"{path[:80]!r} is in it twice")
        if path:
            parts[path] = Part(path=path, member=member)
    return Wheel(name=name, archive=archive, parts=tuple(parts.values()))


def _entries(data: bytes) -> int:
    """Return how many entries the list of a zip file has, at the most: each begins with a mark."""
    *_, list_bytes, _, _ = _END.unpack(data[-_END.size :].rjust(_END.size))
    return data.count(_ENTRY, max(0, len(data) - _END.size - list_bytes))


def _check_end(data: bytes) -> None:
    """Check the end of a zip file: `zipfile` makes an object of each entry in the list, however many there are.

    Raises:
        BadZipFile: There is no end, a comment behind it, a list that is too long, or the form for more than 4 GiB.
    """
    end, locator = data[-_END.size :], data[-_END.size - 20 : -_END.size]
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06") or locator.startswith(b"PK\x06\x07"):
        msg = "it does not end as one"
        raise zipfile.BadZipFile(msg)
    *_, list_bytes, _, comment_bytes = _END.unpack(end)
    if list_bytes > _MOST_LIST_BYTES or comment_bytes:
        msg = "the list of its files is too long"
        raise zipfile.BadZipFile(msg)


def _why_not(member: zipfile.ZipInfo) -> str:
    """Return why an entry is refused; empty if it is as it should be."""
    name = member.filename.removesuffix("/")
    steps = name.split("/")
    too_long = len(name) > _MOST_NAME or len(steps) > _MOST_STEPS or max(map(len, map(_encoded, steps))) > _MOST_PART
    kind = stat.S_IFMT(member.external_attr >> 16)
    # What zipfile has made of the name is looked at, and what it was: it cuts at a NUL.
    changed = member.orig_filename != member.filename
    reasons = (
        (changed or not name.isprintable() or "\\" in name, "its name has a character in it that none should have"),
        (not all(steps) or {".", ".."} & set(steps) or ":" in steps[0], "its name leads out of the directory"),
        (too_long, "its name is too long"),
        (kind not in (0, stat.S_IFREG, stat.S_IFDIR), "it is neither a file nor a directory"),
        (member.is_dir() and member.file_size, "it is a directory with a content"),
        (member.flag_bits & _ENCRYPTED, "it is encrypted"),
        (member.compress_type not in _COMPRESSIONS, "it is packed in a way that wheels are not"),
    )
    return next((why for wrong, why in reasons if wrong), "")


def _encoded(step: str) -> bytes:
    return step.encode("utf-8", "surrogateescape")


def _place(member: zipfile.ZipInfo) -> str:
    """Return where a file goes; empty for what does not come out: directories, scripts, data files, ``.pth`` files."""
    if member.is_dir():
        return ""
    top, _, rest = member.filename.partition("/")
    if rest and top.endswith(".data"):
        scheme, _, rest = rest.partition("/")
        path = rest if scheme in ("purelib", "platlib") else ""
    else:
        path = member.filename
    return "" if "/" not in path and path.lower().endswith(".pth") else path


def unpack(wheels: list[Wheel], directory: str) -> None:
    """Write what was looked at to a directory that is empty; of two files with one name the first stays.

    Raises:
        PolicyError: A content is not what the wheel said of it, or a file stands where a directory must.
        OSError: It can't be written.
    """
    for wheel in wheels:
        for part in wheel.parts:
            path = os.path.join(directory, part.path)
            try:
                _make_above(path)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
                os.fchmod(descriptor, 0o644)  # whatever the umask: a root caller's sandbox is another user
            except (FileExistsError, NotADirectoryError) as error:
                if os.path.isfile(path):  # shared by two, as the __init__.py of a namespace is
                    continue
                raise _refused(wheel.name, f"{part.path[:80]!r}: a file stands where a directory must") from error
            with open(descriptor, "wb") as file:
                file.writelines(_content(wheel, part))


def _make_above(path: str) -> None:
    """Make the directories above a file, for every user to read, as far as they are not there."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        _make_above(above)
        os.mkdir(above)
        os.chmod(above, 0o755)  # noqa: S103 - as the files


def _content(wheel: Wheel, part: Part) -> Iterator[bytes]:
    """Yield the content, which is never more than was said; its checksum is compared."""
    left = part.member.file_size
    try:
        with wheel.archive.open(part.member) as stream:
            while piece := stream.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    except _BROKEN as error:
        raise _refused(wheel.name, f"{part.path[:80]!r} can't be unpacked: {error}") from error
    if left:
        raise _refused(wheel.name, f"{part.path[:80]!r} is not as large as it says")


def _refused(name: str, why: str) -> PolicyError:
    msg = f"with: {name[:120]!r} is not used, so nothing was run"
    return PolicyError(msg, seen=why, remedy="another version of it: NAME==VERSION")
