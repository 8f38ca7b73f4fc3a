"""The stream of a workspace's changes as it arrives: bounded, and refused as a whole when a part of it is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sandbox_magic.guest.codec.base import DecodeError
from sandbox_magic.guest.workspace import archive
from sandbox_magic.model.units import size as in_words
from sandbox_magic.untrusted.workspace import apply, file_names
from sandbox_magic.untrusted.workspace.autorun import why_it_runs
from sandbox_magic.untrusted.workspace.change import Change
from sandbox_magic.untrusted.workspace.changes import Changes
from sandbox_magic.untrusted.workspace.shadowing import Modules

if TYPE_CHECKING:
    from sandbox_magic.untrusted.workspace.openat import Kind
    from sandbox_magic.untrusted.workspace.snapshot import Snapshot

_KINDS: dict[bytes, Kind] = {archive.FILE: "file", archive.TOO_LARGE: "file", archive.DIRECTORY: "directory"}
_KINDS |= {archive.LINK: "link", archive.SPECIAL: "special"}
MOST_TARGET = 4096


class Receiver:
    """Puts changes together from pieces of the stream.

    Args:
        original: What was packed; None if the files are new and go to a place of their own.
        most_bytes: The most bytes of data in all.
        most_files: The most entries.
    """

    def __init__(self, original: Snapshot | None, *, most_bytes: int, most_files: int) -> None:
        self._original = original
        self._modules = Modules(original.summaries if original else ())
        self._room = most_bytes
        self._files = most_files + (len(original.states) if original else 0)
        self._buffer = bytearray()
        self._changes: dict[str, Change] = {}
        self._ended = self._cut = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            DecodeError: They are not what PID 1 sends; nothing of it is to be used.
        """
        self._buffer += data
        while self._next():
            pass
        if self._ended and self._buffer:
            msg = "something follows the end of the files"
            raise DecodeError(msg)

    def changes(self) -> Changes:
        """Return them all.

        Raises:
            DecodeError: The stream has not come to its end.
        """
        if not self._ended:
            msg = "the files did not all arrive"
            raise DecodeError(msg)
        seen: set[str] = set()
        for change in self._changes.values():
            if change.kind != "removed":
                self._check_above(change.path, seen)
        entries = tuple(change for change in self._changes.values() if not self._is_as_before(change))
        return Changes(entries=entries, _before=self._original, complete=not self._cut)

    def _is_as_before(self, change: Change) -> bool:
        """Return whether it was only touched: what lies in a layer is sent without having been compared."""
        goal = apply.goal_of(change)
        if self._original is None or goal is None or change.refused:
            return False
        return self._original.has(change.path, goal)

    def _next(self) -> bool:
        """Take one entry from the buffer; return whether there may be another."""
        if self._ended or len(self._buffer) < archive.HEADER.size:
            return False
        kind, flag, length, size, _ = archive.HEADER.unpack_from(self._buffer)
        if kind == archive.END:
            self._ended, self._cut = True, bool(flag)
            del self._buffer[: archive.HEADER.size]
            return True
        carried = size if kind in (archive.FILE, archive.LINK) else 0
        if length > archive.MOST_NAME or carried > (MOST_TARGET if kind == archive.LINK else self._room):
            msg = "a file is larger than was allowed"
            raise DecodeError(msg)
        start = archive.HEADER.size + length
        if len(self._buffer) < start + carried:
            return False
        name, data = bytes(self._buffer[archive.HEADER.size : start]), bytes(self._buffer[start : start + carried])
        del self._buffer[: start + carried]
        self._room -= carried
        self._take(kind, os.fsdecode(name), size, data, executable=bool(flag))
        return True

    def _take(self, kind: bytes, path: str, size: int, data: bytes, *, executable: bool) -> None:
        before = self._original.summaries.get(path) if self._original else None
        known = kind in _KINDS or (kind == archive.REMOVED and before is not None)
        if not known or not file_names.is_good(path) or path in self._changes or len(self._changes) >= self._files:
            msg = "an entry among the files is wrong"
            raise DecodeError(msg)
        removed = kind == archive.REMOVED
        self._changes[path] = Change(
            path=path,
            kind="removed" if removed else "changed" if before else "added",
            type=before[0] if removed and before else _KINDS[kind],
            size=size if kind in (archive.FILE, archive.TOO_LARGE) else 0,
            executable=executable and not removed,
            data=data if kind in (archive.FILE, archive.LINK) else None,
            left_out=self._why_left_out(kind, path, data),
            refused=self._refusal(kind, path, size, data),
        )

    def _refusal(self, kind: bytes, path: str, size: int, data: bytes) -> str:
        if kind == archive.SPECIAL:
            return "skipped: neither a file nor a directory"
        if kind == archive.TOO_LARGE:
            return f"skipped: {in_words(size)} are more than there was room for"
        if kind != archive.LINK:
            return ""
        if self._original is None:
            return "symlink skipped: only files are saved"
        target = os.fsdecode(data)
        if not file_names.stays_inside(path, target) or "\0" in target:
            return "symlink skipped: it leads out"
        return ""

    def _why_left_out(self, kind: bytes, path: str, data: bytes) -> str:
        """Return why it is not applied by default: for what it is, or for what it links to; empty if it is."""
        link = kind == archive.LINK
        why = why_it_runs(path)
        if not why and kind in _KINDS and self._is_new(path, _KINDS[kind]):
            why = self._modules.why_it_shadows(path, link=link)
        steps = [step for step in os.fsdecode(data).split("/") if step != ".."] if link else []
        return why or (why_it_runs("/".join(steps)) if steps else "")

    def _is_new(self, path: str, kind: Kind) -> bool:
        before = self._original.summaries.get(path) if self._original else None
        return before is None or before[0] != kind

    def _check_above(self, path: str, seen: set[str]) -> None:
        """Check that everything above a name is a directory, unless that has been checked."""
        while (path := path.rpartition("/")[0]) and path not in seen:
            seen.add(path)
            above = self._changes.get(path)
            if above is not None and above.kind != "removed" and above.type != "directory":
                msg = "a file stands where a directory must"
                raise DecodeError(msg)
