"""What was unpacked is kept: by the hash of exactly which wheels it was, read-only for every run, and bounded."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox_magic import atomic_write
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.units import MIB
from sandbox_magic.packages import wheels

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_KEPT = 30
MOST_KEPT_BYTES = 4096 * MIB
FRESH_SECONDS = 86400.0
"""How long an answer of the index is believed."""
_HASH_CHARACTERS = 40
_UNFINISHED = "."
"""How the names of directories begin that are being filled or removed: what a killed process has left of those is
swept after a day."""


class Store:
    """The directories that packages were unpacked to.

    What a process has asked for it holds, so that no other one removes it while a run may need it.

    Args:
        root: Where; made when something is added.
    """

    def __init__(self, root: str) -> None:
        self._answers = f"{root}/answers"
        self._kept = f"{root}/kept"
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def find(self, question: str) -> str | None:
        """Return the directory for what was asked for; None if the index must be asked.

        Args:
            question: All that the index's answer depends on.
        """
        try:
            with open(f"{self._answers}/{_digest(question)}.json", encoding="utf-8") as file:
                answer = json.load(file)
            lock, moment = str(answer["lock"]), float(answer["asked"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_digest = len(lock) == _HASH_CHARACTERS and lock.isalnum()
        with self._lock:
            if is_digest and (lock in self._held or 0 <= time.time() - moment < FRESH_SECONDS):
                return self._hold(lock)
        return None

    def add(self, question: str, python: str, files: Mapping[str, bytes]) -> str:
        """Unpack wheels, unless the very same ones are there; return the directory.

        Args:
            question: As for `find`.
            python: For which Python they are.
            files: The wheels, by the names of their files.

        Raises:
            PolicyError: One is not as it should be, or there is no room for them.
        """
        lines = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in sorted(files.items())]
        lock = _digest("\n".join((python, *lines)))
        found = wheels.look(files)
        try:
            for place in (self._answers, self._kept):
                os.makedirs(place, mode=0o700, exist_ok=True)
            with self._lock:
                directory = self._hold(lock) or self._put(lock, found)
                self._sweep()
            answer = json.dumps({"lock": lock, "asked": time.time(), "wheels": lines})
            atomic_write.write(f"{self._answers}/{_digest(question)}.json", answer.encode())
        except OSError as error:
            msg = f"with: the packages can't be kept in {self._kept}, so nothing was run"
            raise PolicyError(msg, seen=str(error), remedy="XDG_CACHE_HOME=DIR, a directory with room") from error
        return directory

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            while self._held:
                os.close(self._held.popitem()[1])

    def _put(self, lock: str, found: list[wheels.Wheel]) -> str:
        target = f"{self._kept}/{lock}"
        temporary = tempfile.mkdtemp(prefix=f"{_UNFINISHED}new-", dir=self._kept)
        try:
            os.chmod(temporary, 0o755)  # noqa: S103 - a root caller's sandbox is another user; what is above is closed
            wheels.unpack(found, temporary)
            with suppress(OSError):  # another process was as fast
                os.rename(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        held = self._hold(lock)
        if held is None:
            raise FileNotFoundError(target)
        return held

    def _hold(self, lock: str) -> str | None:
        """Return the directory of a lock, held until this process ends; None if it is not there."""
        directory = f"{self._kept}/{lock}"
        if lock not in self._held:
            try:
                descriptor = os.open(f"{directory}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                return None
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if not os.path.isdir(directory):
                os.close(descriptor)
                return None
            self._held[lock] = descriptor
        try:
            os.utime(directory)
        except OSError:  # somebody has emptied the cache by hand
            os.close(self._held.pop(lock))
            return None
        return directory

    def _sweep(self) -> None:
        """Remove what is too much, the longest unused first, but nothing that a process holds."""
        for name in os.listdir(self._answers):
            path = f"{self._answers}/{name}"
            with suppress(OSError):
                if time.time() - os.stat(path).st_mtime > FRESH_SECONDS:
                    os.unlink(path)
        directories = [entry for entry in os.scandir(self._kept) if entry.is_dir(follow_symlinks=False)]
        for left in (entry for entry in directories if entry.name.startswith(_UNFINISHED)):
            if time.time() - _used(left) > FRESH_SECONDS:
                shutil.rmtree(left.path, ignore_errors=True)
        known = [entry.path for entry in sorted(directories, key=_used, reverse=True) if entry.name.isalnum()]
        room = MOST_KEPT_BYTES
        for number, path in enumerate(known):
            room -= _size(path)
            if number >= MOST_KEPT or room < 0:
                _remove_unless_held(path)


def _used(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:  # another process sweeps too
        return time.time()


def _size(directory: str) -> int:
    total = 0
    for above, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(f"{above}/{name}").st_size
    return total


def _remove_unless_held(directory: str) -> None:
    """Remove it as a whole: it goes away in one step, for one that is half removed would be taken for the packages."""
    with open(f"{directory}.lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        above, name = os.path.split(directory)
        gone = f"{above}/{_UNFINISHED}gone-{name}-{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):  # another process sweeps too
            os.rename(directory, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_CHARACTERS]
