"""What PID 1 brings out of the working directory when the cell's last process is dead."""

from __future__ import annotations

import os

from . import archive


class Gather:
    """The working directory, held open from before the cell runs.

    Args:
        order: What there is to compare with (`archive.WITH_...`), the most bytes, the most names, and
            patterns, joined by NUL.
    """

    def __init__(self, order: bytes) -> None:
        compares, most_bytes, most_files, *patterns = order.split(b"\0")
        self._compares = compares == archive.WITH_ARCHIVE
        self._most = int(most_bytes), int(most_files)
        self._patterns = patterns
        self._workspace = _workspace(compares)
        if self._compares:
            self._workspace.mark_unfilled()

    def send(self, descriptor: int) -> None:
        """Send what was added, changed and removed.

        Whatever goes wrong, the report comes after it: the host sees that the end is missing.
        """
        try:
            self._send(descriptor)
        except (OSError, MemoryError):
            return
        finally:
            os.close(descriptor)

    def _send(self, descriptor: int) -> None:
        if self._compares and not self._workspace.filled:
            return  # without the end: what is not there was not removed
        if self._compares:
            self._workspace.unpack(archive.ARCHIVE, make=False)
        for piece in self._workspace.collect(self._patterns, *self._most):
            left = memoryview(piece)
            while left:
                left = left[os.write(descriptor, left) :]


def _workspace(compares: bytes) -> archive.Workspace:
    if compares != archive.WITH_LAYER:
        return archive.Workspace(os.getcwd())
    from .overlay import Layered

    return Layered(os.getcwd())
