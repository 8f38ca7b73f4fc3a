"""Changes that somebody wrote down: read as strictly as those that come out of a sandbox, and by the same code."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox_magic.guest.codec.base import DecodeError
from sandbox_magic.guest.workspace import archive
from sandbox_magic.untrusted.text import label
from sandbox_magic.untrusted.workspace.changes import Changes
from sandbox_magic.untrusted.workspace.receive import MOST_TARGET, Receiver
from sandbox_magic.untrusted.workspace.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from sandbox_magic.untrusted.workspace.change import Change
    from sandbox_magic.untrusted.workspace.lazy_states import FileSummary
    from sandbox_magic.untrusted.workspace.openat import Kind

MOST_CHANGES = 200_000
_MOST_WORDS = 300
_NO_SIZE = -1  # of what was there before: it equals nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change as it was written down, none of it checked but the types; attributes as `Change` has them."""

    path: str
    kind: Literal["added", "changed", "removed"]
    type: Kind = "file"
    size: int = 0
    executable: bool = False
    data: bytes | None = None
    left_out: str = ""
    refused: str = ""


def read(entries: Sequence[Entry], *, complete: bool) -> Changes:
    """Return the changes; what they were changes of is not known any more, so they are applied elsewhere.

    Why one is left out or refused is found out anew, from its name and its data; a reason that was written down counts
    besides, never a missing one.

    Raises:
        DecodeError: One of them can't be.
    """
    before = {each.path: _before(each) for each in entries if each.kind != "added"}
    original = Snapshot(path="", states={}, summaries=before)
    room = sum(len(each.data or b"") for each in entries)
    receiver = Receiver(original, most_bytes=room, most_files=MOST_CHANGES)
    for each in entries:
        receiver.feed(_header(each) + (each.data or b""))
    receiver.feed(archive.header(archive.END, b"", executable=not complete))
    found = receiver.changes()
    reasons = {each.path: each for each in entries}
    return Changes(entries=tuple(_with(each, reasons[each.path]) for each in found), complete=found.complete)


def _before(entry: Entry) -> FileSummary:
    """Return what was there as strictly as can be: a link that has changed may lead to something new."""
    return "special" if entry.kind == "changed" and entry.type == "link" else entry.type, _NO_SIZE


def _with(change: Change, said: Entry) -> Change:
    left_out, refused = (label(why, _MOST_WORDS) for why in (said.left_out, said.refused))
    return replace(change, left_out=change.left_out or left_out, refused=change.refused or refused)


def _header(entry: Entry) -> bytes:
    """Return the head of an entry of the stream; one with data that its kind has not is wrong."""
    try:
        name = os.fsencode(entry.path)
    except UnicodeEncodeError as error:
        msg = "a name is not one of a file"
        raise DecodeError(msg) from error
    kind = _kind(entry)
    carries = kind in (archive.FILE, archive.LINK)
    if len(name) > archive.MOST_NAME or (entry.data is not None) != carries:
        msg = "a name is too long, or data is missing or in the wrong place"
        raise DecodeError(msg)
    if kind == archive.LINK and len(entry.data or b"") > MOST_TARGET:
        msg = "a link is too long"
        raise DecodeError(msg)
    size = len(entry.data or b"") if carries else entry.size
    return archive.header(kind, name, size, entry.executable)


def _kind(entry: Entry) -> bytes:
    if entry.kind == "removed":
        return archive.REMOVED
    if entry.type == "file":
        return archive.TOO_LARGE if entry.data is None else archive.FILE
    return {"directory": archive.DIRECTORY, "link": archive.LINK, "special": archive.SPECIAL}[entry.type]
