"""Files into a run's working directory and out of it: packed before it, collected by PID 1 after it, then saved."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox_magic.execution import given_files
from sandbox_magic.guest.codec.base import DecodeError
from sandbox_magic.guest.workspace import archive
from sandbox_magic.jail.view.overlay import Lower
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.untrusted.workspace import apply, file_names, snapshot
from sandbox_magic.untrusted.workspace.receive import Receiver

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from sandbox_magic.jail.view.overlay import Copy
    from sandbox_magic.model.policy import Policy
    from sandbox_magic.untrusted.workspace.change import Change
    from sandbox_magic.untrusted.workspace.changes import Changes

MOST_PACKED = 10_000  # names in a workspace that is copied
MOST_LISTED = 100_000  # names in one that is not
MOST_LOOKED_AT = 20_000  # names after the run
GATHER_SECONDS = 30.0  # a bound on PID 1's looking; 64 MiB in thousands of files take it a tenth of a second
_MOST_NAMED = 5


class FileTransfer:
    """What goes into the working directory and what comes out of it.

    Args:
        policy: Says whether there is a workspace, and which files are to be saved.
        given: Files for a working directory that is no workspace.
    """

    def __init__(self, policy: Policy, given: Mapping[str, bytes]) -> None:
        self._policy = policy
        self._given = given
        self._to = os.getcwd() if policy.save else ""
        self.writes: bool = True  # whether what is saved goes to that directory, too
        self._found: snapshot.Listing | None = None
        self._layered = False
        self._code = ""
        self._original: snapshot.Snapshot | None = None
        self._receiver: Receiver | None = None
        self._broken = ""

    @property
    def at_end(self) -> bool:
        """Whether files come out at the end of the run; those of a session do when they are asked for."""
        return bool(self.order) and self._policy.undo is None

    @property
    def order(self) -> bytes:
        """What PID 1 is told: what to compare with, the bounds, the patterns; empty if no files are to come out."""
        if not (self._policy.workspace or self._policy.save):
            return b""
        with_what = archive.WITH_ARCHIVE if self._policy.workspace else archive.WITH_NOTHING
        most = MOST_LOOKED_AT + (len(self._original.summaries) if self._original else 0)
        numbers = [b"%d" % self._policy.limits.disk_bytes, b"%d" % most]
        return b"\0".join(
            [archive.WITH_LAYER if self._layered else with_what, *numbers, *map(os.fsencode, self._policy.save)]
        )

    def look(self, *, most_names: int | None = None) -> Lower | None:
        """List the workspace, before a sandbox is started; None if there is none.

        Args:
            most_names: How many it may have in it; `MOST_LISTED`, if None.

        Raises:
            PolicyError: It can't be read, or has too many names in it.
        """
        if not self._policy.workspace:
            return None
        most = MOST_LISTED if most_names is None else most_names
        self._found = found = snapshot.look(self._policy.workspace, most_files=most, covered=self._covered)
        return Lower(
            path=found.path,
            device=found.here.st_dev,
            inode=found.here.st_ino,
            owner=(found.here.st_uid, found.here.st_gid),
            unfit=found.why_copy(),
            names=hash(tuple((name, *_version(status)) for name, status in found.entries)),
        )

    def hand_over(self, file: BinaryIO, copy: Copy | None) -> None:
        """Write what the sandbox needs: the files that were given, or the workspace, or its names alone.

        Args:
            file: Where.
            copy: Why it is copied; None where it is an overlay.

        Raises:
            PolicyError: It can't be read, or has more in it than fits.
        """
        if self._found is None:
            file.write(given_files.pack(self._given))
            return
        self._layered = copy is None
        if copy is None:
            self._original = snapshot.listed(self._found, file.write)
            return
        room = self._policy.limits.disk_bytes
        try:
            self._original = snapshot.pack(self._found, file.write, most_bytes=room, most_files=MOST_PACKED)
        except PolicyError as error:
            seen = (
                f"{error.seen}; " * bool(error.seen) + f"it has to be copied, because it can be no overlay: {copy.why}"
            )
            raise PolicyError(error.what, seen=seen, remedy=error.remedy) from error

    def in_workspace(self, path: str) -> str:
        """Return a path's name in the workspace; empty if it does not lie there."""
        if self._found is None:
            return ""
        name = os.path.relpath(os.path.realpath(path), self._found.path)
        return "" if name.split("/")[0] == ".." else name

    def leave_out(self, name: str) -> None:
        """Count no file of this name that comes into the working directory: it is the code's own."""
        self._code = name

    @property
    def _covered(self) -> list[str]:
        return [mount.name for mount in self._policy.binds]

    def feed(self, data: bytes) -> None:
        """Take the next bytes that PID 1 sends; an error in them is reported by `finish`."""
        most = self._policy.limits.disk_bytes
        self._receiver = self._receiver or Receiver(self._original, most_bytes=most, most_files=MOST_LOOKED_AT)
        if not self._broken:
            try:
                self._receiver.feed(data)
            except DecodeError as error:
                self._broken = str(error)

    def finish(self) -> tuple[Changes | None, tuple[str, ...]]:
        """Save what was to be saved; return what has changed, and notes for a person."""
        return self.received() if self.at_end else (None, ())

    def expect(self) -> None:
        """Take what comes next for the beginning."""
        self._receiver, self._broken = None, ""

    def received(self) -> tuple[Changes | None, tuple[str, ...]]:
        """Do that for a run whose files have come, or should have."""
        notes = list(self._left_behind())
        if self._receiver is None:
            return None, (*notes, "No files came out, because the code did not end by itself.")
        changes: Changes | None = None
        try:
            changes = None if self._broken else self._receiver.changes()
        except DecodeError as error:
            self._broken = str(error)
        if changes is None:
            return None, (*notes, f"No files came out: {self._broken}.")
        changes = replace(changes, entries=tuple(map(self._seen_from_given, filter(self._is_the_codes, changes))))
        return changes, (*notes, *(self._saved(changes) if self._policy.save and self.writes else _summed(changes)))

    def _is_the_codes(self, change: Change) -> bool:
        """Return whether the code made a change: the place of its own file, and of a bind, is made for it."""
        name = f"{change.path}/"
        if change.type == "file" and change.data is not None and self._given.get(change.path) == change.data:
            return False
        if change.kind == "added" and change.path == self._code:
            return False
        return change.kind != "added" or not any(f"{covered}/".startswith(name) for covered in self._covered)

    def _seen_from_given(self, change: Change) -> Change:
        """Return a change of a file that was given as what it is; PID 1 compares with a workspace alone."""
        return replace(change, kind="changed") if change.path in self._given else change

    def _left_behind(self) -> list[str]:
        skipped = self._original.skipped if self._original else ()
        named = "; ".join(f"{file_names.shown(path)}: {why}" for path, why in skipped[:_MOST_NAMED])
        more = f"; and {len(skipped) - _MOST_NAMED} more" if len(skipped) > _MOST_NAMED else ""
        return [f"Not in the workspace: {named}{more}."] if skipped else []

    def _saved(self, changes: Changes) -> list[str]:
        try:
            applied = apply.save(changes, self._policy.save, self._to)
        except apply.NotApplied as error:
            return [f"Nothing was saved: {error.what}" + (f" ({error.seen})" if error.seen else "")]
        left = [f"Not saved: {file_names.shown(path)} ({why})." for path, why in applied.left[:_MOST_NAMED]]
        names = ", ".join(map(file_names.shown, applied.done[:_MOST_NAMED]))
        more = f" and {len(applied.done) - _MOST_NAMED} more" if len(applied.done) > _MOST_NAMED else ""
        return [f"Saved: {names}{more}." if applied.done else "There was nothing to save.", *left]


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _summed(changes: Changes) -> list[str]:
    counts = Counter(change.kind for change in changes)
    words = ", ".join(f"{counts[kind]} {kind}" for kind in ("added", "changed", "removed") if counts[kind])
    how = "`result.changes` lists them; `result.changes.apply()` copies what is added and harmless into your directory"
    rest = f", `.{changes.example}` one of the others" if changes.example else ""
    return [f"In the workspace: {words}. {how}{rest}."] if words else []
