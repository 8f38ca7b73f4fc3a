"""A working directory that is an overlay over a host's directory: what its upper layer holds comes from the cell.

So only that layer is examined, however much lies below. Names come from the directory as the cell saw it, and the layer
says which of them it has: its own marks for what was removed are never read.
"""

from __future__ import annotations

import os
import stat

from . import archive

TYPE_CHECKING = False  # typing costs milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterator

LAYER = "/sandbox/layer"


class Layered(archive.Workspace):
    """See `archive.Workspace`; the archive has no data, only what was there by name.

    Args:
        root: The directory, which must be there.
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._layer = os.open(LAYER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._visited: set[bytes] = set()
        self._gone: set[bytes] = set()  # what is no directory, or no longer

    def _status(self, name: bytes) -> os.stat_result | None:
        try:
            status = os.stat(name, dir_fd=self._layer, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(status.st_mode):
            shown: os.stat_result | None = super()._status(name)
            return shown  # nothing for a directory of the host's that is shown in its place
        self._gone.add(name)
        return status

    def _names(self, directory: bytes, most: int) -> Iterator[bytes]:
        self._visited.add(directory)
        for name in super()._names(directory, most):
            self._seen.add(name)
            yield name

    def _removed(self) -> Iterator[bytes]:
        """Yield what is not there any more: looked for where the cell did something, and below what has gone."""
        for _, name, *_ in self._listed(archive.ARCHIVE):
            above = name.rpartition(b"/")[0]
            if above in self._gone or (above in self._visited and name not in self._seen):
                self._gone.add(name)
                yield name
